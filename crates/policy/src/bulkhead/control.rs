//! Looking at a bulkhead and changing it while it works.

use std::sync::atomic::Ordering;
use std::task::Waker;

use steadfast_base::ConfigError;

use crate::names;

use super::statistics::ratio;
use super::{Bulkhead, BulkheadConfig, BulkheadStatistics};

impl Bulkhead {
    /// The settings in force.
    pub fn config(&self) -> BulkheadConfig {
        self.inner.lock().config
    }

    /// Free places now.
    pub fn available(&self) -> u32 {
        let word = self.inner.places.word();
        word.limit().saturating_sub(word.taken())
    }

    /// Changes the number of places.
    ///
    /// Raised, those who wait are let in at once. Lowered, those who run keep their places, and nobody is
    /// let in before enough of them have ended.
    ///
    /// # Errors
    ///
    /// Fails, changing nothing, if the number is out of range.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Time;
    /// use steadfast_policy::{Bulkhead, BulkheadConfig};
    ///
    /// let bulkhead = Bulkhead::new(BulkheadConfig::new(1), Time::system())?;
    /// bulkhead.resize(3)?;
    /// assert_eq!(bulkhead.available(), 3);
    /// # Ok::<(), steadfast_policy::ConfigError>(())
    /// ```
    pub fn resize(&self, max_concurrent_calls: u32) -> Result<(), ConfigError> {
        self.reconfigure(BulkheadConfig { max_concurrent_calls, ..self.config() })
    }

    /// Changes all settings; who waits already keeps the wait it was given.
    ///
    /// # Errors
    ///
    /// Fails, changing nothing, with every fault that [`BulkheadConfig::validate`] finds.
    pub fn reconfigure(&self, config: BulkheadConfig) -> Result<(), ConfigError> {
        config.validate()?;
        let inner = &*self.inner;
        let mut queue = inner.lock();
        let former = std::mem::replace(&mut queue.config, config);
        inner.places.set_limit(config.max_concurrent_calls);
        inner.may_wait.store(config.may_wait(), Ordering::Relaxed);
        let wakers = inner.let_in(&mut queue);
        drop(queue);
        wakers.into_iter().for_each(Waker::wake);
        if former.max_concurrent_calls != config.max_concurrent_calls {
            inner.events.emit(names::BULKHEAD_RESIZED, || {
                [
                    ("from", former.max_concurrent_calls.into()),
                    ("to", config.max_concurrent_calls.into()),
                ]
            });
        }
        Ok(())
    }

    /// All figures at one moment.
    pub fn statistics(&self) -> BulkheadStatistics {
        let (inner, counters) = (&*self.inner, &self.inner.counters);
        let queue = inner.lock();
        let word = inner.places.word();
        let permitted = queue.admitted + word.admitted();
        let running = word.taken();
        let finished = (permitted + queue.running_at_reset).saturating_sub(u64::from(running));
        let (failed, dropped) = (counters.failed.get(), counters.dropped.get());
        let succeeded = finished.saturating_sub(failed + dropped);
        BulkheadStatistics {
            max_concurrent_calls: word.limit(),
            running,
            available: word.limit().saturating_sub(running),
            waiting: queue.desk.waiting() as u64,
            permitted,
            finished,
            succeeded,
            failed,
            dropped,
            rejected_full: counters.rejected_full.get(),
            rejected_after_wait: counters.rejected_after_wait.get(),
            failure_rate: ratio(failed, succeeded + failed),
            utilization: ratio(running.into(), word.limit().into())
                .map_or(1.0, |used| used.min(1.0)),
        }
    }

    /// Sets all counts to zero; calls that run now still count when they end.
    pub fn reset_statistics(&self) {
        let mut queue = self.inner.lock();
        queue.admitted = 0;
        queue.running_at_reset = self.inner.places.take_admitted().taken().into();
        self.inner.counters.reset();
    }
}
