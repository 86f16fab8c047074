//! A panic hook that keeps quiet about the panics that the demo injects itself.

use std::panic;

use crate::fault::INJECTED_PANIC;

/// Installs it over the hook in place, which still tells of all other panics.
pub fn keep_quiet_about_injected_panics() {
    let loud = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&INJECTED_PANIC) {
            loud(panic);
        }
    }));
}
