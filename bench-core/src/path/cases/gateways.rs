//! Cases of more than two ESP gateways of one tunnel: one with many tunnels, and one between two.

use super::esp::{Esps, IN_UDP, PLAIN, keys, leaked};
use super::{Case, CaseError, Kind, Point};
use crate::cipher::{Cipher, titled};
use crate::path::esp_many::EspMany;
use crate::path::esp_transit::EspTransit;
use crate::path::{PacketPath, Setup};

/// SAs of a gateway with many clients.
const SAS: [usize; 4] = [1, 100, 1_000, 10_000];

/// A case that is a stage more than one tunnel.
fn behind(one: &Case, id: String, title: String, stage: &'static str) -> Case {
    Case {
        id: leaked(id),
        title: leaked(title),
        stages: Box::leak([one.stages, &[stage]].concat().into_boxed_slice()),
        step_of: Some(one.id),
        step: stage,
        kind: Kind::Variant,
        describe: |_, _| None,
        receive: None,
        opener: None,
        ..*one
    }
}

/// A gateway between two tunnels, plain and in UDP.
pub(super) fn transit<C: Cipher + 'static>(cases: &mut Vec<Case>) {
    for esps in [&PLAIN, &IN_UDP] {
        cases.push(between::<C>(esps));
    }
}

fn between<C: Cipher + 'static>(esps: &Esps) -> Case {
    let one = esps.sealed::<C>();
    let words = titled(C::ALGORITHM, C::LIBRARY);
    let in_udp = if one.framing.underlay.ports.is_some() {
        " in UDP"
    } else {
        ""
    };
    Case {
        hops: 3,
        make: open_transit::<C>,
        ..behind(
            &one,
            format!("{}-transit/{}@{}", esps.path, C::ALGORITHM, C::LIBRARY),
            format!("Two ESP tunnels{in_udp} and a gateway between them, {words}"),
            "second gateway",
        )
    }
}

fn open_transit<C: Cipher + 'static>(
    case: &Case,
    setup: &Setup,
) -> Result<Box<dyn PacketPath>, CaseError> {
    let again = Setup {
        seed: setup.seed.wrapping_add(1),
        ..setup.clone()
    };
    let keys = [setup, &again].map(|setup| keys(setup, C::KEY_BYTES));
    let [first, second] = &keys;
    let path = EspTransit::<C>::new(setup, [first, second], case.framing)?;
    Ok(Box::new(path))
}

/// Gateways with many tunnels.
pub(super) fn many<C: Cipher + 'static>(cases: &mut Vec<Case>) {
    let one = PLAIN.sealed::<C>();
    let words = leaked(titled(C::ALGORITHM, C::LIBRARY));
    for sas in SAS {
        let title = match sas {
            1 => format!("ESP tunnel of one SA, found for every packet, {words}"),
            _ => format!("ESP tunnels of {sas} SAs, found for every packet, {words}"),
        };
        let id = format!("esp+{sas}sa/{}@{}", C::ALGORITHM, C::LIBRARY);
        cases.push(Case {
            sas,
            point: Some(Point {
                of: "SAs",
                curve: words,
                count: sas as u32,
            }),
            make: |case, setup| Ok(Box::new(EspMany::<C>::new(setup, case.sas)?)),
            ..behind(&one, id, title, "SA look-up")
        });
    }
}
