//! The cipher's work on a chunk of packets, as a path prepares it.

use crate::cipher::Job;
use crate::fate::Reason;
use crate::frame::Frame;

/// Packets that are taken through a step before the next step begins: few enough to stay in
/// the L1 cache from step to step, enough for a cipher that works on several at once.
pub const CHUNK: usize = 16;

/// The jobs of a chunk. Of fixed size and inside its owner: nothing to look up.
pub struct Jobs([Job; CHUNK]);

impl Jobs {
    /// No work yet.
    pub fn new() -> Self {
        Self([Job::default(); CHUNK])
    }

    /// What `prepare` makes of every frame of at most [`CHUNK`] that is carried. It is given
    /// the frame and its place in the chunk; a frame that it refuses is dropped. One that there
    /// is no room for is dropped, too: nothing may pass without the cipher's work.
    #[inline(always)]
    pub fn fill(
        &mut self,
        chunk: &mut [Frame<'_>],
        mut prepare: impl FnMut(&mut Frame<'_>, u32) -> Result<Job, Reason>,
    ) -> &[Job] {
        let mut used = 0;
        for (at, frame) in chunk.iter_mut().enumerate() {
            if !frame.is_carried() {
                continue;
            }
            let Some(place) = self.0.get_mut(used) else {
                frame.drop_as(Reason::NoRoom);
                continue;
            };
            match prepare(frame, at as u32) {
                Ok(job) => {
                    *place = job;
                    used += 1;
                }
                Err(reason) => frame.drop_as(reason),
            }
        }
        self.0.get(..used).unwrap_or_default()
    }

    /// Of the first `used` jobs those of frames that are still carried, in their order.
    #[inline(always)]
    pub fn carried(&mut self, used: usize, chunk: &[Frame<'_>]) -> &[Job] {
        let mut kept = 0;
        for at in 0..used.min(CHUNK) {
            let job = self.0[at];
            let frame = chunk.get(job.frame as usize);
            if frame.is_some_and(Frame::is_carried) {
                self.0[kept] = job;
                kept += 1;
            }
        }
        self.0.get(..kept).unwrap_or_default()
    }
}
