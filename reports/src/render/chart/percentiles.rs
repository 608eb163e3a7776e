//! Service time by percentile: x is 1 / (1 − p), y is ns, both logarithmic, as `HdrHistogram`
//! plots it.

use plotters::coord::combinators::BindKeyPoints;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::{
    Area, DrawError, Format, GLYPH_WIDTH, GRID, QUIET, TYPE_SIZE, Type, drawing, error, series,
    write,
};

/// A direction, or a temperature.
pub struct CurvePanel {
    /// What it is.
    pub title: String,
    /// Its lines.
    pub curves: Vec<Curve>,
}

/// A case.
pub struct Curve {
    /// Which tint it has.
    pub series: usize,
    /// log10 of 1 / (1 − p), or of a number; and ns.
    pub points: Vec<(f64, f64)>,
}

/// Lines by percentile, one panel a direction, on one scale.
pub fn percentiles(
    format: Format,
    panels: &[CurvePanel],
    label: &str,
) -> Result<String, DrawError> {
    let points = || {
        panels
            .iter()
            .flat_map(|panel| &panel.curves)
            .flat_map(|curve| &curve.points)
    };
    let right = points().map(|(x, _)| *x).fold(1.0, f64::max);
    let low = points().map(|(_, ns)| *ns).fold(f64::INFINITY, f64::min);
    let high = points().map(|(_, ns)| *ns).fold(0.0, f64::max);
    if !low.is_finite() || high <= 0.0 {
        return Err("nothing to draw".into());
    }
    let scale = Scale {
        right,
        low: low * 0.8,
        high: high * 1.4,
    };
    let height = if format == Format::Wide { 380 } else { 320 };
    drawing(format, (height, 0), panels, label, |area, _, panel| {
        lines(area, panel, &scale)
    })
}

struct Scale {
    right: f64,
    low: f64,
    high: f64,
}

impl Scale {
    /// Powers of ten, with 2 and 5 between them where there are few.
    fn ns(&self) -> Vec<f64> {
        let decades = (self.high / self.low).log10();
        let between: &[f64] = if decades < 2.0 {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        (0..19)
            .flat_map(|power| between.iter().map(move |digit| digit * 10_f64.powi(power)))
            .filter(|ns| (self.low..=self.high).contains(ns))
            .collect()
    }

    fn nines(&self) -> Vec<f64> {
        (0..=self.right.floor() as i32)
            .map(|nines| 10_f64.powi(nines))
            .collect()
    }
}

fn lines(area: &Area<'_>, panel: &CurvePanel, scale: &Scale) -> Result<(), DrawError> {
    let size = TYPE_SIZE;
    write(area, &panel.title, (6, 4), &Type::title())?;
    let (width, _) = area.dim_in_pixel();
    let decade = f64::from(width.saturating_sub(LEFT + RIGHT)) / scale.right;
    let shown = percent_labels(scale.right, decade / (size * GLYPH_WIDTH));
    let mut chart = ChartBuilder::on(area)
        .margin_top(34)
        .margin_right(RIGHT)
        .margin_bottom(4)
        .set_label_area_size(LabelAreaPosition::Left, LEFT)
        .set_label_area_size(LabelAreaPosition::Bottom, 30)
        .build_cartesian_2d(
            (1.0..10_f64.powf(scale.right))
                .log_scale()
                .with_key_points(scale.nines()),
            (scale.low..scale.high)
                .log_scale()
                .with_key_points(scale.ns()),
        )
        .map_err(error)?;
    chart
        .configure_mesh()
        .x_label_formatter(&|odds| {
            let nines = odds.log10().round() as usize;
            shown.get(nines).cloned().unwrap_or_default()
        })
        .y_label_formatter(&|ns| axis_ns(*ns))
        .label_style(Type::new(size - 1.0, &QUIET, HPos::Center, VPos::Center).style())
        .bold_line_style(GRID.light)
        .light_line_style(TRANSPARENT)
        .axis_style(GRID.light)
        .draw()
        .map_err(error)?;
    for curve in &panel.curves {
        let style = series(curve.series).light.stroke_width(2);
        let points = curve
            .points
            .iter()
            .map(|(nines, ns)| (10_f64.powf(*nines), *ns));
        let line = LineSeries::new(points, style);
        chart.draw_series(line).map_err(error)?;
    }
    Ok(())
}

/// Room left and right of the lines.
pub(super) const LEFT: u32 = 58;
pub(super) const RIGHT: u32 = 22;

/// 0, 90 %, 99 %, …; empty where a label would touch the one before. `decade` is the distance
/// of two of them, in characters.
fn percent_labels(right: f64, decade: f64) -> Vec<String> {
    let mut end = f64::NEG_INFINITY;
    let mut label = |nines: usize| {
        let text = percent(nines);
        let half = text.chars().count() as f64 / 2.0;
        let middle = nines as f64 * decade;
        if middle - half < end {
            return String::new();
        }
        end = middle + half + 0.3;
        text
    };
    (0..=right.floor() as usize).map(&mut label).collect()
}

fn percent(nines: usize) -> String {
    match nines {
        0 => "0".to_owned(),
        1 => "90 %".to_owned(),
        2 => "99 %".to_owned(),
        more => format!("99.{} %", "9".repeat(more - 2)),
    }
}

pub(super) fn axis_ns(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns >= 1e9 => (ns / 1e9, "s"),
        ns if ns >= 1e6 => (ns / 1e6, "ms"),
        ns if ns >= 1e3 => (ns / 1e3, "µs"),
        ns => (ns, "ns"),
    };
    format!("{} {unit}", value.round())
}
