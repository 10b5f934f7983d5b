use sluice_schemas::record::HoldScope;

use super::*;

const SISTER: &str = "15550100002";
const OFFER: &str = r#"{"type":"template","template":{"name":"offer","language":{"code":"en_US"}}}"#;
const TEXT: &str = r#"{"type":"text","text":{"body":"hi"}}"#;

/// Two numbers of one portfolio that may reach three people a day.
fn bench() -> Bench {
    let mut bench = Bench::new();
    limit(&mut bench, Some(3));
    bench
}

fn limit(bench: &mut Bench, limit: Option<i64>) {
    for number in [ACCOUNT, SISTER] {
        let value = serde_json::json!({
            "waba_id": "w1", "display_phone_number": number, "messages_per_second": 80, "portfolio_id": "p1", "messaging_limit": limit,
        });
        bench.config("number", number, &value.to_string());
    }
}

fn send(bench: &mut Bench, account: &str, n: u8, to: &str, body: &str) -> SendId {
    bench.plan_as(Outbound { account: account.into(), to: to.into(), body: body.into(), ..outbound(n, None, -1) })
}

fn offers(bench: &mut Bench, from: u8, people: &[&str]) -> Vec<SendId> {
    people.iter().zip(from..).map(|(to, n)| send(bench, if n % 2 == 0 { ACCOUNT } else { SISTER }, n, to, OFFER)).collect()
}

fn reached(bench: &Bench) -> Vec<&str> {
    bench.claims.iter().map(|claim| claim.to.as_str()).collect()
}

fn settle(bench: &mut Bench, id: SendId, outcome: Outcome) {
    let attempt = bench.claims.iter().filter(|claim| claim.send_id == id).map(|claim| claim.attempt).max().expect("was claimed");
    let class = (outcome == Outcome::Rejected).then_some("permanent");
    bench.result(id, attempt, outcome, (outcome == Outcome::Rejected).then_some(131_026), class);
}

#[test]
fn a_portfolio_reaches_as_many_people_a_day_as_it_may_and_the_next_when_one_is_a_day_past() {
    let mut bench = bench();
    let first = offers(&mut bench, 1, &["a", "b", "c", "d", "e"]);
    bench.pass(1_000);
    assert_eq!(reached(&bench), ["a", "b", "c"]);
    let hold = bench.holds.last().expect("is told");
    assert_eq!((hold.scope, hold.name.as_str(), &hold.lifted), (HoldScope::Portfolio, "p1", &None));
    assert_eq!(hold.until_ms, bench.now.0 - 1_000 + Millis::DAY, "until the first person's day is over");
    for id in &first[..3] {
        settle(&mut bench, *id, Outcome::Accepted);
    }
    // Somebody reached already costs nothing.
    send(&mut bench, ACCOUNT, 9, "a", OFFER);
    bench.pass(1_000);
    assert_eq!(reached(&bench), ["a", "b", "c", "a"]);
    bench.pass(Millis::DAY);
    // The days of b and c are over, that of a began anew. Two numbers take turns, in no order that anybody was promised.
    let mut next = reached(&bench).split_off(4);
    next.sort_unstable();
    assert_eq!(next, ["d", "e"]);
    assert!(bench.holds.last().expect("is told").lifted.is_some());
}

#[test]
fn who_wrote_within_a_day_and_what_is_no_template_costs_nothing() {
    let mut bench = bench();
    bench.event("inbound", r#"{"from":"w","user_id":"US.w","text":"hello"}"#.into());
    send(&mut bench, ACCOUNT, 1, "w", OFFER);
    send(&mut bench, ACCOUNT, 2, "US.w", OFFER);
    for (n, to) in [(3, "a"), (4, "b"), (5, "c"), (6, "d")] {
        send(&mut bench, ACCOUNT, n, to, TEXT);
    }
    offers(&mut bench, 10, &["e", "f", "g", "h"]);
    bench.pass(1_000);
    assert_eq!(reached(&bench), ["w", "US.w", "a", "b", "c", "d", "e", "f", "g"]);
}

#[test]
fn a_person_counts_again_when_the_window_is_over() {
    let mut bench = bench();
    bench.event("inbound", r#"{"from":"w","text":"hello"}"#.into());
    bench.pass(Millis::DAY + 1);
    offers(&mut bench, 1, &["w", "a", "b", "c"]);
    bench.pass(1_000);
    assert_eq!(reached(&bench), ["w", "a", "b"]);
}

#[test]
fn what_is_proven_not_to_have_reached_anybody_is_given_back() {
    let mut bench = bench();
    let sent = offers(&mut bench, 1, &["a", "b", "c", "d"]);
    bench.pass(1_000);
    settle(&mut bench, sent[0], Outcome::Unknown);
    assert_eq!(reached(&bench), ["a", "b", "c"], "nobody knows whether it reached a");
    settle(&mut bench, sent[1], Outcome::Rejected);
    bench.pass(Millis::DAY / 2);
    assert_eq!(reached(&bench), ["a", "b", "c"], "the hold looks again when it ends");
    offers(&mut bench, 10, &["x"]);
    bench.pass(1_000);
    assert_eq!(reached(&bench), ["a", "b", "c", "x"]);
}

#[test]
fn the_count_survives_the_process() {
    let mut bench = bench();
    bench.event("inbound", r#"{"from":"w","text":"hello"}"#.into());
    offers(&mut bench, 1, &["a", "b"]);
    bench.pass(1_000);
    bench.restart();
    offers(&mut bench, 10, &["w", "c", "d"]);
    bench.pass(1_000);
    assert_eq!(reached(&bench), ["a", "b", "w", "c"]);
}

#[test]
fn a_higher_limit_lets_go_what_waits_whether_a_person_or_meta_sets_it() {
    let mut bench = bench();
    offers(&mut bench, 1, &["a", "b", "c", "d", "e", "f", "g"]);
    bench.pass(1_000);
    assert_eq!(reached(&bench).len(), 3);
    limit(&mut bench, Some(4));
    bench.pass(1_000);
    assert_eq!(reached(&bench).len(), 4);
    let told = r#"{"field":"phone_number_quality_update","event":"THROUGHPUT_UPGRADE",
        "data":{"display_phone_number":"15550100002","max_daily_conversations_per_business":"TIER_50"}}"#;
    bench.event("account_event", told.into());
    bench.pass(1_000);
    assert_eq!(reached(&bench).len(), 7, "the limit is the portfolio's, whichever number it is told of");
    let told = r#"{"field":"business_capability_update","waba":"w1","data":{"max_daily_conversations_per_business":7}}"#;
    bench.event("account_event", told.into());
    // An edit that says nothing of the limit leaves it as Meta told it, also in the next process.
    limit(&mut bench, None);
    bench.restart();
    offers(&mut bench, 20, &["h"]);
    bench.pass(1_000);
    assert_eq!(reached(&bench).len(), 7);
}
