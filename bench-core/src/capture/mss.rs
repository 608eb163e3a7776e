//! What a capture tells of the maximum segment size of its TCP flows.

use std::collections::HashMap;
use std::net::SocketAddr;

use etherparse::TcpOptionElement;

use super::segments::TcpPacket;

/// Flows of one direction in each of two generations; the older one is forgotten when the
/// younger is full.
const FLOWS_MAX: usize = 1 << 14;

/// Least MSS that a packet can be taken to show: what every host takes in (RFC 9293, 3.7.1).
/// Shorter packets are rather all that there was to send.
const SHOWN_MIN_BYTES: usize = 536;

/// From whom, to whom.
type Flow = (SocketAddr, SocketAddr);

/// What is known of one direction of a connection.
#[derive(Clone, Copy, Debug, Default)]
struct Mss {
    /// The receiver's option in a SYN; 0 without one.
    announced: u16,
    /// By the longest packet that seems full; 0 before one.
    shown: u16,
}

/// The maximum segment sizes of the flows that were seen last.
#[derive(Default)]
pub(super) struct MssTable {
    young: HashMap<Flow, Mss>,
    old: HashMap<Flow, Mss>,
}

impl MssTable {
    /// Most memory that the table comes to hold: a map takes room for less than twice its entries.
    pub(super) const HELD_MAX_BYTES: usize = 2 * 2 * FLOWS_MAX * size_of::<(Flow, Mss)>();

    /// Takes note of a packet that fits the MTU. A packet seems full that does not end what a
    /// program wrote (no PSH, no FIN) and is no shorter than [`SHOWN_MIN_BYTES`].
    #[inline]
    pub(super) fn learn(&mut self, packet: &[u8]) {
        let Some(packet) = TcpPacket::parse(packet) else {
            return;
        };
        let tcp = &packet.tcp;
        if tcp.syn() {
            self.announce(&packet);
        } else if packet.mss() >= SHOWN_MIN_BYTES && !tcp.psh() && !tcp.fin() && !tcp.rst() {
            let shown = u16::try_from(packet.mss()).unwrap_or(u16::MAX);
            let known = self.entry(packet.ends());
            known.shown = known.shown.max(shown);
        }
    }

    /// The MSS of the direction that this packet goes: announced, or else shown.
    pub(super) fn of(&self, packet: &TcpPacket<'_>) -> Option<usize> {
        let flow = packet.ends();
        let known = self.young.get(&flow).or_else(|| self.old.get(&flow))?;
        let mss = [known.announced, known.shown];
        mss.into_iter().find(|&mss| mss > 0).map(usize::from)
    }

    /// A SYN says what its sender takes in, and begins a new connection. An MSS of 0 says nothing.
    #[cold]
    fn announce(&mut self, packet: &TcpPacket<'_>) {
        let options = packet.tcp.options_iterator();
        let announced = options
            .map_while(Result::ok)
            .find_map(|option| match option {
                TcpOptionElement::MaximumSegmentSize(mss) => Some(mss),
                _ => None,
            })
            .unwrap_or(0);
        let (sender, receiver) = packet.ends();
        *self.entry((receiver, sender)) = Mss {
            announced,
            shown: 0,
        };
    }

    fn entry(&mut self, flow: Flow) -> &mut Mss {
        if self.young.len() >= FLOWS_MAX && !self.young.contains_key(&flow) {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        let old = &self.old;
        self.young
            .entry(flow)
            .or_insert_with(|| old.get(&flow).copied().unwrap_or_default())
    }

    /// Memory held.
    pub(super) fn held_bytes(&self) -> usize {
        (self.young.capacity() + self.old.capacity()) * size_of::<(Flow, Mss)>()
    }
}
