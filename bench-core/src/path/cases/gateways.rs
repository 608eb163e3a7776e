//! Cases of more than two ESP gateways of one tunnel: one with many tunnels, and one between two.

use super::esp::{PLAIN, keys, leaked};
use super::{Case, Kind, Point};
use crate::cipher::{Cipher, titled};
use crate::path::Setup;
use crate::path::esp_many::EspMany;
use crate::path::esp_transit::EspTransit;

/// SAs of a gateway with many clients.
const SAS: [usize; 4] = [1, 100, 1_000, 10_000];

/// Gateways with many tunnels, and one between two.
pub(super) fn more_gateways<C: Cipher + 'static>(cases: &mut Vec<Case>) {
    let one = PLAIN.sealed::<C>();
    let words = leaked(titled(C::ALGORITHM, C::LIBRARY));
    let case = |path: &str, title: String, stage| Case {
        id: leaked(format!("{path}/{}@{}", C::ALGORITHM, C::LIBRARY)),
        title: leaked(title),
        stages: Box::leak([one.stages, &[stage]].concat().into_boxed_slice()),
        step_of: Some(one.id),
        step: stage,
        kind: Kind::Variant,
        describe: |_, _| None,
        receive: None,
        opener: None,
        ..one
    };
    cases.push(Case {
        hops: 3,
        make: |_, setup| {
            let again = Setup {
                seed: setup.seed.wrapping_add(1),
                ..setup.clone()
            };
            let keys = [setup, &again].map(|setup| keys(setup, C::KEY_BYTES));
            let [first, second] = &keys;
            Ok(Box::new(EspTransit::<C>::new(setup, [first, second])?))
        },
        ..case(
            "esp-transit",
            format!("Two ESP tunnels and a gateway between them, {words}"),
            "second gateway",
        )
    });
    for sas in SAS {
        cases.push(Case {
            sas,
            point: Some(Point {
                of: "SAs",
                curve: words,
                count: sas as u32,
            }),
            make: |case, setup| Ok(Box::new(EspMany::<C>::new(setup, case.sas)?)),
            ..case(
                &format!("esp+{sas}sa"),
                match sas {
                    1 => format!("ESP tunnel of one SA, found for every packet, {words}"),
                    _ => format!("ESP tunnels of {sas} SAs, found for every packet, {words}"),
                },
                "SA look-up",
            )
        });
    }
}
