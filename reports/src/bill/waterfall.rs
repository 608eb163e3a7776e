//! The bill by steps: a chain of cases, each one step from the one before, in every group.
//!
//! A step is the difference of two measured cases, instance by instance, so the steps add up to
//! the last case minus the first whatever the instances were. The bill's own differences are
//! taken reading by reading and may differ from these in the last digit.

use super::{
    Bill, Cell, Difference, GroupBill, Measured, NAME_CHARS, RowKind, Table, TableRow as Row,
    bytes, clean, mean,
};
use crate::record::{Figures, Link, Temperature, Waterfall, WorkloadKind};
use crate::stats::Estimate;

/// How to read it.
pub const WATERFALL: &str = "Each step is a difference of two measured cases: that of its row minus that of the row \
     above, on the same packets, instance by instance; a step may be negative. So the steps add up to the \
     last case minus the first, which is the last row. In the column \"so far\" a step counts with its \
     mean, also where it can't be told from nothing.";

/// A chain in a group.
pub struct Fall {
    /// Of the group.
    pub temperature: Temperature,
    /// Its steps.
    pub table: Table,
    /// The same to be drawn, as far as it has figures.
    pub bars: Vec<FallBar>,
}

/// A step, or the first case.
pub struct FallBar {
    /// Id of the step.
    pub label: String,
    /// Where it begins: where the one before ended.
    pub from_ns: f64,
    /// Where it ends.
    pub to_ns: f64,
    /// Whether there is a difference, or none that can be told.
    pub told: bool,
}

/// Every chain of the record in every group but those of size classes, in the order of groups.
pub fn falls(bill: &Bill<'_>) -> Vec<Fall> {
    let mut falls = Vec::new();
    for waterfall in &bill.record.waterfalls {
        let groups = bill.groups.iter();
        let groups = groups.filter(|group| group.group.kind != WorkloadKind::Class);
        falls.extend(groups.filter_map(|group| fall(group, waterfall)));
    }
    falls.sort_by_key(|fall| fall.temperature);
    falls
}

/// `None` where the group has none of the cases.
fn fall(group: &GroupBill<'_>, waterfall: &Waterfall) -> Option<Fall> {
    let links = &waterfall.links;
    if !links.iter().any(|link| group.line(&link.case).is_some()) {
        return None;
    }
    let mut rows = Vec::with_capacity(links.len() + 1);
    let mut bars = Vec::with_capacity(links.len());
    let mut before: Option<&Link> = None;
    for link in links {
        let label = clean(&link.id, NAME_CHARS);
        let measured = measured(group, link);
        rows.push(match (&measured, before) {
            (Err(why), _) => row(label.clone(), RowKind::Failed(why.clone()), Vec::new()),
            (Ok(first), None) => row(label.clone(), RowKind::Plain, first_cells(first, link)),
            (Ok(this), Some(before)) => {
                let step = Step::between(group, before, link);
                row(
                    label.clone(),
                    RowKind::Plain,
                    step.cells(mean(&this.figures.sum_ns), link),
                )
            }
        });
        let from = before.map_or(Some(0.0), |before| sum_ns(group, before));
        if let (Some(from_ns), Some(to_ns)) = (from, sum_ns(group, link)) {
            let told = before.is_none_or(|before| Step::between(group, before, link).is_told());
            bars.push(FallBar {
                label,
                from_ns,
                to_ns,
                told,
            });
        }
        before = Some(link);
    }
    if let ([first, .., last], true) = (links.as_slice(), links.len() > 2) {
        let mut cells = Step::between(group, first, last).cells(None, last);
        cells.truncate(cells.len() - 2);
        cells.extend([Cell::Blank, Cell::Text("last minus first".to_owned())]);
        rows.push(row("all steps".to_owned(), RowKind::Plain, cells));
    }
    let heads = [
        "", "send", "receive", "both", "so far", "+ bytes", "step", "case",
    ];
    let id = clean(&waterfall.id, NAME_CHARS);
    let title = format!("By step: {id}, {}, {}", group.title(), group.temperature());
    let instances = group.group.instances;
    let temperature = group.group.temperature;
    Some(Fall {
        temperature,
        table: Table {
            title,
            note: format!("ns a packet; {instances} instances"),
            head: heads.map(str::to_owned).to_vec(),
            rows,
        },
        bars,
    })
}

fn row(label: String, kind: RowKind, cells: Vec<Cell>) -> Row {
    Row { label, kind, cells }
}

fn measured<'b, 'r>(group: &'b GroupBill<'r>, link: &Link) -> Result<&'b Measured<'r>, String> {
    match group.line(&link.case).map(|line| &line.outcome) {
        Some(Ok(measured)) => Ok(measured),
        Some(Err(why)) => Err(format!("{}: {why}", clean(&link.case, NAME_CHARS))),
        None => Err(format!("{} was not run", clean(&link.case, NAME_CHARS))),
    }
}

fn sum_ns(group: &GroupBill<'_>, link: &Link) -> Option<f64> {
    mean(&group.line(&link.case)?.measured()?.figures.sum_ns)
}

/// What the first case takes: there is nothing below it.
fn first_cells(first: &Measured<'_>, link: &Link) -> Vec<Cell> {
    let Figures {
        send_ns,
        receive_ns,
        sum_ns,
        ..
    } = first.figures;
    let so_far = mean(sum_ns).map_or(Cell::Blank, |ns| Cell::Estimate(ns, None));
    let mut cells = [send_ns, receive_ns, sum_ns].map(Cell::estimate).to_vec();
    cells.extend([so_far, Cell::number(first.added_bytes, bytes)]);
    cells.extend(words(link));
    cells
}

fn words(link: &Link) -> [Cell; 2] {
    [&link.step, &link.case].map(|text| Cell::Text(clean(text, NAME_CHARS)))
}

/// What lies between two cases.
struct Step {
    /// Send, receive, both.
    differences: [Difference; 3],
    added_bytes: Option<f64>,
}

impl Step {
    /// `to` minus `from`. What can be told on either case can be told of the two.
    fn between(group: &GroupBill<'_>, from: &Link, to: &Link) -> Self {
        let (Ok(from), Ok(to)) = (measured(group, from), measured(group, to)) else {
            return Self {
                differences: [Difference::CannotTell; 3],
                added_bytes: None,
            };
        };
        let smallest = from.smallest_ns.zip(to.smallest_ns).map(|(a, b)| a.max(b));
        let judge = |pick: fn(&Figures) -> &Estimate| {
            minus(pick(to.figures), pick(from.figures))
                .map_or(Difference::CannotTell, |difference| {
                    Difference::judge(&difference, smallest)
                })
        };
        Self {
            differences: [
                judge(|f| &f.send_ns),
                judge(|f| &f.receive_ns),
                judge(|f| &f.sum_ns),
            ],
            added_bytes: to
                .added_bytes
                .zip(from.added_bytes)
                .map(|(to, from)| to - from),
        }
    }

    fn is_told(&self) -> bool {
        matches!(self.differences[2], Difference::Told { .. })
    }

    fn cells(&self, so_far_ns: Option<f64>, link: &Link) -> Vec<Cell> {
        let mut cells = self.differences.map(Cell::difference).to_vec();
        cells.push(so_far_ns.map_or(Cell::Blank, |ns| Cell::Estimate(ns, None)));
        cells.push(Cell::number(self.added_bytes, bytes));
        cells.extend(words(link));
        cells
    }
}

/// One estimate minus another of the same group, instance by instance; `None` where they do not
/// have the same instances.
fn minus(this: &Estimate, other: &Estimate) -> Option<Estimate> {
    if this.instances.len() != other.instances.len() {
        return None;
    }
    let pairs = this.instances.iter().zip(&other.instances);
    Estimate::from_instances(pairs.map(|(this, other)| this - other).collect())
}
