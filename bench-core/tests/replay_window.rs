//! The anti-replay window against tables that say of each number whether it is taken.

use tunneltax_core::fate::Reason;
use tunneltax_core::replay_window::ReplayWindow;

const WINDOWS: [u32; 7] = [1, 32, 64, 65, 128, 1024, 4096];

/// Walks a table of numbers and verdicts, from an empty window.
fn walk(window: u32, steps: &[(u64, Result<(), Reason>)]) {
    let mut replay = ReplayWindow::new(window);
    for (step, &(sequence, verdict)) in steps.iter().enumerate() {
        let what = format!("window {window}, step {step}: {sequence}");
        assert_eq!(replay.check(sequence), verdict, "{what}, checked");
        assert_eq!(replay.accept(sequence), verdict, "{what}, accepted");
    }
}

#[test]
fn the_edge_is_exact() {
    for window in WINDOWS {
        let w = u64::from(window);
        let edge = w + 1;
        walk(window, &[(2 * w, Ok(())), (edge - 1, Err(Reason::TooOld))]);
        if window > 1 {
            walk(
                window,
                &[
                    (2 * w, Ok(())),
                    (edge, Ok(())),
                    (edge - 1, Err(Reason::TooOld)),
                    (edge, Err(Reason::Replayed)),
                    (2 * w, Err(Reason::Replayed)),
                    // One to the right: what was the edge is now beyond it.
                    (2 * w + 1, Ok(())),
                    (edge, Err(Reason::TooOld)),
                    (2 * w, Err(Reason::Replayed)),
                ],
            );
        }
    }
}

#[test]
fn numbers_start_at_1_and_end_at_the_last_of_32_bits() {
    let last = u64::from(u32::MAX);
    for window in WINDOWS {
        walk(
            window,
            &[
                (0, Err(Reason::TooOld)),
                (1, Ok(())),
                (1, Err(Reason::Replayed)),
                (0, Err(Reason::TooOld)),
                (last, Ok(())),
                (last, Err(Reason::Replayed)),
                (1, Err(Reason::TooOld)),
                (last - u64::from(window), Err(Reason::TooOld)),
            ],
        );
    }
}

#[test]
fn a_jump_of_any_length_leaves_no_stale_mark() {
    for window in WINDOWS {
        let w = u64::from(window);
        for jump in [1, 63, 64, 65, w - 1, w, w + 1, 2 * w, 2 * w + 64, 1 << 20] {
            let mut replay = ReplayWindow::new(window);
            // Every number up to here, then far to the right: all behind it is new.
            (1..=3 * w).for_each(|sequence| assert_eq!(replay.accept(sequence), Ok(())));
            let right = 3 * w + jump.max(1);
            assert_eq!(replay.accept(right), Ok(()));
            for sequence in (right - w + 1)..right {
                let expected = if sequence <= 3 * w {
                    Err(Reason::Replayed)
                } else {
                    Ok(())
                };
                assert_eq!(
                    replay.accept(sequence),
                    expected,
                    "{window} {jump} {sequence}"
                );
            }
        }
    }
}

/// Of size 0 it is off: every number is taken, in any order, any times, and nothing moves.
#[test]
fn a_window_of_size_0_takes_everything() {
    let mut replay = ReplayWindow::new(0);
    let before = replay.highest();
    replay.begin_after(1 << 40);
    for sequence in [1, 5, 5, 0, 1, u64::from(u32::MAX), 2, u64::MAX] {
        assert_eq!(replay.check(sequence), Ok(()), "{sequence}");
        assert_eq!(replay.accept(sequence), Ok(()), "{sequence}");
        assert_eq!(replay.highest(), before);
    }
}
