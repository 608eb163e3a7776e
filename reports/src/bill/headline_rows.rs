//! The rows that the answer is made of, judged together. Every other row is exploratory: judged by
//! itself, as if it were the only one.

use super::{Bill, Difference, GroupBill, headline};
use crate::record::Figures;
use crate::stats::{CONFIDENCE, Estimate, holm, p_of_zero};

/// A row's place: of its group in the bill, and of its line in the group.
type Place = (usize, usize);

/// Takes back what is told of a step of the headline rows, where it is not told at 5 % over all of
/// them together (Holm).
pub(super) fn judge_together(bill: &mut Bill<'_>) {
    let places = places(bill);
    let p: Vec<f64> = places.iter().map(|place| p(bill, *place)).collect();
    for (place, adjusted) in places.iter().zip(holm(&p)) {
        if adjusted > 1.0 - CONFIDENCE {
            take_back(bill, *place);
        }
    }
}

/// The steps of the headline's chain in its workloads.
fn places(bill: &Bill<'_>) -> Vec<Place> {
    let Some(chain) = headline::chain_keys(bill) else {
        return Vec::new();
    };
    let of_headline: Vec<*const GroupBill<'_>> = headline::receipt_groups(bill)
        .into_iter()
        .map(std::ptr::from_ref)
        .collect();
    let groups = bill.groups.iter().enumerate();
    let groups = groups.filter(|(_, group)| of_headline.contains(&std::ptr::from_ref(*group)));
    groups
        .flat_map(|(at, group)| {
            let lines = group.lines.iter().enumerate();
            let steps = lines.filter(|(_, line)| {
                chain.contains(&line.case.key) && line.measured().is_some_and(|m| m.step.is_some())
            });
            steps.map(move |(line, _)| (at, line)).collect::<Vec<_>>()
        })
        .collect()
}

/// The step's difference, send and receive together.
fn step<'b>(bill: &'b Bill<'_>, (group, line): Place) -> Option<&'b Estimate> {
    let line = bill.groups.get(group)?.lines.get(line)?;
    let figures: &Figures = line.measured()?.figures;
    let below = line.below.first()?;
    let pair = figures.against.iter().find(|pair| pair.case == *below)?;
    Some(&pair.sum_ns)
}

fn p(bill: &Bill<'_>, place: Place) -> f64 {
    step(bill, place)
        .and_then(|of| p_of_zero(&of.instances))
        .unwrap_or(f64::NAN)
}

fn take_back(bill: &mut Bill<'_>, place: Place) {
    let farthest = step(bill, place).and_then(|of| Some(of.low?.abs().max(of.high?.abs())));
    let line = bill
        .groups
        .get_mut(place.0)
        .and_then(|group| group.lines.get_mut(place.1));
    let measured = line.and_then(|line| line.outcome.as_mut().ok());
    let Some((step, farthest)) = measured.and_then(|m| m.step.as_mut()).zip(farthest) else {
        return;
    };
    if let Difference::Told { .. } = step.sum {
        step.sum = Difference::Below(farthest);
    }
}
