//! SIGTERM begins the ordered shutdown.

use super::System;
use crate::ExitReason;

impl System {
    /// Listens for SIGTERM, or ctrl-c where there is no such signal, until the system ends.
    pub(super) fn shut_down_on_sigterm(&self) {
        let system = self.clone();
        drop(self.spawn_task(async move {
            if terminated().await {
                system.begin_shutdown(ExitReason::Shutdown);
            }
        }));
    }
}

#[cfg(unix)]
async fn terminated() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signal) => signal.recv().await.is_some(),
        Err(_) => false,
    }
}

#[cfg(not(unix))]
async fn terminated() -> bool {
    tokio::signal::ctrl_c().await.is_ok()
}
