//! Every theme can be used and read.

use codextap::content::Role;
use codextap::view::{Depth, Theme, ThemeError, Ui};
use ratatui::style::{Color, Modifier, Style};

#[test]
fn every_theme_loads() {
    assert!(Theme::names().len() >= 8);
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
        // WCAG 2.2 §1.4.3, and §1.4.6 for the theme that promises it.
        let least = if name == "high-contrast" { 7.0 } else { 4.5 };
        let theme = Theme::load(name, &[]).unwrap();
        for (scope, style) in styles(&theme) {
            if let Some(contrast) = contrast(style) {
                pairs += 1;
                if contrast < least {
                    faint.push(format!("{name}: {scope} {contrast:.2} {:?}", style.bg));
                }
            }
        }
    }
    assert!(faint.is_empty(), "{}", faint.join("\n"));
    assert!(pairs > 2000, "only {pairs} pairs of colours were known");
}

#[test]
fn a_theme_can_be_read_with_fewer_colours() {
    let mut faint = Vec::new();
    for name in Theme::names() {
        let theme = || Theme::load(name, &[]).unwrap();
        // One that needs more than the terminal's own colours is not shown in them.
        let own = theme().fitted(Depth::Sixteen).unwrap();
        let is_plain = name.starts_with("default") || name == "mono";
        let expected = match name {
            name if is_plain => name,
            "paper" | "daylight" | "color-blind-light" => "default-light",
            _ => "default-dark",
        };
        assert_eq!(own.name(), expected);
        let fitted = theme().fitted(Depth::Indexed).unwrap();
        for (scope, style) in styles(&fitted) {
            let is_fixed = |colour: Option<Color>| !matches!(colour, Some(Color::Rgb(..)));
            assert!(is_fixed(style.fg) && is_fixed(style.bg), "{name}: {scope}");
            let shown = Style {
                fg: style.fg.and_then(of_xterm),
                bg: style.bg.and_then(of_xterm),
                ..style
            };
            // WCAG 2.2 §1.4.3, as for large text: the nearest colour is not always near.
            if let Some(contrast) = contrast(shown).filter(|contrast| *contrast < 3.0) {
                faint.push(format!("{name}: {scope} {contrast:.2} {style:?}"));
            }
        }
        assert_eq!(
            theme().fitted(Depth::True).unwrap().role(Role::Text),
            theme().role(Role::Text)
        );
    }
    assert!(faint.is_empty(), "{}", faint.join("\n"));
    let fitted = Theme::load("paper", &[]).unwrap().fitted(Depth::Indexed);
    let other = fitted.unwrap().other("ember").unwrap();
    assert!(matches!(
        other.role(Role::Error).fg,
        Some(Color::Indexed(16..))
    ));
}

/// One of xterm's fixed colours; `None` for the first sixteen, which the user chose.
fn of_xterm(colour: Color) -> Option<Color> {
    let Color::Indexed(index @ 16..) = colour else {
        return None;
    };
    let step = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    Some(match index - 16 {
        cube @ ..216 => Color::Rgb(step(cube / 36), step(cube / 6 % 6), step(cube % 6)),
        grey => [8 + 10 * (grey - 216); 3].into(),
    })
}

/// What is told by colour is told by some other sign as well; these themes make the colours do.
#[test]
fn success_and_failure_differ_for_every_colour_vision() {
    let pairs = [
        (Role::Ok, Role::Error),
        (Role::Ok, Role::Warning),
        (Role::DiffAdded, Role::DiffRemoved),
        (Role::FrameIn, Role::FrameOut),
    ];
    for name in ["color-blind", "color-blind-light"] {
        let theme = Theme::load(name, &[]).unwrap();
        for (one, other) in pairs {
            let [one_seen, other_seen] = [one, other].map(|role| rgb(theme.role(role).fg).unwrap());
            for (vision, matrix) in VISIONS {
                let [a, b] = [one_seen, other_seen].map(|colour| seen(colour, matrix));
                let far = lab_distance(a, b);
                assert!(
                    far > 20.0,
                    "{name}, {vision}: {one:?} and {other:?} are {far:.0} apart"
                );
            }
        }
    }
}

/// Every style of text, on every ground on which it stands.
fn styles(theme: &Theme) -> Vec<(&'static str, Style)> {
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
    let all = roles.chain(parts).flat_map(|(scope, style)| {
        grounds.map(|under| {
            let style = Style {
                bg: style.bg.or(under.bg),
                fg: style.fg.or(under.fg),
                ..style
            };
            (scope, style)
        })
    });
    all.collect()
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
fn without_colour_what_is_shown_and_what_has_the_keys_is_marked() {
    let theme = Theme::load("mono", &[]).unwrap();
    // Many terminals show bold and dim as the rest.
    let sure = Modifier::UNDERLINED | Modifier::REVERSED;
    let marks = [Ui::TitleFocused, Ui::Title, Ui::Tab].map(|ui| theme.ui(ui).add_modifier & sure);
    assert_eq!(
        marks,
        [Modifier::REVERSED, Modifier::UNDERLINED, Modifier::empty()]
    );
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
    let error = error("[palette]\n[scops]");
    assert!(
        error.starts_with("theme `mine`: line 2: unknown field `scops`"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1);
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
    let [r, g, b] = rgb(Some(colour))?;
    Some(0.2126 * r + 0.7152 * g + 0.0722 * b)
}

/// A colour in linear light, if it is known.
fn rgb(colour: Option<Color>) -> Option<[f64; 3]> {
    let Some(Color::Rgb(r, g, b)) = colour else {
        return None;
    };
    Some([r, g, b].map(|value| {
        let value = f64::from(value) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    }))
}

/// A colour in linear light as it is seen.
fn seen(colour: [f64; 3], vision: [[f64; 3]; 3]) -> [f64; 3] {
    vision.map(|row| {
        let sum: f64 = row.iter().zip(colour).map(|(by, part)| by * part).sum();
        sum.clamp(0.0, 1.0)
    })
}

/// How far two colours in linear light are apart (CIE 1976 colour difference).
fn lab_distance(one: [f64; 3], other: [f64; 3]) -> f64 {
    let [one, other] = [one, other].map(|[r, g, b]| {
        let xyz = [
            (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
            0.2126 * r + 0.7152 * g + 0.0722 * b,
            (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
        ];
        let [x, y, z] = xyz.map(|part| {
            if part > 0.008_856 {
                part.cbrt()
            } else {
                7.787 * part + 16.0 / 116.0
            }
        });
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    });
    let squares = one.iter().zip(other).map(|(a, b)| (a - b) * (a - b));
    squares.sum::<f64>().sqrt()
}

/// How colours in linear light are seen, by Machado, Oliveira and Fernandes (2009).
const VISIONS: [(&str, [[f64; 3]; 3]); 4] = [
    (
        "all three cones",
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    ),
    (
        "protanopia",
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
    ),
    (
        "deuteranopia",
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
    ),
    (
        "tritanopia",
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ),
];
