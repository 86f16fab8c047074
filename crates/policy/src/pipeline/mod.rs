//! The pipeline: policies around a call, composed statically, the first one outermost.

mod call;
mod stage;

pub use self::call::{Call, Done};
pub use self::stage::{Environment, Layer, Next, NextSync, Profile, Stage};
