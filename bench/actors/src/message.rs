//! The message of the counting actor, and the payloads it carries.

use std::cell::Cell;

/// What the actor is told. `R` is where the library wants the reply.
///
/// 24 bytes with a [`Narrow`] payload, 64 with a [`Wide`] one, as long as `R`
/// is one pointer.
pub enum Message<P, R> {
    Add(P),
    Ask(u64, R),
    Poison,
}

/// A number in a wrapping of some size.
///
/// Payloads hold a `Cell`, so that a message is `Send` but not `Sync`: more
/// may not be asked of it.
pub trait Payload: Send + 'static {
    fn new(n: u64) -> Self;
    fn amount(self) -> u64;
}

/// 8 bytes.
pub struct Narrow(Cell<u64>);

impl Payload for Narrow {
    fn new(n: u64) -> Self {
        Self(Cell::new(n))
    }

    fn amount(self) -> u64 {
        self.0.into_inner()
    }
}

/// 56 bytes; the number counts only when all of them arrived.
pub struct Wide(Cell<[u64; 7]>);

impl Payload for Wide {
    fn new(n: u64) -> Self {
        Self(Cell::new([n; 7]))
    }

    fn amount(self) -> u64 {
        let words = self.0.into_inner();
        if words.iter().all(|word| *word == words[0]) { words[0] } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use std::mem::size_of;

    use tokio::sync::oneshot;

    use super::*;

    type Reply = oneshot::Sender<u64>;

    #[test]
    fn messages_of_the_baseline_have_24_and_64_bytes() {
        assert_eq!(size_of::<Message<Narrow, Reply>>(), 24);
        assert_eq!(size_of::<Message<Wide, Reply>>(), 64);
    }

    /// `Is::<T>::SYNC` is the inherent constant if `T` is `Sync`, else the trait's.
    struct Is<T>(std::marker::PhantomData<T>);

    trait NotSync {
        const SYNC: bool = false;
    }

    impl<T> NotSync for Is<T> {}

    impl<T: Sync> Is<T> {
        const SYNC: bool = true;
    }

    #[test]
    fn message_is_send_and_nothing_more() {
        fn send<T: Send>(message: T) -> T {
            message
        }
        assert!(matches!(send(Message::<Narrow, Reply>::Poison), Message::Poison));
        const { assert!(!Is::<Message<Narrow, ()>>::SYNC && Is::<Message<u64, ()>>::SYNC) };
    }

    #[test]
    fn payloads_give_back_their_number() {
        assert_eq!(Narrow::new(7).amount(), 7);
        assert_eq!(Wide::new(7).amount(), 7);
    }
}
