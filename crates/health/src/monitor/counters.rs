//! Reading the counters out of the texts of `/proc` and of control groups; pure.

/// Processor time in ticks, over all processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ticks {
    /// Time in which something ran, or in which a hypervisor ran something else instead.
    pub(super) busy: u64,
    /// All time.
    pub(super) total: u64,
}

/// The first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal.
///
/// Time of guests follows, but is part of user and nice already. Very old kernels have fewer columns.
pub(super) fn machine_ticks(stat: &str) -> Option<Ticks> {
    let mut columns = stat.lines().next()?.split_ascii_whitespace();
    if columns.next()? != "cpu" {
        return None;
    }
    let columns: Vec<u64> = columns.take(8).map_while(|column| column.parse().ok()).collect();
    let idle = columns.get(3)?.saturating_add(columns.get(4).copied().unwrap_or(0));
    let total = columns.iter().fold(0_u64, |sum, column| sum.saturating_add(*column));
    Some(Ticks { busy: total.saturating_sub(idle), total })
}

/// User and system time in ticks from `/proc/self/stat`.
///
/// The second field is the program's name in parentheses, and may hold spaces and parentheses itself.
pub(super) fn process_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

/// The number after a key at the beginning of a line, as in `MemTotal:  24684084 kB` or `usage_usec 1234`.
pub(super) fn keyed(text: &str, key: &str) -> Option<u64> {
    let line =
        text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix([':', ' ', '\t']))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// The same in kilobytes, as bytes.
pub(super) fn keyed_kilobytes(text: &str, key: &str) -> Option<u64> {
    keyed(text, key)?.checked_mul(1_024)
}

/// What a limit allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Allowed<T> {
    Unlimited,
    At(T),
}

/// The soft limit of open files from `/proc/self/limits`.
pub(super) fn open_files_limit(limits: &str) -> Option<Allowed<u64>> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let soft = line.split_ascii_whitespace().next()?;
    if soft == "unlimited" {
        return Some(Allowed::Unlimited);
    }
    soft.parse().ok().map(Allowed::At)
}

/// The path of the process's control group of version 2 from `/proc/self/cgroup`.
pub(super) fn group_path(cgroup: &str) -> Option<&str> {
    cgroup.lines().find_map(|line| line.strip_prefix("0::"))
}

/// The processors' worth of time that `cpu.max` allows.
pub(super) fn quota(cpu_max: &str) -> Option<Allowed<f64>> {
    let mut columns = cpu_max.split_ascii_whitespace();
    let quota = columns.next()?;
    if quota == "max" {
        return Some(Allowed::Unlimited);
    }
    let (quota, period): (f64, f64) = (quota.parse().ok()?, columns.next()?.parse().ok()?);
    (quota > 0.0 && period > 0.0).then_some(Allowed::At(quota / period))
}

/// A share of two counts; 0 of nothing is 0.
#[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
