//! The bill by steps as lying bars, each beginning where the one above ended.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::bars::{fitted, row_height, width_of};
use super::{Area, DrawError, Format, GRID, INK, TYPE_SIZE, Type, drawing, error, series, write};
use crate::bill::{FallBar, Room, estimate};

/// The series whose tints the first case, a step that adds and one that takes away have.
const FIRST: usize = 0;
const MORE: usize = 1;
const LESS: usize = 2;
/// Room for the amounts.
const AMOUNT_WIDTH: i32 = 64;
/// A step that is too small to be seen is a line.
const WIDTH_MIN: i32 = 1;

/// A chain in one group; steps that can't be told are pale.
pub fn waterfall(format: Format, bars: &[FallBar], label: &str) -> Result<String, DrawError> {
    let top = bars.iter().map(|bar| bar.to_ns).fold(0.0, f64::max);
    if top <= 0.0 || !top.is_finite() {
        return Err("nothing to draw".into());
    }
    let height = row_height(format) * bars.len() as u32 + 12;
    drawing(format, (height, 0), &[bars], label, |area, _, bars| {
        lying(area, format, bars, top)
    })
}

fn lying(area: &Area<'_>, format: Format, bars: &[FallBar], top: f64) -> Result<(), DrawError> {
    let beside = Type::new(TYPE_SIZE - 1.0, &INK, HPos::Left, VPos::Center);
    let left = width_of(format, bars.iter().map(|bar| bar.label.as_str())).cast_signed();
    let (width, _) = area.dim_in_pixel();
    let room = (width.cast_signed() - left - AMOUNT_WIDTH).max(1);
    let at = |ns: f64| left + (ns.max(0.0) / top * f64::from(room)).round() as i32;
    let height = row_height(format).cast_signed();
    for (row, bar) in bars.iter().enumerate() {
        let y = 4 + row as i32 * height;
        let label = fitted(&bar.label, f64::from(left), TYPE_SIZE);
        write(area, &label, (2, y + height / 2), &beside)?;
        let from = at(bar.from_ns.min(bar.to_ns));
        let to = at(bar.from_ns.max(bar.to_ns)).max(from + WIDTH_MIN);
        let step_ns = bar.to_ns - bar.from_ns;
        let tint = match row {
            0 => series(FIRST),
            _ if !bar.told => &GRID,
            _ if step_ns < 0.0 => series(LESS),
            _ => series(MORE),
        };
        let part = Rectangle::new([(from, y + 3), (to, y + height - 3)], tint.light.filled());
        area.draw(&part).map_err(error)?;
        let amount = estimate(step_ns, None, Room::Tight);
        let amount = if bar.told {
            amount
        } else {
            format!("({amount})")
        };
        write(area, &amount, (to + 6, y + height / 2), &beside)?;
    }
    Ok(())
}
