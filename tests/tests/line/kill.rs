//! `sluice run` is killed in the middle of its work, again and again, and the books are compared afterwards.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use sluice_local::System;
use sluice_local::system::Setup;

use super::books::settle;
use super::harness::{audience, campaign, control, dice, eventually, funnel, seeded, stack, write};

const RECIPIENTS: usize = 400;
const KILLS: usize = 3;

/// Customers who write, one request each, and everybody who is to get a message.
struct Traffic<'a> {
    system: &'a System,
    recipients: BTreeSet<String>,
    written: BTreeSet<String>,
}

impl Traffic<'_> {
    fn customer(&mut self) {
        let from = format!("1555016{:04}", self.written.len() + 100);
        self.written.insert(write(self.system, &from, "3 bags of cement and 2 m³ of sand to 01310-100?"));
        self.recipients.insert(from);
    }

    fn customers_for(&mut self, duration: Duration) {
        let until = Instant::now() + duration;
        while Instant::now() < until {
            self.customer();
            thread::sleep(Duration::from_millis(200));
        }
    }
}

#[test]
fn after_kills_at_any_moment_nothing_is_lost_and_nothing_is_sent_twice() {
    let mut dice = dice();
    let setup = Setup::test().meta(&["--webhook-retry-max", "1000"]).configure(json!({"ledger": {"unknown_deadline_seconds": 5}}));
    let system = seeded(stack(), &setup);
    let made = campaign(&system, "killed", &audience("1555017", RECIPIENTS), 30);
    let id = made["id"].as_str().expect("an id").to_owned();
    let recipients = (0..RECIPIENTS).map(|n| format!("1555017{n:04}")).collect();
    let mut traffic = Traffic { system: &system, recipients, written: BTreeSet::new() };
    // Answers that take their time, and some that never come: a kill then meets sends that Meta has and we do not know of.
    for fault in [
        json!({"kind": "latency", "when": "after", "ms": 300, "jitter_ms": 200, "path": "/messages"}),
        json!({"kind": "reset", "when": "after", "probability": 0.02, "path": "/messages"}),
        json!({"kind": "reset", "when": "before", "probability": 0.02, "path": "/messages"}),
    ] {
        system.meta_post("/_sim/faults", &fault).expect("a fault");
    }
    control(&system, "start", &id);
    for kill in 0..KILLS {
        let after = Duration::from_millis(dice.between(600, 3_000));
        println!("kill {kill} after {after:?}");
        traffic.customers_for(after);
        system.kill_sluice().expect("killed");
        // Customers do not know that nobody listens: Meta keeps what they write.
        traffic.customer();
        if kill == 1 {
            // A machine that is lost: everything must come back from the changelogs.
            fs::remove_dir_all(system.dir().join("state")).expect("the state is there");
        }
        let took = system.start_sluice().unwrap_or_else(|error| panic!("{error}"));
        println!("ready again after {took:?}");
    }
    traffic.customers_for(Duration::from_secs(1));
    let books = settle(&system, &traffic.recipients, &traffic.written);
    println!("{:?}", books.states(""));
    // The pages must say what the topics say.
    let over = eventually(&system, "a campaign that is over", || {
        let campaign = funnel(&system, &id, RECIPIENTS as i64);
        (campaign["state"] == "completed").then_some(campaign)
    });
    let quarantined = |prefix: &str| books.states(prefix).get("quarantined").copied().unwrap_or_default();
    assert_eq!(over["funnel"]["quarantined"], json!(quarantined("1555017")), "{over}");
    let shown = system.sluice_json(&["quarantine", "list", "--tenant", "acme"]).expect("the quarantine");
    assert_eq!(shown.len(), quarantined(""));
    system.stop().expect("ends in its own way");
}
