//! The policies from outside, in virtual time. Numbers in test names are those of the acceptance scenarios.

mod bench;
mod cancel;
mod carry;
mod clock;
mod fallback;
mod gates;
mod guard;
mod memory;
mod order;
mod pipeline;
mod properties;
#[cfg(feature = "reload")]
mod reload;
mod retry;
mod settings;
mod timeout;
#[cfg(feature = "tower")]
mod tower;
