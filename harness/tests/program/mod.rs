//! The program as a script meets it: arguments in; exit code, both outputs and files out.
#![allow(dead_code)] // Each test target uses its part.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The program, from the folder of the workspace's root, as README has it run.
pub fn program() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("tunneltax"));
    command.current_dir(root());
    command
}

/// Runs it to its end.
pub fn tunneltax<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(arguments: I) -> Output {
    program()
        .args(arguments)
        .output()
        .expect("the program starts")
}

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A bundled capture.
pub fn bundled(file: &str) -> PathBuf {
    root().join("pcaps").join(file)
}

/// A folder that goes away with the test.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// The least that `run` can be asked for: two cases, one size.
pub const SMALL: [&str; 9] = [
    "run",
    "--seconds=1",
    "--size=1440",
    "--case=forward",
    "--case=esp/aes-256-gcm@ring",
    "--max-packets=300",
    "--seed=7",
    "--mtu=1500",
    "--burst=16",
];

/// [`SMALL`] with some of its options given otherwise, or more of them.
pub fn small_but(options: &[&'static str]) -> Vec<&'static str> {
    let name = |option: &'static str| option.split('=').next();
    let given = |option: &&str| options.iter().any(|o| name(o) == option.split('=').next());
    let kept = SMALL.into_iter().filter(|option| !given(option));
    kept.chain(options.iter().copied()).collect()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// A file of keys for what `verify --write` says of a tunnel in `tunnels.json`.
pub fn keys_of(sent: &Value) -> String {
    let mut keys = "[[sa]]\n".to_owned();
    for key in ["spi", "algorithm", "key", "salt", "integrity_key"] {
        if !sent[key].is_null() {
            keys.extend([key, " = ", &sent[key].to_string(), "\n"]);
        }
    }
    if sent["extended"] == true {
        keys += "esn_high = 0\n";
    }
    keys
}

/// A JSON file.
pub fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("a file");
    serde_json::from_str(&text).expect("JSON")
}

/// Names of the files in a folder; none where it does not exist.
pub fn files_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// A capture of these frames, Ethernet, microseconds.
pub fn pcap(frames: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        bytes.extend(word.to_le_bytes());
    }
    for frame in frames {
        let length = u32::try_from(frame.len()).expect("a frame");
        for word in [0, 0, length, length] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(*frame);
    }
    bytes
}

/// The reading that a run is in, on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(30);

/// Sends the signal of Ctrl-C and waits for the end.
pub fn interrupt(mut child: Child) -> Output {
    let kill = format!("kill -INT {}", child.id());
    assert!(
        Command::new("sh")
            .args(["-c", &kill])
            .status()
            .unwrap()
            .success()
    );
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > SOON {
            child.kill().unwrap();
            panic!("still running {SOON:?} after Ctrl-C");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}
