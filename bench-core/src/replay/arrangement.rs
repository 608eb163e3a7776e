//! What should not matter to a figure, and can be held fixed to see whether it does.

use crate::frame::Placement;

/// Who begins a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Turns {
    /// Drawn anew for every round.
    #[default]
    Drawn,
    /// The lanes as they are given, in every round; mirrored within it as ever.
    AsGiven,
}

/// How the timed loop is arranged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrangement {
    /// Where packets start in memory.
    pub placement: Placement,
    /// Who begins.
    pub turns: Turns,
}
