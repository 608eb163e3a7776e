//! What fits the outer MTU, case by case: computed, and carried in the record.

use std::collections::BTreeSet;

use super::{Cell, NAME_CHARS, RowKind, Table, TableRow, clean, legacy};
use crate::record::{Case, Fits, Record};

/// Largest inner packet and MSS of every case that sends, those that differ only in their library
/// once; and, of sizes that some case sends in several packets, in how many. `None` of a record of
/// before.
pub fn fits(record: &Record) -> Option<Table> {
    let mut seen = BTreeSet::new();
    let of = |case| fits_of(case).filter(|(name, _)| seen.insert(name.clone()));
    let fits: Vec<(String, &Fits)> = record.cases.iter().filter_map(of).collect();
    let (_, first) = fits.first()?;
    let is_cut = |size: &&u32| {
        let packets = |fits: &Fits| fits.packets.get(size).copied();
        fits.iter().any(|(_, fits)| packets(fits) != Some(Some(1)))
    };
    let cut: Vec<&u32> = first.packets.keys().filter(is_cut).collect();
    let head = ["case", "largest inner", "MSS IPv4", "MSS IPv6"].map(str::to_owned);
    let more = if cut.is_empty() {
        ""
    } else {
        "; packets: in how many an inner IPv4 packet of that size without DF leaves, - where it is dropped"
    };
    Some(Table {
        title: format!("What fits an outer MTU of {} bytes", first.outer_mtu),
        note: format!(
            "bytes, computed from the headers and not measured; MSS: to clamp TCP to, without options{more}"
        ),
        head: head
            .into_iter()
            .chain(cut.iter().map(|size| format!("packets at {size}")))
            .collect(),
        rows: fits
            .iter()
            .map(|(name, fits)| row(name, fits, &cut))
            .collect(),
    })
}

fn fits_of(case: &Case) -> Option<(String, &Fits)> {
    let name = case.id.split('@').next().unwrap_or_default();
    let cipher = name.rsplit('/').next().unwrap_or_default();
    let name = clean(name, NAME_CHARS) + legacy(cipher);
    Some((name, case.fits.as_ref()?))
}

fn row(name: &str, fits: &Fits, cut: &[&u32]) -> TableRow {
    let bytes = [fits.largest_inner, fits.mss_ipv4, fits.mss_ipv6];
    let packets = cut
        .iter()
        .map(|size| fits.packets.get(size).copied().flatten());
    let cell = |number: Option<u32>| {
        Cell::Number(number.map_or_else(|| "-".to_owned(), |n| n.to_string()))
    };
    TableRow {
        label: name.to_owned(),
        kind: RowKind::Plain,
        cells: bytes.into_iter().chain(packets).map(cell).collect(),
    }
}
