//! Many messages through the whole line, and both books compared to the last one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use sluice_local::system::Setup;
use sluice_local::system::seed::{PHONE_NUMBER_ID, WABA_ID};

use super::books::settle;
use super::harness::{campaign, control, funnel, seeded, stack};

const RECIPIENTS: usize = 100_000;
/// Messages a second that Meta allows the number; campaigns use four fifths of it.
const RATE: &str = "1000";
/// Longer than it takes where nothing stands still.
const PATIENCE: Duration = Duration::from_mins(20);

#[test]
#[ignore = "takes minutes: cargo test --release -p sluice-tests --test line -- --ignored --nocapture a_hundred_thousand"]
fn of_a_hundred_thousand_messages_the_two_books_agree_to_the_last() {
    let system = seeded(stack(), &Setup::test().meta(&["--throughput", RATE, "--read-rate", "1"]));
    let number = ["number", "add", "--tenant", "acme", "--account", PHONE_NUMBER_ID, "--waba", WABA_ID, "--rate", RATE];
    system.sluice(&number).expect("a faster number");
    let phone = |n: usize| format!("1555{n:07}");
    let lines: Vec<String> = (0..RECIPIENTS).map(|n| format!("+{},Customer {n},{} %,spring-{n}\n", phone(n), n % 10)).collect();
    let made = campaign(&system, "volume", &format!("phone,name,discount,code\n{}", lines.concat()), 0);
    assert_eq!(made["accepted_lines"], RECIPIENTS, "{made}");
    let id = made["id"].as_str().expect("an id").to_owned();
    let begun = Instant::now();
    control(&system, "start", &id);
    let mut told = Instant::now();
    loop {
        let shown = funnel(&system, &id, RECIPIENTS as i64);
        if shown["state"] == "completed" {
            break;
        }
        assert!(begun.elapsed() < PATIENCE && shown["state"] == "running", "{shown}");
        if told.elapsed() >= Duration::from_secs(10) {
            println!("{:>6.1} s  {}", begun.elapsed().as_secs_f64(), shown["funnel"]);
            told = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    let took = begun.elapsed().as_secs_f64();
    println!("{RECIPIENTS} messages in {took:.1} s, {:.0} a second", RECIPIENTS as f64 / took);
    let recipients: BTreeSet<String> = (0..RECIPIENTS).map(phone).collect();
    let books = settle(&system, &recipients, &BTreeSet::new());
    println!("{:?}", books.states(""));
    let audited = system.sluice(&["audit", "--tenant", "acme", "--campaign", &id]).expect("the audit agrees");
    println!("{audited}");
    system.stop().expect("ends in its own way");
}
