//! Instances come and go under load: partitions move only when they must, and nothing is lost or done twice.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_local::System;
use sluice_local::system::{Instance, Setup, binary};

use super::books::settle;
use super::harness::{audience, campaign, control, eventually, funnel, seeded, stack, write};

const RECIPIENTS: usize = 300;
const PREFIX: &str = "1555019";
/// Of the consumer groups, less the time between two heartbeats.
const SESSION: Duration = Duration::from_secs(7);
/// What scales by partitions.
const SCALES: [&str; 7] = ["intake", "ledger", "reconcile", "sender", "expand", "archive", "tally"];

/// Every assignment of the chain intake that an instance told, oldest first.
fn assignments(system: &System, log: &str) -> Vec<BTreeSet<i64>> {
    let text = fs::read_to_string(system.dir().join("logs").join(format!("{log}.log"))).unwrap_or_default();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["message"] == "assigned and restored" && line["chain"] == "intake")
        .filter_map(|line| serde_json::from_str(line["partitions"].as_str()?).ok())
        .collect()
}

fn last(system: &System, log: &str) -> BTreeSet<i64> {
    assignments(system, log).pop().unwrap_or_default()
}

/// Waits until these instances share all partitions, each with some; the first instance had them all when it was alone.
fn shared(system: &System, logs: &[&str]) {
    let all = assignments(system, "sluice").into_iter().next().expect("it was assigned all");
    eventually(system, &format!("a share for each of {logs:?}"), || {
        let shares: Vec<BTreeSet<i64>> = logs.iter().map(|log| last(system, log)).collect();
        let union: BTreeSet<i64> = shares.iter().flatten().copied().collect();
        let apart = shares.iter().map(BTreeSet::len).sum::<usize>() == all.len();
        (apart && union == all && shares.iter().all(|share| !share.is_empty())).then_some(())
    });
}

fn joined(system: &System, name: &str) -> Instance {
    let mut instance = system.instance(&binary().expect("the program"), name, &SCALES).expect("an instance");
    instance.launch(&[]).expect("starts");
    instance.await_ready().expect("is ready");
    instance
}

/// Restarts an instance; false when that took as long as a session lasts. Otherwise nobody's partitions may have moved.
fn restarts_quickly(system: &System, instance: &mut Instance) -> bool {
    let told = || ["sluice", "sluice-2"].map(|log| assignments(system, log).len());
    let (before, share, begun) = (told(), last(system, "sluice-1"), Instant::now());
    instance.stop().expect("ends in its own way");
    instance.launch(&[]).expect("starts");
    instance.await_ready().expect("is ready");
    if begun.elapsed() >= SESSION {
        return false;
    }
    assert_eq!(last(system, "sluice-1"), share, "a restart within the session time-out gets what it had");
    assert_eq!(told(), before, "and nobody else's partitions move");
    true
}

#[test]
fn from_one_instance_to_three_and_back_under_load_nothing_is_lost_and_a_quick_restart_moves_nothing() {
    let setup = Setup::test().meta(&["--webhook-retry-max", "1000"]).configure(json!({"ledger": {"unknown_deadline_seconds": 5}}));
    let system = seeded(stack(), &setup);
    let made = campaign(&system, "scaled", &audience(PREFIX, RECIPIENTS), 10);
    let id = made["id"].as_str().expect("an id").to_owned();
    let mut recipients: BTreeSet<String> = (0..RECIPIENTS).map(|n| format!("{PREFIX}{n:04}")).collect();
    let mut written = BTreeSet::new();
    let mut customer = |n: usize| {
        let from = format!("15550189{n:03}");
        written.insert(write(&system, &from, "3 bags of cement and 2 m³ of sand to 01310-100?"));
        recipients.insert(from);
    };
    control(&system, "start", &id);
    customer(1);
    let mut one = joined(&system, "1");
    customer(2);
    let mut two = joined(&system, "2");
    shared(&system, &["sluice", "sluice-1", "sluice-2"]);
    customer(3);

    let all = ["sluice", "sluice-1", "sluice-2"];
    // A machine that is busy may need longer for a start than the session lasts: then partitions may move, and it is asked again.
    let quick = (4..14).any(|n| {
        let quick = restarts_quickly(&system, &mut one);
        shared(&system, &all);
        customer(n);
        quick
    });
    assert!(quick, "no start was quicker than the session time-out");

    two.stop().expect("ends in its own way");
    customer(20);
    one.kill().expect("killed");
    customer(21);
    shared(&system, &["sluice"]);
    customer(22);
    let books = settle(&system, &recipients, &written);
    println!("{:?}", books.states(""));
    eventually(&system, "a campaign that is over", || (funnel(&system, &id, RECIPIENTS as i64)["state"] == "completed").then_some(()));
    system.stop().expect("ends in its own way");
}
