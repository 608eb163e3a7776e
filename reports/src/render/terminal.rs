//! The bill for a terminal: the answer, the bill by size and by capture, the tail, and what
//! must be said. Everything is plain text first; colour only repeats what the text says.

use super::grid::{Drawn, Look, columns, parts};
use super::paint::{Paint, wrap};
use crate::bill::{
    self, Bill, Cell, GroupBill, Matrix, RowKind, Span, TEMPERATURES, Table, legend,
};
use crate::record::{Record, RecordError, Temperature, WorkloadKind};

/// How a terminal is.
#[derive(Clone, Copy, Debug)]
pub struct TerminalStyle {
    /// Columns; tables that are wider are cut into parts.
    pub width: usize,
    /// It shows colours.
    pub color: bool,
    /// Every group in full, not the minute's read.
    pub full: bool,
}

/// Where the rest is.
const MORE: &str = "Warm rows, every group in full, its single packets and where all this comes from: in the report.";
/// Narrower than this, lines are cut by the terminal and not here.
const WIDTH_MIN: usize = 40;
/// Wider than this, running text tires the eye.
const TEXT_WIDTH_MAX: usize = 100;

/// Draws a record for a terminal.
pub fn terminal(record: &Record, style: &TerminalStyle) -> Result<String, RecordError> {
    let bill = Bill::new(record)?;
    let mut out = Page::new(style);
    out.head(&bill);
    overview(&mut out, &bill, style.full);
    if let Some(group) = bill.flagship() {
        flagship(&mut out, &bill, group, style.full);
    }
    curves(&mut out, &bill);
    temperatures(&mut out, &bill, style.full);
    cost_models(&mut out, &bill, style.full);
    waterfalls(&mut out, &bill, style.full);
    payers(&mut out, &bill, style.full);
    if style.full {
        details(&mut out, &bill);
    }
    let carried = bill::carried(&bill);
    out.notes("Carried and left out", &carried);
    out.notes("About this run", &bill::remarks(&bill));
    out.legend();
    if !style.full {
        out.line("");
        out.paragraph(MORE, "", "");
    }
    Ok(out.text)
}

/// Draws one table that is no part of a bill.
pub fn table(table: &Table, style: &TerminalStyle) -> String {
    let mut out = Page::new(style);
    out.table(table);
    out.text
}

/// Draws sentences that are no part of a bill, a paragraph each.
pub fn paragraphs(sentences: &[String], style: &TerminalStyle) -> String {
    let mut out = Page::new(style);
    for sentence in sentences {
        out.paragraph(sentence, "", "  ");
    }
    out.text
}

/// Cases by workloads: sizes always, captures and classes where there are some.
fn overview(out: &mut Page, bill: &Bill<'_>, full: bool) {
    let kinds: [(&str, &[WorkloadKind]); 4] = [
        (
            "The bill by packet size",
            &[WorkloadKind::Size, WorkloadKind::Mix],
        ),
        ("The bill by capture", &[WorkloadKind::Capture]),
        ("The bill by size class", &[WorkloadKind::Class]),
        ("The bill of receiving alone", &[WorkloadKind::Received]),
    ];
    for (title, kinds) in kinds {
        let mut drawn = false;
        for temperature in TEMPERATURES {
            let groups = bill.of(kinds, temperature);
            if groups.is_empty() || (drawn && !full) {
                continue;
            }
            drawn = true;
            let mut steps = bill::matrix(bill, &groups, Matrix::Steps);
            steps.title = format!("{title}, {}", bill::temperature(temperature));
            out.table(&steps);
            if full || kinds != [WorkloadKind::Class] {
                out.line("");
                out.table(&bill::matrix(bill, &groups, Matrix::Gigabits));
            }
            let fastest = bill::fastest(&groups);
            if let Some(table) = fastest.filter(|_| full || kinds != [WorkloadKind::Class]) {
                out.line("");
                out.table(&table);
            }
        }
    }
}

/// One workload in full, and its single packets.
fn flagship(out: &mut Page, bill: &Bill<'_>, group: &GroupBill<'_>, full: bool) {
    if !full {
        out.table(&in_full(bill, group));
        if let Some(table) = bill::counted(group) {
            out.table(&table);
        }
    }
    let keep: Vec<&str> = group
        .short_list()
        .iter()
        .map(|line| line.case.id.as_str())
        .collect();
    if let Some(mut table) = bill::percentiles(group) {
        table.rows.retain(|row| {
            row.kind == RowKind::Heading || full || keep.contains(&row.label.as_str())
        });
        "service time, ns, the stamp included".clone_into(&mut table.note);
        for column in ["beyond", "bursts", "stamped"] {
            drop_column(&mut table, column);
        }
        out.table(&table);
    }
    if let Some(mut table) = bill::instruments(group, &bill.record.provenance.clock) {
        table
            .rows
            .retain(|row| full || keep.contains(&row.label.as_str()));
        out.table(&table);
    }
}

/// What a packet costs by the number of something.
fn curves(out: &mut Page, bill: &Bill<'_>) {
    let curves = bill::curves(bill);
    for of in &curves {
        out.table(&of.table);
    }
    if !curves.is_empty() {
        out.paragraph(bill::CURVES, "", "");
    }
}

/// What a packet of any length costs: the coefficients, and how many predictions hold.
/// Where temperature was asked for: in full, and where there is a cold one.
fn temperatures(out: &mut Page, bill: &Bill<'_>, full: bool) {
    let is_cold = |group: &GroupBill<'_>| group.group.temperature == Temperature::Cold;
    let asked = full || bill.groups.iter().any(is_cold);
    if let Some(table) = bill::temperatures(bill).filter(|_| asked) {
        out.table(&table);
    }
}

fn cost_models(out: &mut Page, bill: &Bill<'_>, full: bool) {
    let models = bill::cost_models(bill);
    for (at, model) in models.iter().enumerate() {
        if at == 0 || full {
            out.table(&model.table());
        }
        if let Some(table) = model.predictions().filter(|_| full) {
            out.table(&table);
        }
    }
    let said: Vec<String> = models
        .iter()
        .filter_map(bill::CostModel::sentence)
        .collect();
    if !said.is_empty() {
        out.paragraph(&said.join(" "), "", "");
    }
}

/// The bill by steps, at one temperature unless everything is shown.
fn waterfalls(out: &mut Page, bill: &Bill<'_>, full: bool) {
    let falls = bill::falls(bill);
    let shown =
        |fall: &&bill::Fall| full || Some(fall.temperature) == falls.first().map(|f| f.temperature);
    let mut said = false;
    for fall in falls.iter().filter(shown) {
        let mut table = fall.table.clone();
        drop_column(&mut table, "step");
        out.table(&table);
        said = true;
    }
    if said {
        out.paragraph(bill::WATERFALL, "", "");
    }
}

/// Who pays: in the capture that stands for the others, unless everything is shown.
fn payers(out: &mut Page, bill: &Bill<'_>, full: bool) {
    let tables = bill::payers(bill);
    let shown = if full {
        tables.iter().collect()
    } else {
        bill::most_paying(&tables)
    };
    for of in &shown {
        out.table(&of.table);
    }
    if !shown.is_empty() {
        out.paragraph(bill::PAYERS, "", "");
    }
}

fn details(out: &mut Page, bill: &Bill<'_>) {
    for group in &bill.groups {
        out.table(&in_full(bill, group));
    }
    if let Some(table) = bill::beside(bill) {
        out.table(&table);
    }
}

/// A group in full, without the columns that say nothing here or that the first table has.
fn in_full(bill: &Bill<'_>, group: &GroupBill<'_>) -> Table {
    let mut table = bill::under_headings(bill.record, group, &bill::full(group));
    for (column, zero) in [("over MTU", "0"), ("dropped", "0")] {
        let quiet = table
            .head
            .iter()
            .position(|head| head == column)
            .is_some_and(|at| {
                table.rows.iter().all(|row| {
                    match at.checked_sub(1).and_then(|at| row.cells.get(at)) {
                        Some(Cell::Number(text)) => text == zero,
                        Some(Cell::Blank) | None => true,
                        Some(_) => false,
                    }
                })
            });
        if quiet {
            drop_column(&mut table, column);
        }
    }
    drop_column(&mut table, "step");
    drop_column(&mut table, "clock %");
    table
}

fn drop_column(table: &mut Table, name: &str) {
    let Some(at) = table.head.iter().position(|head| head == name) else {
        return;
    };
    table.head.remove(at);
    for row in &mut table.rows {
        if let Some(cell) = at.checked_sub(1).filter(|at| *at < row.cells.len()) {
            row.cells.remove(cell);
        }
    }
}

/// A text in the making.
pub(super) struct Page {
    width: usize,
    paint: Paint,
    text: String,
}

impl Page {
    pub(super) fn new(style: &TerminalStyle) -> Self {
        Self {
            width: style.width.max(WIDTH_MIN),
            paint: Paint(style.color),
            text: String::new(),
        }
    }

    /// What was written.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// A title, without a line in front of it.
    pub(super) fn title(&mut self, title: &str) {
        let title = self.paint.strong(title);
        self.line(&title);
    }

    /// What is read last.
    pub(super) fn quiet(&mut self, text: &str) {
        for line in wrap(text, self.width.min(TEXT_WIDTH_MAX), "", "") {
            let quiet = self.paint.quiet(&line);
            self.line(&quiet);
        }
    }

    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    pub(super) fn paragraph(&mut self, text: &str, first: &str, rest: &str) {
        for line in wrap(text, self.width.min(TEXT_WIDTH_MAX), first, rest) {
            self.line(&line);
        }
    }

    fn head(&mut self, bill: &Bill<'_>) {
        let title = self.paint.strong("tunneltax · the bill of one tunnel");
        self.line(&title);
        for line in wrap(
            &bill::provenance_line(&bill.record.provenance),
            self.width,
            "",
            "",
        ) {
            let quiet = self.paint.quiet(&line);
            self.line(&quiet);
        }
        if let Some(scenario) = bill::scenario(bill.record) {
            self.scenario(&scenario);
        }
        for sentence in bill::sentences(bill) {
            self.line("");
            let text: String = sentence
                .iter()
                .map(|span| match span {
                    Span::Words(words) => words.clone(),
                    Span::Figure(figure) => Paint::mark(figure),
                })
                .collect();
            for line in wrap(&text, self.width.min(TEXT_WIDTH_MAX), "", "") {
                let line = self.paint.figure(&line);
                self.line(&line);
            }
        }
        if bill.groups.is_empty() {
            self.line("");
            self.line("Nothing was measured.");
        }
    }

    fn scenario(&mut self, scenario: &bill::Scenario) {
        self.line("");
        let title = self.paint.strong(&scenario.title);
        self.line(&title);
        self.paragraph(&scenario.question, "", "");
        for text in [&scenario.reading].into_iter().chain(&scenario.expected) {
            self.line("");
            self.paragraph(text, "", "");
        }
    }

    pub(super) fn table(&mut self, table: &Table) {
        if !table.title.is_empty() {
            self.line("");
            let title = self.paint.strong(&table.title);
            self.line(&title);
        }
        for line in wrap(&table.note, self.width, "", "") {
            let note = self.paint.quiet(&line);
            self.line(&note);
        }
        let looks = Look::AMPLE.iter();
        let ample = looks.map(|look| Drawn::new(table, 0..columns(table), *look));
        let fitting = ample.into_iter().find(|drawn| drawn.width() <= self.width);
        match fitting {
            Some(drawn) => self.drawn(&drawn),
            None => {
                for part in parts(table, self.width) {
                    self.drawn(&part);
                }
            }
        }
        for row in &table.rows {
            if let RowKind::Failed(message) = &row.kind {
                self.paragraph(&format!("{} failed: {message}", row.label), " ", "   ");
            }
        }
    }

    fn drawn(&mut self, drawn: &Drawn) {
        for (i, line) in drawn.table.lines().enumerate() {
            let line = line.trim_end().to_owned();
            let head = i < drawn.head_lines;
            let painted = if head {
                self.paint.head(&line)
            } else {
                self.paint.cells(&line)
            };
            self.line(&painted);
        }
    }

    pub(super) fn notes(&mut self, title: &str, notes: &[String]) {
        if notes.is_empty() {
            return;
        }
        self.line("");
        let title = self.paint.strong(title);
        self.line(&title);
        for note in notes {
            self.paragraph(note, " · ", "   ");
        }
    }

    fn legend(&mut self) {
        self.terms(&legend());
    }

    /// Terms and what they mean.
    pub(super) fn terms(&mut self, terms: &[(&str, &str)]) {
        self.line("");
        self.title("How to read it");
        for (term, meaning) in terms {
            let first = format!(" {term:<13} ");
            for line in wrap(
                meaning,
                self.width.min(TEXT_WIDTH_MAX),
                &first,
                &" ".repeat(15),
            ) {
                let quiet = self.paint.quiet(&line);
                self.line(&quiet);
            }
        }
    }
}
