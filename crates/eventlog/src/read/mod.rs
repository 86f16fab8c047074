//! Reading: queries, cursors, subscriptions and what can go wrong.

mod cursor;
mod error;
mod query;

pub use self::cursor::{Cursor, Delivery, Events, Subscription, Tail};
pub use self::error::{DamageKind, ReadError};
pub use self::query::{Direction, Query};
