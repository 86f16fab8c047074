//! A future whose polls are kept out of the code around them.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

pin_project! {
    /// A rarely polled future, compiled apart from the code that awaits it.
    ///
    /// The compiler builds the futures that an async function awaits into its poll. Where nearly every
    /// call ends before it awaits anything, the rare waits make the frequent path slow to enter; awaited
    /// through this they cost it nothing.
    ///
    /// # Cancel safety
    ///
    /// As cancel safe as the future inside.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Outlined;
    ///
    /// async fn cached(value: Option<u32>) -> u32 {
    ///     match value {
    ///         Some(value) => value,
    ///         None => Outlined::new(async { 7 }).await,
    ///     }
    /// }
    ///
    /// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// assert_eq!(runtime.block_on(cached(None)), 7);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[derive(Debug)]
    #[must_use = "an Outlined future does nothing unless awaited"]
    pub struct Outlined<F> {
        #[pin]
        future: F,
    }
}

impl<F> Outlined<F> {
    /// Keeps the polls of a future apart.
    #[inline]
    pub const fn new(future: F) -> Self {
        Self { future }
    }
}

impl<F: Future> Future for Outlined<F> {
    type Output = F::Output;

    #[cold]
    #[inline(never)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}
