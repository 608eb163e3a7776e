//! The packets of a load: the first of a capture, with their times, or generated ones.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use tunneltax_core::capture::{Chunk, Limits};
use tunneltax_core::path::{Case, Setup};
use tunneltax_core::proof;
use tunneltax_core::workload::Workload;
use tunneltax_reports::model::arrivals::{GapSum, Gaps, NoSchedule};
use tunneltax_reports::record;

use crate::captures::{self, Kept, Look, Source};
use crate::failure::Failure;
use crate::generated::Generated;
use crate::sides::{SideCount, Sides};

/// Most bytes of packets that are kept.
const BYTES_MAX: usize = 12 << 20;

/// Packets that are replayed again and again.
pub struct Packets {
    /// The packets and their times.
    chunk: Chunk,
    /// Name of them.
    pub workload: String,
    /// The capture that they are of.
    pub capture: Option<record::Capture>,
    /// The same, where there are more packets in it: its path, and its gaps.
    pub more: Option<(PathBuf, GapSum)>,
}

/// What every case carries of them.
pub struct Carried<'p> {
    /// In the order of the capture.
    pub workload: Workload<'p>,
    /// Their times, where they have some.
    pub gaps: Result<Gaps, NoSchedule>,
    /// Why cases have no result, by case.
    pub failed: Vec<Option<String>>,
}

impl Packets {
    /// The first `most` packets of a capture: neighbours, so that their gaps are whole.
    pub fn of_capture(
        source: Source,
        limits: Limits,
        most: usize,
        stop: &AtomicBool,
    ) -> Result<Self, Failure> {
        let look = Look {
            gaps: true,
            ..Look::default()
        };
        let surveys = captures::survey(vec![source], limits, &look, stop)?;
        let Some(survey) = surveys.into_iter().next() else {
            return Err(Failure::Failed("no capture was named; name one".to_owned()));
        };
        let mut kept = Chunk::new();
        captures::each_chunk(&survey.path, limits, |chunk| {
            for (at, packet) in chunk.packets().enumerate() {
                if kept.len() >= most || kept.used_bytes() + packet.len() > BYTES_MAX {
                    return Ok(ControlFlow::Break(()));
                }
                kept.push(packet, chunk.timestamp_ns(at));
            }
            Ok(captures::going(stop))
        })?;
        let tally = survey.tally;
        let counted = Kept {
            packets: kept.len() as u64,
            bytes: kept.packet_bytes() as u64,
            of: tally.frames_replayed,
        };
        let sides = Sides::default();
        let capture = captures::to_record(&survey, &tally, &SideCount::new(&sides), &counted);
        Ok(Self {
            chunk: kept,
            workload: survey.name,
            capture: Some(capture),
            more: (counted.of > counted.packets).then_some((survey.path, survey.gap_sum)),
        })
    }

    /// Generated packets, which have no times.
    pub fn generated(of: Generated, seed: u64, dont_fragment: bool) -> Result<Self, Failure> {
        Ok(Self {
            chunk: of.chunk(seed, dont_fragment)?,
            workload: of.mix.to_string(),
            capture: None,
            more: None,
        })
    }

    /// Proves every case on all packets; keeps those that every case carries.
    pub fn carried(&self, cases: &[&'static Case], setup: &Setup) -> Result<Carried<'_>, Failure> {
        let all = Workload::new(self.chunk.packets().collect());
        let mut carried = vec![true; all.len()];
        let mut failed = Vec::new();
        for case in cases {
            let proven = proof::prove(case, &setup.for_packets(all.flow_room()), &all);
            failed.push(match proven {
                Ok(proof) => {
                    for (all, one) in carried.iter_mut().zip(&proof.carried) {
                        *all &= one;
                    }
                    None
                }
                Err(why) => Some(why.to_string()),
            });
        }
        let kept = carried.iter().enumerate().filter(|(_, carried)| **carried);
        let times: Vec<Option<u64>> = kept.map(|(at, _)| self.chunk.timestamp_ns(at)).collect();
        let workload = all.filtered(&carried);
        if workload.is_empty() {
            return Err(Failure::Failed(format!(
                "{}: no packet is carried by every case; `tunneltax verify` says why, or leave cases out",
                self.workload
            )));
        }
        Ok(Carried {
            workload,
            gaps: Gaps::of(&times),
            failed,
        })
    }
}
