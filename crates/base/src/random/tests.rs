//! Tests of seeds and streams.

use super::*;

fn stream(name: &str) -> Stream {
    Seed::new(42).stream(name)
}

/// The numbers were computed by an independent implementation of the derivation.
#[test]
fn streams_are_the_same_on_every_platform_and_in_every_version() {
    for (seed, name, first) in GOLDEN {
        let mut stream = Seed::new(seed).stream(name);
        assert_eq!([stream.next_u64(), stream.next_u64()], first, "{seed} {name}");
    }
    let mut fork = stream("region").fork("plane");
    assert_eq!([fork.next_u64(), fork.next_u64()], GOLDEN_FORK);
}

const GOLDEN: [(u64, &str, [u64; 2]); 5] = [
    (0, "", [0xA20B_E6E5_6A84_3704, 0xE21E_BCC0_554E_F1E7]),
    (42, "", [0x4B35_F1C8_0F7C_F3E7, 0x8E89_D2C3_9EA4_8146]),
    (42, "jitter", [0x47DB_BC22_9003_E105, 0x2D25_F425_0ECA_D92A]),
    (42, "a name longer than one block", [0xC904_DB4E_AD09_EA2E, 0x92BE_A2F5_2636_AFA6]),
    (u64::MAX, "fl\u{fc}ge", [0xDA4E_B71F_CB29_B977, 0x4413_D614_18AB_F059]),
];
const GOLDEN_FORK: [u64; 2] = [0xD1AF_7194_1C96_C69C, 0x6341_AEE4_9C84_73E3];

#[test]
fn names_that_differ_only_in_padding_or_split_give_different_streams() {
    let names = ["", "\0", "\0\0", "a", "a\0", "aa", "abcdefgh", "abcdefgh\0", "abcdefg", "b"];
    let mut first: Vec<u64> = names.iter().map(|name| stream(name).next_u64()).collect();
    first.push(stream("a").fork("b").next_u64());
    first.push(stream("ab").fork("").next_u64());
    first.push(Seed::new(43).stream("a").next_u64());
    let count = first.len();
    first.sort_unstable();
    first.dedup();
    assert_eq!(first.len(), count);
}

#[test]
fn a_fork_does_not_depend_on_what_was_drawn() {
    let mut parent = stream("parent");
    let early = parent.fork("child");
    for _ in 0..1_000 {
        parent.next_u64();
    }
    assert_eq!(parent.fork("child"), early);
}

#[test]
fn below_favors_no_result() {
    let mut stream = stream("die");
    let mut counts = [0_u32; 6];
    for _ in 0..60_000 {
        counts[usize::try_from(stream.below(6)).unwrap()] += 1;
    }
    assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
}

#[test]
fn below_rejects_the_surplus_of_a_large_bound() {
    // Without rejection every third result would come up half of the time.
    let (mut stream, bound) = (stream("large"), 3 << 62);
    let thirds = (0..30_000).filter(|_| stream.below(bound) % 3 == 0).count();
    assert!((9_500..10_500).contains(&thirds), "{thirds}");
}

#[test]
fn below_stays_below_and_answers_zero_for_zero_and_one() {
    let mut stream = stream("edges");
    for bound in [1, 2, 3, 1 << 32, (1 << 63) + 1, u64::MAX] {
        assert!((0..100).all(|_| stream.below(bound) < bound), "{bound}");
    }
    assert_eq!(stream.below(0), 0);
}

#[test]
fn unit_numbers_fill_the_half_open_interval() {
    let mut stream = stream("unit");
    let units: Vec<f64> = (0..10_000).map(|_| stream.unit_f64()).collect();
    assert!(units.iter().all(|unit| (0.0..1.0).contains(unit)));
    let mean = units.iter().sum::<f64>() / 10_000.0;
    assert!((0.49..0.51).contains(&mean), "{mean}");
    assert!(units.iter().any(|unit| *unit < 0.001) && units.iter().any(|unit| *unit > 0.999));
}

#[test]
fn chances_outside_of_zero_to_one_are_certain() {
    let mut stream = stream("chance");
    for (probability, comes) in
        [(0.0, false), (-1.0, false), (f64::NAN, false), (1.0, true), (2.0, true)]
    {
        assert!((0..1_000).all(|_| stream.chance(probability) == comes), "{probability}");
    }
}

#[test]
fn a_shuffle_reaches_every_order_about_equally() {
    let mut stream = stream("shuffle");
    let mut counts = std::collections::BTreeMap::new();
    for _ in 0..6_000 {
        let mut items = [1, 2, 3];
        stream.shuffle(&mut items);
        *counts.entry(items).or_insert(0_u32) += 1;
    }
    assert_eq!(counts.len(), 6);
    assert!(counts.values().all(|count| (880..1_120).contains(count)), "{counts:?}");
}

#[test]
fn picking_from_nothing_gives_nothing() {
    assert_eq!(stream("pick").pick::<u8>(&[]), None);
}

#[test]
fn the_rand_interface_draws_the_same_numbers() {
    let (mut ours, mut theirs) = (stream("rand"), stream("rand"));
    for _ in 0..10 {
        assert_eq!(ours.next_u64(), Rng::next_u64(&mut theirs));
    }
}

#[test]
fn seeds_from_entropy_differ() {
    assert_ne!(Seed::from_entropy(), Seed::from_entropy());
}

#[test]
fn a_seed_survives_its_text() {
    let seed = Seed::new(u64::MAX);
    assert_eq!(seed.to_string().parse(), Ok(seed));
    assert!("-1".parse::<Seed>().is_err());
}
