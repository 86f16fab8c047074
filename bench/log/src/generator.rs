//! An endless, seeded stream of realistic events, the same on every machine.

use std::{fmt::Write as _, sync::Arc};

use crate::event::{Event, Id, TAGS};

/// SplitMix64: tiny, and the same on every machine and version.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn words(&mut self, count: u64) -> String {
        let words: Vec<_> = (0..count).map(|_| self.pick(WORDS)).collect();
        words.join(" ")
    }
}

const ACTORS: u32 = 1_000;
const OPEN_FLOWS: u64 = 256;
const KINDS: &[&str] = &["user", "service", "agent", "device"];
const CURRENCIES: &[&str] = &["EUR", "USD", "GBP", "SEK", "JPY"];
const STATES: &[&str] = &["queued", "running", "done", "failed", "retried", "cancelled"];
const CITIES: &[&str] = &["Berlin", "Oslo", "Lagos", "Quito", "Osaka", "Pune", "Austin", "Lyon"];
const PAGES: &[&str] = &["/home", "/search", "/cart", "/account/orders", "/docs/api", "/pricing"];
const WORDS: &[&str] = &[
    "the",
    "order",
    "was",
    "late",
    "please",
    "check",
    "again",
    "customer",
    "asked",
    "for",
    "a",
    "refund",
    "and",
    "we",
    "agreed",
    "to",
    "send",
    "new",
    "part",
    "before",
    "friday",
    "invoice",
    "missing",
    "address",
    "changed",
    "after",
    "payment",
    "still",
    "waiting",
    "on",
    "warehouse",
    "label",
    "printed",
    "twice",
    "needs",
    "review",
    "from",
    "billing",
    "team",
    "soon",
];

/// A business process under way: its events share one correlation id, each caused by the one before.
struct Flow {
    correlation: Option<Id>,
    last: Id,
    left: u64,
}

/// An endless, seeded stream of events: 1,000 actors by Zipf's law, flows of about 20 events each.
pub struct Generator {
    rng: Rng,
    at: u64,
    /// Cumulative weight of the actors, the most popular first.
    actors: Vec<(f64, Arc<str>)>,
    flows: Vec<Flow>,
}

impl Generator {
    pub fn new(seed: u64) -> Self {
        let mut total = 0.0;
        let actors = (0..ACTORS).map(|rank| {
            total += 1.0 / f64::from(rank + 1);
            let number = rank * 7_919 % 1_000_003;
            let kind = KINDS[number as usize % KINDS.len()];
            (total, format!("{kind}-{number:06}").into())
        });
        let actors = actors.collect();
        Self { actors, flows: Vec::new(), rng: Rng(seed), at: 1_750_000_000_000_000 }
    }

    fn actor(&mut self) -> Arc<str> {
        let total = self.actors.last().map_or(0.0, |(weight, _)| *weight);
        let drawn = self.rng.unit() * total;
        let rank = self.actors.partition_point(|(weight, _)| *weight <= drawn);
        Arc::clone(&self.actors[rank].1)
    }

    /// A UUIDv7 of the current time.
    fn id(&mut self) -> Id {
        let mut bytes = [0; 16];
        bytes[..8]
            .copy_from_slice(&((self.at / 1_000) << 16 | self.rng.below(1 << 16)).to_be_bytes());
        bytes[8..].copy_from_slice(&self.rng.next().to_be_bytes());
        bytes[6] = 0x70 | bytes[6] & 0x0f;
        bytes[8] = 0x80 | bytes[8] & 0x3f;
        Id(bytes)
    }

    fn flow(&mut self) -> &mut Flow {
        let slot = self.rng.below(OPEN_FLOWS) as usize;
        while self.flows.len() <= slot {
            self.flows.push(Flow { correlation: None, last: Id::default(), left: 0 });
        }
        if self.flows[slot].left == 0 {
            let left = 10 + self.rng.below(21);
            self.flows[slot] = Flow { correlation: None, last: Id::default(), left };
        }
        self.flows[slot].left -= 1;
        &mut self.flows[slot]
    }

    fn payload(&mut self, tag: u8) -> String {
        let rng = &mut self.rng;
        let n = rng.below(100_000);
        let mut out = String::with_capacity(256);
        match tag {
            0 => {
                write!(out, r#"{{"order":"ord_{:010x}","currency":"{}","items":["#, rng.next() >> 24, rng.pick(CURRENCIES)).ok();
                for item in 0..1 + rng.below(4) {
                    let comma = if item > 0 { "," } else { "" };
                    write!(out, r#"{comma}{{"sku":"SKU-{:05}","qty":{},"price":{}.{:02}}}"#, rng.below(20_000), 1 + rng.below(5), rng.below(300), rng.below(100)).ok();
                }
                write!(out, r#"],"express":{}}}"#, rng.below(4) == 0)
            }
            1 => write!(out, r#"{{"payment":"pay_{:016x}","amount":{}.{:02},"currency":"{}","method":"{}","last4":"{:04}","risk":{:.3},"captured":true,"descriptor":"EXAMPLE SHOP {n}","attempts":{}}}"#, rng.next(), rng.below(900), rng.below(100), rng.pick(CURRENCIES), rng.pick(&["card", "sepa", "wallet"]), rng.below(10_000), rng.unit(), 1 + rng.below(3)),
            2 => write!(out, r#"{{"shipment":"1Z{:012}","status":"{}","city":"{}","eta_hours":{},"weight_kg":{:.2},"carrier":"{}","note":"{}","signature_required":{}}}"#, rng.below(1_000_000_000_000), rng.pick(&["picked_up", "in_transit", "out_for_delivery", "delivered", "delayed"]), rng.pick(CITIES), rng.below(96), rng.unit() * 20.0, rng.pick(&["ups", "dhl", "postnord"]), rng.words(6), rng.below(2) == 0),
            3 => write!(out, r#"{{"ip":"{}.{}.{}.{}","user_agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/{}.0.{}.0 Safari/537.36","mfa":{},"session":"{:016x}","result":"{}"}}"#, 1 + rng.below(223), rng.below(256), rng.below(256), rng.below(256), 110 + rng.below(20), rng.below(7_000), rng.below(2) == 0, rng.next(), rng.pick(&["ok", "ok", "ok", "bad_password", "locked"])),
            4 => write!(out, r#"{{"path":"{}","query":"{}","referrer":"https://www.example.com{}","session":"{:016x}","duration_ms":{},"viewport":[{},{}],"status":200}}"#, rng.pick(PAGES), rng.words(2), rng.pick(PAGES), rng.next(), rng.below(4_000), 320 + rng.below(1_600), 480 + rng.below(900)),
            5 => {
                let length = 18 + rng.below(16);
                write!(out, r#"{{"ticket":{n},"author":"{}","text":"{}","internal":{}}}"#, rng.pick(KINDS), rng.words(length), rng.below(3) == 0)
            }
            6 => write!(out, r#"{{"sensor":"s-{:04}","temperature":{:.2},"humidity":{:.1},"pressure":{:.1},"battery":{:.3},"rssi":-{},"firmware":"2.{}.{}","position":{{"lat":{:.6},"lon":{:.6}}},"uptime_s":{}}}"#, rng.below(5_000), rng.unit() * 40.0, rng.unit() * 100.0, 950.0 + rng.unit() * 100.0, rng.unit(), 30 + rng.below(70), rng.below(20), rng.below(10), rng.unit() * 180.0 - 90.0, rng.unit() * 360.0 - 180.0, rng.below(10_000_000)),
            7 => write!(out, r#"{{"job":"job-{:08x}","state":"{}","queue":"{}","attempt":{},"duration_ms":{},"worker":"worker-{:02}.eu-west","rows":{},"trace":"{:016x}","error":null}}"#, rng.next() >> 32, rng.pick(STATES), rng.pick(&["default", "mail", "reports", "imports"]), 1 + rng.below(5), rng.below(60_000), rng.below(40), rng.below(1_000_000), rng.next()),
            8 => {
                let length = 10 + rng.below(14);
                write!(out, r#"{{"channel":"ch_{n}","message":"msg_{:016x}","text":"{}","mentions":[{}],"edited":false}}"#, rng.next(), rng.words(length), rng.below(1_000))
            }
            _ => write!(out, r#"{{"account":"acc_{n}","changes":{{"email":{{"from":"user{}@example.com","to":"user{}@example.org"}},"plan":"{}"}},"reason":"{}","approved_by":"user-{:06}"}}"#, rng.below(100_000), rng.below(100_000), rng.pick(&["free", "team", "business"]), rng.words(5), rng.below(1_000_000)),
        }
        .expect("a String takes any text");
        out
    }
}

impl Iterator for Generator {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.at += self.rng.below(2_000);
        let id = self.id();
        let tag = self.rng.below(TAGS.into()) as u8;
        let actor = self.actor();
        let payload = self.payload(tag);
        let flow = self.flow();
        let correlation = *flow.correlation.get_or_insert(id);
        let causation = std::mem::replace(&mut flow.last, id);
        Some(Event { id, tag, actor, at: self.at, correlation, causation, payload })
    }
}
