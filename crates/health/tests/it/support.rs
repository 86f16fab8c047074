//! Checks, conditions and monitors that do what they are told.

use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use steadfast_base::{Health, HealthCheck, HealthReport};
use steadfast_health::{ReadingError, Resource, ResourceMonitor};

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What a check does when it runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Does {
    Pass,
    Limp,
    Fail,
    Panic,
    Hang,
}

/// A check that can be told what to do, and counts its runs.
#[derive(Debug)]
pub(crate) struct Told {
    name: &'static str,
    does: Mutex<Does>,
    runs: AtomicU64,
}

impl Told {
    pub(crate) fn new(name: &'static str, does: Does) -> Arc<Self> {
        Arc::new(Self { name, does: Mutex::new(does), runs: AtomicU64::new(0) })
    }

    pub(crate) fn set(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }

    pub(crate) fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl HealthCheck for Told {
    fn name(&self) -> &str {
        self.name
    }

    async fn check(&self) -> HealthReport {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let does = *self.does.lock().unwrap();
        match does {
            Does::Pass => Health::Healthy.into(),
            Does::Limp => HealthReport::new(Health::Degraded).because("limps"),
            Does::Fail => HealthReport::new(Health::Critical).because("refused"),
            Does::Panic => panic!("boom"),
            Does::Hang => pending().await,
        }
    }
}

/// A monitor that reads what it is told; none hangs.
#[derive(Debug)]
pub(crate) struct Gauge {
    name: &'static str,
    resource: Resource,
    reading: Mutex<Option<Result<f64, &'static str>>>,
}

impl Gauge {
    pub(crate) fn new(name: &'static str, resource: Resource, reading: f64) -> Arc<Self> {
        Arc::new(Self { name, resource, reading: Mutex::new(Some(Ok(reading))) })
    }

    pub(crate) fn read(&self, reading: f64) {
        *self.reading.lock().unwrap() = Some(Ok(reading));
    }

    pub(crate) fn fail(&self) {
        *self.reading.lock().unwrap() = Some(Err("no such file"));
    }

    pub(crate) fn hang(&self) {
        *self.reading.lock().unwrap() = None;
    }
}

#[async_trait]
impl ResourceMonitor for Gauge {
    fn name(&self) -> &str {
        self.name
    }

    fn resource(&self) -> Resource {
        self.resource.clone()
    }

    async fn read(&self) -> Result<f64, ReadingError> {
        let reading = *self.reading.lock().unwrap();
        match reading {
            Some(reading) => Ok(reading?),
            None => pending().await,
        }
    }
}
