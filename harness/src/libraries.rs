//! The cipher libraries as the record shows them: version, and the code that runs here.

use std::collections::BTreeMap;

use tunneltax_core::cipher::code::{self, Implementation};
use tunneltax_core::path::cases;
use tunneltax_reports::record::Library;

use crate::host;

/// Every library of this binary, with every algorithm that a case has of it.
pub fn libraries() -> Vec<Library> {
    let mut libraries: Vec<Library> = Vec::new();
    for (algorithm, name) in cases().filter_map(|case| case.algorithm.zip(case.library)) {
        let Some(found) = code::implementation(algorithm, name) else {
            continue;
        };
        let at = libraries.iter().position(|library| library.name == name);
        let at = at.unwrap_or_else(|| {
            libraries.push(Library {
                name: name.to_owned(),
                version: versions(&found),
                code: BTreeMap::new(),
                chosen_at: found.chosen_at.to_owned(),
            });
            libraries.len() - 1
        });
        libraries[at].code.insert(algorithm.to_owned(), found.code);
    }
    libraries
}

/// Of what the lock file pins, and of what is installed beside it.
fn versions(found: &Implementation) -> String {
    let version = |package: &&str| host::version_of(package).map(|v| format!("{package} {v}"));
    let pinned = found.packages.iter().filter_map(version);
    pinned
        .chain(found.installed.clone())
        .collect::<Vec<_>>()
        .join(", ")
}
