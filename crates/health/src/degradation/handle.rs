//! The handle to degradation.

use std::fmt;
use std::sync::Arc;

use steadfast_base::ConfigError;

use crate::resource::ResourceMonitor;
use crate::shell::{Crew, Owner, Reporter};

use super::config::DegradationConfig;
use super::reader::Reader;
use super::shared::Shared;
use super::start::DegradationBuilder;
use super::status::{DegradationStatus, UnknownFeature, UnknownLevel};
use super::switches::FeatureSwitch;

/// Switches features off while resources run short, and on again afterwards; clones are the same.
///
/// Monitors are read in tasks of their own, each within its time-out: one that hangs, fails or panics
/// holds up nobody. Its last reading counts for a while longer, then its resource is taken for calm.
///
/// ```text
///            CPU > 0.7, memory > 0.8              CPU > 0.9, memory > 0.9, disk > 0.95
///   normal ---------------------------> degraded ------------------------------------> minimal
///     ^  <- all of it 0.05 lower for 60 s --   <------- all of it 0.05 lower for 60 s -----
/// ```
///
/// Worse levels are entered at the first reading that exceeds a threshold, better ones one at a time. A
/// level [applied](Self::apply_level) by hand holds until it is [released](Self::release).
///
/// # Example
///
/// ```
/// use steadfast_actor_core::System;
/// use steadfast_health::{Degradation, DegradationConfig};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let system = System::builder("shop").build()?;
/// let config = DegradationConfig::default()
///     .feature("recommendations", "normal")
///     .feature("checkout", "minimal");
/// let degradation = Degradation::builder().config(config).start(&system)?;
///
/// let recommendations = degradation.feature("recommendations")?;
/// let checkout = degradation.feature("checkout")?;
/// assert!(recommendations.is_on());
///
/// degradation.apply_level("minimal")?;
/// assert!(!recommendations.is_on() && checkout.is_on());
/// degradation.release();
/// assert_eq!(degradation.level(), "normal");
/// # system.shutdown().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Degradation {
    shared: Arc<Shared>,
    owner: Arc<Owner>,
}

impl Degradation {
    /// A degradation with the default settings and without monitors.
    ///
    /// # Example
    ///
    /// See [`Degradation`].
    pub fn builder() -> DegradationBuilder {
        DegradationBuilder::default()
    }

    pub(super) fn start(
        config: &DegradationConfig,
        monitors: Vec<Arc<dyn ResourceMonitor>>,
        crew: Crew,
        reporter: Reporter,
    ) -> Self {
        let shared = Arc::new(Shared::new(config, &monitors, reporter));
        let reader = Reader::new(&shared, monitors, &crew);
        // A system that has ended drops it; levels then change by hand only.
        drop(crew.spawn(reader.run()));
        Self { shared, owner: Arc::new(Owner(crew)) }
    }

    /// The level in force.
    ///
    /// # Example
    ///
    /// See [`Degradation`].
    pub fn level(&self) -> &str {
        self.shared.level_in_force()
    }

    /// The switch of a feature, to keep where it is asked.
    ///
    /// # Errors
    ///
    /// Fails if the configuration has no such feature.
    ///
    /// # Example
    ///
    /// See [`Degradation`].
    pub fn feature(&self, name: &str) -> Result<FeatureSwitch, UnknownFeature> {
        self.shared.feature(name).ok_or_else(|| UnknownFeature(name.to_owned()))
    }

    /// Puts a level in force by hand; it holds until [`release`](Self::release).
    ///
    /// # Errors
    ///
    /// Fails if there is no such level; nothing changes then.
    ///
    /// # Example
    ///
    /// See [`Degradation`].
    pub fn apply_level(&self, level: &str) -> Result<(), UnknownLevel> {
        self.shared.pin(level).ok_or_else(|| UnknownLevel(level.to_owned()))
    }

    /// Goes back to the level that the readings ask for; does nothing if none was applied by hand.
    ///
    /// # Example
    ///
    /// See [`Degradation`].
    pub fn release(&self) {
        self.shared.release();
    }

    /// Takes new settings; the level stays until the next readings, which come at once.
    ///
    /// # Errors
    ///
    /// Fails with every fault and keeps the old settings. Levels and features must have the names that
    /// they had at the start, since others may hold switches of them.
    ///
    /// # Example
    ///
    /// ```
    /// # use steadfast_health::{ConfigError, Degradation, DegradationConfig};
    /// # fn example(degradation: &Degradation) -> Result<(), ConfigError> {
    /// let mut config = DegradationConfig::default();
    /// config.margin = 0.1;
    /// degradation.reconfigure(&config)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn reconfigure(&self, config: &DegradationConfig) -> Result<(), ConfigError> {
        self.shared.reconfigure(config)
    }

    /// The level, the features and the readings, at one moment.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_actor_core::System;
    /// use steadfast_health::Degradation;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// # let _guard = runtime.enter();
    /// let system = System::builder("shop").build()?;
    /// let degradation = Degradation::builder().start(&system)?;
    /// assert!(!degradation.status().pinned);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn status(&self) -> DegradationStatus {
        let now = self.owner.0.time().now();
        self.shared.status(now)
    }

    /// Stops reading the monitors and waits, at most 5 s, until all tasks have ended.
    ///
    /// Answers how many have not: those block their thread. The level stays as it is, and can still be
    /// applied by hand.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the readings stop; dropping it loses the wait only.
    ///
    /// # Example
    ///
    /// ```
    /// # use steadfast_health::Degradation;
    /// # async fn example(degradation: Degradation) {
    /// assert_eq!(degradation.stop().await, 0);
    /// # }
    /// ```
    pub async fn stop(&self) -> usize {
        self.owner.0.stop().await
    }
}

impl fmt::Debug for Degradation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Degradation").field("level", &self.level()).finish_non_exhaustive()
    }
}
