//! What fuzzing does with the layouts of recordings: the seam for the target `recording_decode`.

use bytes::Bytes;

use super::{
    Gap, Sent,
    opened::{Opened, read_signal, write_signal},
    turn::TurnRecord,
};

/// Reads the bytes as each layout in turn; what was read is written, and read as the same.
///
/// # Panics
///
/// If a layout is not its own inverse: that is what fuzzing looks for.
#[doc(hidden)]
pub fn __read_any(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let mut turn = TurnRecord::default();
    if turn.read(bytes.clone()).is_ok() {
        let (mut again, written) = (TurnRecord::default(), Bytes::from(turn.write()));
        assert_eq!(again.read(written.clone()), Ok(()), "a turn that was read is written");
        assert_eq!(Bytes::from(again.write()), written, "and is the same");
    }
    if let Ok(sent) = Sent::read(bytes.clone()) {
        assert_eq!(Sent::read(sent.write().into()), Ok(sent));
    }
    if let Ok(opened) = Opened::read(bytes.clone()) {
        assert_eq!(Opened::read(opened.write().into()), Ok(opened));
    }
    if let Ok(gap) = Gap::read(bytes.clone()) {
        assert_eq!(Gap::read(gap.write().into()), Ok(gap));
    }
    if let Ok(signal) = read_signal(bytes) {
        let written = write_signal(&signal).expect("it was read");
        let again = read_signal(written.clone().into()).ok().and_then(|again| write_signal(&again));
        assert_eq!(again, Some(written));
    }
}
