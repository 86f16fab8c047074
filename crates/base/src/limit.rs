//! Limits with a name, so that whoever hits one is told which.

use std::error::Error;
use std::fmt;

use serde::Serialize;

use crate::recovery::{Recoverable, Recovery};

/// A named maximum; numbers up to and including it pass.
///
/// # Example
///
/// ```
/// use steadfast_base::Limit;
///
/// const PAYLOAD: Limit = Limit::new("payload_bytes_max", 1_024);
///
/// assert!(PAYLOAD.check(1_024).is_ok());
/// let exceeded = PAYLOAD.check(1_025).unwrap_err();
/// assert_eq!(exceeded.to_string(), "payload_bytes_max exceeded: 1025 asked for, 1024 allowed");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Limit {
    /// What is limited and in what unit, as it is called in the configuration.
    pub name: &'static str,
    /// The greatest number that passes.
    pub max: u64,
}

impl Limit {
    /// A limit with a name and a maximum.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Limit;
    ///
    /// const DEPTH: Limit = Limit::new("tree_depth_max", 32);
    /// assert_eq!(DEPTH.max, 32);
    /// ```
    pub const fn new(name: &'static str, max: u64) -> Self {
        Self { name, max }
    }

    /// Lets `asked` pass if it is within the limit.
    ///
    /// # Errors
    ///
    /// [`LimitExceeded`] if `asked` is greater than the maximum.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Limit;
    ///
    /// let limit = Limit::new("children_max", 2);
    /// assert_eq!(limit.check(2), Ok(()));
    /// assert!(limit.check(3).is_err());
    /// ```
    pub const fn check(&self, asked: u64) -> Result<(), LimitExceeded> {
        if asked <= self.max {
            return Ok(());
        }
        Err(LimitExceeded { name: self.name, max: self.max, asked })
    }
}

/// More was asked for than a [`Limit`] allows.
///
/// # Example
///
/// ```
/// use steadfast_base::{Limit, LimitExceeded};
///
/// let exceeded: LimitExceeded = Limit::new("groups_max", 4).check(9).unwrap_err();
/// assert_eq!((exceeded.name, exceeded.max, exceeded.asked), ("groups_max", 4, 9));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct LimitExceeded {
    /// The limit's name.
    pub name: &'static str,
    /// The greatest number that passes.
    pub max: u64,
    /// The number that did not.
    pub asked: u64,
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, max, asked } = self;
        write!(f, "{name} exceeded: {asked} asked for, {max} allowed")
    }
}

impl Error for LimitExceeded {}

impl Recoverable for LimitExceeded {
    /// Never: the same request exceeds the same limit again.
    fn recovery(&self) -> Recovery {
        Recovery::Never
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_pass_up_to_and_including_the_maximum() {
        for (max, asked, passes) in
            [(0, 0, true), (0, 1, false), (5, 5, true), (5, 6, false), (u64::MAX, u64::MAX, true)]
        {
            assert_eq!(Limit::new("n_max", max).check(asked).is_ok(), passes, "{asked} of {max}");
        }
    }

    #[test]
    fn asking_again_for_too_much_is_no_use() {
        let exceeded = Limit::new("n_max", 1).check(2).unwrap_err();
        assert_eq!(exceeded.recovery(), Recovery::Never);
    }
}
