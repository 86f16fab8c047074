//! Judging one measured use: above its limit, or growing towards it; pure.

use steadfast_base::Instant;
use steadfast_reliability::{Forecast, Series, Threshold, Trend, time_to, trend};

use super::config::{GrowthConfig, LeakConfig};
use super::report::{LeakCause, LeakKind};

/// Scans in a row without a cause after which a leak is over; one calm reading is no end.
pub(super) const CALM_SCANS: u32 = 5;

const SECONDS_PER_HOUR: f64 = 3_600.0;

/// A measured use with its limit, what was measured, and whether it leaks.
#[derive(Debug)]
pub(super) struct Gauge {
    pub(super) name: String,
    pub(super) kind: LeakKind,
    limit: f64,
    /// Whether the limit is the configured one of its kind.
    follows: bool,
    growth: GrowthConfig,
    series: Series,
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    cause: LeakCause,
    calm: u32,
}

/// What a reading changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Change {
    /// A leak began.
    Found(LeakCause),
    /// A leak is over.
    Gone,
}

impl Gauge {
    pub(super) fn new(name: String, kind: LeakKind, limit: f64, growth: GrowthConfig) -> Self {
        let series = Series::new(growth.samples);
        Self { name, kind, limit, follows: false, growth, series, open: None }
    }

    /// The same gauge, whose limit is the configured one of its kind.
    pub(super) fn following(mut self) -> Self {
        self.follows = true;
        self
    }

    /// Takes new settings; the last readings stay, as many as are kept, and so does a leak that is open.
    pub(super) fn reconfigure(&mut self, config: &LeakConfig) {
        if self.follows {
            self.limit = config.limit(self.kind);
        }
        if self.growth.samples != config.growth.samples {
            let mut series = Series::new(config.growth.samples);
            let forgotten = self.series.len().saturating_sub(config.growth.samples);
            for sample in self.series.samples().skip(forgotten) {
                let kept = series.record(sample.at, sample.value);
                debug_assert!(kept.is_ok(), "they were taken in this order once");
            }
            self.series = series;
        }
        self.growth = config.growth.clone();
    }

    /// Takes in a reading. One that is no number, or not later than the last, is ignored.
    pub(super) fn step(&mut self, now: Instant, value: f64) -> Option<Change> {
        self.series.record(now, value).ok()?;
        match (self.cause(value), &mut self.open) {
            (Some(cause), Some(open)) => {
                *open = Open { cause, calm: 0 };
                None
            }
            (Some(cause), None) => {
                self.open = Some(Open { cause, calm: 0 });
                Some(Change::Found(cause))
            }
            (None, Some(open)) => {
                open.calm += 1;
                if open.calm < CALM_SCANS {
                    return None;
                }
                self.open = None;
                Some(Change::Gone)
            }
            (None, None) => None,
        }
    }

    /// The cause of the leak that is going on, as of the last reading that showed one.
    pub(super) fn open(&self) -> Option<LeakCause> {
        self.open.map(|open| open.cause)
    }

    fn cause(&self, value: f64) -> Option<LeakCause> {
        let limit = self.limit;
        if value > limit {
            return Some(LeakCause::AboveLimit { value, limit });
        }
        let config = self.growth.trend();
        let Trend::Rising(line) = trend(&self.series, &config) else { return None };
        let first = self.series.samples().next()?;
        let span = (self.series.last()?.at - first.at).as_secs_f64();
        let per_second = line.slope_per_second.value;
        if per_second * span < self.growth.share_min * limit {
            return None;
        }
        let Forecast::Within(reaches_limit) =
            time_to(&self.series, Threshold::Above(limit), &config)
        else {
            return None;
        };
        let per_hour = per_second * SECONDS_PER_HOUR;
        Some(LeakCause::Growing { value, limit, per_hour, reaches_limit })
    }
}
