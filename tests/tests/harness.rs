//! The harness itself: several systems share a stack unseen by each other, and a killed `sluice run` goes on where it was.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_local::system::Setup;
use sluice_local::system::seed::PHONE_NUMBER_ID;
use sluice_local::{Options, Stack, System};

fn write(system: &System, from: &str, text: &str) -> Result<(), sluice_local::Error> {
    let message = json!({"phone_number_id": PHONE_NUMBER_ID, "from": from, "text": text});
    system.meta_post("/_sim/inbound", &message).map(drop)
}

/// What the simulated Meta accepted for a recipient, once it is `wanted` messages.
fn answers(system: &System, to: &str, wanted: usize) -> Result<Vec<Value>, sluice_local::Error> {
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let ledger = system.meta_get("/_sim/ledger?after=0&limit=10000")?;
        let found: Vec<Value> = ledger["data"].as_array().into_iter().flatten().filter(|entry| entry["to"] == to).cloned().collect();
        if found.len() >= wanted {
            return Ok(found);
        }
        assert!(Instant::now() < deadline, "{} of {wanted} answers to {to}", found.len());
        system.check()?;
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn systems_share_a_stack_unseen_and_a_killed_one_goes_on() -> anyhow::Result<()> {
    let stack = Arc::new(Stack::temporary(&Options::test())?);
    let one = System::start(&stack, &Setup::test().partitions(2))?;
    let other = System::start(&stack, &Setup::test().partitions(2))?;
    assert!(one.seed()?);
    assert!(!one.seed()?, "a second seeding changed something");
    assert!(other.sluice_json(&["tenant", "list"])?.is_empty(), "one system sees the other's tenant");

    write(&one, "15550110001", "3 bags of cement to 01310-100?")?;
    answers(&one, "15550110001", 1)?;
    one.kill_sluice()?;
    write(&one, "15550110002", "5 bags of cement to 01310-100?")?;
    one.start_sluice()?;
    let answered = answers(&one, "15550110002", 1)?;
    let text = answered[0]["body"]["text"]["body"].as_str().unwrap_or_default();
    assert!(text.contains("194.50"), "{text}");
    assert_eq!(answers(&one, "15550110001", 1)?.len(), 1, "an answer from before the crash was sent again");

    assert_eq!(other.meta_get("/_sim/summary")?["accepted"], 0);
    one.stop()?;
    other.stop()?;
    Ok(())
}
