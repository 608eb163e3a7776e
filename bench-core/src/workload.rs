//! The packets that cases under comparison carry, what must come out of them, and how they are
//! laid out in memory and time.

use std::ops::Range;
use std::sync::OnceLock;

use pnet::packet::ipv4::{self, Ipv4Flags, Ipv4Packet};

use crate::frame::{Frame, LINE_BYTES};
use crate::net::flow_table::FlowRoom;
use crate::path::framing::Framing;
use crate::path::overhead::FRAGMENT_UNIT_BYTES;
use crate::path::received::{Arrival, Inbox};
use crate::path::{GivenSa, reference};
use crate::wire;

/// Most routers that any case has on its way.
pub const HOPS_MAX: u8 = 3;

/// Packets one behind the other, and where each ends.
type Forwarded = (Vec<u8>, Vec<usize>);

/// To whom each packet of a workload belongs, in one way of telling packets apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// By packet, each less than `count`.
    of: Vec<u16>,
    count: u16,
}

impl Labels {
    /// A label for each packet, of labels from 0 to `count - 1`; what is beyond counts as the
    /// last of them.
    pub fn new(mut of: Vec<u16>, count: u16) -> Self {
        let last = count.saturating_sub(1);
        for label in &mut of {
            *label = (*label).min(last);
        }
        Self { of, count }
    }

    /// Labels that there are, with packets or without.
    pub fn count(&self) -> usize {
        usize::from(self.count)
    }

    /// By packet.
    pub fn of(&self) -> &[u16] {
        &self.of
    }

    /// The label at a position of the endless walk over the workload.
    #[inline]
    pub fn at(&self, position: usize) -> usize {
        let at = position.checked_rem(self.of.len());
        at.map_or(0, |at| usize::from(self.of[at]))
    }

    fn filtered(&self, keep: &[bool]) -> Self {
        let kept = self.of.iter().zip(keep).filter(|(_, keep)| **keep);
        Self {
            of: kept.map(|(label, _)| *label).collect(),
            count: self.count,
        }
    }
}

/// Packets of a capture chunk (or of one size class of it), each with what a correct pair of
/// gateways makes of it.
pub struct Workload<'c> {
    packets: Vec<&'c [u8]>,
    labels: Vec<Labels>,
    longest: usize,
    inner_bytes: u64,
    /// What comes out, by the number of routers on the way; made when first asked for.
    forwarded: [OnceLock<Forwarded>; HOPS_MAX as usize],
    /// As which the packets arrive, where nobody here sends them.
    sealed: Option<Sealed<'c>>,
}

/// The tunnel that packets arrive by.
struct Sealed<'c> {
    framing: Framing,
    sas: &'c [GivenSa],
    arrivals: Vec<&'c Arrival>,
}

impl<'c> Workload<'c> {
    /// A workload of what was inside these packets, which arrive sealed, in this order.
    pub fn of_arrivals(framing: Framing, sas: &'c [GivenSa], arrivals: &[&'c Arrival]) -> Self {
        let inner = arrivals.iter().map(|arrival| arrival.inner.as_slice());
        let of_sealed = arrivals.iter().map(|arrival| arrival.sealed.len());
        let longest = of_sealed.max().unwrap_or(0);
        Self {
            longest,
            sealed: Some(Sealed {
                framing,
                sas,
                arrivals: arrivals.to_owned(),
            }),
            ..Self::new(inner.collect())
        }
    }

    /// What a far gateway is made for, of readings as in [`Self::readings`]; `None` where the
    /// packets are sent here.
    pub fn inbox<'a>(&'a self, readings: &'a [Range<usize>]) -> Option<Inbox<'a>> {
        let sealed = self.sealed.as_ref()?;
        Some(Inbox {
            framing: sealed.framing,
            sas: sealed.sas,
            arrivals: &sealed.arrivals,
            readings,
        })
    }

    /// True where the packets arrive sealed and are not sent here.
    pub fn arrives(&self) -> bool {
        self.sealed.is_some()
    }

    /// As what the packet at a position arrives; empty where it is sent here.
    pub fn sealed(&self, position: usize) -> &'c [u8] {
        let arrivals = self.sealed.as_ref().map(|sealed| &sealed.arrivals);
        let at = position.checked_rem(self.packets.len());
        at.and_then(|at| arrivals?.get(at))
            .map_or(&[], |arrival| &arrival.sealed)
    }

    /// The packets of each reading of one walk. The last reading of packets that are sent here
    /// runs on into the beginning; that of packets that arrive begins earlier instead, since a
    /// receiver would refuse them out of their order.
    pub fn readings(&self, shape: Shape) -> Vec<Range<usize>> {
        let packets = shape.packets_per_reading;
        let starts = (0..shape.readings_per_walk(self.len()).max(1)).map(|at| at * packets);
        let latest = match &self.sealed {
            Some(_) => self.len().saturating_sub(packets),
            None => usize::MAX,
        };
        let range = |start: usize| start.min(latest)..start.min(latest) + packets;
        starts.map(range).collect()
    }

    /// A workload of these packets, in this order.
    pub fn new(packets: Vec<&'c [u8]>) -> Self {
        let longest = packets.iter().map(|p| p.len()).max().unwrap_or(0);
        let inner_bytes = packets.iter().map(|p| p.len() as u64).sum();
        Self {
            packets,
            labels: Vec::new(),
            longest,
            inner_bytes,
            forwarded: Default::default(),
            sealed: None,
        }
    }

    /// The same with labels by which service time is summed up; those that are not one a packet
    /// are left away.
    #[must_use]
    pub fn labelled(self, labels: Vec<Labels>) -> Self {
        let fit = |labels: &Labels| labels.of.len() == self.packets.len() && labels.count > 0;
        Self {
            labels: labels.into_iter().filter(fit).collect(),
            ..self
        }
    }

    /// The labels, in the order in which they were given.
    pub fn labels(&self) -> &[Labels] {
        &self.labels
    }

    /// Packets.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// True without packets.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Bytes of the longest packet, as it is sent or arrives.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// Bytes of all packets.
    pub fn inner_bytes(&self) -> u64 {
        self.inner_bytes
    }

    /// The packet at a position of the endless walk over the workload.
    pub fn packet(&self, position: usize) -> &'c [u8] {
        let at = position.checked_rem(self.packets.len());
        at.and_then(|at| self.packets.get(at))
            .copied()
            .unwrap_or(&[])
    }

    /// What correct gateways make of the packet at a position, by the reference that paths are
    /// held against; empty where they would drop it. `hops` is at most [`HOPS_MAX`].
    pub fn expected(&self, hops: u8, position: usize) -> &[u8] {
        if hops == 0 {
            return self.packet(position);
        }
        let place = self.forwarded.get(usize::from(hops - 1));
        let Some((bytes, ends)) = place.map(|place| place.get_or_init(|| self.forward(hops)))
        else {
            return &[];
        };
        let Some(at) = position.checked_rem(ends.len()) else {
            return &[];
        };
        let start = at.checked_sub(1).map_or(0, |before| ends[before]);
        &bytes[start..ends[at]]
    }

    fn forward(&self, hops: u8) -> Forwarded {
        let mut bytes = Vec::with_capacity(self.inner_bytes as usize);
        let ends = self.iter().map(|packet| {
            bytes.extend(reference(hops, packet).unwrap_or_default());
            bytes.len()
        });
        let ends = ends.collect();
        (bytes, ends)
    }

    /// The packets.
    pub fn iter(&self) -> impl Iterator<Item = &'c [u8]> + '_ {
        self.packets.iter().copied()
    }

    /// Room for as many flows as there are packets of each family.
    pub fn flow_room(&self) -> FlowRoom {
        let v6 = self
            .iter()
            .filter(|packet| wire::version(packet) == Some(6));
        let v6 = v6.count();
        FlowRoom {
            v4: self.len() - v6,
            v6,
        }
    }

    /// The same without the packets for which `keep` is false.
    #[must_use]
    pub fn filtered(&self, keep: &[bool]) -> Self {
        fn kept<T: Copy>(of: &[T], keep: &[bool]) -> Vec<T> {
            let kept = of.iter().zip(keep).filter(|(_, keep)| **keep);
            kept.map(|(packet, _)| *packet).collect()
        }
        let labels = self.labels.iter().map(|labels| labels.filtered(keep));
        let filtered = match &self.sealed {
            Some(Sealed {
                framing,
                sas,
                arrivals,
            }) => Self::of_arrivals(*framing, sas, &kept(arrivals, keep)),
            None => Self::new(kept(&self.packets, keep)),
        };
        filtered.labelled(labels.collect())
    }
}

/// Whether a frame holds the packet that must come out: as it is, or in fragments that a host
/// makes it of. Fragments are read by pnet, as the reference is.
pub fn came_out(frame: &Frame<'_>, expected: &[u8]) -> bool {
    if frame.segments == 0 {
        return frame.bytes() == expected;
    }
    let Some(whole) = Ipv4Packet::new(expected).filter(|ip| ip.get_version() == 4) else {
        return false;
    };
    let header_bytes = usize::from(whole.get_header_length()) * 4;
    let Some((_, mut rest)) = expected.split_at_checked(header_bytes) else {
        return false;
    };
    let mut offset = usize::from(whole.get_fragment_offset()) * FRAGMENT_UNIT_BYTES;
    for packet in frame.wire_packets() {
        let Some(fragment) = Ipv4Packet::new(packet) else {
            return false;
        };
        let Some((header, data)) = packet.split_at_checked(header_bytes) else {
            return false;
        };
        let Some((mine, behind)) = rest.split_at_checked(data.len()) else {
            return false;
        };
        let more = !behind.is_empty() || whole.get_flags() & Ipv4Flags::MoreFragments != 0;
        let flags = if more { Ipv4Flags::MoreFragments } else { 0 };
        let in_units = behind.is_empty() || data.len().is_multiple_of(FRAGMENT_UNIT_BYTES);
        let is_right = usize::from(fragment.get_total_length()) == packet.len()
            && usize::from(fragment.get_fragment_offset()) * FRAGMENT_UNIT_BYTES == offset
            && fragment.get_flags() == flags
            && fragment.get_checksum() == ipv4::checksum(&fragment)
            && (data, in_units) == (mine, true)
            && same_header(
                header,
                expected,
                rest.len() == expected.len() - header_bytes,
            );
        if !is_right {
            return false;
        }
        offset += data.len();
        rest = behind;
    }
    rest.is_empty()
}

/// Whether a fragment's header is the datagram's, but for length, flags, offset and checksum.
/// Options that only the first fragment has are NOPs in the others.
fn same_header(header: &[u8], expected: &[u8], is_first: bool) -> bool {
    const NOP: u8 = 1;
    let mut pairs = header.iter().zip(expected).enumerate();
    pairs.all(|(at, (one, other))| match at {
        2 | 3 | 6 | 7 | 10 | 11 => true,
        20.. if !is_first => one == other || *one == NOP,
        _ => one == other,
    })
}

/// Sizes of the data caches of a core, as the host tells them.
#[derive(Clone, Copy, Debug)]
pub struct Caches {
    /// L1 data cache.
    pub l1d_bytes: usize,
    /// L2 cache.
    pub l2_bytes: usize,
    /// Last-level cache, which cores may share.
    pub l3_bytes: usize,
}

impl Default for Caches {
    /// Small enough for any x86-64 server of the last ten years.
    fn default() -> Self {
        Self {
            l1d_bytes: 32 << 10,
            l2_bytes: 512 << 10,
            l3_bytes: 32 << 20,
        }
    }
}

/// How many packets are handed over, timed and filled at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Packets in one call of a path.
    pub burst: usize,
    /// Packets between two readings of the clock.
    pub packets_per_reading: usize,
    /// Readings between two fills of the arena; 1 is hot.
    pub readings_per_fill: usize,
    /// Neighbours in a burst are none in memory, so that no cache fetches the next one by itself.
    pub scattered: bool,
}

/// Most bytes of an arena, of the lines that paths touch.
const ARENA_BYTES_MAX: usize = 256 << 20;

/// Bytes around a packet that a path of this project may touch.
const AROUND_PACKET_BYTES: usize = 2 * LINE_BYTES;
/// Most packets between two readings: more would only make stalls likelier.
const MOST_PACKETS_PER_READING: usize = 256;

impl Shape {
    /// Hot: everything between two readings was just written and fits three quarters of the
    /// L1 data cache. `burst` becomes smaller where the packets are too large for that.
    pub fn hot(longest: usize, burst: usize, caches: Caches) -> Self {
        let fit = caches.l1d_bytes * 3 / 4 / touched_bytes(longest);
        let burst = burst.clamp(1, fit.max(1));
        let bursts = (fit / burst).clamp(1, (MOST_PACKETS_PER_READING / burst).max(1));
        Self {
            burst,
            packets_per_reading: burst * bursts,
            readings_per_fill: 1,
            scattered: false,
        }
    }

    /// Warm: between the fill of a packet and its turn, twice the L2 was written, counting only
    /// the lines of packets of a mean size.
    pub fn warm(longest: usize, mean_bytes: f64, burst: usize, caches: Caches) -> Self {
        Self::hot(longest, burst, caches).behind(2 * caches.l2_bytes, mean_bytes)
    }

    /// Cold: the same of twice the last-level cache, but of no more than 256 MiB of lines.
    pub fn cold(longest: usize, mean_bytes: f64, burst: usize, caches: Caches) -> Self {
        let behind = Self::hot(longest, burst, caches).behind(2 * caches.l3_bytes, mean_bytes);
        let most = ARENA_BYTES_MAX / touched_bytes(longest);
        Self {
            readings_per_fill: behind
                .readings_per_fill
                .min(most / behind.packets_per_reading)
                .max(2),
            scattered: true,
            ..behind
        }
    }

    /// So many bytes are written between the fill of a packet and its turn.
    fn behind(self, bytes: usize, mean_bytes: f64) -> Self {
        let written = (mean_bytes.ceil() as usize).next_multiple_of(LINE_BYTES);
        let packets = bytes.div_ceil(written.max(LINE_BYTES));
        Self {
            readings_per_fill: packets.div_ceil(self.packets_per_reading).max(2),
            ..self
        }
    }

    /// The same for packets of so many flows: where it is not hot, they lie in the arena all at
    /// once (as far as 256 MiB go), so that between two packets of a flow every other flow has
    /// had its turn.
    #[must_use]
    pub fn over_flows(self, flows: usize, longest: usize) -> Self {
        if self.readings_per_fill == 1 {
            return self;
        }
        let packets = flows.min(ARENA_BYTES_MAX / touched_bytes(longest));
        let readings = packets.div_ceil(self.packets_per_reading);
        Self {
            readings_per_fill: self.readings_per_fill.max(readings),
            ..self
        }
    }

    /// The same for so many packets that arrive: each at most once between two readings.
    #[must_use]
    pub fn within(self, packets: usize) -> Self {
        let packets_per_reading = self.packets_per_reading.clamp(1, packets.max(1));
        Self {
            burst: self.burst.min(packets_per_reading),
            packets_per_reading,
            ..self
        }
    }

    /// Packets in the arena.
    pub fn arena_packets(&self) -> usize {
        self.packets_per_reading * self.readings_per_fill
    }

    /// Readings needed for one walk over a workload. The last one runs on into the beginning.
    pub fn readings_per_walk(&self, packets: usize) -> usize {
        packets.div_ceil(self.packets_per_reading)
    }
}

fn touched_bytes(packet_bytes: usize) -> usize {
    (packet_bytes + AROUND_PACKET_BYTES).next_multiple_of(LINE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hot_fits_the_l1_and_warm_does_not_fit_the_l2() {
        let caches = Caches::default();
        for longest in [20, 64, 576, 1440, 1500, 9000] {
            let hot = Shape::hot(longest, 32, caches);
            assert!(hot.burst >= 1 && hot.readings_per_fill == 1);
            assert!(hot.packets_per_reading * longest <= caches.l1d_bytes);
            let warm = Shape::warm(longest, longest as f64, 32, caches);
            assert!(
                warm.arena_packets() * longest.next_multiple_of(LINE_BYTES) >= 2 * caches.l2_bytes
            );
        }
    }

    #[test]
    fn cold_does_not_fit_the_last_level_cache_or_is_as_large_as_may_be() {
        let caches = Caches::default();
        for longest in [20, 64, 576, 1440, 1500] {
            let cold = Shape::cold(longest, longest as f64, 32, caches);
            let written = cold.arena_packets() * longest.next_multiple_of(LINE_BYTES);
            let touched = cold.arena_packets() * touched_bytes(longest);
            let reading = cold.packets_per_reading * touched_bytes(longest);
            assert!(touched <= ARENA_BYTES_MAX, "{longest}");
            let largest = touched + reading > ARENA_BYTES_MAX;
            assert!(
                written >= 2 * caches.l3_bytes || largest,
                "{longest}: {written}"
            );
            let hot = Shape::hot(longest, 32, caches);
            assert_eq!(cold.packets_per_reading, hot.packets_per_reading);
        }
    }

    #[test]
    fn flows_make_the_warm_arena_larger_and_leave_the_hot_one() {
        let caches = Caches::default();
        let hot = Shape::hot(64, 32, caches);
        let warm = Shape::warm(64, 64.0, 32, caches);
        assert_eq!(hot.over_flows(1 << 20, 64), hot);
        assert_eq!(warm.over_flows(64, 64), warm);
        let all = warm.over_flows(1 << 20, 64);
        assert!(all.arena_packets() >= 1 << 20);
        let longest = warm.over_flows(1 << 20, 1500);
        assert!(longest.arena_packets() * touched_bytes(1500) <= 257 << 20);
    }

    #[test]
    fn the_walk_is_endless() {
        let packets: Vec<&[u8]> = vec![b"a", b"bb", b"ccc"];
        let workload = Workload::new(packets);
        assert_eq!(workload.packet(4), b"bb");
        assert_eq!(workload.filtered(&[false, true, true]).inner_bytes(), 5);
        assert_eq!(Workload::new(vec![]).packet(3), b"");
    }

    #[test]
    fn labels_go_with_their_packets() {
        let packets: Vec<&[u8]> = vec![b"a", b"bb", b"ccc"];
        let labels = Labels::new(vec![1, 0, 7], 3);
        let workload = Workload::new(packets).labelled(vec![labels, Labels::new(vec![0], 1)]);
        let [labels] = workload.labels() else {
            panic!("labels of another number of packets are left away");
        };
        assert_eq!((labels.of(), labels.at(5)), (&[1, 0, 2][..], 2));
        let fewer = workload.filtered(&[true, false, true]);
        assert_eq!(fewer.labels()[0].of(), [1, 2]);
    }
}
