//! A whole record with edits: JSON that parses, fields of the right kind, and values that nobody
//! expects. The look that the first byte names must draw them, without a number that is none, and
//! without a name that becomes markup or steers the terminal.

use std::io::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::{Map, Value, json};

use crate::Target;
use crate::record::{self, LOOKS, Look};
use crate::script::Script;

pub const TARGET: Target = Target {
    name: "drawing",
    run,
    seeds,
};

/// Most edits of an input.
const EDITS_MAX: usize = 12;
/// Items of a list, and copies of a text.
const RESIZED_MAX: usize = 32;
/// A text is not repeated, and a document not copied into itself, when it is longer than this:
/// a few edits would fill the memory.
const TEXT_BYTES_MAX: usize = 2000;
const VALUES_MAX: usize = 10_000;
/// Text that asks for trouble: markup, tables, control characters, wide and joined letters.
const NAMES: [&str; 8] = [
    "",
    "<script>evil",
    "a|b`c",
    "\u{1b}[31m\r\n\0",
    "日本語 👩‍👩‍👧‍👦",
    "\u{202e}e\u{301}\u{301}",
    "forward",
    "esp/none@@//",
];
const NUMBERS: [f64; 8] = [
    0.0,
    -1.0,
    1e308,
    -1e308,
    5e-324,
    4_294_967_295.0,
    9_007_199_254_740_993.0,
    0.1,
];

fn run(bytes: &[u8]) {
    let mut script = Script(bytes);
    let look = LOOKS[usize::from(script.u8()) % LOOKS.len()];
    let mut document = record::example();
    for _ in 0..EDITS_MAX {
        if script.is_over() {
            break;
        }
        edit(&mut document, &mut script);
    }
    let record = record::read(&document.to_string());
    let Some(text) = record.and_then(|record| record::draw(&record, look)) else {
        return;
    };
    let trouble = match look {
        Look::Terminal => "\u{1b}",
        Look::Markdown | Look::Html => "<script>evil",
    };
    assert!(!text.contains(trouble), "a name is more than a name");
    let mut words = text.split(|c: char| !c.is_alphabetic());
    let wrong = words.find(|word| matches!(*word, "NaN" | "inf" | "Infinity"));
    assert_eq!(wrong, None, "drawn in the place of a number");
}

/// Changes one value of the document.
fn edit(document: &mut Value, script: &mut Script<'_>) {
    let (at, how, other) = (script.u16(), script.u8(), script.u16());
    let count = count(document);
    if count > VALUES_MAX {
        return;
    }
    let other = nth(document, &mut (usize::from(other) % count)).cloned();
    let Some(value) = nth(document, &mut (usize::from(at) % count)) else {
        return;
    };
    *value = match (how % 8, &*value) {
        (0, _) => Value::Null,
        (1, _) => other.unwrap_or_default(),
        (_, Value::String(text)) => json!(match how % 8 {
            2 if text.len() < TEXT_BYTES_MAX => {
                text.repeat(usize::from(script.u8()) % RESIZED_MAX)
            }
            3 => histogram(script.prefixed()),
            _ => NAMES[usize::from(script.u8()) % NAMES.len()].to_owned(),
        }),
        (2, _) => json!(f64::from_bits(script.u64())),
        (3, _) => json!(script.u64()),
        (_, Value::Array(values)) => resized(values, script.u8()),
        (_, Value::Object(fields)) => renamed(fields, script.u8(), script.u8()),
        _ => json!(NUMBERS[usize::from(script.u8()) % NUMBERS.len()]),
    };
}

/// Values in a document, it among them.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(values) => values.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// The value behind so many others.
fn nth<'v>(value: &'v mut Value, before: &mut usize) -> Option<&'v mut Value> {
    if *before == 0 {
        return Some(value);
    }
    *before -= 1;
    match value {
        Value::Array(values) => values.iter_mut().find_map(|value| nth(value, before)),
        Value::Object(fields) => fields.values_mut().find_map(|value| nth(value, before)),
        _ => None,
    }
}

/// A list, empty, shorter or longer.
fn resized(values: &[Value], to: u8) -> Value {
    let last = values.last().cloned().unwrap_or_default();
    let mut values = values.to_vec();
    values.resize(usize::from(to) % RESIZED_MAX, last);
    Value::Array(values)
}

/// A table in which one field has another name.
fn renamed(fields: &Map<String, Value>, which: u8, to: u8) -> Value {
    let which = usize::from(which) % fields.len().max(1);
    let name = NAMES[usize::from(to) % NAMES.len()];
    let fields = fields.iter().enumerate().map(|(at, (key, value))| {
        let key = if at == which { name } else { key };
        (key.to_owned(), value.clone())
    });
    Value::Object(fields.collect())
}

/// Arbitrary bytes as the stored form of a histogram: deflated, in base64.
fn histogram(payload: &[u8]) -> String {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    let deflated = encoder.write_all(payload).and_then(|()| encoder.finish());
    let deflated = deflated.expect("memory takes it");
    let length = (deflated.len() as u32).to_be_bytes();
    BASE64_STANDARD.encode([&[0x1c, 0x84, 0x93, 0x14], &length[..], &deflated].concat())
}

/// Edits of every kind.
fn seeds() -> Vec<Vec<u8>> {
    let whole: Vec<u8> = [
        // Cookie, length of the counts, offset, digits.
        [0x1c, 0x84, 0x93, 0x13, 0, 0, 0, 3],
        [0, 0, 0, 0, 0, 0, 0, 3],
        // Lowest and highest value, ratio.
        1_u64.to_be_bytes(),
        1000_u64.to_be_bytes(),
        1_f64.to_be_bytes(),
    ]
    .concat();
    let counts = [&whole[..], &[1, 2, 4]].concat();
    let mut seeds: Vec<Vec<u8>> = (0..8_u8)
        .map(|how| vec![how, 40 + how * 9, 0, how, 7, 0, 1, 2, 3, 4, 5, 6, 7])
        .collect();
    seeds.push([&[2, 200, 0, 3, 0, 0], &crate::script::prefixed(&counts)[..]].concat());
    seeds
}
