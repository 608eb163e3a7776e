//! Packets of a capture that belong to no SA of a file of keys, by reason.

use std::collections::BTreeMap;

use tunneltax_core::fate::Reason;

use crate::esp_keys::EspSa;
use crate::esp_packets::Outer;

/// Reason in [`tunneltax_reports::record::Capture::left_out`]: ESP of an SA that the keys do not
/// name. All others are names of a [`Reason`].
const OTHER_SA: &str = "other_sa";

/// What each is, for people.
const WORDS: [(&str, &str); 4] = [
    (OTHER_SA, "ESP of other SAs"),
    (Reason::NatKeepalive.name(), "NAT keepalives"),
    (Reason::IkeMessage.name(), "IKE on the port of ESP"),
    (Reason::NotEsp.name(), "not ESP, or a fragment of it"),
];

/// The outer headers of a packet and the place of its SA among these, or why it is passed over.
pub fn find_sa(packet: &[u8], sas: &[EspSa]) -> Result<(Outer, usize), &'static str> {
    let outer = Outer::read(packet).map_err(Reason::name)?;
    let sa = sas.iter().position(|sa| outer.is_of(sa));
    Ok((outer, sa.ok_or(OTHER_SA)?))
}

/// How many were passed over, a line a reason.
pub fn lines(left_out: &BTreeMap<String, u64>, capture: &str) -> String {
    let lines = WORDS.iter().filter_map(|(reason, words)| {
        let count = left_out.get(*reason)?;
        Some(format!("{count:>8} packets in {capture} are {words}\n"))
    });
    lines.collect()
}
