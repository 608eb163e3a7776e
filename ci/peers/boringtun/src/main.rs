//! boringtun's `encapsulate` and `decapsulate`: two tunnels in one process, after a handshake.
//!
//! Prints `direction,octets,ns a packet`, the median over readings of [`BURST`] packets. Every
//! packet that was encapsulated is decapsulated, and must be what went in.
//! Usage: `tunneltax-peer-boringtun SECONDS SIZE...`, a size being octets or `imix`.

use std::time::{Duration, Instant};

use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519::{PublicKey, StaticSecret};
use rand_core::OsRng;

/// Packets of a reading.
const BURST: usize = 32;
/// Packets in all, as many as the other peers get.
const PACKETS: usize = 1024;
/// Room for the longest packet with `WireGuard`'s 32 octets.
const ROOM: usize = 1600;
/// 7 : 4 : 1, the simple IMIX, by IP total length.
const IMIX: [usize; 12] = [46, 46, 46, 46, 46, 46, 46, 552, 552, 552, 552, 1500];

fn main() {
    let mut words = std::env::args().skip(1);
    let seconds: f64 = words
        .next()
        .and_then(|word| word.parse().ok())
        .expect("SECONDS");
    for size in words {
        let sizes = match size.as_str() {
            "imix" => IMIX.to_vec(),
            octets => vec![octets.parse().expect("a size")],
        };
        let (sent, received) = measure(&sizes, Duration::from_secs_f64(seconds));
        println!("encapsulate,{size},{sent:.2}");
        println!("decapsulate,{size},{received:.2}");
    }
}

/// Median ns a packet, of either direction.
fn measure(sizes: &[usize], time: Duration) -> (f64, f64) {
    let packets: Vec<_> = (0..PACKETS)
        .map(|at| packet(at, sizes[at % sizes.len()]))
        .collect();
    let (mut near, mut far) = tunnel();
    let mut sealed = vec![[0; ROOM]; BURST];
    let mut lengths = [0; BURST];
    let mut opened = vec![[0; ROOM]; BURST];
    let (mut sent, mut received) = (Vec::new(), Vec::new());
    let began = Instant::now();
    while began.elapsed() < time {
        // A walk over all of them is one reading where sizes differ: the mean of a mix is not the
        // median of its packets.
        let (mut out, mut back) = (Duration::ZERO, Duration::ZERO);
        for burst in packets.chunks(BURST) {
            let start = Instant::now();
            for ((packet, room), length) in burst.iter().zip(&mut sealed).zip(&mut lengths) {
                let TunnResult::WriteToNetwork(data) = near.encapsulate(packet, room) else {
                    panic!("not encapsulated")
                };
                *length = data.len();
            }
            let middle = Instant::now();
            for ((datagram, room), &length) in sealed.iter().zip(&mut opened).zip(&lengths) {
                let TunnResult::WriteToTunnelV4(..) =
                    far.decapsulate(None, &datagram[..length], room)
                else {
                    panic!("not decapsulated")
                };
            }
            back += middle.elapsed();
            out += middle - start;
            for (packet, room) in burst.iter().zip(&opened) {
                assert_eq!(
                    packet[..],
                    room[..packet.len()],
                    "a packet came out changed"
                );
            }
            if sizes.len() == 1 {
                sent.push(ns(std::mem::take(&mut out), BURST));
                received.push(ns(std::mem::take(&mut back), BURST));
            }
        }
        if sizes.len() > 1 {
            sent.push(ns(out, PACKETS));
            received.push(ns(back, PACKETS));
        }
    }
    (median(sent), median(received))
}

fn ns(time: Duration, packets: usize) -> f64 {
    time.as_nanos() as f64 / packets as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Two ends with a session.
fn tunnel() -> (Tunn, Tunn) {
    let (near_key, far_key) = (
        StaticSecret::random_from_rng(OsRng),
        StaticSecret::random_from_rng(OsRng),
    );
    let (near_public, far_public) = (PublicKey::from(&near_key), PublicKey::from(&far_key));
    let mut near = Tunn::new(near_key, far_public, None, None, 1, None);
    let mut far = Tunn::new(far_key, near_public, None, None, 2, None);
    let (mut first, mut second) = (vec![0; 2048], vec![0; 2048]);
    let TunnResult::WriteToNetwork(initiation) =
        near.format_handshake_initiation(&mut first, false)
    else {
        panic!("no initiation")
    };
    let TunnResult::WriteToNetwork(response) = far.decapsulate(None, initiation, &mut second)
    else {
        panic!("no response")
    };
    let mut third = vec![0; 2048];
    let TunnResult::WriteToNetwork(keepalive) = near.decapsulate(None, response, &mut third) else {
        panic!("no keepalive")
    };
    let TunnResult::Done = far.decapsulate(None, keepalive, &mut first) else {
        panic!("no session")
    };
    (near, far)
}

/// UDP over IPv4, one of 64 flows.
fn packet(at: usize, size: usize) -> Vec<u8> {
    let mut packet: Vec<u8> = (0..size).map(|octet| (at + octet) as u8).collect();
    packet[..10].copy_from_slice(&[
        0x45,
        0,
        (size >> 8) as u8,
        size as u8,
        0,
        at as u8,
        0,
        0,
        64,
        17,
    ]);
    packet[12..20].copy_from_slice(&[198, 18, 0, (at % 64) as u8 + 1, 198, 19, (at % 64) as u8, 1]);
    packet
}
