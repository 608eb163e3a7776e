//! Ciphers that are no plain AEAD: encrypt-then-MAC and GMAC, octet by octet, against the
//! standards' own parts put together here.

mod ciphers;
mod packets;

use std::collections::BTreeSet;

use aes_gcm::aead::{AeadInOut, KeyInit as _, inout::InOutBuf};
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use ciphers::{CIPHERS, IPSEC_MB, VisitAny, every_cipher, name};
use hmac::{Hmac, Mac};
use packets::{A, B, udp4};
use tunneltax_core::cipher::{Cipher, Iv, Job};
use tunneltax_core::fate::{Fate, Reason};
use tunneltax_core::frame::{Arena, Frame};
use tunneltax_core::path::esp::{Opener, Sealer};
use tunneltax_core::path::framing::Framing;
use tunneltax_core::path::{Case, Setup, Tunnel, cases, find, reference};
use tunneltax_core::sa::{InboundSa, Keys, Numbers, OutboundSa};

const OUTER: usize = 20;
const ESP: usize = 8;

fn inner(payload: usize) -> Vec<u8> {
    let octets: Vec<u8> = (0..payload).map(|at| (at * 7) as u8).collect();
    udp4((A, 5000), (B, 53), &octets)
}

/// What a case's near gateway makes of packets, one after another.
fn sent(case: &Case, packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut path = case.open(&Setup::default()).unwrap();
    let (front, behind) = (case.overhead.headroom(), case.overhead.tailroom());
    let longest = packets.iter().map(Vec::len).max().unwrap();
    let mut arena = Arena::new(packets.len(), front, longest, behind);
    let mut burst = arena.frames();
    for (frame, packet) in burst.iter_mut().zip(packets) {
        assert!(frame.load(packet));
    }
    path.send(&mut burst);
    assert!(burst.iter().all(Frame::is_carried), "{}", case.id);
    burst.iter().map(|frame| frame.bytes().to_vec()).collect()
}

/// What a case's far gateway, opened afresh, says to a packet.
fn received(case: &Case, packet: &[u8]) -> (Fate, Vec<u8>) {
    let mut path = case.open(&Setup::default().for_packets(1)).unwrap();
    let mut arena = Arena::new(1, 0, packet.len(), 0);
    let mut burst = arena.frames();
    assert!(burst[0].load(packet));
    path.receive(&mut burst);
    (burst[0].fate, burst[0].bytes().to_vec())
}

/// The cases of a path whose cipher is no plain AEAD.
fn of(path: &str) -> Vec<(&'static Case, Tunnel)> {
    let all = cases().filter(|case| case.id.split('/').next() == Some(path));
    let all = all.filter_map(|case| Some((case, case.tunnel(&Setup::default())?)));
    all.filter(|(_, tunnel)| !tunnel.integrity_key.is_empty())
        .collect()
}

fn hmac_of(algorithm: &str, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    fn whole<M: Mac + hmac::KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        let mut mac = <M as hmac::KeyInit>::new_from_slice(key).unwrap();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().to_vec()
    }
    if algorithm.ends_with("sha-1-96") {
        whole::<Hmac<sha1::Sha1>>(key, parts)[..12].to_vec()
    } else {
        whole::<Hmac<sha2::Sha256>>(key, parts)[..16].to_vec()
    }
}

fn cbc_opened(algorithm: &str, key: &[u8], iv: &[u8], text: &[u8]) -> Vec<u8> {
    fn whole<M: BlockModeDecrypt + KeyIvInit>(key: &[u8], iv: &[u8], text: &[u8]) -> Vec<u8> {
        let mut mode = M::new_from_slices(key, iv).unwrap();
        let blocks = text.chunks_exact(iv.len());
        assert!(blocks.remainder().is_empty());
        let opened = blocks.flat_map(|block| {
            let mut block = cbc::cipher::Block::<M>::try_from(block).unwrap();
            mode.decrypt_block(&mut block);
            block.to_vec()
        });
        opened.collect()
    }
    match algorithm.split('+').next().unwrap() {
        "null" => text.to_vec(),
        "aes-128-cbc" => whole::<cbc::Decryptor<aes::Aes128>>(key, iv, text),
        "aes-256-cbc" => whole::<cbc::Decryptor<aes::Aes256>>(key, iv, text),
        "3des-cbc" => whole::<cbc::Decryptor<des::TdesEde3>>(key, iv, text),
        other => panic!("{other}"),
    }
}

/// RFC 4303, 3.3.2.1: the ICV is computed over SPI, sequence number, IV and encrypted text, and,
/// with extended numbers, over the upper half that is not sent (2.2.1), behind them.
#[test]
fn a_packet_is_what_the_standards_parts_make_of_it() {
    let packets: Vec<Vec<u8>> = [0, 1, 13, 100, 1000].map(inner).to_vec();
    let mut seen = BTreeSet::new();
    for (case, tunnel) in [of("esp"), of("esp+esn")].concat() {
        let algorithm = case.algorithm.unwrap();
        seen.insert((case.id.split('/').next().unwrap(), algorithm));
        for (packet, outer) in packets.iter().zip(sent(case, &packets)) {
            let esp = &outer[OUTER..];
            let (covered, icv) = esp.split_at(esp.len() - tunnel.icv_bytes);
            let high = [0; 4];
            let parts: &[&[u8]] = if tunnel.extended {
                &[covered, &high]
            } else {
                &[covered]
            };
            let mac = hmac_of(algorithm, &tunnel.integrity_key, parts);
            assert_eq!(icv, mac, "{}", case.id);
            let (iv, text) = covered[ESP..].split_at(tunnel.iv_bytes);
            let text = cbc_opened(algorithm, &tunnel.key, iv, text);
            let forwarded = reference(1, packet).unwrap();
            assert_eq!(text[..packet.len()], forwarded, "{}", case.id);
            let padding = text.len() - packet.len() - 2;
            assert!(padding < case.overhead.alignment);
            let trailer: Vec<u8> = (1..=padding as u8).chain([padding as u8, 4]).collect();
            assert_eq!(text[packet.len()..], trailer, "{}", case.id);
        }
    }
    let paths = |path| seen.iter().filter(move |(of, _)| *of == path).count();
    assert_eq!((paths("esp"), paths("esp+esn")), (7, 2));
}

/// RFC 3602, 2.1 asks for IVs that nobody can foretell.
#[test]
fn no_iv_comes_twice_and_none_is_a_counter() {
    let packets = vec![inner(40); 500];
    let mut cbc = 0;
    for (case, tunnel) in of("esp")
        .into_iter()
        .filter(|(_, tunnel)| tunnel.iv_bytes > 0)
    {
        let sent = sent(case, &packets);
        let ivs: BTreeSet<&[u8]> = sent
            .iter()
            .map(|outer| &outer[OUTER + ESP..OUTER + ESP + tunnel.iv_bytes])
            .collect();
        assert_eq!(ivs.len(), packets.len(), "{}", case.id);
        // Every bit is set in about half of them.
        for bit in 0..8 * tunnel.iv_bytes {
            let set = ivs.iter().filter(|iv| iv[bit / 8] >> (bit % 8) & 1 == 1);
            let set = set.count();
            assert!((170..330).contains(&set), "{} bit {bit}: {set}", case.id);
        }
        cbc += 1;
    }
    assert_eq!(cbc, 5 + 5 * IPSEC_MB);
}

/// RFC 4543, 3.3: SPI, sequence number, IV and text are associated data, nothing is encrypted.
#[test]
fn gmac_authenticates_all_and_hides_nothing() {
    let mut gmacs = 0;
    for case in cases().filter(|case| case.id.starts_with("esp/aes-256-gmac@")) {
        let tunnel = case.tunnel(&Setup::default()).unwrap();
        let packet = inner(77);
        let outer = sent(case, std::slice::from_ref(&packet)).remove(0);
        let esp = &outer[OUTER..];
        let (covered, icv) = esp.split_at(esp.len() - 16);
        let nonce = [&tunnel.salt[..], &covered[ESP..ESP + 8]].concat();
        let gcm = aes_gcm::Aes256Gcm::new_from_slice(&tunnel.key).unwrap();
        let nonce = nonce.as_slice().try_into().unwrap();
        let tag = gcm
            .encrypt_inout_detached(nonce, covered, InOutBuf::from(&mut [][..]))
            .unwrap();
        assert_eq!(icv, tag.as_slice(), "{}", case.id);
        let text = &covered[ESP + 8..];
        assert_eq!(text[..packet.len()], reference(1, &packet).unwrap());
        gmacs += 1;
    }
    assert_eq!(gmacs, 3);
}

/// A cipher with its layout over an extended number, through the path's own ends.
struct Extended(usize);

impl VisitAny for Extended {
    fn visit<C: Cipher>(&mut self) {
        const TURN: u64 = 1 << 32;
        let setup = Setup::default();
        let keys = Keys {
            spi: 0x1234_5678,
            key: (0..C::KEY_BYTES as u8).collect(),
            salt: [9; 4],
        };
        let overhead = Framing::EXTENDED.overhead(C::LAYOUT);
        let mut arena = Arena::new(3, overhead.front, 200, overhead.tailroom());
        let mut burst = arena.frames();
        let sa = OutboundSa::<C>::after(&keys, Numbers::Extended, TURN - 2).unwrap();
        let mut sealer = Sealer::new(&setup, sa, Framing::EXTENDED);
        for frame in &mut burst {
            assert!(frame.load(&inner(100)));
        }
        sealer.seal(&mut burst);
        let outer: Vec<Vec<u8>> = burst.iter().map(|frame| frame.bytes().to_vec()).collect();
        let mut open = |received: u64, outer: &[Vec<u8>]| -> Vec<Fate> {
            let mut sa = InboundSa::<C>::new(&keys, Numbers::Extended, 64).unwrap();
            sa.window.begin_after(received);
            let mut opener = Opener::new(sa, Framing::EXTENDED.underlay);
            for (frame, outer) in burst.iter_mut().zip(outer) {
                assert!(frame.load(outer));
            }
            opener.open(&mut burst);
            for frame in burst.iter().filter(|frame| frame.is_carried()) {
                assert_eq!(frame.bytes(), inner(100), "{}", name::<C>());
            }
            burst.iter().map(|frame| frame.fate).collect()
        };
        assert_eq!(
            open(TURN - 2, &outer),
            [Fate::Carried; 3],
            "{}",
            name::<C>()
        );
        // The upper half is authenticated, though it is not sent.
        let wrong = open(5 * TURN - 2, &outer);
        assert_eq!(wrong, [Fate::Dropped(Reason::BadIcv); 3], "{}", name::<C>());
        self.0 += 1;
    }
}

#[test]
fn every_cipher_authenticates_the_upper_half_of_an_extended_number() {
    let mut extended = Extended(0);
    every_cipher(&mut extended);
    assert_eq!(extended.0, CIPHERS);
}

/// One bit of every octet behind the outer header: nothing but the packet as it was is taken.
#[test]
fn a_turned_bit_anywhere_is_refused() {
    let mut refused = 0;
    for (case, tunnel) in of("esp") {
        let outer = sent(case, &[inner(50)]).remove(0);
        assert_eq!(received(case, &outer).0, Fate::Carried, "{}", case.id);
        for at in OUTER..outer.len() {
            let mut turned = outer.clone();
            turned[at] ^= 0x10;
            let reason = if at < OUTER + 4 {
                Reason::WrongSpi
            } else {
                Reason::BadIcv
            };
            let (fate, _) = received(case, &turned);
            assert_eq!(fate, Fate::Dropped(reason), "{} {at}", case.id);
            refused += 1;
        }
        // Every shorter packet, its length field right.
        for length in OUTER..outer.len() {
            let mut short = outer[..length].to_vec();
            short[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            packets::fix_checksum(&mut short);
            let text = length.checked_sub(OUTER + ESP + tunnel.iv_bytes + tunnel.icv_bytes);
            let block = case.overhead.alignment;
            let whole = text.is_some_and(|text| text > 0 && text.is_multiple_of(block));
            let reason = if whole {
                Reason::BadIcv
            } else {
                Reason::Truncated
            };
            let (fate, _) = received(case, &short);
            assert_eq!(fate, Fate::Dropped(reason), "{} {length}", case.id);
        }
    }
    assert!(refused > 9 * 80);
}

/// Packets of a burst keep to themselves, whatever a cipher does side by side: lengths of all
/// kinds, more than a chunk of them, some damaged, and one that its jobs name twice.
struct Bursts(usize);

/// Sealed one by one or together, packets are the same octets.
fn sealed_by<C: Cipher>(together: bool, burst: &mut [Frame<'_>], jobs: &[Job]) {
    let mut cipher = C::new(&vec![7; C::KEY_BYTES]).unwrap();
    for (frame, job) in burst.iter_mut().zip(jobs) {
        assert!(frame.load(&vec![job.frame as u8; job.icv_start as usize + 16]));
    }
    if together {
        cipher.seal(burst, jobs);
    } else {
        for job in jobs {
            let packet = burst[job.frame as usize].bytes_mut();
            cipher.seal_one(packet, job).unwrap();
        }
    }
}

impl VisitAny for Bursts {
    fn visit<C: Cipher>(&mut self) {
        const PACKETS: u32 = 37;
        let jobs: Vec<Job> = (0..PACKETS)
            .map(|frame| {
                let text_len = 16 * (1 + frame * 7 % 40);
                Job {
                    frame,
                    text_start: 32,
                    text_len,
                    icv_start: 32 + text_len,
                    nonce: [frame as u8; 12],
                    aad_len: if frame % 3 == 0 { 12 } else { 8 },
                    header_bytes: 24,
                    ..Job::default()
                }
            })
            .collect();
        let mut arenas = [(); 2].map(|()| Arena::new(PACKETS as usize, 0, 1000, 0));
        let [mut one, mut all] = arenas.each_mut().map(Arena::frames);
        sealed_by::<C>(false, &mut one, &jobs);
        sealed_by::<C>(true, &mut all, &jobs);
        for (one, all) in one.iter().zip(&all) {
            assert_eq!(one.bytes(), all.bytes(), "{}", name::<C>());
        }
        for frame in all.iter_mut().step_by(5) {
            frame.bytes_mut()[40] ^= 1;
        }
        let mut cipher = C::new(&vec![7; C::KEY_BYTES]).unwrap();
        cipher.open(&mut all, &jobs);
        for (at, frame) in all.iter().enumerate() {
            let is_right = at % 5 != 0;
            assert_eq!(frame.is_carried(), is_right, "{} {at}", name::<C>());
            let text = &frame.bytes()[32..jobs[at].icv_start as usize];
            assert!(!is_right || text.iter().all(|&octet| octet == at as u8));
        }
        // What is opened a second time is no longer what was sealed.
        cipher.open(&mut one, &[jobs[1], jobs[1], jobs[2]]);
        assert_eq!(one[1].is_carried(), !C::ENCRYPTS, "{}", name::<C>());
        assert!(one[2].is_carried());
        self.0 += 1;
    }
}

#[test]
fn packets_of_a_burst_keep_to_themselves() {
    let mut bursts = Bursts(0);
    every_cipher(&mut bursts);
    assert_eq!(bursts.0, CIPHERS);
}

/// A job that does not fit its packet is refused and no octet is written.
struct Misfits(usize);

impl VisitAny for Misfits {
    fn visit<C: Cipher>(&mut self) {
        let mut cipher = C::new(&vec![7; C::KEY_BYTES]).unwrap();
        let fits = Job {
            text_start: 32,
            text_len: 48,
            icv_start: 80,
            aad_len: 12,
            header_bytes: 24,
            ..Job::default()
        };
        let mut packet = vec![3; 96];
        assert_eq!(
            cipher.seal_one(&mut packet, &fits),
            Ok(()),
            "{}",
            name::<C>()
        );
        assert_eq!(
            cipher.open_one(&mut packet, &fits),
            Ok(()),
            "{}",
            name::<C>()
        );
        let beyond = Job {
            text_len: 96,
            icv_start: 128,
            ..fits
        };
        let mut packet = vec![3; 96];
        for _ in 0..2 {
            assert_eq!(
                cipher.seal_one(&mut packet, &beyond),
                Err(Reason::Truncated)
            );
            assert_eq!(
                cipher.open_one(&mut packet, &beyond),
                Err(Reason::Truncated)
            );
            assert_eq!(packet, [3; 96], "{}", name::<C>());
        }
        if C::LAYOUT.covers_header {
            let no_header = Job {
                header_bytes: 33,
                ..fits
            };
            assert_eq!(
                cipher.seal_one(&mut packet, &no_header),
                Err(Reason::Truncated)
            );
        }
        if let Iv::Random(block) = C::LAYOUT.iv {
            let part = Job {
                text_len: 48 - 1,
                icv_start: 79,
                ..fits
            };
            assert_eq!(C::LAYOUT.block_bytes, block);
            assert_eq!(cipher.seal_one(&mut packet, &part), Err(Reason::Truncated));
        }
        self.0 += 1;
    }
}

#[test]
fn a_job_that_does_not_fit_is_refused() {
    let mut misfits = Misfits(0);
    every_cipher(&mut misfits);
    assert_eq!(misfits.0, CIPHERS);
}

/// RFC 3602, 4, cases 5 to 8 are whole packets; RFC 2451 and RFC 4868 say the sizes.
#[test]
fn bytes_added_are_those_of_the_standards() {
    for (id, inner, added) in [
        (
            "esp/aes-256-cbc+hmac-sha-256-128@rustcrypto",
            62,
            20 + 8 + 16 + 2 + 16,
        ),
        (
            "esp/aes-256-cbc+hmac-sha-256-128@rustcrypto",
            63,
            20 + 8 + 16 + 15 + 2 + 16,
        ),
        (
            "esp/aes-128-cbc+hmac-sha-1-96@rustcrypto",
            62,
            20 + 8 + 16 + 2 + 12,
        ),
        (
            "esp/3des-cbc+hmac-sha-256-128@rustcrypto",
            62,
            20 + 8 + 8 + 2 + 16,
        ),
        (
            "esp/3des-cbc+hmac-sha-256-128@rustcrypto",
            63,
            20 + 8 + 8 + 7 + 2 + 16,
        ),
        ("esp/null+hmac-sha-256-128@ring", 62, 20 + 8 + 2 + 16),
        ("esp/null+hmac-sha-256-128@ring", 63, 20 + 8 + 3 + 2 + 16),
        ("esp/aes-256-gmac@ring", 62, 20 + 8 + 8 + 2 + 16),
    ] {
        let case = find(id).expect(id);
        assert_eq!(case.overhead.added_bytes(inner), added, "{id} {inner}");
    }
}
