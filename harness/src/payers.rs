//! Who pays for a tunnel: the flows of a capture, and the SAs of cases that have many. Ranked when
//! the capture is read the first time, by the bytes that a case adds to their packets.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::hash::Hasher;

use rand::TryRng;
use rand::rngs::SysRng;
use siphasher::sip::SipHasher24;
use tunneltax_core::net::flow_id::FlowId;
use tunneltax_core::path::Case;
use tunneltax_core::path::overhead::Overhead;
use tunneltax_core::sa_table::Assignment;
use tunneltax_core::workload::Labels;
use tunneltax_reports::record::{PayerKind, PayersBy};

use crate::failure::Failure;

/// Flows of a capture that are told apart: the first so many. Others are counted together.
pub const FLOWS_TOLD_APART: usize = 1 << 16;
/// Flows, or SAs, that get a row of their own.
pub const ROWS: usize = 10;
/// Octets of the key of `SipHash`.
const KEY_BYTES: usize = 16;

/// How flows are named in a run: by a keyed hash, with a key that nobody ever sees, so that a name
/// says nothing of the addresses, and nothing from run to run.
#[derive(Clone)]
pub struct Names {
    hasher: SipHasher24,
    /// Addresses and ports instead.
    show_addresses: bool,
}

impl Names {
    /// A fresh key from the operating system.
    pub fn draw(show_addresses: bool) -> Result<Self, Failure> {
        let mut key = [0; KEY_BYTES];
        SysRng.try_fill_bytes(&mut key).map_err(|why| {
            Failure::Failed(format!(
                "the operating system gives no random key to name flows by: {why}; try again"
            ))
        })?;
        Ok(Self {
            hasher: SipHasher24::new_with_key(&key),
            show_addresses,
        })
    }

    fn hash(&self, flow: &FlowId) -> u64 {
        let mut hasher = self.hasher;
        hasher.write(&flow.octets());
        hasher.finish()
    }

    /// What a flow is called.
    pub fn name(&self, flow: &FlowId) -> String {
        if self.show_addresses {
            flow.to_string()
        } else {
            format!("{:016x}", self.hash(flow))
        }
    }
}

/// A way of telling packets apart, and the case by whose added bytes those who pay are ranked.
#[derive(Clone)]
pub struct Way {
    /// By what.
    by: By,
    /// The case.
    pub case: &'static Case,
}

#[derive(Clone)]
enum By {
    Flow(Names),
    Sa(Assignment),
}

/// What a packet is told by: a number that is the same for all packets of a flow or SA.
pub type Key = u64;

impl Way {
    /// Flows, by the first of the cases that has a cipher, or else the last one that adds bytes;
    /// and the SAs of each number of them that a case has. None where no case adds bytes.
    pub fn all(cases: &[&'static Case], names: &Names, assignment_seed: u64) -> Vec<Self> {
        let tunnels = || cases.iter().copied().filter(|case| is_tunnel(case));
        let sealed = tunnels().find(|case| case.library.is_some());
        let mut ways: Vec<Self> = sealed
            .or_else(|| tunnels().next_back())
            .map(|case| Self {
                by: By::Flow(names.clone()),
                case,
            })
            .into_iter()
            .collect();
        for case in tunnels().filter(|case| case.sas > 1) {
            if ways.iter().all(|way| !way.is_of_sas(case.sas)) {
                ways.push(Self {
                    by: By::Sa(Assignment::new(case.sas, assignment_seed)),
                    case,
                });
            }
        }
        ways
    }

    fn is_of_sas(&self, sas: usize) -> bool {
        matches!(self.by, By::Sa(_)) && self.case.sas == sas
    }

    /// How the record calls it.
    pub fn by(&self) -> PayersBy {
        match self.by {
            By::Flow(_) => PayersBy::Flow,
            By::Sa(_) => PayersBy::Sa,
        }
    }

    /// Whether it tells the packets of a case apart: every case has flows.
    pub fn is_for(&self, case: &Case) -> bool {
        is_tunnel(case) && (matches!(self.by, By::Flow(_)) || case.sas == self.case.sas)
    }

    /// Whose a packet is; `None` of no flow or SA.
    pub fn key(&self, packet: &[u8]) -> Option<Key> {
        match &self.by {
            By::Flow(names) => Some(names.hash(&FlowId::of(packet)?)),
            By::Sa(assignment) => assignment.sa_of(packet).ok().map(u64::from),
        }
    }

    fn name(&self, key: Key, packet: &[u8]) -> String {
        match &self.by {
            By::Flow(names) => FlowId::of(packet).map_or_else(String::new, |id| names.name(&id)),
            By::Sa(_) => key.to_string(),
        }
    }
}

fn is_tunnel(case: &Case) -> bool {
    case.overhead != Overhead::NONE
}

/// One way, while a capture is read the first time.
pub struct Census<'a> {
    way: &'a Way,
    told_apart_max: usize,
    known: HashMap<Key, Known>,
    /// There were more than are told apart.
    is_full: bool,
}

/// A flow or an SA.
struct Known {
    /// How many came before it.
    place: usize,
    name: String,
    added_bytes: u64,
}

impl<'a> Census<'a> {
    /// Nobody counted yet.
    pub fn new(way: &'a Way) -> Self {
        Self {
            way,
            told_apart_max: FLOWS_TOLD_APART,
            known: HashMap::new(),
            is_full: false,
        }
    }

    /// Counts a packet. One that no gateway would forward belongs to nobody.
    pub fn count(&mut self, packet: &[u8]) {
        let Some(key) = self.way.key(packet) else {
            return;
        };
        let added_bytes = self.way.case.overhead.added_to(packet) as u64;
        if let Some(known) = self.known.get_mut(&key) {
            known.added_bytes += added_bytes;
        } else if self.known.len() < self.told_apart_max {
            let known = Known {
                place: self.known.len(),
                name: self.way.name(key, packet),
                added_bytes,
            };
            self.known.insert(key, known);
        } else {
            self.is_full = true;
        }
    }

    /// Those that come first; of two that pay the same, the one that was there first.
    pub fn ranking(self) -> Ranking {
        let mut all: Vec<(Key, &Known)> = self.known.iter().map(|(key, of)| (*key, of)).collect();
        all.sort_unstable_by_key(|(_, known)| (Reverse(known.added_bytes), known.place));
        all.truncate(ROWS);
        let first = all.iter().map(|(key, known)| (*key, known.name.clone()));
        let first: Vec<(Key, String)> = first.collect();
        let keys = || self.known.keys().copied().collect();
        Ranking {
            way: self.way.clone(),
            first,
            known: self.known.len(),
            told_apart: self.is_full.then(keys),
        }
    }
}

/// Those of a capture who pay most, and how to tell whose a packet is.
#[derive(Clone)]
pub struct Ranking {
    /// How packets are told apart.
    pub way: Way,
    first: Vec<(Key, String)>,
    /// Flows or SAs that were told apart.
    known: usize,
    /// Their keys, where there were more.
    told_apart: Option<HashSet<Key>>,
}

impl Ranking {
    /// Labels of packets: a place in the ranking, the rest, or beyond what is told apart.
    pub fn labels(&self, packets: &[&[u8]]) -> Labels {
        let rest = self.first.len();
        let label = |packet: &&[u8]| {
            let Some(key) = self.way.key(packet) else {
                return rest as u16;
            };
            let told_apart = self
                .told_apart
                .as_ref()
                .is_none_or(|all| all.contains(&key));
            let place = self.first.iter().position(|(known, _)| *known == key);
            place.unwrap_or(if told_apart { rest } else { rest + 1 }) as u16
        };
        Labels::new(packets.iter().map(label).collect(), (rest + 2) as u16)
    }

    /// What a label stands for: its kind, and the name of one.
    pub fn of(&self, label: usize) -> (PayerKind, Option<String>) {
        match self.first.get(label) {
            Some((_, name)) => (PayerKind::One, Some(name.clone())),
            None if self.is_rest(label) => (PayerKind::Rest, None),
            None => (PayerKind::Beyond, None),
        }
    }

    /// The label of those behind the first ones.
    pub fn is_rest(&self, label: usize) -> bool {
        label == self.first.len()
    }

    /// Flows or SAs that were told apart.
    pub fn known(&self) -> u64 {
        self.known as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tunneltax_core::path::find;
    use tunneltax_core::synth::{Mix, Recipe};

    fn ways() -> Vec<Way> {
        let ids = [
            "forward",
            "esp/none",
            "esp/aes-256-gcm@ring",
            "esp+100sa/aes-256-gcm@ring",
        ];
        let cases: Vec<&'static Case> = ids.iter().map(|id| find(id).expect("a case")).collect();
        Way::all(&cases, &Names::draw(false).expect("a key"), 1)
    }

    #[test]
    fn flows_are_ranked_by_the_first_cipher_and_sas_by_their_case() {
        let ways = ways();
        let ids: Vec<&str> = ways.iter().map(|way| way.case.id).collect();
        assert_eq!(ids, ["esp/aes-256-gcm@ring", "esp+100sa/aes-256-gcm@ring"]);
        assert!(ways[0].is_for(find("esp/none").unwrap()));
        assert!(!ways[0].is_for(find("forward").unwrap()));
        assert!(!ways[1].is_for(find("esp/none").unwrap()));
        let none = Way::all(&[find("forward").unwrap()], &Names::draw(false).unwrap(), 1);
        assert!(none.is_empty());
    }

    #[test]
    fn what_comes_when_the_room_is_used_up_is_beyond() {
        let way = &ways()[0];
        let recipe = Recipe {
            flows: 20,
            in_turn: true,
            ..Recipe::new(Mix::Size(64), 20, 1)
        };
        let chunk = recipe.chunk().expect("packets");
        let packets: Vec<&[u8]> = chunk.packets().collect();
        let mut census = Census {
            told_apart_max: 12,
            ..Census::new(way)
        };
        // The fourth flow has most packets.
        packets
            .iter()
            .chain(&[packets[3]])
            .for_each(|packet| census.count(packet));
        let ranking = census.ranking();
        assert_eq!(ranking.known(), 12);
        let labels = ranking.labels(&packets);
        let of = |kind| {
            let label = |label: &&u16| ranking.of(usize::from(**label)).0 == kind;
            labels.of().iter().filter(label).count()
        };
        assert_eq!(labels.of()[3], 0);
        assert_eq!(
            (
                of(PayerKind::One),
                of(PayerKind::Rest),
                of(PayerKind::Beyond)
            ),
            (ROWS, 2, 8)
        );
        let named = |way: &Way| way.name(0, packets[0]);
        assert_eq!(named(way).len(), 16);
        assert_ne!(named(way), named(&ways()[0]), "another run, another name");
    }
}
