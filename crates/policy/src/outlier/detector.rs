//! The pure core: results of hosts in, ejections and returns out.

use std::collections::BTreeMap;
use std::time::Duration;

use steadfast_base::{ConfigError, Instant};

use super::config::OutlierConfig;

/// Finds the hosts that fail more than the others; no clock and no lock.
///
/// Every step takes `now`; comparisons that are due are made by whatever step comes next, and by
/// [`tick`](Self::tick). Results that arrive while a host is ejected are those of older calls and change
/// nothing.
///
/// # Example
///
/// ```
/// use steadfast_base::Instant;
/// use steadfast_policy::{OutlierConfig, OutlierDetector};
///
/// let mut detector = OutlierDetector::new(OutlierConfig::default())?;
/// detector.record(&"good", true, Instant::ZERO);
/// for _ in 0..5 {
///     detector.record(&"bad", false, Instant::ZERO);
/// }
/// assert!(detector.is_ejected(&"bad", Instant::ZERO));
/// assert!(!detector.is_ejected(&"good", Instant::ZERO));
/// # Ok::<(), steadfast_policy::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct OutlierDetector<K> {
    config: OutlierConfig,
    hosts: BTreeMap<K, Host>,
    /// When success rates are compared next; `None` before the first step.
    compare_at: Option<Instant>,
    /// When the first ejection ends; spares looking at every host at every step.
    return_at: Option<Instant>,
}

/// What changed for a host.
#[derive(Clone, Debug, PartialEq)]
pub struct OutlierChange<K> {
    /// The host.
    pub host: K,
    /// What changed.
    pub kind: OutlierChangeKind,
}

/// What changed for a host.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OutlierChangeKind {
    /// It gets no calls until then.
    Ejected {
        /// Why.
        cause: OutlierCause,
        /// When it may be called again.
        until: Instant,
    },
    /// It is an outlier, but so many are ejected that it stays.
    Spared(OutlierCause),
    /// Its ejection is over.
    Returned,
}

/// Why a host is an outlier.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OutlierCause {
    /// So many failures in a row.
    ConsecutiveFailures(u32),
    /// Its success rate, 0 to 1, in the last interval was too far below those of the others.
    SuccessRate(f64),
    /// By hand.
    Manual,
}

impl OutlierCause {
    /// The name in events and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConsecutiveFailures(_) => "consecutive-failures",
            Self::SuccessRate(_) => "success-rate",
            Self::Manual => "manual",
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Host {
    failures_in_a_row: u32,
    /// Of the current interval.
    requests: u32,
    successes: u32,
    ejected_until: Option<Instant>,
    /// Ejections, less the intervals without one since.
    ejections: u32,
    /// It returned in the current interval, which is then no quiet one.
    returned: bool,
    heard_of: Instant,
}

impl<K: Ord + Clone> OutlierDetector<K> {
    /// A detector that knows no host yet.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`OutlierConfig::validate`] finds.
    pub fn new(config: OutlierConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self::unchecked(config))
    }

    pub(super) fn unchecked(config: OutlierConfig) -> Self {
        Self { config, hosts: BTreeMap::new(), compare_at: None, return_at: None }
    }

    /// The settings.
    pub fn config(&self) -> &OutlierConfig {
        &self.config
    }

    /// Changes the settings; ejections keep their end.
    ///
    /// # Errors
    ///
    /// Fails, changing nothing, with every fault that [`OutlierConfig::validate`] finds.
    pub fn reconfigure(&mut self, config: OutlierConfig) -> Result<(), ConfigError> {
        config.validate()?;
        self.config = config;
        Ok(())
    }

    /// Makes a host known before its first result, so that shares are those of all hosts.
    pub fn add(&mut self, host: &K, now: Instant) {
        if !self.hosts.contains_key(host) {
            self.make_room();
            let fresh = Host {
                failures_in_a_row: 0,
                requests: 0,
                successes: 0,
                ejected_until: None,
                ejections: 0,
                returned: false,
                heard_of: now,
            };
            self.hosts.insert(host.clone(), fresh);
        }
    }

    /// Forgets a host; says whether it was known.
    pub fn remove(&mut self, host: &K) -> bool {
        self.hosts.remove(host).is_some()
    }

    /// Takes in the result of a call; gives back what changed, for other hosts too.
    pub fn record(&mut self, host: &K, success: bool, now: Instant) -> Vec<OutlierChange<K>> {
        let mut changes = self.tick(now);
        self.add(host, now);
        let limit = self.config.consecutive_failures;
        let Some(entry) = self.hosts.get_mut(host) else { return changes };
        entry.heard_of = now;
        if entry.ejected_until.is_some() {
            return changes;
        }
        entry.requests = entry.requests.saturating_add(1);
        if success {
            entry.successes = entry.successes.saturating_add(1);
            entry.failures_in_a_row = 0;
            return changes;
        }
        entry.failures_in_a_row = entry.failures_in_a_row.saturating_add(1);
        let failures = entry.failures_in_a_row;
        if limit > 0 && failures >= limit {
            entry.failures_in_a_row = 0;
            changes.push(self.eject(host, OutlierCause::ConsecutiveFailures(failures), now));
        }
        changes
    }

    /// Ejects a host by hand, if the share allows it.
    pub fn eject_by_hand(&mut self, host: &K, now: Instant) -> Vec<OutlierChange<K>> {
        let mut changes = self.tick(now);
        self.add(host, now);
        if !self.is_ejected(host, now) {
            changes.push(self.eject(host, OutlierCause::Manual, now));
        }
        changes
    }

    /// Lets time pass: ends ejections, and compares success rates if that is due.
    pub fn tick(&mut self, now: Instant) -> Vec<OutlierChange<K>> {
        let mut changes = Vec::new();
        if self.return_at.is_some_and(|at| at <= now) {
            for (key, host) in &mut self.hosts {
                if host.ejected_until.is_some_and(|until| until <= now) {
                    host.ejected_until = None;
                    (host.failures_in_a_row, host.requests, host.successes) = (0, 0, 0);
                    host.returned = true;
                    let kind = OutlierChangeKind::Returned;
                    changes.push(OutlierChange { host: key.clone(), kind });
                }
            }
            self.return_at = self.hosts.values().filter_map(|host| host.ejected_until).min();
        }
        let due = *self.compare_at.get_or_insert(now + self.config.interval);
        if due <= now {
            self.compare_at = Some(now + self.config.interval);
            self.compare(now, &mut changes);
        }
        changes
    }

    /// When the next change by time alone may come.
    pub fn next_tick(&self) -> Option<Instant> {
        self.return_at.into_iter().chain(self.compare_at).min()
    }

    /// Whether a host gets no calls now.
    pub fn is_ejected(&self, host: &K, now: Instant) -> bool {
        self.ejected_until(host).is_some_and(|until| until > now)
    }

    /// Until when a host gets no calls, if it is ejected.
    pub fn ejected_until(&self, host: &K) -> Option<Instant> {
        self.hosts.get(host).and_then(|host| host.ejected_until)
    }

    /// The hosts that may be called now.
    pub fn available(&self, now: Instant) -> impl Iterator<Item = &K> {
        let open = move |host: &Host| host.ejected_until.is_none_or(|until| until <= now);
        self.hosts.iter().filter(move |(_, host)| open(host)).map(|(key, _)| key)
    }

    /// Hosts known, and those of them that are ejected.
    pub fn counts(&self) -> (usize, usize) {
        let ejected = self.hosts.values().filter(|host| host.ejected_until.is_some()).count();
        (self.hosts.len(), ejected)
    }

    /// Ejects the hosts whose success rate is too far below the mean, and starts a new interval.
    fn compare(&mut self, now: Instant, changes: &mut Vec<OutlierChange<K>>) {
        let OutlierConfig { success_rate_deviations: deviations, .. } = self.config;
        let requests_min = self.config.success_rate_requests_min.max(1);
        let rates: Vec<(K, f64)> = self
            .hosts
            .iter()
            .filter(|(_, host)| host.ejected_until.is_none() && host.requests >= requests_min)
            .map(|(key, host)| (key.clone(), f64::from(host.successes) / f64::from(host.requests)))
            .collect();
        for host in self.hosts.values_mut() {
            (host.requests, host.successes) = (0, 0);
            if host.ejected_until.is_none() && !host.returned {
                host.ejections = host.ejections.saturating_sub(1);
            }
            host.returned = false;
        }
        let count = u32::try_from(rates.len()).unwrap_or(u32::MAX);
        if deviations <= 0.0 || count == 0 || count < self.config.success_rate_hosts_min {
            return;
        }
        let mean = rates.iter().map(|(_, rate)| rate).sum::<f64>() / f64::from(count);
        let squares = rates.iter().map(|(_, rate)| (rate - mean).powi(2)).sum::<f64>();
        let least = mean - deviations * (squares / f64::from(count)).sqrt();
        for (host, rate) in rates {
            if rate < least {
                changes.push(self.eject(&host, OutlierCause::SuccessRate(rate), now));
            }
        }
    }

    fn eject(&mut self, host: &K, cause: OutlierCause, now: Instant) -> OutlierChange<K> {
        let config = self.config;
        let kind = if self.may_eject() {
            let entry = self.hosts.get_mut(host);
            let ejections = entry.map_or(1, |host| {
                host.ejections = host.ejections.saturating_add(1);
                host.ejections
            });
            let time = config.ejection_base.saturating_mul(ejections).min(config.ejection_max);
            let until = now + time.max(Duration::from_nanos(1));
            if let Some(entry) = self.hosts.get_mut(host) {
                entry.ejected_until = Some(until);
            }
            self.return_at = Some(self.return_at.map_or(until, |at| at.min(until)));
            OutlierChangeKind::Ejected { cause, until }
        } else {
            OutlierChangeKind::Spared(cause)
        };
        OutlierChange { host: host.clone(), kind }
    }

    /// Whether one more host may be ejected: the share allows it, and another one is left.
    fn may_eject(&self) -> bool {
        let (hosts, ejected) = self.counts();
        let share = (ejected + 1) * 100 <= hosts * self.config.ejected_percent_max as usize;
        let first = self.config.always_one && ejected == 0 && hosts > 1;
        share || first
    }

    /// Forgets the host unheard of for longest, an ejected one last, if there are too many.
    fn make_room(&mut self) {
        if self.hosts.len() >= self.config.hosts_max as usize {
            let age = |host: &Host| (host.ejected_until.is_some(), host.heard_of);
            let oldest = self.hosts.iter().min_by_key(|(_, host)| age(host));
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.hosts.remove(&oldest);
            }
        }
    }
}
