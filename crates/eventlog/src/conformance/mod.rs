//! The suite that every event store passes: the contract, seen from outside.
//!
//! Each check takes a [`Subject`], which makes one fresh store. Numbers are those of the acceptance
//! scenarios. [`event_store_conformance!`](crate::event_store_conformance) makes a test of each:
//!
//! ```
//! mod memory {
//!     use std::sync::Arc;
//!     use steadfast_eventlog::conformance::Volatile;
//!     use steadfast_eventlog::{MemoryStore, event_store_conformance};
//!
//!     event_store_conformance!(Volatile::new(Arc::new(MemoryStore::default())));
//! }
//! ```

mod appending;
mod deleting;
mod following;
mod querying;
mod retaining;
mod subject;

pub use self::appending::{
    all_actors_of_a_batch_must_meet_the_expectation, an_unfinished_retry_is_corrupted_idempotency,
    any_recognizes_what_it_remembers, limits_reject_the_whole_request, old_epochs_are_fenced,
    s07_a_batch_with_an_event_too_large_stores_nothing, s08_an_empty_batch_does_nothing,
    s09_expectations_decide, s10_a_retry_gives_the_first_answer,
    s12_racing_exact_appends_have_one_winner, senseless_requests_are_rejected,
    what_was_appended_is_what_is_read,
};
pub use self::deleting::{
    s05_deleted_events_are_gone_and_numbers_stay, s06_numbers_go_on_after_everything_was_deleted,
};
pub use self::following::{
    a_closed_store_ends_its_subscriptions, a_dropped_subscription_lets_go_of_who_waited,
    a_subscription_filters_and_says_when_it_caught_up,
    s17_a_subscription_has_no_gap_and_no_duplicate, s18_a_stalled_reader_costs_the_writers_nothing,
};
pub use self::querying::{
    queries_combine_and_read_backward, queries_find_what_a_look_at_every_event_finds,
    s01_an_actor_is_read_in_order, s02_ranges_and_limits_hold, s03_empty_ranges_are_no_error,
    s04_an_unknown_actor_has_nothing, s13_names_of_any_text_stay_apart,
    s14_time_ranges_hold_when_the_clock_steps_back, s15_a_correlation_is_read_in_order_over_actors,
    s16_unknown_correlations_have_nothing, too_broad_queries_are_refused,
};
pub use self::retaining::{
    retention_removes_only_what_is_released, statistics_and_verification_add_up,
};
pub use self::subject::{Subject, Volatile};

/// Makes a `#[test]` of each check of the suite; the expression makes a fresh [`Subject`](crate::conformance::Subject).
#[macro_export]
macro_rules! event_store_conformance {
    ($subject:expr) => {
        $crate::event_store_conformance! { $subject;
            all_actors_of_a_batch_must_meet_the_expectation,
            an_unfinished_retry_is_corrupted_idempotency,
            any_recognizes_what_it_remembers,
            limits_reject_the_whole_request,
            old_epochs_are_fenced,
            s01_an_actor_is_read_in_order,
            s02_ranges_and_limits_hold,
            s03_empty_ranges_are_no_error,
            s04_an_unknown_actor_has_nothing,
            s05_deleted_events_are_gone_and_numbers_stay,
            s06_numbers_go_on_after_everything_was_deleted,
            s07_a_batch_with_an_event_too_large_stores_nothing,
            s08_an_empty_batch_does_nothing,
            s09_expectations_decide,
            s10_a_retry_gives_the_first_answer,
            s12_racing_exact_appends_have_one_winner,
            s13_names_of_any_text_stay_apart,
            s14_time_ranges_hold_when_the_clock_steps_back,
            s15_a_correlation_is_read_in_order_over_actors,
            s16_unknown_correlations_have_nothing,
            s17_a_subscription_has_no_gap_and_no_duplicate,
            s18_a_stalled_reader_costs_the_writers_nothing,
            a_closed_store_ends_its_subscriptions,
            a_dropped_subscription_lets_go_of_who_waited,
            a_subscription_filters_and_says_when_it_caught_up,
            queries_combine_and_read_backward,
            queries_find_what_a_look_at_every_event_finds,
            retention_removes_only_what_is_released,
            senseless_requests_are_rejected,
            statistics_and_verification_add_up,
            too_broad_queries_are_refused,
            what_was_appended_is_what_is_read,
        }
    };
    ($subject:expr; $($check:ident,)*) => {
        $(
            #[test]
            fn $check() {
                $crate::conformance::$check(&$subject);
            }
        )*
    };
}
