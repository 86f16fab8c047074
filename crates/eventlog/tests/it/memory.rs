//! The store in memory passes the suite of every store.

use std::sync::Arc;

use steadfast_eventlog::conformance::Volatile;
use steadfast_eventlog::{MemoryStore, event_store_conformance};

event_store_conformance!(Volatile::new(Arc::new(MemoryStore::default())));
