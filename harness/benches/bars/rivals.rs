//! The bar on Intel's library: ESP with it against ESP with the fastest library that is a Rust
//! package, which is what a gateway written in Rust would take.

use tunneltax_core::clock::Clock;
use tunneltax_core::path::{Case, cases};
use tunneltax_core::replay::Samples;
use tunneltax_core::synth::Mix;
use tunneltax_reports::stats::median;

use crate::instances::Instances;
use crate::{Bar, Effort, at_most, hot, support};

/// What ipsec-mb may take of the fastest Rust package's time.
const RATIO: f64 = 0.75;
/// Packets.
const SIZES: [u16; 2] = [64, 1440];
/// Whose bar it is.
const OURS: &str = "esp/aes-256-gcm@ipsec-mb";
/// Libraries that are no Rust packages, but Debian's.
const SYSTEM: [&str; 2] = ["ipsec-mb", "openssl"];

/// The bars at the sizes that were asked for; without the library there are none.
pub fn rivals(
    size: impl Fn(u16) -> bool,
    effort: Effort,
    clock: &Clock,
    judge: &mut impl FnMut(Bar),
) {
    let esp = |case: &&Case| case.id.starts_with("esp/aes-256-gcm@");
    let group: Vec<&'static Case> = cases()
        .filter(esp)
        .filter(|case| case.id == OURS || !is_of_system(case))
        .collect();
    if !group.iter().any(|case| case.id == OURS) {
        println!("{OURS} is not in this build: its bar needs --features ipsec-mb\n");
        return;
    }
    for bytes in SIZES.into_iter().filter(|bytes| size(*bytes)) {
        let chunk = support::chunk(Mix::Size(bytes), 1024);
        let measured = Instances::measure(group.clone(), &chunk, hot(bytes), effort, clock);
        for (half, pick) in HALVES {
            let mean = |id: &str| {
                let estimate = measured.estimate(&[id], &|s| median(pick(s[0])));
                estimate.map_or(f64::INFINITY, |estimate| estimate.mean)
            };
            let others = group.iter().map(|case| case.id).filter(|id| *id != OURS);
            let Some(fastest) = others.min_by(|a, b| mean(a).total_cmp(&mean(b))) else {
                continue;
            };
            let ratio = measured.estimate(&[OURS, fastest], &|samples| {
                let pairs = pick(samples[0]).iter().zip(pick(samples[1]));
                median(&pairs.map(|(ours, other)| ours / other).collect::<Vec<_>>())
            });
            let name = format!("{OURS} / {fastest}, {half}, {bytes} B");
            judge(at_most(name, ratio, RATIO, "times", measured.shared));
        }
    }
}

type Pick = fn(&Samples) -> &Vec<f64>;
const HALVES: [(&str, Pick); 2] = [("send", |s| &s.send_ns), ("receive", |s| &s.receive_ns)];

fn is_of_system(case: &Case) -> bool {
    case.library
        .is_some_and(|library| SYSTEM.contains(&library))
}
