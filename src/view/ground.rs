//! Whether the terminal's ground is dark or light, and the theme that goes with it.

use super::theme::{DARK, LIGHT};

/// What the terminal's text stands on.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Ground {
    /// Light text on dark.
    #[default]
    Dark,
    /// Dark text on light.
    Light,
}

impl Ground {
    /// What `COLORFGBG` tells: numbers of the sixteen colours, the background's last. Terminals other than rxvt
    /// and Konsole seldom set it, and those within them pass it on, so it is a hint.
    #[must_use]
    pub fn told(colorfgbg: &str) -> Self {
        let background = colorfgbg.rsplit(';').next();
        match background.and_then(|number| number.parse::<u8>().ok()) {
            Some(7 | 9..=15) => Self::Light,
            _ => Self::Dark,
        }
    }

    /// What a terminal means by the colour of its background: `rgb:` and one to four hexadecimal digits each of
    /// red, green and blue (X11's `XParseColor`), or `rgba:` and opacity besides. `None` for anything else.
    #[must_use]
    pub fn of(colour: &str) -> Option<Self> {
        let (form, parts) = colour.split_once(':')?;
        let parts: Vec<f64> = parts.split('/').map(part).collect::<Option<_>>()?;
        let (("rgb", [red, green, blue]) | ("rgba", [red, green, blue, _])) = (form, &parts[..])
        else {
            return None;
        };
        // How bright the eye takes it to be (ITU-R BT.601).
        let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
        Some(if luma > 0.5 { Self::Light } else { Self::Dark })
    }

    /// The theme of the terminal's own colours that goes with it.
    #[must_use]
    pub fn theme(self) -> &'static str {
        match self {
            Self::Dark => DARK,
            Self::Light => LIGHT,
        }
    }
}

/// A part of a colour, from 0 to 1: its digits are a fraction of as many `f`.
fn part(digits: &str) -> Option<f64> {
    let bits = match digits.len() {
        len @ 1..=4 => 4 * len as u32,
        _ => return None,
    };
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let value = u32::from_str_radix(digits, 16).ok()?;
    Some(f64::from(value) / f64::from((1_u32 << bits) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_tell_their_ground() {
        for (colorfgbg, ground) in [
            ("15;0", Ground::Dark),
            ("0;15", Ground::Light),
            ("0;default;15", Ground::Light),
            ("0;7", Ground::Light),
            ("7;8", Ground::Dark),
            ("0;default", Ground::Dark),
            ("", Ground::Dark),
            ("0;256", Ground::Dark),
        ] {
            assert_eq!(Ground::told(colorfgbg), ground, "{colorfgbg}");
        }
        for (colour, ground) in [
            ("rgb:0000/0000/0000", Some(Ground::Dark)),
            ("rgb:ffff/ffff/ffff", Some(Ground::Light)),
            ("rgb:1e/1e/2e", Some(Ground::Dark)),
            ("rgb:f/f/e", Some(Ground::Light)),
            ("rgb:FDF6/E3E3/0000", Some(Ground::Light)),
            ("rgb:0000/0000/ffff", Some(Ground::Dark)),
            ("rgba:ffff/ffff/ffff/8000", Some(Ground::Light)),
            ("rgb:ffff/ffff", None),
            ("rgb:ffff/ffff/fffff", None),
            ("rgb:ffff//ffff", None),
            ("rgb:+fff/ffff/ffff", None),
            ("rgbi:1.0/1.0/1.0", None),
            ("white", None),
            ("", None),
        ] {
            assert_eq!(Ground::of(colour), ground, "{colour}");
        }
    }
}
