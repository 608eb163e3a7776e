//! What fits the outer MTU, as a record carries it and as Markdown and HTML show it; and the mark
//! on what is legacy.

mod common;

use std::collections::BTreeMap;

use tunneltax_reports::bill::{Cell, fits};
use tunneltax_reports::record::{Fits, Record};
use tunneltax_reports::render::{html, markdown};

/// What AES-GCM lets through an MTU of 1500, and where more goes out in two packets.
fn gcm() -> Fits {
    Fits {
        outer_mtu: 1500,
        largest_inner: Some(1446),
        mss_ipv4: Some(1406),
        mss_ipv6: Some(1386),
        packets: BTreeMap::from([(64, Some(1)), (1440, Some(1)), (1500, Some(2))]),
    }
}

/// A record in which every library of every cipher says so.
fn record() -> Record {
    let mut record = common::record();
    for case in record.cases.iter_mut().filter(|case| case.id != "forward") {
        case.fits = Some(gcm());
    }
    record
}

#[test]
fn a_cipher_is_a_row_whatever_its_library() {
    let table = fits(&record()).expect("a table");
    assert_eq!(table.title, "What fits an outer MTU of 1500 bytes");
    let labels: Vec<&str> = table.rows.iter().map(|row| row.label.as_str()).collect();
    assert_eq!(
        labels,
        ["esp/none", "esp/aes-256-gcm", "esp/chacha20-poly1305"]
    );
    let head = [
        "case",
        "largest inner",
        "MSS IPv4",
        "MSS IPv6",
        "packets at 1500",
    ];
    assert_eq!(table.head, head);
    let wanted = ["1446", "1406", "1386", "2"].map(|text| Cell::Number(text.to_owned()));
    assert_eq!(table.rows[1].cells, wanted);
}

#[test]
fn what_is_dropped_has_no_number_and_no_size_that_all_carry_a_column() {
    let mut record = record();
    let dropped = Fits {
        packets: BTreeMap::from([(64, Some(1)), (1440, Some(1)), (1500, None)]),
        ..gcm()
    };
    record.cases[1].fits = Some(dropped);
    let table = fits(&record).expect("a table");
    assert_eq!(table.rows[0].cells[3], Cell::Number("-".to_owned()));
    for case in &mut record.cases {
        if let Some(fits) = &mut case.fits {
            fits.packets.retain(|size, _| *size < 1500);
        }
    }
    let table = fits(&record).expect("a table");
    assert_eq!(table.head.len(), 4);
    assert!(!table.note.contains("packets:"));
}

#[test]
fn markdown_and_html_show_it_and_a_record_of_before_is_read_without() {
    let title = "What fits an outer MTU of 1500 bytes";
    let record = record();
    assert!(markdown(&record).unwrap().contains(title));
    assert!(html(&record).unwrap().contains(title));
    let text = serde_json::to_string(&record).unwrap();
    let again: Record = serde_json::from_str(&text).unwrap();
    assert_eq!(again.cases[1].fits, Some(gcm()));

    let before = serde_json::to_string(&common::record()).unwrap();
    assert!(!before.contains("largest_inner"));
    let before: Record = serde_json::from_str(&before).unwrap();
    assert!(fits(&before).is_none());
    assert!(!markdown(&before).unwrap().contains(title));
    assert!(!html(&before).unwrap().contains(title));
}

/// 3DES is marked wherever a report names it above its figures.
#[test]
fn legacy_is_marked() {
    let text = serde_json::to_string(&record()).unwrap();
    assert!(!markdown(&record()).unwrap().contains("legacy"));
    let text = text.replace("chacha20-poly1305", "3des-cbc+hmac-sha-256-128");
    let record: Record = serde_json::from_str(&text).unwrap();
    let [markdown, html] = [markdown(&record).unwrap(), html(&record).unwrap()];
    for page in [&markdown, &html] {
        assert!(page.contains("3des-cbc+hmac-sha-256-128 (legacy)"));
    }
    // Above the bars of its libraries.
    assert!(html.contains("3DES-CBC+HMAC-SHA-256-128 (legacy)"));
}
