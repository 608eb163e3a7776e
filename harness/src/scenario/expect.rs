//! What a scenario says must be sent and dropped, held against the proof.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use tunneltax_core::capture::Limits;
use tunneltax_core::path::{Case, Setup};
use tunneltax_core::proof::{self, Proof};
use tunneltax_core::workload::Workload;

use super::Scenario;
use crate::captures::{self, Survey};
use crate::failure::Failure;
use crate::select::without_library;

/// What must come out of one case, whatever its library, on all packets of one capture.
pub struct Expectation {
    /// Name of the capture.
    pub capture: String,
    /// Id of the case without its library.
    pub case: String,
    /// Packets that come in.
    pub packets: u64,
    /// Bytes of what is sent.
    pub wire_bytes: u64,
    /// Packets that are longer than the outer MTU when sent.
    pub over_mtu: u64,
    /// Packets dropped, by reason; all others come out at the far end.
    pub drops: BTreeMap<&'static str, u64>,
}

/// A case that did something else than its scenario says.
pub struct Refuted {
    /// Name of the capture.
    pub capture: String,
    /// Id of the case.
    pub case: &'static str,
    /// What was expected, and what was got.
    pub message: String,
}

impl std::fmt::Display for Refuted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} on {}: {}; the rest is measured, this row has no result",
            self.case, self.capture, self.message
        )
    }
}

/// Walks over every packet of the captures with the cases that something is expected of.
pub fn refuted(
    scenario: &Scenario,
    surveys: &[Survey],
    limits: Limits,
    setup: &Setup,
    stop: &AtomicBool,
) -> Result<Vec<Refuted>, Failure> {
    let mut refuted = Vec::new();
    for survey in surveys {
        let of_capture = |e: &&Expectation| e.capture == survey.name;
        for expected in scenario.expect.iter().filter(of_capture) {
            let named = |case: &&&Case| without_library(case.id) == expected.case;
            for case in scenario.cases.iter().filter(named) {
                let proven = prove(case, survey, limits, setup, stop)?;
                let message = proven.map_or_else(Some, |proof| expected.differs(&proof));
                if let Some(message) = message.filter(|_| captures::going(stop).is_continue()) {
                    refuted.push(Refuted {
                        capture: survey.name.clone(),
                        case: case.id,
                        message,
                    });
                }
            }
        }
    }
    Ok(refuted)
}

/// The whole capture through one case; or why its round trip is wrong.
fn prove(
    case: &Case,
    survey: &Survey,
    limits: Limits,
    setup: &Setup,
    stop: &AtomicBool,
) -> Result<Result<Proof, String>, Failure> {
    let mut total = Ok(Proof::default());
    captures::each_chunk(&survey.path, limits, |chunk| {
        let workload = Workload::new(chunk.packets().collect());
        let one = proof::prove(case, &setup.for_packets(workload.len()), &workload);
        match (&mut total, one) {
            (Ok(total), Ok(one)) => total.add(&one),
            (Ok(_), Err(why)) => total = Err(why.to_string()),
            (Err(_), _) => {}
        }
        Ok(captures::going(stop))
    })?;
    Ok(total)
}

impl Expectation {
    /// Every count that is another one; `None` where all are as expected.
    fn differs(&self, proof: &Proof) -> Option<String> {
        let dropped: BTreeMap<&str, u64> = proof
            .drops
            .iter()
            .map(|(reason, count)| (reason.name(), count))
            .collect();
        let of = |drops: &BTreeMap<&str, u64>, reason| drops.get(reason).copied().unwrap_or(0);
        let verified = self.packets.saturating_sub(self.drops.values().sum());
        let mut counts = vec![
            ("packets", self.packets, proof.packets),
            ("bytes sent", self.wire_bytes, proof.wire_bytes),
            ("packets over the outer MTU", self.over_mtu, proof.over_mtu),
            ("packets that come out right", verified, proof.verified),
        ];
        let reasons = self
            .drops
            .keys()
            .chain(dropped.keys().filter(|r| !self.drops.contains_key(*r)));
        counts.extend(reasons.map(|r| (*r, of(&self.drops, r), of(&dropped, r))));
        let different: Vec<String> = counts
            .iter()
            .filter(|(_, expected, got)| expected != got)
            .map(|(what, expected, got)| format!("expected {expected} {what}, got {got}"))
            .collect();
        (!different.is_empty()).then(|| different.join("; "))
    }
}
