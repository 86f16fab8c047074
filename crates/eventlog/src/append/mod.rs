//! Appending: what is asked for, what comes of it, and how it is decided.

mod decision;
mod error;
mod future;
mod request;

pub use self::decision::{Decision, Known, decide};
pub use self::error::{AppendError, Cause, Rejection};
pub use self::future::{Appending, Completion};
pub use self::request::{Append, Appended, Epoch, Expected, Fence, Placed, Places};
