//! Processor time in use: of the machine, of the control group, of the process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use steadfast_base::{Instant, Time};

use crate::resource::{ReadingError, Resource, ResourceMonitor};

use super::cgroup::{self, GroupCpu};
use super::counters::{Ticks, machine_ticks, process_ticks, share};
use super::files::{Files, SystemFiles, Unreadable, parsed};

/// Readings closer together than this repeat the last one: ticks are 10 ms, and a share of a few of them is
/// noise.
const SPAN_MIN: Duration = Duration::from_millis(200);

/// Measures the processor time in use, of the machine or of the control group's quota.
///
/// A reading covers the time since the last one, the first one that since the monitor was made. Readings
/// less than 200 ms apart repeat the last. Time that a hypervisor took away counts as in use. Where the
/// control group, or one above it, has a quota, the share of that counts if it is higher: a container
/// limited to half a processor is busy at half a processor.
///
/// # Example
///
/// ```
/// use steadfast_base::Time;
/// use steadfast_health::{CpuMonitor, Resource, ResourceMonitor};
///
/// assert_eq!(CpuMonitor::new(Time::system()).resource(), Resource::CPU);
/// ```
#[derive(Debug)]
pub struct CpuMonitor {
    gauge: Gauge<MachineCounters>,
}

impl CpuMonitor {
    /// A monitor named `cpu`.
    pub fn new(time: Time) -> Self {
        Self::with(Arc::new(SystemFiles), time)
    }

    pub(super) fn with(files: Arc<dyn Files>, time: Time) -> Self {
        Self { gauge: Gauge::new(files, time, machine_counters, machine_share) }
    }
}

#[async_trait]
impl ResourceMonitor for CpuMonitor {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn resource(&self) -> Resource {
        Resource::CPU
    }

    async fn read(&self) -> Result<f64, ReadingError> {
        self.gauge.read()
    }
}

/// Measures how much of the machine's processor time this process takes.
///
/// All processors busy for this process is 1. A reading covers the time since the last one, see
/// [`CpuMonitor`].
///
/// # Example
///
/// ```
/// use steadfast_base::Time;
/// use steadfast_health::{ProcessCpuMonitor, ResourceMonitor};
///
/// assert_eq!(ProcessCpuMonitor::new(Time::system()).resource().as_str(), "process cpu");
/// ```
#[derive(Debug)]
pub struct ProcessCpuMonitor {
    gauge: Gauge<ProcessCounters>,
}

impl ProcessCpuMonitor {
    /// A monitor named `process cpu`.
    pub fn new(time: Time) -> Self {
        Self::with(Arc::new(SystemFiles), time)
    }

    pub(super) fn with(files: Arc<dyn Files>, time: Time) -> Self {
        Self { gauge: Gauge::new(files, time, process_counters, process_share) }
    }
}

#[async_trait]
impl ResourceMonitor for ProcessCpuMonitor {
    fn name(&self) -> &'static str {
        "process cpu"
    }

    fn resource(&self) -> Resource {
        Resource::from("process cpu")
    }

    async fn read(&self) -> Result<f64, ReadingError> {
        self.gauge.read()
    }
}

/// A share from the growth of counters between two looks at them.
#[derive(Debug)]
struct Gauge<C> {
    files: Arc<dyn Files>,
    time: Time,
    look: fn(&dyn Files) -> Result<C, Unreadable>,
    share: fn(&C, &C, Duration) -> Option<f64>,
    last: Mutex<Last<C>>,
}

#[derive(Debug)]
struct Last<C> {
    /// The counters and when they were read.
    base: Option<(Instant, C)>,
    share: Option<f64>,
}

impl<C> Gauge<C> {
    fn new(
        files: Arc<dyn Files>,
        time: Time,
        look: fn(&dyn Files) -> Result<C, Unreadable>,
        share: fn(&C, &C, Duration) -> Option<f64>,
    ) -> Self {
        let base = look(&*files).ok().map(|counters| (time.now(), counters));
        Self { files, time, look, share, last: Mutex::new(Last { base, share: None }) }
    }

    fn read(&self) -> Result<f64, ReadingError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.time.now();
        if let (Some((at, _)), Some(share)) = (&last.base, last.share)
            && now - *at < SPAN_MIN
        {
            return Ok(share);
        }
        let counters = (self.look)(&*self.files)?;
        let share = last.base.as_ref().and_then(|(at, before)| {
            (self.share)(before, &counters, now - *at).map(|share| share.clamp(0.0, 1.0))
        });
        if share.is_some() || last.base.is_none() {
            last.base = Some((now, counters));
            last.share = share;
        }
        Ok(share.ok_or_else(|| Unreadable::new("no time has passed since the first reading"))?)
    }
}

#[derive(Debug)]
struct MachineCounters {
    machine: Ticks,
    groups: Vec<GroupCpu>,
}

fn machine_counters(files: &dyn Files) -> Result<MachineCounters, Unreadable> {
    let machine = parsed(files, "/proc/stat", machine_ticks)?;
    Ok(MachineCounters { machine, groups: cgroup::cpu(files) })
}

fn machine_share(before: &MachineCounters, after: &MachineCounters, span: Duration) -> Option<f64> {
    let total = after.machine.total.saturating_sub(before.machine.total);
    if total == 0 {
        return None;
    }
    let machine = share(after.machine.busy.saturating_sub(before.machine.busy), total);
    let groups = after.groups.iter().filter_map(|group| {
        let earlier = before.groups.iter().find(|earlier| earlier.path == group.path)?;
        let used = Duration::from_micros(group.used_micros.saturating_sub(earlier.used_micros));
        (!span.is_zero()).then(|| used.as_secs_f64() / (span.as_secs_f64() * group.processors))
    });
    Some(groups.fold(machine, f64::max))
}

#[derive(Debug)]
struct ProcessCounters {
    process: u64,
    machine: Ticks,
}

fn process_counters(files: &dyn Files) -> Result<ProcessCounters, Unreadable> {
    let process = parsed(files, "/proc/self/stat", process_ticks)?;
    Ok(ProcessCounters { process, machine: parsed(files, "/proc/stat", machine_ticks)? })
}

/// Both are counted in the same ticks, whatever their length.
fn process_share(before: &ProcessCounters, after: &ProcessCounters, _: Duration) -> Option<f64> {
    let total = after.machine.total.saturating_sub(before.machine.total);
    (total > 0).then(|| share(after.process.saturating_sub(before.process), total))
}
