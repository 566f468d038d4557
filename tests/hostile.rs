//! Hostile text in every place that a peer controls, through a live proxy with its screen in a terminal.
//!
//! Everything the program writes is taken apart: no control sequence may be there that it did not mean, and
//! no character that acts or hides. The frame around the panes stays where it belongs at every size.

#[cfg(test)]
#[expect(dead_code, reason = "other tests use the rest")]
mod support {
    pub(crate) mod pty;
}

#[cfg(test)]
#[path = "attack/peer.rs"]
mod peer;

#[cfg(test)]
#[path = "attack/sequences.rs"]
mod sequences;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use tempfile::TempDir;

    use crate::peer::{HOSTILE, converse, upstream};
    use crate::sequences::kinds;
    use crate::support::pty::Window;

    const SIZES: [(u16, u16); 3] = [(40, 10), (80, 24), (200, 50)];

    #[test]
    fn nothing_of_a_peer_acts_on_the_terminal() {
        let home = TempDir::new().unwrap();
        // A file has no line break and no zero in its name.
        let name = HOSTILE.replace(['\0', '\n', '/'], "");
        let capture = home
            .path()
            .join(format!("{}.jsonl", &name[..cut(&name, 200)]));
        let upstream = upstream();
        let mut arguments = vec!["--listen", "127.0.0.1:0", "--api-upstream", &upstream];
        arguments.extend(["--capture", capture.to_str().unwrap()]);
        let mut window = Window::codextap(arguments, (200, 50), home.path());
        window.shows(&["No traffic yet", "/v1"]);
        let text = window.text();
        let at = text.find("http://127.0.0.1:").unwrap() + "http://".len();
        converse(text[at..].split('/').next().unwrap().parse().unwrap());
        window.shows(&["the-last-of-them"]);
        look_at_everything(&mut window);
        // It was there to be seen.
        let written = String::from_utf8(window.written.clone()).unwrap();
        for symbol in ["␛", "␀", "␡", "⟨9b⟩", "⟨202e⟩", "⟨200b⟩", "⟨+4⟩"] {
            assert!(written.contains(symbol), "{symbol}");
        }
        leave(window);

        let lines = fs::read_to_string(&capture).unwrap();
        assert_eq!(lines.lines().count(), FLOWS);

        // The same as a capture that somebody sent, and as an archive made of it.
        browse(&capture, &home);
        let archive = home.path().join("\u{9b}31m\u{202e}.har");
        let export = std::process::Command::new(env!("CARGO_BIN_EXE_codextap"))
            .arg("export")
            .arg(&capture)
            .args(["--format", "har", "-o"])
            .arg(&archive)
            .env_clear()
            .env("HOME", home.path())
            .output()
            .unwrap();
        assert!(export.status.success(), "{export:?}");
        browse(&archive, &home);
    }

    #[test]
    fn a_capture_of_lines_that_are_none_acts_on_nothing() {
        let home = TempDir::new().unwrap();
        let file = home.path().join("bad.jsonl");
        let mut bytes = b"{\"v\":1,\"kind\":\"\x1b[2J\"}\n\xff\xfe\x9b31m\n".to_vec();
        bytes.extend(HOSTILE.as_bytes());
        bytes.extend(fs::read("tests/fixtures/demo.jsonl").unwrap());
        fs::write(&file, bytes).unwrap();
        let arguments = ["open".as_ref(), file.as_os_str()];
        let mut window = Window::codextap(arguments, (80, 24), home.path());
        window.shows(&["4 lines skipped"]);
        leave(window);
    }

    #[test]
    fn what_is_not_meant_is_seen() {
        let kinds = |bytes: &[u8]| kinds(bytes).into_iter().collect::<Vec<_>>().join(", ");
        for (bytes, seen) in [
            (&b"\x1b[31;1m\x1b[2;3H"[..], "CSI H, CSI m"),
            (b"\x1b[?1049h\x1b[3J", "CSI 3J, CSI ?1049h"),
            (b"\x1b]8;;http://x\x1b\\\x1b]0;a\x07", "OSC 0, OSC 8"),
            (b"\x1bP1$q\x1b\\", "ESC P"),
            (b"\x1b]2;a\x1b[mb\x07", "CSI m, OSC without end, U+7"),
            ("\u{9b}31m".as_bytes(), "U+9b"),
            (b"\x9b31m", "not UTF-8"),
            (
                "a\tb\rc\u{202e}\u{200b}".as_bytes(),
                "U+200b, U+202e, U+9, U+d",
            ),
            (
                "e\u{301}\u{301}\u{301}\u{301}\u{301}".as_bytes(),
                "a flood of marks",
            ),
        ] {
            assert_eq!(kinds(bytes), seen);
        }
    }

    fn browse(file: &Path, home: &TempDir) {
        let arguments = ["open".as_ref(), file.as_os_str()];
        let mut window = Window::codextap(arguments, (200, 50), home.path());
        window.shows(&["the-last-of-them"]);
        look_at_everything(&mut window);
        leave(window);
    }

    /// Goes through all flows, panes, tabs and overlays, at every size.
    fn look_at_everything(window: &mut Window) {
        for size in SIZES {
            window.resize(size);
            settled(window, size);
            window.press("1g");
            for _ in 0..FLOWS {
                for keys in [
                    "2", "jjjj\r", "]", "]", "]", "]", "3", "4", "5", "G\r", "1", "j",
                ] {
                    window.press(keys);
                }
                settled(window, size);
            }
            for (key, title) in [("d", "╭ Diff"), ("s", "╭ Sessions"), ("L", "╭ Log")] {
                window.press(key);
                window.shows(&[title]);
                window.press("\x1b");
                window.until("overlay", |screen| !screen.contains(title));
            }
            settled(window, size);
        }
    }

    /// Waits until all keys are done; then every row within the frame begins and ends with it.
    fn settled(window: &mut Window, size: (u16, u16)) {
        window.press("\x0c");
        window.press("f#77");
        window.shows(&["#77"]);
        window.press("\x1b");
        window.until("no prompt", |screen| !screen.contains("#77"));
        let text = window.text();
        let mut framed = 0;
        for row in text.lines() {
            if row.starts_with(['│', '├', '╭', '╰']) {
                let is_whole = row.ends_with(['│', '┃', '┤', '╮', '╯']);
                assert!(is_whole, "at {size:?}: {row}\n{text}");
                framed += 1;
            }
        }
        assert!(framed + 2 >= usize::from(size.1), "at {size:?}:\n{text}");
    }

    fn leave(mut window: Window) {
        window.press("Q");
        assert!(window.ends().success(), "{}", window.text());
        window.assert_restored();
        let meant: BTreeSet<String> = MEANT.split(", ").map(str::to_owned).collect();
        let screen = String::from_utf8_lossy(&window.written);
        // What is said behind the screen has lines.
        let (screen, said) = screen.rsplit_once("\x1b[?1049l").unwrap();
        let said = said.replace("\r\n", "");
        let kinds = kinds(format!("{screen}{said}").as_bytes());
        let others: Vec<_> = kinds.difference(&meant).collect();
        assert!(others.is_empty(), "not meant: {others:?}");
        // The background is asked for, never set.
        let [all, asked] = ["\x1b]11;", "\x1b]11;?"].map(|begin| screen.matches(begin).count());
        assert_eq!((all, asked), (1, 1));
        assert!(
            kinds.contains("CSI H") && kinds.contains("CSI m"),
            "{kinds:?}"
        );
    }

    /// Where a text may be cut to be no longer than so many bytes.
    fn cut(text: &str, bytes: usize) -> usize {
        (0..=bytes.min(text.len()))
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap()
    }

    /// As many as `converse` makes: five exchanges, a WebSocket and its turn.
    const FLOWS: usize = 7;

    /// Colours and cursor; what is entered and left: the alternate screen, the pointer, pastes, one frame at
    /// once, and the title; and what ends a string that was cut off.
    const MEANT: &str = "CSI H, CSI m, CSI 2J, CSI 22;2t, CSI 23;2t, CSI ?25h, CSI ?25l, CSI ?1000h, CSI ?1000l, \
        CSI ?1002h, CSI ?1002l, CSI ?1006h, CSI ?1006l, CSI ?1003l, CSI ?1015l, CSI ?1049h, CSI ?1049l, CSI ?2004h, CSI ?2004l, \
        CSI ?2026h, CSI ?2026l, OSC 0, OSC 2, OSC 11, ESC \\";
}
