//! The committed corpus: there is one for every target and for nothing else, it is small, and no
//! input of it breaks a promise.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tunneltax_fuzz::{TARGETS, Target};

/// Of all targets.
const CORPUS_BYTES_MAX: usize = 200_000;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn inputs(target: &Target) -> Vec<Vec<u8>> {
    let folder = corpus().join(target.name);
    let files = fs::read_dir(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    files
        .map(|file| fs::read(file.unwrap().path()).unwrap())
        .collect()
}

#[test]
fn every_folder_is_a_targets() {
    let folders: BTreeSet<String> = fs::read_dir(corpus())
        .unwrap()
        .map(|folder| folder.unwrap().file_name().into_string().unwrap())
        .collect();
    let names: BTreeSet<String> = TARGETS.iter().map(|t| t.name.to_owned()).collect();
    assert_eq!(folders, names);
}

#[test]
fn it_is_small() {
    let bytes: usize = TARGETS
        .iter()
        .flat_map(inputs)
        .map(|input| input.len())
        .sum();
    assert!(bytes <= CORPUS_BYTES_MAX, "{bytes} bytes");
}

#[test]
fn no_input_of_it_breaks_a_promise() {
    for target in TARGETS {
        let inputs = inputs(target);
        assert!(!inputs.is_empty(), "{}", target.name);
        for input in &inputs {
            (target.run)(input);
        }
    }
}

/// Made anew, so that a case that joins the list is among them.
#[test]
fn every_seed_keeps_its_promises() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{}", target.name);
        for seed in &seeds {
            (target.run)(seed);
        }
    }
}
