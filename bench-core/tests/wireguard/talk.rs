//! Both directions of a session with an independent implementation, with every library.

use tunneltax_core::cipher::Aead;
use tunneltax_core::cipher::aws_lc::{self, AwsLc};
use tunneltax_core::cipher::ring::{self, Ring};
use tunneltax_core::cipher::rust_crypto::RustCrypto;
use tunneltax_core::path::Setup;
use tunneltax_core::path::wireguard::{Keys, Opener, Sealer};
use tunneltax_core::wire::wireguard::COUNTER_WINDOW;

use crate::packets::{A, B, ip4, ip6, udp4};
use crate::peer::Peer;
use crate::tunnel::{OUTER, Reason, in_frame, in_udp};

/// Packets of both families, and of sizes around each edge of the padding.
fn packets() -> Vec<Vec<u8>> {
    let edges = [20, 21, 31, 32, 33, 63, 64, 65, 1407, 1408, 1409, 1419, 1420];
    let steps = (40..1420).step_by(29);
    let beyond = [1421, 1440, 1500];
    let sizes = || edges.into_iter().chain(steps.clone()).chain(beyond);
    let four = sizes().map(|bytes| ip4(253, &[], &vec![bytes as u8; bytes - 20], |_| ()));
    let six = sizes().filter(|bytes| *bytes >= 40);
    let six = six.map(|bytes| ip6(59, &vec![bytes as u8; bytes - 40]));
    four.chain(six).collect()
}

/// Our two ends of a session, with a cipher of this library.
struct Ours<C> {
    sealer: Sealer<C>,
    opener: Opener<C>,
}

impl<C: Aead> Ours<C> {
    fn new(sending: &Keys, receiving: &Keys) -> Self {
        Self {
            sealer: Sealer::new(&Setup::default(), sending).unwrap(),
            opener: Opener::new(receiving, COUNTER_WINDOW).unwrap(),
        }
    }

    /// The datagram that we send for a packet.
    fn sends(&mut self, packet: &[u8]) -> Vec<u8> {
        let sent = in_frame(packet, |burst| self.sealer.seal(burst));
        sent.unwrap().split_off(OUTER)
    }

    fn receives(&mut self, datagram: &[u8]) -> Result<Vec<u8>, Reason> {
        in_frame(&in_udp(datagram), |burst| self.opener.open(burst))
    }
}

/// The datagram with a bit of its text or tag turned.
fn tampered(datagram: &[u8], at: usize) -> Vec<u8> {
    let mut changed = datagram.to_vec();
    changed[16 + at % (datagram.len() - 16)] ^= 1 << (at % 8);
    changed
}

/// Packets that were opened by the peer and by us, and those that were refused by each.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    by_peer: usize,
    by_us: usize,
    refused_by_peer: usize,
    refused_by_us: usize,
}

fn talk<C: Aead>(mut peer: Peer) -> Tally {
    let mut ours = Ours::<C>::new(&peer.sending, &peer.receiving);
    let mut tally = Tally::default();
    for (at, packet) in packets().iter().enumerate() {
        let datagram = ours.sends(packet);
        let refused = peer.receives(&tampered(&datagram, at * 7)).is_none();
        tally.refused_by_peer += usize::from(refused);
        assert_eq!(peer.receives(&datagram).as_ref(), Some(packet));
        tally.by_peer += 1;
        assert_eq!(peer.receives(&datagram), None, "twice");

        let datagram = peer.sends(packet);
        // It does not pad: whatever length there is must be taken.
        assert_eq!(datagram.len(), 32 + packet.len());
        let refused = ours.receives(&tampered(&datagram, at * 7));
        tally.refused_by_us += usize::from(refused == Err(Reason::BadIcv));
        assert_eq!(ours.receives(&datagram).as_ref(), Ok(packet));
        tally.by_us += 1;
        assert_eq!(ours.receives(&datagram), Err(Reason::Replayed));
    }
    tally
}

/// All of them, and at least as many as that means something.
fn all() -> Tally {
    let all = packets().len();
    assert!(all >= 100);
    Tally {
        by_peer: all,
        by_us: all,
        refused_by_peer: all,
        refused_by_us: all,
    }
}

#[test]
fn a_session_that_we_began() {
    type RustCryptos = RustCrypto<chacha20poly1305::ChaCha20Poly1305>;
    assert_eq!(
        talk::<Ring<{ ring::CHACHA20 }>>(Peer::as_responder()),
        all()
    );
    assert_eq!(
        talk::<AwsLc<{ aws_lc::CHACHA20 }>>(Peer::as_responder()),
        all()
    );
    assert_eq!(talk::<RustCryptos>(Peer::as_responder()), all());
}

#[test]
fn a_session_that_the_peer_began() {
    type Chacha = Ring<{ ring::CHACHA20 }>;
    let packet = udp4((A, 1000), (B, 53), b"question");
    let (peer, [keepalive, queued]) = Peer::as_initiator(&packet);
    let mut ours = Ours::<Chacha>::new(&peer.sending, &peer.receiving);
    assert_eq!(keepalive.len(), 32);
    assert_eq!(ours.receives(&keepalive), Err(Reason::Keepalive));
    assert_eq!(ours.receives(&queued), Ok(packet));
    assert_eq!(talk::<Chacha>(peer), all());
}
