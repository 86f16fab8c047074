//! Dead letters: messages that no actor will handle, counted and published to subscribers.

use std::{
    collections::VecDeque,
    fmt,
    future::{Future, poll_fn},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Poll, Waker},
};

use steadfast_base::ActorId;

/// Dead letters that one subscription holds until they are read; older ones are dropped.
pub const DEAD_LETTERS_HELD: usize = 1_024;

/// Why a message became a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[non_exhaustive]
pub enum DeadReason {
    /// It was in the mailbox when the actor ended for good.
    Stopped,
    /// The mailbox was full and its policy gave the message up.
    Overflow,
}

/// A notice of messages that no actor will handle. The messages themselves are dropped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The actor they were for.
    pub actor: ActorId,
    /// Its path.
    pub path: Arc<str>,
    /// The Rust type of the messages.
    pub message_type: &'static str,
    /// Why they were given up.
    pub reason: DeadReason,
    /// How many messages the notice stands for; their sum is exact.
    pub count: u64,
}

/// The dead letters of one system.
#[derive(Default)]
pub(crate) struct DeadLetters {
    total: AtomicU64,
    subscribers: AtomicUsize,
    subscriptions: Mutex<Vec<Weak<Mutex<Mail>>>>,
}

#[derive(Default)]
struct Mail {
    letters: VecDeque<DeadLetter>,
    missed: u64,
    waker: Option<Waker>,
    closed: bool,
}

impl DeadLetters {
    pub(crate) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    pub(crate) fn publish(
        &self,
        actor: ActorId,
        path: impl FnOnce() -> Arc<str>,
        message_type: &'static str,
        reason: DeadReason,
        count: u64,
    ) {
        self.total.fetch_add(count, Ordering::Relaxed);
        if self.subscribers.load(Ordering::Relaxed) == 0 {
            return;
        }
        let letter = DeadLetter { actor, path: path(), message_type, reason, count };
        let mut subscriptions = self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner);
        subscriptions.retain(|subscription| {
            let Some(mail) = subscription.upgrade() else { return false };
            deliver(&mail, &letter);
            true
        });
        self.subscribers.store(subscriptions.len(), Ordering::Relaxed);
    }

    pub(crate) fn subscribe(&self) -> DeadLetterSubscription {
        let mail = Arc::new(Mutex::new(Mail::default()));
        let mut subscriptions = self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner);
        subscriptions.push(Arc::downgrade(&mail));
        self.subscribers.store(subscriptions.len(), Ordering::Relaxed);
        DeadLetterSubscription { mail }
    }

    /// Ends all subscriptions once they have been read to their end.
    pub(crate) fn close(&self) {
        let subscriptions = self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner);
        for mail in subscriptions.iter().filter_map(Weak::upgrade) {
            let waker = {
                let mut mail = mail.lock().unwrap_or_else(PoisonError::into_inner);
                mail.closed = true;
                mail.waker.take()
            };
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

fn deliver(mail: &Mutex<Mail>, letter: &DeadLetter) {
    let waker = {
        let mut mail = mail.lock().unwrap_or_else(PoisonError::into_inner);
        // A flood from one actor is one notice with a count: that is the rate limit.
        let same = mail.letters.back_mut().filter(|last| {
            last.actor == letter.actor
                && last.reason == letter.reason
                && last.message_type == letter.message_type
        });
        if let Some(last) = same {
            last.count += letter.count;
        } else {
            if mail.letters.len() == DEAD_LETTERS_HELD {
                let oldest = mail.letters.pop_front();
                mail.missed += oldest.map_or(0, |oldest| oldest.count);
            }
            mail.letters.push_back(letter.clone());
        }
        mail.waker.take()
    };
    waker.into_iter().for_each(Waker::wake);
}

/// Reads dead letters from the moment of subscribing on.
///
/// Holds at most [`DEAD_LETTERS_HELD`] notices; when more come, the oldest are dropped and
/// counted. Consecutive letters of one actor and reason are one notice with a count.
pub struct DeadLetterSubscription {
    mail: Arc<Mutex<Mail>>,
}

impl DeadLetterSubscription {
    /// The next notice, if one is waiting.
    pub fn try_next(&mut self) -> Option<DeadLetter> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner).letters.pop_front()
    }

    /// Waits for the next notice; `None` once the system has shut down and all are read.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    #[expect(clippy::should_implement_trait, reason = "it waits, which no iterator should")]
    pub fn next(&mut self) -> impl Future<Output = Option<DeadLetter>> + Send + '_ {
        poll_fn(|task| {
            let mut mail = self.mail.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(letter) = mail.letters.pop_front() {
                return Poll::Ready(Some(letter));
            }
            if mail.closed {
                return Poll::Ready(None);
            }
            mail.waker = Some(task.waker().clone());
            Poll::Pending
        })
    }

    /// How many letters were dropped unread.
    pub fn missed(&self) -> u64 {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner).missed
    }
}

impl fmt::Debug for DeadLetterSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeadLetterSubscription")
    }
}
