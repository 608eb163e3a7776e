//! Network controls as cost curves: what rules, routes, a full flow table and an idle time-out
//! cost a plain forward, by their number.
//!
//! Limits are those of Azure (documentation on subscription limits): 1,000 rules in a security
//! group, 400 routes in a route table, 4,000 routes learned by BGP.

use std::sync::Arc;

use super::cases::{Case, FORWARD, Kind, Point};
use super::forward::{Forward, Forwarder};
use super::{PacketPath, Setup};
use crate::fate::Reason;
use crate::frame::Frame;
use crate::net::flow_table::IDLE_TIMEOUT_US;
use crate::net::flows::Flow;
use crate::net::routes::Routes;
use crate::net::rule_sets::RULES_MAX;
use crate::net::security_group::{RuleSet, SecurityGroup};

const _: () = assert!(RULES_MAX == 1000);

/// Flows that fill the table of [`full`], in each family.
const FULL_FLOWS: u16 = 1024;
/// Virtual time between two packets of an established flow's case: a packet a microsecond.
const PACKET_US: u64 = 1;

/// Forward at two gateways for which time passes with every packet.
struct InTime {
    near: Forwarder,
    far: Forwarder,
    /// What passes before each packet, at each gateway.
    packet_us: u64,
}

impl InTime {
    /// Two gateways with groups of their own, made alike.
    fn new(routes: &Arc<Routes>, packet_us: u64, group: impl Fn() -> SecurityGroup) -> Self {
        let gateway = || Forwarder::with(Arc::clone(routes), Some(group()));
        Self {
            near: gateway(),
            far: gateway(),
            packet_us,
        }
    }
}

#[inline(always)]
fn forward_in_time(gateway: &mut Forwarder, packet_us: u64, burst: &mut [Frame<'_>]) {
    for frame in burst.iter_mut().filter(|frame| frame.is_carried()) {
        gateway.advance(packet_us);
        if let Err(reason) = gateway.forward(frame) {
            frame.drop_as(reason);
        }
    }
}

impl PacketPath for InTime {
    fn send(&mut self, burst: &mut [Frame<'_>]) {
        forward_in_time(&mut self.near, self.packet_us, burst);
    }

    fn receive(&mut self, burst: &mut [Frame<'_>]) {
        forward_in_time(&mut self.far, self.packet_us, burst);
    }
}

/// Established flows under so many rules: the flow table knows them, the rules are not asked.
fn established(setup: &Setup, rules: u16) -> Forward {
    let gateway = || {
        let group = SecurityGroup::last_of(rules, setup.flows, setup.seed);
        Forwarder::with(Arc::clone(&setup.routes), Some(group))
    };
    Forward::between(gateway(), gateway())
}

/// Forward at two gateways whose rules were replaced when flows were established: the rules in
/// force would deny every one of them.
struct Changed {
    near: ChangedGateway,
    far: ChangedGateway,
}

struct ChangedGateway {
    forwarder: Forwarder,
    /// The rules from before the change.
    before: RuleSet,
}

impl ChangedGateway {
    fn new(setup: &Setup, rules: u16) -> Self {
        let group = SecurityGroup::last_of(rules, setup.flows, setup.seed);
        let mut forwarder = Forwarder::with(Arc::clone(&setup.routes), Some(group));
        let mut before = RuleSet::denying(rules, setup.seed);
        forwarder.swap_rules(&mut before);
        Self { forwarder, before }
    }

    #[inline(always)]
    fn forward_burst(&mut self, burst: &mut [Frame<'_>]) {
        for frame in burst.iter_mut().filter(|frame| frame.is_carried()) {
            if let Err(reason) = self.forwarder.forward(frame) {
                self.denied(frame, reason);
            }
        }
    }

    /// The first packet of a flow came before the change: the old rules judge it, and are
    /// replaced behind it.
    #[cold]
    #[inline(never)]
    fn denied(&mut self, frame: &mut Frame<'_>, reason: Reason) {
        if reason != Reason::Denied {
            return frame.drop_as(reason);
        }
        self.forwarder.swap_rules(&mut self.before);
        if let Err(reason) = self.forwarder.forward(frame) {
            frame.drop_as(reason);
        }
        self.forwarder.swap_rules(&mut self.before);
    }
}

impl PacketPath for Changed {
    fn send(&mut self, burst: &mut [Frame<'_>]) {
        self.near.forward_burst(burst);
    }

    fn receive(&mut self, burst: &mut [Frame<'_>]) {
        self.far.forward_burst(burst);
    }
}

/// Established flows under so many rules that replaced others and would deny them.
fn changed(setup: &Setup, rules: u16) -> Changed {
    let gateway = || ChangedGateway::new(setup, rules);
    Changed {
        near: gateway(),
        far: gateway(),
    }
}

/// First packets under so many rules: before each packet as much time passes as lets every flow
/// expire, so that it passes all rules but the last and enters its flow again.
fn first(setup: &Setup, rules: u16) -> InTime {
    let group = || {
        SecurityGroup::last_of(rules, setup.flows, setup.seed).with_idle_timeout(IDLE_TIMEOUT_US)
    };
    InTime::new(&setup.routes, IDLE_TIMEOUT_US, group)
}

/// Established flows whose last packet is noted, so that they can expire.
fn idle_timeout(setup: &Setup) -> InTime {
    let group =
        || SecurityGroup::default_group(setup.flows, setup.seed).with_idle_timeout(IDLE_TIMEOUT_US);
    InTime::new(&setup.routes, PACKET_US, group)
}

/// A table that is full of other flows, none of which expires: no time passes. Every packet is
/// judged by the rules, and finds no room for its flow.
fn full(setup: &Setup) -> InTime {
    let group = || {
        let mut group = SecurityGroup::default_group(usize::from(FULL_FLOWS), setup.seed)
            .with_idle_timeout(IDLE_TIMEOUT_US);
        for port in 1..=FULL_FLOWS {
            group.remember_v4(&reserved(0xf000_0001, 0xf000_0002, port));
            group.remember_v6(&reserved(0x100 << 112 | 1, 0x100 << 112 | 2, port));
        }
        group
    };
    InTime::new(&setup.routes, 0, group)
}

/// A flow of no host: between reserved addresses (RFC 1112, 4; RFC 6666).
fn reserved<A>(source: A, destination: A, source_port: u16) -> Flow<A> {
    Flow {
        source,
        destination,
        source_port,
        destination_port: 443,
        protocol: crate::wire::protocol::TCP,
    }
}

/// So many routes in each family, the default route among them.
fn routed(setup: &Setup, routes: usize) -> Forward {
    let routes = setup.route_tables.of(routes);
    let gateway = || {
        let group = SecurityGroup::default_group(setup.flows, setup.seed);
        Forwarder::with(Arc::clone(&routes), Some(group))
    };
    Forward::between(gateway(), gateway())
}

/// A case that differs from `step_of` by one stage.
const fn control(
    id: &'static str,
    title: &'static str,
    stages: &'static [&'static str],
    step_of: &'static str,
    step: &'static str,
    make: super::Make,
) -> Case {
    Case {
        id,
        title,
        stages,
        step_of: Some(step_of),
        step,
        kind: Kind::Variant,
        make,
        ..FORWARD
    }
}

/// Under so many rules, established flows and first packets. Numbers and words must be literals.
macro_rules! under_rules {
    ($rules:literal, $words:literal, $step_of:literal) => {
        [
            point(
                "rules",
                "established flows",
                $rules,
                &control(
                    concat!("forward/rules-", $rules),
                    concat!("Forward under ", $words, ", established flows"),
                    &["parse", "route", $words, "hop", "checksum"],
                    $step_of,
                    $words,
                    |_, setup| Ok(Box::new(established(setup, $rules))),
                ),
            ),
            point(
                "rules",
                "first packets",
                $rules,
                &control(
                    concat!("forward/rules-", $rules, "+first"),
                    concat!(
                        "Forward under ",
                        $words,
                        ", first packets: the last rule matches"
                    ),
                    &[
                        "parse",
                        "route",
                        concat!($words, " asked"),
                        "hop",
                        "checksum",
                    ],
                    concat!("forward/rules-", $rules),
                    "first packet",
                    |_, setup| Ok(Box::new(first(setup, $rules))),
                ),
            ),
        ]
    };
}

/// The same case as a point of a cost curve.
const fn point(of: &'static str, curve: &'static str, count: u32, case: &Case) -> Case {
    Case {
        point: Some(Point { of, curve, count }),
        ..*case
    }
}

/// By so many routes. Number and words must be literals.
macro_rules! by_routes {
    ($routes:literal, $words:literal, $title:literal, $step_of:literal) => {
        point(
            "routes",
            "the longest match",
            $routes,
            &control(
                concat!("forward/routes-", $routes),
                $title,
                &["parse", $words, "rules", "hop", "checksum"],
                $step_of,
                $words,
                |_, setup| Ok(Box::new(routed(setup, $routes))),
            ),
        )
    };
}

const ONE: [Case; 2] = under_rules!(1, "1 rule", "forward");
const TEN: [Case; 2] = under_rules!(10, "10 rules", "forward/rules-1");
const HUNDRED: [Case; 2] = under_rules!(100, "100 rules", "forward/rules-1");
const THOUSAND: [Case; 2] = under_rules!(1000, "1,000 rules", "forward/rules-1");

pub(super) const CASES: [Case; 14] = [
    ONE[0],
    ONE[1],
    TEN[0],
    TEN[1],
    HUNDRED[0],
    HUNDRED[1],
    THOUSAND[0],
    THOUSAND[1],
    control(
        "forward/rules-1000+changed",
        "Forward under 1,000 rules that replaced others and would deny, established flows",
        &["parse", "route", "1,000 rules changed", "hop", "checksum"],
        "forward/rules-1000",
        "rules changed",
        |_, setup| Ok(Box::new(changed(setup, RULES_MAX))),
    ),
    control(
        "forward/idle-timeout",
        "Forward, flows expire after 4 idle minutes",
        &["parse", "route", "rules, idle time", "hop", "checksum"],
        "forward",
        "idle time-out",
        |_, setup| Ok(Box::new(idle_timeout(setup))),
    ),
    control(
        "forward/flows-full",
        "Forward, flow table full of others",
        &["parse", "route", "rules asked, no room", "hop", "checksum"],
        "forward",
        "no room for a flow",
        |_, setup| Ok(Box::new(full(setup))),
    ),
    by_routes!(1, "1 route", "Forward by a default route alone", "forward"),
    by_routes!(
        400,
        "400 routes",
        "Forward by 400 routes, half of them where generated packets go",
        "forward/routes-1"
    ),
    by_routes!(
        4000,
        "4,000 routes",
        "Forward by 4,000 routes, half of them where generated packets go",
        "forward/routes-1"
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Arena;
    use crate::synth::{Mix, Recipe};

    const PACKETS: usize = 200;
    const ROUNDS: usize = 3;
    const FLOWS: usize = 10;

    /// Walks some rounds of the same packets through a path. Then, of both gateways: packets
    /// that the rules were asked about, and flows in the tables.
    fn walked<P: PacketPath>(
        mut path: P,
        gateways: fn(&P) -> [&Forwarder; 2],
    ) -> [(usize, (usize, usize)); 2] {
        let recipe = Recipe {
            flows: FLOWS,
            ipv6_percent: 50,
            ..Recipe::new(Mix::Size(64), PACKETS, 1)
        };
        let chunk = recipe.chunk().unwrap();
        let mut arena = Arena::new(PACKETS, 0, 64, 0);
        let mut burst = arena.frames();
        for _ in 0..ROUNDS {
            for (frame, packet) in burst.iter_mut().zip(chunk.packets()) {
                assert!(frame.load(packet));
            }
            path.send(&mut burst);
            path.receive(&mut burst);
            assert!(burst.iter().all(Frame::is_carried));
        }
        gateways(&path).map(|gateway| {
            let group = gateway.group().unwrap();
            (group.asked() as usize, group.flows())
        })
    }

    fn of_forward(path: &Forward) -> [&Forwarder; 2] {
        [&path.near, &path.far]
    }

    fn in_time(path: &InTime) -> [&Forwarder; 2] {
        [&path.near, &path.far]
    }

    fn after_change(path: &Changed) -> [&Forwarder; 2] {
        [&path.near.forwarder, &path.far.forwarder]
    }

    /// What the case rests on: the rules in force deny a flow that is new, and pass one that was
    /// established before they came.
    #[test]
    fn changed_rules_deny_what_is_new_and_pass_what_was_there() {
        let setup = Setup::default().for_packets(PACKETS);
        let recipe = Recipe::new(Mix::Size(64), 1, 1);
        let chunk = recipe.chunk().unwrap();
        let packet = chunk.packets().next().unwrap();
        let mut arena = Arena::new(1, 0, 64, 0);
        let mut burst = arena.frames();
        let mut gateway = ChangedGateway::new(&setup, 100);
        assert!(burst[0].load(packet));
        let denied = gateway.forwarder.forward(&mut burst[0]);
        assert_eq!(denied, Err(Reason::Denied));
        gateway.forward_burst(&mut burst);
        assert!(burst[0].is_carried());
        assert!(burst[0].load(packet));
        assert_eq!(gateway.forwarder.forward(&mut burst[0]), Ok(()));
    }

    #[test]
    fn rules_are_asked_once_a_flow_or_once_a_packet() {
        let setup = Setup::default().for_packets(PACKETS);
        let per_flow = [(FLOWS, (FLOWS / 2, FLOWS / 2)); 2];
        assert_eq!(walked(established(&setup, 100), of_forward), per_flow);
        assert_eq!(walked(routed(&setup, 400), of_forward), per_flow);
        assert_eq!(walked(idle_timeout(&setup), in_time), per_flow);
        // A first packet asks the rules that deny it, and then those from before.
        let twice_a_flow = [(2 * FLOWS, (FLOWS / 2, FLOWS / 2)); 2];
        assert_eq!(walked(changed(&setup, 100), after_change), twice_a_flow);
        let per_packet = [(PACKETS * ROUNDS, (FLOWS / 2, FLOWS / 2)); 2];
        assert_eq!(walked(first(&setup, 100), in_time), per_packet);
        let others = usize::from(FULL_FLOWS);
        let no_room = [(PACKETS * ROUNDS, (others, others)); 2];
        assert_eq!(walked(full(&setup), in_time), no_room);
    }
}
