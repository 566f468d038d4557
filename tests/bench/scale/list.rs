//! The least that a list can cost: ratatui's own, as large as the capture.

use crossterm::event::{Event, KeyCode, read};
use crossterm::execute;
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use ratatui::widgets::{Block, List, ListItem, ListState};

/// Shows so many rows until it is killed.
pub(crate) fn run(count: u64) {
    let names: Vec<String> = (0..count)
        .map(|number| format!("Task {number:06}"))
        .collect();
    let mut terminal = ratatui::init();
    let mut state = ListState::default();
    loop {
        execute!(std::io::stdout(), BeginSynchronizedUpdate).unwrap();
        terminal
            .draw(|frame| {
                let height = usize::from(frame.area().height) - 2;
                let top = state.selected().unwrap_or(0).saturating_sub(height / 2);
                // Only what is on the screen, as whoever writes such a list would.
                let rows = names.iter().skip(top).take(height);
                let list = List::new(rows.map(|name| ListItem::new(name.as_str())));
                let list = list.block(Block::bordered()).highlight_symbol("> ");
                let mut shown = ListState::default();
                shown.select(state.selected().map(|row| row - top));
                frame.render_stateful_widget(list, frame.area(), &mut shown);
            })
            .unwrap();
        execute!(std::io::stdout(), EndSynchronizedUpdate).unwrap();
        let Event::Key(key) = read().unwrap() else {
            continue;
        };
        let row = state.selected().unwrap_or(0);
        let last = names.len() - 1;
        state.select(Some(match key.code {
            KeyCode::Char('G') => last,
            KeyCode::Char('g') => 0,
            KeyCode::Char('k') => row.saturating_sub(1),
            KeyCode::Char('d') => (row + 20).min(last),
            KeyCode::Char('u') => row.saturating_sub(20),
            _ => (row + 1).min(last),
        }));
    }
}
