//! Settings: what is told where, what wins, and how mistakes are named.
//!
//! `docs/configuration.md` has the file with all settings and the keys of the presets; with `UPDATE_DOCS=1` it is
//! written anew.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "settings/home.rs"]
mod home;
#[path = "settings/mistakes.rs"]
mod mistakes;

use std::fmt::Write as _;
use std::fs;

use codextap::app::action::Action;
use codextap::app::preset::Preset;

use home::{Done, Home, told};
use mistakes::MISTAKES;

/// Every setting, and what it is told on the command line, in the environment and in the file. A list is in
/// brackets.
const SETTINGS: &[(&str, [&str; 3])] = &[
    ("listen", ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]),
    ("api-upstream", ["http://a", "http://b", "http://c"]),
    ("chatgpt-upstream", ["http://d", "http://e", "http://f"]),
    (
        "route",
        [
            "[/a=http://a]",
            "[/b=http://b /c=http://c]",
            "[/d=http://d /e=http://e]",
        ],
    ),
    ("side-channels", ["true", "false", "true"]),
    ("upstream-proxy", ["none", "http://p:1", "socks5://p:2"]),
    ("upstream-ca", ["/a.pem", "/b.pem", "/c.pem"]),
    ("capture", ["/a.jsonl", "/b.jsonl", "none"]),
    ("filter", ["~e", "~q", "~s"]),
    ("prices", ["prices.toml", "./prices.toml", "/prices"]),
    ("theme", ["ember", "fjord", "paper"]),
    ("color", ["always", "never", "auto"]),
    ("no-mouse", ["true", "false", "true"]),
    ("no-redact", ["true", "false", "true"]),
    ("log", ["a.log", "b.log", "/c.log"]),
    ("log-level", ["info", "debug", "trace"]),
    ("quiet", ["true", "false", "true"]),
    ("token", ["auto", "0123456789abcdef", "auto"]),
    ("allow-host", ["[a]", "[b c]", "[d e]"]),
    ("keep-count", ["1", "2", "3"]),
    ("keep-age", ["1d", "2d", "all"]),
    ("keep-size", ["1GiB", "2GiB", "all"]),
    ("memory", ["64MiB", "128MiB", "256MiB"]),
    ("request-timeout", ["1s", "2s", "3s"]),
    ("connect-timeout", ["1s", "2s", "3s"]),
    ("response-timeout", ["1s", "2s", "3s"]),
    ("handshake-timeout", ["1s", "2s", "3s"]),
    ("ws-idle-timeout", ["1s", "2s", "3s"]),
    ("drain", ["1s", "2s", "3s"]),
    ("codex", ["-", "codex-b", "codex-c"]),
    ("login", ["-", "chatgpt", "api-key"]),
];

/// Those that only one command has: `config` cannot be told them.
const OF_A_COMMAND: [&str; 2] = ["codex", "login"];
/// Those that are not shown.
const SECRETS: [&str; 2] = ["upstream-proxy", "token"];

/// A value of the table in TOML.
fn in_toml(value: &str) -> String {
    let list = value
        .strip_prefix('[')
        .and_then(|list| list.strip_suffix(']'));
    if let Some(list) = list {
        let texts: Vec<_> = list.split(' ').map(|text| format!("{text:?}")).collect();
        return format!("[{}]", texts.join(", "));
    }
    match value {
        "true" | "false" | "1" | "2" | "3" => value.to_owned(),
        text => format!("{text:?}"),
    }
}

#[test]
fn flags_come_before_the_environment_before_the_file_before_defaults() {
    let file: String = SETTINGS
        .iter()
        .fold(String::new(), |mut file, (key, values)| {
            let value = values[2].replace("/prices", "../../prices.toml");
            writeln!(file, "{key} = {}", in_toml(&value)).unwrap();
            file
        });
    let home = Home::with(&file);
    let bare = |value: &str| value.trim_matches(['[', ']']).to_owned();
    let variables: Vec<_> = SETTINGS
        .iter()
        .map(|(key, values)| {
            let name = key.to_uppercase().replace('-', "_");
            (format!("CODEXTAP_{name}"), bare(values[1]))
        })
        .collect();
    let flags: Vec<_> = SETTINGS
        .iter()
        .filter(|(key, _)| !OF_A_COMMAND.contains(key))
        .map(|(key, values)| format!("--{key}={}", bare(values[0])))
        .collect();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();

    let runs = [
        (told(&home.config(&flags, &variables)), 0),
        (told(&home.config(&[], &variables)), 1),
        (told(&home.config(&[], &[])), 2),
    ];
    for (told, from) in &runs {
        let keys: Vec<_> = told.keys().map(String::as_str).collect();
        let mut known: Vec<_> = SETTINGS.iter().map(|(key, _)| *key).collect();
        known.sort_unstable();
        assert_eq!(keys, known, "the table has every setting");
        for (line, (key, values)) in SETTINGS.iter().enumerate() {
            let from = match from {
                0 if OF_A_COMMAND.contains(key) => 1,
                from => *from,
            };
            let variable = &variables[line].0;
            let origin = [
                format!("--{key}"),
                variable.clone(),
                format!("line {}", line + 1),
            ];
            let (value, told_in) = &told[*key];
            if SECRETS.contains(key) {
                assert_eq!(*told_in, format!("{}, not shown", origin[from]));
                assert_eq!(value, "");
                continue;
            }
            assert_eq!(*told_in, origin[from], "{key}");
            let mut expected = in_toml(values[from]);
            if from == 2 && *key == "prices" {
                let path = home.directory().join("../../prices.toml");
                expected = format!("{path:?}");
            }
            assert_eq!(*value, expected, "{key}");
        }
    }
    for (key, (value, told_in)) in told(&home.config(&["--config", "none"], &[])) {
        let expected = if value.is_empty() {
            "not set"
        } else {
            "default"
        };
        assert_eq!(told_in, expected, "{key}");
    }
}

#[test]
fn a_flag_of_one_command_comes_before_the_environment_and_the_file() {
    let home = Home::with("codex = './of-the-file'\nlogin = 'chatgpt'\n");
    let variable = (
        "CODEXTAP_CODEX".to_owned(),
        "./of-the-environment".to_owned(),
    );
    let told = std::slice::from_ref(&variable);
    let runs = [
        (&["codex"][..], &[][..], "./of-the-file"),
        (&["codex"], told, "./of-the-environment"),
        (
            &["codex", "--codex", "./of-the-line"],
            told,
            "./of-the-line",
        ),
    ];
    for (arguments, variables, name) in runs {
        let said = home.run(arguments, variables).err;
        assert!(said.contains(&format!("cannot run {name}: ")), "{said}");
    }
}

#[test]
fn mistakes_are_told_with_their_line_and_what_was_meant() {
    for (text, says, hints) in MISTAKES {
        let home = Home::with(text);
        for command in [
            &["record", "--listen=127.0.0.1:0"][..],
            &["--listen=127.0.0.1:0"],
        ] {
            let done = home.run(command, &[]);
            let Done { out, err, .. } = &done;
            assert_eq!((out.as_str(), done.code), ("", Some(2)), "{text}: {err}");
            let (message, hint) = err.split_once('\n').unwrap();
            let place = home.directory().join("config.toml");
            let begins = format!("codextap: {}:{says}", place.display());
            assert!(message.starts_with(&begins), "{begins}\n{err}");
            assert!(
                hint.contains(hints) && hint.lines().count() <= 1,
                "{text}: {err}"
            );
            assert!(!err.contains("secret"), "{err}");
        }
    }
}

#[test]
fn commands_without_a_screen_refuse_what_is_wrong_with_one() {
    let home = Home::with("theme = 'neon'\n");
    fs::copy(
        "tests/fixtures/demo.jsonl",
        home.0.path().join("demo.jsonl"),
    )
    .unwrap();
    for command in [
        "record",
        "open demo.jsonl",
        "report demo.jsonl",
        "export demo.jsonl --format har",
        "sessions list demo.jsonl",
        "config",
    ] {
        let arguments: Vec<_> = command.split(' ').collect();
        let done = home.run(&arguments, &[]);
        assert_eq!(done.code, Some(2), "{command}: {}", done.err);
        assert!(
            done.err.contains("there is no theme `neon`"),
            "{}",
            done.err
        );
        assert_eq!(done.out, "", "{command}");
        let prices = [&arguments[..], &["--config=none", "--prices", "none"]].concat();
        let done = home.run(&prices, &[]);
        assert!(
            done.err.contains("--prices none: no such file"),
            "{command}: {}",
            done.err
        );
    }
}

#[test]
fn a_mistake_in_the_environment_is_told_by_its_name() {
    let home = Home::new();
    for (name, value, says) in [
        (
            "LISTEN",
            "x",
            "invalid value 'x' for CODEXTAP_LISTEN: expected an address",
        ),
        ("COLOR", "some", "invalid value 'some' for CODEXTAP_COLOR ["),
        (
            "QUIET",
            "maybe",
            "invalid value 'maybe' for CODEXTAP_QUIET: ",
        ),
        (
            "ALLOW_HOST",
            "a b/",
            "invalid value 'b/' for CODEXTAP_ALLOW_HOST: ",
        ),
        ("THEME", "neon", "CODEXTAP_THEME neon: there is no theme"),
        ("ROUTE", "/a=b", "CODEXTAP_ROUTE: \"b\" is not"),
        (
            "CONFIG",
            "none.toml",
            "CODEXTAP_CONFIG none.toml: no such file",
        ),
        ("TOKEN", "too-secret", "CODEXTAP_TOKEN: a token has 16 to"),
    ] {
        let done = home.run(
            &["record"],
            &[(format!("CODEXTAP_{name}"), value.to_owned())],
        );
        assert_eq!(done.code, Some(2), "{name}: {}", done.err);
        assert!(
            done.err.starts_with(&format!("codextap: {says}")),
            "{}",
            done.err
        );
        assert!(!done.err.contains("secret"), "{}", done.err);
    }
}

#[test]
fn the_file_is_where_it_is_told_to_be() {
    let home = Home::with("theme = 'ember'\n");
    let other = home.0.path().join("other.toml");
    fs::write(
        &other,
        "theme = 'fjord'\nlog = '~/x.log'\nupstream-ca = 'ca/a.pem'\n",
    )
    .unwrap();
    let theme = |arguments: &[&str], variables: &[(String, String)]| {
        told(&home.config(arguments, variables))["theme"].0.clone()
    };
    let variable = ("CODEXTAP_CONFIG".to_owned(), "other.toml".to_owned());
    assert_eq!(theme(&[], &[]), "\"ember\"");
    assert_eq!(theme(&[], std::slice::from_ref(&variable)), "\"fjord\"");
    assert_eq!(theme(&["--config", "other.toml"], &[]), "\"fjord\"");
    assert_eq!(theme(&["--config", "none"], &[variable]), "");
    let before = home.run(&["--config", "other.toml", "config"], &[]).out;
    assert!(before.contains("fjord"), "{before}");
    let moved = [("XDG_CONFIG_HOME".to_owned(), "/nonexistent".to_owned())];
    let printed = home.config(&[], &moved);
    assert!(printed.starts_with("# /nonexistent/codextap/config.toml (there is no such file)\n"));
    let printed = told(&home.config(&["--config", other.to_str().unwrap()], &[]));
    let path = |name: &str| format!("{:?}", home.0.path().join(name));
    assert_eq!(printed["log"].0, path("x.log"));
    assert_eq!(printed["upstream-ca"].0, path("ca/a.pem"));
}

#[test]
fn what_is_printed_is_a_file_that_says_the_same() {
    let home = Home::with(
        "theme = 'ember'\nroute = ['/a=http://b', '/\\=http://c']\nno-mouse = true\n\
         [keys]\npreset = 'vim'\nzoom = ['j', '\\']\n[filters]\nslow = '~e & \"a\\\\b\"'\n'ä' = '~q'\n",
    );
    let printed = home.config(&[], &[]);
    assert!(
        printed.contains("# j is taken from down, for zoom\n"),
        "{printed}"
    );
    let again = Home::with(&printed);
    let values = |printed: &str| {
        let values = told(printed).into_iter();
        let values: Vec<_> = values.map(|(key, (value, _))| (key, value)).collect();
        let tables = printed.split_once("\n[").unwrap().1.lines();
        let tables = tables.map(|line| line.split(" # ").next().unwrap().to_owned());
        (values, tables.collect::<Vec<_>>())
    };
    assert_eq!(values(&again.config(&[], &[])), values(&printed));
}

#[test]
fn saved_filters_stand_in_those_of_the_command_line_and_in_each_other() {
    let home = Home::with("[filters]\nbad = '@late | ~e'\nlate = '~q'\n");
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/demo.jsonl");
    let export = |filter| {
        let form = ["export", capture, "--format", "jsonl", "--filter", filter];
        home.run(&form, &[])
    };
    let (all, bad) = (export("~q | ~e"), export("@bad"));
    assert_eq!((all.code, bad.code), (Some(0), Some(0)), "{}", bad.err);
    assert!(!bad.out.is_empty());
    assert_eq!(all.out, bad.out);
    assert_eq!(export("@worse").code, Some(2));
}

#[test]
fn the_default_file_says_what_holds_without_it() {
    let home = Home::new();
    let defaults = told(&home.config(&[], &[]));
    let file = home.config(&["--default"], &[]);
    assert!(file.lines().all(|line| {
        let is_table = line == "[keys]" || line == "[filters]";
        is_table || line.is_empty() || line.starts_with("# ")
    }));
    let mut set = 0;
    let mut is_key = false;
    let lines = file.lines().map(|line| {
        is_key |= line == "[keys]";
        let key = line
            .strip_prefix("# ")
            .and_then(|rest| rest.split_once(" = "));
        let is_setting = key.is_some_and(|(key, _)| !key.contains([' ', ',']));
        let is_unset = |key| {
            defaults
                .get(key)
                .is_some_and(|(_, origin)| origin == "not set")
        };
        let is_open = !is_key && key.is_some_and(|(key, _)| is_unset(key));
        set += usize::from(is_setting && !is_open);
        if is_setting && !is_open {
            line.trim_start_matches("# ")
        } else {
            line
        }
    });
    let uncommented = lines.collect::<Vec<_>>().join("\n");
    let count = defaults
        .values()
        .filter(|(_, origin)| origin == "default")
        .count();
    assert_eq!(set, count + Action::ALL.len() + 1, "{uncommented}");
    let home = Home::with(&uncommented);
    let printed = home.config(&[], &[]);
    for (key, (value, _)) in told(&printed) {
        assert_eq!(value, defaults[&key].0, "{key}");
    }
    assert!(!printed.contains("is taken"), "{printed}");
}

#[test]
fn a_wrong_file_stands_in_the_way_of_nothing_that_helps() {
    let home = Home::with("x = = 1");
    for arguments in [
        &["--help"][..],
        &["record", "--help"],
        &["--version"],
        &["config", "--default"],
    ] {
        let done = home.run(arguments, &[]);
        assert_eq!(
            (done.err.as_str(), done.code),
            ("", Some(0)),
            "{arguments:?}"
        );
    }
}

#[test]
fn the_docs_have_every_setting_and_preset() {
    const BEGIN: &str =
        "<!-- written by tests/settings.rs: UPDATE_DOCS=1 cargo test --test settings -->\n";
    const END: &str = "<!-- end -->\n";
    let mut written = format!(
        "\n```toml\n{}```\n\n",
        Home::new().config(&["--default"], &[])
    );
    written.push_str("| action | default | mitmproxy | vim |\n|---|---|---|---|\n");
    for action in Action::ALL {
        let own = |preset: Preset| {
            let mut bindings = preset.bindings().iter();
            let binding = bindings.find(|(bound, _)| bound == action);
            binding.map_or(action.keys(), |(_, keys)| keys)
        };
        let keys = Preset::ALL.map(own);
        if keys.iter().any(|other| *other != keys[0]) {
            let keys = keys.map(|keys| {
                let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
                keys.join(" ").replace('|', "\\|")
            });
            writeln!(written, "| `{}` | {} |", action.name(), keys.join(" | ")).unwrap();
        }
    }
    written.push('\n');
    let path = "docs/configuration.md";
    let text = fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "asked for by whoever runs the test"
    )]
    let updates = std::env::var("UPDATE_DOCS").is_ok();
    if updates {
        fs::write(path, format!("{before}{BEGIN}{written}{END}{after}")).unwrap();
    } else {
        assert!(
            found == written,
            "{path} is stale: run the test with UPDATE_DOCS=1"
        );
    }
}
