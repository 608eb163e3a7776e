//! The bytes of a capture: compression recognised by content, then a window of bounded size.

use std::io::{self, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

/// Longest record that is taken into memory: 16 times the longest IP packet, and far above the
/// 262,144 bytes that libpcap takes for the longest snapshot. A record that claims more is
/// damage, and no memory is taken for it.
pub const RECORD_MAX_BYTES: usize = 4 << 20;

/// What is read at once. Small enough to stay in a second-level cache until it is copied.
const WINDOW_BYTES: usize = 256 << 10;

/// Compressed bytes read at once.
const COMPRESSED_BYTES: usize = 128 << 10;

/// First bytes of a gzip member (RFC 1952, 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// First bytes of a zstd frame (RFC 8878, 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// A skippable zstd frame: 0x50 to 0x5f, then these (RFC 8878, 3.1.2).
const ZSTD_SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];

/// What wraps the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Nothing.
    None,
    /// gzip, of one member or several.
    Gzip,
    /// zstd, of one frame or several.
    Zstd,
}

impl Compression {
    /// As people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    fn of(head: &[u8]) -> Self {
        let skippable = head.first().is_some_and(|byte| byte & 0xf0 == 0x50)
            && head
                .get(1..)
                .is_some_and(|rest| rest.starts_with(&ZSTD_SKIPPABLE));
        if head.starts_with(&GZIP_MAGIC) {
            Self::Gzip
        } else if head.starts_with(&ZSTD_MAGIC) || skippable {
            Self::Zstd
        } else {
            Self::None
        }
    }
}

/// A sliding window over the (decompressed) bytes. It grows to the longest record, never beyond
/// [`RECORD_MAX_BYTES`], and never with the file.
pub(super) struct Window {
    source: Box<dyn Read + Send>,
    compression: Compression,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    cut: bool,
}

impl Window {
    /// Looks at the first bytes and puts the fitting decompressor in between. Needs no seeking,
    /// so that a pipe will do.
    pub(super) fn open(mut source: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut head = Vec::with_capacity(ZSTD_MAGIC.len());
        source
            .by_ref()
            .take(ZSTD_MAGIC.len() as u64)
            .read_to_end(&mut head)?;
        let compression = Compression::of(&head);
        let whole = Cursor::new(head).chain(source);
        let source: Box<dyn Read + Send> = match compression {
            Compression::None => Box::new(whole),
            Compression::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(
                COMPRESSED_BYTES,
                whole,
            ))),
            Compression::Zstd => Box::new(zstd::Decoder::with_buffer(BufReader::with_capacity(
                COMPRESSED_BYTES,
                whole,
            ))?),
        };
        Ok(Self {
            source,
            compression,
            buffer: vec![0; WINDOW_BYTES],
            start: 0,
            end: 0,
            ended: false,
            cut: false,
        })
    }

    pub(super) fn compression(&self) -> Compression {
        self.compression
    }

    /// The compressed stream broke off before its end.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Memory held.
    pub(super) fn held_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The bytes at hand.
    #[inline]
    pub(super) fn data(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Passes over bytes at hand.
    #[inline]
    pub(super) fn consume(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
    }

    /// Reads on until `wanted` bytes are at hand; false where the source ends before. The caller
    /// asks for no more than [`RECORD_MAX_BYTES`]; beyond, the answer is false.
    #[inline]
    pub(super) fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        if self.end - self.start >= wanted {
            return Ok(true);
        }
        self.refill(wanted)
    }

    #[cold]
    fn refill(&mut self, wanted: usize) -> io::Result<bool> {
        while self.end - self.start < wanted {
            if self.ended || wanted > RECORD_MAX_BYTES {
                return Ok(false);
            }
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            if self.buffer.len() < wanted {
                self.buffer.resize(wanted.next_power_of_two(), 0);
            }
            self.read_more()?;
        }
        Ok(true)
    }

    /// Passes over bytes that need not be at hand; false where the source ends before.
    pub(super) fn skip(&mut self, mut bytes: usize) -> io::Result<bool> {
        loop {
            let step = bytes.min(self.end - self.start);
            self.consume(step);
            bytes -= step;
            if bytes == 0 {
                return Ok(true);
            }
            if !self.fill(1)? {
                return Ok(false);
            }
        }
    }

    fn read_more(&mut self) -> io::Result<()> {
        match self.source.read(&mut self.buffer[self.end..]) {
            Ok(0) => self.ended = true,
            Ok(bytes) => self.end += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.ended = true;
                self.cut = true;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
