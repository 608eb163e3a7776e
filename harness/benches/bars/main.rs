//! The speed that the project promises itself, judged by its own paired instrument:
//! `cargo bench --bench bars`. Burst totals; a bar holds where the far end of the 95 % interval
//! over fresh instances is on its right side. Exit code 1 where one does not, or where that
//! cannot be told since the core was shared with another hardware thread. Rounds during which it
//! was are measured again, for some minutes.
//!
//! Parts: `bill` (the bill's cases), `tunnels` (every tunnel against its cipher alone), `tables`
//! (many SAs, many rules), `rivals` (ipsec-mb against Rust packages), `reading` (captures). A part's name leaves out the others, a size (64,
//! 350, 1350 or 1440) the other sizes. With `--test` every bar is measured once, briefly, and
//! none is judged.

mod instances;
mod paths;
mod reading;
mod rivals;
#[path = "../support/mod.rs"]
mod support;
mod tables;
mod tunnels;

use std::process::ExitCode;

use tunneltax_core::clock::Clock;
use tunneltax_core::path::Setup;
use tunneltax_core::workload::{Caches, Shape};
use tunneltax_reports::stats::Estimate;

/// Effort: instances, rounds of each, and seconds for all that is measured together.
#[derive(Clone, Copy)]
struct Effort {
    instances: usize,
    rounds: usize,
    seconds: f64,
    judged: bool,
}

/// A promise and what was measured.
struct Bar {
    name: String,
    figure: Estimate,
    unit: &'static str,
    limit: Limit,
    /// Some of it was measured on a core that another hardware thread had a part of, which only
    /// makes code slower: a bar that holds all the same holds.
    shared: bool,
}

#[derive(Clone, Copy)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Bar {
    fn holds(&self) -> bool {
        match self.limit {
            Limit::AtMost(limit) => self.figure.high.is_some_and(|high| high <= limit),
            Limit::AtLeast(limit) => self.figure.low.is_some_and(|low| low >= limit),
        }
    }

    fn print(&self, judged: bool) {
        let (sign, limit) = match self.limit {
            Limit::AtMost(limit) => ("≤", limit),
            Limit::AtLeast(limit) => ("≥", limit),
        };
        let verdict = match (judged, self.holds(), self.shared) {
            (false, ..) => "not judged",
            (true, true, _) => "holds",
            (true, false, false) => "BROKEN",
            (true, false, true) => "cannot tell: shared core",
        };
        let interval = match self.figure.low.zip(self.figure.high) {
            Some((low, high)) => format!("[{low:.2}, {high:.2}]"),
            None => "[one instance]".to_owned(),
        };
        println!(
            "{:<66} {:>8.2} {interval:>18} {sign} {limit:<5} {:<10} {verdict}",
            self.name, self.figure.mean, self.unit
        );
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |name: &str| arguments.iter().any(|argument| argument == name);
    let effort = if given("--test") {
        Effort {
            instances: 2,
            rounds: 4,
            seconds: 0.0,
            judged: false,
        }
    } else {
        Effort {
            instances: 24,
            rounds: 120,
            seconds: 75.0,
            judged: true,
        }
    };
    let clock = Clock::measure();
    println!(
        "95 % intervals over {} fresh instances of {} rounds\n",
        effort.instances, effort.rounds
    );
    let mut bars = Vec::new();
    let mut judge = |bar: Bar| {
        bar.print(effort.judged);
        bars.push(bar);
    };
    let all = ["bill", "tunnels", "tables", "rivals", "reading"];
    let some = all.iter().any(|part| given(part));
    let part = |name| !some || given(name);
    let asked: Vec<u16> = arguments.iter().filter_map(|a| a.parse().ok()).collect();
    let size = |size| asked.is_empty() || asked.contains(&size);
    for bytes in [64, 350, 1440]
        .into_iter()
        .filter(|s| part("bill") && size(*s))
    {
        paths::paths(bytes, effort, &clock, &mut judge);
    }
    let sizes = [64, 350, 1350, 1440].into_iter();
    for bytes in sizes.filter(|s| part("tunnels") && size(*s)) {
        let effort = Effort {
            instances: effort.instances.div_ceil(2),
            seconds: effort.seconds / 2.0,
            ..effort
        };
        tunnels::tunnels(bytes, effort, &clock, &mut judge);
    }
    if part("tables") && asked.is_empty() {
        tables::tables(effort, &clock, &mut judge);
    }
    if part("rivals") {
        rivals::rivals(size, effort, &clock, &mut judge);
    }
    if part("reading") && asked.is_empty() {
        reading::reading(effort, &mut judge);
    }
    verdict(&bars, effort)
}

fn verdict(bars: &[Bar], effort: Effort) -> ExitCode {
    let beyond: Vec<&Bar> = bars.iter().filter(|bar| !bar.holds()).collect();
    let untold = beyond.iter().filter(|bar| bar.shared).count();
    if effort.judged {
        println!("\n{} bars, {} broken", bars.len(), beyond.len() - untold);
        if untold > 0 {
            println!("{untold} cannot be told: run again when the core is not shared");
        }
    } else {
        println!("\n{} bars, {} beyond, not judged", bars.len(), beyond.len());
    }
    if effort.judged && !beyond.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// A bar on a figure, which a case that failed has none of: that breaks the bar.
fn at_most(
    name: String,
    figure: Option<Estimate>,
    limit: f64,
    unit: &'static str,
    shared: bool,
) -> Bar {
    let none = Estimate {
        mean: f64::NAN,
        low: None,
        high: None,
        instances: vec![],
    };
    Bar {
        name,
        figure: figure.unwrap_or(none),
        unit,
        limit: Limit::AtMost(limit),
        shared,
    }
}

/// Packets of one size in the L1 data cache.
fn hot(size: u16) -> Shape {
    Shape::hot(usize::from(size), Setup::default().burst, Caches::default())
}
