//! Project Wycheproof's AEAD vectors through every library: what is valid is sealed byte for
//! byte and opened, what is not is refused.

mod ciphers;

use std::collections::BTreeMap;

use ciphers::{CIPHERS, Visit, every_cipher, name};
use tunneltax_core::cipher::{Cipher, ICV_BYTES, NONCE_BYTES};
use wycheproof::TestResult;
use wycheproof::aead::{Test, TestName, TestSet};

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
        "aes-256-gcm" => (39, 27),
        _ => (256, 60),
    };
    Ran { valid, invalid }
}

struct Run(BTreeMap<String, Ran>);

impl Visit for Run {
    fn visit<C: Cipher>(&mut self) {
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

fn run<C: Cipher>(test: &Test) {
    let case = format!("{} case {}: {}", name::<C>(), test.tc_id, test.comment);
    let nonce = test.nonce.as_slice().try_into().expect(&case);
    let given: [u8; ICV_BYTES] = test.tag.as_slice().try_into().expect(&case);
    let mut cipher = C::new(&test.key).expect(&case);

    let mut text = test.ct.to_vec();
    let opened = cipher.open_one(&nonce, &test.aad, &mut text, &given);
    let mut sealed = test.pt.to_vec();
    let mut icv = [0; ICV_BYTES];
    cipher.seal_one(&nonce, &test.aad, &mut sealed, &mut icv);
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
    every_cipher(&mut run);
    let cases: usize = run.0.values().map(|ran| ran.valid + ran.invalid).sum();
    println!("{cases} cases through {} ciphers", run.0.len());
    assert_eq!(run.0.len(), CIPHERS);
    assert_eq!(cases, 3 * (67 + 66 + 316));
}
