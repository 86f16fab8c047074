//! The control groups (version 2) whose limits hold for this process.
//!
//! Source: Documentation/admin-guide/cgroup-v2.rst of the Linux kernel.

use super::counters::{Allowed, group_path, keyed, quota};
use super::files::Files;

/// Where control groups are mounted.
const MOUNT: &str = "/sys/fs/cgroup";

/// Groups above one another that are looked at.
const DEPTH_MAX: usize = 32;

/// Memory of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupMemory {
    /// Bytes in use that cannot be dropped at once: without pages of files that nobody uses.
    pub(super) used: u64,
    /// Bytes allowed.
    pub(super) limit: u64,
}

/// Processor time of one group.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GroupCpu {
    /// The group's folder.
    pub(super) path: String,
    /// Microseconds used so far.
    pub(super) used_micros: u64,
    /// Processors' worth of time allowed.
    pub(super) processors: f64,
}

/// The folders of the process's group and of those above it, innermost first; none without version 2.
///
/// Inside a container the group usually is the root of what can be seen, and its limits stand there.
fn folders(files: &dyn Files) -> Vec<String> {
    let Ok(text) = files.text("/proc/self/cgroup") else { return Vec::new() };
    let Some(path) = group_path(&text) else { return Vec::new() };
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
    // Outside of its own root a group's path leads upwards; only the root can be seen then.
    let names = if names.contains(&"..") { &[][..] } else { &names[..] };
    (0..=names.len())
        .rev()
        .take(DEPTH_MAX)
        .map(|depth| {
            let below = names.iter().take(depth).map(|name| format!("/{name}"));
            std::iter::once(MOUNT.to_owned()).chain(below).collect()
        })
        .collect()
}

/// Memory of each group that has a limit.
pub(super) fn memory(files: &dyn Files) -> Vec<GroupMemory> {
    let of = |folder: String| {
        // "max" is no limit, and the root group has no such file.
        let limit = files.text(&format!("{folder}/memory.max")).ok()?.trim().parse().ok()?;
        let current: u64 =
            files.text(&format!("{folder}/memory.current")).ok()?.trim().parse().ok()?;
        let statistics = files.text(&format!("{folder}/memory.stat")).unwrap_or_default();
        let droppable = keyed(&statistics, "inactive_file").unwrap_or(0);
        Some(GroupMemory { used: current.saturating_sub(droppable), limit })
    };
    folders(files).into_iter().filter_map(of).collect()
}

/// Processor time of each group that has a limit.
pub(super) fn cpu(files: &dyn Files) -> Vec<GroupCpu> {
    let of = |path: String| {
        let Allowed::At(processors) = quota(&files.text(&format!("{path}/cpu.max")).ok()?)? else {
            return None;
        };
        let statistics = files.text(&format!("{path}/cpu.stat")).ok()?;
        let used_micros = keyed(&statistics, "usage_usec")?;
        Some(GroupCpu { path, used_micros, processors })
    };
    folders(files).into_iter().filter_map(of).collect()
}
