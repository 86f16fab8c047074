//! The pipeline as a whole.

use std::future::ready;
use std::thread;

use steadfast_base::Time;
use steadfast_breaker::{CircuitBreaker, Config};
use steadfast_policy::{
    Bulkhead, BulkheadConfig, Call, Done, Environment, Error, Fallback, Layer, Next, NextSync,
    Pipeline, Profile, Retry, Stage,
};

use crate::bench::{Bench, ms};

#[test]
fn the_first_policy_added_is_the_outermost() {
    use std::sync::{Arc, Mutex};
    type Log = Arc<Mutex<Vec<&'static str>>>;
    struct Note(&'static str, &'static str, Log);
    impl<T, E> Stage<T, E> for Note {
        async fn run<N: Next<T, E>>(&self, call: Call, next: N) -> Done<T, E> {
            self.2.lock().unwrap().push(self.0);
            let done = next.run(call).await;
            self.2.lock().unwrap().push(self.1);
            done
        }
        fn call<N: NextSync<T, E>>(&self, call: Call, next: N) -> Done<T, E> {
            self.2.lock().unwrap().push(self.0);
            let done = next.call(call);
            self.2.lock().unwrap().push(self.1);
            done
        }
    }
    impl Layer for Note {
        type Stage = Self;
        fn profile(&self) -> Profile {
            Profile::new("note")
        }
        fn into_stage(self, _environment: &Environment) -> Self {
            self
        }
    }
    let bench = Bench::new();
    let log = Log::default();
    let note = |enter, leave| Note(enter, leave, Arc::clone(&log));
    let pipeline = bench
        .builder()
        .layer(note("a", "A"))
        .layer(note("b", "B"))
        .layer(note("c", "C"))
        .build()
        .unwrap();
    bench.block_on(pipeline.run(|_| ready(Ok::<_, ()>(())))).unwrap();
    pipeline.call(|_| Ok::<_, ()>(())).unwrap();
    assert_eq!(log.lock().unwrap().join(""), "abcCBAabcCBA");
}

#[test]
fn a_run_can_be_sent_to_another_thread() {
    let time = Time::system();
    let breaker = CircuitBreaker::new("b", Config::default(), time.clone()).unwrap();
    let bulkhead = Bulkhead::new(BulkheadConfig::new(10), time.clone()).unwrap();
    let pipeline = Pipeline::builder()
        .time(time)
        .total_deadline(ms(10_000))
        .fallback(Fallback::with(|error: Error<String>| Err::<String, _>(error)))
        .retry(Retry::default())
        .breaker(&breaker)
        .bulkhead(bulkhead)
        .attempt_timeout(ms(5_000))
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let name = String::from("sent");
    let run = async move {
        let made = |_call: Call| {
            let name = name.clone();
            async move { Ok::<_, String>(name) }
        };
        pipeline.run(made).await
    };
    let result = thread::spawn(move || runtime.block_on(run)).join().unwrap();
    assert_eq!(result, Ok("sent".to_owned()));
}

#[test]
fn a_panic_of_the_call_goes_on_and_gives_everything_back() {
    let bench = Bench::new();
    let bulkhead = Bulkhead::new(BulkheadConfig::new(1), bench.clock.time()).unwrap();
    let pipeline = bench.builder().retry(Retry::default()).bulkhead(bulkhead.clone()).build();
    let pipeline = pipeline.unwrap();
    let run =
        std::panic::AssertUnwindSafe(|| pipeline.call::<(), (), _>(|_| panic!("out of paper")));
    assert!(std::panic::catch_unwind(run).is_err());
    assert_eq!(bulkhead.available(), 1);
    assert!(!steadfast_base::context::is_set());
}

#[test]
fn clones_are_the_same_pipeline() {
    let bench = Bench::new();
    let bulkhead = Bulkhead::new(BulkheadConfig::new(1), bench.clock.time()).unwrap();
    let pipeline = bench.builder().bulkhead(bulkhead).build().unwrap();
    let other = pipeline.clone();
    let nested =
        pipeline.call(|_| other.call(|_| Ok::<_, ()>(())).map_err(|error| error.is_rejected()));
    assert_eq!(nested, Err(Error::Inner(true)));
    assert_eq!(pipeline.name(), "bench");
}
