//! What else ran beside the packets: gaps in the clock, and what the kernel counted.

use super::group::SHARED_MARK;
use super::{Bill, Cell, Measuring, RowKind, Table, TableRow as Row, count, three};
use crate::histogram;
use crate::record::{Counted, Group, Pass, Stalls};
use crate::stats::quantile::bears;

/// Groups that are named in a sentence.
const NAMED_MAX: usize = 8;

/// By group: stalls in the timed visits, and what the kernel counted from the first fill to the
/// last comparison. `None` where no group says.
pub fn beside(bill: &Bill<'_>) -> Option<Table> {
    let rows: Vec<Row> = bill
        .groups
        .iter()
        .filter(|of| of.group.stalls.is_some() || !of.group.passes.is_empty())
        .map(|of| Row {
            label: format!("{}, {}", of.title(), of.temperature()),
            kind: RowKind::Plain,
            cells: cells(of.group),
        })
        .collect();
    let least = bill.groups.iter().find_map(|of| of.group.stalls.as_ref())?;
    (!rows.is_empty()).then(|| Table {
        title: "What else ran".to_owned(),
        note: format!(
            "a stall is what a visit took beyond the faster visit to the same packets, where that is more than {} µs \
             and than {} % of it; watched: the time of all visits of all cases; again: instances that shared their core and were \
             measured again; put aside: by the kernel for \
             another thread; gave way: to wait; stolen: by the hypervisor, from all CPUs, in steps of 10 ms",
            three(least.least_ns / 1e3),
            three(least.least_part * 100.0),
        ),
        head: [
            "",
            "watched s",
            "stalls",
            "a second",
            "p50 µs",
            "p99 µs",
            "longest µs",
            "% of the time",
            "again",
            "passes",
            "CPU %",
            "put aside",
            "gave way",
            "page faults",
            "stolen s",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows,
    })
}

fn cells(group: &Group) -> Vec<Cell> {
    let mut cells = match &group.stalls {
        Some(stalls) => stall_cells(stalls),
        None => vec![Cell::Blank; 7],
    };
    cells.push(Cell::Number(count(group.measured_again.into())));
    cells.extend(pass_cells(&group.passes));
    cells
}

fn stall_cells(stalls: &Stalls) -> Vec<Cell> {
    let us = |ns: Option<f64>| Cell::number(ns.map(|ns| ns / 1e3), three);
    vec![
        Cell::number(Some(stalls.watched_s), three),
        Cell::Number(count(stalls.count)),
        Cell::number(rate(stalls.count as f64, stalls.watched_s), three),
        us(stalls.median_ns),
        us(p99_ns(stalls)),
        us(stalls.longest_ns),
        Cell::number(rate(stalls.sum_s * 100.0, stalls.watched_s), three),
    ]
}

/// The length that 99 of 100 stalls do not exceed, ns; none where too few bear it, or where the record
/// has no lengths.
fn p99_ns(stalls: &Stalls) -> Option<f64> {
    let lengths = histogram::decode(stalls.histogram_ns.as_deref()?).ok()?;
    bears(lengths.len(), 0.99).then(|| lengths.value_at_quantile(0.99) as f64)
}

fn pass_cells(passes: &[Pass]) -> Vec<Cell> {
    if passes.is_empty() {
        return vec![Cell::Blank; 6];
    }
    let sum = |part: fn(&Pass) -> f64| passes.iter().map(part).sum::<f64>();
    let of = |part: fn(&Counted) -> u64| {
        let sum: u64 = passes.iter().map(|pass| part(&pass.counted)).sum();
        Cell::Number(count(sum))
    };
    let busy_s = sum(|pass| pass.user_s + pass.system_s);
    let stolen: Option<Vec<f64>> = passes.iter().map(|pass| pass.stolen_s).collect();
    vec![
        Cell::Number(count(passes.len() as u64)),
        Cell::number(rate(busy_s * 100.0, sum(|pass| pass.seconds)), three),
        of(|counted| counted.involuntary_switches),
        of(|counted| counted.voluntary_switches),
        of(|counted| counted.minor_faults + counted.major_faults),
        Cell::number(stolen.map(|stolen| stolen.iter().sum()), three),
    ]
}

fn rate(of: f64, by: f64) -> Option<f64> {
    (by > 0.0).then(|| of / by)
}

/// All stalls of the run in a sentence.
pub fn stalled(bill: &Bill<'_>) -> Option<String> {
    let stalls: Vec<&Stalls> = bill
        .groups
        .iter()
        .filter_map(|of| of.group.stalls.as_ref())
        .collect();
    let watched_s: f64 = stalls.iter().map(|stalls| stalls.watched_s).sum();
    let number: u64 = stalls.iter().map(|stalls| stalls.count).sum();
    let sum_s: f64 = stalls.iter().map(|stalls| stalls.sum_s).sum();
    let longest_ns = stalls.iter().filter_map(|stalls| stalls.longest_ns);
    let per_second = rate(number as f64, watched_s)?;
    let Some(longest_ns) = longest_ns.reduce(f64::max) else {
        return Some(format!(
            "No stall in {} s of timed visits.",
            three(watched_s)
        ));
    };
    Some(format!(
        "{} stalls in {} s of timed visits, {} a second, {} % of the time, the longest {} µs. Of two visits the faster \
         one counts, so that they are not in the totals; they are in the percentiles of single packets: \
         `tunneltax explain` names the packets.",
        count(number),
        three(watched_s),
        three(per_second),
        three(sum_s / watched_s * 100.0),
        three(longest_ns / 1e3),
    ))
}

/// What spoils figures on this host or in this run, each with what can be done; and what was
/// done about it.
pub fn spoilt(bill: &Bill<'_>) -> Vec<String> {
    let passes = || bill.groups.iter().flat_map(|of| &of.group.passes);
    let seconds: f64 = passes().map(|pass| pass.seconds).sum();
    let aside: u64 = passes().map(|p| p.counted.involuntary_switches).sum();
    let aside = rate(aside as f64, seconds);
    let mut said = super::spoilt(&bill.record.provenance, Measuring::OneThread(aside));
    said.extend(measured_again(bill));
    said
}

/// What became of instances that shared their core; `None` where there were none.
fn measured_again(bill: &Bill<'_>) -> Option<String> {
    let groups = || bill.groups.iter().chain(&bill.fitted);
    let again: u32 = groups().map(|of| of.group.measured_again).sum();
    let shared: Vec<String> = groups()
        .filter(|of| of.shared_core)
        .map(|of| format!("{}, {}", of.title(), of.temperature()))
        .collect();
    if again == 0 && shared.is_empty() {
        return None;
    }
    let still = match shared.as_slice() {
        [] => "every group had a core of its own, but for short whiles".to_owned(),
        [one] => format!(
            "{one} had none of its own all the same ({})",
            SHARED_MARK.trim()
        ),
        all => {
            let named = all.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>();
            let more = match all.len() - named.len() {
                0 => String::new(),
                more => format!("; and {more} more"),
            };
            format!(
                "{} groups had none of their own all the same ({}) and do not compare with the others: {}{more}",
                all.len(),
                SHARED_MARK.trim(),
                named.join("; ")
            )
        }
    };
    Some(match again {
        0 => format!("Of a core that another thread had a part of at times: {still}."),
        _ => format!(
            "{} instances that shared their core were measured again and do not count; {still}.",
            count(again.into())
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stalls(lengths_ns: impl Iterator<Item = u64>) -> Stalls {
        let mut all = hdrhistogram::Histogram::<u64>::new(3).unwrap();
        lengths_ns.for_each(|ns| all.record(ns).unwrap());
        Stalls {
            watched_s: 2.0,
            count: all.len(),
            sum_s: 0.02,
            median_ns: Some(7_000.0),
            longest_ns: Some(900_000.0),
            histogram_ns: Some(histogram::encode(&all)),
            least_ns: 5_000.0,
            least_part: 0.25,
        }
    }

    /// 980 of 7 µs and 20 of 500: one of a hundred is as long as those; of 999 no p99 is told.
    #[test]
    fn lengths_of_stalls_have_a_p99_where_there_are_enough() {
        let lengths = |count: usize| (0..count).map(|at| if at < 20 { 500_000 } else { 7_000 });
        let enough = stalls(lengths(1000));
        assert!((p99_ns(&enough).unwrap() - 500_000.0).abs() < 500.0);
        assert_eq!(stall_cells(&enough)[4], Cell::Number("500".to_owned()));
        assert_eq!(p99_ns(&stalls(lengths(999))), None);
        let mut before = stalls(lengths(1000));
        before.histogram_ns = None;
        assert_eq!(stall_cells(&before)[4], Cell::Blank);
        let mut stored = serde_json::to_value(&before).unwrap();
        assert!(
            stored
                .as_object_mut()
                .unwrap()
                .remove("histogram_ns")
                .is_none()
        );
        assert_eq!(serde_json::from_value::<Stalls>(stored).unwrap(), before);
    }
}
