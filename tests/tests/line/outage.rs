//! Engines fail in the middle of the work, one after the other, on a stack that nobody else uses.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::json;
use sluice_local::system::Setup;
use sluice_local::{Engine, Options, Stack};

use super::books::settle;
use super::harness::{audience, campaign, control, eventually, funnel, received, seeded, write};

const RECIPIENTS: usize = 400;
/// How long an engine is away.
const AWAY: Duration = Duration::from_secs(3);

#[test]
fn work_goes_on_after_each_engine_was_away_and_nothing_is_lost_or_sent_twice() {
    let stack = Arc::new(Stack::temporary(&Options::test()).expect("the engines start"));
    let setup = Setup::test().meta(&["--webhook-retry-max", "1000"]).configure(json!({"ledger": {"unknown_deadline_seconds": 5}}));
    let system = seeded(&stack, &setup);
    let prefix = "1555018";
    let made = campaign(&system, "outages", &audience(prefix, RECIPIENTS), 15);
    let id = made["id"].as_str().expect("an id").to_owned();
    let mut recipients: BTreeSet<String> = (0..RECIPIENTS).map(|n| format!("{prefix}{n:04}")).collect();
    let mut written = BTreeSet::new();
    control(&system, "start", &id);
    for (n, engine) in [Engine::Postgres, Engine::Cassandra, Engine::Kafka].into_iter().enumerate() {
        let before = received(&system, prefix).len();
        eventually(&system, "the campaign's progress", || (received(&system, prefix).len() > before).then_some(()));
        println!("{engine} goes away at {before} messages");
        stack.kill(engine).expect("killed");
        let from = format!("1555019{n:04}");
        written.insert(write(&system, &from, "3 bags of cement and 2 m³ of sand to 01310-100?"));
        recipients.insert(from.clone());
        thread::sleep(AWAY);
        stack.start_engine(engine).expect("starts again");
        let before = received(&system, prefix).len();
        println!("{engine} is back at {before} messages");
        assert!(before < RECIPIENTS, "the campaign was over too early to prove anything");
        eventually(&system, &format!("progress after {engine}"), || {
            let received = received(&system, prefix).len();
            (received > before).then_some(())
        });
        eventually(&system, &format!("an answer after {engine}"), || (!super::harness::texts(&system, &from).is_empty()).then_some(()));
    }
    let books = settle(&system, &recipients, &written);
    println!("{:?}", books.states(""));
    let over = eventually(&system, "a campaign that is over", || {
        let campaign = funnel(&system, &id, RECIPIENTS as i64);
        (campaign["state"] == "completed").then_some(campaign)
    });
    let quarantined = books.states(prefix).get("quarantined").copied().unwrap_or_default();
    assert_eq!(over["funnel"]["quarantined"], json!(quarantined), "{over}");
    // The history holds every customer, also the one who wrote while it was away.
    for n in 0..3 {
        eventually(&system, "the conversation in the archive", || {
            let found = system.api_get(&format!("/api/v1/conversations?q=1555019{n:04}")).ok()?;
            found["data"][0]["id"].is_string().then_some(())
        });
    }
    system.stop().expect("ends in its own way");
}
