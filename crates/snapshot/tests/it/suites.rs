//! Both stores pass the suite of every store.

mod memory {
    use steadfast_base::Time;
    use steadfast_snapshot::{MemorySnapshots, snapshot_store_conformance};

    snapshot_store_conformance!(MemorySnapshots::new(Time::system()));
}

mod files {
    use std::sync::Arc;

    use steadfast_base::Time;
    use steadfast_base::storage::SimulatedStorage;
    use steadfast_snapshot::{FileSnapshots, FileSnapshotsConfig, snapshot_store_conformance};

    fn store() -> FileSnapshots {
        let storage = Arc::new(SimulatedStorage::new());
        FileSnapshots::open(storage, "snapshots", Time::system(), FileSnapshotsConfig::default())
            .expect("an empty directory opens")
    }

    snapshot_store_conformance!(store());
}
