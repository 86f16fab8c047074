//! Everything that can be wrong with a plan.

use std::collections::BTreeSet;
use std::{error, fmt};

use crate::{AutoShutdown, ChildRules, RestartPolicy, Strategy, SupervisorPlan, SupervisorRules};

/// One fault of a plan or of a change to a running supervisor.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Two children share this name.
    DuplicateName(String),
    /// A child has an empty name.
    EmptyName,
    /// The supervisor's budget has a period of 0.
    PeriodZero,
    /// The budget of this child has a period of 0.
    ChildPeriodZero(String),
    /// The backoff of this child has a factor below 1 or a jitter outside 0..=1.
    BackoffRange(String),
    /// This child is significant but restarted after every end, so it never counts.
    SignificantPermanent(String),
    /// This child is significant but the supervisor never shuts down by itself.
    SignificantUnderNever(String),
    /// A dynamic supervisor cannot shut down by itself.
    AutoShutdownOnDynamic,
    /// A dynamic supervisor has no template.
    TemplateMissing,
    /// A static supervisor has a template.
    TemplateOnStatic,
    /// A dynamic supervisor lists children.
    ChildrenOnDynamic,
    /// More children than the supervisor takes.
    TooManyChildren {
        /// The limit.
        max: u32,
        /// How many the plan lists.
        listed: usize,
    },
    /// A running supervisor cannot become dynamic or static.
    KindChange,
    /// The restart source of this child builds another type of actor than its factory.
    ForeignSource(String),
    /// A fault of a nested supervisor.
    Nested {
        /// The child that is a supervisor.
        supervisor: String,
        /// Its fault.
        fault: Box<Fault>,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateName(name) => write!(f, "child {name}: name is used twice"),
            Self::EmptyName => f.write_str("a child has an empty name"),
            Self::PeriodZero => f.write_str("restart budget has a period of 0"),
            Self::ChildPeriodZero(name) => {
                write!(f, "child {name}: restart budget has a period of 0")
            }
            Self::BackoffRange(name) => {
                write!(f, "child {name}: backoff needs a factor of 1 or more and a jitter in 0..=1")
            }
            Self::SignificantPermanent(name) => {
                write!(f, "child {name}: significant, but always restarted")
            }
            Self::SignificantUnderNever(name) => {
                write!(f, "child {name}: significant, but auto-shutdown is never")
            }
            Self::AutoShutdownOnDynamic => f.write_str("auto-shutdown on a dynamic supervisor"),
            Self::TemplateMissing => f.write_str("dynamic supervisor without a template"),
            Self::TemplateOnStatic => f.write_str("static supervisor with a template"),
            Self::ChildrenOnDynamic => f.write_str("dynamic supervisor with listed children"),
            Self::TooManyChildren { max, listed } => {
                write!(f, "{listed} children listed, at most {max} allowed")
            }
            Self::ForeignSource(name) => {
                write!(f, "child {name}: its restart source builds another type of actor")
            }
            Self::Nested { supervisor, fault } => write!(f, "{supervisor}: {fault}"),
            Self::KindChange => f.write_str("a running supervisor cannot change its kind"),
        }
    }
}

/// All faults of one plan or change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The faults in a stable order: the supervisor's, then the children's in list order.
    pub fn as_slice(&self) -> &[Fault] {
        &self.0
    }

    pub(crate) fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl error::Error for Faults {}

/// The supervisor's own rules.
pub(crate) fn check_rules(rules: &SupervisorRules, faults: &mut Faults) {
    if rules.budget.period.is_zero() {
        faults.push(Fault::PeriodZero);
    }
    if rules.strategy == Strategy::Dynamic && rules.auto_shutdown != AutoShutdown::Never {
        faults.push(Fault::AutoShutdownOnDynamic);
    }
}

/// The children of a plan and their fit with the supervisor.
pub(crate) fn check_children(plan: &SupervisorPlan, faults: &mut Faults) {
    let dynamic = plan.rules.strategy == Strategy::Dynamic;
    match &plan.template {
        None if dynamic => faults.push(Fault::TemplateMissing),
        Some(_) if !dynamic => faults.push(Fault::TemplateOnStatic),
        Some(template) => check_child("template", template, &plan.rules, faults),
        None => {}
    }
    if dynamic && !plan.children.is_empty() {
        faults.push(Fault::ChildrenOnDynamic);
    }
    let max = plan.rules.children_max;
    if u32::try_from(plan.children.len()).map_or(true, |listed| listed > max) {
        faults.push(Fault::TooManyChildren { max, listed: plan.children.len() });
    }
    let mut names = BTreeSet::new();
    for child in &plan.children {
        if child.name.is_empty() {
            faults.push(Fault::EmptyName);
        } else if !names.insert(child.name.as_str()) {
            faults.push(Fault::DuplicateName(child.name.clone()));
        }
        check_child(&child.name, &child.rules, &plan.rules, faults);
    }
}

/// One child's rules under the rules of its supervisor.
pub(crate) fn check_child(
    name: &str,
    child: &ChildRules,
    supervisor: &SupervisorRules,
    faults: &mut Faults,
) {
    if child.budget.is_some_and(|budget| budget.period.is_zero()) {
        faults.push(Fault::ChildPeriodZero(name.to_owned()));
    }
    if !child.backoff.is_valid() {
        faults.push(Fault::BackoffRange(name.to_owned()));
    }
    if child.significant && child.restart == RestartPolicy::Always {
        faults.push(Fault::SignificantPermanent(name.to_owned()));
    }
    if child.significant && supervisor.auto_shutdown == AutoShutdown::Never {
        faults.push(Fault::SignificantUnderNever(name.to_owned()));
    }
}
