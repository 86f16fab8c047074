//! `Reply<T>`: the answering half of an ask, a field of the message.

use std::{any::type_name, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};

use crate::{
    slot::{Answer, Why},
    tape::{self, Fault, Outcome, OutputKind, Passage},
    turn,
};

/// The place where the answer to an ask goes.
///
/// Part of the message. The asker is told at once when the reply is dropped without an answer:
/// `NoReply`, or `Restarting` or `Stopped` if the actor failed on the message. An actor may keep
/// the reply in its state and answer later; if its incarnation ends before, the asker is told so.
///
/// It serializes as nothing and deserializes detached, so that message enums can derive serde: as
/// a unit, which compact formats leave out, and in formats for humans as an absent option (`null` in
/// JSON), whose field may be left out.
///
/// # Example
///
/// ```
/// use steadfast_actor_core::Reply;
///
/// let reply: Reply<u64> = Reply::detached();
/// assert!(reply.is_abandoned());
/// reply.send(1); // nobody listens: the value is dropped
/// ```
pub struct Reply<T: Send + 'static>(Option<Answer<T>>);

impl<T: Send + 'static> Reply<T> {
    pub(crate) fn new(answer: Answer<T>) -> Self {
        Self(Some(answer))
    }

    /// A reply to nobody.
    #[must_use]
    pub fn detached() -> Self {
        Self(None)
    }

    /// Answers. If the asker has gone or its deadline has passed, the value is dropped.
    pub fn send(self, value: T) {
        drop(self.try_send(value));
    }

    /// Answers, or gives the value back if the asker has gone or its deadline has passed.
    ///
    /// # Errors
    ///
    /// The value, if nobody waits for it any more.
    pub fn try_send(mut self, value: T) -> Result<(), T> {
        if tape::is_on() {
            return self.send_on_tape(value);
        }
        match self.0.take() {
            Some(answer) => answer.send(value),
            None => Err(value),
        }
    }

    /// True if nobody waits for the answer any more.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        if tape::is_on() {
            return tape::flagged(OutputKind::Abandoned, "", || self.looks_abandoned());
        }
        self.looks_abandoned()
    }

    #[cold]
    #[inline(never)]
    fn send_on_tape(mut self, value: T) -> Result<(), T> {
        let number = match tape::note_value(OutputKind::Reply, "", &value) {
            Some(Passage::Kept(number)) => {
                return if tape::fault(number).is_some() { Err(value) } else { Ok(()) };
            }
            Some(Passage::Out(number)) => Some(number),
            None => None,
        };
        let sent = match self.0.take() {
            Some(answer) => answer.send(value),
            None => Err(value),
        };
        if let (Err(_), Some(number)) = (&sent, number) {
            tape::settle(number, Outcome::Fault(Fault::Stopped));
        }
        sent
    }

    fn looks_abandoned(&self) -> bool {
        self.0.as_ref().is_none_or(Answer::is_abandoned)
    }
}

impl<T: Send + 'static> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(answer) = self.0.take()
            && let Some(lost) = turn::lose(answer.into_erased())
        {
            lost.lose(Why::Dropped);
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply<{}>", type_name::<T>())
    }
}

impl<T: Send + 'static> Serialize for Reply<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.serialize_none();
        }
        PhantomData::<T>.serialize(serializer)
    }
}

impl<'de, T: Send + 'static> Deserialize<'de> for Reply<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer.deserialize_option(Nothing).map(|()| Self::detached());
        }
        PhantomData::<T>::deserialize(deserializer).map(|_| Self::detached())
    }
}

/// Takes what stands for a reply, which is nothing.
struct Nothing;

impl Visitor<'_> for Nothing {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing, in place of a reply")
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}
