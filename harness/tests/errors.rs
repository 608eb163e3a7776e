//! What goes wrong is said in one sentence with the next step, by the exit code, and leaves
//! nothing half-written.

mod program;

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use program::{SMALL, bundled, files_in, folder, json, pcap, program, small_but, text};

/// One sentence on standard error, nothing on standard output, this exit code.
fn refused(output: &Output, code: i32, expected: &[&str]) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(said.lines().count(), 1, "one line: {said}");
    assert!(said.starts_with("tunneltax: "), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    for expected in expected {
        assert!(said.contains(expected), "{expected:?} is missing: {said}");
    }
    assert_eq!(text(&output.stdout), "");
}

/// Runs and expects a refusal that leaves no file in `--out`.
fn run_refused(files: &[&Path], options: &[&'static str], code: i32, expected: &[&str]) {
    let out = folder();
    let mut command = program();
    command
        .args(small_but(options))
        .arg("--quiet")
        .arg("--out")
        .arg(out.path());
    refused(&command.args(files).output().unwrap(), code, expected);
    assert_eq!(files_in(out.path()), [""; 0]);
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn captures_that_cannot_be_read() {
    let folder = folder();
    let inside = |name: &str, bytes: &[u8]| written(folder.path(), name, bytes);
    let missing = folder.path().join("gone.pcap");
    run_refused(
        &[&missing],
        &[],
        1,
        &["gone.pcap", "does not exist", "check the path"],
    );
    let empty = inside("empty.pcap", b"");
    run_refused(&[&empty], &[], 1, &["empty.pcap", "is empty", "again"]);
    run_refused(
        &[folder.path()],
        &[],
        1,
        &["directory", "name the capture files"],
    );
    let prose = inside("prose.pcap", b"Dear capture,\nyou are none.\n");
    run_refused(&[&prose], &[], 1, &["prose.pcap", "no capture"]);
    let noise: Vec<u8> = (0..4000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    run_refused(
        &[&inside("noise.bin", &noise)],
        &[],
        1,
        &["noise.bin", "no capture"],
    );
    let whole = std::fs::read(bundled("iperf3.pcap.gz")).unwrap();
    // No such block type (RFC 1951, 3.2.3), and rubbish in the middle of a block.
    let header_bytes = 10
        + whole[10..]
            .iter()
            .position(|b| *b == 0)
            .map_or(0, |at| at + 1);
    let named = whole[3] & 0x08 != 0;
    let first_block = if named { header_bytes } else { 10 };
    for (name, from, bytes, said) in [
        ("block.pcap.gz", first_block, 1, "gzip"),
        ("middle.pcap.gz", whole.len() / 3, 64, "again"),
    ] {
        let mut gzip = whole.clone();
        gzip[from..from + bytes].fill(0xff);
        let corrupt = inside(name, &gzip);
        run_refused(&[&corrupt], &["--max-packets=1000000"], 1, &[name, said]);
    }
    let odd = inside("two\nlines.pcap", b"");
    run_refused(&[&odd], &[], 1, &["two\\nlines.pcap"]);
    let odd = inside("red\u{1b}[31m.pcap", b"");
    run_refused(&[&odd], &[], 1, &["red\\u{1b}[31m.pcap"]);
    // A pipe that nobody fills would block for ever.
    let pipe = folder.path().join("pipe.pcap");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    run_refused(&[&pipe], &[], 1, &["pipe.pcap", "pipe", "save"]);
    run_refused(&[Path::new("/dev/null")], &[], 1, &["device", "save"]);
    // A good one before it changes nothing.
    run_refused(&[&bundled("dns.pcapng"), &missing], &[], 1, &["gone.pcap"]);
}

#[test]
fn a_capture_with_nothing_routable() {
    let folder = folder();
    let mut arp = vec![0xff; 12];
    arp.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1]);
    arp.resize(60, 0);
    let only_arp = written(folder.path(), "arp.pcap", &pcap(&[&arp, &arp]));
    run_refused(
        &[&only_arp],
        &[],
        1,
        &["arp.pcap", "nothing to replay", "2 arp", "whole IP packets"],
    );
    // Documentation addresses (RFC 5737) are in no capture here.
    run_refused(
        &[&bundled("dns.pcapng")],
        &["--near=203.0.113.0/24"],
        1,
        &["--near", "none of", "behind the near gateway"],
    );
    run_refused(
        &[&bundled("dns.pcapng")],
        &["--near=203.0.113.0/24", "--side=near"],
        1,
        &["dns.pcapng", "enters at that side"],
    );
    let no_frames = written(folder.path(), "none.pcap", &pcap(&[]));
    run_refused(
        &[&no_frames],
        &[],
        1,
        &["none.pcap", "nothing to replay", "take a capture"],
    );
}

#[test]
fn usage_is_two_and_says_what_there_is() {
    let dns = bundled("dns.pcapng");
    let files: &[&Path] = &[&dns];
    run_refused(
        files,
        &["--case=esp/rot13"],
        2,
        &["esp/rot13", "`tunneltax list`"],
    );
    if cfg!(not(feature = "ipsec-mb")) {
        run_refused(
            files,
            &["--case=esp/aes-256-gcm@ipsec-mb"],
            2,
            &["ipsec-mb", "--features ipsec-mb"],
        );
    }
    run_refused(
        files,
        &["--case=esp/[x"],
        2,
        &["esp/[x", "`tunneltax list`"],
    );
    run_refused(files, &["--size=huge"], 2, &["--size", "huge"]);
    run_refused(files, &["--size=27"], 2, &["--size", "27", "28"]);
    run_refused(files, &["--size=70000"], 2, &["--size", "70000"]);
    run_refused(files, &["--size="], 2, &["--size"]);
    run_refused(files, &["--size=1501"], 2, &["1501", "raise --mtu"]);
    run_refused(files, &["--flows=0"], 2, &["--flows", "--help"]);
    run_refused(files, &["--flows=1048577"], 2, &["--flows", "1048576"]);
    run_refused(
        files,
        &["--flows=1000000", "--size=64,1440"],
        2,
        &[
            "--flows 1000000",
            "--size 1440",
            "1373 MiB",
            "give fewer flows",
        ],
    );
    run_refused(files, &["--frobnicate"], 2, &["--frobnicate", "--help"]);
    run_refused(files, &["--seconds=0"], 2, &["--seconds", "--help"]);
    for arguments in [
        vec!["frobnicate"],
        vec!["run", "--max-packets=0"],
        vec!["run", "--mtu=12"],
        vec!["run", "--burst=0"],
        vec!["report"],
        vec!["verify", "--write"],
        vec!["--quiet", "list"],
    ] {
        let output = program().args(&arguments).output().unwrap();
        refused(&output, 2, &["tunneltax --help"]);
    }
    let output = program().arg("reprot").output().unwrap();
    refused(&output, 2, &["reprot", "'report'"]);
}

/// Permission bits stop nobody who runs the tests as root: so below a regular file.
#[test]
fn an_output_that_cannot_be_written() {
    let folder = folder();
    let file = written(folder.path(), "file", b"in the way");
    let below = file.join("out");
    let dns = bundled("dns.pcapng");
    let named = |verb: &[&str], option: &str, place: &Path| {
        let mut command = program();
        command
            .args(verb)
            .arg(option)
            .arg(place)
            .arg(&dns)
            .output()
            .unwrap()
    };
    for place in [&file, &below] {
        let shown = place.to_str().unwrap();
        refused(
            &named(&SMALL, "--out", place),
            1,
            &[shown, "name another folder"],
        );
        let verify = ["verify", "--case=forward", "--max-packets=5"];
        refused(
            &named(&verify, "--write", place),
            1,
            &[shown, "name another folder"],
        );
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"in the way");
}

/// A record that some other program, or half a disk, left behind.
#[test]
fn records_that_cannot_be_drawn() {
    let folder = folder();
    let out = folder.path().join("out");
    let report = |record: &Path| {
        let mut command = program();
        command
            .args(["report", "--out"])
            .arg(&out)
            .arg(record)
            .output()
            .unwrap()
    };
    let next = "`tunneltax run`";
    refused(
        &report(&folder.path().join("gone.json")),
        1,
        &["gone.json", next],
    );
    refused(
        &report(folder.path()),
        1,
        &[folder.path().to_str().unwrap(), next],
    );
    let whole = small_record(folder.path());
    let text = std::fs::read_to_string(&whole).unwrap();
    for (name, bytes, expected) in [
        ("empty.json", String::new(), "empty.json"),
        ("prose.json", "hello".to_owned(), "prose.json"),
        ("half.json", text[..text.len() / 2].to_owned(), "half.json"),
        (
            "other.json",
            "{\"schema\": \"other/9\"}".to_owned(),
            "other/9",
        ),
        ("list.json", "[1, 2]".to_owned(), "list.json"),
        (
            "newer.json",
            text.replace("tunneltax-record/1", "tunneltax-record/2"),
            "tunneltax-record/2",
        ),
        (
            "histogram.json",
            text.replace("HISTFAAA", "HISTEAAA"),
            "histogram",
        ),
        (
            "nothing.json",
            text.replace("\"histogram_ns\": \"", "\"histogram_ns\": \"#"),
            "histogram",
        ),
        ("torn.json", torn_histogram(&whole), "histogram"),
        ("unmeasured.json", unmeasured(&whole), "no measured row"),
    ] {
        let record = written(folder.path(), name, bytes.as_bytes());
        refused(&report(&record), 1, &[expected, next]);
        assert_eq!(files_in(&out), [""; 0], "{name}");
    }
    refused(
        &report(&bundled("dns.pcapng")),
        1,
        &["dns.pcapng", "not a record", next],
    );
    // And it is the damage that is refused.
    assert_eq!(report(&whole).status.code(), Some(0));
    assert_eq!(files_in(&out), ["report.html", "report.md"]);
}

/// The record without its groups.
fn unmeasured(record: &Path) -> String {
    let mut record = json(record);
    record["groups"] = serde_json::json!([]);
    record.to_string()
}

/// The record with one histogram cut in the middle; still base64.
fn torn_histogram(record: &Path) -> String {
    let mut record = json(record);
    let stored = &mut record["groups"][0]["rows"][0]["figures"]["send_stamped"]["histogram_ns"];
    let half = stored.as_str().expect("a histogram").len() / 8 * 4;
    *stored = stored.as_str().expect("a histogram")[..half].into();
    record.to_string()
}

fn small_record(folder: &Path) -> std::path::PathBuf {
    let mut command = program();
    command
        .args(SMALL)
        .arg("--quiet")
        .arg("--out")
        .arg(folder.join("whole"));
    assert!(
        command
            .arg(bundled("dns.pcapng"))
            .status()
            .unwrap()
            .success()
    );
    folder.join("whole/record.json")
}

/// Standard output on a full disk is a failure; one that nobody reads to its end is not.
#[test]
fn standard_output_that_is_full_or_closed() {
    let folder = folder();
    let out: OsString = folder.path().join("out").into();
    let dns: OsString = bundled("dns.pcapng").into();
    let run: Vec<OsString> = SMALL.map(Into::into).to_vec();
    let verify = ["verify", "--case=forward", "--max-packets=5"];
    for arguments in [
        vec!["list".into()],
        vec!["--help".into()],
        [verify.map(Into::into).to_vec(), vec![dns.clone()]].concat(),
        [run, vec!["--json".into(), "--out".into(), out, dns]].concat(),
    ] {
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = program().args(&arguments).stdout(full).output().unwrap();
        refused(&output, 1, &["standard output", "redirect it"]);

        let mut child = program()
            .args(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            (output.status.code(), text(&output.stderr)),
            (Some(0), String::new())
        );
    }
    // The record was kept although nobody took it from standard output.
    assert!(folder.path().join("out/record.json").exists());
}

/// Standard error that cannot be written to changes no exit code.
#[test]
fn standard_error_that_is_full() {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let status = program().arg("frobnicate").stderr(full).status().unwrap();
    assert_eq!(status.code(), Some(2));
}

/// A limit on the size of files stands in for a full disk: what was there stays as it was.
#[test]
fn a_full_disk_leaves_nothing_half_written() {
    let folder = folder();
    let whole = small_record(folder.path());
    let earlier = files_in(whole.parent().unwrap());
    let before = std::fs::read(whole.with_file_name("report.md")).unwrap();
    let limited = |arguments: &[OsString]| {
        let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"";
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg(program().get_program());
        command
            .args(arguments)
            .current_dir(program::root())
            .output()
            .unwrap()
    };
    let output = limited(&["report".into(), "--quiet".into(), whole.clone().into()]);
    refused(&output, 1, &["report.html", "make room"]);
    assert_eq!(files_in(whole.parent().unwrap()), earlier);
    assert_eq!(
        std::fs::read(whole.with_file_name("report.md")).unwrap(),
        before
    );

    let sent = folder.path().join("sent");
    let output = limited(&[
        "verify".into(),
        "--case=forward".into(),
        "--write".into(),
        sent.clone().into(),
        bundled("dns.pcapng").into(),
    ]);
    refused(&output, 1, &["dns.forward.pcap", "make room"]);
    assert_eq!(files_in(&sent), [""; 0]);
}
