use super::*;

/// In São Paulo it is 05:00, in Berlin 09:00.
const MORNING: Millis = Millis(1_795_593_600_000);
const SAO_PAULO: &str = "5511955501234";
const BERLIN: &str = "4915550101234";

fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.now = MORNING;
    bench
}

fn offer(bench: &mut Bench, seq: i64, to: &str) -> SendId {
    let window = Some("09:00-20:00".to_owned());
    bench.plan_as(Outbound { to: to.into(), window, at_ms: bench.now.0, ..outbound(0, Some(campaign()), seq) })
}

fn claimed(bench: &Bench) -> Vec<(&str, i64)> {
    bench.claims.iter().map(|claim| (claim.to.as_str(), claim.slot_ms - MORNING.0)).collect()
}

#[test]
fn each_recipient_gets_it_in_the_hours_of_the_own_day() {
    let mut bench = bench();
    bench.control(1, ControlState::Running, 2);
    offer(&mut bench, 0, SAO_PAULO);
    offer(&mut bench, 1, BERLIN);
    bench.pass(Millis::HOUR);
    assert_eq!(claimed(&bench).iter().map(|(to, _)| *to).collect::<Vec<_>>(), [BERLIN]);
    bench.restart();
    bench.pass(4 * Millis::HOUR);
    let (to, after) = claimed(&bench)[1];
    assert_eq!((to, after / 1_000), (SAO_PAULO, 4 * 3_600));
}

#[test]
fn what_waited_past_the_end_of_the_hours_waits_for_the_next_day() {
    let mut bench = bench();
    let id = offer(&mut bench, 0, BERLIN);
    // Its campaign starts in the evening: at 21:00 in Berlin.
    bench.pass(12 * Millis::HOUR);
    bench.control(1, ControlState::Running, 1);
    bench.pass(Millis::HOUR);
    assert_eq!(claimed(&bench), []);
    assert_eq!(bench.states(id), [SendState::Planned], "to wait is no step");
    bench.pass(11 * Millis::HOUR + 1_000);
    assert_eq!(claimed(&bench).iter().map(|(to, after)| (*to, after / 1_000)).collect::<Vec<_>>(), [(BERLIN, 24 * 3_600)]);
}

#[test]
fn rows_whose_day_has_not_begun_do_not_keep_the_others_from_coming() {
    let mut bench = bench();
    bench.control(1, ControlState::Running, 100_000);
    let mut next = 0;
    // Every row that is asked for comes, and all of them sleep, but the last.
    for _ in 0..1_000 {
        let Some(demand) = bench.demands.last().filter(|demand| demand.from + i64::from(demand.n) > next).cloned() else { break };
        for seq in demand.from..demand.from + i64::from(demand.n) {
            offer(&mut bench, seq, &format!("5511955{seq:06}"));
        }
        next = demand.from + i64::from(demand.n);
    }
    assert!((20_000..25_000).contains(&next), "{next} rows are kept");
    let asked = bench.demands.len();
    bench.pass(Millis::HOUR);
    assert_eq!(bench.demands.len(), asked, "no more than that");
    bench.pass(3 * Millis::HOUR + 10_000);
    assert!(bench.claims.len() > 100, "{}", bench.claims.len());
}
