//! The largest load that is carried, between two bounds: by bisection.

/// Halvings at most: a width that can't be reached ends here.
const STEPS_MAX: u32 = 60;
/// Times that the interval is widened by a factor of two, to either side.
const WIDENINGS: u32 = 4;

/// Where the largest load lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The largest load tried that was carried; 0 where none was.
    pub lower: f64,
    /// The smallest load tried that was not; `None` where every one was.
    pub upper: Option<f64>,
}

/// Halves the interval between a load that `carries` says is carried and one that is not, until it
/// is `width` of its lower end or less. Begins with the two that are given, and moves them apart
/// where they are on one side.
pub fn bisect((low, high): (f64, f64), width: f64, mut carries: impl FnMut(f64) -> bool) -> Bounds {
    let mut upper = None;
    let mut below = (0..=WIDENINGS).map(|halvings| low / f64::from(1 << halvings));
    let lower = below.find(|load| {
        let carried = carries(*load);
        if !carried {
            upper = Some(*load);
        }
        carried
    });
    let Some(mut lower) = lower else {
        return Bounds { lower: 0.0, upper };
    };
    for doublings in 0..=WIDENINGS {
        if upper.is_some() {
            break;
        }
        let load = high * f64::from(1 << doublings);
        if carries(load) {
            lower = load;
        } else {
            upper = Some(load);
        }
    }
    for _ in 0..STEPS_MAX {
        let Some(high) = upper.filter(|high| high - lower > width * lower) else {
            break;
        };
        let middle = f64::midpoint(lower, high);
        if carries(middle) {
            lower = middle;
        } else {
            upper = Some(middle);
        }
    }
    Bounds { lower, upper }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::arrivals::{Kind, Schedule};
    use crate::model::queue::{Queue, Rules, Service};

    #[test]
    fn a_known_limit_is_bracketed_from_wherever_the_search_begins() {
        for limit in [1.0, 3.3, 10.0, 11.0, 70.0, 150.0] {
            let bounds = bisect((10.0, 12.0), 0.01, |load| load <= limit);
            let upper = bounds.upper.unwrap();
            assert!(
                bounds.lower <= limit && limit < upper,
                "{limit}: {bounds:?}"
            );
            assert!(upper - bounds.lower <= 0.01 * bounds.lower, "{bounds:?}");
        }
        let none = bisect((10.0, 12.0), 0.01, |_| false);
        assert_eq!((none.lower, none.upper), (0.0, Some(10.0 / 16.0)));
        assert_eq!(bisect((10.0, 12.0), 0.01, |_| true).upper, None);
    }

    /// A server of 100 ns a packet carries 10 million a second, and with 0.5 % of loss 1 / 0.995
    /// of that.
    #[test]
    fn the_model_loses_nothing_up_to_one_over_the_service_time() {
        let service = Service {
            series_ns: vec![100.0],
            ..Service::default()
        };
        let rules = Rules {
            burst: 32,
            ring: 256,
        };
        for (loss, limit) in [(0.0, 1e7), (0.005, 1e7 / 0.995)] {
            let bounds = bisect((5e6, 1.2e7), 0.001, |pps| {
                let mut queue = Queue::new(rules, &service, None, 1);
                let mut schedule = Schedule::new(Kind::Constant, None, pps, 1);
                (0..1_000_000).for_each(|_| queue.offer(schedule.next_ns()));
                queue.finish().loss() <= loss
            });
            // The ring itself holds 256 of the million, and the bounds are 0.1 % apart.
            assert!((bounds.lower / limit - 1.0).abs() < 0.0015, "{bounds:?}");
        }
    }
}
