use super::*;

const PERSON: &str = "15550119001";

fn said(bench: &mut Bench, text: &str) {
    bench.event("inbound", format!(r#"{{"kind":"inbound","from":"{PERSON}","user_id":"US.1","text":"{text}"}}"#));
}

fn offer(bench: &mut Bench, n: u8) -> SendId {
    bench.plan_as(Outbound { to: PERSON.into(), ..outbound(n, Some(campaign()), i64::from(n)) })
}

/// A ledger whose campaign runs.
fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.control(1, ControlState::Running, 0);
    bench
}

fn is_sent(bench: &mut Bench, id: SendId) -> bool {
    bench.pass(2_000);
    match bench.states(id).last() {
        Some(SendState::InFlight) => {
            bench.result(id, 1, Outcome::Accepted, None, None);
            true
        }
        Some(SendState::Suppressed) => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_writes_stop_gets_no_offer_until_they_write_start() {
    let mut bench = bench();
    let before = offer(&mut bench, 1);
    assert!(is_sent(&mut bench, before));
    said(&mut bench, "Stop!");
    let after = offer(&mut bench, 2);
    assert!(!is_sent(&mut bench, after));
    let step = bench.steps.iter().find(|step| step.send_id == after).expect("a step");
    assert_eq!(step.detail.as_deref(), Some("opted out: wrote Stop!"));
    let people: Vec<_> = bench.opt_outs.iter().map(|opt_out| (opt_out.person.as_str(), opt_out.lifted.is_none())).collect();
    assert_eq!(people, [(PERSON, true), ("US.1", true)]);
    bench.restart();
    bench.control(2, ControlState::Running, 0);
    said(&mut bench, "START");
    let again = offer(&mut bench, 3);
    assert!(is_sent(&mut bench, again));
}

#[test]
fn a_word_that_comes_between_plan_and_claim_counts_and_gives_the_place_back() {
    let mut bench = bench();
    bench.control(2, ControlState::Paused, 0);
    let planned = offer(&mut bench, 1);
    said(&mut bench, "sair");
    bench.control(3, ControlState::Running, 0);
    assert!(!is_sent(&mut bench, planned));
    let reply = bench.plan_as(Outbound { to: PERSON.into(), ..outbound(2, None, -1) });
    bench.pass(1_000);
    assert_eq!(bench.states(reply).last(), Some(&SendState::InFlight), "an answer goes, and no pair is left taken");
}

#[test]
fn marketing_that_was_stopped_in_the_app_is_not_sent_and_resumes() {
    let mut bench = bench();
    let preference = |bench: &mut Bench, value: &str| {
        bench.event("user_preference", format!(r#"{{"from":"{PERSON}","event":"{value}","data":{{"category":"marketing_messages"}}}}"#));
    };
    preference(&mut bench, "stop");
    let first = offer(&mut bench, 1);
    assert!(!is_sent(&mut bench, first));
    preference(&mut bench, "resume");
    let second = offer(&mut bench, 2);
    assert!(is_sent(&mut bench, second));
}

#[test]
fn what_meta_refuses_for_it_is_not_tried_on_the_next_offer() {
    let mut bench = bench();
    let refused = offer(&mut bench, 1);
    bench.pass(2_000);
    bench.result(refused, 1, Outcome::Rejected, Some(131_050), Some("permanent"));
    assert_eq!(bench.states(refused).last(), Some(&SendState::Failed));
    let next = offer(&mut bench, 2);
    assert!(!is_sent(&mut bench, next));
}

#[test]
fn a_note_of_a_person_counts_and_an_older_word_does_not() {
    let mut bench = bench();
    bench.config("opt_out", PERSON, r#"{"by":"ana","reason":"said so on the telephone","lift":false}"#);
    let first = offer(&mut bench, 1);
    assert!(!is_sent(&mut bench, first));
    let noted = bench.now;
    bench.now = Millis(noted.0 - 10_000);
    said(&mut bench, "start");
    bench.now = noted;
    let second = offer(&mut bench, 2);
    assert!(!is_sent(&mut bench, second), "a word from before the note");
    bench.now = bench.now.plus(1);
    bench.config("opt_out", PERSON, r#"{"by":"ana","reason":"asked for it","lift":true}"#);
    let third = offer(&mut bench, 3);
    assert!(is_sent(&mut bench, third));
}
