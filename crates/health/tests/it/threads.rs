//! On a real runtime with threads: checks that block their thread, stopping under load.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use steadfast_actor_core::System;
use steadfast_base::{Health, HealthCheck, HealthReport};
use steadfast_health::{CheckSettings, CheckState, HealthChecker};

use crate::support::{Does, Told};

/// A check that blocks its thread until the gate opens.
struct Blocks(Arc<(Mutex<bool>, Condvar)>);

#[async_trait]
impl HealthCheck for Blocks {
    fn name(&self) -> &'static str {
        "blocks"
    }

    async fn check(&self) -> HealthReport {
        let (open, opened) = &*self.0;
        let mut open = open.lock().unwrap();
        while !*open {
            open = opened.wait(open).unwrap();
        }
        Health::Healthy.into()
    }
}

#[test]
fn a_check_that_blocks_its_thread_fails_and_holds_up_nobody() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let system = System::builder("test").runtime(runtime.handle().clone()).build().unwrap();
    let quick = CheckSettings::every(Duration::from_millis(20)).timeout(Duration::from_millis(10));
    let fine = Told::new("fine", Does::Pass);
    let checker = HealthChecker::builder()
        .check_with(Arc::new(Blocks(Arc::clone(&gate))), quick.clone())
        .check_with(fine.clone(), quick)
        .start(&system)
        .unwrap();
    runtime.block_on(async {
        let mut summary = checker.check_now().await;
        for _ in 0..10_000 {
            if summary.check("blocks").unwrap().state == CheckState::Unhealthy {
                break;
            }
            summary = checker.check_now().await;
        }
        let blocks = summary.check("blocks").unwrap();
        assert_eq!(blocks.state, CheckState::Unhealthy);
        assert_eq!(summary.check("fine").unwrap().state, CheckState::Healthy);
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
        for _ in 0..10_000 {
            if checker.check_now().await.health == Health::Healthy {
                break;
            }
        }
        assert_eq!(checker.health(), Health::Healthy, "it comes back when the thread is free");
        assert_eq!(checker.stop().await, 0);
        system.shutdown().await;
        assert_eq!(system.task_count(), 0);
    });
}
