//! The feature switch of graceful degradation.

use tokio::runtime::Builder;

use steadfast_actor_core::System;
use steadfast_health::{Degradation, DegradationConfig, FeatureSwitch};

use super::super::STEADFAST;
use crate::{case::Case, workload::Kind};

const FEATURE: &str = "recommendations";

pub fn switch() -> Case {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime starts");
    // A switch outlives its system and stays on.
    let switch: FeatureSwitch = runtime.block_on(async {
        let system = System::builder("bench").build().expect("the name is valid");
        let config = DegradationConfig::default().feature(FEATURE, "normal");
        let degradation = Degradation::builder().config(config).start(&system);
        let degradation = degradation.expect("the settings are valid");
        let switch = degradation.feature(FEATURE).expect("the feature is in the settings");
        system.shutdown().await;
        switch
    });
    Case::sync(Kind::FeatureSwitch, STEADFAST, move || switch.is_on())
}
