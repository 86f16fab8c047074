//! The monitors on the files of machines that are not this one.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use steadfast_base::VirtualClock;
use steadfast_reliability::{Forecast, Threshold, Trend, TrendConfig};

use super::counters::{
    Allowed, Ticks, group_path, keyed, machine_ticks, open_files_limit, process_ticks, quota,
};
pub(crate) use super::files::Handles;
use super::files::{Files, Space, SystemFiles};
use super::*;
use crate::resource::{Resource, ResourceMonitor};

const MEMINFO: &str = "MemTotal:       16000000 kB\nMemFree:         1000000 kB\n\
                       MemAvailable:    4000000 kB\nBuffers:          500000 kB\n";

/// Files that a test writes.
#[derive(Debug, Default)]
pub(crate) struct FakeFiles {
    texts: Mutex<BTreeMap<String, String>>,
    pub(crate) handles: Handles,
    /// Where a look at the disk waits, if it is to hang.
    hang: Option<Mutex<Receiver<()>>>,
}

impl FakeFiles {
    pub(crate) fn machine() -> Self {
        let fake = Self::default();
        fake.write(
            "/proc/stat",
            "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 100 0 100 800 0 0 0 0 0 0\n",
        );
        fake.write("/proc/meminfo", MEMINFO);
        fake
    }

    pub(crate) fn write(&self, path: &str, text: impl Into<String>) {
        self.texts.lock().expect("not poisoned").insert(path.to_owned(), text.into());
    }
}

impl Files for FakeFiles {
    fn text(&self, path: &str) -> io::Result<String> {
        let texts = self.texts.lock().expect("not poisoned");
        texts.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn handles(&self) -> io::Result<Handles> {
        Ok(self.handles)
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        if let Some(hang) = &self.hang {
            // Ends when the test drops its end.
            assert!(hang.lock().expect("not poisoned").recv().is_err());
        }
        let space = |blocks_available, inodes_free| Space {
            blocks: 1_000,
            blocks_free: blocks_available + 50,
            blocks_available,
            inodes: 100,
            inodes_free,
        };
        match path.to_str() {
            Some("/data") => Ok(space(190, 90)),
            Some("/mail") => Ok(space(900, 3)),
            Some("/btrfs") => Ok(Space { inodes: 0, inodes_free: 0, ..space(475, 0) }),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// The files as the monitors take them.
fn shared(files: &Arc<FakeFiles>) -> Arc<dyn Files> {
    Arc::<FakeFiles>::clone(files)
}

fn read(monitor: &dyn ResourceMonitor) -> Result<f64, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(monitor.read()).map_err(|error| error.to_string())
}

fn near(reading: Result<f64, String>, expected: f64) {
    let value = reading.expect("a reading");
    assert!((value - expected).abs() < 1e-9, "{value} is not {expected}");
}

#[test]
fn the_texts_of_the_kernel_are_understood() {
    let modern = "cpu  1509817 452782 212590 505581 1340 10 708 15474 77 88\ncpu0 1 2 3\n";
    let busy = 1_509_817 + 452_782 + 212_590 + 10 + 708 + 15_474;
    let ticks = Ticks { busy, total: busy + 505_581 + 1_340 };
    assert_eq!(machine_ticks(modern), Some(ticks));
    assert_eq!(machine_ticks("cpu 1 2 3 4\n"), Some(Ticks { busy: 6, total: 10 }));
    let hostile = "42 (a) S 9 (b) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15";
    assert_eq!(process_ticks(hostile), Some(11 + 12));
    assert_eq!(keyed("usage_usec_total 3\nusage_usec 12\n", "usage_usec"), Some(12));
    assert_eq!(group_path("4:memory:/x\n0::/shop/api\n"), Some("/shop/api"));
    let limits = "Limit   Soft Limit  Hard Limit Units\nMax open files   1024   4096   files\n";
    assert_eq!(open_files_limit(limits), Some(Allowed::At(1_024)));
    assert_eq!(
        open_files_limit("Max open files   unlimited  unlimited files"),
        Some(Allowed::Unlimited)
    );
    assert_eq!(quota("50000 100000\n"), Some(Allowed::At(0.5)));
    assert_eq!(quota("max 100000\n"), Some(Allowed::Unlimited));
}

#[test]
fn a_text_that_makes_no_sense_is_no_reading() {
    for text in ["", "cpu\n", "cpu0 1 2 3 4\n", "cpu x y z\n", "cpu 1 2 3\n"] {
        assert_eq!(machine_ticks(text), None, "{text:?}");
    }
    for text in ["", "1 (a", "1 (a) S 1 2", "1 (a) S 1 2 3 4 5 6 7 8 9 10 x 1"] {
        assert_eq!(process_ticks(text), None, "{text:?}");
    }
    for text in ["", "x", "5", "0 100", "5 0", "-5 100"] {
        assert_eq!(quota(text), None, "{text:?}");
    }
    assert_eq!(keyed("MemTotal: lots kB", "MemTotal"), None);
    assert_eq!(open_files_limit("Max open files"), None);
}

#[test]
fn cpu_is_the_busy_share_since_the_last_reading() {
    let (files, clock) = (Arc::new(FakeFiles::machine()), VirtualClock::new());
    let monitor = CpuMonitor::with(shared(&files), clock.time());
    clock.advance(Duration::from_secs(5));
    files.write("/proc/stat", "cpu  160 0 120 820 0 0 0 0 0 0\n");
    near(read(&monitor), 0.8);
    clock.advance(Duration::from_secs(5));
    files.write("/proc/stat", "cpu  160 0 120 920 0 0 0 0 0 0\n");
    near(read(&monitor), 0.0);
}

#[test]
fn cpu_readings_close_together_repeat_the_last() {
    let (files, clock) = (Arc::new(FakeFiles::machine()), VirtualClock::new());
    let monitor = CpuMonitor::with(shared(&files), clock.time());
    assert_eq!(read(&monitor).unwrap_err(), "no time has passed since the first reading");
    clock.advance(Duration::from_secs(1));
    files.write("/proc/stat", "cpu  150 0 100 850 0 0 0 0\n");
    near(read(&monitor), 0.5);
    files.write("/proc/stat", "cpu  151 0 100 850 0 0 0 0\n");
    clock.advance(Duration::from_millis(199));
    near(read(&monitor), 0.5);
    clock.advance(Duration::from_millis(1));
    near(read(&monitor), 1.0);
}

#[test]
fn a_counter_that_falls_back_is_no_negative_use() {
    let (files, clock) = (Arc::new(FakeFiles::machine()), VirtualClock::new());
    let monitor = CpuMonitor::with(shared(&files), clock.time());
    clock.advance(Duration::from_secs(1));
    files.write("/proc/stat", "cpu  90 0 100 850 0 0 0 0\n");
    near(read(&monitor), 0.0);
}

#[test]
fn cpu_of_a_container_is_measured_against_its_quota() {
    let (files, clock) = (Arc::new(FakeFiles::machine()), VirtualClock::new());
    files.write("/proc/self/cgroup", "0::/shop/api\n");
    files.write("/sys/fs/cgroup/shop/cpu.max", "50000 100000\n");
    files.write("/sys/fs/cgroup/shop/cpu.stat", "usage_usec 1000000\nuser_usec 5\n");
    files.write("/sys/fs/cgroup/shop/api/cpu.max", "max 100000\n");
    files.write("/sys/fs/cgroup/shop/api/cpu.stat", "usage_usec 9\n");
    let monitor = CpuMonitor::with(shared(&files), clock.time());
    clock.advance(Duration::from_secs(10));
    files.write("/proc/stat", "cpu  200 0 100 1700 0 0 0 0\n");
    // 4 s within 10 s at half a processor: 80 %, while the machine is at 10 %.
    files.write("/sys/fs/cgroup/shop/cpu.stat", "usage_usec 5000000\nuser_usec 5\n");
    near(read(&monitor), 0.8);
}

#[test]
fn cpu_of_the_process_is_its_share_of_the_machine() {
    let (files, clock) = (Arc::new(FakeFiles::machine()), VirtualClock::new());
    let stat = |user| format!("7 (my (odd) name) S 1 2 3 4 5 6 7 8 9 10 {user} 5 0 0");
    files.write("/proc/self/stat", stat(10));
    let monitor = ProcessCpuMonitor::with(shared(&files), clock.time());
    clock.advance(Duration::from_secs(1));
    files.write("/proc/stat", "cpu  200 0 100 900 0 0 0 0\n");
    files.write("/proc/self/stat", stat(60));
    near(read(&monitor), 0.25);
}

#[test]
fn memory_is_what_is_not_available() {
    let files = Arc::new(FakeFiles::machine());
    near(read(&MemoryMonitor::with(files)), 0.75);
}

#[test]
fn memory_of_a_container_is_measured_against_the_closest_limit() {
    let files = Arc::new(FakeFiles::machine());
    files.write("/proc/self/cgroup", "1:name=systemd:/\n0::/shop/api\n");
    files.write("/sys/fs/cgroup/shop/api/memory.max", "max\n");
    files.write("/sys/fs/cgroup/shop/api/memory.current", "5\n");
    files.write("/sys/fs/cgroup/shop/memory.max", "1000000\n");
    files.write("/sys/fs/cgroup/shop/memory.current", "990000\n");
    let monitor = MemoryMonitor::with(shared(&files));
    near(read(&monitor), 0.99);
    // Pages of files that nobody uses can be dropped.
    files.write("/sys/fs/cgroup/shop/memory.stat", "anon 1\ninactive_file 190000\n");
    near(read(&monitor), 0.8);
}

#[test]
fn memory_of_the_process_is_a_share_of_the_lowest_limit() {
    let files = Arc::new(FakeFiles::machine());
    files.write("/proc/self/status", "Name:\tx\nVmRSS:\t 1600000 kB\n");
    let monitor = ProcessMemoryMonitor::with(shared(&files));
    near(read(&monitor), 0.1);
    // A container sees its group as the root.
    files.write("/proc/self/cgroup", "0::/\n");
    files.write("/sys/fs/cgroup/memory.max", (2_000_000_u64 * 1_024).to_string());
    files.write("/sys/fs/cgroup/memory.current", "0");
    near(read(&monitor), 0.8);
}

#[test]
fn a_group_that_cannot_be_seen_limits_nothing() {
    let files = Arc::new(FakeFiles::machine());
    files.write("/proc/self/cgroup", "0::/../../elsewhere\n");
    files.write("/sys/fs/cgroup/../../elsewhere/memory.max", "1");
    near(read(&MemoryMonitor::with(files)), 0.75);
}

#[test]
fn file_handles_are_a_share_of_the_soft_limit() {
    let files = FakeFiles { handles: Handles { open: 256, sockets: 9 }, ..FakeFiles::machine() };
    let files = Arc::new(files);
    files.write("/proc/self/limits", "Max open files   1024   4096   files\n");
    let monitor = FileHandlesMonitor::with(shared(&files));
    near(read(&monitor), 0.25);
    files.write("/proc/self/limits", "Max open files   unlimited   unlimited   files\n");
    near(read(&monitor), 0.0);
}

#[test]
fn a_disk_is_as_full_as_df_says_or_as_its_inodes_are() {
    let files = Arc::new(FakeFiles::machine());
    let disk = |path: &str| DiskMonitor::with(PathBuf::from(path), shared(&files));
    near(read(&disk("/data")), 0.8);
    near(read(&disk("/mail")), 0.97);
    near(read(&disk("/btrfs")), 0.5);
    assert_eq!(read(&disk("/gone")).unwrap_err(), "cannot read /gone");
}

#[test]
fn while_a_reading_of_a_disk_hangs_no_other_is_begun() {
    let (release, hang) = sync_channel(0);
    let files = Arc::new(FakeFiles { hang: Some(Mutex::new(hang)), ..FakeFiles::machine() });
    let monitor = DiskMonitor::with(PathBuf::from("/data"), files);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let mut first = monitor.read();
        let given_up =
            std::future::poll_fn(|cx| std::task::Poll::Ready(first.as_mut().poll(cx).is_pending()));
        assert!(given_up.await);
        let second = monitor.read().await.unwrap_err();
        assert_eq!(second.to_string(), "the last reading still hangs");
        drop(release);
        near(first.await.map_err(|error| error.to_string()), 0.8);
    });
}

#[test]
fn a_forecaster_passes_readings_on_and_says_when_they_reach_a_threshold() {
    let (minute, clock) = (Arc::new(AtomicU32::new(0)), VirtualClock::new());
    let counted = Arc::clone(&minute);
    let filling = FnMonitor::new("pool", "pool", move || match counted.load(Ordering::Relaxed) {
        7 => Err("no answer".into()),
        minute => Ok(f64::from(minute) / 100.0),
    });
    let pool = Forecaster::new(filling, clock.time(), 60, TrendConfig::default());
    let threshold = Threshold::Above(0.9);
    for at in 0..=30 {
        minute.store(at, Ordering::Relaxed);
        assert_eq!(read(&pool).is_ok(), at != 7);
        near(read(&pool).or(Ok(0.07)), f64::from(at) / 100.0);
        clock.advance(Duration::from_mins(1));
    }
    assert_eq!((pool.name(), pool.resource()), ("pool", Resource::from("pool")));
    let Forecast::Within(time) = pool.time_to(threshold) else { panic!("it rises") };
    assert!((time.expected.as_secs_f64() - 3_600.0).abs() < 1e-3, "{time:?}");
    assert!(matches!(pool.trend(), Trend::Rising(_)));
    assert_eq!(pool.time_to(Threshold::EXHAUSTED), Forecast::MovingAway);
}

#[test]
fn this_machine_can_be_read() {
    for monitor in [
        &MemoryMonitor::new() as &dyn ResourceMonitor,
        &ProcessMemoryMonitor::new(),
        &FileHandlesMonitor::new(),
        &DiskMonitor::new("/"),
    ] {
        let share = read(monitor).expect("a reading");
        assert!((0.0..=1.0).contains(&share), "{}: {share}", monitor.name());
    }
    let handles = SystemFiles.handles().expect("a listing");
    assert!(handles.open >= handles.sockets && handles.open > 0);
}
