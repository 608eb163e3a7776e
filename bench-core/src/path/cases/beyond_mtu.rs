//! The cases of ESP over an underlay without jumbo frames: what is too long for it is fragmented
//! outside, fragmented inside, or dropped.

use super::esp::{keys, leaked};
use super::{Case, CaseError, Kind};
use crate::cipher::Cipher;
use crate::path::esp::Esp;
use crate::path::esp_fitted::EspFitted;
use crate::path::outer_fragments::OuterFragments;
use crate::path::overhead::{Beyond, Overhead};
use crate::path::{PacketPath, Setup};

/// What a gateway does with packets that do not fit the underlay, where that has no jumbo
/// frames.
pub(super) struct BeyondMtu {
    /// Behind the name of the path in an id.
    suffix: &'static str,
    /// For people.
    words: &'static str,
    /// The stage, which stands behind all others or in the place of the encapsulation.
    stage: &'static str,
    step: &'static str,
    how: fn(&Case) -> Beyond,
}

pub(super) const BEYOND: [BeyondMtu; 3] = [
    BeyondMtu {
        suffix: "fragment",
        words: "fragmented outside",
        stage: "fragment",
        step: "fragmentation outside",
        how: |case| Beyond::FragmentedOutside(case.outer),
    },
    BeyondMtu {
        suffix: "inner-fragment",
        words: "fragmented inside",
        stage: "fragment, ",
        step: "fragmentation inside",
        how: |_| Beyond::FragmentedInside,
    },
    BeyondMtu {
        suffix: "drop",
        words: "dropped if too long",
        stage: "look at the MTU, ",
        step: "look at the MTU",
        how: |_| Beyond::Dropped,
    },
];

impl BeyondMtu {
    /// This, of a case that carries packets of any length with the same cipher.
    pub(super) fn of<C: Cipher + 'static>(&self, below: &Case) -> Case {
        let (path, cipher) = below.id.split_once('/').unwrap_or((below.id, ""));
        let (framed, sealed) = below.title.split_once(", ").unwrap_or((below.title, ""));
        let beyond = (self.how)(below);
        let is_outside = matches!(beyond, Beyond::FragmentedOutside(_));
        let mut stages: Vec<&str> = below.stages.to_vec();
        if is_outside {
            stages.push(self.stage);
        } else {
            let encapsulation = stages.iter_mut().find(|s| s.starts_with("encapsulate"));
            if let Some(stage) = encapsulation {
                *stage = leaked(format!("{}{stage}", self.stage));
            }
        }
        Case {
            id: leaked(format!("{path}+{}/{cipher}", self.suffix)),
            title: leaked(format!("{framed}, {}, {sealed}", self.words)),
            stages: Box::leak(stages.into_boxed_slice()),
            step_of: Some(below.id),
            step: self.step,
            kind: Kind::Variant,
            overhead: Overhead {
                beyond,
                ..below.overhead
            },
            make: if is_outside {
                open_outer_fragments::<C>
            } else {
                open_fitted::<C>
            },
            describe: |_, _| None,
            opener: None,
            alone: None,
            ..*below
        }
    }
}

fn open_outer_fragments<C: Cipher + 'static>(
    case: &Case,
    setup: &Setup,
) -> Result<Box<dyn PacketPath>, CaseError> {
    let clearing = Setup {
        clear_df: true,
        ..setup.clone()
    };
    let esp = Esp::<C>::new(&clearing, &keys(setup, C::KEY_BYTES), case.framing)?;
    Ok(Box::new(OuterFragments::new(esp, setup, case.outer)))
}

fn open_fitted<C: Cipher + 'static>(
    case: &Case,
    setup: &Setup,
) -> Result<Box<dyn PacketPath>, CaseError> {
    let (keys, beyond) = (keys(setup, C::KEY_BYTES), case.overhead.beyond);
    let path = EspFitted::<C>::new(setup, &keys, case.framing, beyond)?;
    Ok(Box::new(path))
}
