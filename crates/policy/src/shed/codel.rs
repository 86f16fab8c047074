//! `CoDel`: whether a queue stands, judged by its shortest delay over an interval.

use std::time::Duration;

use steadfast_base::Instant;

/// How long a delay may be, in targets, before an item of an overloaded queue is dropped.
const DROPPED_AT_TARGETS: u32 = 2;

/// Controlled delay after folly's `Codel`: a pure state machine fed with the delays of a queue.
///
/// If even the shortest delay of a whole interval was above the target, the queue is overloaded for the
/// next interval; then items older than twice the target are to be dropped. One interval with a delay at
/// or below the target ends that. The first delay of an interval never says to drop.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::Instant;
/// use steadfast_policy::CoDel;
///
/// let ms = Duration::from_millis;
/// let mut codel = CoDel::new(ms(5), ms(100));
/// let mut drops = |at, delay| codel.observe(Instant::ZERO + ms(at), ms(delay));
/// assert!(!drops(0, 6) && !drops(50, 60) && !drops(100, 6));
/// assert!(drops(101, 11) && !drops(102, 10));
/// ```
///
/// Nichols and Jacobson, "Controlling queue delay", 2012.
#[derive(Clone, Copy, Debug)]
pub struct CoDel {
    target: Duration,
    interval: Duration,
    overloaded: bool,
    /// The end of the interval and the shortest delay in it; `None` before the first.
    current: Option<(Instant, Duration)>,
}

impl CoDel {
    /// A queue that is not overloaded.
    pub const fn new(target: Duration, interval: Duration) -> Self {
        Self { target, interval, overloaded: false, current: None }
    }

    /// Changes the settings; the current interval keeps its end.
    pub fn reconfigure(&mut self, target: Duration, interval: Duration) {
        self.target = target;
        self.interval = interval;
    }

    /// Takes in a delay; says whether an item with this delay is to be dropped.
    pub fn observe(&mut self, now: Instant, delay: Duration) -> bool {
        match &mut self.current {
            Some((end, shortest)) if now < *end => {
                *shortest = delay.min(*shortest);
                self.overloaded && delay > self.drop_after()
            }
            current => {
                if let Some((_, shortest)) = *current {
                    self.overloaded = shortest > self.target;
                }
                *current = Some((now + self.interval, delay));
                false
            }
        }
    }

    /// Whether the last whole interval had no delay at or below the target.
    pub fn is_overloaded(&self) -> bool {
        self.overloaded
    }

    /// The delay above which items of an overloaded queue are to be dropped.
    pub fn drop_after(&self) -> Duration {
        self.target.saturating_mul(DROPPED_AT_TARGETS)
    }
}
