//! SIGTERM begins the ordered shutdown.

use std::{future::Future, io};

use super::System;
use crate::ExitReason;

impl System {
    /// Listens for SIGTERM, or ctrl-c where there is no such signal, until the system ends.
    ///
    /// The signal is caught from this call on.
    pub(super) fn shut_down_on_sigterm(&self) -> io::Result<()> {
        let terminated = {
            let _runtime = self.inner.runtime.enter();
            terminated()?
        };
        let system = self.clone();
        drop(self.spawn_task(async move {
            if terminated.await {
                system.begin_shutdown(ExitReason::Shutdown);
            }
        }));
        Ok(())
    }
}

#[cfg(unix)]
fn terminated() -> io::Result<impl Future<Output = bool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut signal = signal(SignalKind::terminate())?;
    Ok(async move { signal.recv().await.is_some() })
}

#[cfg(not(unix))]
fn terminated() -> io::Result<impl Future<Output = bool>> {
    Ok(async { tokio::signal::ctrl_c().await.is_ok() })
}
