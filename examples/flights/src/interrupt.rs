//! What a user sends to end the program early: the run ends at once and leaves nothing behind.

#[cfg(unix)]
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
#[cfg(unix)]
use std::task::Poll;
use std::{io, process, thread};

/// No signal has come.
const NONE: u8 = 0;
/// Nothing is to be tidied up: a signal ends the program where it is.
const OVER: u8 = u8::MAX;
/// What shells add to the number of the signal that ended a program.
const SHELL: u8 = 128;

/// Whether a signal has asked the program to end: SIGINT (ctrl-c), SIGTERM or SIGHUP.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicU8>);

impl Interrupt {
    /// Catches the signals from this call on. The first one is kept for [`signal`](Self::signal), the
    /// second one ends the program where it is.
    ///
    /// # Errors
    ///
    /// The system refuses the thread or the signals.
    #[expect(
        clippy::disallowed_methods,
        reason = "a second signal ends the program wherever it is"
    )]
    pub fn listen() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let mut signals = {
            let _runtime = runtime.enter();
            Signals::catch()?
        };
        let interrupt = Self::default();
        let heard = Arc::clone(&interrupt.0);
        let listening = thread::Builder::new().name("signals".to_owned()).spawn(move || {
            loop {
                let Some(signal) = runtime.block_on(signals.next()) else { return };
                if heard
                    .compare_exchange(NONE, signal, Ordering::AcqRel, Ordering::Acquire)
                    .is_err()
                {
                    process::exit(i32::from(SHELL + signal));
                }
            }
        });
        listening.map(|_| interrupt)
    }

    /// The number of the signal that came, if one did.
    #[must_use]
    pub fn signal(&self) -> Option<u8> {
        Some(self.0.load(Ordering::Acquire)).filter(|signal| ![NONE, OVER].contains(signal))
    }

    /// From now on a signal ends the program where it is. One that came before is answered.
    pub fn let_go(&self) -> Option<u8> {
        match self.0.swap(OVER, Ordering::AcqRel) {
            NONE | OVER => None,
            signal => Some(signal),
        }
    }

    /// The exit code of a program that a signal ended, as a shell says it.
    #[must_use]
    pub fn exit_code(signal: u8) -> u8 {
        SHELL.saturating_add(signal)
    }
}

/// The signals that end the program.
#[cfg(unix)]
struct Signals(Vec<(tokio::signal::unix::Signal, u8)>);

#[cfg(unix)]
impl Signals {
    fn catch() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let hangup = (signal(SignalKind::hangup())?, 1);
        let interrupt = (signal(SignalKind::interrupt())?, 2);
        let terminate = (signal(SignalKind::terminate())?, 15);
        Ok(Self(vec![hangup, interrupt, terminate]))
    }

    /// The number of the next one.
    async fn next(&mut self) -> Option<u8> {
        poll_fn(|task| {
            for (signal, number) in &mut self.0 {
                if let Poll::Ready(came) = signal.poll_recv(task) {
                    return Poll::Ready(came.map(|()| *number));
                }
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn catch() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Option<u8> {
        tokio::signal::ctrl_c().await.ok().map(|()| 2)
    }
}
