//! The bill as one HTML file that needs nothing else: no script, no font, no network. Light and
//! dark, on paper, and on a phone; a table stands behind each chart.

use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

use super::chart;
use super::figures::{self, Figure};
use super::theme;
use crate::bill::{
    self, Asked, Bill, Cell, Fall, GroupBill, Matrix, Receipt, Room, RowKind, Span, TEMPERATURES,
    Table, bound, estimate, legend,
};
use crate::record::{Record, RecordError, WorkloadKind};

/// The tables: anchor, title, and which groups they show.
const SECTIONS: [(&str, &str, &[WorkloadKind]); 4] = [
    (
        "sizes",
        "By packet size",
        &[WorkloadKind::Size, WorkloadKind::Mix],
    ),
    ("captures", "By capture", &[WorkloadKind::Capture]),
    ("classes", "By size class", &[WorkloadKind::Class]),
    ("received", "Received alone", &[WorkloadKind::Received]),
];

/// Draws a record as one self-contained HTML file.
pub fn html(record: &Record) -> Result<String, RecordError> {
    let bill = Bill::new(record)?;
    let origin = bill::provenance_line(&record.provenance);
    let figures: Vec<Figure> = [
        figures::by_size(&bill),
        figures::by_library(&bill),
        figures::by_percentile(&bill),
    ]
    .into_iter()
    .flatten()
    .chain(figures::by_count(&bill))
    .collect();
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "The bill of one tunnel" }
                style { (PreEscaped(theme::css())) }
            }
            body {
                (header(&bill, &figures))
                main {
                    @if bill.groups.is_empty() { p { "Nothing was measured." } }
                    @if let Some(receipt) = bill::receipt(&bill) { (draw_receipt(&receipt, &origin)) }
                    @for figure in &figures { (draw(figure, &origin)) }
                    (reading(&bill))
                    @for (id, title, kinds) in SECTIONS { (section(&bill, id, title, kinds, &origin)) }
                    (waterfalls(&bill, &origin))
                    (temperatures(&bill))
                    (cost_models(&bill, &origin))
                    (payers(&bill, &origin))
                    (beside(&bill))
                    (provenance(record))
                }
            }
        }
    };
    Ok(page.into_string())
}

fn header(bill: &Bill<'_>, figures: &[Figure]) -> Markup {
    let of = &bill.record.provenance;
    let sentences = bill::sentences(bill);
    let has = |kind: WorkloadKind| bill.groups.iter().any(|group| group.group.kind == kind);
    let figures = figures
        .iter()
        .map(|figure| (figure.id.as_str(), figure.short.as_str()));
    let sections = SECTIONS
        .iter()
        .filter(|(.., kinds)| kinds.iter().any(|kind| has(*kind)))
        .map(|(id, title, _)| (*id, *title));
    let steps = (!bill::falls(bill).is_empty()).then_some(("steps", "By step"));
    let payers = (!bill::payers(bill).is_empty()).then_some(("payers", "Who pays"));
    let places = figures
        .chain(sections)
        .chain(steps)
        .chain(payers)
        .chain([("left-out", "Left out"), ("origin", "Origin")]);
    markup! {
        header {
            p.brand { "tunneltax" }
            h1 { "The bill of one tunnel" }
            p.meta {
                (bill::clean(&of.host.cpu, 80)) " · " (bill::clean(&of.started, bill::NAME_CHARS))
            }
            @if let Some(scenario) = bill::scenario(bill.record) {
                section.scenario aria-labelledby="scenario" {
                    h2 #scenario { (scenario.title) }
                    p.question { (scenario.question) }
                    p { (scenario.reading) }
                    @if let Some(expected) = &scenario.expected { p.meta { (expected) } }
                }
            }
            @for (i, sentence) in sentences.iter().enumerate() {
                p.lead[i == 0] {
                    @for span in sentence {
                        @match span {
                            Span::Words(words) => { (words) }
                            Span::Figure(figure) => { strong { (figure) } }
                        }
                    }
                }
            }
            nav aria-label="Contents" {
                ul {
                    @for (id, name) in places {
                        li { a href=(format!("#{id}")) { (name) } }
                    }
                }
            }
        }
    }
}

fn draw_receipt(receipt: &Receipt, origin: &str) -> Markup {
    markup! {
        section.receipt aria-labelledby="receipt" {
            h2 #receipt { "What a packet pays, ns" }
            div.scroll tabindex="0" role="region" aria-labelledby="receipt" {
                table {
                    thead {
                        tr {
                            td { (receipt.timed.halves) ", " (receipt.temperature) }
                            @for workload in &receipt.workloads { th scope="col" { (workload) } }
                        }
                    }
                    tbody {
                        @for (name, cells) in &receipt.items {
                            tr { th scope="row" { (name) } @for cell in cells { (draw_cell(cell)) } }
                        }
                        tr.total {
                            th scope="row" { (receipt.timed.gateways) }
                            @for cell in &receipt.total { (draw_cell(cell)) }
                        }
                    }
                    tbody.below {
                        @for (name, cells) in &receipt.below {
                            tr { th scope="row" { (name) } @for cell in cells { (draw_cell(cell)) } }
                        }
                    }
                }
            }
            (draw_origin(origin))
        }
    }
}

pub(super) fn draw(figure: &Figure, origin: &str) -> Markup {
    markup! {
        figure id=(&figure.id) {
            figcaption { strong { (figure.title) } " " span { (figure.caption) } }
            @if !figure.charts.is_empty() {
                ul.key {
                    @for (series, name) in &figure.key {
                        li { span.(format!("swatch s{}", series % chart::SERIES.len())) aria-hidden="true" {} (name) }
                    }
                }
            }
            @for chart in &figure.charts { (PreEscaped(chart)) }
            @if figure.charts.is_empty() { p { "Nothing could be drawn." } }
            details {
                summary { "The same as a table" }
                (draw_table(&figure.table, &figure.title))
            }
            (draw_origin(origin))
        }
    }
}

/// Host, commit, clock and command under what was measured by them.
fn draw_origin(origin: &str) -> Markup {
    markup! {
        p.origin {
            @for word in origin.split(' ') {
                @if word.contains('-') { span.whole { (word) } } @else { (word) }
                " "
            }
        }
    }
}

fn reading(bill: &Bill<'_>) -> Markup {
    let remarks = bill::remarks(bill);
    markup! {
        section.reading {
            div {
                h2 { "How to read it" }
                dl { @for (term, meaning) in legend() { dt { (term) } dd { (meaning) } } }
            }
            @if !remarks.is_empty() {
                div {
                    h2 { "About this run" }
                    ul { @for remark in &remarks { li { (remark) } } }
                }
            }
        }
    }
}

fn section(bill: &Bill<'_>, id: &str, title: &str, kinds: &[WorkloadKind], origin: &str) -> Markup {
    let mut names: Vec<&str> = Vec::new();
    for group in bill
        .groups
        .iter()
        .filter(|group| kinds.contains(&group.group.kind))
    {
        if !names.contains(&group.name.as_str()) {
            names.push(&group.name);
        }
    }
    if names.is_empty() {
        return markup! {};
    }
    let sets: Vec<Vec<&GroupBill<'_>>> = TEMPERATURES
        .iter()
        .map(|temperature| bill.of(kinds, *temperature))
        .filter(|groups| !groups.is_empty())
        .collect();
    markup! {
        section id=(id) {
            h2 { (title) }
            @for (i, groups) in sets.iter().enumerate() {
                @if i == 0 {
                    (matrices(bill, title, groups))
                    (draw_origin(origin))
                } @else {
                    details {
                        summary { (title) ", " (groups.first().map_or("", |group| group.temperature())) }
                        (matrices(bill, title, groups))
                    }
                }
            }
            @for name in names {
                (in_full(bill, bill.groups.iter().filter(|group| group.name == name && kinds.contains(&group.group.kind))))
            }
        }
    }
}

/// The bill by steps: a chart and its table for each chain and workload.
fn waterfalls(bill: &Bill<'_>, origin: &str) -> Markup {
    let falls = bill::falls(bill);
    markup! {
        @if let Some(first) = falls.first() {
            section #steps {
                h2 { "The bill by steps" }
                p { (bill::WATERFALL) }
                @for fall in &falls {
                    @if fall.temperature == first.temperature {
                        h3 { (fall.table.title) }
                        (draw_fall(fall))
                    } @else {
                        details {
                            summary { (fall.table.title) }
                            (draw_fall(fall))
                        }
                    }
                }
                (draw_origin(origin))
            }
        }
    }
}

/// What a packet of any length costs, and how far that is from what was measured.
fn temperatures(bill: &Bill<'_>) -> Markup {
    let table = bill::temperatures(bill);
    markup! {
        @if let Some(table) = &table {
            section #temperature {
                h2 { (table.title) }
                details {
                    summary { "By workload and case" }
                    (draw_table(table, &table.title))
                }
            }
        }
    }
}

fn cost_models(bill: &Bill<'_>, origin: &str) -> Markup {
    let models = bill::cost_models(bill);
    markup! {
        @if !models.is_empty() {
            section #cost-model {
                h2 { "Cost model" }
                p { (bill::COST_MODEL) }
                @for model in &models {
                    @if let Some(sentence) = model.sentence() { p { (sentence) } }
                    @let tables = [Some(model.table()), model.predictions()];
                    @for table in tables.iter().flatten() {
                        details { summary { (table.title) } (draw_table(table, &table.title)) }
                    }
                }
                (draw_origin(origin))
            }
        }
    }
}

/// Who pays, capture by capture; one of them stands for the others.
fn payers(bill: &Bill<'_>, origin: &str) -> Markup {
    let tables = bill::payers(bill);
    let most: Vec<&str> = bill::most_paying(&tables)
        .iter()
        .map(|of| of.capture.as_str())
        .collect();
    markup! {
        @if !tables.is_empty() {
            section #payers {
                h2 { "Who pays" }
                p { (bill::PAYERS) }
                @for of in &tables {
                    @let table = draw_table(&of.table, &of.table.title);
                    @if most.contains(&of.capture.as_str()) {
                        h3 { (of.table.title) }
                        (table)
                    } @else {
                        details { summary { (of.table.title) } (table) }
                    }
                }
                (draw_origin(origin))
            }
        }
    }
}

fn draw_fall(fall: &Fall) -> Markup {
    let label = format!(
        "{}. The table below has the same figures.",
        fall.table.title
    );
    let charts = figures::both(|format| chart::waterfall(format, &fall.bars, &label));
    markup! {
        @for chart in &charts { (PreEscaped(chart)) }
        (draw_table(&fall.table, &fall.table.title))
    }
}

/// Cases by workloads, at one temperature.
fn matrices(bill: &Bill<'_>, title: &str, groups: &[&GroupBill<'_>]) -> Markup {
    let temperature = groups.first().map_or("", |group| group.temperature());
    let tables = [Matrix::Steps, Matrix::Gigabits].map(|shows| {
        let mut table = bill::matrix(bill, groups, shows);
        table.note = format!("{temperature}: {}", table.note);
        table
    });
    markup! {
        @for table in tables.iter().chain(&bill::fastest(groups)) {
            (draw_table(table, &format!("{title}, {}", table.note)))
        }
    }
}

/// One workload at its temperatures, behind its name.
fn in_full<'b, 'r: 'b>(bill: &Bill<'_>, groups: impl Iterator<Item = &'b GroupBill<'r>>) -> Markup {
    let clock = &bill.record.provenance.clock;
    let groups: Vec<&GroupBill<'_>> = groups.collect();
    let title = groups
        .first()
        .map(|group| group.title())
        .unwrap_or_default();
    let at: Vec<&str> = groups.iter().map(|group| group.temperature()).collect();
    markup! {
        details {
            summary { (title) " in full" span { (at.join(" and ")) } }
            @for group in groups {
                @for table in [
                    Some(bill::full(group)),
                    bill::percentiles(group),
                    bill::instruments(group, clock),
                    bill::counted(group),
                ].into_iter().flatten() {
                    h3 { (table.title) }
                    (draw_table(&table, &table.title))
                }
            }
        }
    }
}

fn beside(bill: &Bill<'_>) -> Markup {
    markup! {
        @if let Some(table) = bill::fits(bill.record) {
            section id="fits" {
                h2 { (table.title) }
                (draw_table(&table, &table.title))
            }
        }
        section id="left-out" {
            h2 { "What was left out" }
            @match bill::left_out(bill.record) {
                Some(table) => { (draw_table(&table, &table.title)) }
                None => { p { "No capture was read." } }
            }
            h2 { "Cases against themselves" }
            @match bill::null_gates(bill) {
                Some(table) => {
                    details {
                        summary { "What it takes for a difference to be one, group by group" }
                        (draw_table(&table, &table.title))
                    }
                }
                None => { p { "None was measured, so no difference can be told." } }
            }
            @if let Some(table) = bill::beside(bill) {
                h2 { (table.title) }
                (draw_table(&table, &table.title))
            }
            @let asked = Asked::default();
            @let tails = bill::tail_tables(&bill::tails(bill, &asked), &asked);
            @if !tails.is_empty() {
                h2 { "Behind the tail" }
                p { (bill::CAUSES_SAID) }
                @for table in &tails {
                    details { summary { (table.title) } (draw_table(table, &table.title)) }
                }
            }
        }
    }
}

fn provenance(record: &Record) -> Markup {
    markup! {
        section #origin {
            h2 { "Where it comes from" }
            dl.provenance {
                @for (name, value) in bill::provenance(record) { dt { (name) } dd { (value) } }
            }
        }
    }
}

pub(super) fn draw_table(table: &Table, name: &str) -> Markup {
    let columns = table.head.len().max(1);
    markup! {
        @if !table.note.is_empty() { p.note { (table.note) } }
        div.scroll tabindex="0" role="region" aria-label=(name) {
            table {
                thead {
                    tr {
                        @for (i, head) in table.head.iter().enumerate() {
                            @if i == 0 { td { (head) } } @else { th scope="col" { (head) } }
                        }
                    }
                }
                tbody {
                    @for row in &table.rows {
                        @match &row.kind {
                            RowKind::Heading => {
                                tr.heading { th scope="rowgroup" colspan=(columns) { (row.label) } }
                            }
                            RowKind::Failed(message) => {
                                tr.failed {
                                    th scope="row" { (row.label) }
                                    td.words colspan=(columns.saturating_sub(1).max(1)) { "failed: " (message) }
                                }
                            }
                            kind => {
                                tr.inner[*kind == RowKind::Inner] {
                                    th scope="row" { (row.label) }
                                    @for cell in &row.cells { (draw_cell(cell)) }
                                    @let left = columns.saturating_sub(row.cells.len() + 1);
                                    @if left > 0 { td colspan=(left) {} }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn draw_cell(cell: &Cell) -> Markup {
    markup! {
        @match cell {
            Cell::Blank => { td {} }
            Cell::Text(text) => { td.words { (text) } }
            Cell::Number(text) => { td { (text) } }
            Cell::Bound(value) => { td.quiet { (bound(*value, Room::Ample)) } }
            Cell::Below(value) => { td.untold { "cannot tell (< " (bound(*value, Room::Ample)) ")" } }
            Cell::CannotTell => { td.untold { "cannot tell" } }
            Cell::Failed => { td.failed { "failed" } }
            Cell::Estimate(mean, half) => {
                @let text = estimate(*mean, *half, Room::Ample);
                @match text.split_once(" ± ") {
                    Some((mean, half)) => { td { (mean) " " span.half { "± " (half) } } }
                    None => { td { (text) } }
                }
            }
        }
    }
}
