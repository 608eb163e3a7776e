//! Tables in columns for a terminal.

use std::ops::Range;

use comfy_table::{CellAlignment, ContentLineStyle, LineStyle, TableStyle};

use crate::bill::{Cell, Room, RowKind, Table, bound, estimate};

const LOOK: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none())
    .header_separator(LineStyle::none().fill('─'))
    .content_lines(ContentLineStyle::none());

/// Columns behind the labels.
pub fn columns(table: &Table) -> usize {
    table.head.len().saturating_sub(1)
}

/// The table cut into parts that fit, each with the labels.
pub fn parts(table: &Table, width: usize) -> Vec<Drawn> {
    let mut parts = Vec::new();
    let mut from = 0;
    while from < columns(table) {
        let fits = |to: &usize| Drawn::new(table, from..*to, Look::TIGHT).width() <= width;
        let to = (from + 2..=columns(table))
            .rev()
            .find(fits)
            .unwrap_or(from + 1);
        parts.push(Drawn::new(table, from..to, Look::TIGHT));
        from = to;
    }
    parts
}

/// How cells are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Digits and blanks.
    pub room: Room,
    /// A difference below what can be told says so in words, not by its bound alone.
    pub in_words: bool,
}

impl Look {
    /// The widest first.
    pub const AMPLE: [Self; 2] = [
        Self {
            room: Room::Ample,
            in_words: true,
        },
        Self {
            room: Room::Ample,
            in_words: false,
        },
    ];
    /// For narrow terminals.
    pub const TIGHT: Self = Self {
        room: Room::Tight,
        in_words: false,
    };
}

/// A part of a table, laid out.
pub struct Drawn {
    /// Ready to be written.
    pub table: comfy_table::Table,
    /// Lines of its head, the rule included.
    pub head_lines: usize,
}

impl Drawn {
    /// Lays `columns` of a table out.
    pub fn new(table: &Table, columns: Range<usize>, look: Look) -> Self {
        let room = look.room;
        let mut drawn = comfy_table::Table::new();
        drawn.load_style(LOOK);
        let heads: Vec<String> = std::iter::once("")
            .chain(
                columns
                    .clone()
                    .map(|i| table.head.get(i + 1).map_or("", String::as_str)),
            )
            .map(|head| stack(head, room))
            .collect();
        let head_lines = heads
            .iter()
            .map(|head| head.lines().count())
            .max()
            .unwrap_or(0)
            + 1;
        drawn.set_header(heads);
        for row in &table.rows {
            let label = match row.kind {
                RowKind::Inner => format!("  {}", row.label),
                _ => row.label.clone(),
            };
            let failed = matches!(row.kind, RowKind::Failed(_));
            let cells = columns.clone().map(|i| match row.cells.get(i) {
                Some(cell) => text(cell, look),
                None if failed && i == columns.start => "failed".to_owned(),
                None => String::new(),
            });
            drawn.add_row(std::iter::once(label).chain(cells).collect::<Vec<String>>());
        }
        for (i, column) in drawn.column_iter_mut().enumerate() {
            let gap = u16::from(room == Room::Ample);
            column.set_padding((if i == 0 { 0 } else { 1 + gap }, 0));
            column.set_delimiter('\u{a0}');
            if i > 0 {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Self {
            table: drawn,
            head_lines,
        }
    }

    /// Width of its lines.
    pub fn width(&self) -> usize {
        let padding: usize = self
            .table
            .column_iter()
            .map(|column| usize::from(column.padding_width()))
            .sum();
        let content: usize = self
            .table
            .column_max_content_widths()
            .into_iter()
            .map(usize::from)
            .sum();
        padding + content
    }
}

/// A long head on two lines, broken at its last blank.
fn stack(head: &str, room: Room) -> String {
    match head.rsplit_once(' ') {
        Some((capture, class)) if room == Room::Tight || head.chars().count() > 12 => {
            format!("{capture}\n{class}")
        }
        _ => head.to_owned(),
    }
}

fn text(cell: &Cell, look: Look) -> String {
    let room = look.room;
    match cell {
        Cell::Blank => String::new(),
        Cell::Text(text) | Cell::Number(text) => text.clone(),
        Cell::Estimate(mean, half) => estimate(*mean, *half, room),
        Cell::Bound(value) => bound(*value, room),
        Cell::Below(value) if look.in_words => format!("cannot tell (< {})", bound(*value, room)),
        Cell::Below(value) => format!(
            "<{}{}",
            if room == Room::Ample { " " } else { "" },
            bound(*value, room)
        ),
        Cell::CannotTell if room == Room::Ample => "cannot tell".to_owned(),
        Cell::CannotTell => "?".to_owned(),
        Cell::Failed => "failed".to_owned(),
    }
}
