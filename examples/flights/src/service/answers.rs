//! What is asked of a service, what it answers, and what it fails with.

use std::{error, fmt};

use steadfast::base::{Recoverable, Recovery};

use crate::calendar::Minute;
use crate::outage::Service;
use crate::records::{NotFound, Weather};

/// A question to one of the services.
#[derive(Clone, Debug)]
pub(crate) enum Query {
    Weather { airport: String, hour: Minute },
    Aircraft { tail: String },
    Airport { code: String },
}

impl Query {
    /// Who is asked.
    pub(crate) fn service(&self) -> Service {
        match self {
            Self::Weather { .. } => Service::Weather,
            Self::Aircraft { .. } | Self::Airport { .. } => Service::Registry,
        }
    }
}

/// What a service has on record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Record {
    Weather(Weather),
    Aircraft { seats: u16 },
    Airport,
}

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ServiceError {
    /// The service works, and has no such record.
    NotFound(NotFound),
    /// The service is down and says so.
    Unavailable(Service),
    /// The actor behind the service ended on the request.
    Crashed(Service),
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(_) => f.write_str("there is no such record"),
            Self::Unavailable(service) => write!(f, "the {} is not available", service.name()),
            Self::Crashed(service) => write!(f, "the {} ended on the request", service.name()),
        }
    }
}

impl error::Error for ServiceError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::NotFound(missing) => Some(missing),
            Self::Unavailable(_) | Self::Crashed(_) => None,
        }
    }
}

impl Recoverable for ServiceError {
    /// A missing record is an answer: asking again does not help.
    fn recovery(&self) -> Recovery {
        match self {
            Self::NotFound(_) => Recovery::Never,
            Self::Unavailable(_) | Self::Crashed(_) => Recovery::Retry,
        }
    }
}

/// What a lookup came to once all policies had their say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Finding {
    /// The service's answer of now.
    Fresh(Record),
    /// The service has no such record; the last good answer for the key, if there was one.
    Missing(Option<Record>),
    /// The service gave no answer; the last good one for the key, if there was one.
    Unanswered(Option<Record>),
}

impl Finding {
    /// What there is to go by.
    pub(crate) fn record(self) -> Option<Record> {
        match self {
            Self::Fresh(record) => Some(record),
            Self::Missing(kept) | Self::Unanswered(kept) => kept,
        }
    }
}
