//! The shared half of an actor: both lanes, its flags, and what refs and supervisors see of it.

mod any;
mod control;
mod desk;
mod end;
mod family;
mod leftovers;
mod life;
mod plain;
mod send;
#[cfg(test)]
mod size_tests;
mod task;

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering},
    },
};

use steadfast_base::{ActorId, CallContext};

pub(crate) use any::AnyCell;
pub(crate) use control::{Control, Flags, Link};
pub use control::{Order, Visit};
pub use desk::VISITS_MAX;
pub(crate) use desk::{Desk, Watcher};
use desk::{Opened, Rare, Ties};
pub(crate) use end::notify;
pub use family::CHILD_STOP_WAIT;
pub(crate) use family::ChildCell;
pub(crate) use life::Received;
pub(crate) use task::{StartReport, catch, run};

use crate::{
    ExitReason, Overflow,
    mailbox::{Mailbox, Receiver},
    system::SystemInner,
};

/// The receiving end of an actor's mailbox.
pub(crate) type Inbox<'a, M> = Receiver<'a, M, Envelope>;

/// Bytes at most of the path of an anonymous actor beside the system's name.
const ANONYMOUS_BYTES: usize = "//$".len() + 20;

/// What travels beside a message where a call context is in force.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) context: Arc<CallContext>,
}

/// Where an actor is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[repr(u8)]
#[non_exhaustive]
pub enum Status {
    /// The factory or the `started` hook runs.
    Starting = 0,
    /// It takes messages.
    Running = 1,
    /// It is paused: the control lane is served, user messages wait.
    Suspended = 2,
    /// An incarnation ended and the next one is not up yet; user messages wait.
    Restarting = 3,
    /// It ends: hooks run, children stop.
    Stopping = 4,
    /// It ended for good.
    Stopped = 5,
}

impl Status {
    fn from_u8(code: u8) -> Self {
        match code {
            0 => Self::Starting,
            1 => Self::Running,
            2 => Self::Suspended,
            3 => Self::Restarting,
            4 => Self::Stopping,
            _ => Self::Stopped,
        }
    }
}

/// One actor's shared cell. Everything rare is in the desk, which is allocated on demand.
///
/// The order matters: what senders read lies before the mailbox, whose first fields are theirs; what
/// the actor's task reads at every message lies behind, beside the head of the mailbox.
#[repr(C)]
pub(crate) struct Cell<M: Send + 'static> {
    pub(crate) id: ActorId,
    pub(crate) system: Arc<SystemInner>,
    room_ms: AtomicU32,
    overflow: AtomicU8,
    /// Whether a probe wants to hear of every message; for senders.
    probed: bool,
    /// Code of the reason for the end; see `doom`.
    ending: AtomicU8,
    /// Set while a start has failed and the parent is not told yet.
    pub(crate) failed_start: AtomicBool,
    pub(crate) mailbox: Mailbox<M, Envelope>,
    pub(crate) flags: Flags,
    status: AtomicU8,
    /// Whether an end without a failure is final although there is a supervisor: it would not
    /// restart the actor anyway.
    pub(crate) parts: AtomicBool,
    /// As `probed`, for the actor's task: it would take the senders' cache line from them each time.
    pub(crate) turns_probed: bool,
    /// Whether a question was ever put into a mailbox that may displace it.
    asked: AtomicBool,
    incarnation: AtomicU32,
    /// The actor's place in the system's table of live actors.
    pub(crate) place: AtomicU32,
    ties: Ties,
    rare: Mutex<Rare<M>>,
}

impl<M: Send + 'static> Cell<M> {
    pub(crate) fn new(
        id: ActorId,
        system: Arc<SystemInner>,
        capacity: u32,
        overflow: Overflow,
        path: Option<Arc<str>>,
        link: Option<Box<Link>>,
    ) -> Self {
        let probed = system.probe.as_ref().is_some_and(|probe| probe.samples(id));
        let desk = path.map(|path| Box::new(Desk::named(path)));
        let mailbox = Mailbox::new(capacity);
        if overflow == Overflow::DropOldest
            && let Some(mut receiver) = mailbox.receiver()
        {
            receiver.share_head(true);
        }
        Self {
            mailbox,
            flags: Flags::default(),
            status: AtomicU8::new(Status::Starting as u8),
            overflow: AtomicU8::new(overflow.code()),
            ending: AtomicU8::new(0),
            failed_start: AtomicBool::new(false),
            parts: AtomicBool::new(false),
            probed,
            turns_probed: probed,
            asked: AtomicBool::new(false),
            room_ms: AtomicU32::new(overflow.room_ms()),
            incarnation: AtomicU32::new(0),
            place: AtomicU32::new(u32::MAX),
            id,
            system,
            ties: Ties::new(link.as_deref(), desk.is_some()),
            rare: Mutex::new(Rare { link, desk }),
        }
    }

    pub(crate) fn status(&self) -> Status {
        let status = Status::from_u8(self.status.load(Ordering::Acquire));
        if status == Status::Running && self.flags.suspended() { Status::Suspended } else { status }
    }

    pub(crate) fn set_status(&self, status: Status) {
        self.status.store(status as u8, Ordering::Release);
    }

    pub(crate) fn overflow(&self) -> Overflow {
        let room_ms = self.room_ms.load(Ordering::Relaxed);
        Overflow::from_code(self.overflow.load(Ordering::Relaxed), room_ms)
    }

    pub(crate) fn incarnation(&self) -> u32 {
        self.incarnation.load(Ordering::Relaxed)
    }

    pub(crate) fn next_incarnation(&self) {
        self.incarnation.fetch_add(1, Ordering::Relaxed);
    }

    /// The rarely used part, under the cell's one lock.
    pub(crate) fn rare(&self) -> Opened<'_, M> {
        Opened::new(self.rare.lock().unwrap_or_else(PoisonError::into_inner), &self.ties)
    }

    /// The desk, under the cell's lock, if there is one.
    pub(crate) fn at_desk<T>(&self, act: impl FnOnce(&mut Desk<M>) -> T) -> Option<T> {
        if !self.ties.have_desk() {
            return None;
        }
        self.rare().desk.as_deref_mut().map(act)
    }

    pub(crate) fn path(&self) -> Arc<str> {
        if let Some(path) = self.rare().desk.as_ref().and_then(|desk| desk.path.clone()) {
            return path;
        }
        // Piece by piece: a failure tells its actor's path, and restarts are to be quick.
        let mut path = String::with_capacity(self.system.name.len() + ANONYMOUS_BYTES);
        path.push('/');
        path.push_str(&self.system.name);
        path.push_str("/$");
        path.push_str(&self.id.as_u64().to_string());
        path.into()
    }

    /// Why it ended, once it has ended for good.
    pub(crate) fn exit(&self) -> Option<ExitReason> {
        (self.status() == Status::Stopped).then(|| self.ending())
    }

    /// Settles why the actor ends. Only a reason with a failure needs the desk.
    pub(crate) fn doom(&self, reason: &ExitReason) {
        let code = match reason {
            ExitReason::Normal => 1,
            ExitReason::Shutdown => 2,
            ExitReason::Killed => 0,
            _ => {
                self.rare().desk().exit = Some(reason.clone());
                3
            }
        };
        self.ending.store(code, Ordering::Release);
    }

    /// Why the actor ends; killed, if it never came to settle it.
    pub(crate) fn ending(&self) -> ExitReason {
        match self.ending.load(Ordering::Acquire) {
            0 => ExitReason::Killed,
            1 => ExitReason::Normal,
            2 => ExitReason::Shutdown,
            _ => {
                let rare = self.rare();
                let exit = rare.desk.as_ref().and_then(|desk| desk.exit.clone());
                exit.unwrap_or(ExitReason::Killed)
            }
        }
    }

    /// Sets flags and wakes the actor's task.
    pub(crate) fn raise(&self, flags: u32) {
        self.flags.set(flags);
        self.mailbox.wake();
    }
}

impl<M: Send + 'static> fmt::Debug for Cell<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cell")
            .field("id", &self.id)
            .field("status", &self.status())
            .field("queued", &self.mailbox.len())
            .finish_non_exhaustive()
    }
}
