//! What the chunks of a capture gave for each of those who pay, as the record has it.

use std::collections::HashSet;
use std::sync::Arc;

use tunneltax_core::path::Case;
use tunneltax_core::replay::Samples;
use tunneltax_core::workload::{Labels, Workload};
use tunneltax_reports::record::{Payer, PayerCost, PayerKind, Payers};
use tunneltax_reports::stats::Estimate;

use crate::lane_sum::LaneSum;
use crate::payers::{Key, Ranking};

/// Counts of one way of telling packets apart.
pub struct PayerSum {
    rankings: Arc<[Ranking]>,
    /// By ranking and label.
    counts: Vec<Vec<Count>>,
}

#[derive(Clone, Default)]
struct Count {
    packets: u64,
    inner_bytes: u64,
    /// Whose they are, where that is not one alone.
    of: HashSet<Key>,
    /// By lane: bytes added and packets on the wire; of lanes that add none, 0.
    added: Vec<[u64; 2]>,
}

impl PayerSum {
    /// Nothing counted yet.
    pub fn new(rankings: Arc<[Ranking]>) -> Self {
        Self {
            counts: vec![Vec::new(); rankings.len()],
            rankings,
        }
    }

    /// The packets with a label for each ranking.
    pub fn labelled<'c>(&self, packets: Vec<&'c [u8]>) -> Workload<'c> {
        let labels = self.rankings.iter().map(|ranking| ranking.labels(&packets));
        let labels: Vec<Labels> = labels.collect();
        Workload::new(packets).labelled(labels)
    }

    /// Counts the packets that are timed.
    pub fn count(&mut self, timed: &Workload<'_>, lanes: &[LaneSum], outer_mtu: usize) {
        let ways = timed.labels().iter().zip(self.rankings.iter());
        for ((labels, ranking), counts) in ways.zip(&mut self.counts) {
            counts.resize(labels.count(), Count::default());
            for (packet, label) in timed.iter().zip(labels.of()) {
                let count = &mut counts[usize::from(*label)];
                count.packets += 1;
                if ranking.is_rest(usize::from(*label)) {
                    count.of.extend(ranking.way.key(packet));
                }
                count.inner_bytes += packet.len() as u64;
                count.added.resize(lanes.len(), [0; 2]);
                for (lane, [bytes, packets]) in lanes.iter().zip(&mut count.added) {
                    let case = lane.case;
                    if ranking.way.is_for(case) {
                        let added = added(case, packet.len(), outer_mtu);
                        *bytes += added[0];
                        *packets += added[1];
                    }
                }
            }
        }
    }

    /// Who pays, by ranking; `ground` is the lane over which time is added.
    pub fn finish(&self, lanes: &[LaneSum], ground: Option<usize>) -> Vec<Payers> {
        let ground = ground.and_then(|at| lanes.get(at));
        let ways = self.rankings.iter().zip(&self.counts).enumerate();
        let payers = ways.map(|(way, (ranking, counts))| {
            let row = |label| {
                let costs = costs(ranking, way, label, counts.get(label)?, lanes, ground);
                row(ranking, label, counts.get(label)?, costs)
            };
            let mut rows: Vec<Payer> = (0..counts.len()).filter_map(row).collect();
            let id = ranking.way.case.id;
            // Of a capture of which a part is replayed, the order may be another one.
            rows.sort_by_key(|row| (row.kind as u8, std::cmp::Reverse(bytes_by(row, id))));
            Payers {
                by: ranking.way.by(),
                case: id.to_owned(),
                known: ranking.known(),
                rows,
            }
        });
        payers.filter(|payers| !payers.rows.is_empty()).collect()
    }
}

/// Bytes that a case adds to a packet, and packets that it leaves as over the outer MTU.
fn added(case: &Case, inner_bytes: usize, outer_mtu: usize) -> [u64; 2] {
    let packets = case.overhead.packets(inner_bytes, case.outer, outer_mtu);
    [
        case.overhead.added_bytes(inner_bytes) as u64,
        packets.unwrap_or(1) as u64,
    ]
}

/// Bytes that the case adds to a row's packets.
fn bytes_by(row: &Payer, case: &str) -> u64 {
    let cost = row.costs.iter().find(|cost| cost.case == case);
    cost.map_or(0, |cost| cost.added_bytes)
}

/// `None` for nobody: a label without packets.
fn row(ranking: &Ranking, label: usize, count: &Count, costs: Vec<PayerCost>) -> Option<Payer> {
    let (kind, name) = ranking.of(label);
    let of = match kind {
        PayerKind::One => Some(1),
        PayerKind::Rest => Some(count.of.len() as u64),
        PayerKind::Beyond => None,
    };
    (count.packets > 0).then_some(Payer {
        kind,
        name,
        count: of,
        packets: count.packets,
        inner_bytes: count.inner_bytes,
        costs,
    })
}

fn costs(
    ranking: &Ranking,
    way: usize,
    label: usize,
    count: &Count,
    lanes: &[LaneSum],
    ground: Option<&LaneSum>,
) -> Vec<PayerCost> {
    let tunnels = lanes.iter().zip(&count.added).filter(|(lane, _)| {
        lane.twin_of.is_none() && lane.failed.is_none() && ranking.way.is_for(lane.case)
    });
    tunnels
        .map(|(lane, [added_bytes, wire_packets])| PayerCost {
            case: lane.case.id.to_owned(),
            added_bytes: *added_bytes,
            wire_packets: *wire_packets,
            added_ns: ground
                .and_then(|ground| added_ns(lane, ground, way, label, count.packets as f64)),
        })
        .collect()
}

/// What a lane adds to the packets of a label, ns a packet, instance by instance.
fn added_ns(
    lane: &LaneSum,
    ground: &LaneSum,
    way: usize,
    label: usize,
    packets: f64,
) -> Option<Estimate> {
    if ground.failed.is_some() || packets <= 0.0 {
        return None;
    }
    let instances = lane.instances.iter().zip(&ground.instances);
    let added = instances.map(|(lane, ground)| {
        let ns = lane.charged_ns(way, label)? - ground.charged_ns(way, label)?;
        Some(ns / packets).filter(|ns| ns.is_finite())
    });
    Estimate::from_instances(added.collect::<Option<Vec<f64>>>()?)
}

/// By ranking and label, what a walk over the timed packets takes, ns, as their stamped ones say.
/// Not a number where none was stamped.
pub fn charged_ns(samples: &Samples, timed: &Workload<'_>) -> Vec<Vec<f64>> {
    let of_way = |(labels, shares): (&Labels, &Vec<_>)| {
        let mut packets = vec![0_u64; labels.count()];
        for label in labels.of() {
            packets[usize::from(*label)] += 1;
        }
        let share = |(share, packets): (&tunneltax_core::shares::Share, u64)| {
            if packets == 0 {
                0.0
            } else {
                share.ns / share.packets as f64 * packets as f64
            }
        };
        shares.iter().zip(packets).map(share).collect()
    };
    let ways = timed.labels().iter().zip(&samples.shares);
    ways.map(of_way).collect()
}
