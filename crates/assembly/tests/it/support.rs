//! Systems to test with, and a probe that does what it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use steadfast_actor_core::testkit::TestSystem;
use steadfast_assembly::{Builder, Config, Steadfast};
use steadfast_base::{Health, HealthCheck, HealthReport};

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn config(text: &str) -> Config {
    Config::from_toml(text).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a test on a system of the configuration, in virtual time.
pub(crate) fn on<F: Future<Output = ()>>(
    text: &str,
    add: impl FnOnce(Builder) -> Builder,
    test: impl FnOnce(Steadfast) -> F,
) {
    let system = TestSystem::new();
    system.run(async {
        // The system's own.
        let tasks = system.system().task_count();
        let builder = add(Steadfast::builder().config(config(text)));
        let steadfast = builder.start(system.system()).unwrap_or_else(|error| panic!("{error}"));
        test(steadfast.clone()).await;
        assert_eq!(steadfast.stop().await, 0);
        system.settle().await;
        assert_eq!(system.system().task_count(), tasks, "tasks are left");
    });
}

/// A health check that can be told how it is.
#[derive(Debug)]
pub(crate) struct Told(&'static str, AtomicBool);

impl Told {
    pub(crate) fn new(name: &'static str, well: bool) -> Arc<Self> {
        Arc::new(Self(name, AtomicBool::new(well)))
    }

    pub(crate) fn set(&self, well: bool) {
        self.1.store(well, Ordering::Relaxed);
    }
}

#[async_trait]
impl HealthCheck for Told {
    fn name(&self) -> &str {
        self.0
    }

    async fn check(&self) -> HealthReport {
        let well = self.1.load(Ordering::Relaxed);
        if well {
            Health::Healthy.into()
        } else {
            HealthReport::new(Health::Critical).because("told")
        }
    }
}
