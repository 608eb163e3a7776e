//! The stored form of histograms: read what other libraries wrote, survive what nobody did.

use hdrhistogram::Histogram;
use proptest::prelude::*;
use tunneltax_reports::histogram::{HistogramError, decode, encode};

/// The first two intervals of `tagged-Log.logV2.hlog`, in the tests of `HdrHistogram` for Java
/// and of its Rust port, with the largest value that the log gives for each, ms.
const LOG: [(&str, &str); 2] = [
    (
        "HISTFAAAAEV42pNpmSzMwMCgyAABTBDKT4GBgdnNYMcCBvsPEBEJISEuATEZMQ4uASkhIR4nrxg9v2lMaxhvMekILGZkKmcCAEf2CsI=",
        "2.769",
    ),
    (
        "HISTFAAAAEJ42pNpmSzMwMAgxwABTBDKT4GBgdnNYMcCBvsPEBEWLj45FTExAT4pBSEBKa6UkAgBi1uM7xjfMMlwMDABAC0CCjM=",
        "0.442",
    ),
];
const JAVA: &str = LOG[0].0;

#[test]
fn reads_what_other_libraries_wrote() {
    for (text, max_ms) in LOG {
        let max = decode(text).unwrap().max() as f64 / 1e6;
        assert_eq!(format!("{max:.3}"), max_ms);
    }
}

#[test]
fn writes_the_form_that_others_read() {
    let mut histogram = Histogram::<u64>::new(3).unwrap();
    histogram.record_n(42, 7).unwrap();
    let text = encode(&histogram);
    assert!(text.starts_with("HISTFAAA"), "{text}");
    assert_eq!(decode(&text).unwrap(), histogram);
    assert_eq!(
        decode(&encode(&Histogram::new(3).unwrap())).unwrap().len(),
        0
    );
}

/// 4 GB, announced by 60 bytes: the decoder below would take them.
#[test]
fn refuses_a_length_that_is_not_there() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use std::io::Write;
    let mut plain = vec![0x1c, 0x84, 0x93, 0x13];
    plain.extend(u32::MAX.to_be_bytes());
    plain.extend([0; 32]);
    let mut deflater = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    deflater.write_all(&plain).unwrap();
    let deflated = deflater.finish().unwrap();
    let mut bytes = vec![0x1c, 0x84, 0x93, 0x14];
    bytes.extend(u32::try_from(deflated.len()).unwrap().to_be_bytes());
    bytes.extend(deflated);
    let refused = decode(&BASE64_STANDARD.encode(bytes));
    assert!(
        matches!(refused, Err(HistogramError::Length)),
        "{refused:?}"
    );
}

#[test]
fn says_what_is_wrong() {
    assert!(matches!(decode("§"), Err(HistogramError::Base64(_))));
    assert!(matches!(decode(""), Err(HistogramError::Envelope)));
    assert!(matches!(
        decode("SElTVEZBQUE="),
        Err(HistogramError::Envelope)
    ));
    assert!(decode(&JAVA[..40]).is_err());
}

proptest! {
    #[test]
    fn keeps_every_count(values in prop::collection::vec(1_u64..1_000_000_000, 1..200)) {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        for value in values {
            histogram.record(value).unwrap();
        }
        prop_assert_eq!(decode(&encode(&histogram)).unwrap(), histogram);
    }

    #[test]
    fn never_panics(at in 0_usize..104, byte in any::<u8>(), cut in 0_usize..104) {
        let mut text = JAVA.as_bytes().to_vec();
        text[at] = byte;
        text.truncate(cut.max(at + 1));
        if let Ok(text) = std::str::from_utf8(&text) {
            let _ = decode(text);
        }
    }
}
