//! Far gateways alone: every cipher of ESP in every framing that a packet's outer headers and its
//! keys can tell, whether or not the list has a case that also sends so.

use std::sync::LazyLock;

use super::esp::{Esps, IN_UDP, IN_UDP_OVER_V6, OVER_V6, PLAIN, leaked};
use super::{Case, Kind, cases, find};
use crate::cipher::titled;
use crate::path::framing::Framing;
use crate::sa::Numbers;

/// Outer headers.
const WAYS: [&Esps; 4] = [&PLAIN, &OVER_V6, &IN_UDP, &IN_UDP_OVER_V6];

/// Outer headers, each with both lengths of sequence numbers, and every cipher.
static RECEIVING: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let is_plain = |case: &&Case| case.id.starts_with("esp/") && case.opener.is_some();
    let mut receiving = Vec::new();
    for way in WAYS {
        for numbers in [Numbers::Sent, Numbers::Extended] {
            let of = |plain| listed_or_framed(plain, way, numbers);
            receiving.extend(cases().filter(is_plain).map(of));
        }
    }
    receiving
});

/// Every case that opens what others sealed, outer header by outer header.
pub fn receiving() -> impl Iterator<Item = &'static Case> + Clone {
    RECEIVING.iter()
}

/// The cipher of a plain case in another framing: the case that the list has, or else one that is
/// not in it.
fn listed_or_framed(plain: &Case, way: &Esps, numbers: Numbers) -> Case {
    let (path, words, stage) = match numbers {
        Numbers::Sent => ("", "", None),
        Numbers::Extended => (
            "+esn",
            ", extended sequence numbers",
            Some("extend the number"),
        ),
    };
    let cipher = plain.id.trim_start_matches("esp/");
    let id = format!("{}{path}/{cipher}", way.path);
    if let Some(listed) = find(&id) {
        return *listed;
    }
    let sealing = plain.stages.get(PLAIN.stages.len()..).unwrap_or_default();
    let stages = way.stages.iter().chain(&stage).chain(sealing);
    let sealed = titled(
        plain.algorithm.unwrap_or_default(),
        plain.library.unwrap_or_default(),
    );
    let mut overhead = plain.overhead;
    overhead.front += way.framing.underlay.bytes() - plain.framing.underlay.bytes();
    Case {
        id: leaked(id),
        title: leaked(format!("{}{words}, {sealed}", way.words)),
        stages: Vec::leak(stages.copied().collect()),
        step_of: None,
        kind: Kind::Variant,
        overhead,
        outer: way.framing.underlay.family,
        framing: Framing {
            numbers,
            ..way.framing
        },
        ..*plain
    }
}
