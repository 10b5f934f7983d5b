use sluice_schemas::record::HoldScope;

use super::*;

const OTHER: &str = "15550100002";
const OFFER: &str = r#"{"type":"template","template":{"name":"offer","language":{"code":"en_US"}}}"#;

/// A ledger that knows two numbers of one WhatsApp Business account and one of another.
fn bench() -> Bench {
    let mut bench = Bench::new();
    for (number, waba) in [(ACCOUNT, "w1"), (OTHER, "w1"), ("15550100003", "w2")] {
        edit(&mut bench, number, waba);
    }
    bench
}

fn edit(bench: &mut Bench, number: &str, waba: &str) {
    let value = format!(r#"{{"waba_id":"{waba}","display_phone_number":"+1 555-{number}","messages_per_second":80}}"#);
    bench.config("number", number, &value);
}

fn plan(bench: &mut Bench, account: &str, n: u8, body: &str) -> SendId {
    bench.plan_as(Outbound { account: account.into(), body: body.into(), ..outbound(n, None, -1) })
}

fn text(bench: &mut Bench, account: &str, n: u8) -> SendId {
    plan(bench, account, n, r#"{"type":"text","text":{"body":"hi"}}"#)
}

fn refuse(bench: &mut Bench, id: SendId, code: i32, class: &str) {
    let attempt = bench.claims.iter().filter(|claim| claim.send_id == id).map(|claim| claim.attempt).max().expect("was claimed");
    bench.result(id, attempt, Outcome::Rejected, Some(code), Some(class));
}

fn accept(bench: &mut Bench, id: SendId) {
    let attempt = bench.claims.iter().filter(|claim| claim.send_id == id).map(|claim| claim.attempt).max().expect("was claimed");
    bench.result(id, attempt, Outcome::Accepted, None, None);
}

fn claimed(bench: &Bench) -> Vec<SendId> {
    bench.claims.iter().map(|claim| claim.send_id).collect()
}

#[test]
fn a_refused_token_holds_every_number_of_its_account_and_no_other() {
    let mut bench = bench();
    let first = text(&mut bench, ACCOUNT, 1);
    refuse(&mut bench, first, 190, "account");
    let [second, third] = [text(&mut bench, ACCOUNT, 2), text(&mut bench, OTHER, 3)];
    let free = text(&mut bench, "15550100003", 4);
    bench.pass(59_000);
    assert_eq!(claimed(&bench), [first, free]);
    let hold = bench.holds.last().expect("is told");
    assert_eq!((hold.scope, hold.name.as_str(), hold.code, &hold.lifted), (HoldScope::Account, "w1", Some(190), &None));
    // After the pause one send is tried, and while its answer is awaited none beside it.
    bench.pass(5_000);
    assert_eq!(bench.claims.len(), 3);
    let tried = *claimed(&bench).last().expect("one is tried");
    accept(&mut bench, tried);
    bench.pass(1_000);
    assert_eq!(bench.claims.len(), 5, "accepted, it lifts the hold");
    assert!(bench.holds.last().expect("is told").lifted.is_some());
    for id in [first, second, third] {
        assert!(claimed(&bench).contains(&id));
    }
}

#[test]
fn a_probe_that_is_refused_makes_the_next_pause_longer() {
    let mut bench = bench();
    let id = text(&mut bench, ACCOUNT, 1);
    let mut pauses = Vec::new();
    for _ in 0..6 {
        refuse(&mut bench, id, 131_042, "account");
        let hold = bench.holds.last().expect("is told");
        pauses.push((hold.until_ms - bench.now.0) / 1000);
        bench.pass(hold.until_ms - bench.now.0);
    }
    assert_eq!(pauses, [60, 240, 960, 3_600, 3_600, 3_600]);
    assert!(!bench.states(id).contains(&SendState::Failed), "lifting the cause must lose nothing");
}

#[test]
fn a_new_token_lifts_the_hold_at_once() {
    let mut bench = bench();
    let id = text(&mut bench, ACCOUNT, 1);
    refuse(&mut bench, id, 190, "account");
    bench.pass(1_000);
    edit(&mut bench, OTHER, "w1");
    bench.pass(1_000);
    assert_eq!(bench.claims.len(), 2);
}

#[test]
fn a_tenant_that_is_no_longer_suspended_sends_at_once() {
    let mut bench = bench();
    let id = text(&mut bench, ACCOUNT, 1);
    for _ in 0..3 {
        bench.result(id, bench.claims.len() as i32, Outcome::Rejected, None, Some("account"));
        let hold = bench.holds.last().expect("is told");
        bench.pass(hold.until_ms - bench.now.0);
    }
    bench.result(id, bench.claims.len() as i32, Outcome::Rejected, None, Some("account"));
    let before = bench.claims.len();
    bench.pass(1_000);
    bench.config("tenant", "-", r#"{"suspended":false}"#);
    bench.pass(1_000);
    assert_eq!(bench.claims.len(), before + 1);
}

#[test]
fn a_number_at_its_spam_limit_waits_for_a_person_or_for_meta() {
    let mut bench = bench();
    let id = text(&mut bench, ACCOUNT, 1);
    for lift in ["person", "meta"] {
        let before = bench.claims.len();
        refuse(&mut bench, id, 131_048, "hold");
        bench.pass(7 * Millis::DAY);
        edit(&mut bench, ACCOUNT, "w1");
        bench.pass(1_000);
        assert_eq!(bench.claims.len(), before, "neither time nor an edit ends it");
        if lift == "person" {
            bench.config("lift", &format!("number/{ACCOUNT}"), "{}");
        } else {
            let data = format!(r#"{{"display_phone_number":"1555{ACCOUNT}"}}"#);
            bench.event("account_event", format!(r#"{{"field":"phone_number_quality_update","event":"UNFLAGGED","data":{data}}}"#));
        }
        bench.pass(1_000);
        assert_eq!(bench.claims.len(), before + 1, "{lift}");
    }
}

fn template_event(bench: &mut Bench, word: &str) {
    let data = r#"{"message_template_name":"offer","message_template_language":"en-US","reason":"NONE"}"#;
    bench.event("account_event", format!(r#"{{"field":"message_template_status_update","event":"{word}","data":{data}}}"#));
}

#[test]
fn a_paused_template_holds_what_uses_it_and_nothing_else_until_it_is_reinstated() {
    let mut bench = bench();
    bench.control(1, ControlState::Running, 100);
    template_event(&mut bench, "PAUSED");
    let demand = bench.demands[0].clone();
    for seq in demand.from..demand.from + i64::from(demand.n) {
        let row = Outbound { body: OFFER.into(), ..outbound((seq % 200) as u8, Some(campaign()), seq) };
        let bytes = bench.codecs.of().encode(&row).expect("encodes");
        bench.feed(OUTBOUND_BULK, bytes);
    }
    let alone = plan(&mut bench, ACCOUNT, 201, OFFER);
    let other = text(&mut bench, ACCOUNT, 202);
    bench.pass(Millis::DAY);
    assert_eq!(claimed(&bench), [other]);
    bench.restart();
    bench.pass(Millis::DAY);
    assert_eq!(claimed(&bench), [other], "a new instance holds the same");
    template_event(&mut bench, "REINSTATED");
    for _ in 0..200 {
        bench.pass(500);
        for id in claimed(&bench) {
            accept(&mut bench, id);
        }
    }
    let mut sent = claimed(&bench);
    sent.sort();
    sent.dedup();
    assert_eq!((sent.len(), bench.claims.len()), (102, 102), "each once");
    assert!(sent.contains(&alone));
}

#[test]
fn a_template_that_meta_refuses_as_paused_is_tried_again_after_three_hours() {
    let mut bench = bench();
    let [first, second] = [1, 2].map(|n| plan(&mut bench, ACCOUNT, n, OFFER));
    refuse(&mut bench, first, 132_015, "hold");
    refuse(&mut bench, second, 132_015, "hold");
    bench.pass(2 * Millis::HOUR);
    assert_eq!(bench.claims.len(), 2);
    bench.pass(Millis::HOUR + 1_000);
    assert_eq!(bench.claims.len(), 3, "one is tried");
    let tried = bench.claims[2].send_id;
    accept(&mut bench, tried);
    bench.pass(1_000);
    assert_eq!(bench.claims.len(), 4);
    assert_eq!(bench.holds.iter().filter(|hold| hold.lifted.is_none()).count(), 1, "told once");
}

#[test]
fn a_message_reported_as_failed_though_sent_is_not_sent_again() {
    let mut bench = bench();
    let id = text(&mut bench, ACCOUNT, 1);
    refuse(&mut bench, id, 1, "hold");
    bench.pass(Millis::DAY);
    assert_eq!(bench.claims.len(), 1);
    assert_eq!(bench.states(id).last(), Some(&SendState::Quarantined));
}

fn decide(bench: &mut Bench, id: SendId, decision: &str) {
    bench.config("settle", &id.to_string(), &format!(r#"{{"decision":"{decision}","by":"a@example.com","reason":"asked"}}"#));
}

#[test]
fn a_quarantined_send_is_sent_again_or_counted_as_sent_only_by_a_decision_made_since() {
    let mut bench = bench();
    let [again, done] = [1, 2].map(|n| text(&mut bench, ACCOUNT, n));
    decide(&mut bench, again, "release");
    bench.pass(60_000 + DEADLINE);
    assert_eq!(bench.states(again).last(), Some(&SendState::Quarantined));
    assert_eq!(bench.claims.len(), 2, "a decision made before there was a question decides nothing");
    decide(&mut bench, again, "release");
    decide(&mut bench, done, "mark-sent");
    bench.pass(1_000);
    assert_eq!(bench.claims.len(), 3);
    assert_eq!(bench.states(done).last(), Some(&SendState::Accepted));
    let step = bench.steps.iter().rfind(|step| step.send_id == done).expect("a step");
    assert_eq!(step.detail.as_deref(), Some("a@example.com: asked"));
    // The outbox may repeat itself, also after the send was quarantined once more.
    let decided_at = bench.now;
    bench.pass(60_000 + DEADLINE);
    assert_eq!(bench.states(again).last(), Some(&SendState::Quarantined));
    let later = std::mem::replace(&mut bench.now, decided_at);
    decide(&mut bench, again, "release");
    bench.now = later;
    bench.pass(1_000);
    assert_eq!(bench.claims.len(), 3);
}

#[test]
fn limits_of_account_and_app_slow_all_that_they_name() {
    for (code, slowed) in [(130_429, vec![ACCOUNT]), (80_007, vec![ACCOUNT, OTHER]), (4, vec![ACCOUNT, OTHER, "15550100003"])] {
        let mut bench = bench();
        let id = text(&mut bench, ACCOUNT, 1);
        refuse(&mut bench, id, code, "throttle");
        for (n, number) in (2..).zip([ACCOUNT, OTHER, "15550100003"]) {
            let before = bench.claims.len();
            text(&mut bench, number, n);
            assert_eq!(bench.claims.len() == before, slowed.contains(&number), "{code} {number}");
        }
    }
}
