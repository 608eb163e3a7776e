//! Latency over load: x is percent of the limit, y is ns, logarithmic. Lines are modelled; dots
//! are paced, with the spread of their trials.

use plotters::coord::combinators::BindKeyPoints;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::percentiles::{LEFT, RIGHT, axis_ns};
use super::{Area, DrawError, Format, GRID, QUIET, TYPE_SIZE, Type, drawing, error, series, write};

/// A case.
pub struct LoadPanel {
    /// What it is.
    pub title: String,
    /// Its percentiles.
    pub curves: Vec<LoadCurve>,
}

/// A percentile.
pub struct LoadCurve {
    /// Which tint it has.
    pub series: usize,
    /// Percent of the limit, and ns in virtual time.
    pub modelled: Vec<(f64, f64)>,
    /// Percent of the limit; the interval over instances of the same, ns: low, high.
    pub band: Vec<(f64, [f64; 2])>,
    /// Percent of the limit; ns on the clock: lowest trial, all, highest.
    pub paced: Vec<(f64, [f64; 3])>,
}

/// Lines and dots, one panel a case, on one scale.
pub fn loads(format: Format, panels: &[LoadPanel], label: &str) -> Result<String, DrawError> {
    let curves = || panels.iter().flat_map(|panel| &panel.curves);
    let values = || {
        let lines = curves().flat_map(|curve| curve.modelled.iter().map(|(_, ns)| *ns));
        let dots = curves().flat_map(|curve| curve.paced.iter().flat_map(|(_, ns)| *ns));
        let bands = curves().flat_map(|curve| curve.band.iter().flat_map(|(_, ns)| *ns));
        lines.chain(dots).chain(bands).filter(|ns| *ns > 0.0)
    };
    let (low, high) = (
        values().fold(f64::INFINITY, f64::min),
        values().fold(0.0, f64::max),
    );
    if !low.is_finite() {
        return Err("nothing to draw".into());
    }
    let scale = (low * 0.7, high * 1.5);
    let height = if format == Format::Wide { 340 } else { 300 };
    drawing(format, (height, 0), panels, label, |area, _, panel| {
        draw(area, panel, scale)
    })
}

/// Powers of ten, with 2 and 5 between them where there are few.
fn key_ns((low, high): (f64, f64)) -> Vec<f64> {
    let between: &[f64] = if (high / low).log10() < 2.0 {
        &[1.0, 2.0, 5.0]
    } else {
        &[1.0]
    };
    (0..12)
        .flat_map(|power| between.iter().map(move |digit| digit * 10_f64.powi(power)))
        .filter(|ns| (low..=high).contains(ns))
        .collect()
}

fn draw(area: &Area<'_>, panel: &LoadPanel, scale: (f64, f64)) -> Result<(), DrawError> {
    write(area, &panel.title, (6, 4), &Type::title())?;
    let mut chart = ChartBuilder::on(area)
        .margin_top(34)
        .margin_right(RIGHT)
        .margin_bottom(4)
        .set_label_area_size(LabelAreaPosition::Left, LEFT)
        .set_label_area_size(LabelAreaPosition::Bottom, 30)
        .build_cartesian_2d(
            0.0..100.0,
            (scale.0..scale.1)
                .log_scale()
                .with_key_points(key_ns(scale)),
        )
        .map_err(error)?;
    chart
        .configure_mesh()
        .x_labels(6)
        .x_label_formatter(&|percent| format!("{percent:.0} %"))
        .y_label_formatter(&|ns| axis_ns(*ns))
        .label_style(Type::new(TYPE_SIZE - 1.0, &QUIET, HPos::Center, VPos::Center).style())
        .bold_line_style(GRID.light)
        .light_line_style(TRANSPARENT)
        .axis_style(GRID.light)
        .draw()
        .map_err(error)?;
    for curve in &panel.curves {
        let tint = series(curve.series).light;
        let low = curve
            .band
            .iter()
            .map(|(percent, [low, _])| (*percent, *low));
        let high = curve
            .band
            .iter()
            .map(|(percent, [_, high])| (*percent, *high));
        let around: Vec<(f64, f64)> = low.chain(high.rev()).collect();
        let band = Polygon::new(around, tint.mix(0.18).filled());
        chart.draw_series([band]).map_err(error)?;
        let line = LineSeries::new(curve.modelled.iter().copied(), tint.stroke_width(2));
        chart.draw_series(line).map_err(error)?;
        let spreads = curve.paced.iter().map(|(percent, [low, _, high])| {
            let ends = vec![(*percent, *low), (*percent, *high)];
            PathElement::new(ends, tint.stroke_width(1))
        });
        chart.draw_series(spreads).map_err(error)?;
        let dots = curve.paced.iter();
        let dots = dots.map(|(percent, [_, ns, _])| Circle::new((*percent, *ns), 3, tint.filled()));
        chart.draw_series(dots).map_err(error)?;
    }
    Ok(())
}
