//! The page: one file, two renderings of each chart, a table behind each, nothing from outside.

mod common;

use tunneltax_reports::record::Record;
use tunneltax_reports::render::{html, markdown};

fn page(record: &Record) -> String {
    html(record).unwrap()
}

/// Set `TUNNELTAX_DRAW_TO` to a path to look at the page in a browser.
#[test]
fn draw() {
    let page = page(&common::record());
    if let Ok(path) = std::env::var("TUNNELTAX_DRAW_TO") {
        std::fs::write(path, &page).unwrap();
    }
    assert!(page.len() < 600_000, "{} bytes", page.len());
}

#[test]
fn needs_nothing_but_itself() {
    let page = page(&common::record());
    assert!(page.starts_with("<!DOCTYPE html>"));
    for outside in [
        "<script", "<link", "<img", "<iframe", "src=", "@import", "url(", "https://", "//cdn",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    // the one address is the name of SVG's vocabulary, which nobody fetches
    assert_eq!(
        page.matches("http://").count(),
        page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count()
    );
    let links = page
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    for link in links {
        let id = link.strip_prefix('#').unwrap();
        assert_eq!(page.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
    }
}

#[test]
fn each_chart_twice_and_a_table_behind_it() {
    let page = page(&common::record());
    let figures: Vec<&str> = page
        .split("<figure")
        .skip(1)
        .filter_map(|rest| rest.split("</figure>").next())
        .collect();
    assert_eq!(figures.len(), 3);
    for figure in figures {
        for (class, width) in [("wide", 760), ("narrow", 340)] {
            let svg = figure
                .split("<svg")
                .find(|svg| svg.contains(&format!("class=\"chart {class}\"")))
                .unwrap();
            let root = svg.split('>').next().unwrap();
            assert!(root.contains(&format!("viewBox=\"0 0 {width} ")), "{root}");
            assert!(
                root.contains("role=\"img\"") && root.contains("aria-label=\""),
                "{root}"
            );
            assert!(
                !root.contains(" width=") && !root.contains(" height="),
                "{root}"
            );
            for size in svg
                .split("font-size=\"")
                .skip(1)
                .filter_map(|rest| rest.split('"').next())
            {
                // what the margins leave of the narrowest page: a phone of 320, a window of 740
                let page = if class == "narrow" { 288.0 } else { 676.0 };
                let pixels = size.parse::<f64>().unwrap() * page / f64::from(width);
                assert!(pixels >= 11.0, "{class}: {pixels}");
            }
        }
        let details = figure.split("<details>").nth(1).unwrap();
        assert!(details.contains("<table>"));
        assert!(figure.contains("Example CPU 9000") && figure.contains("commit 0123456789ab"));
        assert!(figure.contains("step 10.4 ns") && figure.contains("tunneltax run"));
    }
}

/// A colour that the style sheet doesn't know would stay as it is in the dark.
#[test]
fn every_colour_of_a_chart_has_a_theme() {
    let page = page(&common::record());
    let (style, body) = page.split_once("</style>").unwrap();
    let mut seen = 0;
    for attribute in ["fill", "stroke"] {
        for color in body
            .split(&format!(" {attribute}=\"#"))
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
        {
            assert!(
                style.contains(&format!(
                    ".chart [{attribute}=\"#{color}\"]{{{attribute}:var("
                )),
                "{color}"
            );
            seen += 1;
        }
    }
    assert!(seen > 100);
    let swatches = body
        .split("class=\"swatch ")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    for swatch in swatches {
        assert!(
            style.contains(&format!(".{swatch}{{background:var(")),
            "{swatch}"
        );
    }
    assert!(style.contains("prefers-color-scheme:dark") && style.contains("@media print"));
}

/// The bars add up to what the tables say.
#[test]
fn the_chart_shows_the_measured_total() {
    let record = common::record();
    let page = page(&record);
    let bars = page
        .split("id=\"by-size\"")
        .nth(1)
        .unwrap()
        .split("</svg>")
        .next()
        .unwrap();
    let group = record
        .groups
        .iter()
        .find(|group| group.workload == "1440")
        .unwrap();
    let row = group
        .rows
        .iter()
        .find(|row| row.case == "esp/aes-256-gcm@ring")
        .unwrap();
    let total = row.figures.as_ref().unwrap().sum_ns.mean.round();
    assert!(bars.contains(&format!(">\n{total}\n<")), "{total}");
    // seven sizes, two ciphers, three steps
    assert_eq!(bars.matches("<rect").count(), 7 * 2 * 3);
}

/// A step has its own tint and column wherever it stands in a bar, not those of its place.
#[test]
fn a_step_is_one_series_in_all_bars() {
    let mut record = common::record();
    for case in &mut record.cases {
        if case.id.contains("chacha20") {
            case.step = "another sealing".to_owned();
        }
    }
    let page = page(&record);
    let figure = page.split("id=\"by-size\"").nth(1).unwrap();
    let key = figure.split("</ul>").next().unwrap();
    let names = [
        "forwarding",
        "encapsulation",
        "encryption + integrity",
        "another sealing",
    ];
    for (series, name) in names.into_iter().enumerate() {
        let shown = format!("swatch s{series}\" aria-hidden=\"true\"></span>{name}");
        assert!(key.contains(&shown), "{name}: {key}");
    }
    let bars = figure.split("</svg>").next().unwrap();
    // Seven sizes each.
    for (series, count) in [(2, 7), (3, 7)] {
        let tint = ["#939DA9", "#1D6FB8", "#E3811C", "#8B4F9F"][series];
        assert_eq!(bars.matches(tint).count(), count, "series {series}");
    }
}

#[test]
fn hostile_names_stay_text() {
    let hostile = "<script>alert(1)</script>|`\"'&amp;\x1b[31m\u{202e}";
    let mut record = common::record();
    record.groups.truncate(9);
    for group in &mut record.groups {
        group.workload = if group.capture.is_some() {
            hostile.to_owned()
        } else {
            group.workload.clone()
        };
        group.rows[0].passed = false;
        group.rows[0].message = Some(hostile.to_owned());
        for figures in group.rows.iter_mut().filter_map(|row| row.figures.as_mut()) {
            figures.work.drops.insert(hostile.to_owned(), 3);
        }
    }
    record.cases[2].step = hostile.to_owned();
    record.captures[0].name = hostile.to_owned();
    record.captures[0].left_out.insert(hostile.to_owned(), 1);
    record.provenance.host.cpu = hostile.to_owned();
    record.provenance.command = vec![hostile.to_owned()];
    record.state = hostile.to_owned();
    let page = page(&record);
    assert!(page.contains("&lt;script&gt;"));
    let markdown = markdown(&record).unwrap();
    for text in [&page, &markdown] {
        for raw in ["<script", "\x1b", "\u{202e}"] {
            assert!(!text.contains(raw), "{raw:?}");
        }
    }
    for table in markdown.split("\n\n").filter(|part| part.starts_with('|')) {
        let columns = |line: &str| line.replace("\\|", "").matches('|').count();
        let head = columns(table.lines().next().unwrap());
        assert!(table.lines().all(|line| columns(line) == head), "{table}");
    }
}
