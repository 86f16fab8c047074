//! The verdict on one check from its results in a row: pure, without time.

use steadfast_base::Health;

use super::status::CheckState;

/// What one run says of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// `Healthy` and `Degraded` are passes, `Critical` and `Unknown` failures.
    pub(super) health: Health,
    pub(super) reason: Option<String>,
}

impl Finding {
    pub(super) fn passed(&self) -> bool {
        matches!(self.health, Health::Healthy | Health::Degraded)
    }
}

/// Counts results in a row and draws the verdict.
#[derive(Clone, Debug, Default)]
pub(super) struct Judge {
    pub(super) state: CheckState,
    pub(super) failures: u32,
    pub(super) successes: u32,
    pub(super) passed_once: bool,
}

impl Judge {
    /// Takes in one result that counts.
    pub(super) fn take(
        &mut self,
        finding: &Finding,
        failure_threshold: u32,
        success_threshold: u32,
    ) {
        if !finding.passed() {
            self.successes = 0;
            self.failures = self.failures.saturating_add(1);
            if self.failures >= failure_threshold {
                self.state = CheckState::Unhealthy;
            }
            return;
        }
        self.failures = 0;
        self.successes = self.successes.saturating_add(1);
        self.passed_once = true;
        if self.state == CheckState::Unhealthy && self.successes < success_threshold {
            return;
        }
        self.state = match finding.health {
            Health::Degraded => CheckState::Degraded,
            _ => CheckState::Healthy,
        };
    }

    /// Something that the check needs is down.
    pub(super) fn block(&mut self) {
        self.state = CheckState::Blocked;
        (self.failures, self.successes) = (0, 0);
    }

    /// All that the check needs is back; what it was before says nothing any more.
    pub(super) fn unblock(&mut self) {
        self.state = CheckState::Unknown;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays results to a judge with the default thresholds: `h`ealthy, `d`egraded, `c`ritical,
    /// `u` for unknown; answers the states as letters, `U` for unhealthy and `?` for unknown.
    fn verdicts(results: &str) -> String {
        let mut judge = Judge::default();
        let verdict = |result: char| {
            let health = match result {
                'h' => Health::Healthy,
                'd' => Health::Degraded,
                'c' => Health::Critical,
                _ => Health::Unknown,
            };
            judge.take(&Finding { health, reason: None }, 3, 2);
            match judge.state {
                CheckState::Unknown => '?',
                CheckState::Healthy => 'H',
                CheckState::Degraded => 'D',
                CheckState::Unhealthy => 'U',
                CheckState::Blocked => 'B',
            }
        };
        results.chars().map(verdict).collect()
    }

    #[test]
    fn thresholds_decide_when_the_verdict_changes() {
        for (results, expected) in [
            ("h", "H"),
            ("d", "D"),
            ("hdhd", "HDHD"),
            ("ccc", "??U"),
            ("hcc", "HHH"),
            ("hccc", "HHHU"),
            ("hcchcc", "HHHHHH"),
            ("hccch", "HHHUU"),
            ("hccchh", "HHHUUH"),
            ("hccchd", "HHHUUD"),
            ("hccchchh", "HHHUUUUH"),
            ("dccc", "DDDU"),
            ("huuu", "HHHU"),
            ("hcuc", "HHHU"),
        ] {
            assert_eq!(verdicts(results), expected, "{results}");
        }
    }

    #[test]
    fn after_being_blocked_a_check_begins_anew() {
        let mut judge = Judge::default();
        let failed = Finding { health: Health::Critical, reason: None };
        for _ in 0..3 {
            judge.take(&failed, 3, 2);
        }
        judge.block();
        judge.unblock();
        judge.take(&failed, 3, 2);
        assert_eq!(judge.state, CheckState::Unknown);
        judge.take(&Finding { health: Health::Healthy, reason: None }, 3, 2);
        assert_eq!(judge.state, CheckState::Healthy);
    }
}
