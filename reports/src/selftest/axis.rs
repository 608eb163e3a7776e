//! What a figure of the bill is looked at for, beside what is measured: things that should not
//! matter to it, and the size of a burst, which does.

use serde::{Deserialize, Serialize};

use crate::stats::Estimate;

/// Something that is varied while all else stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Packets in one call of a path, between the same two readings of the clock.
    Burst,
    /// Who begins every round.
    Turns,
    /// Who is opened first.
    Opened,
    /// Where in a cache line packets start.
    Line,
    /// Whether a sealed packet lies in two pages.
    Page,
    /// What the heap held when instances were opened.
    Heap,
    /// Where in a cache line the stack begins.
    Stack,
    /// Order of the sections in the binary; one level a binary, one value a process.
    Links,
}

impl Axis {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 8] = [
        Self::Burst,
        Self::Turns,
        Self::Opened,
        Self::Line,
        Self::Page,
        Self::Heap,
        Self::Stack,
        Self::Links,
    ];

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Burst => "Burst size",
            Self::Turns => "Case order: who begins a round",
            Self::Opened => "Case order: who is opened first",
            Self::Line => "Alignment: start of a packet in its cache line",
            Self::Page => "Alignment: sealed packets across pages",
            Self::Heap => "Alignment: heap of the instances",
            Self::Stack => "Alignment: the stack in its cache line",
            Self::Links => "Link order",
        }
    }

    /// It is known to matter, and is shown so.
    pub fn should_matter(self) -> bool {
        self == Self::Burst
    }
}

/// One axis at one size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// What is varied.
    pub axis: Axis,
    /// IP total length of the packets.
    pub inner_bytes: u32,
    /// Packets between two readings of the clock; `null` of links, which measure as a run does.
    pub packets_per_reading: Option<u32>,
    /// The first is what the others are held against, the second the same once more. Of links,
    /// each is a binary.
    pub levels: Vec<Level>,
}

/// One way of an axis, and what was measured in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// What it is.
    pub name: String,
    /// SHA-256 of the binary, of links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_sha256: Option<String>,
    /// Send and receive together, ns a packet: one value a repetition, of all levels at the same
    /// place. Of links one a process, by turn.
    pub forward_ns: Vec<f64>,
    /// The same of the tunnel.
    pub tunnel_ns: Vec<f64>,
    /// Tunnel minus forward, by reading.
    pub bill_ns: Vec<f64>,
}

impl Level {
    /// Nothing measured yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            binary_sha256: None,
            forward_ns: Vec::new(),
            tunnel_ns: Vec::new(),
            bill_ns: Vec::new(),
        }
    }

    /// Adds what a repetition measured: forward, tunnel, bill.
    pub fn push(&mut self, [forward, tunnel, bill]: [f64; 3]) {
        self.forward_ns.push(forward);
        self.tunnel_ns.push(tunnel);
        self.bill_ns.push(bill);
    }

    /// A figure, one value a repetition.
    pub fn of(&self, figure: Figure) -> &[f64] {
        match figure {
            Figure::Forward => &self.forward_ns,
            Figure::Tunnel => &self.tunnel_ns,
            Figure::Bill => &self.bill_ns,
        }
    }

    /// Its mean over repetitions.
    pub fn estimate(&self, figure: Figure) -> Option<Estimate> {
        Estimate::from_instances(self.of(figure).to_vec())
    }
}

/// A figure of the bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// The forward alone.
    Forward,
    /// The tunnel alone.
    Tunnel,
    /// The tunnel minus the forward.
    Bill,
}

impl Figure {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Forward, Self::Tunnel, Self::Bill];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Tunnel => "tunnel",
            Self::Bill => "bill",
        }
    }
}
