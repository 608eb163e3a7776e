//! The machine and the program: the provenance of a record.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};
use tunneltax_core::counters::Counters;
use tunneltax_core::workload::Caches;
use tunneltax_reports::record::{Build, Host};

use crate::cpu;
use crate::hashed::HashedFile;

/// The lock file that this binary was built with.
pub const LOCK_FILE: &str = include_str!("../../Cargo.lock");

/// The program that is running.
pub fn build() -> Build {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let binary = std::env::current_exe().ok();
    Build {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: given(env!("TUNNELTAX_COMMIT")),
        dirty: env!("TUNNELTAX_DIRTY").parse().ok(),
        profile: env!("TUNNELTAX_PROFILE_NAME").to_owned(),
        rustc: env!("TUNNELTAX_RUSTC_VERSION").to_owned(),
        target_features: cpu::built_for(),
        binary_sha256: binary
            .and_then(|path| sha256_of(&path).ok())
            .unwrap_or_default(),
        lock_sha256: hex(&Sha256::digest(LOCK_FILE.as_bytes())),
    }
}

/// The version of a library, from the lock file.
pub fn version_of(package: &str) -> Option<String> {
    let lock: toml::Table = LOCK_FILE.parse().ok()?;
    let packages = lock.get("package")?.as_array()?;
    let found = packages
        .iter()
        .find(|p| p.get("name").and_then(toml::Value::as_str) == Some(package))?;
    Some(found.get("version")?.as_str()?.to_owned())
}

/// SHA-256 of a file, read in pieces.
pub fn sha256_of(path: &Path) -> std::io::Result<String> {
    HashedFile::open(path)?.finish()
}

/// Hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The machine.
pub fn host(pinned_to: Option<usize>) -> Host {
    let cpuinfo = read("/proc/cpuinfo").unwrap_or_default();
    let of_cpu = |key| field(&cpuinfo, key);
    let part = |key| of_cpu(key).unwrap_or_default();
    Host {
        cpu: format!(
            "{} (family {}, model {}, stepping {})",
            part("model name"),
            part("cpu family"),
            part("model"),
            part("stepping"),
        ),
        microcode: of_cpu("microcode"),
        cpu_flags: cpu::cipher_flags(),
        cores: cores(&cpuinfo),
        pinned_to,
        l1d_bytes: cache_bytes(1),
        l2_bytes: cache_bytes(2),
        l3_bytes: cache_bytes(3),
        memory_bytes: read("/proc/meminfo")
            .and_then(|text| field(&text, "MemTotal"))
            .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok())
            .map(|kib| kib << 10),
        kernel: read("/proc/sys/kernel/osrelease").unwrap_or_default(),
        governor: governor(&[pinned_to.unwrap_or(0)]),
        hypervisor: cpu::hypervisor(),
        counters: Some(counters()),
    }
}

/// Frequency governor of these CPUs, or all of theirs where they have several; nothing where the
/// kernel offers none.
pub fn governor(cpus: &[usize]) -> Option<String> {
    governor_in(Path::new("/sys/devices/system/cpu"), cpus)
}

fn governor_in(folder: &Path, cpus: &[usize]) -> Option<String> {
    let of = |cpu: &usize| read(folder.join(format!("cpu{cpu}/cpufreq/scaling_governor")));
    let mut governors: Vec<String> = cpus.iter().filter_map(of).collect();
    governors.sort_unstable();
    governors.dedup();
    (!governors.is_empty()).then(|| governors.join(", "))
}

/// Whether the CPU counts events for this program.
fn counters() -> String {
    match Counters::open() {
        Ok(_) => "available".to_owned(),
        Err(why) => format!("not available here: {why}"),
    }
}

/// Logical CPUs that the kernel runs on. The standard library would say how many this thread may
/// use, which is one once it is bound.
fn cores(cpuinfo: &str) -> usize {
    let listed = cpuinfo
        .lines()
        .filter(|line| line.split(':').next().map(str::trim) == Some("processor"))
        .count();
    listed.max(1)
}

/// Cache sizes for the temperatures; the fallback is small enough for any server.
pub fn caches() -> Caches {
    let or = |found: Option<u64>, fallback| found.map_or(fallback, |bytes| bytes as usize);
    let fallback = Caches::default();
    Caches {
        l1d_bytes: or(cache_bytes(1), fallback.l1d_bytes),
        l2_bytes: or(cache_bytes(2), fallback.l2_bytes),
        l3_bytes: or(cache_bytes(3), fallback.l3_bytes),
    }
}

/// Size of the data (or unified) cache of a level of the first CPU.
fn cache_bytes(level: u8) -> Option<u64> {
    let caches = fs::read_dir("/sys/devices/system/cpu/cpu0/cache").ok()?;
    caches.flatten().find_map(|entry| {
        let of = |name: &str| read(entry.path().join(name));
        let matches = of("level")? == level.to_string() && of("type")? != "Instruction";
        let size = of("size")?;
        let kib: u64 = size.strip_suffix('K').and_then(|kib| kib.parse().ok())?;
        matches.then_some(kib << 10)
    })
}

/// CPUs that this thread may run on, ascending.
pub fn cpus() -> Vec<usize> {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let mut ids: Vec<usize> = cores.into_iter().map(|core| core.id).collect();
    ids.sort_unstable();
    ids
}

/// Binds this thread to a CPU.
pub fn pin_to(cpu: usize) -> bool {
    core_affinity::set_for_current(core_affinity::CoreId { id: cpu })
}

/// CPUs that are hardware threads of the same core as this one, itself included, as the kernel
/// lists them.
pub fn siblings(cpu: usize) -> Option<String> {
    let topology = format!("/sys/devices/system/cpu/cpu{cpu}/topology");
    read(Path::new(&topology).join("thread_siblings_list"))
}

/// Binds this thread to the last CPU: the first one serves most interrupts.
pub fn pin() -> Option<usize> {
    let core = core_affinity::get_core_ids()?
        .into_iter()
        .max_by_key(|core| core.id)?;
    core_affinity::set_for_current(core).then_some(core.id)
}

pub(crate) fn read(path: impl AsRef<Path>) -> Option<String> {
    fs::read_to_string(path)
        .ok()
        .map(|text| text.trim().to_owned())
}

/// The value of the first line `key : value`.
pub(crate) fn field(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_governor_is_that_of_the_cpus_that_measure() {
        let folder = tempfile::tempdir().unwrap();
        for (cpu, governor) in [(0, "performance"), (3, "powersave"), (4, "powersave")] {
            let of = folder.path().join(format!("cpu{cpu}/cpufreq"));
            fs::create_dir_all(&of).unwrap();
            fs::write(of.join("scaling_governor"), format!("{governor}\n")).unwrap();
        }
        let of = |cpus: &[usize]| governor_in(folder.path(), cpus);
        assert_eq!(of(&[3]).as_deref(), Some("powersave"));
        assert_eq!(of(&[3, 4]).as_deref(), Some("powersave"));
        assert_eq!(of(&[3, 0]).as_deref(), Some("performance, powersave"));
        assert_eq!(of(&[1]), None);
    }
}
