//! Engines that start once, systems on top, and waiting for what must come.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_local::system::Setup;
use sluice_local::system::seed::PHONE_NUMBER_ID;
use sluice_local::{Options, Stack, System};
use sluice_tests::dice::Dice;

/// How long anything may take before it counts as not coming. No promise: a busy machine is slow.
pub const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(100);

/// Engines that nobody disturbs.
pub fn stack() -> &'static Arc<Stack> {
    static STACK: OnceLock<Arc<Stack>> = OnceLock::new();
    STACK.get_or_init(|| Arc::new(Stack::temporary(&Options::test()).expect("the engines start")))
}

/// A system with tenant acme, in which everybody reads what they are sent; shared by tests that leave each other alone.
pub fn calm() -> &'static System {
    static CALM: OnceLock<System> = OnceLock::new();
    CALM.get_or_init(|| seeded(stack(), &Setup::test().meta(&["--read-rate", "1"])))
}

/// A system of one's own with tenant acme.
pub fn seeded(stack: &Arc<Stack>, setup: &Setup) -> System {
    let system = System::start(stack, setup).expect("the system starts");
    system.seed().expect("tenant acme");
    system
}

/// Waits for `look` to find something; fails with what was waited for and the system's last complaints.
pub fn eventually<T>(system: &System, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        if let Err(error) = system.check() {
            panic!("waiting for {what}: {error}\n{}", complaints(system));
        }
        assert!(begun.elapsed() < PATIENCE, "{what} did not come within {} s\n{}", PATIENCE.as_secs(), complaints(system));
        thread::sleep(POLL);
    }
}

/// What the log says beyond information, the newest last, each complaint once with how often it came.
pub fn complaints(system: &System) -> String {
    let log = std::fs::read_to_string(system.dir().join("logs/sluice.log")).unwrap_or_default();
    let noise = [r#""level":"INFO""#, "librdkafka: "];
    let mut newest: BTreeMap<&str, (usize, usize, &str)> = BTreeMap::new();
    for (number, line) in log.lines().enumerate().filter(|(_, line)| !noise.iter().any(|noise| line.contains(noise))) {
        let what = line.split_once(r#","level""#).map_or(line, |(_, what)| what);
        let times = newest.get(what).map_or(0, |(_, times, _)| *times);
        newest.insert(what, (number, times + 1, line));
    }
    let mut newest: Vec<_> = newest.into_values().collect();
    newest.sort_unstable();
    let shown = newest.iter().map(|(_, times, line)| format!("{times} × {line}"));
    shown.skip(newest.len().saturating_sub(30)).collect::<Vec<_>>().join("\n")
}

/// A customer writes; gives the message's id.
pub fn write(system: &System, from: &str, text: &str) -> String {
    let message = json!({"phone_number_id": PHONE_NUMBER_ID, "from": from, "name": format!("Customer {from}"), "text": text});
    let written = system.meta_post("/_sim/inbound", &message).expect("the simulated Meta takes it");
    written["id"].as_str().expect("an id").to_owned()
}

/// What Meta accepted, oldest first.
pub fn accepted(system: &System) -> Vec<Value> {
    let ledger = system.meta_get("/_sim/ledger?after=0&limit=100000").expect("the ledger of the simulated Meta");
    let Value::Array(entries) = ledger["data"].clone() else { panic!("no ledger: {ledger}") };
    entries
}

/// The texts that `to` has been sent, oldest first.
pub fn texts(system: &System, to: &str) -> Vec<String> {
    let text = |entry: &Value| entry["body"]["text"]["body"].as_str().unwrap_or_default().to_owned();
    accepted(system).iter().filter(|entry| entry["to"] == to).map(text).collect()
}

/// How many messages each recipient of this range was sent.
pub fn received(system: &System, prefix: &str) -> BTreeMap<String, usize> {
    let mut received = BTreeMap::new();
    for entry in accepted(system) {
        let to = entry["to"].as_str().unwrap_or_default();
        if to.starts_with(prefix) {
            *received.entry(to.to_owned()).or_default() += 1;
        }
    }
    received
}

/// A campaign of template `spring_offer` to a CSV with the columns phone, name, discount, code; its description.
pub fn campaign(system: &System, name: &str, csv: &str, throttle: u32) -> Value {
    let file = system.keep(&format!("{name}.csv"), csv).expect("a file");
    let throttle = throttle.to_string();
    let which = ["campaign", "create", "--tenant", "acme", "--name", name, "--account", PHONE_NUMBER_ID, "--throttle", &throttle];
    let what = ["--template", "spring_offer", "--language", "en_US", "--map", "1=name", "--map", "2=discount", "--map", "button.0=code"];
    system.sluice_json(&[&which[..], &what, &["--csv", &file]].concat()).expect("a draft").swap_remove(0)
}

/// Good lines of such a CSV for the numbers `prefix0000` and on.
pub fn audience(prefix: &str, n: usize) -> String {
    let lines: Vec<String> = (0..n).map(|i| format!("+{prefix}{i:04},Customer {i},{} %,spring-{i}\n", 5 + i % 10)).collect();
    format!("phone,name,discount,code\n{}", lines.concat())
}

/// Runs `sluice campaign VERB ID`.
pub fn control(system: &System, verb: &str, id: &str) {
    system.sluice(&["campaign", verb, "--tenant", "acme", id]).unwrap_or_else(|error| panic!("campaign {verb}: {error}"));
}

/// The campaign as the API shows it, with a funnel that adds up.
pub fn funnel(system: &System, id: &str, audience: i64) -> Value {
    let campaign = system.api_get(&format!("/api/v1/campaigns/{id}")).expect("a campaign");
    let count = |state: &str| campaign["funnel"][state].as_i64().unwrap_or_else(|| panic!("no {state} in {campaign}"));
    let parts = ["pending", "suppressed", "planned", "in_flight", "unknown", "quarantined", "failed", "cancelled", "accepted"];
    let sum: i64 = parts.iter().map(|state| count(state)).sum();
    assert_eq!((sum, count("audience")), (audience, audience), "the funnel does not add up: {}", campaign["funnel"]);
    assert!(parts.iter().all(|state| count(state) >= 0), "less than nobody: {}", campaign["funnel"]);
    assert!(count("read") <= count("delivered") && count("delivered") <= count("sent") && count("sent") <= count("accepted"), "{campaign}");
    campaign
}

/// Seeded by `SLUICE_TEST_SEED`, or by the clock; printed, so that a failure can be played again.
pub fn dice() -> Dice {
    let clock = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |now| now.as_millis() as u64);
    let seed = std::env::var("SLUICE_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(clock);
    println!("SLUICE_TEST_SEED={seed}");
    Dice::of(seed)
}
