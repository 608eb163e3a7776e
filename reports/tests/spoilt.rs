//! What spoils a run is said with its next step, and the same of every verb.

mod common;

use tunneltax_reports::bill::{Measuring, spoilt};
use tunneltax_reports::record::Provenance;

/// A quiet host: nothing is said of it.
fn quiet() -> Provenance {
    let mut provenance = common::record().provenance;
    provenance.host.pinned_to = Some(1);
    provenance.host.governor = Some("performance".to_owned());
    provenance.noise.steal_percent = Some(0.1);
    provenance.noise.shared_percent = Some(0.5);
    provenance
}

fn said(provenance: &Provenance, measuring: Measuring) -> String {
    spoilt(provenance, measuring).join("\n")
}

#[test]
fn a_quiet_host_is_not_warned_of() {
    for measuring in [Measuring::OneThread(Some(2.0)), Measuring::Workers] {
        assert_eq!(said(&quiet(), measuring), "");
    }
}

#[test]
fn what_spoils_a_run_has_a_next_step() {
    let one = Measuring::OneThread(None);
    let mut of = quiet();
    of.host.governor = Some("powersave".to_owned());
    let text = said(&of, one);
    assert!(
        text.contains("powersave") && text.contains("cpupower frequency-set"),
        "{text}"
    );
    let mut of = quiet();
    of.noise.steal_percent = Some(4.2);
    let text = said(&of, Measuring::Workers);
    assert!(
        text.contains("4.20 %") && text.contains("dedicated cores"),
        "{text}"
    );
    let mut of = quiet();
    of.noise.shared_percent = Some(51.0);
    let text = said(&of, Measuring::Workers);
    assert!(
        text.contains("51.0 %") && text.contains("run again"),
        "{text}"
    );
    let text = said(&quiet(), Measuring::OneThread(Some(60.0)));
    assert!(
        text.contains("60.0 times a second") && text.contains("isolcpus"),
        "{text}"
    );
}

/// Workers are bound, or there is no run; the thread that waits for them is not.
#[test]
fn only_a_thread_that_measures_must_be_bound() {
    let mut loose = quiet();
    loose.host.pinned_to = None;
    let text = said(&loose, Measuring::OneThread(None));
    assert!(text.contains("sched_setaffinity"), "{text}");
    assert_eq!(said(&loose, Measuring::Workers), "");
}
