//! The answer in words and as a receipt: every number in it comes from the record.

use super::fastest::least;
use super::{
    Bill, Cell, Difference, GroupBill, Line, Measured, Room, Timed, bytes, estimate, three, words,
};
use crate::record::{Temperature, WorkloadKind};

/// Path of ciphers alone, which no packet goes through.
const BARE: &str = "bare";

/// A piece of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Words.
    Words(String),
    /// A figure that carries the sentence.
    Figure(String),
}

/// What a packet pays, item by item, for a few workloads side by side.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The case whose chain is billed, for a sentence.
    pub case: String,
    /// hot or warm.
    pub temperature: &'static str,
    /// What the amounts are of.
    pub timed: Timed,
    /// The workloads.
    pub workloads: Vec<String>,
    /// Items: name, and an amount for each workload.
    pub items: Vec<(String, Vec<Cell>)>,
    /// Send and receive together.
    pub total: Vec<Cell>,
    /// What follows from the total: name, and a figure for each workload.
    pub below: Vec<(String, Vec<Cell>)>,
}

/// The answer: the flagship workload, the smallest size, and which cipher is cheapest there.
/// Empty where no case above the ground has figures.
pub fn sentences(bill: &Bill<'_>) -> Vec<Vec<Span>> {
    let Some(flagship) = bill.flagship() else {
        return Vec::new();
    };
    let Some(top) = top_line(bill, flagship) else {
        return Vec::new();
    };
    let mut sentences = Vec::new();
    sentences.extend(first(flagship, top));
    let smallest = bill
        .of(&[WorkloadKind::Size], flagship.group.temperature)
        .into_iter()
        .find(|group| group.size() < flagship.size());
    sentences.extend(smallest.and_then(|group| second(group, group.line(&top.case.key)?)));
    sentences.extend(cheapest(flagship));
    sentences
}

/// The receipt for the first library of the first cipher: smallest size, mix and largest size,
/// or up to three captures where there are no sizes.
pub fn receipt(bill: &Bill<'_>) -> Option<Receipt> {
    let flagship = bill.flagship()?;
    let top = top_line(bill, flagship)?;
    let groups = receipt_groups(bill);
    let chain = flagship.chain(top);
    let measured = |group: &&GroupBill<'_>, key: &str, cell: &dyn Fn(&Measured<'_>) -> Cell| {
        group.line(key).map_or(Cell::Blank, |line| {
            line.measured().map_or(Cell::Failed, cell)
        })
    };
    let row = |key: &str, cell: &dyn Fn(&Measured<'_>) -> Cell| -> Vec<Cell> {
        groups
            .iter()
            .map(|group| measured(group, key, cell))
            .collect()
    };
    let items = chain
        .iter()
        .map(|line| {
            let cells = row(&line.case.key, &|measured| match measured.step {
                Some(step) => Cell::difference(step.sum),
                None => Cell::estimate(&measured.figures.sum_ns),
            });
            (item(line), cells)
        })
        .collect();
    let key = &top.case.key;
    let ground = chain
        .first()
        .map_or("the ground", |line| line.case.id.as_str());
    let number = |value: Option<f64>, form: fn(f64) -> String| {
        value.map_or(Cell::Blank, |v| Cell::Number(form(v)))
    };
    Some(Receipt {
        case: top.case.spoken(),
        temperature: flagship.temperature(),
        timed: flagship.timed(),
        workloads: groups
            .iter()
            .map(|group| group.marked(&group.title()))
            .collect(),
        items,
        total: row(key, &|measured| Cell::estimate(&measured.figures.sum_ns)),
        below: vec![
            (
                format!("times {ground}"),
                row(key, &|m| number(m.ratio.map(|(mean, _)| mean), three)),
            ),
            (
                format!("Gbit/s, {}", flagship.timed().cores),
                row(key, &|m| number(m.rate.map(|r| r.gigabits), three)),
            ),
            (
                "million packets a second".to_owned(),
                row(key, &|m| number(m.rate.map(|r| r.megapackets), three)),
            ),
            (
                "bytes added to a packet".to_owned(),
                row(key, &|m| number(m.added_bytes, bytes)),
            ),
        ],
    })
}

/// Keys of the cases whose steps the receipt lists; `None` without one.
pub(super) fn chain_keys(bill: &Bill<'_>) -> Option<Vec<String>> {
    let flagship = bill.flagship()?;
    let chain = flagship.chain(top_line(bill, flagship)?);
    Some(chain.iter().map(|line| line.case.key.clone()).collect())
}

/// The few workloads that stand for the run.
pub fn receipt_groups<'b, 'r>(bill: &'b Bill<'r>) -> Vec<&'b GroupBill<'r>> {
    let Some(flagship) = bill.flagship() else {
        return Vec::new();
    };
    let at = flagship.group.temperature;
    let of = |kind| {
        let mut groups = bill.of(&[kind], at);
        groups.retain(|group| group.group.flows == flagship.group.flows);
        groups
    };
    let (sizes, mixes) = (of(WorkloadKind::Size), of(WorkloadKind::Mix));
    let mut groups: Vec<&GroupBill<'_>> = Vec::new();
    groups.extend(sizes.first());
    groups.extend(mixes.first());
    groups.extend(sizes.last().filter(|_| sizes.len() > 1));
    let captures = [WorkloadKind::Capture, WorkloadKind::Received];
    if groups.is_empty() {
        groups.extend(bill.of(&captures, at).into_iter().take(3));
    }
    if groups.is_empty() {
        groups.push(flagship);
    }
    groups
}

/// The measured line that the bill is about: the scenario's, where it names one; else the first
/// with a cipher, which the order of the list makes the default's, and not one that adds look-ups
/// or gateways to it; where there is none, the first of those with the longest chain.
pub(super) fn top_line<'b, 'r>(bill: &Bill<'_>, group: &'b GroupBill<'r>) -> Option<&'b Line<'r>> {
    let measured = || group.lines.iter().filter(|line| line.outcome.is_ok());
    let leads = bill.record.scenario.as_ref();
    let leads = leads.and_then(|scenario| scenario.leads.as_deref());
    if let Some(line) = measured().find(|line| Some(line.case.key.as_str()) == leads) {
        return Some(line);
    }
    let on_a_chain = || measured().filter(|line| line.depth() > 0);
    let Some(deepest) = on_a_chain().map(Line::depth).max() else {
        return measured().find(|line| line.case.library.is_some() && line.case.path() != BARE);
    };
    let sealed = on_a_chain().find(|line| line.case.library.is_some());
    sealed.or_else(|| on_a_chain().find(|line| line.depth() == deepest))
}

fn item(line: &Line<'_>) -> String {
    match (&line.case.library, line.depth()) {
        (Some(_), _) => format!("+ {}, {}", line.step, line.case.spoken()),
        (None, 0) => line.step.clone(),
        (None, _) => format!("+ {}", line.step),
    }
}

fn first(group: &GroupBill<'_>, top: &Line<'_>) -> Option<Vec<Span>> {
    let measured = top.measured()?;
    let lines = group.chain(top);
    let mut spans = vec![Span::Words(format!("On this host {} pays ", packet(group)))];
    let last = lines.len() - 1;
    for (i, line) in lines.iter().enumerate() {
        if i > 0 {
            spans.push(Span::Words(
                if i == last { " and " } else { ", " }.to_owned(),
            ));
        }
        spans.push(Span::Figure(match line.measured().map(|m| (m, m.step)) {
            None => "an amount not known (its row failed)".to_owned(),
            Some((m, None)) => format!("{} ns", short(m.figures.sum_ns.mean)),
            Some((_, Some(step))) => spoken_step(step.sum),
        }));
        let with = line
            .case
            .library
            .as_ref()
            .map(|_| format!(" with {}", line.case.spoken()));
        spans.push(Span::Words(format!(
            " for {}{}",
            line.step,
            with.unwrap_or_default()
        )));
    }
    if last > 0 {
        spans.push(Span::Words(": ".to_owned()));
        spans.push(Span::Figure(format!(
            "{} ns",
            short(measured.figures.sum_ns.mean)
        )));
    }
    let gateways = group.timed().gateways;
    spans.push(Span::Words(format!(" at {gateways}")));
    if let Some((ground, ground_ns)) = ground(group, top) {
        let sum_ns = measured.figures.sum_ns.mean;
        spans.push(Span::Words(", ".to_owned()));
        spans.push(Span::Figure(format!(
            "{} ns more",
            short(sum_ns - ground_ns)
        )));
        spans.push(Span::Words(" and ".to_owned()));
        spans.push(Span::Figure(format!("{} times", three(sum_ns / ground_ns))));
        spans.push(Span::Words(format!(" what {ground} alone costs")));
    }
    spans.push(Span::Words(". ".to_owned()));
    let cores = if group.is_received() {
        "One core there"
    } else {
        "One core at each end"
    };
    spans.extend(carries(
        measured,
        &format!("{cores}, without driver and network card, carries at most "),
    ));
    let ground = lines.first().filter(|line| line.depth() < top.depth());
    if let Some((line, rate)) = ground.and_then(|line| Some((line, line.measured()?.rate?))) {
        spans.push(Span::Words(format!(
            " With {} alone it is {} Gbit/s.",
            line.case.id,
            three(rate.gigabits)
        )));
    }
    if let Some(added) = measured.added_bytes.filter(|added| *added > 0.0) {
        spans.push(Span::Words(format!(
            " The packet grows by {} bytes.",
            bytes(added)
        )));
    }
    Some(spans)
}

fn second(group: &GroupBill<'_>, line: &Line<'_>) -> Option<Vec<Span>> {
    let measured = line.measured()?;
    let mut spans = vec![
        Span::Words(format!("At {} it is ", group.title())),
        Span::Figure(format!("{} ns", short(measured.figures.sum_ns.mean))),
    ];
    if let Some((ground, ground_ns)) = ground(group, line) {
        spans.push(Span::Words(format!(
            ", {} times {ground}",
            three(measured.figures.sum_ns.mean / ground_ns),
        )));
    }
    spans.push(Span::Words(". ".to_owned()));
    spans.extend(carries(
        measured,
        "One core at each end then carries at most ",
    ));
    Some(spans)
}

/// The case that a line stands on in the end, and its mean: what the sentence shows is then the
/// quotient of what it shows.
fn ground<'b>(group: &'b GroupBill<'_>, line: &Line<'_>) -> Option<(&'b str, f64)> {
    let ground = group.line(line.below.last()?)?;
    let ns = ground.measured()?.figures.sum_ns.mean;
    (ns > 0.0).then_some((ground.case.id.as_str(), ns))
}

fn carries(measured: &Measured<'_>, words: &str) -> Vec<Span> {
    measured.rate.map_or_else(Vec::new, |rate| {
        vec![
            Span::Words(words.to_owned()),
            Span::Figure(format!("{} Gbit/s", three(rate.gigabits))),
            Span::Words(format!(
                " or {} million packets a second.",
                three(rate.megapackets)
            )),
        ]
    })
}

/// Which of the cases with a library costs least, and which can't be told from it.
fn cheapest(group: &GroupBill<'_>) -> Option<Vec<Span>> {
    let sealing = group.lines.iter();
    let (best, best_ns, level) = least(sealing.filter(|line| line.case.path() != BARE))?;
    // Where there are other paths than plain ESP, a cipher's name alone does not say which row is
    // meant.
    let mut sealed = group
        .lines
        .iter()
        .filter(|line| line.case.library.is_some() && line.case.path() != BARE);
    let is_plain = sealed.all(|line| line.case.path() == "esp");
    let spoken = |line: &Line<'_>| {
        let name = line.case.spoken();
        if is_plain {
            name
        } else {
            format!("{name} in {}", line.case.path())
        }
    };
    let level: Vec<String> = level.into_iter().map(spoken).collect();
    let mut spans = vec![
        Span::Words(format!("Cheapest here at {}: ", group.title())),
        Span::Figure(spoken(best)),
        Span::Words(format!(", {} ns in all", short(best_ns))),
    ];
    spans.push(Span::Words(if level.is_empty() {
        ".".to_owned()
    } else {
        format!("; {} can't be told from it.", words::list(&level))
    }));
    Some(spans)
}

fn packet(group: &GroupBill<'_>) -> String {
    let at = match group.group.temperature {
        Temperature::Hot => "in a hot cache",
        Temperature::Warm => "in a warm cache",
        Temperature::Cold => "that comes from memory",
    };
    match group.size() {
        Some(size) => format!("a {size}-byte packet {at}"),
        None => format!("a packet of {} {at}", group.name),
    }
}

fn spoken_step(step: Difference) -> String {
    match step {
        Difference::Told { mean, .. } if mean < 0.0 => format!("{} ns less", short(-mean)),
        Difference::Told { mean, .. } => format!("{} ns", short(mean)),
        Difference::Below(bound) => format!("less than {} ns", words::bound(bound, Room::Tight)),
        Difference::CannotTell => "an amount that can't be told".to_owned(),
    }
}

fn short(ns: f64) -> String {
    estimate(ns, None, Room::Tight)
}
