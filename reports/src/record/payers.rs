//! Who pays for a tunnel: the flows of a group's packets, or the SAs of a case that has many.

use serde::{Deserialize, Serialize};

use crate::stats::Estimate;

/// Everyone whose packets a group has, told apart in one way. The rows add up to the group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Payers {
    /// How packets are told apart.
    pub by: PayersBy,
    /// The case by whose added bytes the rows were chosen and are ordered.
    pub case: String,
    /// Flows, or SAs, that the whole capture's packets were told apart by.
    pub known: u64,
    /// Those with rows of their own, then the rest.
    pub rows: Vec<Payer>,
}

/// How packets are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayersBy {
    /// By 5-tuple, both directions together; fragments by addresses and protocol.
    Flow,
    /// By the security association of [`Payers::case`] and of all cases with as many.
    Sa,
}

/// Whose packets a row has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayerKind {
    /// One flow or SA.
    One,
    /// All others that were told apart.
    Rest,
    /// Those that came when as many as can be told apart had come.
    Beyond,
}

/// One row: exact counts of the packets that are timed, and what they cost by case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Payer {
    /// Whose packets.
    pub kind: PayerKind,
    /// Of one: the flow's keyed hash in hexadecimal digits, or its addresses where
    /// [`super::Record::carries_addresses`]; the SA's number.
    pub name: Option<String>,
    /// How many flows or SAs the capture has in this row; `null` beyond what is told apart.
    pub count: Option<u64>,
    /// Packets.
    pub packets: u64,
    /// Their IP bytes.
    pub inner_bytes: u64,
    /// By case, those that add bytes.
    pub costs: Vec<PayerCost>,
}

/// What a case adds to a row's packets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PayerCost {
    /// Id of the case.
    pub case: String,
    /// Bytes that it adds: outer headers, IV, padding, trailer, ICV.
    pub added_bytes: u64,
    /// Packets that leave over the outer MTU: those that fit, fragments, and segments.
    pub wire_packets: u64,
    /// Time that it adds to a packet over the ground, ns, send and receive together: parts of
    /// burst totals. `null` where it was not measured, or the ground was not.
    pub added_ns: Option<Estimate>,
}
