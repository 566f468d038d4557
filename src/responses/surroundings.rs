//! What a request tells of its surroundings: where Codex works, and what the user began with.

use super::Request;
use super::item::{ItemKind, join};
use super::request::{first_line, user_text};

impl Request {
    /// Codex's working directory, from the `<environment_context>` that it puts before the first
    /// prompt; the newest, where there are several. Follow-ups do not repeat it.
    #[must_use]
    pub fn cwd(&self) -> Option<String> {
        self.input.iter().rev().find_map(|item| match &item.kind {
            ItemKind::Message { role, parts, .. } if role == "user" => {
                let text = join(parts);
                let (_, context) = text.split_once("<environment_context>")?;
                let (_, cwd) = context.split_once("<cwd>")?;
                let (cwd, _) = cwd.split_once("</cwd>")?;
                Some(cwd.trim().chars().take(CWD_CHARS).collect())
            }
            _ => None,
        })
    }

    /// The first line of what the user wrote first, shortened: a title.
    #[must_use]
    pub fn title(&self) -> Option<String> {
        let line = first_line(self.input.iter().find_map(user_text)?);
        if line.chars().count() <= TITLE_CHARS {
            return Some(line);
        }
        let begin: String = line.chars().take(TITLE_CHARS - 1).collect();
        Some(format!("{}…", begin.trim_end()))
    }
}

/// Characters of a directory: as long as most systems let a path be.
const CWD_CHARS: usize = 4096;

/// Characters of a title.
const TITLE_CHARS: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_and_the_title_are_found_among_what_codex_adds() {
        let message = |role: &str, text: &str| {
            serde_json::json!({"type": "message", "role": role,
                "content": [{"type": "input_text", "text": text}]})
        };
        let parse = |input: &[serde_json::Value]| {
            Request::parse(&serde_json::json!({"input": input}).to_string()).unwrap()
        };
        let request = parse(&[
            message("developer", "<cwd>/no</cwd>"),
            message(
                "user",
                "<environment_context>\n  <cwd>/home/a b</cwd>\n</environment_context>",
            ),
            message("user", "\n  Fix the test.\nIt fails."),
            message("assistant", "Done."),
            message("user", "Now the docs."),
        ]);
        assert_eq!(request.cwd().as_deref(), Some("/home/a b"));
        assert_eq!(request.title().as_deref(), Some("Fix the test."));
        let request = parse(&[message("user", "<environment_context><cwd>/x")]);
        assert_eq!((request.cwd(), request.title()), (None, None));
        let request = parse(&[message("user", &"é".repeat(200))]);
        let title = request.title().unwrap();
        assert_eq!(title, format!("{}…", "é".repeat(TITLE_CHARS - 1)));
        let whole = "é".repeat(TITLE_CHARS);
        let request = parse(&[message("user", &whole)]);
        assert_eq!(request.title(), Some(whole));
    }
}
