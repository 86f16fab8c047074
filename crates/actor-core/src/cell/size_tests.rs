//! How much memory an actor takes: the figures that the idle bar stands on.

use std::{convert::Infallible, mem::size_of_val, sync::Arc};

use super::{Cell, run};
use crate::{Actor, Cx, Flow, IntoFactory, Overflow, System, mailbox::Held};

struct Tally(#[expect(dead_code, reason = "stands for state")] [u64; 2]);

impl Actor for Tally {
    type Msg = [u64; 3];
    type Error = Infallible;

    async fn handle(&mut self, _: [u64; 3], _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        Ok(Flow::Continue)
    }
}

#[test]
fn the_task_of_a_small_actor_fits_256_bytes_with_tokio_header() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    let system = System::builder("sizes").build().unwrap();
    let inner = Arc::clone(system.inner());
    let cell: Arc<Cell<[u64; 3]>> =
        Arc::new(Cell::new(inner.next_id(), inner, 16, Overflow::default(), None, None));
    let state = [7_u64; 2];
    let factory = IntoFactory::into_factory(move || Tally(state));
    let task = run::<Tally, _>(Cx::new(Held::new(Arc::clone(&cell)).unwrap()), factory, None);
    assert!(size_of_val(&*cell) <= 184, "the cell takes {} bytes", size_of_val(&*cell));
    assert!(size_of_val(&task) <= 160, "the task takes {} bytes", size_of_val(&task));
}
