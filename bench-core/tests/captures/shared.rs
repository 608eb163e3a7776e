//! Every capture of the optional data set, against the counts that its manifest gives.

use std::path::{Path, PathBuf};

use tunneltax_core::capture::{CaptureError, Chunk, Limits, Reader, Tally};

fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("TUNNELTAX_SHARED").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: TUNNELTAX_SHARED is not set");
    }
    folder
}

#[derive(serde::Deserialize)]
struct Entry {
    file: PathBuf,
    packets: u64,
    cut_tail: Option<u64>,
    counts: Option<std::collections::BTreeMap<String, u64>>,
}

fn manifest(shared: &Path) -> Vec<Entry> {
    let text = std::fs::read(shared.join("captures/manifest.json")).expect("the manifest is there");
    serde_json::from_slice(&text).expect("the manifest is JSON")
}

fn read_all(path: &Path, limits: Limits) -> Result<Tally, CaptureError> {
    let mut reader = Reader::open(path, limits)?;
    let mut chunk = Chunk::new();
    while reader.next_chunk(&mut chunk)? {}
    Ok(*reader.tally())
}

#[test]
fn explore() {
    let Some(shared) = shared() else { return };
    for entry in manifest(&shared) {
        let r = read_all(&shared.join(&entry.file), Limits::default());
        match r {
            Ok(t) => {
                let flag = if t.frames_read != entry.packets || t.truncated != (entry.cut_tail == Some(1)) { "DIFF" } else { "" };
                println!("{} {} read {} (manifest {}) cut {} left {:?} counts {:?}", flag, entry.file.display(), t.frames_read, entry.packets, t.truncated,
                 t.left_out.iter().map(|(r,n)|(r.name(),n)).collect::<Vec<_>>(), entry.counts);
            }
            Err(e) => println!("ERR {e}"),
        }
    }
}
