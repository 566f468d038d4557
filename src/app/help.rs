//! The help overlay's text, made from the table of commands.

use super::action::{Action, Topic};
use super::focus::Pane;
use super::keymap::{Chord, Keymap};
use crate::filter::{FIELDS, FLAGS, FRAME_FIELDS, Field, OPERATORS, PARTS};

/// A line of the help overlay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HelpLine {
    /// The heading of a group of commands.
    Heading(&'static str),
    /// A command.
    Entry {
        /// The keys that give it, separated by blanks.
        keys: String,
        /// What it does.
        description: &'static str,
    },
    /// Nothing.
    Blank,
}

/// The commands that can be given in `pane`, by topic.
#[must_use]
pub fn lines(pane: Pane, keymap: &Keymap) -> Vec<HelpLine> {
    let mut lines = Vec::new();
    for topic in Topic::ALL {
        if !lines.is_empty() {
            lines.push(HelpLine::Blank);
        }
        lines.push(HelpLine::Heading(topic.title()));
        let actions = Action::ALL.iter().filter(|action| action.topic() == topic);
        if topic == Topic::Move {
            let has_digits =
                Chord::parse("1").is_some_and(|one| keymap.action(one, pane).is_some());
            let (keys, description) = if has_digits {
                let begins = "Count: how often the next command is given; 0 begins any";
                ("6 012", begins)
            } else {
                ("12", "Count: how often the next command is given")
            };
            lines.push(HelpLine::Entry {
                keys: keys.to_owned(),
                description,
            });
        }
        for action in actions.filter(|action| action.scope().contains(pane)) {
            let chords = keymap.chords_in(*action, pane);
            let keys = chords.map(|chord| chord.to_string()).collect::<Vec<_>>();
            if !keys.is_empty() {
                lines.push(HelpLine::Entry {
                    keys: keys.join(" "),
                    description: action.description(),
                });
            }
        }
    }
    lines.push(HelpLine::Blank);
    lines.push(HelpLine::Heading(
        "Filter: all of these joined by blanks, |, ! and ( )",
    ));
    let entry = |keys: String, description| HelpLine::Entry { keys, description };
    lines.extend(OPERATORS.iter().map(|operator| {
        let keys = format!("~{} {}", operator.name, operator.argument.as_str());
        entry(keys.trim_end().to_owned(), operator.doc)
    }));
    for (heading, fields) in [
        ("Filter: fields of flows, by : = ~ < <= > >=", FIELDS),
        ("Filter: fields of a frame, in frame( )", FRAME_FIELDS),
    ] {
        lines.push(HelpLine::Blank);
        lines.push(HelpLine::Heading(heading));
        let usage = |field: &Field| format!("{}{}", field.name, field.value.usage());
        lines.extend(fields.iter().map(|field| entry(usage(field), field.doc)));
    }
    lines.push(HelpLine::Blank);
    lines.push(HelpLine::Heading("Filter: flags and parts"));
    lines.extend(
        FLAGS
            .iter()
            .map(|it| entry(format!("is:{}", it.name), it.doc)),
    );
    lines.extend(
        PARTS
            .iter()
            .map(|it| entry(format!("has:{}", it.name), it.doc)),
    );
    lines
}

/// How many lines of help fit on a screen of `rows` rows.
#[must_use]
pub fn height(rows: u16) -> u16 {
    rows.saturating_sub(6)
}
