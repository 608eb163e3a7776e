//! OpenVPN: what OpenVPN itself sent, what is on the wire octet by octet, and what is refused.

#[path = "../packets/mod.rs"]
mod packets;
mod refusals;
mod stream;
mod theirs;
mod wire;

use tunneltax_core::cipher::Cipher;
use tunneltax_core::fate::{Fate, Reason};
use tunneltax_core::frame::Arena;
use tunneltax_core::path::openvpn::{DataV2, OVER_UDP};
use tunneltax_core::path::records::{Opener, Sealer};
use tunneltax_core::path::{Case, Setup, cases};

/// Octets of the outer IPv4 and UDP headers.
const OUTER: usize = 28;
/// Octets of them, opcode and peer id, packet id and tag.
const FRONT: usize = OUTER + 24;

fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().as_chunks::<2>().0.iter();
    digits
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Cases of OpenVPN over UDP with a cipher.
fn sealed_cases() -> impl Iterator<Item = &'static Case> {
    cases().filter(|case| case.id.starts_with("openvpn-udp/") && case.library.is_some())
}

/// One packet through a sender.
fn seal_one<C: Cipher>(sealer: &mut Sealer<C, DataV2>, inner: &[u8]) -> Result<Vec<u8>, Reason> {
    let mut arena = Arena::new(1, 100, inner.len(), 100);
    let mut burst = arena.frames();
    assert!(burst[0].load(inner));
    sealer.seal(&mut burst);
    outcome(burst[0].fate, burst[0].bytes())
}

/// One packet through a receiver.
fn open_one<C: Cipher>(opener: &mut Opener<C, DataV2>, packet: &[u8]) -> Result<Vec<u8>, Reason> {
    let mut arena = Arena::new(1, 0, packet.len(), 0);
    let mut burst = arena.frames();
    assert!(burst[0].load(packet));
    opener.open(&mut burst);
    outcome(burst[0].fate, burst[0].bytes())
}

fn outcome(fate: Fate, bytes: &[u8]) -> Result<Vec<u8>, Reason> {
    match fate {
        Fate::Carried => Ok(bytes.to_vec()),
        Fate::Dropped(reason) => Err(reason),
    }
}

const KEY: [u8; 32] = *b"0123456789abcdef0123456789abcdef";
const IMPLICIT_IV: [u8; 8] = *b"ivivIVIV";
const PEER_ID: u32 = 0x0a_0b0c;
const KEY_ID: u8 = 3;

/// A sender and a receiver with the same keys.
fn ends<C: Cipher>() -> (Sealer<C, DataV2>, Opener<C, DataV2>) {
    let setup = Setup::default();
    let record = DataV2::new(OVER_UDP, KEY_ID, PEER_ID, IMPLICIT_IV);
    let cipher = || C::new(&KEY).unwrap();
    (
        Sealer::new(&setup, cipher(), OVER_UDP, record),
        Opener::new(&setup, cipher(), OVER_UDP, record),
    )
}
