//! Settings files: put in force when they change, refused as a whole when they are bad.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use steadfast_base::MemorySink;
use steadfast_policy::ErrorsRetry;
use steadfast_policy::{Bare, Pipeline, ReloadError, Retrier, Retry, SettingsFile, Then, names};

use crate::bench::{Bench, Script, ms};

type Retried = Pipeline<Then<Bare, Retrier<ErrorsRetry>>>;

/// A directory that is removed in the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("steadfast-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("works");
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("policies.toml")
    }

    fn write(&self, text: &str) {
        let fresh = self.0.join("policies.new");
        fs::write(&fresh, text).expect("works");
        fs::rename(fresh, self.file()).expect("works");
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn pipeline(bench: &Bench, name: &str) -> Retried {
    bench.builder().name(name).retry(Retry::constant(ms(1))).build().expect("works")
}

fn attempts(bench: &Bench, pipeline: &Retried) -> usize {
    let script = Script::<()>::new(&[Err("down")]);
    bench.block_on(pipeline.run(|_| async { script.next() })).expect_err("down");
    script.calls.get()
}

#[test]
fn a_changed_file_is_in_force_after_the_next_look() {
    let (bench, directory) = (Bench::new(), Directory::new("changed"));
    let (one, two) = (pipeline(&bench, "one"), pipeline(&bench, "two"));
    let mut file = SettingsFile::new(directory.file()).pipeline(&one).pipeline(&two);
    directory.write("[pipelines.one.retry]\nmax_attempts = 5\nbackoff = { base = 0.001 }\n");
    assert!(file.look().unwrap());
    assert_eq!((attempts(&bench, &one), attempts(&bench, &two)), (5, 3));
    assert!(!file.look().unwrap());
    directory.write(
        "[pipelines.one.retry]\nmax_attempts = 2\n[pipelines.two.retry]\nmax_attempts = 4\n",
    );
    assert!(file.look().unwrap());
    assert_eq!((attempts(&bench, &one), attempts(&bench, &two)), (2, 4));
}

#[test]
fn a_bad_file_keeps_the_old_settings_and_is_told_once() {
    let (bench, directory) = (Bench::new(), Directory::new("bad"));
    let (one, two) = (pipeline(&bench, "one"), pipeline(&bench, "two"));
    let file = SettingsFile::new(directory.file()).pipeline(&one).pipeline(&two);
    let mut file = file.sink(Arc::<MemorySink>::clone(&bench.sink), bench.clock.time());
    assert!(matches!(file.look(), Err(ReloadError::Read(_))), "there is none yet");
    assert!(file.look().is_err());
    directory.write("[pipelines.one.retry]\nmax_attempts = 5\n");
    assert!(file.look().unwrap());
    for (told, bad) in [
        "[pipelines.one.retry]\nmax_attempts = \"many\"\n",
        "[pipelines.one.retry\n",
        "[pipelines.one.retry]\nmax_tries = 9\n",
        "[pipelines.three.retry]\nmax_attempts = 9\n",
        "[pipelines.one.retry]\nmax_attempts = 9\n[pipelines.two.retry]\nmax_attempts = 0\n",
        "[pipelines.one]\nattempt_timeout = 1.0\n[pipelines.one.retry]\nmax_attempts = 9\n",
    ]
    .into_iter()
    .enumerate()
    {
        directory.write(bad);
        assert!(file.look().is_err(), "{bad}");
        assert!(!file.look().unwrap(), "not tried again: {bad}");
        let refused = bench.named(names::SETTINGS_REFUSED).len();
        assert_eq!(refused, told + 2, "one for the missing file, one for each bad one");
        assert_eq!((attempts(&bench, &one), attempts(&bench, &two)), (5, 3), "{bad}");
    }
    directory.write("[pipelines.one.retry]\nmax_attempts = 2\n");
    assert!(file.look().unwrap());
    assert_eq!(attempts(&bench, &one), 2);
}

#[test]
fn a_watched_file_is_looked_at_over_and_over_until_the_watch_is_dropped() {
    let (bench, directory) = (Bench::new(), Directory::new("watched"));
    let one = pipeline(&bench, "one");
    directory.write("[pipelines.one.retry]\nmax_attempts = 5\n");
    let file = SettingsFile::new(directory.file()).pipeline(&one).every(ms(1_000));
    let applied = || bench.named(names::SETTINGS_APPLIED).len();
    let watching = file.watch(bench.clock.time()).unwrap();
    // Each round lets the thread look, and virtual time pass to its next look.
    while applied() < 1 {
        std::thread::yield_now();
    }
    directory.write("[pipelines.one.retry]\nmax_attempts = 2\n");
    while applied() < 2 {
        bench.clock.advance_to_next();
        std::thread::yield_now();
    }
    drop(watching);
    assert_eq!(attempts(&bench, &one), 2);
    assert_eq!(bench.clock.pending(), 0);
}
