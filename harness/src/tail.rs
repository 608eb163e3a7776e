//! What is behind the tail of a case: the slowest of its stamped packets, with a cause where one
//! is known.

use std::collections::{BTreeMap, BTreeSet};

use tunneltax_core::latency::Latency;
use tunneltax_core::net::flow_id::FlowId;
use tunneltax_core::slowest::{KEPT, Slow, Slowest};
use tunneltax_core::usage::Usage;
use tunneltax_core::workload::Workload;
use tunneltax_reports::bill::PERCENTILES;
use tunneltax_reports::record::{Cause, Counted, Exemplar, Tail};

use crate::payers::Names;

/// Quantiles from here on have their packets named.
pub const TAIL: f64 = 0.99;
/// Packets that are named of a tail.
const EXEMPLARS: usize = 8;

/// What all packets of a group have in common.
pub struct Context<'a> {
    /// How flows are named.
    pub names: &'a Names,
    /// Packets between two readings of the clock.
    pub packets_per_reading: usize,
    /// Fresh instances.
    pub instances: u32,
    /// IP total lengths, and how many packets have each.
    pub sizes: &'a BTreeMap<u32, u64>,
}

/// The slowest packets of all instances and chunks, of one half of a path.
#[derive(Clone, Default)]
pub struct TailSum(Slowest<Kept>);

#[derive(Clone, Copy)]
struct Kept {
    slow: Slow,
    instance: u32,
    packet: u64,
    inner_bytes: u32,
    flow: Option<FlowId>,
}

impl TailSum {
    /// Adds those of an instance on the packets of a chunk, before which so many were timed.
    pub fn add(
        &mut self,
        slowest: &Slowest<Slow>,
        instance: u32,
        before: u64,
        timed: &Workload<'_>,
    ) {
        for (ns, slow) in slowest.iter() {
            self.0.offer(ns, || {
                let packet = timed.packet(slow.packet);
                Kept {
                    slow: *slow,
                    instance,
                    // The last reading of a walk runs on into the beginning.
                    packet: before + (slow.packet % timed.len().max(1)) as u64,
                    inner_bytes: packet.len() as u32,
                    flow: FlowId::of(packet),
                }
            });
        }
    }

    /// The tails that so many packets suffice for.
    pub fn tails(&self, latency: &Latency, context: &Context<'_>) -> Vec<Tail> {
        if latency.packets() == 0 {
            return Vec::new();
        }
        let mut kept: Vec<(u64, Kept)> = self.0.iter().map(|(ns, kept)| (ns, *kept)).collect();
        kept.sort_by_key(|(ns, kept)| (std::cmp::Reverse(*ns), kept.instance, kept.packet));
        let tails = PERCENTILES.iter().filter(|(quantile, _)| *quantile >= TAIL);
        tails
            .filter_map(|(quantile, _)| tail(*quantile, &kept, latency, context))
            .collect()
    }
}

/// Of the packets of all instances, from the slowest down; `None` where some of the tail were not
/// kept, or there is none.
fn tail(
    quantile: f64,
    kept: &[(u64, Kept)],
    latency: &Latency,
    context: &Context<'_>,
) -> Option<Tail> {
    let histogram = latency.histogram();
    let at = histogram.value_at_quantile(quantile);
    // A step of the clock may hold more packets than are kept: then those that are slower yet.
    let from = [
        histogram.lowest_equivalent(at),
        histogram.next_non_equivalent(at),
    ];
    let (from_ns, beyond) = from.into_iter().find_map(|from_ns| {
        let beyond = kept.iter().take_while(|(ns, _)| *ns >= from_ns).count();
        let all = beyond < KEPT || beyond as u64 == latency.packets();
        (beyond > 0 && all).then_some((from_ns, beyond))
    })?;
    let kept = kept.get(..beyond)?;
    let mut instances: BTreeMap<u64, BTreeSet<u32>> = BTreeMap::new();
    for (_, of) in kept {
        instances.entry(of.packet).or_default().insert(of.instance);
    }
    let often = (context.instances / 2).max(2) as usize;
    let large = large(context.sizes);
    let cause = |of: &Kept| -> Cause {
        let again = instances.get(&of.packet).is_some_and(|i| i.len() >= often);
        cause(of, context.packets_per_reading, large, again)
    };
    let mut causes = BTreeMap::new();
    for (_, of) in kept {
        *causes.entry(cause(of)).or_default() += 1;
    }
    let shown = beyond.min(EXEMPLARS);
    let exemplars = (0..shown).filter_map(|at| {
        let (ns, of) = kept.get(at * (beyond - 1) / (shown - 1).max(1))?;
        Some(Exemplar {
            ns: *ns,
            cause: cause(of),
            inner_bytes: of.inner_bytes,
            flow: of.flow.map(|flow| context.names.name(&flow)),
            packet: of.packet,
            instance: of.instance,
            round: of.slow.round as u32,
            place: of.slow.place as u32,
            reading_beyond_ns: of.slow.reading_beyond_ns.round() as i64,
            usage: counted(&of.slow.usage),
        })
    });
    Some(Tail {
        quantile,
        from_ns,
        packets: beyond as u64,
        causes,
        exemplars: exemplars.collect(),
    })
}

fn cause(of: &Kept, packets_per_reading: usize, large: Option<u32>, again: bool) -> Cause {
    let (slow, usage) = (&of.slow, &of.slow.usage);
    if slow.stalled && usage.voluntary_switches + usage.involuntary_switches > 0 {
        Cause::PutAside
    } else if slow.stalled && usage.minor_faults + usage.major_faults > 0 {
        Cause::Fault
    } else if slow.stalled {
        Cause::Stall
    } else if slow.place % packets_per_reading.max(1) == 0 {
        Cause::First
    } else if large.is_some_and(|bytes| of.inner_bytes >= bytes) {
        Cause::Large
    } else if again {
        Cause::Again
    } else {
        Cause::Unexplained
    }
}

/// The length from which on a packet is among the longest tenth, where that is beyond the median.
fn large(sizes: &BTreeMap<u32, u64>) -> Option<u32> {
    let all: u64 = sizes.values().sum();
    let at = |part: f64| {
        let mut seen = 0;
        sizes.iter().find_map(|(bytes, packets)| {
            seen += packets;
            (seen as f64 >= part * all as f64).then_some(*bytes)
        })
    };
    at(0.9).filter(|bytes| Some(*bytes) > at(0.5))
}

/// Faults and switches, as the record has them.
pub fn counted(usage: &Usage) -> Counted {
    Counted {
        minor_faults: usage.minor_faults,
        major_faults: usage.major_faults,
        voluntary_switches: usage.voluntary_switches,
        involuntary_switches: usage.involuntary_switches,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(packet: u64, instance: u32, place: usize, stalled: bool, usage: Usage) -> Kept {
        Kept {
            slow: Slow {
                packet: packet as usize,
                place,
                round: 3,
                reading_beyond_ns: 0.0,
                stalled,
                usage,
            },
            instance,
            packet,
            inner_bytes: if packet == 9 { 1500 } else { 64 },
            flow: None,
        }
    }

    #[test]
    fn the_first_cause_that_holds_is_told() {
        let (none, switched, faulted) = (
            Usage::default(),
            Usage {
                involuntary_switches: 1,
                minor_faults: 2,
                ..Usage::default()
            },
            Usage {
                minor_faults: 2,
                ..Usage::default()
            },
        );
        let of = |packet, place, stalled, usage, again| {
            let one = kept(packet, 0, place, stalled, usage);
            cause(&one, 32, Some(1500), again)
        };
        assert_eq!(of(9, 0, true, switched, true), Cause::PutAside);
        assert_eq!(of(9, 0, true, faulted, true), Cause::Fault);
        assert_eq!(of(9, 0, true, none, true), Cause::Stall);
        assert_eq!(of(9, 64, false, switched, true), Cause::First);
        assert_eq!(of(9, 65, false, switched, true), Cause::Large);
        assert_eq!(of(1, 65, false, switched, true), Cause::Again);
        assert_eq!(of(1, 65, false, switched, false), Cause::Unexplained);
    }

    #[test]
    fn a_tail_has_all_its_packets_or_is_not_told() {
        let sizes = BTreeMap::from([(64, 80), (1500, 20)]);
        let names = Names::draw(false).unwrap();
        let context = Context {
            names: &names,
            packets_per_reading: 32,
            instances: 4,
            sizes: &sizes,
        };
        let mut latency = Latency::default();
        let mut slowest = Slowest::default();
        for at in 0..2000_u64 {
            latency.record(at as f64);
            // Packet 7 is slow in two of four instances, packet 9 is a long one.
            let one = match at {
                1999 => kept(7, 0, 1, false, Usage::default()),
                1998 => kept(7, 1, 1, false, Usage::default()),
                1997 => kept(9, 1, 1, false, Usage::default()),
                _ => kept(1000 + at, 1, 1, false, Usage::default()),
            };
            slowest.offer(at, || one);
        }
        let mut sum = TailSum(slowest);
        let tails = sum.tails(&latency, &context);
        let quantiles: Vec<f64> = tails.iter().map(|tail| tail.quantile).collect();
        assert_eq!(quantiles, [0.99, 0.999]);
        let tail = &tails[1];
        assert_eq!(tail.causes[&Cause::Again], 2);
        assert_eq!(tail.causes[&Cause::Large], 1);
        assert_eq!(tail.packets, tail.causes.values().sum::<u64>());
        assert_eq!(tail.exemplars[0].ns, 1999);
        assert_eq!(tail.exemplars.last().map(|of| of.ns), Some(tail.from_ns));
        // A hundred times as many: the hundredth part of them was not kept whole.
        for at in 0..200_000_u64 {
            latency.record((at % 2000) as f64);
            sum.0
                .offer(at % 2000, || kept(at, 0, 1, false, Usage::default()));
        }
        assert!(
            sum.tails(&latency, &context)
                .iter()
                .all(|tail| tail.quantile > 0.99)
        );
    }
}
