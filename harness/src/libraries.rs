//! The cipher libraries as the record shows them: version, and the code that runs here.

use std::collections::BTreeMap;

use tunneltax_core::cipher::code;
use tunneltax_reports::record::Library;

use crate::host;

/// Every library of this binary.
pub fn libraries() -> Vec<Library> {
    let mut libraries: Vec<Library> = Vec::new();
    for found in code::implementations() {
        let algorithm = (found.algorithm.to_owned(), found.code.to_owned());
        match libraries.iter_mut().find(|l| l.name == found.library) {
            Some(library) => {
                library.code.insert(algorithm.0, algorithm.1);
            }
            None => libraries.push(Library {
                name: found.library.to_owned(),
                version: versions(found.packages),
                code: BTreeMap::from([algorithm]),
                chosen_at: found.chosen_at.to_owned(),
            }),
        }
    }
    libraries
}

fn versions(packages: &[&str]) -> String {
    let version = |package: &&str| host::version_of(package).map(|v| format!("{package} {v}"));
    packages
        .iter()
        .filter_map(version)
        .collect::<Vec<_>>()
        .join(", ")
}
