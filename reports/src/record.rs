//! The record: one run, whole, as versioned JSON.
//!
//! Units are in the names; integers where the thing is counted. A record holds whole
//! histograms and the median of every fresh instance, so that it can be judged and drawn again
//! without the machine that made it. No payload, and no addresses unless they were asked for.

mod capture;
mod payers;
mod tail;

pub use capture::{Capture, LEFT_BY_PLAN, NEITHER_SIDE, OTHER_SIDE, Side, Sides};
pub use payers::{Payer, PayerCost, PayerKind, Payers, PayersBy};
pub use tail::{Cause, Counted, CpuCounts, Exemplar, Pass, Stalls, Tail};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::stats::Estimate;

/// The schema this code writes and reads.
pub const SCHEMA: &str = "tunneltax-record/1";

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`SCHEMA`].
    pub schema: String,
    /// `complete`, or why the run ended early (`interrupted`, …).
    pub state: String,
    /// Flows are named by addresses and ports, and the command shows its prefixes.
    #[serde(default)]
    pub carries_addresses: bool,
    /// Where the figures come from.
    pub provenance: Provenance,
    /// The scenario that chose what is in here; none where the command line did. Records from
    /// before there were scenarios have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<Scenario>,
    /// What was measured on, and what was left out of it.
    pub captures: Vec<Capture>,
    /// The cases, in the order of the bill.
    pub cases: Vec<Case>,
    /// Groups of rows that share packets, temperature and rounds.
    pub groups: Vec<Group>,
    /// Sizes that were measured for the cost model alone, and are in no other table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub model_sizes: Vec<u32>,
    /// Chains of cases that were asked for, each case one step from the one before. Records of
    /// other runs have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waterfalls: Vec<Waterfall>,
}

/// Cases, each one step from the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waterfall {
    /// Cipher and library, and what the chain is of them: `aes-256-gcm@ring`.
    pub id: String,
    /// The cases, first to last.
    pub links: Vec<Link>,
}

/// A case of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The step from the link before, in a word; of the first link, the case itself.
    pub id: String,
    /// The same for people: `security group`.
    pub step: String,
    /// Id of the case.
    pub case: String,
}

/// Cases and captures that answer a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// Name, or name of its file without the ending.
    pub name: String,
    /// What it asks.
    pub question: String,
    /// Ids of the claims that the question comes from.
    pub claims: Vec<String>,
    /// How to read the result.
    pub reading: String,
    /// Id of the case that the answer begins with, where the scenario names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leads: Option<String>,
    /// Pairs of a capture and a case for which it says what must be sent and dropped.
    pub expected: u64,
    /// Options on the command line for which that was not held against the proof; empty where
    /// it was.
    pub overridden_by: Vec<String>,
}

/// Everything needed to say, years later, what was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Start of the run, RFC 3339, UTC.
    pub started: String,
    /// Seconds that the measuring took.
    pub seconds: f64,
    /// The command, as typed, but for the values of `--near` where addresses are not shown. Of a
    /// `rerun`, that of the run, with another `--out`.
    pub command: Vec<String>,
    /// Seed of keys, routes, order and generated captures.
    pub seed: u64,
    /// The program.
    pub build: Build,
    /// The machine.
    pub host: Host,
    /// The clock.
    pub clock: Clock,
    /// The cipher libraries.
    pub libraries: Vec<Library>,
    /// What disturbed the run.
    pub noise: Noise,
}

/// The program that measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// Version of tunneltax.
    pub version: String,
    /// Commit it was built from; `null` outside a checkout.
    pub commit: Option<String>,
    /// The tree differed from the commit.
    pub dirty: Option<bool>,
    /// Cargo profile.
    pub profile: String,
    /// Compiler.
    pub rustc: String,
    /// Target features that were on at compile time.
    pub target_features: Vec<String>,
    /// SHA-256 of the running binary.
    pub binary_sha256: String,
    /// SHA-256 of the lock file it was built with.
    pub lock_sha256: String,
}

/// The machine that measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Name of the CPU, with family, model and stepping.
    pub cpu: String,
    /// Microcode revision, as the kernel reports it.
    pub microcode: Option<String>,
    /// CPU flags that the ciphers care about and that this CPU has.
    pub cpu_flags: Vec<String>,
    /// Logical CPUs.
    pub cores: usize,
    /// The CPU that the measuring thread was bound to.
    pub pinned_to: Option<usize>,
    /// L1 data cache of a core.
    pub l1d_bytes: Option<u64>,
    /// L2 cache of a core.
    pub l2_bytes: Option<u64>,
    /// Last-level cache.
    pub l3_bytes: Option<u64>,
    /// Memory.
    pub memory_bytes: Option<u64>,
    /// Kernel.
    pub kernel: String,
    /// Frequency governor; `null` where the kernel offers none.
    pub governor: Option<String>,
    /// Hypervisor; `null` where the CPU reports none.
    pub hypervisor: Option<String>,
    /// Whether the CPU counts events for this program, and why not. Records of before do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<String>,
}

/// The clock and what it costs, measured in this run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// What is read.
    pub name: String,
    /// Ticks a second, against the operating system's monotonic clock.
    pub hertz: f64,
    /// Smallest step between two readings that differ.
    pub step_ns: f64,
    /// Cost of a plain reading, as the per-packet stamps use it.
    pub reading_ns: f64,
    /// Cost of a fenced reading, as the burst totals use it.
    pub fenced_reading_ns: f64,
    /// The CPU says that the counter runs at one rate and never stops; if not, figures in ns
    /// hold only as far as the core's speed did.
    pub invariant: bool,
}

/// A cipher library as it was in this binary on this CPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Library {
    /// Name, as in a case id.
    pub name: String,
    /// Version.
    pub version: String,
    /// The code it runs here, by algorithm: `aes-256-gcm` → `VAES + PCLMULQDQ, AVX2`.
    pub code: BTreeMap<String, String>,
    /// `compile time` or `run time`: when that code was chosen.
    pub chosen_at: String,
}

/// What disturbed the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// Load average of a minute, at the start.
    pub load_start: f64,
    /// The same at the end.
    pub load_end: f64,
    /// Time that the hypervisor took away, percent of the run, all CPUs; `null` if not reported.
    pub steal_percent: Option<f64>,
    /// Times that the measuring thread was put aside by the kernel.
    pub involuntary_switches: Option<u64>,
    /// Slowest core speed that the frequency anchor saw.
    pub anchor_min_ghz: f64,
    /// Median core speed.
    pub anchor_median_ghz: f64,
    /// Fastest core speed.
    pub anchor_max_ghz: f64,
    /// Median of the additions a cycle that the core took beside what was measured.
    pub anchor_median_width: f64,
    /// Additions a cycle that it took when it was alone: the widest one in a hundred looks.
    pub anchor_max_width: f64,
    /// Looks at the core that found less than nine tenths of the widest: another hardware
    /// thread had a part of it. Percent; `null` without such a look.
    pub shared_percent: Option<f64>,
}

/// One row of every report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// `path/cipher@library`.
    pub id: String,
    /// For people.
    pub title: String,
    /// What a packet goes through, in order.
    pub stages: Vec<String>,
    /// The case that this one is one step above; `null` for the ground.
    pub step_of: Option<String>,
    /// What the step adds: `forwarding`, `encapsulation`, `encryption + integrity`.
    pub step: String,
    /// Bytes added by inner size: the sizes of the bill.
    pub added_bytes: BTreeMap<u32, u32>,
    /// What of it fits the outer MTU, where it sends. Records of before have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fits: Option<Fits>,
    /// What its cipher works on, where it has one. Records of before have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// Where it stands among cases that differ in one number, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<Point>,
}

/// What fits an outer MTU, computed as `added_bytes` is. `null` where there is no such packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fits {
    /// Longest packet between the gateways, bytes.
    pub outer_mtu: u32,
    /// IP total length of the longest inner packet that leaves in one piece.
    pub largest_inner: Option<u32>,
    /// Maximum segment size to clamp TCP over IPv4 to, bytes, without options.
    pub mss_ipv4: Option<u32>,
    /// The same over IPv6.
    pub mss_ipv6: Option<u32>,
    /// Packets that an inner IPv4 packet without DF leaves in over that MTU, by its size: the
    /// sizes of the bill.
    pub packets: BTreeMap<u32, Option<u32>>,
}

/// The text that a cipher seals of a packet: octets in front of the packet, the packet and a
/// trailer padded to a multiple.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// In front of the packet.
    pub front: u32,
    /// Behind it.
    pub trailer: u32,
    /// Packet and trailer are padded to a multiple of this.
    pub alignment: u32,
    /// But not beyond this; `null` for no such end.
    pub padded_most: Option<u32>,
}

impl Text {
    /// Octets of the text of a packet.
    pub fn bytes(&self, inner_bytes: u32) -> u32 {
        let unpadded = inner_bytes + self.trailer;
        let padded = unpadded.next_multiple_of(self.alignment.max(1));
        let most = self.padded_most.unwrap_or(u32::MAX).max(unpadded);
        self.front + padded.min(most)
    }
}

/// A point of a cost curve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// What is counted: `rules`.
    pub of: String,
    /// Which of the curves over it: `established flows`.
    pub curve: String,
    /// How many there are.
    pub count: u64,
}

/// What kind of packets a group has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkloadKind {
    /// Generated packets of one size.
    Size,
    /// Generated packets of a mix.
    Mix,
    /// A capture in its own order.
    Capture,
    /// The packets of one size class of a capture but for fragments, grouped into bursts of
    /// their own.
    Class,
    /// What others sealed, of a capture, in its own order; nothing is sent, and only the far
    /// gateway is timed.
    Received,
}

/// Where the packets were when the clock started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Temperature {
    /// The frames of a reading fit the L1 data cache and were just touched.
    Hot,
    /// The frames were touched longer ago than the L2 remembers.
    Warm,
    /// Longer ago than the last-level cache remembers: they come from memory.
    Cold,
}

/// Rows that were measured in turns on the same packets, and so can be compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Kind of packets.
    pub kind: WorkloadKind,
    /// Name of the workload: `64`, `imix`, `https`, `https 512-1023`.
    pub workload: String,
    /// The capture it comes from.
    pub capture: Option<String>,
    /// Temperature.
    pub temperature: Temperature,
    /// Flows that generated packets are spread over; `null` of a capture.
    pub flows: Option<u64>,
    /// Different packets in the workload that every case carries: those that are timed.
    pub packets: u64,
    /// Mean IP total length of them.
    pub mean_inner_bytes: f64,
    /// How many there are of each IP total length. Records of before do not say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sizes: BTreeMap<u32, u64>,
    /// Packets handed to the path in one call.
    pub burst: u32,
    /// Packets between two readings of the clock.
    pub packets_per_reading: u32,
    /// Fresh instances of every case.
    pub instances: u32,
    /// Instances that another hardware thread shared the core with: they were measured again, and
    /// do not count. Records of before do not say.
    #[serde(default)]
    pub measured_again: u32,
    /// Of the instances that count, those that shared their core all the same, percent. Records of
    /// before do not say.
    #[serde(default)]
    pub shared_percent: f64,
    /// Rounds of the instance that has the fewest; every case is timed twice in a round.
    pub rounds: u32,
    /// Median core speed beside these rounds.
    pub anchor_ghz: f64,
    /// Median of the additions a cycle that the core took beside these rounds.
    pub anchor_width: f64,
    /// The rows.
    pub rows: Vec<Row>,
    /// Cases measured against themselves.
    pub null_gate: Vec<NullGate>,
    /// Gaps in the clock. Records of before do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalls: Option<Stalls>,
    /// What the kernel counted, by instance. Records of before do not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<Pass>,
    /// Who pays for the tunnels, of a capture in its own order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payers: Vec<Payers>,
}

/// One case in one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Id of the case.
    pub case: String,
    /// The case could be measured and its round trip was right.
    pub passed: bool,
    /// Why not.
    pub message: Option<String>,
    /// The figures; `null` where not passed.
    pub figures: Option<Figures>,
}

/// What was measured of one case in one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Time a packet, from burst totals, ns; 0 where nothing is sent ([`WorkloadKind::Received`]).
    pub send_ns: Estimate,
    /// The same for the receiving gateway.
    pub receive_ns: Estimate,
    /// Both.
    pub sum_ns: Estimate,
    /// The clock's part of a burst total, percent, send and receive; it has been subtracted.
    pub clock_share_percent: [f64; 2],
    /// What a fenced reading of the clock took beside this case's work, send and receive; `null` of
    /// what is not walked. Records of before do not say.
    #[serde(default, skip_serializing_if = "both_none")]
    pub reading_ns: [Option<Estimate>; 2],
    /// Readings whose two visits differ by more than half, percent, send and receive: something
    /// else ran.
    pub disturbed_percent: [f64; 2],
    /// Paired differences to other cases of the group.
    pub against: Vec<Paired>,
    /// Single packets; none where nothing is sent.
    pub send_stamped: Stamped,
    /// Single packets.
    pub receive_stamped: Stamped,
    /// What the CPU counted, send and receive; none where it counts nothing for this program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<[CpuCounts; 2]>,
    /// One walk over the workload, exact.
    pub work: Work,
}

fn both_none(halves: &[Option<Estimate>; 2]) -> bool {
    halves.iter().all(Option::is_none)
}

/// The difference to another case, in the same rounds on the same packets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// The other case.
    pub case: String,
    /// This minus the other, ns a packet.
    pub send_ns: Estimate,
    /// The same, receive.
    pub receive_ns: Estimate,
    /// The same, both.
    pub sum_ns: Estimate,
    /// This over the other, send and receive together.
    pub sum_ratio: Estimate,
}

/// A case against itself: what it takes for a difference to be one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NullGate {
    /// The case.
    pub case: String,
    /// Difference to its twin as part of itself, percent, send and receive together.
    pub difference_percent: Estimate,
    /// Smallest difference that a comparison of this many instances tells with 95 % power.
    pub smallest_percent: f64,
}

/// Service times of single packets, stamped one by one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// `HdrHistogram` V2, deflated, base64; unit ns; 3 significant digits.
    pub histogram_ns: String,
    /// Packets in it.
    pub packets: u64,
    /// Mean of the stamps, ns.
    pub mean_ns: f64,
    /// What stamping added to a packet: stamped minus burst total of the same rounds, ns; the
    /// median reading of every instance.
    pub stamping_ns: Estimate,
    /// Quantiles over the instances, those that every instance has packets enough for. Records of
    /// before have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quantiles: Vec<Quantile>,
    /// What is behind the tail, by quantile. Records of before have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tails: Vec<Tail>,
}

/// A quantile of single packets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantile {
    /// Part of the packets that are no slower.
    pub quantile: f64,
    /// Mean and interval over the instances' own, ns.
    pub ns: Estimate,
}

/// What one walk over the workload did, exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Packets that came in.
    pub packets: u64,
    /// Bytes that came in.
    pub inner_bytes: u64,
    /// Packets that the near gateway sent.
    pub sent_packets: u64,
    /// Bytes of them, as they came in.
    pub sent_inner_bytes: u64,
    /// Bytes of them, as they were sent.
    pub wire_bytes: u64,
    /// Packets on the wire: one for each that was sent, or as many as it was cut into. Absent
    /// from records of before any was.
    #[serde(default)]
    pub wire_packets: u64,
    /// Packets on the wire that are fragments, of outer or inner packets. Absent from records of
    /// before there were any.
    #[serde(default)]
    pub fragments: u64,
    /// Packets that were longer than the outer MTU when sent.
    pub over_mtu: u64,
    /// Packets that were dropped for their length and answered with ICMP or ICMPv6; each is among
    /// [`Work::drops`], too.
    #[serde(default)]
    pub icmp_answers: u64,
    /// Dropped on the way, by reason.
    pub drops: BTreeMap<String, u64>,
    /// Packets whose round trip was compared byte by byte with what must come out.
    pub verified: u64,
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Not JSON, or not of the schema.
    #[error("{name} is not a record: {source}")]
    Malformed {
        /// The file.
        name: String,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// Another schema.
    #[error("{name} has schema {found:?}, this version reads {SCHEMA:?}")]
    Schema {
        /// The file.
        name: String,
        /// Its schema.
        found: String,
    },
    /// A histogram cannot be decoded.
    #[error("{name}: the histogram of {case} cannot be decoded: {message}")]
    Histogram {
        /// The file or workload.
        name: String,
        /// The case.
        case: String,
        /// What the decoder said.
        message: String,
    },
}

impl Record {
    /// Reads a record; `name` is used in errors.
    pub fn from_json(name: &str, text: &str) -> Result<Self, RecordError> {
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        let malformed = |source| RecordError::Malformed {
            name: name.to_owned(),
            source,
        };
        let head: Head = serde_json::from_str(text).map_err(malformed)?;
        if head.schema != SCHEMA {
            return Err(RecordError::Schema {
                name: name.to_owned(),
                found: head.schema,
            });
        }
        serde_json::from_str(text).map_err(malformed)
    }

    /// The record as JSON, with a line feed at the end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}
