//! demo.tape, played: every step of it against the real program in a terminal.
//!
//! VHS makes a picture of the tape. Here its `Wait+Screen /…/` lines are the checks: each has to become
//! true by the keys before it. `Sleep` is for who watches, and only has to be there; the demo's own pauses
//! are left out.

#[cfg(test)]
#[expect(dead_code, reason = "other tests use the rest")]
mod support {
    pub(crate) mod pty;
    pub(crate) mod vhs;
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;

    use crate::support::pty::Window;
    use crate::support::vhs::{Command, Step, read};

    #[test]
    fn the_tape_shows_what_it_says() {
        let steps = tape();
        let home = TempDir::new().unwrap();
        let mut window = shell(size(&steps), &home);
        let mut before = window.text();
        for Step { line, command } in &steps {
            match command {
                Command::Press(keys) => window.press(keys),
                Command::Wait(pattern) => {
                    let is_old = pattern.is_match(&before);
                    assert!(
                        !is_old,
                        "demo.tape:{line}: {pattern} was there before:\n{before}"
                    );
                    let what = format!("{pattern} (demo.tape:{line})");
                    window.until(&what, |screen| pattern.is_match(screen));
                    before = window.text();
                }
                Command::Output
                | Command::Set(..)
                | Command::Hide
                | Command::Show
                | Command::Sleep(_) => {}
            }
        }
        window.press("exit\r");
        assert!(window.ends().success());
        window.assert_restored();
    }

    #[test]
    fn whatever_the_tape_does_is_waited_for_and_can_be_seen() {
        let mut unseen = None;
        let mut is_shown = true;
        for Step { line, command } in tape() {
            match command {
                Command::Press(_) => unseen = Some((line, "nothing waits for what it does")),
                Command::Wait(_) if is_shown => unseen = Some((line, "nobody can see that")),
                Command::Sleep(time) => {
                    let is_waited = unseen.is_none_or(|(_, why)| why == "nobody can see that");
                    assert!(is_waited && time >= 500, "demo.tape:{line}: {unseen:?}");
                    unseen = None;
                }
                Command::Hide => is_shown = false,
                Command::Show => (is_shown, unseen) = (true, None),
                Command::Output | Command::Set(..) | Command::Wait(_) => {}
            }
        }
        assert_eq!(unseen, None);
    }

    #[test]
    fn a_step_that_is_not_known_is_an_error() {
        for (line, why) in [
            ("Click 3 4", "an unknown command"),
            ("enter", "an unknown command"),
            ("Enter twice", "no count"),
            ("Ctrl+", "an unknown command"),
            ("Set Colour red", "an unknown setting"),
            ("Set Width", "a setting without a value"),
            ("Type jjj", "no string"),
            ("Type \"jjj", "a string without its end"),
            ("Type \"j\" Enter \"k\"", "more than one string"),
            ("Type \"j\" Enter", "a string without its end"),
            ("Wait /x/", "an unknown command"),
            ("Wait+Screen x", "no /pattern/"),
            ("Wait+Screen /a/b/", "no /pattern/"),
            ("Wait+Screen /(/", "no regular expression"),
            ("Wait+Screen@soon /x/", "no time after @"),
            ("Sleep a while", "no time"),
            ("Hide all", "too much"),
        ] {
            let error = read(&format!("# A tape.\n\n{line}\n")).unwrap_err();
            assert!(error.starts_with("3: ") && error.contains(why), "{error}");
        }
    }

    #[test]
    fn keys_are_sent_as_a_terminal_sends_them() {
        let tape = "Type@1ms '\"\\'\nEnter\nDown@20ms 2\nCtrl+u\nSleep 1.5s\nSleep 20ms\n";
        let sent = |step: Step| match step.command {
            Command::Press(keys) => keys,
            other => format!("{other:?}"),
        };
        let sent: Vec<_> = read(tape).unwrap().into_iter().map(sent).collect();
        let expected = [
            "\"\\",
            "\r",
            "\x1b[B\x1b[B",
            "\x15",
            "Sleep(1500)",
            "Sleep(20)",
        ];
        assert_eq!(sent, expected);
    }

    fn tape() -> Vec<Step> {
        let tape = fs::read_to_string("demo.tape").unwrap();
        read(&tape).unwrap_or_else(|error| panic!("demo.tape:{error}"))
    }

    /// The shell that VHS starts, with a codextap whose demo makes no pauses.
    fn shell(size: (u16, u16), home: &TempDir) -> Window {
        let program = home.path().join("codextap");
        let script = format!(
            "#!/bin/sh\nexec {} \"$@\" --pace 0\n",
            env!("CARGO_BIN_EXE_codextap")
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let home = home.path();
        let path = format!("PATH={}:/usr/local/bin:/usr/bin:/bin", home.display());
        let scratch = format!("TMPDIR={}", home.display());
        let shell = ["bash", "--noprofile", "--norc", "+o", "history"];
        let arguments = [path.as_str(), &scratch, "PS1=> "].into_iter().chain(shell);
        Window::run("env", arguments, size, home)
    }

    /// The columns and rows that VHS's terminal has: the cells of `JetBrains Mono`, which it uses if
    /// it is not told otherwise, are 0.6 em wide and 1.32 em high, in whole pixels.
    fn size(steps: &[Step]) -> (u16, u16) {
        let set = |name: &str| {
            let mut values = steps.iter().filter_map(|step| match &step.command {
                Command::Set(setting, value) if setting == name => value.parse::<u16>().ok(),
                _ => None,
            });
            values
                .next()
                .unwrap_or_else(|| panic!("demo.tape: no Set {name}"))
        };
        let (font, padding) = (set("FontSize"), set("Padding"));
        let cells =
            |name, hundredths: u16| (set(name) - 2 * padding) / (hundredths * font).div_ceil(100);
        (cells("Width", 60), cells("Height", 132))
    }
}
