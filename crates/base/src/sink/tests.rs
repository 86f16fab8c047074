//! Tests of the sinks.

use std::time::Duration;

use super::*;
use crate::id::{ActorId, EventId};
use crate::time::Timestamp;

fn emit(sink: &dyn Sink, name: &'static str) {
    sink.emit(&Event::new(name, Timestamp::UNIX_EPOCH, &[]));
}

#[test]
fn a_full_memory_sink_drops_the_oldest_and_counts() {
    let sink = MemorySink::new(2);
    for name in ["a", "b", "c", "d"] {
        emit(&sink, name);
    }
    assert_eq!((sink.names(), sink.dropped()), (vec!["c", "d"], 2));
    assert_eq!(sink.take().len(), 2);
    emit(&sink, "e");
    assert_eq!((sink.names(), sink.dropped()), (vec!["e"], 2));
}

#[test]
fn a_memory_sink_without_room_keeps_nothing() {
    let sink = MemorySink::new(0);
    emit(&sink, "a");
    assert_eq!((sink.names().len(), sink.dropped()), (0, 1));
}

#[test]
fn a_fanout_tells_all_and_is_enabled_if_one_is() {
    let kept = Arc::new(MemorySink::new(2));
    let fanout = Fanout::new(vec![Arc::new(NullSink), Arc::clone(&kept) as Arc<dyn Sink>]);
    emit(&fanout, "a");
    assert_eq!(kept.names(), ["a"]);
    assert!(fanout.enabled());
    assert!(!Fanout::new(vec![Arc::new(NullSink)]).enabled());
}

#[test]
fn values_are_kept_as_what_they_are() {
    let id = EventId::from_u128(3);
    let fields = [
        ("bool", Value::from(true)),
        ("u64", Value::from(7_usize)),
        ("i64", Value::from(-7)),
        ("f64", Value::from(0.5)),
        ("span", Value::from(Duration::from_millis(1_500))),
        ("text", Value::from("x")),
        ("actor", Value::from(ActorId::new(9))),
        ("id", Value::from(&id)),
    ];
    let kept = Event::new("all", Timestamp::UNIX_EPOCH, &fields).to_owned();
    let shown = "all bool=true u64=7 i64=-7 f64=0.5 span=1.5s text=x actor=9 \
                 id=00000000-0000-0000-0000-000000000003";
    assert_eq!(kept.to_string(), shown);
    assert_eq!(Event::new("all", Timestamp::UNIX_EPOCH, &fields).to_string(), shown);
    let json = serde_json::to_value(&kept).unwrap();
    assert_eq!(json["fields"][4][1], 1.5);
    assert_eq!(json["fields"][1][1], 7);
}
