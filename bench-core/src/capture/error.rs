//! Why a capture cannot be read: one sentence that names the file and the next step.

use std::io;
use std::path::PathBuf;

/// A capture that is refused, or that breaks off in the middle.
///
/// A cut tail is no error: the whole frames are used and [`super::Tally::truncated`] is set.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// No such file.
    #[error("{} does not exist: check the path", .file.display())]
    Missing {
        /// What was to be read.
        file: PathBuf,
    },
    /// A folder in the place of a file.
    #[error("{} is a directory: name the capture files in it", .file.display())]
    Directory {
        /// What was to be read.
        file: PathBuf,
    },
    /// The operating system refused to open or to read it.
    #[error("{} cannot be read ({source}): check its permissions and its disk", .file.display())]
    Unreadable {
        /// What was to be read.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// No byte in it, or none after decompression.
    #[error("{} is empty: take the capture again", .file.display())]
    Empty {
        /// What was to be read.
        file: PathBuf,
    },
    /// The content is neither pcap nor pcapng.
    #[error("{} is no capture that can be read here ({found}): {remedy}", .file.display())]
    NotCapture {
        /// What was to be read.
        file: PathBuf,
        /// What the first bytes look like.
        found: &'static str,
        /// What to do about it.
        remedy: &'static str,
    },
    /// pcap or pcapng, of a version that is not known here.
    #[error(
        "{} is {format} of version {major}.{minor}, which is not known here: rewrite it with editcap",
        .file.display()
    )]
    Version {
        /// What was to be read.
        file: PathBuf,
        /// pcap or pcapng.
        format: &'static str,
        /// As the file says.
        major: u16,
        /// As the file says.
        minor: u16,
    },
    /// The gzip or zstd stream around the capture is broken.
    #[error(
        "{} is a broken {compression} stream ({source}): fetch the file again, or unpack it and use what comes out",
        .file.display()
    )]
    Decompress {
        /// What was to be read.
        file: PathBuf,
        /// gzip or zstd.
        compression: &'static str,
        /// What the decompressor said.
        source: io::Error,
    },
    /// The format contradicts itself, so that nothing behind this place can be found.
    #[error(
        "{} is damaged behind frame {frames_read} ({damage}): {}",
        .file.display(), after_damage(*.frames_read)
    )]
    Damaged {
        /// What was to be read.
        file: PathBuf,
        /// Whole frames before the damage.
        frames_read: u64,
        /// What is wrong.
        damage: Damage,
    },
}

fn after_damage(frames_read: u64) -> String {
    match frames_read {
        0 => "fetch the file again".to_owned(),
        _ => format!(
            "fetch it again, or keep what is whole with `editcap -r IN OUT 1-{frames_read}`"
        ),
    }
}

/// What makes the rest of a capture unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// More than [`super::RECORD_MAX_BYTES`]; memory for it is never taken.
    #[error("a record claims {0} bytes, more than any packet has")]
    RecordTooLong(u64),
    /// A pcapng block that is shorter than its own frame of three words, or whose two lengths differ.
    #[error("a pcapng block's lengths contradict each other")]
    BlockLength,
    /// A file header, section header or interface description that cannot be parsed.
    #[error("a file, section or interface header cannot be parsed")]
    Header,
    /// More than [`super::INTERFACES_MAX`] in one section.
    #[error("a pcapng section describes more interfaces than any machine has")]
    TooManyInterfaces,
    /// pcap before 2.4 let some writers swap captured and original length.
    #[error("the lengths of a record are swapped, as pcap before version 2.4 had them")]
    SwappedLengths,
}
