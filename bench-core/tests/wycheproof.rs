//! Project Wycheproof's vectors through every library: what is valid is sealed byte for byte
//! and opened, what is not is refused.

mod ciphers;

use std::collections::BTreeMap;

use ciphers::{AEADS, GRAVIOLA, IPSEC_MB, OPENSSL, Visit, every_aead, name};
use tunneltax_core::cipher::aws_lc::{self, AwsLc};
use tunneltax_core::cipher::encrypt_then_mac::{Encryption, Integrity};
use tunneltax_core::cipher::gmac::Gmac;
use tunneltax_core::cipher::ring::{self, Ring};
use tunneltax_core::cipher::rust_crypto::{Cbc, Hmac, RustCrypto};
use tunneltax_core::cipher::{Aead, ICV_BYTES, NONCE_BYTES};
use tunneltax_core::cipher::{Cipher, Job};
use wycheproof::TestResult;
use wycheproof::aead::{Test, TestName, TestSet};
use wycheproof::{cipher as cbc, mac, mac_with_nonce};

/// Valid and invalid cases of one cipher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ran {
    valid: usize,
    invalid: usize,
}

/// Counted in the files of the crate: 96-bit nonce, 128-bit tag, the key size of the cipher.
fn in_the_file(algorithm: &str) -> Ran {
    let (valid, invalid) = match algorithm {
        "aes-128-gcm" => (40, 27),
        "aes-192-gcm" => (37, 27),
        "aes-256-gcm" => (39, 27),
        _ => (256, 60),
    };
    Ran { valid, invalid }
}

struct Run(BTreeMap<String, Ran>);

impl Visit for Run {
    fn visit<C: Aead>(&mut self) {
        let file = if C::ALGORITHM == "chacha20-poly1305" {
            TestName::ChaCha20Poly1305
        } else {
            TestName::AesGcm
        };
        let mut ran = Ran::default();
        let groups = TestSet::load(file).unwrap().test_groups;
        for group in groups.iter().filter(|group| {
            group.nonce_size == NONCE_BYTES * 8
                && group.tag_size == ICV_BYTES * 8
                && group.key_size == C::KEY_BYTES * 8
        }) {
            for test in &group.tests {
                match test.result {
                    TestResult::Valid => ran.valid += 1,
                    TestResult::Invalid => ran.invalid += 1,
                    TestResult::Acceptable => panic!("case {} is undecided", test.tc_id),
                }
                run::<C>(test);
            }
        }
        println!("{}: {ran:?}", name::<C>());
        assert_eq!(ran, in_the_file(C::ALGORITHM), "{}", name::<C>());
        self.0.insert(name::<C>(), ran);
    }
}

fn run<C: Aead>(test: &Test) {
    let case = format!("{} case {}: {}", name::<C>(), test.tc_id, test.comment);
    let nonce = test.nonce.as_slice().try_into().expect(&case);
    let given: [u8; ICV_BYTES] = test.tag.as_slice().try_into().expect(&case);
    let mut cipher = C::new(&test.key).expect(&case);

    let mut text = test.ct.to_vec();
    let opened = cipher.open_parts(&nonce, &test.aad, &mut text, &given);
    let mut sealed = test.pt.to_vec();
    let mut icv = [0; ICV_BYTES];
    cipher.seal_parts(&nonce, &test.aad, &mut sealed, &mut icv);
    if test.result == TestResult::Valid {
        assert_eq!(opened, Ok(()), "{case}");
        assert_eq!(text, *test.pt, "{case}");
        assert_eq!((&sealed[..], icv), (&test.ct[..], given), "{case}");
    } else {
        assert!(opened.is_err(), "{case}");
        assert_ne!((&sealed[..], icv), (&test.ct[..], given), "{case}");
    }
}

#[test]
fn wycheproof_through_every_library() {
    let mut run = Run(BTreeMap::new());
    every_aead(&mut run);
    let cases: usize = run.0.values().map(|ran| ran.valid + ran.invalid).sum();
    println!("{cases} cases through {} ciphers", run.0.len());
    assert_eq!(run.0.len(), AEADS);
    // ring and graviola have no key of 192 bits.
    let without_192 = 1 + GRAVIOLA;
    let with_192 = 2 + IPSEC_MB + OPENSSL;
    let expected = (without_192 + with_192) * (67 + 66 + 316) + with_192 * 64;
    assert_eq!(cases, expected);
}

/// Cases that an integrity algorithm's key length and truncation allow: reproduced where valid,
/// different where not.
fn hmac<I: Integrity>(file: mac::TestName) -> Ran {
    let mut ran = Ran::default();
    for group in mac::TestSet::load(file).unwrap().test_groups {
        for test in &group.tests {
            let Some(integrity) = I::new(&test.key) else {
                assert_ne!(test.key.len(), I::KEY_BYTES);
                continue;
            };
            let bytes = (group.tag_size / 8).min(I::ICV_BYTES);
            let tag = integrity.mac(&test.msg, None);
            let same = tag[..bytes] == test.tag[..bytes];
            match test.result {
                TestResult::Valid => {
                    assert!(same, "case {}", test.tc_id);
                    ran.valid += 1;
                }
                // Some differ only behind what ESP sends.
                _ if group.tag_size / 8 <= I::ICV_BYTES => {
                    assert!(!same, "case {}", test.tc_id);
                    ran.invalid += 1;
                }
                _ => {}
            }
        }
    }
    ran
}

#[test]
fn hmac_through_every_library() {
    use mac::TestName::{HmacSha1, HmacSha256};
    let sha_256 = [
        hmac::<ring::HmacSha256>(HmacSha256),
        hmac::<aws_lc::HmacSha256>(HmacSha256),
        hmac::<Hmac<sha2::Sha256>>(HmacSha256),
    ];
    let sha_1 = hmac::<Hmac<sha1::Sha1>>(HmacSha1);
    println!("{sha_256:?} {sha_1:?}");
    let ran = |valid, invalid| Ran { valid, invalid };
    assert_eq!(sha_256, [ran(54, 54); 3]);
    assert_eq!(sha_1, ran(54, 50));
}

/// A GMAC of a whole message, which has no header in front.
fn gmac<C: Cipher>() -> Ran {
    let mut ran = Ran::default();
    let file = mac_with_nonce::TestName::Gmac;
    let groups = mac_with_nonce::TestSet::load(file).unwrap().test_groups;
    for group in groups.iter().filter(|group| {
        let sizes = (group.nonce_size, group.tag_size, group.key_size);
        sizes == (96, 128, 8 * C::KEY_BYTES)
    }) {
        for test in &group.tests {
            let mut cipher = C::new(&test.key).unwrap();
            let job = Job {
                text_len: test.msg.len() as u32,
                icv_start: test.msg.len() as u32,
                nonce: test.nonce.as_slice().try_into().unwrap(),
                ..Job::default()
            };
            let mut packet = [&test.msg[..], &test.tag].concat();
            let opened = cipher.open_one(&mut packet, &job).is_ok();
            assert_eq!(opened, test.result == TestResult::Valid, "{}", test.tc_id);
            packet[test.msg.len()..].fill(0);
            cipher.seal_one(&mut packet, &job).unwrap();
            assert_eq!(packet[test.msg.len()..] == test.tag[..], opened);
            *(if opened {
                &mut ran.valid
            } else {
                &mut ran.invalid
            }) += 1;
        }
    }
    ran
}

#[test]
fn gmac_through_every_library() {
    let ran = [
        gmac::<Gmac<Ring<{ ring::AES_256 }>>>(),
        gmac::<Gmac<AwsLc<{ aws_lc::AES_256 }>>>(),
        gmac::<Gmac<RustCrypto<aes_gcm::Aes256Gcm>>>(),
    ];
    println!("{ran:?}");
    let in_the_file = Ran {
        valid: 15,
        invalid: 54,
    };
    assert_eq!(ran, [in_the_file; 3]);
}

/// The file pads as PKCS 5 says; its valid cases are whole blocks behind that.
fn cbc<E: Encryption>() -> usize {
    let mut ran = 0;
    let groups = cbc::TestSet::load(cbc::TestName::AesCbcPkcs5);
    for group in groups.unwrap().test_groups {
        for test in &group.tests {
            let Some(encryption) = E::new(&test.key) else {
                continue;
            };
            if test.result != TestResult::Valid {
                continue;
            }
            let padding = 16 - test.pt.len() % 16;
            let plain = [&test.pt[..], &vec![padding as u8; padding]].concat();
            let mut text = plain.clone();
            encryption.encrypt(&test.nonce, &mut text).unwrap();
            assert_eq!(text, test.ct[..], "case {}", test.tc_id);
            encryption.decrypt(&test.nonce, &mut text).unwrap();
            assert_eq!(text, plain, "case {}", test.tc_id);
            ran += 1;
        }
    }
    ran
}

#[test]
fn cbc_by_both_key_lengths() {
    let ran = [cbc::<Cbc<aes::Aes128>>(), cbc::<Cbc<aes::Aes256>>()];
    println!("{ran:?}");
    assert_eq!(ran, [24, 24]);
}

fn check<E: Encryption>(key: &[u8], iv: &[u8], plain: &[u8], sealed: &[u8]) {
    let encryption = E::new(key).unwrap();
    let mut text = plain.to_vec();
    encryption.encrypt(iv, &mut text).unwrap();
    assert_eq!(text, sealed);
    encryption.decrypt(iv, &mut text).unwrap();
    assert_eq!(text, plain);
}

/// 3DES has no file there. OpenSSL's test vector of DES-EDE3-CBC
/// (`test/recipes/30-test_evp_data/evpciph_des.txt`), and RFC 3602, 4, case 1 beside it.
#[test]
fn published_cbc() {
    let octets = |hex| tunneltax_core::vectors::octets(hex).unwrap();
    check::<Cbc<des::TdesEde3>>(
        &octets("0123456789abcdeff1e0d3c2b5a49786fedcba9876543210"),
        &octets("fedcba9876543210"),
        &octets("37363534333231204e6f77206973207468652074696d6520666f722000000000"),
        &octets("3fe301c962ac01d02213763c1cbd4cdc799657c064ecf5d41c673812cfde9675"),
    );
    check::<Cbc<aes::Aes128>>(
        &octets("06a9214036b8a15b512e03d534120006"),
        &octets("3dafba429d9eb430b422da802c9fac41"),
        b"Single block msg",
        &octets("e353779c1079aeb82708942dbe77181a"),
    );
}
