use super::super::SENDS;
use super::*;
use crate::state::Read as _;

fn stored(bench: &Bench) -> usize {
    let mut rows = 0;
    let count = &mut |_: &[u8], _: &[u8]| {
        rows += 1;
        Ok(())
    };
    bench.memory.scan(SENDS, count).expect("scans");
    rows
}

/// Lets days pass without walking through each of their minutes.
fn days(bench: &mut Bench, days: i64) {
    bench.now = bench.now.plus(days * Millis::DAY);
    bench.run(Chain::tick);
}

#[test]
fn a_send_that_ended_is_remembered_for_38_days_and_then_forgotten_and_its_cause_refused() {
    let mut bench = Bench::new();
    let sent = bench.plan(1);
    bench.result(sent, 1, Outcome::Accepted, None, None);
    let failed = bench.plan(2);
    bench.result(failed, 1, Outcome::Rejected, Some(131_026), Some("permanent"));
    days(&mut bench, 37);
    assert_eq!(stored(&bench), 2);
    bench.plan(1);
    assert_eq!(bench.claims.len(), 2, "the same cause is the same send");
    days(&mut bench, 2);
    assert_eq!(stored(&bench), 0);
    let value = bench.codecs.of().encode(&outbound(1, None, -1)).expect("encodes");
    let at = bench.now;
    bench.run(|chain, cx| {
        let again = Incoming { topic: OUTBOUND_REPLY, key: b"", value: &value, headers: &[], offset: 0, at };
        assert_eq!(chain.record(cx, &again).expect_err("might be a second time").kind, "too_old");
    });
    assert_eq!(bench.claims.len(), 2);
}

#[test]
fn what_may_still_go_on_is_never_forgotten() {
    let mut bench = Bench::new();
    bench.control(1, ControlState::Running, 10);
    let demand = bench.demands[0].clone();
    bench.control(2, ControlState::Paused, 10);
    answer(&mut bench, &demand);
    let silent = bench.plan(1);
    bench.pass(60_000 + DEADLINE);
    assert_eq!(bench.states(silent).last(), Some(&SendState::Quarantined));
    for _ in 0..4 {
        days(&mut bench, 30);
    }
    assert_eq!(stored(&bench), 11);
}
