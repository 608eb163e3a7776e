//! What two sides name that is not the same: program, machine, libraries, command. None of it is
//! a reason not to compare; it may be the very question.

use serde::Serialize;

use crate::bill::{TEXT_CHARS, clean, command, count};
use crate::record::{Capture, Library, Record};

/// Options of `run` that say where it writes and what it prints, and not what it measures.
const OF_OUTPUT: [&str; 3] = ["--out", "--json", "--quiet"];
/// Digits of a hash that are shown.
const HASH_DIGITS: usize = 12;

/// One thing that differs; the values of several runs with commas between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Differs {
    /// What.
    pub what: &'static str,
    /// In A.
    pub a: String,
    /// In B.
    pub b: String,
}

type Look = fn(&Record) -> String;

/// What is looked at, and how it is shown.
const LOOKS: [(&str, Look); 18] = [
    ("commit", commit),
    ("program", |of| hash(&of.provenance.build.binary_sha256)),
    ("version", |of| of.provenance.build.version.clone()),
    ("profile", |of| of.provenance.build.profile.clone()),
    ("rustc", |of| of.provenance.build.rustc.clone()),
    ("target features", |of| {
        of.provenance.build.target_features.join(" ")
    }),
    ("lock file", |of| hash(&of.provenance.build.lock_sha256)),
    ("libraries", libraries),
    ("CPU", |of| of.provenance.host.cpu.clone()),
    ("microcode", |of| {
        given(of.provenance.host.microcode.as_deref())
    }),
    ("CPUs", |of| of.provenance.host.cores.to_string()),
    ("CPU of the run", |of| {
        let pinned = of.provenance.host.pinned_to;
        given(pinned.map(|cpu| cpu.to_string()).as_deref())
    }),
    ("kernel", |of| of.provenance.host.kernel.clone()),
    ("governor and hypervisor", |of| {
        let host = &of.provenance.host;
        let (governor, hypervisor) = (host.governor.as_deref(), host.hypervisor.as_deref());
        format!("{}, {}", given(governor), given(hypervisor))
    }),
    ("clock", |of| of.provenance.clock.name.clone()),
    ("seed", |of| of.provenance.seed.to_string()),
    ("command", |of| command(&measuring(&of.provenance.command))),
    ("captures", captures),
];

/// Everything that differs: the program, the machine, the command, the captures.
pub fn differs(a: &[&Record], b: &[&Record]) -> Vec<Differs> {
    let values = |runs: &[&Record], look: Look| -> Vec<String> {
        let mut values: Vec<String> = runs.iter().map(|run| look(run)).collect();
        values.sort();
        values.dedup();
        values
    };
    let looks = LOOKS.into_iter().filter_map(|(what, look)| {
        let (a, b) = (values(a, look), values(b, look));
        (a != b || a.len() > 1).then(|| {
            let (a, b) = apart(&a.join(", "), &b.join(", "), what);
            Differs { what, a, b }
        })
    });
    looks.collect()
}

/// Of lists, only what the other does not have.
fn apart(a: &str, b: &str, what: &str) -> (String, String) {
    let separator = match what {
        "target features" => " ",
        "libraries" | "captures" => "; ",
        _ => return (shown(a), shown(b)),
    };
    let without = |one: &str, other: &str| {
        let others: Vec<&str> = other.split(separator).collect();
        let own = one.split(separator).filter(|part| !others.contains(part));
        let own: Vec<&str> = own.filter(|part| !part.is_empty()).collect();
        if own.is_empty() {
            "no more".to_owned()
        } else {
            shown(&own.join(separator))
        }
    };
    (without(a, b), without(b, a))
}

fn shown(text: &str) -> String {
    clean(text, TEXT_CHARS)
}

fn given(text: Option<&str>) -> String {
    text.unwrap_or("none").to_owned()
}

fn hash(hex: &str) -> String {
    hex.chars().take(HASH_DIGITS).collect()
}

fn commit(of: &Record) -> String {
    let build = &of.provenance.build;
    let commit = build.commit.as_deref().map_or_else(|| given(None), hash);
    if build.dirty == Some(true) {
        format!("{commit} and changes")
    } else {
        commit
    }
}

fn libraries(of: &Record) -> String {
    let library = |of: &Library| {
        let code: Vec<String> = of
            .code
            .iter()
            .map(|(on, code)| format!("{on} {code}"))
            .collect();
        format!(
            "{} {} ({})",
            of.name,
            of.version,
            code.join("; ").replace("; ", " / ")
        )
    };
    let all: Vec<String> = of.provenance.libraries.iter().map(library).collect();
    all.join("; ")
}

fn captures(of: &Record) -> String {
    let capture = |of: &Capture| {
        let digits = of.sha256.as_deref().map_or_else(|| given(None), hash);
        format!(
            "{} {digits} ({} packets)",
            of.name,
            count(of.frames_replayed)
        )
    };
    let all: Vec<String> = of.captures.iter().map(capture).collect();
    all.join("; ")
}

/// A command without the program's place and without [`OF_OUTPUT`].
fn measuring(typed: &[String]) -> Vec<String> {
    let mut is_value = false;
    let kept = typed.iter().skip(1).filter(|word| {
        if std::mem::take(&mut is_value) {
            return false;
        }
        let name = word.split('=').next().unwrap_or_default();
        is_value = word.as_str() == "--out";
        !OF_OUTPUT.contains(&name)
    });
    kept.cloned().collect()
}
