//! The stored form of a histogram: `HdrHistogram` V2, deflated, in base64 (`HISTFAAA…`), as the
//! `HdrHistogram` libraries of other languages read and write it.

use std::io::Read;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

/// Bytes before the counts: cookie, length, offset, digits, lowest, highest, ratio.
const HEADER_BYTES: usize = 40;
/// Cookie of the deflated form, with the word-size nibble that every V2 writer sets.
const DEFLATED_COOKIE: [u8; 4] = [0x1c, 0x84, 0x93, 0x14];
/// More than the counts of 1 ns to 292 years at 3 digits take, each stored in 9 bytes.
const INFLATED_MAX_BYTES: u64 = 4 << 20;

/// Why a text is not a histogram.
#[derive(Debug, thiserror::Error)]
pub enum HistogramError {
    /// Not base64.
    #[error("not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// Not the deflated V2 form.
    #[error("it does not begin like HdrHistogram V2, deflated (HISTFAAA…)")]
    Envelope,
    /// The deflated part is damaged.
    #[error("it cannot be inflated: {0}")]
    Inflate(#[from] std::io::Error),
    /// The counts are longer than a histogram of service times can be, or shorter than announced.
    #[error("its counts are not as long as its header says")]
    Length,
    /// The counts or the bounds contradict each other.
    #[error("{0}")]
    Content(String),
}

/// The histogram as text. Empty where the library refuses to write it, which it does for none
/// that it could make.
pub fn encode(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    match V2DeflateSerializer::new().serialize(histogram, &mut bytes) {
        Ok(_) => BASE64_STANDARD.encode(bytes),
        Err(_) => String::new(),
    }
}

/// The histogram back. The library's decoder takes a length from the text and allocates it, up
/// to 4 GB: so the text is inflated here, bounded, and its length compared first.
pub fn decode(text: &str) -> Result<Histogram<u64>, HistogramError> {
    let bytes = BASE64_STANDARD.decode(text.trim())?;
    let (length, deflated) = bytes
        .strip_prefix(&DEFLATED_COOKIE)
        .and_then(|rest| rest.split_first_chunk())
        .ok_or(HistogramError::Envelope)?;
    let deflated = deflated
        .get(..u32::from_be_bytes(*length) as usize)
        .ok_or(HistogramError::Length)?;
    let mut inflated = Vec::new();
    ZlibDecoder::new(deflated)
        .take(INFLATED_MAX_BYTES)
        .read_to_end(&mut inflated)?;
    let announced = inflated
        .get(4..8)
        .and_then(|length| <[u8; 4]>::try_from(length).ok())
        .map(|length| u32::from_be_bytes(length) as usize);
    if announced.and_then(|length| length.checked_add(HEADER_BYTES)) != Some(inflated.len()) {
        return Err(HistogramError::Length);
    }
    Deserializer::new()
        .deserialize(&mut inflated.as_slice())
        .map_err(|error| HistogramError::Content(error.to_string()))
}
