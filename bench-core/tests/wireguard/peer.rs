//! A peer of another make, `boringtun`, and a handshake with it. Its session keys are its own
//! secret; so the other side of the handshake is made here, from a Noise library, which tells
//! the same keys.

use blake2::digest::consts::U16;
use blake2::digest::{FixedOutput, KeyInit, Mac};
use blake2::{Blake2s256, Blake2sMac, Digest};
use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519::{PublicKey, StaticSecret};
use snow::{Builder, HandshakeState};
use tunneltax_core::path::wireguard::Keys;

/// Construction and identifier (paper, 5.4).
const NOISE: &str = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
const PROLOGUE: &[u8] = b"WireGuard v1 zx2c4 Jason@zx2c4.com";
const LABEL_MAC1: &[u8] = b"mac1----";
/// A second of 2026 in TAI64N (paper, 5.4).
const TIMESTAMP: [u8; 12] = [0x40, 0, 0, 0, 0x69, 0x55, 0xb9, 0x0a, 0, 0, 0, 0];

const OUR_SECRET: [u8; 32] = [0x11; 32];
const THEIR_SECRET: [u8; 32] = [0x77; 32];
const SHARED: [u8; 32] = [0x5a; 32];
/// Our name for the session.
const OUR_INDEX: u32 = 0x0bad_cafe;
/// Largest datagram here.
pub const DATAGRAM_MAX: usize = 2048;

/// The peer, and our keys of a session with it.
pub struct Peer {
    tunnel: Box<Tunn>,
    pub sending: Keys,
    pub receiving: Keys,
}

fn public(secret: [u8; 32]) -> PublicKey {
    PublicKey::from(&StaticSecret::from(secret))
}

fn tunnel() -> Box<Tunn> {
    let secret = StaticSecret::from(THEIR_SECRET);
    let peer = public(OUR_SECRET);
    Box::new(Tunn::new(secret, peer, Some(SHARED), None, 7, None))
}

fn noise() -> Builder<'static> {
    Builder::new(NOISE.parse().unwrap())
        .prologue(PROLOGUE)
        .and_then(|builder| builder.local_private_key(&OUR_SECRET))
        .and_then(|builder| builder.psk(2, &SHARED))
        .unwrap()
}

/// The message with mac1 for whoever has this key, and an empty mac2 (paper, 5.4.4).
fn with_macs(message: &[u8], receiver: PublicKey) -> Vec<u8> {
    let mut label = Blake2s256::new();
    Digest::update(&mut label, LABEL_MAC1);
    Digest::update(&mut label, receiver.as_bytes());
    let mut mac1: Blake2sMac<U16> = KeyInit::new_from_slice(&label.finalize()).unwrap();
    Mac::update(&mut mac1, message);
    [message, &mac1.finalize_fixed(), &[0; 16]].concat()
}

fn index(message: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(message[at..at + 4].try_into().unwrap())
}

/// What a peer wants to send.
fn sent(result: TunnResult<'_>) -> Vec<u8> {
    match result {
        TunnResult::WriteToNetwork(datagram) => datagram.to_vec(),
        other => panic!("the peer sends nothing: {other:?}"),
    }
}

/// The keys of a finished handshake: the first is the initiator's to send with.
fn split(mut noise: HandshakeState) -> [[u8; 32]; 2] {
    assert!(noise.is_handshake_finished());
    noise.dangerously_get_raw_split().into()
}

impl Peer {
    fn new(tunnel: Box<Tunn>, [ours, theirs]: [[u8; 32]; 2], their_index: u32) -> Self {
        let keys = |key: [u8; 32], receiver| Keys {
            key: key.to_vec(),
            receiver,
        };
        Self {
            tunnel,
            sending: keys(ours, their_index),
            receiving: keys(theirs, OUR_INDEX),
        }
    }

    /// We begin; the peer answers.
    pub fn as_responder() -> Self {
        let (mut tunnel, theirs) = (tunnel(), public(THEIR_SECRET));
        let builder = noise().remote_public_key(theirs.as_bytes()).unwrap();
        let mut noise = builder.build_initiator().unwrap();
        let mut room = [0; DATAGRAM_MAX];
        let bytes = noise.write_message(&TIMESTAMP, &mut room).unwrap();
        let first = [&[1, 0, 0, 0], &OUR_INDEX.to_le_bytes()[..], &room[..bytes]].concat();
        let first = with_macs(&first, theirs);
        assert_eq!(first.len(), 148);

        let second = sent(tunnel.decapsulate(None, &first, &mut room));
        assert_eq!((second.len(), index(&second, 0)), (92, 2));
        assert_eq!(index(&second, 8), OUR_INDEX);
        let nothing = noise.read_message(&second[12..60], &mut []).unwrap();
        assert_eq!(nothing, 0);
        Self::new(tunnel, split(noise), index(&second, 4))
    }

    /// The peer begins, since it has this packet to send; we answer. Also the messages that it
    /// then sends: a keepalive, and the packet.
    pub fn as_initiator(packet: &[u8]) -> (Self, [Vec<u8>; 2]) {
        let mut tunnel = tunnel();
        let mut room = [0; DATAGRAM_MAX];
        let first = sent(tunnel.encapsulate(packet, &mut room));
        assert_eq!((first.len(), index(&first, 0)), (148, 1));
        let their_index = index(&first, 4);
        let mut noise = noise().build_responder().unwrap();
        let mut timestamp = [0; 12];
        assert_eq!(noise.read_message(&first[8..116], &mut timestamp), Ok(12));
        let theirs = public(THEIR_SECRET);
        assert_eq!(noise.get_remote_static(), Some(&theirs.as_bytes()[..]));

        let bytes = noise.write_message(&[], &mut room).unwrap();
        let [ours, named] = [OUR_INDEX, their_index].map(u32::to_le_bytes);
        let second = [&[2, 0, 0, 0], &ours[..], &named[..], &room[..bytes]].concat();
        let second = with_macs(&second, theirs);
        assert_eq!(second.len(), 92);
        let keepalive = sent(tunnel.decapsulate(None, &second, &mut room));
        let queued = sent(tunnel.decapsulate(None, &[], &mut room));
        let [to_us, to_them] = split(noise);
        let peer = Self::new(tunnel, [to_them, to_us], their_index);
        (peer, [keepalive, queued])
    }

    /// What the peer makes of a packet from its network.
    pub fn sends(&mut self, packet: &[u8]) -> Vec<u8> {
        sent(self.tunnel.encapsulate(packet, &mut [0; DATAGRAM_MAX]))
    }

    /// The packet that the peer takes out of a datagram, if any.
    pub fn receives(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        let mut room = [0; DATAGRAM_MAX];
        match self.tunnel.decapsulate(None, datagram, &mut room) {
            TunnResult::WriteToTunnelV4(packet, _) | TunnResult::WriteToTunnelV6(packet, _) => {
                Some(packet.to_vec())
            }
            TunnResult::Err(_) => None,
            other => panic!("neither taken nor refused: {other:?}"),
        }
    }
}
