//! New settings while everything runs.

use std::fs;
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::time::Duration;

use steadfast_actor_core::testkit::TestSystem;
use steadfast_assembly::{ComponentConfig, SetupError, Steadfast, names};
use steadfast_base::MemorySink;

use crate::support::{config, on, secs};

const ONE: &str = "[components.mail]\nretry = { max_attempts = 2 }\n";

/// A file that is removed with its folder.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str, text: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("steadfast-{}-{test}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let scratch = Self(folder);
        scratch.write(text);
        scratch
    }

    fn path(&self) -> PathBuf {
        self.0.join("steadfast.toml")
    }

    /// Replaced by a rename, as an operator should.
    fn write(&self, text: &str) {
        let draft = self.0.join("draft");
        fs::write(&draft, text).unwrap();
        fs::rename(draft, self.path()).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[test]
fn policies_are_switched_on_set_and_switched_off_while_calls_go_on() {
    on(
        ONE,
        |builder| builder,
        |system| async move {
            let mail = system.component("mail").unwrap().clone();
            assert!(mail.breaker().is_none());

            let more = "[components.mail]\nbreaker = { consecutive_failures = 1 }\nattempt_timeout = 1.0\n\
                    bulkhead = { max_concurrent_calls = 3 }\n";
            system.reconfigure(config(more)).unwrap();
            assert!(mail.retry_statistics().is_none(), "not named any more");
            assert_eq!(mail.bulkhead().unwrap().available(), 3);
            assert!(mail.call(|_| Err::<(), _>("down")).unwrap_err().into_inner().is_some());
            assert!(mail.call(|_| Ok::<_, ()>(())).unwrap_err().is_rejected());

            system.reconfigure(config("[components.mail]\n")).unwrap();
            assert!(mail.call(|_| Ok::<_, ()>(())).is_ok(), "no breaker any more");
            assert_eq!(system.config(), config("[components.mail]\n"));
        },
    );
}

#[test]
fn bad_settings_change_nothing() {
    let sink = Arc::new(MemorySink::new(100));
    let add = |builder: steadfast_assembly::Builder| builder.sink(sink.clone());
    on(ONE, add, |system| async move {
        let before = system.config();
        for bad in [
            "[components.mail]\nretry = { max_attempts = 0 }\n",
            "[components.mail]\n[components.web]\n",
            "",
            "[components.mail]\nrate_limit = { algorithm = \"fixed-window\" }\n",
            "[components.mail]\n[health.checks.nobody]\n",
            "[components.mail]\n[degradation.features]\nnew = \"normal\"\n",
        ] {
            assert!(system.reconfigure(config(bad)).is_err(), "{bad}");
            assert_eq!(system.config(), before);
            assert!(system.component("mail").unwrap().retry_statistics().is_some());
        }
    });
    let refused = sink.names().iter().filter(|name| **name == names::CONFIG_REFUSED).count();
    assert_eq!(refused, 6);
}

#[test]
fn a_file_is_put_in_force_when_it_changes_and_a_bad_one_is_not() {
    let scratch = Scratch::new("look", ONE);
    let test = TestSystem::new();
    test.run(async {
        let system = Steadfast::builder()
            .component("code", ComponentConfig::default())
            .config_file(scratch.path())
            .start(test.system())
            .unwrap();
        let attempts = || system.config().components["mail"].retry.unwrap().max_attempts;
        assert_eq!(attempts(), 2);
        assert!(system.component("code").is_ok(), "what the file does not name stays");
        assert!(!system.look_at_file().unwrap());

        scratch.write("[components.mail]\nretry = { max_attempts = 5 }\n");
        assert!(system.look_at_file().unwrap());
        assert_eq!(attempts(), 5);

        for bad in ["[components.mail]\nretry = { max_attempts = 0 }\n", "not = [toml"] {
            scratch.write(bad);
            assert!(matches!(system.look_at_file(), Err(SetupError::Config(_))));
            assert!(!system.look_at_file().unwrap(), "not tried again before it changes");
            assert_eq!(attempts(), 5);
        }
        fs::remove_file(scratch.path()).unwrap();
        assert!(matches!(system.look_at_file(), Err(SetupError::File { .. })));
        scratch.write("[components.mail]\nretry = { max_attempts = 7 }\n");
        assert!(system.look_at_file().unwrap());
        assert_eq!(attempts(), 7);
        assert_eq!(system.stop().await, 0);
    });
}

#[test]
fn a_file_is_watched() {
    let scratch = Scratch::new("watch", ONE);
    let test = TestSystem::new();
    test.run(async {
        let builder = Steadfast::builder().config_file(scratch.path()).look_every(secs(2));
        let tasks = test.system().task_count();
        let system = builder.start(test.system()).unwrap();
        scratch.write("[components.mail]\nretry = { max_attempts = 5 }\n");
        let time = test.system().time().clone();
        // The file is read on a real thread, so virtual time may run ahead of it.
        for _ in 0..100_000 {
            if system.config().components["mail"].retry.unwrap().max_attempts == 5 {
                break;
            }
            std::thread::yield_now();
            time.sleep(Duration::from_millis(500)).await;
        }
        assert_eq!(system.config().components["mail"].retry.unwrap().max_attempts, 5);
        assert_eq!(system.stop().await, 0);
        test.settle().await;
        assert_eq!(test.system().task_count(), tasks);
    });
}

#[test]
fn a_file_that_is_not_there_fails_the_start() {
    let test = TestSystem::new();
    let missing = std::env::temp_dir().join("steadfast-not-there").join("x.toml");
    let start = Steadfast::builder().config_file(missing).start(test.system());
    assert!(matches!(start, Err(SetupError::File { .. })));
}
