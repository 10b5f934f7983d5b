//! How often campaigns reach one person.

use super::*;

fn plan(bench: &mut Bench, n: u8, to: &str, campaign: u8) -> SendId {
    let campaign = CampaignId::from_bytes([campaign; 16]);
    bench.plan_as(Outbound { to: to.into(), ..outbound(n, Some(campaign), n.into()) })
}

fn running(bench: &mut Bench) {
    bench.config("tenant", "-", r#"{"cap_messages":2,"cap_days":7}"#);
    for n in 1..=3 {
        bench.control_of(CampaignId::from_bytes([n; 16]), 1, ControlState::Running, 0);
    }
}

fn last(bench: &Bench, id: SendId) -> LedgerEntry {
    bench.steps.iter().rfind(|step| step.send_id == id).cloned().expect("a step")
}

fn settle(bench: &mut Bench, id: SendId, outcome: Outcome) {
    let attempt = bench.claims.iter().filter(|claim| claim.send_id == id).map(|claim| claim.attempt).max().expect("was claimed");
    let (code, class) = if outcome == Outcome::Rejected { (Some(131_026), Some("permanent")) } else { (None, None) };
    bench.result(id, attempt, outcome, code, class);
}

#[test]
fn a_person_gets_as_many_campaign_messages_as_the_tenant_allows_and_the_next_after_some_days() {
    let mut bench = Bench::new();
    running(&mut bench);
    for n in 1..=2 {
        let id = plan(&mut bench, n, "a", n);
        bench.pass(1_000);
        settle(&mut bench, id, Outcome::Accepted);
    }
    let third = plan(&mut bench, 3, "a", 3);
    let other = plan(&mut bench, 4, "b", 3);
    bench.pass(1_000);
    let step = last(&bench, third);
    assert_eq!((step.state, step.detail.as_deref()), (SendState::Suppressed, Some("frequency cap: 2 campaign messages within 7 days")));
    assert_eq!(last(&bench, other).state, SendState::InFlight);
    settle(&mut bench, other, Outcome::Accepted);
    // An answer to the person is no campaign.
    let reply = bench.plan_as(Outbound { to: "a".into(), ..outbound(9, None, -1) });
    bench.pass(1_000);
    assert_eq!(last(&bench, reply).state, SendState::InFlight);
    bench.restart();
    bench.pass(7 * Millis::DAY);
    settle(&mut bench, reply, Outcome::Accepted);
    let later = plan(&mut bench, 5, "a", 3);
    bench.pass(1_000);
    assert_eq!(last(&bench, later).state, SendState::InFlight);
}

#[test]
fn what_is_proven_not_to_have_reached_anybody_does_not_count() {
    let mut bench = Bench::new();
    running(&mut bench);
    let first = plan(&mut bench, 1, "a", 1);
    bench.pass(1_000);
    settle(&mut bench, first, Outcome::Rejected);
    for n in 2..=3 {
        let id = plan(&mut bench, n, "a", n);
        bench.pass(1_000);
        assert_eq!(last(&bench, id).state, SendState::InFlight, "{n}");
        // Written again and again it is one message.
        settle(&mut bench, id, Outcome::Unwritten);
        bench.pass(1_000);
        settle(&mut bench, id, Outcome::Accepted);
    }
    let fourth = plan(&mut bench, 4, "a", 1);
    bench.pass(1_000);
    assert_eq!(last(&bench, fourth).state, SendState::Suppressed);
}
