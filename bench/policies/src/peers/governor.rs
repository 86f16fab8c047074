//! governor's direct rate limiter.

use std::num::NonZeroU32;

use governor::{Quota, RateLimiter};

use crate::{case::Case, workload::Kind};

const NAME: &str = "governor";

pub fn cases() -> Vec<Case> {
    const PER_SECOND: NonZeroU32 = NonZeroU32::new(1_000_000_000).expect("not zero");
    let allowing = RateLimiter::direct(Quota::per_second(PER_SECOND));
    let denying = RateLimiter::direct(Quota::per_hour(NonZeroU32::MIN));
    assert!(denying.check().is_ok(), "the first call uses up the quota");
    vec![
        Case::sync(Kind::RateAllowed, NAME, move || allowing.check().is_ok()),
        Case::sync(Kind::RateDenied, NAME, move || denying.check().is_err()),
    ]
}
