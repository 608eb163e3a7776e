//! The library's manager with one key: what `shim.c` makes of it, safe to call.

use std::ffi::{CStr, c_char, c_int};
use std::ptr::{self, NonNull};

/// Packets of a burst at most; as in `shim.c`.
pub(super) const LANES: usize = 16;
/// Octets of the longest ICV here.
pub(super) const TAG_BYTES: usize = 16;

/// What the C side owns.
#[repr(C)]
struct Opaque {
    _private: [u8; 0],
}

/// One packet's work, as in `shim.c`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Work {
    covered: *mut u8,
    covered_bytes: u64,
    text_offset: u64,
    text_bytes: u64,
    iv: *const u8,
    aad: *const u8,
    aad_bytes: u64,
    tag: *mut u8,
}

const _: () = assert!(size_of::<Work>() == 64);

unsafe extern "C" {
    fn tunneltax_imb_new() -> *mut Opaque;
    fn tunneltax_imb_free(imb: *mut Opaque);
    fn tunneltax_imb_arch(imb: *const Opaque) -> u32;
    fn tunneltax_imb_gcm(imb: *mut Opaque, key: *const u8, key_bytes: u64) -> c_int;
    fn tunneltax_imb_gcm_one(imb: *const Opaque, opens: c_int, work: *const Work);
    fn tunneltax_imb_chacha(imb: *mut Opaque, key: *const u8);
    fn tunneltax_imb_cbc(imb: *mut Opaque, key: *const u8, key_bytes: u64) -> c_int;
    fn tunneltax_imb_hmac(imb: *mut Opaque, key: *const u8, key_bytes: u64) -> c_int;
    fn tunneltax_imb_burst(imb: *mut Opaque, opens: c_int, work: *const Work, count: u32) -> u32;
    fn imb_get_version_str() -> *const c_char;
}

/// Version of the library that is loaded.
pub(super) fn version() -> String {
    // SAFETY: the library returns a string that is constant and ends in a zero.
    let version = unsafe { CStr::from_ptr(imb_get_version_str()) };
    version.to_string_lossy().into_owned()
}

/// Which way a packet goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Seal,
    Open,
}

/// Where the parts of a packet are: text within what the MAC covers.
#[derive(Clone, Copy)]
pub(super) struct Covered {
    /// Where what is covered begins, in the packet.
    pub start: usize,
    /// Octets of it.
    pub bytes: usize,
    /// Where the text begins, in what is covered.
    pub text: usize,
    /// Octets of text.
    pub text_bytes: usize,
    /// Octets right in front of the text that are its IV.
    pub iv_bytes: usize,
}

/// A manager and a key.
pub(super) struct Manager(NonNull<Opaque>);

impl Manager {
    fn new() -> Self {
        // SAFETY: takes nothing; what it returns is this value's own until it is dropped.
        let imb = NonNull::new(unsafe { tunneltax_imb_new() });
        // As Rust's own allocations end where there is no memory.
        let layout = std::alloc::Layout::new::<[u64; 8]>();
        Self(imb.unwrap_or_else(|| std::alloc::handle_alloc_error(layout)))
    }

    /// AES-GCM; `None` for a key length that AES has not.
    pub fn gcm(key: &[u8]) -> Option<Self> {
        let manager = Self::new();
        // SAFETY: the manager lives; the key has so many octets.
        let made = unsafe { tunneltax_imb_gcm(manager.0.as_ptr(), key.as_ptr(), key.len() as u64) };
        (made != 0).then_some(manager)
    }

    /// ChaCha20-Poly1305.
    pub fn chacha20(key: &[u8; 32]) -> Self {
        let manager = Self::new();
        // SAFETY: the manager lives; the key has the 32 octets that are read.
        unsafe { tunneltax_imb_chacha(manager.0.as_ptr(), key.as_ptr()) };
        manager
    }

    /// Encryption by the length of its key, none for an empty one; HMAC by the length of its
    /// key. `None` for other lengths.
    pub fn encrypt_then_mac(encryption: &[u8], integrity: &[u8]) -> Option<Self> {
        let manager = Self::new();
        let imb = manager.0.as_ptr();
        // SAFETY: the manager lives; each key has so many octets.
        let made = unsafe {
            tunneltax_imb_cbc(imb, encryption.as_ptr(), encryption.len() as u64) != 0
                && tunneltax_imb_hmac(imb, integrity.as_ptr(), integrity.len() as u64) != 0
        };
        made.then_some(manager)
    }

    /// Number of the instruction set that it works with: `IMB_ARCH` of the library's header.
    pub fn arch(&self) -> u32 {
        // SAFETY: the manager lives.
        unsafe { tunneltax_imb_arch(self.0.as_ptr()) }
    }

    /// One packet of AES-GCM; the tag of what was opened, too, is computed and not compared.
    #[inline(always)]
    pub fn gcm_one(
        &mut self,
        way: Way,
        nonce: &[u8; 12],
        aad: &[u8],
        text: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        let mut tag = [0; TAG_BYTES];
        let work = Work {
            tag: tag.as_mut_ptr(),
            ..aead(nonce, aad, text)
        };
        // SAFETY: all that is pointed to lives through the call, with the lengths given; text
        // and tag are borrowed for writing. The manager was made by `gcm`, or has no such call.
        unsafe {
            tunneltax_imb_gcm_one(
                self.0.as_ptr(),
                c_int::from(way == Way::Open),
                &raw const work,
            );
        };
        tag
    }

    /// The same of ChaCha20-Poly1305; `None` where the library refuses.
    #[inline(always)]
    pub fn chacha20_one(
        &mut self,
        way: Way,
        nonce: &[u8; 12],
        aad: &[u8],
        text: &mut [u8],
    ) -> Option<[u8; TAG_BYTES]> {
        let mut tags = [[0; TAG_BYTES]];
        let work = aead(nonce, aad, text);
        // SAFETY: as in `gcm_one`.
        let done = unsafe { self.burst(way, &mut [work], &mut tags) };
        done.then_some(tags[0])
    }

    /// At most [`LANES`] packets, with a tag each; false where not all of them are done. Nothing
    /// of them stays in the manager.
    ///
    /// # Safety
    /// What every piece of work points to lives, is nobody else's, and no two of them overlap.
    #[inline(always)]
    pub unsafe fn burst(
        &mut self,
        way: Way,
        work: &mut [Work],
        tags: &mut [[u8; TAG_BYTES]],
    ) -> bool {
        if work.len() > tags.len() {
            return false;
        }
        for (work, tag) in work.iter_mut().zip(tags) {
            work.tag = tag.as_mut_ptr();
        }
        let opens = c_int::from(way == Way::Open);
        let count = work.len() as u32;
        // SAFETY: the manager lives, and every tag has the octets of the longest one; the rest
        // is the caller's promise.
        unsafe { tunneltax_imb_burst(self.0.as_ptr(), opens, work.as_ptr(), count) == count }
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        // SAFETY: made by `new` and freed once.
        unsafe { tunneltax_imb_free(self.0.as_ptr()) };
    }
}

/// The work of an AEAD, without a place for the tag.
#[inline(always)]
fn aead(nonce: &[u8; 12], aad: &[u8], text: &mut [u8]) -> Work {
    Work {
        covered: text.as_mut_ptr(),
        covered_bytes: text.len() as u64,
        text_offset: 0,
        text_bytes: text.len() as u64,
        iv: nonce.as_ptr(),
        aad: aad.as_ptr(),
        aad_bytes: aad.len() as u64,
        tag: ptr::null_mut(),
    }
}

impl Work {
    /// No work.
    pub const NONE: Self = Self {
        covered: ptr::null_mut(),
        covered_bytes: 0,
        text_offset: 0,
        text_bytes: 0,
        iv: ptr::null(),
        aad: ptr::null(),
        aad_bytes: 0,
        tag: ptr::null_mut(),
    };

    /// The work of a packet; `None` where the parts are not within the packet or within each
    /// other. It is good for [`Manager::burst`] as long as the packet is where it is and nobody
    /// uses it.
    #[inline(always)]
    pub fn new(packet: &mut [u8], at: Covered) -> Option<Self> {
        let covered = packet.get_mut(at.start..at.start.checked_add(at.bytes)?)?;
        let iv = at.text.checked_sub(at.iv_bytes)?;
        covered.get(at.text..at.text.checked_add(at.text_bytes)?)?;
        let covered = covered.as_mut_ptr();
        Some(Self {
            covered,
            covered_bytes: at.bytes as u64,
            text_offset: at.text as u64,
            text_bytes: at.text_bytes as u64,
            // SAFETY: the text begins within what is covered, and its IV does.
            iv: unsafe { covered.add(iv) },
            ..Self::NONE
        })
    }
}
