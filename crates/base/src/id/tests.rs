//! Tests of the id state machine at its edges.

use serde_test::{Configure, Token, assert_tokens};

use super::*;
use crate::random::Seed;

fn state(millis: u64, random: u128) -> State {
    State { stream: Seed::new(1).stream("ids"), millis, random: Some(random) }
}

#[test]
fn a_spent_counter_moves_the_time_on() {
    let mut spent = state(5, RANDOM_MASK);
    let id = spent.step(5);
    assert!(id > assemble(5, RANDOM_MASK));
    assert_eq!(id >> 80, 6);
    assert!(spent.step(5) > id, "the wall clock is now behind");
}

#[test]
fn the_same_millisecond_counts_up() {
    let mut state = state(5, 1_000);
    let id = state.step(5);
    assert_eq!(id >> 80, 5);
    assert!(id > assemble(5, 1_000));
    assert!(id <= assemble(5, 1_000 + (1 << 32)));
}

#[test]
fn a_new_millisecond_starts_afresh_with_room_to_count() {
    let mut state = state(5, 1_000);
    for millis in 6..200 {
        assert_eq!(state.step(millis) >> 80, u128::from(millis));
        assert!(state.random <= Some(RANDOM_MASK >> 1));
    }
}

#[test]
fn the_parts_land_where_the_rfc_puts_them() {
    // The example of RFC 9562, appendix A.6.
    let (rand_a, rand_b) = (0xCC3_u128, 0x18C4_DC0C_0C07_398F_u128);
    let bits = assemble(0x017F_22E2_79B0, rand_a << 62 | rand_b);
    assert_eq!(EventId(bits).to_string(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

#[test]
fn compact_formats_take_sixteen_big_endian_bytes() {
    let id = EventId(u128::from_be_bytes(std::array::from_fn(|index| index.try_into().unwrap())));
    let bytes = (0..16).map(Token::U8);
    let tokens: Vec<Token> =
        [Token::Tuple { len: 16 }].into_iter().chain(bytes).chain([Token::TupleEnd]).collect();
    assert_tokens(&id.compact(), &tokens);
}
