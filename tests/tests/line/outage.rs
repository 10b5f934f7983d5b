//! Engines fail in the middle of the work, one after the other, on a stack that nobody else uses.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::json;
use sluice_local::system::Setup;
use sluice_local::{Engine, Options, Stack};

use super::books::settle;
use super::harness::{audience, campaign, control, eventually, funnel, received, seeded, texts, write};

/// Of each campaign; at [`RATE`] a second it is in its middle when an engine goes away.
const RECIPIENTS: usize = 100;
const RATE: u32 = 20;
/// How long an engine is away.
const AWAY: Duration = Duration::from_secs(3);
const REQUEST: &str = "3 bags of cement and 2 m³ of sand to 01310-100?";

#[test]
fn work_goes_on_after_each_engine_was_away_and_nothing_is_lost_or_sent_twice() {
    let stack = Arc::new(Stack::temporary(&Options::test()).expect("the engines start"));
    let setup = Setup::test().meta(&["--webhook-retry-max", "1000"]).configure(json!({"ledger": {"unknown_deadline_seconds": 5}}));
    let system = seeded(&stack, &setup);
    let (mut recipients, mut written, mut campaigns) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    let mut customer = |from: String| {
        written.insert(write(&system, &from, REQUEST));
        from
    };
    let answered = |from: &str, when: &str| {
        eventually(&system, &format!("an answer {when}"), || (!texts(&system, from).is_empty()).then_some(()));
    };
    for (n, engine) in [Engine::Postgres, Engine::Cassandra, Engine::Kafka].into_iter().enumerate() {
        let prefix = format!("1555018{n}");
        let made = campaign(&system, &format!("without-{engine}"), &audience(&prefix, RECIPIENTS), RATE);
        let id = made["id"].as_str().expect("an id").to_owned();
        recipients.extend((0..RECIPIENTS).map(|n| format!("{prefix}{n:04}")));
        control(&system, "start", &id);
        eventually(&system, "the first messages", || (!received(&system, &prefix).is_empty()).then_some(()));
        stack.kill(engine).expect("killed");
        println!("{engine} is away after {} messages", received(&system, &prefix).len());
        let from = customer(format!("15550191{n:03}"));
        if engine == Engine::Cassandra {
            answered(&from, "while only the archive is away");
        }
        thread::sleep(AWAY);
        println!(
            "{engine} is back in {:?} after {} messages",
            stack.start_engine(engine).expect("starts"),
            received(&system, &prefix).len()
        );
        answered(&from, &format!("to who wrote while {engine} was away"));
        let next = customer(format!("15550192{n:03}"));
        answered(&next, &format!("after {engine} is back"));
        recipients.extend([from, next]);
        campaigns.push((id, prefix));
    }
    let books = settle(&system, &recipients, &written);
    println!("{:?}", books.states(""));
    for (id, prefix) in campaigns {
        let over = eventually(&system, "a campaign that is over", || {
            let campaign = funnel(&system, &id, RECIPIENTS as i64);
            (campaign["state"] == "completed").then_some(campaign)
        });
        let quarantined = books.states(&prefix).get("quarantined").copied().unwrap_or_default();
        assert_eq!(over["funnel"]["quarantined"], json!(quarantined), "{over}");
    }
    // The history holds every customer, also who wrote while it was away.
    for from in recipients.iter().filter(|from| from.starts_with("1555019")) {
        eventually(&system, &format!("{from} in the archive"), || {
            let found = system.api_get(&format!("/api/v1/conversations?q={from}")).ok()?;
            found["data"][0]["id"].is_string().then_some(())
        });
    }
    system.stop().expect("ends in its own way");
}
