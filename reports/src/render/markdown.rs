//! The bill as Markdown with GitHub's tables.

use std::fmt::Write;

use crate::bill::{
    self, Bill, Cell, Matrix, Room, RowKind, Span, TEMPERATURES, Table, bound, estimate, legend,
};
use crate::record::{Record, RecordError, WorkloadKind};

/// Draws a record as Markdown.
pub fn markdown(record: &Record) -> Result<String, RecordError> {
    let bill = Bill::new(record)?;
    let mut out = String::from("# The bill of one tunnel\n");
    if let Some(scenario) = bill::scenario(record) {
        let _ = write!(out, "\n**{}**\n", escape(&scenario.title));
        let above = [&scenario.question, &scenario.reading];
        for text in above.into_iter().chain(&scenario.expected) {
            let _ = write!(out, "\n{}\n", escape(text));
        }
    }
    for sentence in bill::sentences(&bill) {
        out.push('\n');
        for span in sentence {
            match span {
                Span::Words(words) => out.push_str(&escape(&words)),
                Span::Figure(figure) => {
                    let _ = write!(out, "**{}**", escape(&figure));
                }
            }
        }
        out.push('\n');
    }
    if bill.groups.is_empty() {
        out.push_str("\nNothing was measured.\n");
    }
    let how: Vec<String> = legend()
        .map(|(term, text)| format!("**{}** — {}", escape(term), escape(text)))
        .to_vec();
    bullets(&mut out, "How to read it", &how);
    let said: Vec<String> = bill::remarks(&bill)
        .iter()
        .map(|remark| escape(remark))
        .collect();
    bullets(&mut out, "About this run", &said);
    overview(&mut out, &bill);
    curves(&mut out, &bill);
    if let Some(table) = bill::temperatures(&bill) {
        titled(&mut out, 2, &table);
    }
    cost_models(&mut out, &bill);
    waterfalls(&mut out, &bill);
    payers(&mut out, &bill);
    details(&mut out, &bill);
    let aside = [
        bill::fits(record),
        bill::left_out(record),
        bill::null_gates(&bill),
    ];
    for table in aside.into_iter().flatten() {
        titled(&mut out, 2, &table);
    }
    out.push_str("\n## Where it comes from\n");
    out.push_str(&pipes(&origin(bill::provenance(record))));
    Ok(out)
}

/// A list of names and values as a table.
pub(super) fn origin(list: Vec<(String, String)>) -> Table {
    Table {
        head: vec![String::new(), String::new()],
        rows: list
            .into_iter()
            .map(|(name, value)| bill::TableRow {
                label: name,
                kind: RowKind::Plain,
                cells: vec![Cell::Text(value)],
            })
            .collect(),
        ..Table::default()
    }
}

fn overview(out: &mut String, bill: &Bill<'_>) {
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
        for temperature in TEMPERATURES {
            let groups = bill.of(kinds, temperature);
            if groups.is_empty() {
                continue;
            }
            let _ = write!(out, "\n## {title}, {}\n", bill::temperature(temperature));
            for shows in [Matrix::Steps, Matrix::Gigabits] {
                let table = bill::matrix(bill, &groups, shows);
                let _ = write!(out, "\n{}\n", escape(&table.note));
                out.push_str(&pipes(&table));
            }
            if let Some(table) = bill::fastest(&groups) {
                let _ = write!(out, "\n{}\n", escape(&table.note));
                out.push_str(&pipes(&table));
            }
        }
    }
}

fn curves(out: &mut String, bill: &Bill<'_>) {
    let curves = bill::curves(bill);
    if curves.is_empty() {
        return;
    }
    let _ = write!(out, "\n## Cost curves\n\n{}\n", escape(bill::CURVES));
    for of in &curves {
        titled(out, 3, &of.table);
    }
}

fn cost_models(out: &mut String, bill: &Bill<'_>) {
    let models = bill::cost_models(bill);
    if models.is_empty() {
        return;
    }
    let _ = write!(out, "\n## Cost model\n\n{}\n", escape(bill::COST_MODEL));
    for model in &models {
        if let Some(sentence) = model.sentence() {
            let _ = write!(out, "\n{}\n", escape(&sentence));
        }
        titled(out, 3, &model.table());
        if let Some(table) = model.predictions() {
            titled(out, 3, &table);
        }
    }
}

fn waterfalls(out: &mut String, bill: &Bill<'_>) {
    let falls = bill::falls(bill);
    if falls.is_empty() {
        return;
    }
    let _ = write!(
        out,
        "\n## The bill by steps\n\n{}\n",
        escape(bill::WATERFALL)
    );
    for fall in &falls {
        titled(out, 3, &fall.table);
    }
}

fn payers(out: &mut String, bill: &Bill<'_>) {
    let tables = bill::payers(bill);
    if tables.is_empty() {
        return;
    }
    let _ = write!(out, "\n## Who pays\n\n{}\n", escape(bill::PAYERS));
    for of in &tables {
        titled(out, 3, &of.table);
    }
}

fn details(out: &mut String, bill: &Bill<'_>) {
    if !bill.groups.is_empty() {
        out.push_str("\n## In full\n");
    }
    for group in &bill.groups {
        titled(out, 3, &bill::full(group));
        if let Some(table) = bill::percentiles(group) {
            let _ = write!(out, "\n{}\n", escape(&table.note));
            out.push_str(&pipes(&table));
        }
        let clock = &bill.record.provenance.clock;
        let more = [bill::instruments(group, clock), bill::counted(group)];
        for table in more.into_iter().flatten() {
            titled(out, 4, &table);
        }
    }
    if let Some(table) = bill::beside(bill) {
        titled(out, 3, &table);
    }
}

pub(super) fn bullets(out: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = write!(out, "\n## {title}\n\n");
    for item in items {
        let _ = writeln!(out, "- {item}");
    }
}

pub(super) fn titled(out: &mut String, level: usize, table: &Table) {
    let _ = write!(out, "\n{} {}\n", "#".repeat(level), escape(&table.title));
    if !table.note.is_empty() {
        let _ = write!(out, "\n{}\n", escape(&table.note));
    }
    out.push_str(&pipes(table));
}

/// A table as GitHub reads it, its columns padded for those who read the source.
fn pipes(table: &Table) -> String {
    let columns = table.head.len();
    let mut lines: Vec<Vec<String>> = vec![table.head.iter().map(|head| escape(head)).collect()];
    for row in &table.rows {
        let label = match row.kind {
            RowKind::Heading => format!("**{}**", escape(&row.label)),
            _ => escape(&row.label),
        };
        let mut line = vec![label];
        match &row.kind {
            RowKind::Failed(message) => line.push(format!("failed: {}", escape(message))),
            _ => line.extend(row.cells.iter().map(text)),
        }
        line.resize(columns, String::new());
        lines.push(line);
    }
    let words: Vec<bool> = (0..columns).map(|column| is_words(table, column)).collect();
    let width = |column: usize| {
        let short =
            |line: &&Vec<String>| !line.get(1).is_some_and(|cell| cell.starts_with("failed: "));
        let cell = |line: &Vec<String>| line.get(column).map_or(0, |cell| cell.chars().count());
        lines
            .iter()
            .filter(short)
            .map(cell)
            .max()
            .unwrap_or(0)
            .max(3)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let rule: Vec<String> = words
        .iter()
        .zip(&widths)
        .map(|(words, width)| {
            if *words {
                "-".repeat(*width)
            } else {
                format!("{}:", "-".repeat(width - 1))
            }
        })
        .collect();
    lines.insert(1, rule);
    let mut out = String::from("\n");
    for line in lines {
        for ((cell, width), words) in line.iter().zip(&widths).zip(&words) {
            let gap = " ".repeat(width.saturating_sub(cell.chars().count()));
            let _ = if *words {
                write!(out, "| {cell}{gap} ")
            } else {
                write!(out, "| {gap}{cell} ")
            };
        }
        out.push_str("|\n");
    }
    out
}

/// Whether a column holds words, which begin on the left.
fn is_words(table: &Table, column: usize) -> bool {
    let Some(at) = column.checked_sub(1) else {
        return true;
    };
    table
        .rows
        .iter()
        .any(|row| matches!(row.cells.get(at), Some(Cell::Text(_))))
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Blank => String::new(),
        Cell::Text(text) | Cell::Number(text) => escape(text),
        Cell::Estimate(mean, half) => estimate(*mean, *half, Room::Ample),
        Cell::Bound(value) => bound(*value, Room::Ample),
        Cell::Below(value) => format!("cannot tell (&lt; {})", bound(*value, Room::Ample)),
        Cell::CannotTell => "cannot tell".to_owned(),
        Cell::Failed => "failed".to_owned(),
    }
}

/// Text that shows as it is, wherever it stands.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '$' | '~' | '#' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}
