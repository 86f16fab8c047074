//! The two numbers of an event: its place with its actor, and its place in the log.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Defines one sort of number that counts from 1.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// No event: below the first one.
            pub const ZERO: Self = Self(0);

            /// The first event.
            pub const FIRST: Self = Self(1);

            /// Above every event there can be.
            pub const MAX: Self = Self(u64::MAX);

            /// The number itself.
            pub const fn new(number: u64) -> Self {
                Self(number)
            }

            /// The number itself.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The number that follows; the greatest one follows itself.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }

            /// The number before; 0 is before itself.
            #[must_use]
            pub const fn previous(self) -> Self {
                Self(self.0.saturating_sub(1))
            }

            /// The number `count` further on, at most the greatest one.
            #[must_use]
            pub const fn plus(self, count: u64) -> Self {
                Self(self.0.saturating_add(count))
            }
        }

        impl From<u64> for $name {
            fn from(number: u64) -> Self {
                Self(number)
            }
        }

        impl From<$name> for u64 {
            fn from(number: $name) -> Self {
                number.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// An event's number among those of its actor, from 1 and without gaps; 0 stands for none.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_eventlog::Seq;
    ///
    /// assert_eq!(Seq::ZERO.next(), Seq::FIRST);
    /// assert_eq!(Seq::new(4).plus(2).get(), 6);
    /// ```
    Seq
}

number! {
    /// An event's place in the log, from 1; 0 stands for before the first one.
    ///
    /// Positions rise from event to event. They need not be without gaps: a store may leave some out.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_eventlog::Position;
    ///
    /// assert!(Position::FIRST < Position::new(2));
    /// ```
    Position
}
