//! Cost by the number of something: x is the number, logarithmic; y is ns, from nothing.

use plotters::coord::combinators::BindKeyPoints;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::percentiles::{CurvePanel, LEFT, RIGHT, axis_ns};
use super::{Area, DrawError, Format, GRID, QUIET, TYPE_SIZE, Type, drawing, error, series, write};

/// Lines by log10 of a number, one panel a temperature, on one scale; a dot is a measured case.
pub fn counts(format: Format, panels: &[CurvePanel], label: &str) -> Result<String, DrawError> {
    let points = || {
        let curves = panels.iter().flat_map(|panel| &panel.curves);
        curves.flat_map(|curve| &curve.points)
    };
    let ends = |pick: fn(&(f64, f64)) -> f64| {
        let low = points().map(pick).fold(f64::INFINITY, f64::min);
        (low, points().map(pick).fold(f64::NEG_INFINITY, f64::max))
    };
    let ((left, right), (_, high)) = (ends(|point| point.0), ends(|point| point.1));
    if !left.is_finite() || right <= left || high <= 0.0 {
        return Err("nothing to draw".into());
    }
    let scale = Scale {
        left: 10_f64.powf(left),
        right: 10_f64.powf(right),
        high: high * 1.1,
    };
    let height = if format == Format::Wide { 340 } else { 300 };
    drawing(format, (height, 0), panels, label, |area, _, panel| {
        lines(area, panel, &scale)
    })
}

struct Scale {
    left: f64,
    right: f64,
    high: f64,
}

impl Scale {
    /// Powers of ten.
    fn numbers(&self) -> Vec<f64> {
        (0..19)
            .map(|power| 10_f64.powi(power))
            .filter(|number| (self.left * 0.999..=self.right * 1.001).contains(number))
            .collect()
    }
}

fn lines(area: &Area<'_>, panel: &CurvePanel, scale: &Scale) -> Result<(), DrawError> {
    write(area, &panel.title, (6, 4), &Type::title())?;
    let mut chart = ChartBuilder::on(area)
        .margin_top(34)
        .margin_right(RIGHT)
        .margin_bottom(4)
        .set_label_area_size(LabelAreaPosition::Left, LEFT)
        .set_label_area_size(LabelAreaPosition::Bottom, 30)
        .build_cartesian_2d(
            (scale.left * 0.9..scale.right * 1.1)
                .log_scale()
                .with_key_points(scale.numbers()),
            0.0..scale.high,
        )
        .map_err(error)?;
    chart
        .configure_mesh()
        .y_labels(6)
        .x_label_formatter(&|number| short(*number))
        .y_label_formatter(&|ns| axis_ns(*ns))
        .label_style(Type::new(TYPE_SIZE - 1.0, &QUIET, HPos::Center, VPos::Center).style())
        .bold_line_style(GRID.light)
        .light_line_style(TRANSPARENT)
        .axis_style(GRID.light)
        .draw()
        .map_err(error)?;
    for curve in &panel.curves {
        let tint = series(curve.series).light;
        let points = || {
            let points = curve.points.iter();
            points.map(|(exponent, ns)| (10_f64.powf(*exponent), *ns))
        };
        let line = LineSeries::new(points(), tint.stroke_width(2));
        chart.draw_series(line).map_err(error)?;
        let dots = points().map(|point| Circle::new(point, 3, tint.filled()));
        chart.draw_series(dots).map_err(error)?;
    }
    Ok(())
}

/// `1`, `10`, `1k`, `1M`.
fn short(number: f64) -> String {
    match number {
        n if n >= 1e9 => format!("{}G", (n / 1e9).round()),
        n if n >= 1e6 => format!("{}M", (n / 1e6).round()),
        n if n >= 1e3 => format!("{}k", (n / 1e3).round()),
        n => format!("{}", n.round()),
    }
}
