//! What was measured on, what was left out of it, and which way its packets go.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Reason in [`Capture::left_out`] for packets that a run had no time for.
pub const LEFT_BY_PLAN: &str = "left_by_plan";
/// The same for packets that enter at the side that was not asked for.
pub const OTHER_SIDE: &str = "other_side";
/// The same for packets that have no tunnel on their way, where one side was asked for.
pub const NEITHER_SIDE: &str = "neither_side";

/// A capture, or a generated one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Capture {
    /// Short name that rows refer to.
    pub name: String,
    /// Path as given; `generated` for seeded ones.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: Option<String>,
    /// Frames in the file.
    pub frames_read: u64,
    /// TCP packets longer than the MTU among them, which were cut into segments. Records from
    /// before they were cut have none.
    #[serde(default)]
    pub super_frames: u64,
    /// What they were cut into.
    #[serde(default)]
    pub segments: u64,
    /// IPv4 packets of the file whose header checksum the capturing host had left to its network
    /// card (0 in the file), and to which it was added. Records from before that have none.
    #[serde(default)]
    pub checksums_filled: u64,
    /// Packets that the cases replayed: frames, and segments of super-frames.
    pub frames_replayed: u64,
    /// Packets that were not, by reason; read = replayed + left out, where what is read of a
    /// super-frame is its segments ([`Capture::packets_read`]).
    pub left_out: BTreeMap<String, u64>,
    /// The file ends within a frame.
    pub truncated: bool,
    /// IP bytes of the packets replayed.
    pub inner_bytes: u64,
    /// Which way the packets go, where the run was told what is near.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sides: Option<Sides>,
}

impl Capture {
    /// Frames in the file, with the segments of super-frames in their place.
    pub fn packets_read(&self) -> u64 {
        (self.frames_read + self.segments).saturating_sub(self.super_frames)
    }
}

/// Packets of a capture by where they come from and go to, and those that were asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sides {
    /// The side whose packets were replayed; `null` where all were.
    pub only: Option<Side>,
    /// From a network of the near gateway to others: sealed at the near gateway.
    pub near: u64,
    /// From others to a network of the near gateway: sealed at the far gateway.
    pub far: u64,
    /// Between networks of the near gateway, or between others: no tunnel is on their way.
    pub neither: u64,
}

/// Where a packet enters the tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// At the near gateway.
    Near,
    /// At the far one.
    Far,
}
