//! OpenSSL's own DTLS 1.2 at the other end: it opens our records after a handshake, and we its.
#![cfg(feature = "openssl")]

mod packets;

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

use hmac::{Hmac, KeyInit, Mac};
use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslMethod, SslOptions, SslRef, SslStream, SslVersion,
};
use packets::{A, B, udp4};
use sha2::Sha384;
use tunneltax_core::cipher::Cipher;
use tunneltax_core::cipher::ring::{AES_256, Ring};
use tunneltax_core::fate::{Fate, Reason};
use tunneltax_core::frame::Arena;
use tunneltax_core::path::Setup;
use tunneltax_core::path::dtls::{Dtls, OVER_UDP, OVERHEAD};
use tunneltax_core::path::records::{Opener, Sealer};

type Gcm = Ring<{ AES_256 }>;

/// Octets of IPv4 and UDP.
const OUTER: usize = 28;
/// One cipher suite, so that nothing is left to agree on.
const SUITE: &str = "PSK-AES256-GCM-SHA384";
const PSK: [u8; 16] = *b"shared beforehan";
const PACKETS: usize = 100;

/// Datagrams on their way.
type Way = Arc<Mutex<VecDeque<Vec<u8>>>>;

/// One end of the wire.
struct Wire {
    sent: Way,
    coming: Way,
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut coming = self.coming.lock().unwrap();
        let datagram = coming.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        into[..datagram.len()].copy_from_slice(&datagram);
        Ok(datagram.len())
    }
}

impl Write for Wire {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.sent.lock().unwrap().push_back(datagram.to_vec());
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn context() -> SslContext {
    let mut context = SslContext::builder(SslMethod::dtls()).unwrap();
    context.set_cipher_list(SUITE).unwrap();
    let version = Some(SslVersion::DTLS1_2);
    context.set_min_proto_version(version).unwrap();
    context.set_max_proto_version(version).unwrap();
    context.set_options(SslOptions::NO_QUERY_MTU);
    let give = |place: &mut [u8]| {
        place[..PSK.len()].copy_from_slice(&PSK);
        Ok(PSK.len())
    };
    context.set_psk_client_callback(move |_, _, identity, key| {
        identity[..2].copy_from_slice(b"a\0");
        give(key)
    });
    context.set_psk_server_callback(move |_, _, key| give(key));
    context.build()
}

/// A client and a server of OpenSSL that have shaken hands.
fn ends() -> (SslStream<Wire>, SslStream<Wire>) {
    let context = context();
    let (there, back) = (Way::default(), Way::default());
    let end = |sent: &Way, coming: &Way| {
        let mut ssl = Ssl::new(&context).unwrap();
        ssl.set_mtu(1400).unwrap();
        let wire = Wire {
            sent: Arc::clone(sent),
            coming: Arc::clone(coming),
        };
        SslStream::new(ssl, wire).unwrap()
    };
    let (mut client, mut server) = (end(&there, &back), end(&back, &there));
    for _ in 0..10 {
        let done = [client.connect(), server.accept()].map(|end| match end {
            Ok(()) => true,
            Err(why) if why.code() == ErrorCode::WANT_READ => false,
            Err(why) => panic!("{why}"),
        });
        if done == [true, true] {
            return (client, server);
        }
    }
    panic!("no end to the handshake");
}

/// Expands a secret by HMAC-SHA-384 (RFC 5246, 5).
fn expand(secret: &[u8], seed: &[u8], bytes: usize) -> Vec<u8> {
    let hmac = |parts: &[&[u8]]| {
        let mut mac = Hmac::<Sha384>::new_from_slice(secret).unwrap();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().to_vec()
    };
    let (mut a, mut made) = (seed.to_vec(), Vec::new());
    while made.len() < bytes {
        a = hmac(&[&a]);
        made.extend(hmac(&[&a, seed]));
    }
    made.truncate(bytes);
    made
}

/// Key and salt of the client, then of the server (RFC 5246, 6.3; RFC 5288, 3).
fn keys(ssl: &SslRef) -> [(Vec<u8>, [u8; 4]); 2] {
    let (mut secret, mut client, mut server) = ([0; 48], [0; 32], [0; 32]);
    assert_eq!(ssl.session().unwrap().master_key(&mut secret), 48);
    ssl.client_random(&mut client);
    ssl.server_random(&mut server);
    let seed = [&b"key expansion"[..], &server, &client].concat();
    let block = expand(&secret, &seed, 2 * 32 + 2 * 4);
    [0, 1].map(|end| {
        let salt = block[64 + 4 * end..][..4].try_into().unwrap();
        (block[32 * end..][..32].to_vec(), salt)
    })
}

fn inner(at: usize) -> Vec<u8> {
    udp4((A, 5000), (B, 53), &vec![at as u8; 20 + 13 * at])
}

/// A record of ours without the IP and UDP headers, which are no business of OpenSSL's.
fn seal(sealer: &mut Sealer<Gcm, Dtls>, inner: &[u8]) -> Vec<u8> {
    let mut arena = Arena::new(1, OVERHEAD.front, inner.len(), OVERHEAD.tailroom());
    let mut burst = arena.frames();
    assert!(burst[0].load(inner));
    sealer.seal(&mut burst);
    assert_eq!(burst[0].fate, Fate::Carried);
    burst[0].bytes()[OUTER..].to_vec()
}

#[test]
fn it_opens_our_records_and_no_forged_one() {
    let (client, mut server) = ends();
    let [(key, salt), _] = keys(client.ssl());
    let mut sealer = Sealer::<Gcm, _>::new(
        &Setup::default(),
        Gcm::new(&key).unwrap(),
        OVER_UDP,
        Dtls::new(salt),
    );
    let mut opened = vec![0; 2048];
    for at in 0..PACKETS {
        let inner = inner(at);
        let record = seal(&mut sealer, &inner);
        let mut forged = record.clone();
        let turned = forged.len() - 1 - at % 40;
        forged[turned] ^= 1;
        client.get_ref().sent.lock().unwrap().push_back(forged);
        let refused = server.ssl_read(&mut opened).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::WANT_READ, "packet {at}");
        client.get_ref().sent.lock().unwrap().push_back(record);
        let bytes = server.ssl_read(&mut opened).unwrap();
        assert_eq!(opened[..bytes], inner, "packet {at}");
    }
}

#[test]
fn we_open_its_records_and_no_forged_one() {
    let (client, mut server) = ends();
    let [_, (key, salt)] = keys(client.ssl());
    let cipher = Gcm::new(&key).unwrap();
    let mut opener = Opener::<Gcm, _>::new(&Setup::default(), cipher, OVER_UDP, Dtls::new(salt));
    let mut open = |record: &[u8]| {
        let packet = udp4((A, 4433), (B, 4433), record);
        let mut arena = Arena::new(1, 0, packet.len(), 0);
        let mut burst = arena.frames();
        assert!(burst[0].load(&packet));
        opener.open(&mut burst);
        (burst[0].fate, burst[0].bytes().to_vec())
    };
    for at in 0..PACKETS {
        let inner = inner(at);
        server.ssl_write(&inner).unwrap();
        let record = client.get_ref().coming.lock().unwrap().pop_front().unwrap();
        let mut forged = record.clone();
        *forged.last_mut().unwrap() ^= 1;
        assert_eq!(
            open(&forged).0,
            Fate::Dropped(Reason::BadIcv),
            "packet {at}"
        );
        assert_eq!(open(&record), (Fate::Carried, inner), "packet {at}");
    }
}
