//! IP packets back to back in one arena, with where they end and when they were seen.

/// Marks a packet without a time in [`Chunk::times_ns`]; as a time it would be the year 2554.
const NO_TIME: u64 = u64::MAX;

/// Some packets of a capture: link header stripped, padding behind the IP total length cut.
///
/// Clearing keeps the memory, and nothing is ever zeroed: a fresh arena of some MiB costs more
/// in page faults than reading the file does, so one chunk is filled again and again.
#[derive(Debug, Default)]
pub struct Chunk {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    times_ns: Vec<u64>,
}

impl Chunk {
    /// Bytes that a packet takes beside its own: where it ends and when it was seen.
    pub(super) const INDEX_BYTES: usize = size_of::<usize>() + size_of::<u64>();

    /// An empty chunk that holds no memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the packets and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.times_ns.clear();
    }

    /// Adds a packet; `timestamp_ns` counts from the epoch, UTC.
    #[inline]
    pub fn push(&mut self, packet: &[u8], timestamp_ns: Option<u64>) {
        self.bytes.extend_from_slice(packet);
        self.ends.push(self.bytes.len());
        self.times_ns.push(timestamp_ns.unwrap_or(NO_TIME));
    }

    /// Packets.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True where there is no packet.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all packets together.
    pub fn packet_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes in use, index included: what [`super::Limits::chunk_bytes`] bounds.
    #[inline]
    pub fn used_bytes(&self) -> usize {
        self.bytes.len() + self.ends.len() * Self::INDEX_BYTES
    }

    /// Bytes of memory held, used or not.
    pub fn held_bytes(&self) -> usize {
        self.bytes.capacity()
            + self.ends.capacity() * size_of::<usize>()
            + self.times_ns.capacity() * size_of::<u64>()
    }

    /// The packets in the order of the capture.
    pub fn packets(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let packet = &self.bytes[start..end];
            start = end;
            packet
        })
    }

    /// One packet; `None` behind the last.
    pub fn packet(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.bytes.get(start..end)
    }

    /// When a packet was seen, in nanoseconds since the epoch; `None` where the capture does not
    /// say, or says a time before 1970 or past 2554. Times need not rise: captures exist whose
    /// clock was set back.
    pub fn timestamp_ns(&self, index: usize) -> Option<u64> {
        self.times_ns
            .get(index)
            .copied()
            .filter(|&time| time != NO_TIME)
    }
}
