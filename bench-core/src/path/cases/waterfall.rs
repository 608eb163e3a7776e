//! The chains of cases that a tunnel's bill falls down by, one step at a time.
//!
//! Unlike [`Case::step_of`], which says what a row of the bill stands on, a chain also goes
//! through the yardsticks below the forward, and past the cipher: what stands behind it there
//! (window, UDP, a second gateway) is a step of the sealed case, not of the empty framing.

use super::{Case, cases, find};

/// A case of a chain.
#[derive(Clone, Copy)]
pub struct Link {
    /// The step from the link before, in a word; stable. Of the first link, the case itself.
    pub id: &'static str,
    /// The same for people.
    pub step: &'static str,
    /// What is measured with that step.
    pub case: &'static Case,
}

/// Cases, each one step from the one before.
#[derive(Clone)]
pub struct Waterfall {
    /// Stable: `aes-256-gcm@ring`.
    pub id: String,
    /// At least two.
    pub links: Vec<Link>,
}

/// Id of a step, its name, and the case in front of the `/`; a `*` behind it stands for cipher
/// and library.
type Step = (&'static str, &'static str, &'static str);

/// Up to the framing.
const GROUND: [Step; 4] = [
    ("parse", "header checks, hop, checksum", "forward/parse"),
    ("route", "route look-up", "forward/no-rules"),
    ("rules", "security group", "forward"),
    ("encapsulate", "encapsulation", "esp+noreplay/none"),
];

/// Of an AEAD, which encrypts and authenticates in one pass.
const AEAD: [Step; 4] = [
    ("seal", "encryption + integrity", "esp+noreplay/*"),
    ("anti-replay", "anti-replay window", "esp/*"),
    ("udp", "UDP", "esp-udp/*"),
    ("second-gateway", "second gateway", "esp-udp-transit/*"),
];

/// Of a suite of two algorithms; `+` stands for the integrity alone. The window comes before
/// both, as the framing has it at hand.
const SUITE: [Step; 4] = [
    ("anti-replay", "anti-replay window", "esp/none"),
    ("integrity", "integrity", "esp/+"),
    ("encrypt", "encryption", "esp/*"),
    ("udp", "UDP", "esp-udp/*"),
];

/// In front of a cipher's id.
const ESP: &str = "esp/";
/// What the case of a suite stands on begins with.
const INTEGRITY: &str = "esp/null+";

/// The chains of a cipher by a library, `aes-256-gcm@ring`; none where the list has no cases for
/// all links of it. GMAC and NULL have none: neither is a step of anything that encrypts.
pub fn waterfalls(cipher: &str) -> Vec<Waterfall> {
    let Some(sealed) = find(&format!("{ESP}{cipher}")).filter(|case| case.hides) else {
        return Vec::new();
    };
    let integrity = sealed.step_of.filter(|below| below.starts_with(INTEGRITY));
    let steps: &[Step] = if integrity.is_some() { &SUITE } else { &AEAD };
    let main: Vec<Step> = GROUND.iter().chain(steps).copied().collect();
    let chain = |id: String, steps: &[Step]| {
        let links = steps.iter().map(|&(id, step, case)| {
            let case = match case.strip_suffix('*') {
                Some(path) => find(&format!("{path}{cipher}")),
                None if case == "esp/+" => find(integrity?),
                None => find(case),
            };
            case.map(|case| Link { id, step, case })
        });
        let links: Option<Vec<Link>> = links.collect();
        links.map(|links| Waterfall { id, links })
    };
    chain(cipher.to_owned(), &main).into_iter().collect()
}

/// The ciphers that have chains, in the order of the list.
pub fn waterfall_ciphers() -> impl Iterator<Item = &'static str> {
    let ciphers = cases().filter_map(|case| case.id.strip_prefix(ESP));
    ciphers.filter(|cipher| !waterfalls(cipher).is_empty())
}
