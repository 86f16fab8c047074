//! What drills found.

use std::fmt;

use serde::Serialize;

use super::Drill;

/// How a drill ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// What happened is what was expected.
    Passed,
    /// Something else happened.
    Failed,
    /// There is nothing to drill: the policy is off, or its settings would take too long.
    Skipped,
}

/// What one drill found on the twin of one component.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The component.
    pub component: String,
    /// The drill.
    pub drill: Drill,
    /// How it ended.
    pub verdict: Verdict,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

/// What all drills found: data, and a text with a line for each.
///
/// # Example
///
/// See [`run`](super::run).
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Each drill of each component, in the order in which they ran.
    pub outcomes: Vec<Outcome>,
}

/// What a drill says of itself.
#[derive(Debug)]
pub(super) struct Finding {
    verdict: Verdict,
    expected: String,
    found: String,
}

impl Finding {
    pub(super) fn new(passed: bool, expected: impl Into<String>, found: impl Into<String>) -> Self {
        let verdict = if passed { Verdict::Passed } else { Verdict::Failed };
        Self { verdict, expected: expected.into(), found: found.into() }
    }

    pub(super) fn failed(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(false, expected, found)
    }

    pub(super) fn skipped(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::Skipped, expected: String::new(), found: why.into() }
    }
}

impl Outcome {
    pub(super) fn new(component: &str, drill: Drill, finding: Finding) -> Self {
        let Finding { verdict, expected, found } = finding;
        Self { component: component.to_owned(), drill, verdict, expected, found }
    }
}

impl Report {
    pub(super) fn new(outcomes: Vec<Outcome>) -> Self {
        Self { outcomes }
    }

    /// Whether no drill failed.
    pub fn passed(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The drills that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Failed)
    }

    /// What one drill found on one component.
    pub fn outcome(&self, component: &str, drill: Drill) -> Option<&Outcome> {
        self.outcomes
            .iter()
            .find(|outcome| outcome.component == component && outcome.drill == drill)
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.verdict == verdict).count()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { component, drill, verdict, expected, found } = self;
        let drill = drill.name();
        match verdict {
            Verdict::Passed => write!(f, "passed   {component} {drill}: {found}"),
            Verdict::Failed => {
                write!(f, "FAILED   {component} {drill}: expected {expected}; found {found}")
            }
            Verdict::Skipped => write!(f, "skipped  {component} {drill}: {found}"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for outcome in &self.outcomes {
            writeln!(f, "{outcome}")?;
        }
        let [passed, failed, skipped] =
            [Verdict::Passed, Verdict::Failed, Verdict::Skipped].map(|verdict| self.count(verdict));
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}
