//! Bars on every tunnel: no more than its framing and 1.15 times the cipher alone over the same
//! bytes: as many octets as the tunnel seals, since a block more or less, or one that is not
//! full, is nothing that the tunnel could help. A tunnel that frames without a cipher stands for
//! the framing.

use tunneltax_core::clock::Clock;
use tunneltax_core::path::bare;
use tunneltax_core::path::overhead::Beyond;
use tunneltax_core::path::{Case, Setup, cases, find};
use tunneltax_core::replay::Samples;
use tunneltax_core::synth::Mix;
use tunneltax_reports::stats::median;

use crate::instances::Instances;
use crate::{Bar, Effort, at_most, hot, support};

/// How much longer a cipher may take inside a tunnel than alone.
const CIPHER_RATIO: f64 = 1.15;

/// The bars at one size: a group of cases for each library, the group in the same rounds.
pub fn tunnels(size: u16, effort: Effort, clock: &Clock, judge: &mut impl FnMut(Bar)) {
    let chunk = support::chunk(Mix::Size(size), 1024);
    let mut libraries: Vec<&str> = cases().filter_map(|case| case.library).collect();
    libraries.sort_unstable();
    libraries.dedup();
    for library in libraries {
        let mut alone = Vec::new();
        let triples: Vec<Triple> = cases()
            .filter(|case| case.library == Some(library) && carries_whole(case, size))
            .filter_map(|case| Triple::of(case, &mut alone))
            .collect();
        let mut group: Vec<&'static Case> = triples
            .iter()
            .flat_map(|triple| [triple.tunnel, triple.framing, triple.bare])
            .collect();
        group.sort_by_key(|case| case.id);
        group.dedup_by_key(|case| case.id);
        let measured = Instances::measure(group, &chunk, hot(size), effort, clock);
        for Triple {
            tunnel,
            framing,
            bare,
        } in triples
        {
            let chosen = [tunnel.id, framing.id, bare.id];
            let name = format!("{} − {} − {CIPHER_RATIO} bare", tunnel.id, framing.id);
            let send = measured.estimate(&chosen, &|s| beyond(s, |s| &s.send_ns));
            let receive = measured.estimate(&chosen, &|s| beyond(s, |s| &s.receive_ns));
            for (half, figure) in [("send", send), ("receive", receive)] {
                let name = format!("{name}, {half}, {size} B");
                judge(at_most(name, figure, 0.0, "ns/packet", measured.shared));
            }
        }
    }
}

/// What is too long for the underlay, some cases drop or seal in pieces: the cipher alone has no
/// such bytes.
fn carries_whole(case: &Case, size: u16) -> bool {
    let inner_bytes = usize::from(size);
    let is_whole = !matches!(
        case.overhead.beyond,
        Beyond::FragmentedInside | Beyond::Dropped
    );
    is_whole || inner_bytes + case.overhead.added_bytes(inner_bytes) <= Setup::default().outer_mtu
}

/// A tunnel, the same framing without a cipher, and the cipher without a tunnel.
#[derive(Clone, Copy)]
struct Triple {
    tunnel: &'static Case,
    framing: &'static Case,
    bare: &'static Case,
}

impl Triple {
    /// `None` of a case that is no tunnel with a cipher, or one with more than one gateway or SA.
    /// Ciphers over the text of other tunnels than plain ESP are kept in `alone`.
    fn of(tunnel: &'static Case, alone: &mut Vec<&'static Case>) -> Option<Self> {
        let (path, cipher) = tunnel.id.split_once('/')?;
        let bare = find(&format!("bare/{cipher}"))?;
        let framing = find(&format!("{path}/none"))?;
        Some(Self {
            tunnel,
            framing,
            bare: over_text(bare, tunnel, alone),
        })
    }
}

/// The cipher alone over what a tunnel seals.
fn over_text(bare: &'static Case, tunnel: &Case, alone: &mut Vec<&'static Case>) -> &'static Case {
    let overhead = bare::over_text(bare.overhead, tunnel.overhead);
    if overhead == bare.overhead {
        return bare;
    }
    let same = |case: &&&Case| case.id.starts_with(bare.id) && case.overhead == overhead;
    if let Some(found) = alone.iter().find(same) {
        return found;
    }
    let id = format!("{}, text of {}", bare.id, tunnel.id);
    let made = Case {
        id: Box::leak(id.into_boxed_str()),
        overhead,
        ..*bare
    };
    let made: &'static Case = Box::leak(Box::new(made));
    alone.push(made);
    made
}

/// Tunnel less framing less [`CIPHER_RATIO`] times the cipher, paired reading by reading.
fn beyond(samples: &[&Samples], half: impl Fn(&Samples) -> &Vec<f64>) -> Option<f64> {
    let [tunnel, framing, bare] = samples else {
        return None;
    };
    let differences: Vec<f64> = half(tunnel)
        .iter()
        .zip(half(framing))
        .zip(half(bare))
        .map(|((tunnel, framing), bare)| tunnel - framing - CIPHER_RATIO * bare)
        .collect();
    median(&differences)
}
