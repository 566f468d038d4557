//! Whatever is typed, clicked, pasted and resized, in whatever order: no panic, and a screen that a
//! terminal can show.

use codextap::app::Msg;
use codextap::view::{Theme, draw};
use crossterm::event::{MouseButton, MouseEventKind};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use super::row_of;
use super::scene::Scene;

/// Something that happens.
#[derive(Clone, Debug)]
enum Event {
    Keys(String),
    Paste(String),
    Mouse(MouseEventKind, (u16, u16)),
    Resize(u16, u16),
    Turn(&'static str),
    Wait(u64),
}

fn events() -> impl Strategy<Value = Event> {
    let left = MouseButton::Left;
    let mice = [
        MouseEventKind::Down(left),
        MouseEventKind::Drag(left),
        MouseEventKind::Up(left),
        MouseEventKind::ScrollDown,
        MouseEventKind::ScrollUp,
    ];
    let named = [
        "<enter>",
        "<enter>",
        "<esc>",
        "<esc>",
        "<tab>",
        "<shift-tab>",
        "<up>",
        "<down>",
        "<left>",
        "<right>",
        "<pgup>",
        "<pgdn>",
        "<home>",
        "<end>",
        "<backspace>",
        "<c-d>",
        "<c-u>",
        "<c-t>",
        "<c-e>",
        "<c-b>",
        "0999999j",
        "0999999k",
        "0999999}",
        "0999999G",
        "099999<c-d>",
        "099999<c-b>",
        "099999a",
        "yy",
        "ya",
        "yp",
    ];
    let pastes = [
        "日本語 🙂\u{301}\u{1b}[31m\n\t\0",
        "((((~m | ",
        "model:gpt & !is:live",
        "e\u{301}\u{200d}",
    ];
    prop_oneof![
        8 => "[ -~]".prop_map(Event::Keys),
        6 => select(named.to_vec()).prop_map(|keys| Event::Keys(keys.to_owned())),
        1 => select(pastes.to_vec()).prop_map(|text| Event::Paste(text.to_owned())),
        4 => (select(mice.to_vec()), (0_u16..210, 0_u16..60)).prop_map(|(it, at)| Event::Mouse(it, at)),
        3 => (0_u16..210, 0_u16..60).prop_map(|(width, height)| Event::Resize(width, height)),
        2 => select(vec![(40, 10), (60, 24), (200, 50)]).prop_map(|(x, y)| Event::Resize(x, y)),
        1 => select(vec!["日本語で説明してください 🙂日本語で説明", "Short"]).prop_map(Event::Turn),
        1 => (0_u64..3_000).prop_map(Event::Wait),
    ]
}

/// What a terminal of this size is given.
fn drawn(scene: &mut Scene, theme: &Theme, (width, height): (u16, u16)) -> Buffer {
    scene.app.prepare((width, height));
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let mut buf = Buffer::default();
    let draw = |frame: &mut ratatui::Frame<'_>| {
        draw(&scene.app, theme, frame);
        buf = frame.buffer_mut().clone();
    };
    terminal.draw(draw).unwrap();
    buf
}

/// Where a character of two columns has something else in its second one, or none.
fn torn(buf: &Buffer) -> Option<(u16, u16)> {
    let width = |x, y| codextap::text::width(buf[(x, y)].symbol());
    let is_torn = |at: &ratatui::layout::Position| {
        let (x, y) = (at.x, at.y);
        let next = x + 1;
        width(x, y) > 1 && (next >= buf.area.right() || buf[(next, y)].symbol().trim() != "")
    };
    let torn = buf.area.positions().find(is_torn);
    torn.map(|at| (at.x, at.y))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn no_order_of_events_breaks_the_screen(events in vec(events(), 1..80)) {
        let theme = Theme::load("default-dark", &[]).unwrap().loaded();
        let mut scene = Scene::live();
        let mut size = (80, 24);
        for event in events {
            match event {
                Event::Keys(keys) => drop(scene.press(&keys)),
                Event::Paste(text) => drop(scene.app.update(Msg::Paste(text))),
                Event::Mouse(kind, at) => scene.mouse(kind, at),
                Event::Resize(width, height) => {
                    size = (width, height);
                    scene.app.update(Msg::Resize(width, height));
                }
                Event::Turn(text) => scene.streamed_turn(text, "main", true),
                Event::Wait(ms) => scene.wait(ms),
            }
            let buf = drawn(&mut scene, &theme, size);
            if let Some((x, y)) = torn(&buf) {
                prop_assert!(false, "{x},{y}: {}", row_of(&buf, y));
            }
            scene.search();
        }
    }
}
