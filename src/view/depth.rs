//! How many colours the terminal has, and themes in as many.
//!
//! A terminal tells that in its environment: `COLORTERM` is `truecolor` or `24bit` where it takes any colour
//! (ISO 8613-6, `38;2`), and terminfo's names of terminals end with `-256color` or `-direct`. Everything else has
//! the sixteen colours that its user chose.

use ratatui::style::{Color, Style};

/// How many colours a terminal has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Depth {
    /// The terminal's own sixteen.
    Sixteen,
    /// Those and 240 fixed ones, as xterm has them.
    Indexed,
    /// Any.
    True,
}

impl Depth {
    /// What `TERM` and `COLORTERM` tell.
    #[must_use]
    pub fn told(term: &str, colorterm: &str) -> Self {
        if matches!(colorterm, "truecolor" | "24bit") || term.ends_with("-direct") {
            Self::True
        } else if term.contains("256color") {
            Self::Indexed
        } else {
            Self::Sixteen
        }
    }

    /// A style in these colours. With sixteen, no other can be told from its neighbours for sure.
    pub(super) fn style(self, style: Style) -> Style {
        let colour = |colour: Option<Color>| match (self, colour?) {
            (Self::Indexed, Color::Rgb(r, g, b)) => Some(Color::Indexed(indexed([r, g, b]))),
            (_, colour) => Some(colour),
        };
        Style {
            fg: colour(style.fg),
            bg: colour(style.bg),
            ..style
        }
    }
}

/// Whether a style has colours that are not the terminal's own.
pub(super) fn needs_more(style: &Style) -> bool {
    let colours = [style.fg, style.bg].into_iter().flatten();
    let mut others = colours.filter(|colour| match colour {
        Color::Rgb(..) => true,
        Color::Indexed(index) => *index >= 16,
        _ => false,
    });
    others.next().is_some()
}

/// The nearest of xterm's fixed colours: a cube of six steps each (16 to 231), and greys (232 to 255).
fn indexed(colour: [u8; 3]) -> u8 {
    let nearest = |value: u8| {
        let steps = CUBE.iter().zip(0..);
        let (_, index) = steps.min_by_key(|(step, _)| step.abs_diff(value))?;
        Some(index)
    };
    let cube = colour.map(|value| nearest(value).unwrap_or(0u8));
    let in_cube = cube.map(|step| CUBE.get(usize::from(step)).copied().unwrap_or(0));
    let mean = colour.iter().map(|value| u16::from(*value)).sum::<u16>() / 3;
    let step = mean.saturating_sub(3) / 10;
    let step = step.min(23) as u8;
    let grey = 8 + 10 * step;
    let far = |other: [u8; 3]| -> u32 {
        let apart = colour.iter().zip(other);
        apart
            .map(|(one, other)| u32::from(one.abs_diff(other)).pow(2))
            .sum()
    };
    if far([grey; 3]) < far(in_cube) {
        232 + step
    } else {
        16 + 36 * cube[0] + 6 * cube[1] + cube[2]
    }
}

/// The steps of each colour in xterm's cube.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_tell_their_colours() {
        for (term, colorterm, depth) in [
            ("xterm-256color", "truecolor", Depth::True),
            ("xterm", "24bit", Depth::True),
            ("xterm-direct", "", Depth::True),
            ("xterm-256color", "", Depth::Indexed),
            ("tmux-256color", "yes", Depth::Indexed),
            ("screen.xterm-256color", "", Depth::Indexed),
            ("xterm", "", Depth::Sixteen),
            ("linux", "", Depth::Sixteen),
            ("xterm-16color", "", Depth::Sixteen),
            ("", "", Depth::Sixteen),
        ] {
            assert_eq!(Depth::told(term, colorterm), depth, "{term} {colorterm}");
        }
    }

    #[test]
    fn the_nearest_fixed_colour_is_taken() {
        for (colour, index) in [
            ([0, 0, 0], 16),
            ([255, 255, 255], 231),
            ([8, 8, 8], 232),
            ([238, 238, 238], 255),
            ([95, 135, 175], 67),
            ([255, 0, 0], 196),
            ([30, 30, 46], 235),
            ([250, 1, 2], 196),
        ] {
            assert_eq!(indexed(colour), index, "{colour:?}");
        }
    }
}
