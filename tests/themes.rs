//! Every theme can be used and read.

use codextap::content::Role;
use codextap::view::{Theme, ThemeError, Ui};
use ratatui::style::{Color, Style};

#[test]
fn every_theme_loads() {
    assert!(Theme::names().len() >= 5);
    for name in Theme::names() {
        let theme = Theme::load(name, &[]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(theme.name(), name);
    }
    let error = Theme::load("nosuch", &[]).unwrap_err();
    assert_eq!(error, ThemeError::Unknown("nosuch".to_owned()));
}

#[test]
fn text_can_be_read_where_colours_are_known() {
    let mut pairs = 0;
    let mut faint = Vec::new();
    for name in Theme::names() {
        let theme = Theme::load(name, &[]).unwrap();
        let ground = theme.ui(Ui::Background);
        let grounds = [
            ground,
            ground.patch(theme.ui(Ui::Cursor)),
            ground.patch(theme.ui(Ui::CursorLine)),
            ground.patch(theme.ui(Ui::CursorInactive)),
            ground.patch(theme.ui(Ui::Overlay)),
        ];
        let roles = Role::ALL
            .iter()
            .map(|role| (role.as_str(), theme.role(*role)));
        let quiet = [
            Ui::Border,
            Ui::BorderFocused,
            Ui::Tree,
            Ui::Scrollbar,
            Ui::CursorMark,
        ];
        let parts = Ui::ALL
            .iter()
            .filter(|ui| !quiet.contains(ui))
            .map(|ui| (ui.as_str(), theme.ui(*ui)));
        for (scope, style) in roles.chain(parts) {
            for under in grounds {
                let style = Style {
                    bg: style.bg.or(under.bg),
                    fg: style.fg.or(under.fg),
                    ..style
                };
                if let Some(contrast) = contrast(style) {
                    pairs += 1;
                    if contrast < 4.5 {
                        faint.push(format!("{name}: {scope} {contrast:.2} {:?}", style.bg));
                    }
                }
            }
        }
    }
    assert!(faint.is_empty(), "{}", faint.join("\n"));
    assert!(pairs > 300, "only {pairs} pairs of colours were known");
}

#[test]
fn without_colour_there_is_none() {
    let theme = Theme::load("mono", &[]).unwrap();
    let roles = Role::ALL.iter().map(|role| theme.role(*role));
    let parts = Ui::ALL.iter().map(|ui| theme.ui(*ui));
    for style in roles.chain(parts) {
        assert_eq!((style.fg, style.bg), (None, None));
    }
}

#[test]
fn scopes_fall_back_to_broader_ones() {
    let own = own(
        "mine",
        "[scopes]\n\"text\" = \"red\"\n\"json\" = \"green\"\n\"ui.border\" = \"blue\"",
    );
    let theme = Theme::load("mine", &own).unwrap();
    assert_eq!(theme.role(Role::JsonKey).fg, Some(Color::Green));
    assert_eq!(theme.role(Role::Heading).fg, Some(Color::Red));
    assert_eq!(theme.ui(Ui::BorderFocused).fg, Some(Color::Blue));
    assert_eq!(theme.ui(Ui::Title), Style::default());
}

#[test]
fn a_theme_changes_the_one_it_inherits_from() {
    let own = own(
        "midnight",
        "inherits = \"midnight\"\n[palette]\naccent = \"#ff0000\"",
    );
    let theme = Theme::load("midnight", &own).unwrap();
    assert_eq!(theme.ui(Ui::Accent).fg, Some(Color::Rgb(255, 0, 0)));
    let other = Theme::load("midnight", &[]).unwrap();
    assert_eq!(theme.role(Role::Text), other.role(Role::Text));
}

#[test]
fn mistakes_are_named() {
    let error = |text: &str| {
        Theme::load("mine", &own("mine", text))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error("[scopes]\n\"json.kee\" = \"red\""),
        "theme `mine`: there is no scope `json.kee`"
    );
    assert_eq!(
        error("[scopes]\n\"json\" = \"reddish\""),
        "theme `mine`: `reddish` is no colour of the palette, no colour and no modifier"
    );
    assert_eq!(error("inherits = \"mine\""), "there is no theme `mine`");
    assert!(error("[scops]").contains("unknown field `scops`"));
}

/// A user's theme.
fn own(name: &str, text: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), text.to_owned())]
}

/// The contrast ratio of WCAG 2.2, if both colours are known.
fn contrast(style: Style) -> Option<f64> {
    let fg = luminance(style.fg?)?;
    let bg = luminance(style.bg?)?;
    Some((fg.max(bg) + 0.05) / (fg.min(bg) + 0.05))
}

/// The relative luminance of WCAG 2.2.
fn luminance(colour: Color) -> Option<f64> {
    let Color::Rgb(r, g, b) = colour else {
        return None;
    };
    let linear = |value: u8| {
        let value = f64::from(value) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    Some(0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b))
}
