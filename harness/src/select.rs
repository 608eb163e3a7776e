//! Which cases and sizes a command line names.

use glob::Pattern;
use tunneltax_core::path::{
    Case, Kind, Waterfall, cases, find, receiving, waterfall_ciphers, waterfalls,
};

use crate::cli::UnderlayKind;
use crate::failure::Failure;

/// Libraries that are in a build only where a feature of the same name asks for them.
const FEATURES: [&str; 3] = ["ipsec-mb", "openssl", "graviola"];

/// Why a glob names no case.
#[derive(Debug, thiserror::Error)]
pub enum GlobError {
    /// Not a glob.
    #[error("{0:?} is not a glob: {1}; try `esp/*` or an id from `tunneltax list`")]
    Malformed(String, glob::PatternError),
    /// No id matches, in a build without a library that it names.
    #[error(
        "{0:?} names no case of this build, which has no {1}: build with `--features {1}`, as README says"
    )]
    NotBuilt(String, &'static str),
    /// No id matches.
    #[error("{0:?} names no case; `tunneltax list` shows them")]
    NoCase(String),
}

/// The cases that any of the globs names, in the order of the list; without globs those of the
/// bill, and of `more` kinds.
pub fn select_cases(globs: &[String], more: &[Kind]) -> Result<Vec<&'static Case>, Failure> {
    if globs.is_empty() {
        let wanted = |case: &&Case| case.kind == Kind::Bill || more.contains(&case.kind);
        return Ok(cases().filter(wanted).collect());
    }
    select_among(globs, cases())
}

/// The cases that any of the globs names, of the list and of far gateways alone, which the list
/// does not have in every framing.
pub fn select_receiving(globs: &[String]) -> Result<Vec<&'static Case>, Failure> {
    let unlisted = receiving().filter(|case| find(case.id).is_none());
    select_among(globs, cases().chain(unlisted))
}

fn select_among(
    globs: &[String],
    all: impl Iterator<Item = &'static Case> + Clone,
) -> Result<Vec<&'static Case>, Failure> {
    let mut named = vec![false; all.clone().count()];
    for text in globs {
        let matching = matching_of(text, all.clone());
        let matching = matching.map_err(|why| Failure::Usage(format!("--case {why}")))?;
        for (named, matching) in named.iter_mut().zip(matching) {
            *named |= matching;
        }
    }
    Ok(all
        .zip(named)
        .filter_map(|(case, named)| named.then_some(case))
        .collect())
}

/// The same cases and, beside each that has them, those that fragment or drop what is too long,
/// in the order of the list.
pub fn over_underlay(
    chosen: Vec<&'static Case>,
    underlay: UnderlayKind,
) -> Result<Vec<&'static Case>, Failure> {
    let (name, suffixes): (_, &[&str]) = match underlay {
        UnderlayKind::Jumbo => return Ok(chosen),
        UnderlayKind::Fragment => ("fragment", &["fragment", "inner-fragment"]),
        UnderlayKind::Drop => ("drop", &["drop"]),
    };
    let treats = |id: &str| {
        let path = id.split('/').next().unwrap_or_default();
        path.split_once('+')
            .is_some_and(|(_, how)| suffixes.contains(&how))
    };
    let named = |case: &&Case| {
        let below = || chosen.iter().any(|other| case.step_of == Some(other.id));
        chosen.iter().any(|other| other.id == case.id) || (treats(case.id) && below())
    };
    let cases: Vec<&Case> = cases().filter(named).collect();
    if cases.iter().any(|case| treats(case.id)) {
        Ok(cases)
    } else {
        Err(Failure::Usage(format!(
            "--underlay {name}: none of the cases has one that treats long packets so; name some of esp/* or esp6/* of the bill's ciphers with --case"
        )))
    }
}

/// The chains of a cipher by a library.
pub fn select_chains(cipher: &str) -> Result<Vec<Waterfall>, Failure> {
    let chains = waterfalls(cipher);
    if chains.is_empty() {
        let ciphers: Vec<&str> = waterfall_ciphers().collect();
        return Err(Failure::Usage(format!(
            "--waterfall={cipher}: there is no chain of cases for it; name one of {}",
            ciphers.join(", ")
        )));
    }
    Ok(chains)
}

/// The cases of chains, in the order of the list.
pub fn cases_of(chains: &[Waterfall]) -> Vec<&'static Case> {
    let of = |case: &&Case| {
        let mut links = chains.iter().flat_map(|chain| &chain.links);
        links.any(|link| link.case.id == case.id)
    };
    cases().filter(of).collect()
}

/// Of every case in the order of the list, whether the glob names it; it names at least one.
pub fn matching(text: &str) -> Result<Vec<bool>, GlobError> {
    matching_of(text, cases())
}

fn matching_of(
    text: &str,
    all: impl Iterator<Item = &'static Case>,
) -> Result<Vec<bool>, GlobError> {
    let pattern = Pattern::new(text).map_err(|why| GlobError::Malformed(text.to_owned(), why))?;
    let matching: Vec<bool> = all.map(|case| names(&pattern, text, case.id)).collect();
    if !matching.contains(&true) {
        let library = text.split_once('@').map_or("", |(_, library)| library);
        if let Some(feature) = FEATURES.into_iter().find(|of| *of == library) {
            return Err(GlobError::NotBuilt(text.to_owned(), feature));
        }
        return Err(GlobError::NoCase(text.to_owned()));
    }
    Ok(matching)
}

/// A pattern without `@` is matched against the id without its library.
fn names(pattern: &Pattern, text: &str, id: &str) -> bool {
    pattern.matches(if text.contains('@') {
        id
    } else {
        without_library(id)
    })
}

/// The part of an id in front of `@`: path and cipher.
pub fn without_library(id: &str) -> &str {
    id.split_once('@').map_or(id, |(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_without_library_means_every_library() {
        let ids = |globs: &[&str]| -> Vec<&str> {
            let globs: Vec<String> = globs.iter().map(|g| (*g).to_owned()).collect();
            select_cases(&globs, &[])
                .unwrap()
                .iter()
                .map(|c| c.id)
                .collect()
        };
        assert_eq!(ids(&["esp/aes-256-gcm@ring"]), ["esp/aes-256-gcm@ring"]);
        let every = ids(&["esp/aes-256-gcm"]);
        assert!(every.len() >= 3 && every.iter().all(|id| id.starts_with("esp/aes-256-gcm@")));
        assert_eq!(ids(&["forward", "forward"]), ["forward"]);
        assert!(select_cases(&["nonsense".to_owned()], &[]).is_err());
    }
}
