//! A protected call by name.

use steadfast_policy::Call;

use crate::component::Component;
use crate::error::{Error, UnknownComponent};

/// A call to be protected as its component says; made by [`Steadfast::protect`](crate::Steadfast::protect).
///
/// # Example
///
/// See [`Steadfast`](crate::Steadfast).
#[derive(Clone, Debug)]
#[must_use = "nothing is called until `run` or `call`"]
pub struct Protect<'a> {
    component: Result<&'a Component, UnknownComponent>,
    with: Option<Call>,
}

impl<'a> Protect<'a> {
    pub(crate) fn new(component: Result<&'a Component, UnknownComponent>) -> Self {
        Self { component, with: None }
    }

    /// Gives the call a deadline, priority or key of its own, in place of the inherited ones.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_assembly::Steadfast;
    /// use steadfast_base::Priority;
    /// use steadfast_policy::Call;
    ///
    /// fn count(system: &Steadfast) -> Option<u32> {
    ///     let call = Call::from_context().with_priority(Priority::Low);
    ///     system.protect("inventory").with(call).call(|_| Ok::<_, ()>(7)).ok()
    /// }
    /// # let _ = count;
    /// ```
    pub fn with(mut self, call: Call) -> Self {
        self.with = Some(call);
        self
    }

    /// Runs an asynchronous call through the component's policies, once for each attempt.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] if there is no such component, else what the policies make of the call's own
    /// errors.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the attempt that is running and gives back what the policies hold.
    pub async fn run<T, E, F, Fut>(self, make: F) -> Result<T, Error<E>>
    where
        T: 'static,
        E: 'static,
        F: Fn(Call) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let call = self.with.unwrap_or_else(Call::from_context);
        Ok(self.component?.run_with(call, make).await?)
    }

    /// Runs a call on this thread; waits park it.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run); a call that is running does not time out.
    pub fn call<T, E, F>(self, make: F) -> Result<T, Error<E>>
    where
        T: 'static,
        E: 'static,
        F: Fn(Call) -> Result<T, E>,
    {
        let call = self.with.unwrap_or_else(Call::from_context);
        Ok(self.component?.call_with(call, make)?)
    }
}
