//! What a caller can do about an error.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What to do about a failed operation; asked of errors through [`Recoverable`].
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::Recovery;
///
/// assert_eq!(Recovery::RetryAfter(Duration::from_secs(1)).wait(), Some(Duration::from_secs(1)));
/// assert_eq!(Recovery::Never.wait(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recovery {
    /// May succeed if tried again; when is up to the caller's backoff.
    Retry,
    /// May succeed if tried again, but not before this much time has passed.
    RetryAfter(Duration),
    /// Fails however often it is tried: the request or the configuration is at fault.
    Never,
    /// The error does not know; the caller's policy decides.
    Unknown,
}

impl Recovery {
    /// The least time to wait before trying again; `None` unless a retry is known to make sense.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use steadfast_base::Recovery;
    ///
    /// assert_eq!(Recovery::Retry.wait(), Some(Duration::ZERO));
    /// assert_eq!(Recovery::Unknown.wait(), None);
    /// ```
    pub fn wait(self) -> Option<Duration> {
        match self {
            Self::Retry => Some(Duration::ZERO),
            Self::RetryAfter(wait) => Some(wait),
            Self::Never | Self::Unknown => None,
        }
    }
}

/// An error that knows what can be done about it.
///
/// # Example
///
/// ```
/// use steadfast_base::{Recoverable, Recovery};
///
/// enum QuoteError {
///     MarketClosed,
///     UnknownSymbol,
/// }
///
/// impl Recoverable for QuoteError {
///     fn recovery(&self) -> Recovery {
///         match self {
///             Self::MarketClosed => Recovery::Retry,
///             Self::UnknownSymbol => Recovery::Never,
///         }
///     }
/// }
///
/// assert_eq!(QuoteError::UnknownSymbol.recovery(), Recovery::Never);
/// assert_eq!(QuoteError::MarketClosed.recovery(), Recovery::Retry);
/// ```
pub trait Recoverable {
    /// What to do about this error.
    ///
    /// # Example
    ///
    /// ```
    /// use std::io::{Error, ErrorKind};
    ///
    /// use steadfast_base::{Recoverable, Recovery};
    ///
    /// assert_eq!(Error::from(ErrorKind::TimedOut).recovery(), Recovery::Retry);
    /// ```
    fn recovery(&self) -> Recovery;
}

impl Recoverable for io::Error {
    /// By kind: what peer, network or load caused may pass; what the request caused stays.
    fn recovery(&self) -> Recovery {
        use io::ErrorKind as Kind;
        match self.kind() {
            Kind::AddrInUse
            | Kind::BrokenPipe
            | Kind::ConnectionAborted
            | Kind::ConnectionRefused
            | Kind::ConnectionReset
            | Kind::HostUnreachable
            | Kind::Interrupted
            | Kind::NetworkDown
            | Kind::NetworkUnreachable
            | Kind::NotConnected
            | Kind::ResourceBusy
            | Kind::TimedOut
            | Kind::UnexpectedEof
            | Kind::WouldBlock => Recovery::Retry,
            Kind::AddrNotAvailable
            | Kind::AlreadyExists
            | Kind::InvalidData
            | Kind::InvalidFilename
            | Kind::InvalidInput
            | Kind::IsADirectory
            | Kind::NotADirectory
            | Kind::NotFound
            | Kind::PermissionDenied
            | Kind::ReadOnlyFilesystem
            | Kind::Unsupported => Recovery::Never,
            _ => Recovery::Unknown,
        }
    }
}

impl<E: Recoverable + ?Sized> Recoverable for Box<E> {
    fn recovery(&self) -> Recovery {
        (**self).recovery()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    #[test]
    fn io_errors_are_classified_by_their_cause() {
        for (kind, recovery) in [
            (ErrorKind::ConnectionReset, Recovery::Retry),
            (ErrorKind::Interrupted, Recovery::Retry),
            (ErrorKind::WouldBlock, Recovery::Retry),
            (ErrorKind::NotFound, Recovery::Never),
            (ErrorKind::PermissionDenied, Recovery::Never),
            (ErrorKind::StorageFull, Recovery::Unknown),
            (ErrorKind::Other, Recovery::Unknown),
        ] {
            assert_eq!(Error::from(kind).recovery(), recovery, "{kind:?}");
        }
    }

    #[test]
    fn a_boxed_error_answers_for_the_error_inside() {
        let boxed: Box<dyn Recoverable> = Box::new(Error::from(ErrorKind::TimedOut));
        assert_eq!(boxed.recovery(), Recovery::Retry);
    }

    #[test]
    fn only_a_known_retry_has_a_wait() {
        for (recovery, wait) in [
            (Recovery::Retry, Some(Duration::ZERO)),
            (Recovery::RetryAfter(Duration::from_secs(3)), Some(Duration::from_secs(3))),
            (Recovery::Never, None),
            (Recovery::Unknown, None),
        ] {
            assert_eq!(recovery.wait(), wait, "{recovery:?}");
        }
    }
}
