//! Putting settings in force in a running pipeline.

use std::sync::PoisonError;

use steadfast_base::{ConfigError, ConfigFaults, Value};

use crate::adaptive::AdaptiveLimiter;
use crate::bulkhead::Bulkhead;
use crate::chaos::{Chaos, ChaosStage};
use crate::fallback::{FallbackStage, LastGoodStage};
use crate::guard::{Breakers, GuardStage};
use crate::hedge::Hedge;
use crate::names;
use crate::outlier::OutlierEjection;
use crate::pipeline::{Bare, Pipeline, Profile, Then, faults};
use crate::rate_limit::RateLimiter;
use crate::retry::Retrier;
use crate::settings::PipelineSettings;
use crate::shed::LoadShedder;
use crate::throttle::{Throttle, ThrottleBy};
use crate::timeout::TimeLimitStage;

/// A stage that takes new settings while it is at work.
///
/// The default takes none, for stages without settings of this kind.
pub trait Tune {
    /// Puts its part of the settings in force; the settings are valid and for this pipeline.
    ///
    /// # Errors
    ///
    /// Fails if its part cannot be put in force, and changes nothing.
    fn tune(&self, _settings: &PipelineSettings) -> Result<(), ConfigError> {
        Ok(())
    }
}

/// A pipeline that takes new settings, whatever its policies.
pub trait Reload: Send + Sync {
    /// The pipeline's name.
    fn name(&self) -> &str;

    /// Whether the settings could be put in force.
    ///
    /// # Errors
    ///
    /// Fails with all faults of the settings, and of the pipeline as it would be with them.
    fn check(&self, settings: &PipelineSettings) -> Result<(), ConfigError>;

    /// Puts the settings in force.
    ///
    /// # Errors
    ///
    /// Fails as [`check`](Self::check) does, and changes nothing.
    fn apply(&self, settings: &PipelineSettings) -> Result<(), ConfigError>;
}

impl<S> Pipeline<S> {
    fn plan(&self, settings: &PipelineSettings) -> Result<Vec<Profile>, ConfigError> {
        let mut layers = self.profiles().clone();
        let mut found = settings.faults();
        found.extend(settings.misfits(&layers));
        ConfigError::check("policy", found)?;
        settings.change(&mut layers);
        ConfigError::check("policy", faults(&layers, self.is_idempotent()))?;
        Ok(layers)
    }

    /// Whether the settings could be put in force.
    ///
    /// # Errors
    ///
    /// Fails with all faults of the settings, and of the pipeline as it would be with them.
    pub fn check(&self, settings: &PipelineSettings) -> Result<(), ConfigError> {
        self.plan(settings).map(|_| ())
    }

    /// Puts settings in force while the pipeline is running.
    ///
    /// Calls under way keep the time limits they started with; everything else holds at once. All or
    /// nothing: with a fault anywhere nothing changes. Either way an event tells.
    ///
    /// # Errors
    ///
    /// Fails as [`check`](Self::check) does.
    pub fn apply(&self, settings: &PipelineSettings) -> Result<(), ConfigError>
    where
        S: Tune,
    {
        let applied = self.plan(settings).and_then(|layers| {
            // One change at a time, from the stages to the profile of the whole.
            let mut profiles = self.profiles();
            self.stages().tune(settings)?;
            *profiles = layers;
            Ok(())
        });
        match &applied {
            Ok(()) => self.events().emit(names::SETTINGS_APPLIED, || []),
            Err(error) => {
                let error: &dyn std::fmt::Display = error;
                self.events().emit(names::SETTINGS_REFUSED, || [("error", Value::Display(error))]);
            }
        }
        applied
    }
}

impl<S: Tune + Send + Sync> Reload for Pipeline<S> {
    fn name(&self) -> &str {
        Pipeline::name(self)
    }

    fn check(&self, settings: &PipelineSettings) -> Result<(), ConfigError> {
        Pipeline::check(self, settings)
    }

    fn apply(&self, settings: &PipelineSettings) -> Result<(), ConfigError> {
        Pipeline::apply(self, settings)
    }
}

impl Tune for Bare {}

impl<Outer: Tune, Inner: Tune> Tune for Then<Outer, Inner> {
    fn tune(&self, settings: &PipelineSettings) -> Result<(), ConfigError> {
        let (outer, inner) = self.parts();
        outer.tune(settings)?;
        inner.tune(settings)
    }
}

impl<A> Tune for FallbackStage<A> {}

impl<T> Tune for LastGoodStage<T> {
    fn tune(&self, settings: &PipelineSettings) -> Result<(), ConfigError> {
        if let Some(settings) = settings.last_good {
            self.set(settings);
        }
        Ok(())
    }
}

impl Tune for TimeLimitStage {
    fn tune(&self, settings: &PipelineSettings) -> Result<(), ConfigError> {
        let limit = match self.kind() {
            names::TOTAL_DEADLINE => settings.total_deadline,
            _ => settings.attempt_timeout,
        };
        if limit.is_some() {
            self.set(limit);
        }
        Ok(())
    }
}

impl<C> Tune for Retrier<C> {
    fn tune(&self, settings: &PipelineSettings) -> Result<(), ConfigError> {
        if let (Some(budget), Some(settings)) = (self.budget(), settings.budget) {
            budget.reconfigure(settings)?;
        }
        settings.retry.map_or(Ok(()), |retry| self.reconfigure(retry))
    }
}

impl<B: Breakers, C, A> Tune for GuardStage<B, C, A> {
    fn tune(&self, settings: &PipelineSettings) -> Result<(), ConfigError> {
        match &settings.breaker {
            Some(config) => {
                let mut faults = ConfigFaults::default();
                faults.nest("breaker", self.reconfigure(config));
                faults.into_result("policy")
            }
            None => Ok(()),
        }
    }
}

impl Tune for Bulkhead {
    fn tune(&self, settings: &PipelineSettings) -> Result<(), ConfigError> {
        settings.bulkhead.map_or(Ok(()), |config| self.reconfigure(config))
    }
}

impl Tune for RateLimiter {
    fn tune(&self, settings: &PipelineSettings) -> Result<(), ConfigError> {
        settings.rate_limit.map_or(Ok(()), |config| self.reconfigure(config))
    }
}

impl Tune for AdaptiveLimiter {
    fn tune(&self, settings: &PipelineSettings) -> Result<(), ConfigError> {
        settings.limit.map_or(Ok(()), |config| self.reconfigure(config))
    }
}

impl Tune for Throttle {
    fn tune(&self, settings: &PipelineSettings) -> Result<(), ConfigError> {
        settings.throttle.map_or(Ok(()), |config| self.reconfigure(config))
    }
}

impl<A> Tune for ThrottleBy<A> {
    fn tune(&self, settings: &PipelineSettings) -> Result<(), ConfigError> {
        self.throttle().tune(settings)
    }
}

impl Tune for LoadShedder {
    fn tune(&self, settings: &PipelineSettings) -> Result<(), ConfigError> {
        settings.shed.map_or(Ok(()), |config| self.reconfigure(config))
    }
}

impl Tune for Hedge {
    fn tune(&self, settings: &PipelineSettings) -> Result<(), ConfigError> {
        settings.hedge.map_or(Ok(()), |config| self.reconfigure(config))
    }
}

impl Tune for OutlierEjection<u64> {
    fn tune(&self, settings: &PipelineSettings) -> Result<(), ConfigError> {
        settings.outlier.map_or(Ok(()), |config| self.reconfigure(config))
    }
}

impl<M> Tune for ChaosStage<Chaos, M> {}

impl<S> Pipeline<S> {
    fn profiles(&self) -> std::sync::MutexGuard<'_, Vec<Profile>> {
        self.layers().lock().unwrap_or_else(PoisonError::into_inner)
    }
}
