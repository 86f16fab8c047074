//! A bounded window of samples of one monitored value.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;

use serde::Serialize;

use steadfast_base::Instant;

use crate::limits;

/// One reading of a monitored value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// When it was taken.
    pub at: Instant,
    /// What was read, in the unit of the series.
    pub value: f64,
}

/// The last samples of one monitored value, up to a fixed number.
///
/// When it is full the oldest sample is dropped for the new one. Samples need not be evenly spaced.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::Instant;
/// use steadfast_reliability::Series;
///
/// let mut series = Series::new(2);
/// for second in 0..3 {
///     series.record(Instant::ZERO + Duration::from_secs(second), 1.5)?;
/// }
/// assert_eq!(series.len(), 2);
/// # Ok::<(), steadfast_reliability::SampleError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    samples: VecDeque<Sample>,
    samples_max: usize,
}

impl Series {
    /// A series of at most `samples_max` samples.
    ///
    /// More than [`limits::SERIES_SAMPLES_MAX`] counts as that, 0 as 1.
    pub fn new(samples_max: usize) -> Self {
        let samples_max = samples_max.clamp(1, limits::SERIES_SAMPLES_MAX);
        Self { samples: VecDeque::new(), samples_max }
    }

    /// Adds a sample.
    ///
    /// # Errors
    ///
    /// Fails, and leaves the series as it is, if the value is infinite or not a number, or if the sample
    /// is not later than the last one.
    pub fn record(&mut self, at: Instant, value: f64) -> Result<(), SampleError> {
        if !value.is_finite() {
            return Err(SampleError::NotFinite);
        }
        if self.last().is_some_and(|last| at <= last.at) {
            return Err(SampleError::NotLater);
        }
        if self.samples.len() == self.samples_max {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { at, value });
        Ok(())
    }

    /// The samples kept, the oldest first.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = Sample> + '_ {
        self.samples.iter().copied()
    }

    /// The newest sample.
    pub fn last(&self) -> Option<Sample> {
        self.samples.back().copied()
    }

    /// How many samples are kept.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether no sample is kept.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Forgets all samples; after a restart the old ones say nothing.
    pub fn clear(&mut self) {
        self.samples.clear();
    }
}

/// A sample that a series does not take.
///
/// # Example
///
/// ```
/// use steadfast_base::Instant;
/// use steadfast_reliability::{SampleError, Series};
///
/// let refused = Series::new(10).record(Instant::ZERO, f64::NAN);
/// assert_eq!(refused, Err(SampleError::NotFinite));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SampleError {
    /// The value is infinite or not a number.
    NotFinite,
    /// The sample is not later than the last one.
    NotLater,
}

impl fmt::Display for SampleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFinite => "the sample is not a finite number",
            Self::NotLater => "the sample is not later than the last one",
        })
    }
}

impl Error for SampleError {}
