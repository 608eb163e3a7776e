//! Bars on the bill's cases: forwarding, what ESP adds beyond the cipher, stamping.

use tunneltax_core::clock::Clock;
use tunneltax_core::path::{Case, Kind, cases};
use tunneltax_core::replay::Samples;
use tunneltax_core::synth::Mix;
use tunneltax_reports::stats::median;

use crate::instances::Instances;
use crate::{Bar, Effort, at_most, hot, support};

/// ESP less forwarding less the cipher alone, ns a packet, each way.
const ENCAPSULATION_NS: f64 = 25.0;
/// A 64-byte packet forwarded without rules.
const FORWARD_NS: f64 = 20.0;
/// The same with the security group and an established flow.
const FORWARD_RULES_NS: f64 = 40.0;
/// What stamping adds to a packet.
const STAMPING_NS: f64 = 20.0;

/// The bars at one size: every case in the same rounds.
pub fn paths(size: u16, effort: Effort, clock: &Clock, judge: &mut impl FnMut(Bar)) {
    let names: Vec<&'static Case> = cases().filter(|case| case.kind != Kind::Variant).collect();
    let chunk = support::chunk(Mix::Size(size), 1024);
    let measured = Instances::measure(names.clone(), &chunk, hot(size), effort, clock);
    let mut bar = |name: String, figure, limit| {
        judge(at_most(name, figure, limit, "ns/packet", measured.shared));
    };
    if size == 64 {
        for (id, limit) in [
            ("forward/no-rules", FORWARD_NS),
            ("forward", FORWARD_RULES_NS),
        ] {
            let figure = measured.estimate(&[id], &|s| median(&s[0].send_ns));
            bar(format!("{id}, send, {size} B"), figure, limit);
        }
    }
    for case in names
        .iter()
        .filter(|c| c.kind == Kind::Bill && c.library.is_some())
    {
        let bare = case.id.replace("esp/", "bare/");
        let chosen = [case.id, "forward", bare.as_str()];
        let send = measured.estimate(&chosen, &|s| own_share(s, |s| &s.send_ns));
        let receive = measured.estimate(&chosen, &|s| own_share(s, |s| &s.receive_ns));
        let name = format!("{} − forward − {bare}", case.id);
        bar(format!("{name}, send, {size} B"), send, ENCAPSULATION_NS);
        bar(
            format!("{name}, receive, {size} B"),
            receive,
            ENCAPSULATION_NS,
        );
    }
    for id in ["forward", "esp/none", "esp/aes-256-gcm@ring"] {
        let send = measured.estimate(&[id], &|s| median(&s[0].send_stamping_ns));
        let receive = measured.estimate(&[id], &|s| median(&s[0].receive_stamping_ns));
        bar(format!("stamping {id}, send, {size} B"), send, STAMPING_NS);
        bar(
            format!("stamping {id}, receive, {size} B"),
            receive,
            STAMPING_NS,
        );
    }
}

/// Tunnel less forward less the cipher alone, paired reading by reading; the median reading, since
/// all packets of a workload here are of one size.
fn own_share(samples: &[&Samples], half: impl Fn(&Samples) -> &Vec<f64>) -> Option<f64> {
    let [tunnel, forward, bare] = samples else {
        return None;
    };
    let differences: Vec<f64> = half(tunnel)
        .iter()
        .zip(half(forward))
        .zip(half(bare))
        .map(|((tunnel, forward), bare)| tunnel - forward - bare)
        .collect();
    median(&differences)
}
