//! Three looks at a record of `load`.

use std::fmt::Write;

use maud::{DOCTYPE, PreEscaped, html as markup};

use super::chart::{self, LoadCurve, LoadPanel};
use super::figures::{self, Figure};
use super::terminal::{Page, TerminalStyle};
use super::{html, markdown, theme};
use crate::bill::{self, Percentile, Table, clean};
use crate::load::tables::{
    Loads, at_the_same_load, check, idle, measured, remarks, sentences, service, sights, subject,
    throughput,
};
use crate::load::{Compared, Figures, LoadRecord, over_instances};
use crate::record::RecordError;

const TITLE: &str = "What a packet sees under load";
/// Most cases that the chart has room for.
const PANELS_MAX: usize = 3;

/// Draws a record of `load` for a terminal.
pub fn load_terminal(record: &LoadRecord, style: &TerminalStyle) -> Result<String, RecordError> {
    let mut out = Page::new(style);
    out.title("tunneltax · what a packet sees under load");
    out.quiet(&bill::provenance_line(&record.provenance));
    out.line("");
    out.quiet(&subject(record));
    for sentence in sentences(record)? {
        out.line("");
        out.paragraph(&sentence, "", "");
    }
    for table in tables(record, Loads::Few)? {
        out.table(&table);
    }
    out.notes("About this run", &remarks(record));
    Ok(out.into_text())
}

/// Draws a record of `load` as Markdown.
pub fn load_markdown(record: &LoadRecord) -> Result<String, RecordError> {
    let mut out = format!("# {TITLE}\n\n{}\n", markdown::escape(&subject(record)));
    for sentence in sentences(record)? {
        let _ = write!(out, "\n{}\n", markdown::escape(&sentence));
    }
    for table in tables(record, Loads::All)? {
        markdown::titled(&mut out, 2, &table);
    }
    let said: Vec<String> = remarks(record)
        .iter()
        .map(|text| markdown::escape(text))
        .collect();
    markdown::bullets(&mut out, "About this run", &said);
    markdown::titled(&mut out, 2, &origin(record));
    Ok(out)
}

/// Draws a record of `load` as one self-contained HTML file.
pub fn load_html(record: &LoadRecord) -> Result<String, RecordError> {
    let tables = tables(record, Loads::All)?;
    let said = remarks(record);
    let sentences = sentences(record)?;
    let figure = figure(record, check(record, Loads::All, false)?);
    let line = bill::provenance_line(&record.provenance);
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (TITLE) }
                style { (PreEscaped(theme::css())) }
            }
            body {
                header {
                    p.brand { "tunneltax" }
                    h1 { (TITLE) }
                    p.meta { (subject(record)) }
                    @for sentence in &sentences { p { (sentence) } }
                }
                main {
                    (html::draw(&figure, &line))
                    @for table in &tables {
                        section {
                            h2 { (table.title) }
                            (html::draw_table(table, &table.title))
                        }
                    }
                    section {
                        h2 { "About this run" }
                        ul { @for remark in &said { li { (remark) } } }
                    }
                    section #origin {
                        h2 { "Where it comes from" }
                        dl.provenance {
                            @for (name, value) in provenance(record) { dt { (name) } dd { (value) } }
                        }
                    }
                }
            }
        }
    };
    Ok(page.into_string())
}

fn tables(record: &LoadRecord, shown: Loads) -> Result<Vec<Table>, RecordError> {
    let mut tables = vec![sights(record, shown, true)?, sights(record, shown, false)?];
    tables.extend(at_the_same_load(record));
    tables.extend([check(record, shown, false)?, check(record, shown, true)?]);
    tables.extend(throughput(record));
    tables.push(service(record)?);
    tables.extend(idle(record));
    Ok(tables)
}

fn figure(record: &LoadRecord, table: Table) -> Figure {
    let panels: Vec<LoadPanel> = measured(record)
        .take(PANELS_MAX)
        .map(|(case, figures)| LoadPanel {
            title: clean(&case.case, bill::NAME_CHARS),
            curves: curves(figures, record.provenance.clock.step_ns),
        })
        .collect();
    let label = format!("Lines and dots: {TITLE}. The table below has the same figures.");
    Figure {
        id: "loads".to_owned(),
        short: "By load".to_owned(),
        title: "Latency by load".to_owned(),
        caption: "Percent of each case's limit. Lines: modelled, and bands: their 95 % interval over instances; dots: paced, and bars from the lowest to the highest trial; of the same trials.".to_owned(),
        key: vec![(1, "p50".to_owned()), (2, "p99".to_owned())],
        charts: figures::both(|format| chart::loads(format, &panels, &label)),
        table,
    }
}

/// A percentile: modelled ns, and paced ns with their spread.
type Pick = fn(&Compared) -> (Option<u64>, Option<u64>, Option<[u64; 2]>);

fn curves(figures: &Figures, clock_step_ns: f64) -> Vec<LoadCurve> {
    let p50: Pick = |of| (of.modelled_p50_ns, of.paced_p50_ns, of.paced_p50_spread_ns);
    let p99: Pick = |of| (of.modelled_p99_ns, of.paced_p99_ns, of.paced_p99_spread_ns);
    let curve = |(series, quantile, pick): (usize, f64, Pick)| {
        let all = figures.loads.iter();
        let loads: Vec<(f64, &Compared)> = all
            .filter_map(|load| Some((load.load_percent?, &load.all)))
            .collect();
        let over = |of: &Compared| over_instances(&of.modelled, quantile, clock_step_ns);
        let line = |(percent, of): &(f64, &Compared)| {
            let ns = match over(of) {
                Some(Percentile::OverInstances(ns, _)) => ns,
                _ => pick(of).0? as f64,
            };
            Some((*percent, ns))
        };
        let band = |(percent, of): &(f64, &Compared)| match over(of)? {
            Percentile::OverInstances(ns, Some(half)) => {
                // The scale is logarithmic: an interval that reaches 0 ends at a tenth.
                let low = (ns - half).max(ns / 10.0);
                Some((*percent, [low, ns + half]))
            }
            _ => None,
        };
        let dot = |(percent, of): &(f64, &Compared)| {
            let (_, ns, spread) = pick(of);
            let ns = ns?;
            let [low, high] = spread.unwrap_or([ns; 2]);
            Some((*percent, [low as f64, ns as f64, high as f64]))
        };
        LoadCurve {
            series,
            modelled: loads.iter().filter_map(line).collect(),
            band: loads.iter().filter_map(band).collect(),
            paced: loads.iter().filter_map(dot).collect(),
        }
    };
    [(1, 0.5, p50), (2, 0.99, p99)].map(curve).into()
}

fn provenance(record: &LoadRecord) -> Vec<(String, String)> {
    let captures = record.capture.as_slice();
    bill::provenance_list(&record.provenance, &record.state, &record.schema, captures)
}

fn origin(record: &LoadRecord) -> Table {
    Table {
        title: "Where it comes from".to_owned(),
        ..markdown::origin(provenance(record))
    }
}
