//! What was measured of one case, with what follows from it.

use super::{Difference, Latency, half, mean, smallest_ns};
use crate::record::{Case, Clock, Figures, Group, RecordError, WorkloadKind};

/// A row with figures.
pub struct Measured<'r> {
    /// What was judged.
    pub figures: &'r Figures,
    /// The step from the case below; `None` on the ground.
    pub step: Option<Step>,
    /// Send and receive together over the ground's, and half of its interval.
    pub ratio: Option<(f64, Option<f64>)>,
    /// Smallest difference that can be told on this row, ns a packet.
    pub smallest_ns: Option<f64>,
    /// One core at each end.
    pub rate: Option<Rate>,
    /// Bytes that the path adds to a packet, in the mean.
    pub added_bytes: Option<f64>,
    /// Single packets, send.
    pub send: Option<Latency>,
    /// Single packets, receive.
    pub receive: Option<Latency>,
}

/// A step of the bill, ns a packet.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Send.
    pub send: Difference,
    /// Receive.
    pub receive: Difference,
    /// Both.
    pub sum: Difference,
    /// Mean of both whatever the verdict, for a chart's height; `None` where not measured.
    pub sum_mean_ns: Option<f64>,
}

/// What one core at each end carries: the slower end sets the pace.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Inner IP bits, 10⁹ a second.
    pub gigabits: f64,
    /// Packets, 10⁶ a second.
    pub megapackets: f64,
}

impl<'r> Measured<'r> {
    pub(super) fn new(
        clock: &Clock,
        group: &'r Group,
        case: Option<&Case>,
        ground: &str,
        figures: &'r Figures,
    ) -> Result<Self, RecordError> {
        let id = case.map_or("", |case| case.id.as_str());
        let smallest_ns = smallest_ns(clock, group, id, figures.sum_ns.mean);
        let against = |other: &str| figures.against.iter().find(|pair| pair.case == other);
        let step = case.and_then(|case| case.step_of.as_deref()).map(|below| {
            against(below).map_or(Step::UNKNOWN, |pair| Step {
                send: Difference::judge(&pair.send_ns, smallest_ns),
                receive: Difference::judge(&pair.receive_ns, smallest_ns),
                sum: Difference::judge(&pair.sum_ns, smallest_ns),
                sum_mean_ns: mean(&pair.sum_ns),
            })
        });
        let ratio =
            against(ground).and_then(|pair| Some((mean(&pair.sum_ratio)?, half(&pair.sum_ratio))));
        let latency =
            |stamped, burst| Latency::new(&group.workload, id, stamped, burst, clock.step_ns);
        Ok(Self {
            figures,
            step,
            ratio,
            smallest_ns,
            rate: Rate::new(figures, group.mean_inner_bytes),
            added_bytes: added_bytes(group, case, figures),
            send: latency(&figures.send_stamped, &figures.send_ns)?,
            receive: latency(&figures.receive_stamped, &figures.receive_ns)?,
        })
    }
}

impl Step {
    const UNKNOWN: Self = Self {
        send: Difference::CannotTell,
        receive: Difference::CannotTell,
        sum: Difference::CannotTell,
        sum_mean_ns: None,
    };
}

impl Rate {
    fn new(figures: &Figures, mean_inner_bytes: f64) -> Option<Self> {
        let slower_ns = figures.send_ns.mean.max(figures.receive_ns.mean);
        let rate = Self {
            gigabits: mean_inner_bytes * 8.0 / slower_ns,
            megapackets: 1e3 / slower_ns,
        };
        let sound = slower_ns > 0.0 && mean_inner_bytes > 0.0;
        (sound && rate.gigabits.is_finite() && rate.megapackets.is_finite()).then_some(rate)
    }
}

/// Bytes added to a packet that is sent: of one size, as the case says; else in the mean.
fn added_bytes(group: &Group, case: Option<&Case>, figures: &Figures) -> Option<f64> {
    let generated = group.kind == WorkloadKind::Size;
    let size: Option<u32> = group.workload.parse().ok().filter(|_| generated);
    if let Some(added) = size.and_then(|size| case?.added_bytes.get(&size)) {
        return Some(f64::from(*added));
    }
    let work = &figures.work;
    let added = work.wire_bytes as f64 - work.sent_inner_bytes as f64;
    (work.sent_packets > 0).then(|| added / work.sent_packets as f64)
}
