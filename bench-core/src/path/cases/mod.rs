//! The list of cases that the whole project reads. Adding a path or a cipher is one file and
//! one line here.

/// What every case begins with, and more.
macro_rules! stages {
    ($($more:literal),*) => { &["parse", "route", "rules", "hop", "checksum", $($more),*] };
}
pub(in crate::path) use stages;

mod beyond_mtu;
mod esp;
mod gateways;
mod receiving;
mod waterfall;

use std::sync::LazyLock;

pub(in crate::path) use esp::leaked;
pub use esp::{Tunnel, keys};
pub use receiving::receiving;
pub use waterfall::{Link, Waterfall, waterfall_ciphers, waterfalls};

use super::forward::{Forward, Rules};
use super::framing::Framing;
use super::overhead::Overhead;
use super::parse::Parse;
use super::received::{Inbox, MakeOpener, MakeReceiver};
use super::underlay::Family;
use super::{PacketPath, Setup, appliance, controls, dtls, openvpn, sstp, vxlan, wireguard};
use crate::cipher::KeyLength;

/// Whether a case is part of what a tunnel costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A row of the bill.
    Bill,
    /// A row for those who ask for it.
    Variant,
    /// Something to hold the bill against.
    Yardstick,
}

/// Where a case stands among cases that differ in one number: a point of a cost curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// What is counted: `rules`.
    pub of: &'static str,
    /// Which of the curves over it: `established flows`.
    pub curve: &'static str,
    /// How many there are.
    pub count: u32,
}

/// Makes an instance of a case.
pub type Make = fn(&Case, &Setup) -> Result<Box<dyn PacketPath>, CaseError>;

/// One row of every report. The type is erased once a burst, never once a packet.
#[derive(Clone, Copy)]
pub struct Case {
    /// `path/cipher@library`; stable.
    pub id: &'static str,
    /// For people.
    pub title: &'static str,
    /// What a packet goes through on its way to the wire, in order.
    pub stages: &'static [&'static str],
    /// The case that shares all stages but one: the last, or one that stands in place of
    /// another.
    pub step_of: Option<&'static str>,
    /// What the step adds.
    pub step: &'static str,
    /// Part of the bill or not.
    pub kind: Kind,
    /// The cipher's algorithm.
    pub algorithm: Option<&'static str>,
    /// The cipher's library.
    pub library: Option<&'static str>,
    /// The cipher's library takes memory for every packet.
    pub allocates: bool,
    /// What is sent does not show what is inside.
    pub hides: bool,
    /// Gateways that take 1 from the TTL between the packet handed to send and the one that
    /// comes out of receive.
    pub hops: u8,
    /// Bytes that it adds to a packet.
    pub overhead: Overhead,
    /// Family of the outermost header of what an IPv4 packet becomes.
    pub outer: Family,
    /// How its ESP tunnel is framed, where it is one.
    pub framing: Framing,
    /// Security associations that its gateways have.
    pub sas: usize,
    /// Where it stands among cases that differ in one number.
    pub point: Option<Point>,
    /// What [`Self::open`] calls.
    pub make: Make,
    /// What [`Self::tunnel`] calls.
    pub describe: fn(&Self, &Setup) -> Option<Tunnel>,
    /// The case of its cipher alone, which it is held against.
    pub alone: Option<fn(Kind) -> Self>,
    /// Makes its far gateway alone, for packets that others sealed; where it takes in such.
    pub receive: Option<MakeReceiver>,
    /// Makes what opens such packets, where it has a cipher of ESP.
    pub opener: Option<MakeOpener>,
}

impl Case {
    /// Makes a fresh instance.
    pub fn open(&self, setup: &Setup) -> Result<Box<dyn PacketPath>, CaseError> {
        (self.make)(self, setup)
    }

    /// Makes a fresh far gateway alone, for packets that others sealed.
    pub fn receiver(
        &self,
        setup: &Setup,
        inbox: Option<Inbox<'_>>,
    ) -> Result<Box<dyn PacketPath>, CaseError> {
        match (self.receive, inbox) {
            (Some(make), Some(inbox)) => make(setup, &inbox),
            _ => Err(CaseError::NoReceiver),
        }
    }

    /// The nearest of these cases that this one stands on, by however many steps, and what they
    /// add, lowest first; where it stands on none of them, all that it does.
    #[must_use]
    pub fn step_among(&self, chosen: &[&Self]) -> (Option<&'static str>, String) {
        let mut steps = vec![self.step];
        let mut at = self.step_of;
        while let Some(below) = at {
            if chosen.iter().any(|case| case.id == below) {
                steps.reverse();
                return (Some(below), steps.join(" + "));
            }
            at = find(below).and_then(|case| {
                steps.push(case.step);
                case.step_of
            });
        }
        steps.reverse();
        (None, steps.join(" + "))
    }

    /// What an independent tool needs to open what was sent.
    pub fn tunnel(&self, setup: &Setup) -> Option<Tunnel> {
        (self.describe)(self, setup)
    }
}

/// Why a case cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// The cipher refuses the key.
    #[error(transparent)]
    Key(#[from] KeyLength),
    /// The cipher's library does not run on this CPU.
    #[error(
        "{library} needs a CPU with {needs}, which this one has not all of; leave its cases out"
    )]
    Cpu {
        /// Library.
        library: &'static str,
        /// Instruction sets.
        needs: &'static str,
    },
    /// It has no far gateway that could be had alone.
    #[error("it takes in no packets that others sealed")]
    NoReceiver,
}

/// What all cases share that are no case of ESP.
pub(in crate::path) const FORWARD: Case = Case {
    id: "forward",
    title: "Plain forward, as over a peering",
    stages: stages![],
    step_of: None,
    step: "forwarding",
    kind: Kind::Bill,
    algorithm: None,
    library: None,
    allocates: false,
    hides: false,
    hops: 2,
    overhead: Overhead::NONE,
    outer: Family::V4,
    framing: Framing::PLAIN,
    sas: 1,
    point: None,
    make: |_, setup| Ok(Box::new(Forward::new(setup, Rules::Default))),
    describe: |_, _| None,
    alone: None,
    receive: None,
    opener: None,
};

/// The forward, and the forward with less.
const FORWARDS: [Case; 3] = [
    Case {
        receive: Some(|setup, _| Ok(Box::new(Forward::new(setup, Rules::Default)))),
        ..FORWARD
    },
    Case {
        id: "forward/no-rules",
        title: "Plain forward without a security group",
        stages: &["parse", "route", "hop", "checksum"],
        kind: Kind::Yardstick,
        make: |_, setup| Ok(Box::new(Forward::new(setup, Rules::None))),
        ..FORWARD
    },
    Case {
        id: "forward/parse",
        title: "Header checks, hop and checksum alone: no routes, no security group",
        stages: &["parse", "hop", "checksum"],
        kind: Kind::Yardstick,
        make: |_, _| Ok(Box::new(Parse)),
        ..FORWARD
    },
];

/// The list. A case stands behind those that it stands on.
static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let mut cases = FORWARDS.to_vec();
    cases.extend(vxlan::CASES);
    cases.extend(controls::CASES);
    cases.push(appliance::CASE);
    cases.extend(esp::cases());
    cases.extend(wireguard::CASES);
    cases.extend(openvpn::cases());
    cases.extend(sstp::cases());
    cases.extend(dtls::cases());
    cases.sort_by_key(|case| case.kind);
    cases
});

/// Every case, in the order of the bill.
pub fn cases() -> impl Iterator<Item = &'static Case> + Clone {
    CASES.iter()
}

/// The case with exactly this id.
pub fn find(id: &str) -> Option<&'static Case> {
    cases().find(|case| case.id == id)
}
