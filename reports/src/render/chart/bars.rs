//! The bill as stacked bars: by packet size, and by library.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::{
    Area, DrawError, Format, GLYPH_WIDTH, GRID, INK, QUIET, TYPE_SIZE, Type, drawing, error,
    series, write,
};
use crate::bill::{Room, clean, count, estimate, three};

/// Bars that share a title and, among panels by size, an axis.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What the bars have in common.
    pub title: String,
    /// The bars.
    pub bars: Vec<Bar>,
}

/// A bar, or a heading between bars.
#[derive(Clone, Debug)]
pub struct Bar {
    /// What it is for, where the chart says the rest.
    pub label: String,
    /// What it is for, in full.
    pub name: String,
    /// Series and ns a packet, from the ground up; none on a heading. Or why there is no bar.
    pub steps_ns: Result<Vec<(usize, f64)>, &'static str>,
}

impl Bar {
    /// All steps; `None` where there is no bar.
    pub fn total_ns(&self) -> Option<f64> {
        let steps = self.steps_ns.as_ref().ok()?;
        Some(steps.iter().map(|(_, ns)| ns).sum())
    }

    fn is_heading(&self) -> bool {
        self.steps_ns.as_ref().is_ok_and(Vec::is_empty)
    }

    /// What can be drawn of each step: a negative one has no height.
    fn heights(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        let steps = self.steps_ns.iter().flatten();
        steps.map(|(series, ns)| (*series, ns.max(0.0)))
    }
}

/// Largest bar of a panel over that of another, above which one scale would hide the bars of the
/// other.
const ONE_SCALE_MAX: f64 = 8.0;

/// Whether panels are drawn on one scale: not where the bars of one would be none in another's.
pub fn on_one_scale(panels: &[Panel]) -> bool {
    let tops = || panels.iter().filter_map(largest);
    let least = tops().fold(f64::INFINITY, f64::min);
    tops().fold(0.0, f64::max) <= ONE_SCALE_MAX * least
}

/// Upright bars by packet size, one panel a cipher.
pub fn sizes(format: Format, panels: &[Panel], label: &str) -> Result<String, DrawError> {
    let most = panels.iter().filter_map(largest).fold(0.0, f64::max);
    if most.is_nan() || most <= 0.0 || !most.is_finite() {
        return Err("nothing to draw".into());
    }
    let one_scale = on_one_scale(panels);
    let height = if format == Format::Wide { 400 } else { 310 };
    drawing(format, (height, 0), panels, label, |area, _, panel| {
        let own = largest(panel).filter(|ns| *ns > 0.0 && !one_scale);
        upright(area, panel, own.unwrap_or(most) * 1.12)
    })
}

fn largest(panel: &Panel) -> Option<f64> {
    panel.bars.iter().filter_map(Bar::total_ns).reduce(f64::max)
}

fn upright(area: &Area<'_>, panel: &Panel, top: f64) -> Result<(), DrawError> {
    let size = TYPE_SIZE;
    let below = Type::new(size - 1.0, &QUIET, HPos::Center, VPos::Top);
    let above = Type::new(size - 1.0, &INK, HPos::Center, VPos::Bottom);
    let axis = Type::new(size - 1.0, &QUIET, HPos::Right, VPos::Center);
    let (width, _) = area.dim_in_pixel();
    // In capitals, which are wider than a label's letters.
    let title = fitted(
        &panel.title,
        f64::from(width.saturating_sub(12)),
        1.25 * size,
    );
    write(area, &title, (6, 4), &Type::title())?;
    let bars = panel.bars.len().max(1) as f64;
    let mut chart = ChartBuilder::on(area)
        .margin_top(46)
        .margin_bottom(30)
        .margin_right(6)
        .set_label_area_size(LabelAreaPosition::Left, 50)
        .build_cartesian_2d(0.0..bars, 0.0..top)
        .map_err(error)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .y_labels(6)
        .y_label_formatter(&|ns| tick(*ns))
        .label_style(axis.style())
        .bold_line_style(GRID.light)
        .light_line_style(TRANSPARENT)
        .axis_style(TRANSPARENT)
        .draw()
        .map_err(error)?;
    write(area, "ns", (42, 34), &axis)?;
    let room = f64::from(width.saturating_sub(56)) / bars;
    for (i, bar) in panel.bars.iter().enumerate() {
        let (left, right) = (i as f64 + 0.16, i as f64 + 0.84);
        let mut floor = 0.0;
        for (step, ns) in bar.heights() {
            let style = series(step).light.filled();
            let part = Rectangle::new([(left, floor + ns), (right, floor)], style);
            chart.draw_series(std::iter::once(part)).map_err(error)?;
            floor += ns;
        }
        let middle = f64::midpoint(left, right);
        let (x, y) = place(&chart, area, &(middle, floor));
        write(area, &amount(bar), (x, y - 3), &above)?;
        let (x, y) = place(&chart, area, &(middle, 0.0));
        write(area, &fitted(&bar.label, room, size), (x, y + 7), &below)?;
    }
    Ok(())
}

/// Where a point of the chart lies in the area.
fn place<X, Y>(
    chart: &ChartContext<'_, SVGBackend<'_>, Cartesian2d<X, Y>>,
    area: &Area<'_>,
    point: &(X::ValueType, Y::ValueType),
) -> (i32, i32)
where
    X: plotters::coord::ranged1d::Ranged,
    Y: plotters::coord::ranged1d::Ranged,
{
    let (x, y) = chart.backend_coord(point);
    let (left, top) = area.get_base_pixel();
    (x - left, y - top)
}

/// Lying bars for every case, one panel a workload, each on its own scale.
pub fn libraries(format: Format, panels: &[Panel], label: &str) -> Result<String, DrawError> {
    let rows = panels
        .iter()
        .map(|panel| panel.bars.len())
        .max()
        .unwrap_or(0);
    if rows == 0 || !panels.iter().filter_map(largest).any(|ns| ns > 0.0) {
        return Err("nothing to draw".into());
    }
    let labels = label_width(format, panels);
    let gutter = if format == Format::Wide { labels } else { 0 };
    let height = HEAD_HEIGHT + rows as u32 * row_height(format) + 16;
    drawing(format, (height, gutter), panels, label, |area, i, panel| {
        let labelled = format == Format::Narrow || i == 0;
        lying(area, format, panel, labelled.then_some(labels))
    })
}

/// Room for the longest label, by a guess at the width of its type, and never half a phone.
fn label_width(format: Format, panels: &[Panel]) -> u32 {
    let bars = panels.iter().flat_map(|panel| &panel.bars);
    width_of(format, bars.map(|bar| bar.label.as_str()))
}

/// Room for the longest of these, and never half a phone.
pub(super) fn width_of<'l>(format: Format, labels: impl Iterator<Item = &'l str>) -> u32 {
    let longest = labels.map(|label| label.chars().count()).max().unwrap_or(0);
    let guess = (longest as f64 * TYPE_SIZE * GLYPH_WIDTH) as u32 + 8;
    guess.min(format.width() * 2 / 5)
}

const HEAD_HEIGHT: u32 = 32;

pub(super) fn row_height(format: Format) -> u32 {
    if format == Format::Wide { 26 } else { 24 }
}

fn lying(
    area: &Area<'_>,
    format: Format,
    panel: &Panel,
    labels: Option<u32>,
) -> Result<(), DrawError> {
    let size = TYPE_SIZE;
    let (width, _) = area.dim_in_pixel();
    let left = labels.unwrap_or(12).cast_signed();
    let room = f64::from((width.cast_signed() - 52 - left).max(1));
    let scale = room / largest(panel).filter(|ns| *ns > 0.0).unwrap_or(1.0);
    let beside = Type::new(size - 1.0, &INK, HPos::Left, VPos::Center);
    let heading = Type::new(size - 1.0, &QUIET, HPos::Left, VPos::Bottom);
    write(area, &panel.title, (left, 4), &Type::title())?;
    let height = row_height(format).cast_signed();
    let tops = (HEAD_HEIGHT.cast_signed()..).step_by(row_height(format) as usize);
    for (top, bar) in tops.zip(&panel.bars) {
        let middle = top + height / 2;
        let label = fitted(&bar.label, f64::from(labels.unwrap_or(0)), size);
        if bar.is_heading() {
            if labels.is_some() {
                write(area, &label, (2, top + height - 1), &heading)?;
            }
            continue;
        }
        if labels.is_some() {
            write(area, &label, (2, middle), &beside)?;
        }
        let mut x = f64::from(left);
        for (step, ns) in bar.heights() {
            let end = x + ns * scale;
            let corners = [
                (x.round() as i32, top + 3),
                (end.round() as i32, top + height - 3),
            ];
            let part = Rectangle::new(corners, series(step).light.filled());
            area.draw(&part).map_err(error)?;
            x = end;
        }
        write(area, &amount(bar), (x.round() as i32 + 6, middle), &beside)?;
    }
    Ok(())
}

fn amount(bar: &Bar) -> String {
    match (bar.total_ns(), bar.steps_ns.as_ref().err()) {
        (Some(ns), _) => short(ns),
        (None, why) => why.map_or("", |why| *why).to_owned(),
    }
}

fn tick(ns: f64) -> String {
    if ns.fract() == 0.0 {
        count(ns.max(0.0) as u64)
    } else {
        three(ns)
    }
}

/// A label cut to the room it has.
pub(super) fn fitted(label: &str, room: f64, size: f64) -> String {
    clean(
        label,
        (room / (size * GLYPH_WIDTH)).max(2.0).round() as usize,
    )
}

fn short(ns: f64) -> String {
    if ns >= 999.5 {
        count(ns.round() as u64)
    } else {
        estimate(ns, None, Room::Tight)
    }
}
