//! `overhead`: bytes that every case adds, the largest inner packet that fits, and what becomes
//! of a larger one. Arithmetic of `bench-core/src/path/overhead.rs`; nothing is sent or measured.

use std::collections::BTreeSet;
use std::process::ExitCode;

use serde::Serialize;
use tunneltax_core::path::overhead::Fits;
use tunneltax_core::path::{Case, Kind};
use tunneltax_reports::bill::{Cell, RowKind, Table, TableRow};
use tunneltax_reports::render::{self, TerminalStyle};

use crate::cli::OverheadArguments;
use crate::failure::Failure;
use crate::output;
use crate::select::{select_cases, without_library};

/// Schema of the JSON.
const SCHEMA: &str = "tunneltax-overhead/1";
/// Columns that the tables keep to, terminal or not.
const WIDTH: usize = 80;
/// What the tables are, and what they rest on.
const COMPUTED: &str = "\
Computed from the standards of the headers, not measured. What every case emits
is held against it at every size from 20 to 1500 bytes: the test
what_is_sent_is_as_long_as_the_arithmetic_says in bench-core/tests/variants.rs.
";

/// Computes and prints.
pub fn overhead(arguments: &OverheadArguments) -> Result<ExitCode, Failure> {
    let cases = on_the_wire(&arguments.cases)?;
    let mtu = usize::from(arguments.mtu);
    if arguments.json {
        let computed = Computed::new(&cases, arguments.inner.all(), mtu);
        let json = serde_json::to_string_pretty(&computed).unwrap_or_default();
        output::print(&(json + "\n"))?;
    } else {
        let computed = Computed::new(&cases, arguments.inner.shown(), mtu);
        let style = output::style();
        let style = TerminalStyle {
            width: style.width.min(WIDTH),
            ..style
        };
        let tables = [computed.added(), computed.fits()];
        let tables = tables.map(|table| render::table(&table, &style));
        output::print(&format!("{COMPUTED}{}", tables.concat()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The cases that send packets, those that differ only in their library once.
fn on_the_wire(globs: &[String]) -> Result<Vec<&'static Case>, Failure> {
    let mut cases = select_cases(globs, &[Kind::Variant])?;
    let mut seen = BTreeSet::new();
    cases.retain(|case| sends(case) && seen.insert(without_library(case.id)));
    if cases.is_empty() {
        return Err(Failure::Usage(format!(
            "--case {}: a yardstick sends nothing of its own; `tunneltax list` shows the other cases",
            globs.join(" --case ")
        )));
    }
    Ok(cases)
}

/// Neither a yardstick nor a cipher alone, which no gateway goes through.
pub fn sends(case: &Case) -> bool {
    case.kind != Kind::Yardstick && case.hops > 0
}

/// The JSON.
#[derive(Serialize)]
struct Computed {
    schema: &'static str,
    /// Longest packet that leaves the near gateway.
    mtu: usize,
    /// IP total lengths of inner packets.
    inner: Vec<usize>,
    cases: Vec<OfCase>,
}

/// One case; lists have an entry for every inner size.
#[derive(Serialize)]
struct OfCase {
    /// Id without the library.
    case: &'static str,
    #[serde(skip)]
    step_of: Option<&'static str>,
    added: Vec<Option<usize>>,
    fragments: Vec<Option<usize>>,
    /// Cut by TCP, whatever DF says, and not by IP.
    segmented: bool,
    largest_inner: Option<usize>,
    mss_ipv4: Option<usize>,
    mss_ipv6: Option<usize>,
}

impl OfCase {
    fn new(case: &Case, inner: &[usize], mtu: usize) -> Self {
        let outer = |bytes: &usize| case.overhead.over(mtu).outer_bytes(*bytes, case.outer);
        let fits = Fits::new(case.overhead, mtu);
        Self {
            case: without_library(case.id),
            step_of: case.step_of.map(without_library),
            added: inner
                .iter()
                .map(|bytes| outer(bytes).map(|outer| outer - bytes))
                .collect(),
            fragments: inner
                .iter()
                .map(|bytes| case.overhead.packets(*bytes, case.outer, mtu))
                .collect(),
            segmented: case.overhead.segments.is_some(),
            largest_inner: fits.largest_inner_bytes,
            mss_ipv4: fits.mss_v4,
            mss_ipv6: fits.mss_v6,
        }
    }
}

impl Computed {
    fn new(cases: &[&Case], inner: Vec<usize>, mtu: usize) -> Self {
        Self {
            schema: SCHEMA,
            mtu,
            cases: cases
                .iter()
                .map(|case| OfCase::new(case, &inner, mtu))
                .collect(),
            inner,
        }
    }

    /// Bytes added, by size.
    fn added(&self) -> Table {
        let head = self.inner.iter().map(ToString::to_string);
        let is_legacy = |case: &OfCase| case.case.contains("/3des-");
        let legacy = if self.cases.iter().any(is_legacy) {
            "; 3des is legacy"
        } else {
            ""
        };
        Table {
            title: "Bytes added to an inner packet".to_owned(),
            note: format!(
                "by its IP total length; - where no such packet exists; cases that only look up \
                 more add what the case adds that they stand on{legacy}"
            ),
            head: std::iter::once("case".to_owned()).chain(head).collect(),
            rows: self.rows(|case| case.added.iter().map(|added| cell(*added)).collect()),
        }
    }

    /// What fits, and at sizes where something does not, in how many packets it leaves.
    fn fits(&self) -> Table {
        let cut = |at: &usize| {
            let of = |case: &OfCase| case.fragments.get(*at).copied().flatten();
            self.cases.iter().any(|case| of(case) > Some(1))
        };
        let cut: Vec<usize> = (0..self.inner.len()).filter(cut).collect();
        let mut head: Vec<String> = ["case", "largest inner", "MSS IPv4", "MSS IPv6"]
            .map(str::to_owned)
            .to_vec();
        head.extend(
            cut.iter()
                .map(|at| format!("packets at {}", self.inner[*at])),
        );
        let more = if cut.is_empty() {
            ""
        } else {
            "; packets: how many leave for an inner IPv4 packet of that size without DF. With DF, \
             or of IPv6, one that does not fit is dropped with ICMP, but for tunnels in TCP and \
             esp+fragment, which cut all of them"
        };
        Table {
            title: format!("What fits an outer MTU of {} bytes", self.mtu),
            note: format!("MSS: to clamp TCP to, without options{more}"),
            head,
            rows: self.rows(|case| {
                let fits = [case.largest_inner, case.mss_ipv4, case.mss_ipv6];
                let sent = cut.iter().map(|at| case.fragments[*at]);
                fits.into_iter().chain(sent).map(cell).collect()
            }),
        }
    }

    fn rows(&self, cells: impl Fn(&OfCase) -> Vec<Cell>) -> Vec<TableRow> {
        let row = |case: &OfCase| TableRow {
            label: case.case.to_owned(),
            kind: RowKind::Plain,
            cells: cells(case),
        };
        let cases = self.cases.iter().filter(|case| !self.is_plain_from(case));
        cases.map(row).collect()
    }

    /// Whether a case adds what the one adds that it is a step of, and is no other tunnel: more
    /// rules, more SAs.
    fn is_plain_from(&self, case: &OfCase) -> bool {
        let path = |id: &str| id.split('/').next().map(str::to_owned);
        let below = self
            .cases
            .iter()
            .find(|below| Some(below.case) == case.step_of);
        below.is_some_and(|below| {
            let other_path = path(below.case) != path(case.case) || below.case == "forward";
            other_path && below.added == case.added
        })
    }
}

fn cell(number: Option<usize>) -> Cell {
    Cell::Number(number.map_or_else(|| "-".to_owned(), |number| number.to_string()))
}
