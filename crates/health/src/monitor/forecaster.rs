//! A monitor that remembers its readings and says when a threshold is reached.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use steadfast_base::Time;
use steadfast_reliability::{Forecast, Series, Threshold, Trend, TrendConfig, time_to, trend};

use crate::resource::{ReadingError, Resource, ResourceMonitor};

/// Passes the readings of a monitor on, and forecasts from the last of them.
///
/// Put it in the monitor's place and keep a handle: whoever reads the monitor feeds the forecast. It keeps
/// the readings of `samples_max`, at most
/// [`SERIES_SAMPLES_MAX`](steadfast_reliability::limits::SERIES_SAMPLES_MAX); the oldest make room.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// use steadfast_base::Time;
/// use steadfast_health::{Forecaster, MemoryMonitor, ResourceMonitor};
/// use steadfast_reliability::{Forecast, Threshold, TrendConfig};
///
/// let memory = Forecaster::new(MemoryMonitor::new(), Time::system(), 60, TrendConfig::default());
/// let memory = Arc::new(memory);
/// let monitor: Arc<dyn ResourceMonitor> = memory.clone();
/// # drop(monitor);
/// // Later, after enough readings:
/// match memory.time_to(Threshold::Above(0.9)) {
///     Forecast::Within(time) => println!("at 90 % in {:?}", time.expected),
///     Forecast::TooFewSamples { have, .. } => assert_eq!(have, 0),
///     other => println!("{other:?}"),
/// }
/// ```
pub struct Forecaster<M> {
    monitor: M,
    time: Time,
    config: TrendConfig,
    series: Mutex<Series>,
}

impl<M: ResourceMonitor> Forecaster<M> {
    /// A monitor in the place of `monitor`.
    pub fn new(monitor: M, time: Time, samples_max: usize, config: TrendConfig) -> Self {
        Self { monitor, time, config, series: Mutex::new(Series::new(samples_max)) }
    }

    /// Whether and when the readings reach a threshold, counted from the last one.
    pub fn time_to(&self, threshold: Threshold) -> Forecast {
        // A copy, so that readings do not wait for the computation.
        let series = self.series().clone();
        time_to(&series, threshold, &self.config)
    }

    /// Whether the readings rise or fall.
    pub fn trend(&self) -> Trend {
        let series = self.series().clone();
        trend(&series, &self.config)
    }

    fn series(&self) -> MutexGuard<'_, Series> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<M: ResourceMonitor> ResourceMonitor for Forecaster<M> {
    fn name(&self) -> &str {
        self.monitor.name()
    }

    fn resource(&self) -> Resource {
        self.monitor.resource()
    }

    async fn read(&self) -> Result<f64, ReadingError> {
        let reading = self.monitor.read().await?;
        let now = self.time.now();
        // One that is no number, or comes twice at the same moment, is passed on and not remembered.
        let _remembered = self.series().record(now, reading);
        Ok(reading)
    }
}

impl<M> fmt::Debug for Forecaster<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forecaster").field("config", &self.config).finish_non_exhaustive()
    }
}
