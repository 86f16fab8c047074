//! The call context that is current while a piece of code runs.
//!
//! The current context is per thread and set only while the code it belongs to runs: a [`scope`]d
//! future sets it around each poll, [`enter`] until its guard is dropped. So it follows a future
//! from thread to thread, and a task started inside does *not* have it unless it is scoped itself.
//!
//! Where no context is set, asking for it costs one thread-local read and no atomic operation.
//!
//! # Example
//!
//! ```
//! use steadfast_base::{CallContext, context};
//!
//! let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! let call = CallContext::new().with_attempt(2);
//! let attempt = runtime.block_on(context::scope(call, async {
//!     context::current_ref(|call| call.map(CallContext::attempt))
//! }));
//! assert_eq!(attempt, Some(2));
//! assert!(!context::is_set());
//! # Ok::<(), std::io::Error>(())
//! ```

mod attempt;

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::call_context::CallContext;

pub use self::attempt::{Attempt, AttemptScope};

use self::attempt::{Said, said};

thread_local! {
    /// The shared context, if what is said tells of one.
    static CURRENT: RefCell<Option<Arc<CallContext>>> = const { RefCell::new(None) };
}

/// What is current on a thread, or is to be: what an attempt said, if it did, inside of `shared`.
#[derive(Debug)]
struct Held {
    /// Says whether there is a shared context, too.
    said: Said,
    shared: Option<Arc<CallContext>>,
}

impl Held {
    #[inline]
    fn new(said: Said, shared: Option<Arc<CallContext>>) -> Self {
        Self { said: said.with_shared(shared.is_some()), shared }
    }
}

/// Makes something else current while it lives, and keeps it in its place thereafter.
struct Entered<'a>(&'a mut Held);

impl<'a> Entered<'a> {
    #[inline]
    fn new(held: &'a mut Held) -> Self {
        swap(held);
        Self(held)
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        swap(self.0);
    }
}

/// Whether a context is current on this thread.
///
/// # Example
///
/// ```
/// assert!(!steadfast_base::context::is_set());
/// ```
#[inline]
pub fn is_set() -> bool {
    !Said::now().is_nothing()
}

/// The current context, if one is set.
///
/// # Example
///
/// ```
/// use steadfast_base::{CallContext, context};
///
/// assert_eq!(context::current(), None);
/// let guard = context::enter(CallContext::new().with_attempt(2));
/// assert_eq!(context::current().map(|call| call.attempt()), Some(2));
/// drop(guard);
/// assert_eq!(context::current(), None);
/// ```
#[inline]
pub fn current() -> Option<Arc<CallContext>> {
    if is_set() { load() } else { None }
}

/// Calls `look` with the current context, if one is set.
///
/// The closure may itself enter other contexts.
///
/// # Example
///
/// ```
/// use steadfast_base::{CallContext, context};
///
/// let deadline = context::current_ref(|call| call.and_then(CallContext::deadline));
/// assert_eq!(deadline, None);
/// ```
#[inline]
pub fn current_ref<R>(look: impl FnOnce(Option<&CallContext>) -> R) -> R {
    if !is_set() {
        return look(None);
    }
    match said() {
        Some(attempt) => look(Some(&attempt.inside(shared().as_deref()))),
        None => look(shared().as_deref()),
    }
}

/// Makes a context current until the guard is dropped, nested inside the one that is current now.
///
/// Nesting can only shorten the deadline; see the table at [`CallContext`]. With no context set,
/// the given one is used as it is, without a copy.
///
/// # Example
///
/// ```
/// use steadfast_base::{CallContext, Instant, context};
///
/// let soon = CallContext::new().with_deadline(Instant::from_nanos(10));
/// let late = CallContext::new().with_deadline(Instant::from_nanos(99));
/// let _outer = context::enter(soon);
/// let _inner = context::enter(late);
/// let deadline = context::current_ref(|call| call.and_then(CallContext::deadline));
/// assert_eq!(deadline, Some(Instant::from_nanos(10)));
/// ```
pub fn enter(context: impl Into<Arc<CallContext>>) -> Guard {
    replace(Some(nest(context.into())))
}

/// Makes exactly this context current, or none, until the guard is dropped.
///
/// Unlike [`enter`] it takes nothing over from the context that is current now: for executors,
/// whose tasks have nothing to do with the code that happens to poll them.
///
/// # Example
///
/// ```
/// use steadfast_base::{CallContext, context};
///
/// let _outer = context::enter(CallContext::new());
/// {
///     let _alone = context::replace(None);
///     assert!(!context::is_set());
/// }
/// assert!(context::is_set());
/// ```
pub fn replace(context: Option<Arc<CallContext>>) -> Guard {
    let mut held = Held::new(Said::NOTHING, context);
    swap(&mut held);
    Guard { former: held, on_this_thread: PhantomData }
}

/// Runs a future with a context, nested inside the one that is current at this call.
///
/// The context is current during each poll of the future, on whatever thread, and the former one is
/// put back after each, even if the poll panics. Nesting is as for [`enter`].
///
/// # Cancel safety
///
/// Adds nothing to cancel: as cancel safe as the future itself.
///
/// # Example
///
/// ```
/// use steadfast_base::{CallContext, context};
///
/// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// let seen = runtime.block_on(context::scope(CallContext::new(), async { context::is_set() }));
/// assert!(seen);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn scope<F: Future>(context: impl Into<Arc<CallContext>>, future: F) -> Scoped<F> {
    Scoped { future, held: Held::new(Said::NOTHING, Some(nest(context.into()))) }
}

/// The context as it counts inside the current one.
fn nest(context: Arc<CallContext>) -> Arc<CallContext> {
    match current() {
        None => context,
        Some(outer) => Arc::new(Arc::unwrap_or_clone(context).inside(&outer)),
    }
}

/// Reads the context, and makes it if an attempt has none yet; all who ask in that attempt get the
/// same.
fn load() -> Option<Arc<CallContext>> {
    let Some(attempt) = said() else { return shared() };
    let context = Arc::new(attempt.inside(shared().as_deref()));
    if CURRENT.try_with(|current| current.replace(Some(Arc::clone(&context)))).is_ok() {
        Said::NOTHING.with_shared(true).set();
    }
    Some(context)
}

/// The context that is there already; `None` while the thread is being torn down.
fn shared() -> Option<Arc<CallContext>> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// Changes what is current for what is held. While the thread is being torn down no shared context
/// is set.
#[inline]
fn swap(held: &mut Held) {
    if held.said.exchange() {
        swap_shared(held);
    }
}

/// Changes the shared context, after what is said.
fn swap_shared(held: &mut Held) {
    let shared = held.shared.take();
    let set = shared.is_some();
    // The cell is borrowed only inside this closure, which runs no foreign code.
    let former = CURRENT.try_with(|current| current.replace(shared));
    Said::now().with_shared(set && former.is_ok()).set();
    held.shared = former.ok().flatten();
    held.said = held.said.with_shared(held.shared.is_some());
}

/// Puts the former context back when dropped; made by [`enter`] and [`replace`].
///
/// Stays on its thread. Guards are to be dropped in reverse order of their making, as scopes do by
/// themselves; each puts back what was current when it was made.
///
/// # Example
///
/// ```
/// use steadfast_base::{CallContext, context};
///
/// let guard: context::Guard = context::enter(CallContext::new());
/// drop(guard);
/// assert!(!context::is_set());
/// ```
#[must_use = "the context is current only while the guard lives"]
pub struct Guard {
    former: Held,
    /// Guards must not be sent: the former context belongs to this thread.
    on_this_thread: PhantomData<*const ()>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        swap(&mut self.former);
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("former", &self.former).finish_non_exhaustive()
    }
}

pin_project! {
    /// A future with a context; made by [`scope`].
    ///
    /// # Cancel safety
    ///
    /// As cancel safe as the future inside.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{CallContext, context};
    ///
    /// let future: context::Scoped<_> = context::scope(CallContext::new(), async {});
    /// # drop(future);
    /// ```
    #[must_use = "a Scoped future does nothing unless awaited"]
    pub struct Scoped<F> {
        #[pin]
        future: F,
        held: Held,
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = Entered::new(this.held);
        this.future.poll(cx)
    }
}

impl<F> fmt::Debug for Scoped<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scoped").field("held", &self.held).finish_non_exhaustive()
    }
}
