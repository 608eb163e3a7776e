//! Charts as static SVG, drawn twice: wide, and narrow for a phone, where a shrunken wide one
//! would have type of 5 pixels. Colours are the palette's; the page maps them to its theme.

mod bars;
mod counts;
mod loads;
mod percentiles;
mod waterfall;

pub use bars::{Bar, Panel, libraries, on_one_scale, sizes};
pub use counts::counts;
pub use loads::{LoadCurve, LoadPanel, loads};
pub use percentiles::{Curve, CurvePanel, percentiles};
pub use waterfall::waterfall;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// A colour with its name in the style sheet and what it becomes in the dark.
pub struct Tint {
    /// Name of the variable, without dashes.
    pub name: &'static str,
    /// On a light page.
    pub light: RGBColor,
    /// On a dark page.
    pub dark: RGBColor,
}

const fn tint(name: &'static str, light: (u8, u8, u8), dark: (u8, u8, u8)) -> Tint {
    Tint {
        name,
        light: RGBColor(light.0, light.1, light.2),
        dark: RGBColor(dark.0, dark.1, dark.2),
    }
}

/// Text.
pub const INK: Tint = tint("chart-ink", (0x1b, 0x23, 0x2e), (0xe8, 0xea, 0xed));
/// Axes and their labels.
pub const QUIET: Tint = tint("chart-quiet", (0x57, 0x62, 0x70), (0xa9, 0xb2, 0xbe));
/// Lines behind the data.
pub const GRID: Tint = tint("chart-grid", (0xdc, 0xe0, 0xe5), (0x35, 0x3e, 0x49));
/// Steps of the bill and lines, apart for colour-blind eyes by hue (blue, orange) and lightness.
pub const SERIES: [Tint; 10] = [
    tint("series-0", (0x93, 0x9d, 0xa9), (0x8c, 0x97, 0xa4)),
    tint("series-1", (0x1d, 0x6f, 0xb8), (0x5f, 0xab, 0xea)),
    tint("series-2", (0xe3, 0x81, 0x1c), (0xf2, 0xa6, 0x50)),
    tint("series-3", (0x8b, 0x4f, 0x9f), (0xc3, 0x92, 0xd6)),
    tint("series-4", (0x1e, 0x8a, 0x74), (0x4f, 0xc2, 0xa8)),
    tint("series-5", (0xa8, 0x2e, 0x45), (0xe8, 0x7f, 0x92)),
    tint("series-6", (0x8f, 0xc4, 0xec), (0xb9, 0xdc, 0xf7)),
    tint("series-7", (0x7a, 0x5c, 0x2e), (0xb8, 0x97, 0x62)),
    tint("series-8", (0xe8, 0xb7, 0xd4), (0xf3, 0xd0, 0xe4)),
    tint("series-9", (0x4a, 0x5a, 0x1f), (0xb5, 0xc6, 0x7e)),
];

/// The tint of a series; they repeat after the last.
pub fn series(index: usize) -> &'static Tint {
    SERIES.get(index % SERIES.len()).unwrap_or(&INK)
}

/// Size of the type, in units of the view box: 11 pixels or more on the narrowest page of its format.
const TYPE_SIZE: f64 = 14.0;

/// How much room a chart has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// From 740 pixels: panels side by side.
    Wide,
    /// A phone: panels one below the other.
    Narrow,
}

impl Format {
    /// Width of the view box.
    pub fn width(self) -> u32 {
        match self {
            Self::Wide => 760,
            Self::Narrow => 340,
        }
    }

    /// Name of its class.
    pub fn class(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }

    fn columns(self, panels: usize) -> usize {
        match self {
            Self::Wide => panels.max(1),
            Self::Narrow => 1,
        }
    }
}

/// What can go wrong while drawing; a chart that can't be drawn is left out, its table stays.
pub type DrawError = Box<dyn std::error::Error + Send + Sync>;
type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// Draws panels of one height into an SVG, beside or below one another; the first of a row is
/// wider by a gutter for the labels that it shares with the others.
fn drawing<P>(
    format: Format,
    (panel_height, gutter): (u32, u32),
    panels: &[P],
    label: &str,
    draw: impl Fn(&Area<'_>, usize, &P) -> Result<(), DrawError>,
) -> Result<String, DrawError> {
    let columns = format.columns(panels.len());
    let rows = panels.len().div_ceil(columns);
    let mut svg = String::new();
    {
        let size = (format.width(), panel_height * rows as u32);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let across = |i: usize| gutter + (format.width() - gutter) * i as u32 / columns as u32;
        let right: Vec<u32> = (1..columns).map(across).collect();
        let down: Vec<u32> = (1..rows).map(|i| i as u32 * panel_height).collect();
        let areas = root.split_by_breakpoints(&right, &down);
        for (i, (area, panel)) in areas.iter().zip(panels).enumerate() {
            draw(area, i, panel)?;
        }
        root.present().map_err(error)?;
    }
    Ok(dressed(&svg, format, label))
}

/// The root element without fixed size, and with a name for those who can't see it.
fn dressed(svg: &str, format: Format, label: &str) -> String {
    let view_box = svg.find("viewBox").unwrap_or(0);
    let (_, rest) = svg.split_at(view_box);
    let label = label
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;");
    format!(
        "<svg class=\"chart {}\" role=\"img\" aria-label=\"{label}\" {rest}",
        format.class()
    )
}

fn error(error: DrawingAreaErrorKind<std::io::Error>) -> DrawError {
    error.into()
}

/// Mean width of a character as part of the size of its type: a guess, no font is at hand here.
const GLYPH_WIDTH: f64 = 0.56;

/// How a text looks, and which of its corners stands where it is written.
struct Type {
    size: f64,
    color: RGBColor,
    corner: Pos,
}

impl Type {
    fn new(size: f64, tint: &Tint, horizontal: HPos, vertical: VPos) -> Self {
        Self {
            size,
            color: tint.light,
            corner: Pos::new(horizontal, vertical),
        }
    }

    fn title() -> Self {
        Self::new(TYPE_SIZE + 1.0, &INK, HPos::Left, VPos::Top)
    }

    /// For the library, whose size is the height of a line: 1.24 times that of the type.
    fn style(&self) -> TextStyle<'static> {
        let font = ("sans-serif", self.size * 1.24).into_font();
        font.color(&self.color).pos(self.corner)
    }
}

fn write(area: &Area<'_>, text: &str, at: (i32, i32), look: &Type) -> Result<(), DrawError> {
    area.draw_text(text, &look.style(), at).map_err(error)
}
