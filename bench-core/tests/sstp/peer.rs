//! rustls at the other end: after a handshake in memory, the client's keys are taken out and its
//! records made here; the server, which knows nothing of that, reads them, and its answers open.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring as provider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, ConnectionTrafficSecrets, DigitallySignedStruct, Error,
    ExtractedSecrets, ServerConfig, ServerConnection, SignatureScheme, SupportedProtocolVersion,
};
use tunneltax_core::fate::Reason;
use tunneltax_core::path::sstp::Version;

use super::packets::{A, A6, B, B6, udp4, udp6};
use super::wire::sstp;
use super::{octets, open, opener, seal, sealer, segment};

/// A certificate of nobody, made for these tests, and its key.
const CERTIFICATE: &[u8] = include_bytes!("certificate.der");
const PRIVATE_KEY: &[u8] = include_bytes!("key.der");

/// Who is at the other end is not what is tested.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

/// A server after a handshake, and what its client would go on with.
fn handshake(version: Version) -> (ServerConnection, ExtractedSecrets) {
    let (protocol, suite): (&'static SupportedProtocolVersion, _) = match version {
        Version::Tls12 => (
            &rustls::version::TLS12,
            provider::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        ),
        Version::Tls13 => (
            &rustls::version::TLS13,
            provider::cipher_suite::TLS13_AES_256_GCM_SHA384,
        ),
    };
    let crypto = Arc::new(CryptoProvider {
        cipher_suites: vec![suite],
        ..provider::default_provider()
    });
    let mut client = ClientConfig::builder_with_provider(Arc::clone(&crypto))
        .with_protocol_versions(&[protocol])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    client.enable_secret_extraction = true;
    let mut server = ServerConfig::builder_with_provider(crypto)
        .with_protocol_versions(&[protocol])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(CERTIFICATE)],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(PRIVATE_KEY)),
        )
        .unwrap();
    // Otherwise the first record that the server sends is none of ours.
    server.send_tls13_tickets = 0;
    let name = ServerName::try_from("test").unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    while client.is_handshaking() || server.is_handshaking() || client.wants_write() {
        let mut flight = vec![];
        client.write_tls(&mut flight).unwrap();
        deliver(&mut server, &flight).unwrap();
        flight.clear();
        server.write_tls(&mut flight).unwrap();
        let mut flight = flight.as_slice();
        while !flight.is_empty() {
            client.read_tls(&mut flight).unwrap();
            client.process_new_packets().unwrap();
        }
    }
    (server, client.dangerous_extract_secrets().unwrap())
}

fn deliver(server: &mut ServerConnection, mut octets: &[u8]) -> Result<(), Error> {
    while !octets.is_empty() {
        server.read_tls(&mut octets).unwrap();
        server.process_new_packets()?;
    }
    Ok(())
}

fn key_and_iv(secrets: &ConnectionTrafficSecrets) -> ([u8; 32], [u8; 12]) {
    let ConnectionTrafficSecrets::Aes256Gcm { key, iv } = secrets else {
        panic!("AES-256-GCM was asked for");
    };
    (
        key.as_ref().try_into().unwrap(),
        iv.as_ref().try_into().unwrap(),
    )
}

fn inners() -> Vec<Vec<u8>> {
    let sizes = [0, 1, 15, 16, 17, 100, 1394, 1395, 1472, 4000];
    let four = sizes.map(|bytes| udp4((A, 5000), (B, 53), &vec![0x5a; bytes]));
    let six = [0, 33, 1400].map(|bytes| udp6((A6, 5000), (B6, 53), &vec![0x5a; bytes]));
    [&four[..], &six[..]].concat()
}

fn protocol(inner: &[u8]) -> u16 {
    if inner[0] >> 4 == 4 { 0x0021 } else { 0x0057 }
}

#[test]
fn rustls_reads_what_is_sent_here() {
    for version in super::VERSIONS {
        let (mut server, secrets) = handshake(version);
        let (number, (key, iv)) = (secrets.tx.0, key_and_iv(&secrets.tx.1));
        let mut sealer = sealer(version, &key, iv).from_number(number);
        for inner in inners() {
            let sent = seal(&mut sealer, &inner).unwrap();
            deliver(&mut server, &octets(&sent)).unwrap();
            let expected = sstp(protocol(&inner), &inner);
            let mut read = vec![0; expected.len()];
            server.reader().read_exact(&mut read).unwrap();
            assert_eq!(read, expected);
        }
        // And it looks: one that was changed ends the connection.
        let mut changed = octets(&seal(&mut sealer, &inners()[5]).unwrap());
        changed[30] ^= 1;
        assert_eq!(deliver(&mut server, &changed), Err(Error::DecryptError));
    }
}

#[test]
fn what_rustls_sends_is_opened_here() {
    for version in super::VERSIONS {
        let (mut server, secrets) = handshake(version);
        let (number, (key, iv)) = (secrets.rx.0, key_and_iv(&secrets.rx.1));
        let mut opener = opener(version, &key, iv).from_number(number);
        let mut sequence = 1000;
        for inner in inners() {
            let packet = sstp(protocol(&inner), &inner);
            server.writer().write_all(&packet).unwrap();
            let mut record = vec![];
            server.write_tls(&mut record).unwrap();
            let mut outcome = Err(Reason::Held);
            for octets in record.chunks(1460) {
                assert_eq!(outcome, Err(Reason::Held));
                outcome = open(&mut opener, &segment(&mut sequence, octets));
            }
            assert_eq!(outcome, Ok(inner));
        }
        let mut record = vec![];
        server
            .writer()
            .write_all(&sstp(0x0021, &inners()[5]))
            .unwrap();
        server.write_tls(&mut record).unwrap();
        record[30] ^= 1;
        let changed = segment(&mut sequence, &record);
        assert_eq!(open(&mut opener, &changed), Err(Reason::BadIcv));
    }
}
