//! Names that repeat in every event: shared text, cheap to clone.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Defines one kind of name; all are alike but for what they stand for.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name with this text.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text of the name.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether it is the same piece of memory: then it is the same text, which is known without a look.
            pub(crate) fn is_shared_with(&self, other: &Self) -> bool {
                Arc::ptr_eq(&self.0, &other.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl From<Arc<str>> for $name {
            fn from(text: Arc<str>) -> Self {
                Self(text)
            }
        }

        impl From<&$name> for $name {
            fn from(name: &$name) -> Self {
                name.clone()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::from)
            }
        }
    };
}

name! {
    /// Names an actor for ever: across restarts, processes and machines.
    ///
    /// Any text of 1 to [`ACTOR_BYTES_MAX`](crate::limits::ACTOR_BYTES_MAX) bytes; an append of another
    /// one is rejected. It never becomes part of a file name.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_eventlog::ActorName;
    ///
    /// let actor = ActorName::new("acc-42");
    /// assert_eq!(actor.as_str(), "acc-42");
    /// ```
    ActorName
}

name! {
    /// Names the type whose value a payload holds, as in `bank.Deposited`.
    ///
    /// Any text of 1 to [`TYPE_NAME_BYTES_MAX`](crate::limits::TYPE_NAME_BYTES_MAX) bytes. Choose it
    /// yourself: a Rust path changes when code moves, and stored events do not.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_eventlog::TypeName::new("bank.Deposited").to_string(), "bank.Deposited");
    /// ```
    TypeName
}

name! {
    /// Names a kind of event that an application defines.
    ///
    /// Any text of 1 to [`KIND_NAME_BYTES_MAX`](crate::limits::KIND_NAME_BYTES_MAX) bytes.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_eventlog::KindName::new("audit").as_str(), "audit");
    /// ```
    KindName
}
