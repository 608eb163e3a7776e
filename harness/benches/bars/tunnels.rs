//! Bars on every tunnel: no more than its framing and 1.15 times the cipher alone over the same
//! bytes. A tunnel that frames without a cipher stands for the framing.

use tunneltax_core::clock::Clock;
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
        let triples: Vec<Triple> = cases()
            .filter(|case| case.library == Some(library) && carries_whole(case, size))
            .filter_map(Triple::of)
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
    fn of(tunnel: &'static Case) -> Option<Self> {
        let (path, cipher) = tunnel.id.split_once('/')?;
        let bare = find(&format!("bare/{cipher}"))?;
        let framing = find(&format!("{path}/none"))?;
        Some(Self {
            tunnel,
            framing,
            bare,
        })
    }
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
