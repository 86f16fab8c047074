//! The embedded store passes the suite.

#[cfg(feature = "test-util")]
mod suite {
    use std::sync::{Arc, Mutex};

    use steadfast_base::Time;
    use steadfast_base::storage::SimulatedStorage;
    use steadfast_eventlog::conformance::Subject;
    use steadfast_eventlog::segment_store::SegmentStore;
    use steadfast_eventlog::{EventStore, block_on, event_store_conformance};

    use super::super::config;

    struct OnSimulatedDisk {
        storage: SimulatedStorage,
        store: Mutex<SegmentStore>,
    }

    impl OnSimulatedDisk {
        fn new() -> Self {
            let storage = SimulatedStorage::new();
            let store = Mutex::new(open(&storage));
            Self { storage, store }
        }
    }

    fn open(storage: &SimulatedStorage) -> SegmentStore {
        SegmentStore::open_on(Arc::new(storage.clone()), config(), Time::system()).unwrap()
    }

    impl Subject for OnSimulatedDisk {
        fn store(&self) -> Arc<dyn EventStore> {
            Arc::new(self.store.lock().unwrap().clone())
        }

        fn reopen(&self) -> bool {
            let mut store = self.store.lock().unwrap();
            block_on(store.close()).unwrap();
            *store = open(&self.storage);
            true
        }

        fn roll(&self) {
            block_on(self.store.lock().unwrap().begin_segment()).unwrap();
        }
    }

    event_store_conformance!(OnSimulatedDisk::new());
}
