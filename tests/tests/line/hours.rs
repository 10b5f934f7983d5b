//! A campaign's hours: who sleeps gets nothing, and is not forgotten.

use serde_json::json;
use sluice_local::system::seed::PHONE_NUMBER_ID;
use sluice_schemas::time::Millis;
use sluice_schemas::window::Window;

use super::harness::{calm, control, eventually, funnel, received};

const HOURS: &str = "08:00-20:00";
/// Mobile numbers of Brazil, Germany, Japan and New Zealand: at any moment it is day in one and night in another.
const PLACES: [&str; 4] = ["5511955501", "4915550101", "81905550101", "64215550"];
/// As long as the test may take.
const LONG: i64 = 30 * 60_000;

/// Where it is day for a while, and where it is night for a while.
fn places() -> (&'static str, &'static str) {
    let window: Window = HOURS.parse().expect("hours");
    let now = Millis::now();
    let day = |place: &&&str| [now, now.plus(LONG)].iter().all(|at| window.opens(*at, place) == *at);
    let night = |place: &&&str| window.opens(now, place) > now.plus(LONG);
    (PLACES.iter().find(day).expect("it is day somewhere"), PLACES.iter().find(night).expect("it is night somewhere"))
}

#[test]
fn who_is_out_of_the_hours_waits_planned_and_the_others_get_theirs() {
    let (system, (awake, asleep)) = (calm(), places());
    let csv = format!("phone,name,discount,code\n+{awake}1,Ana,5 %,a\n+{asleep}1,Bea,5 %,b\n+{awake}2,Cleo,5 %,c\n");
    let file = system.keep("hours.csv", &csv).expect("a file");
    let which = ["campaign", "create", "--tenant", "acme", "--name", "hours", "--account", PHONE_NUMBER_ID];
    let what = ["--template", "spring_offer", "--language", "en_US", "--map", "1=name", "--map", "2=discount", "--map", "button.0=code"];
    let create = |hours: &str| system.sluice_json(&[&which[..], &["--window", hours], &what, &["--csv", &file]].concat());
    let made = create(HOURS).expect("a draft").swap_remove(0);
    assert_eq!(made["window"], HOURS, "{made}");
    let id = made["id"].as_str().expect("an id");
    control(system, "start", id);
    let shown = eventually(system, "those who are awake", || {
        let shown = funnel(system, id, 3);
        (shown["funnel"]["accepted"] == 2 && shown["funnel"]["planned"] == 1).then_some(shown)
    });
    assert_eq!((&shown["state"], &shown["window"]), (&json!("running"), &json!(HOURS)), "{shown}");
    assert_eq!((received(system, awake).len(), received(system, asleep).len()), (2, 0));
    control(system, "cancel", id);
    eventually(system, "the end", || (funnel(system, id, 3)["funnel"]["cancelled"] == 1).then_some(()));
    let refused = create("20:00-09:00").expect_err("never opens").to_string();
    assert!(refused.contains("never opens"), "{refused}");
}
