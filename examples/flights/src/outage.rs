//! The outage plan: when which service fails and how, a pure function of the seed.

use crate::calendar::Minute;
use crate::fault::Draws;

/// There is one outage of each service in each span of this length, mostly at a random time of it.
const SPAN_MINUTES: u32 = 3 * 24 * 60;

/// The shortest outage.
const MINUTES_MIN: u32 = 20;

/// The longest outage.
const MINUTES_MAX: u32 = 240;

/// A service that others depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// The weather by airport and hour.
    Weather,
    /// Aircraft by tail number, airports by code.
    Registry,
}

impl Service {
    /// All services, in the order they are reported.
    pub const ALL: [Self; 2] = [Self::Weather, Self::Registry];

    /// Its name in reports and paths.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Weather => "weather",
            Self::Registry => "registry",
        }
    }

    /// Parts the random draws of the services.
    pub(crate) fn salt(self) -> u64 {
        match self {
            Self::Weather => 0x7765_6174_6865_7200,
            Self::Registry => 0x7265_6769_7374_7279,
        }
    }
}

/// How a service fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageKind {
    /// It answers every request with an error.
    Errors,
    /// It takes requests and never answers.
    Silence,
    /// It answers after seconds; some answers come too late.
    Slowness,
}

/// A time during which a service fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// From this minute on.
    pub begins: Minute,
    /// Until before this minute.
    pub ends: Minute,
    /// How.
    pub kind: OutageKind,
}

/// All outages of a run, in simulated time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutagePlan {
    /// In the order of time and apart from each other.
    weather: Vec<Outage>,
    registry: Vec<Outage>,
}

impl OutagePlan {
    /// No outages.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The outages of a seed between two moments.
    #[must_use]
    pub fn new(seed: u64, first: Minute, last: Minute) -> Self {
        let of = |service: Service| -> Vec<Outage> {
            let spans = last.since(first) / SPAN_MINUTES + 1;
            (0..spans).map(|span| outage(seed ^ service.salt(), span, first)).collect()
        };
        Self { weather: of(Service::Weather), registry: of(Service::Registry) }
    }

    /// One outage of one service.
    #[must_use]
    pub fn only(service: Service, outage: Outage) -> Self {
        let mut plan = Self::none();
        match service {
            Service::Weather => plan.weather.push(outage),
            Service::Registry => plan.registry.push(outage),
        }
        plan
    }

    /// The outages of a service, in the order of time.
    #[must_use]
    pub fn of(&self, service: Service) -> &[Outage] {
        match service {
            Service::Weather => &self.weather,
            Service::Registry => &self.registry,
        }
    }

    /// How a service fails at a moment; `None` while it works.
    #[must_use]
    pub fn at(&self, service: Service, now: Minute) -> Option<OutageKind> {
        let outages = self.of(service);
        let begun = outages.partition_point(|outage| outage.begins <= now);
        let outage = outages.get(begun.checked_sub(1)?)?;
        (now < outage.ends).then_some(outage.kind)
    }
}

fn outage(seed: u64, span: u32, first: Minute) -> Outage {
    let mut draws = Draws::new(seed, span);
    let length = MINUTES_MIN + below(&mut draws, MINUTES_MAX - MINUTES_MIN + 1);
    let start = span * SPAN_MINUTES + below(&mut draws, SPAN_MINUTES - length + 1);
    let begins = Minute::new(first.get().saturating_add(start));
    let kind = match below(&mut draws, 3) {
        0 => OutageKind::Errors,
        1 => OutageKind::Silence,
        _ => OutageKind::Slowness,
    };
    Outage { begins, ends: Minute::new(begins.get().saturating_add(length)), kind }
}

fn below(draws: &mut Draws, bound: u32) -> u32 {
    u32::try_from(draws.below(u64::from(bound))).expect("below a 32-bit bound")
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: u32 = 365 * 24 * 60;

    fn year(seed: u64) -> OutagePlan {
        OutagePlan::new(seed, Minute::new(1_000), Minute::new(1_000 + YEAR))
    }

    #[test]
    fn a_seed_reproduces_its_outages_and_another_brings_others() {
        assert_eq!(year(7), year(7));
        assert_ne!(year(7), year(8));
        assert_ne!(year(7).of(Service::Weather), year(7).of(Service::Registry));
    }

    #[test]
    fn outages_are_apart_from_each_other_and_of_every_kind() {
        for service in Service::ALL {
            let plan = year(3);
            let outages = plan.of(service);
            assert_eq!(outages.len(), 122);
            assert!(outages.windows(2).all(|pair| pair[0].ends <= pair[1].begins));
            for outage in outages {
                let minutes = outage.ends.since(outage.begins);
                assert!((MINUTES_MIN..=MINUTES_MAX).contains(&minutes), "{minutes}");
            }
            for kind in [OutageKind::Errors, OutageKind::Silence, OutageKind::Slowness] {
                assert!(outages.iter().any(|outage| outage.kind == kind), "{kind:?}");
            }
        }
    }

    #[test]
    fn an_outage_lasts_from_its_first_minute_until_before_its_end() {
        let (begins, ends) = (Minute::new(100), Minute::new(130));
        let outage = Outage { begins, ends, kind: OutageKind::Silence };
        let plan = OutagePlan::only(Service::Weather, outage);
        for (now, found) in [(99, false), (100, true), (129, true), (130, false)] {
            let kind = plan.at(Service::Weather, Minute::new(now));
            assert_eq!(kind, found.then_some(OutageKind::Silence), "{now}");
            assert_eq!(plan.at(Service::Registry, Minute::new(now)), None);
        }
        assert_eq!(OutagePlan::none().at(Service::Weather, begins), None);
    }
}
