mod caps;
mod forget;
mod holds;
mod opt_out;
mod reach;
mod window;

use proptest::prelude::*;
use sluice_schemas::codec::Codecs;
use sluice_schemas::ids::{CampaignId, SendId, TenantId, TraceId};
use sluice_schemas::record::{
    Claim, Config, Control, ControlState, Demand, Event, Hold, Lane, LedgerEntry, OptOut, Outbound, Outcome, SendResult, SendState,
};
use sluice_schemas::time::Millis;
use sluice_schemas::topics::{
    CAMPAIGN_CONTROL, CAMPAIGN_DEMAND, CONFIG, EVENTS, HOLDS, OPT_OUTS, OUTBOUND_BULK, OUTBOUND_REPLY, SEND_CLAIMS, SEND_LEDGER,
    SEND_RESULTS,
};

use super::{Ledger, Settings};
use crate::chain::{Chain, Context, Incoming};
use crate::domain::callback::Keys;
use crate::state::{Changes, Memory, View};

const ACCOUNT: &str = "15550100001";
const DEADLINE: i64 = 600_000;

/// A ledger with its log: every transaction commits at once.
struct Bench {
    chain: Ledger,
    codecs: Codecs,
    keys: Keys,
    memory: Memory,
    now: Millis,
    claims: Vec<Claim>,
    steps: Vec<LedgerEntry>,
    demands: Vec<Demand>,
    holds: Vec<Hold>,
    opt_outs: Vec<OptOut>,
}

impl Bench {
    fn new() -> Self {
        let codecs = Codecs::unregistered();
        let keys = Keys::new(&[("k".into(), b"secret".to_vec())]).expect("keys");
        Self {
            chain: Ledger::new(&codecs, Self::settings(&keys)),
            codecs,
            keys,
            memory: Memory::default(),
            now: Millis(1_000_000),
            claims: Vec::new(),
            steps: Vec::new(),
            demands: Vec::new(),
            holds: Vec::new(),
            opt_outs: Vec::new(),
        }
    }

    fn settings(keys: &Keys) -> Settings {
        Settings { keys: keys.clone(), http_timeout_ms: 30_000, unknown_deadline_ms: DEADLINE }
    }

    fn run(&mut self, act: impl FnOnce(&mut Ledger, &mut Context<'_>)) {
        let (mut changes, mut out, mut failed) = (Changes::default(), Vec::new(), None);
        let mut cx = Context { now: self.now, state: View::new(&self.memory, &mut changes, &mut failed), out: &mut out };
        act(&mut self.chain, &mut cx);
        self.memory.apply(&changes, 0);
        for emit in out {
            match emit.topic {
                SEND_CLAIMS => self.claims.push(self.codecs.of().decode(&emit.value).expect("claim")),
                SEND_LEDGER => self.steps.push(self.codecs.of().decode(&emit.value).expect("step")),
                CAMPAIGN_DEMAND => self.demands.push(self.codecs.of().decode(&emit.value).expect("demand")),
                HOLDS => self.holds.push(self.codecs.of().decode(&emit.value).expect("hold")),
                OPT_OUTS => self.opt_outs.push(self.codecs.of().decode(&emit.value).expect("opt-out")),
                other => panic!("unexpected topic {other}"),
            }
        }
    }

    fn feed(&mut self, topic: &'static str, value: Vec<u8>) {
        let at = self.now;
        self.run(|chain, cx| {
            chain.record(cx, &Incoming { topic, key: b"", value: &value, headers: &[], offset: 0, at }).expect("no poison");
        });
    }

    fn plan(&mut self, n: u8) -> SendId {
        self.plan_as(outbound(n, None, -1))
    }

    fn plan_as(&mut self, outbound: Outbound) -> SendId {
        let bytes = self.codecs.of().encode(&outbound).expect("encodes");
        self.feed(OUTBOUND_REPLY, bytes);
        outbound.send_id
    }

    fn config(&mut self, kind: &str, name: &str, value: &str) {
        let (kind, name, value) = (kind.into(), name.into(), Some(value.into()));
        let config = Config { tenant: TenantId::default(), kind, name, version: self.now.0, value, at_ms: self.now.0 };
        let bytes = self.codecs.of().encode(&config).expect("encodes");
        self.feed(CONFIG, bytes);
    }

    fn result(&mut self, id: SendId, attempt: i32, outcome: Outcome, code: Option<i32>, class: Option<&str>) {
        let result = SendResult {
            tenant: TenantId::default(),
            account: ACCOUNT.into(),
            send_id: id,
            attempt,
            outcome,
            wamid: (outcome == Outcome::Accepted).then(|| "wamid.1".into()),
            code,
            class: class.map(Into::into),
            detail: None,
            http_status: 200,
            at_ms: self.now.0,
        };
        let bytes = self.codecs.of().encode(&result).expect("encodes");
        self.feed(SEND_RESULTS, bytes);
    }

    fn status(&mut self, id: SendId, attempt: i32) {
        let callback = self.keys.sign(ACCOUNT, id, attempt);
        self.event("status", format!(r#"{{"id":"wamid.1","status":"sent","callback_data":"{callback}"}}"#));
    }

    fn event(&mut self, kind: &str, event: String) {
        let event = Event {
            tenant: TenantId::default(),
            account: ACCOUNT.into(),
            channel: "whatsapp".into(),
            conversation: None,
            kind: kind.into(),
            dedup_key: String::new(),
            at_ms: self.now.0,
            received_ms: self.now.0,
            trace: TraceId::default(),
            event,
        };
        let bytes = self.codecs.of().encode(&event).expect("encodes");
        self.feed(EVENTS, bytes);
    }

    fn control(&mut self, epoch: i64, state: ControlState, audience: i64) {
        self.control_of(campaign(), epoch, state, audience);
    }

    fn control_of(&mut self, campaign: CampaignId, epoch: i64, state: ControlState, audience: i64) {
        let control = Control {
            tenant: TenantId::default(),
            campaign,
            home: 3,
            account: ACCOUNT.into(),
            epoch,
            state,
            audience,
            throttle: 0,
            at_ms: self.now.0,
        };
        let bytes = self.codecs.of().encode(&control).expect("encodes");
        self.feed(CAMPAIGN_CONTROL, bytes);
    }

    /// Moves time to the next timer and fires what is due.
    fn tick(&mut self) -> bool {
        let Some(due) = self.chain.due() else { return false };
        self.now = self.now.max(due);
        self.run(Chain::tick);
        true
    }

    /// Lets time pass up to `until`, firing timers as they become due.
    fn pass(&mut self, ms: i64) {
        let until = self.now.plus(ms);
        while self.chain.due().is_some_and(|due| due <= until) {
            let before = self.now;
            self.tick();
            if self.now == before {
                self.now = self.now.plus(1);
            }
        }
        self.now = until;
    }

    /// A new instance on the same state, as after a crash.
    fn restart(&mut self) {
        self.chain = Ledger::new(&self.codecs, Self::settings(&self.keys));
        self.chain.load(&self.memory).expect("loads");
    }

    fn states(&self, id: SendId) -> Vec<SendState> {
        self.steps.iter().filter(|step| step.send_id == id).map(|step| step.state).collect()
    }
}

fn campaign() -> CampaignId {
    CampaignId::from_bytes([5; 16])
}

fn outbound(n: u8, campaign: Option<CampaignId>, seq: i64) -> Outbound {
    let cause = format!("{campaign:?}/{n}/{seq}");
    Outbound {
        tenant: TenantId::default(),
        account: ACCOUNT.into(),
        channel: "whatsapp".into(),
        send_id: SendId::of(TenantId::default(), &cause, 0),
        cause,
        conversation: None,
        to: format!("1555011{n:04}{}", seq.max(0)),
        lane: if campaign.is_some() { Lane::Bulk } else { Lane::Reply },
        campaign,
        seq,
        epoch: 1,
        suppressed: None,
        window: None,
        body: r#"{"type":"text","text":{"body":"hi"}}"#.into(),
        at_ms: 0,
        trace: TraceId::default(),
    }
}

#[test]
fn the_same_cause_planned_twice_is_one_send() {
    let mut bench = Bench::new();
    let id = bench.plan(1);
    bench.plan(1);
    bench.result(id, 1, Outcome::Accepted, None, None);
    bench.plan(1);
    assert_eq!(bench.claims.len(), 1);
    assert_eq!(bench.states(id), [SendState::Planned, SendState::InFlight, SendState::Accepted]);
}

#[test]
fn silence_becomes_unknown_and_then_quarantined_and_is_never_sent_again() {
    let mut bench = Bench::new();
    let id = bench.plan(1);
    bench.pass(60_000);
    assert_eq!(bench.states(id).last(), Some(&SendState::Unknown));
    bench.pass(DEADLINE);
    bench.pass(30 * Millis::DAY);
    assert_eq!(bench.states(id).last(), Some(&SendState::Quarantined));
    assert_eq!(bench.claims.len(), 1);
}

#[test]
fn an_unknown_send_is_settled_by_its_status_and_by_no_other() {
    let mut bench = Bench::new();
    let id = bench.plan(1);
    bench.pass(60_000);
    bench.status(id, 2);
    assert_eq!(bench.states(id).last(), Some(&SendState::Unknown));
    bench.status(id, 1);
    assert_eq!(bench.states(id).last(), Some(&SendState::Accepted));
}

#[test]
fn what_was_never_written_is_planned_again() {
    let mut bench = Bench::new();
    let id = bench.plan(1);
    bench.result(id, 1, Outcome::Unwritten, None, None);
    bench.pass(1_000);
    assert_eq!(bench.claims.iter().map(|claim| claim.attempt).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_permanent_refusal_fails_and_a_throttle_waits() {
    let mut bench = Bench::new();
    let (bad, slow) = (bench.plan(1), bench.plan(2));
    bench.result(bad, 1, Outcome::Rejected, Some(131_026), Some("permanent"));
    bench.result(slow, 1, Outcome::Rejected, Some(131_056), Some("throttle"));
    assert_eq!(bench.states(bad).last(), Some(&SendState::Failed));
    bench.pass(3_000);
    assert_eq!(bench.claims.len(), 2);
    bench.pass(3_000);
    assert_eq!(bench.claims.len(), 3);
}

#[test]
fn a_held_account_loses_nothing() {
    let mut bench = Bench::new();
    let id = bench.plan(1);
    for attempt in 1..=20 {
        bench.result(id, attempt, Outcome::Rejected, Some(190), Some("account"));
        while bench.claims.len() <= attempt as usize {
            assert!(bench.tick(), "it is tried again");
        }
    }
    bench.result(id, 21, Outcome::Accepted, None, None);
    assert_eq!(bench.states(id).last(), Some(&SendState::Accepted));
}

#[test]
fn a_claim_in_flight_at_a_crash_is_not_given_out_again() {
    let mut bench = Bench::new();
    let id = bench.plan(1);
    bench.restart();
    bench.pass(Millis::DAY);
    assert_eq!(bench.claims.len(), 1);
    assert_eq!(bench.states(id).last(), Some(&SendState::Quarantined));
}

#[test]
fn a_late_answer_still_settles() {
    let mut bench = Bench::new();
    let id = bench.plan(1);
    bench.pass(60_000);
    bench.result(id, 1, Outcome::Accepted, None, None);
    assert_eq!(bench.states(id).last(), Some(&SendState::Accepted));
}

/// What `expand` does: every row of a demand, in order.
fn answer(bench: &mut Bench, demand: &Demand) {
    for seq in demand.from..demand.from + i64::from(demand.n) {
        let row = outbound((seq % 200) as u8, Some(campaign()), seq);
        let bytes = bench.codecs.of().encode(&row).expect("encodes");
        bench.feed(OUTBOUND_BULK, bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn pause_resume_crash_and_repeats_neither_skip_nor_repeat_a_row(
        audience in 1i64..600,
        steps in proptest::collection::vec(0u8..6, 0..40),
    ) {
        let mut bench = Bench::new();
        let (mut epoch, mut answered, mut settled) = (1, 0, 0);
        bench.control(epoch, ControlState::Running, audience);
        let everything = steps.into_iter().chain(std::iter::repeat_n(9, 400));
        for step in everything {
            match step {
                0 => { epoch += 1; bench.control(epoch, ControlState::Paused, audience); }
                1 => { epoch += 1; bench.control(epoch, ControlState::Running, audience); }
                2 => bench.restart(),
                // An outbox or an expand that repeats itself.
                3 => { bench.control(epoch - 1, ControlState::Paused, audience); }
                4 => if let Some(demand) = bench.demands.last().cloned() { answer(&mut bench, &demand); },
                5 => bench.pass(500),
                _ => {
                    if step == 9 && bench.chain.campaigns.values().any(|c| c.state == ControlState::Paused) {
                        epoch += 1;
                        bench.control(epoch, ControlState::Running, audience);
                    }
                    while answered < bench.demands.len() {
                        let demand = bench.demands[answered].clone();
                        answered += 1;
                        answer(&mut bench, &demand);
                    }
                    while settled < bench.claims.len() {
                        let claim = bench.claims[settled].clone();
                        settled += 1;
                        bench.result(claim.send_id, claim.attempt, Outcome::Accepted, None, None);
                    }
                    bench.pass(700);
                }
            }
        }
        let mut sent: Vec<SendId> = bench.claims.iter().map(|claim| claim.send_id).collect();
        prop_assert_eq!(sent.len() as i64, audience);
        sent.sort();
        sent.dedup();
        prop_assert_eq!(sent.len() as i64, audience);
    }
}

#[test]
fn a_paused_campaign_sends_nothing_and_a_cancelled_one_ends_what_was_planned() {
    let mut bench = Bench::new();
    bench.control(1, ControlState::Running, 100);
    let demand = bench.demands[0].clone();
    bench.control(2, ControlState::Paused, 100);
    answer(&mut bench, &demand);
    bench.pass(Millis::HOUR);
    assert!(bench.claims.is_empty());
    bench.control(3, ControlState::Cancelled, 100);
    assert_eq!(bench.steps.iter().filter(|step| step.state == SendState::Cancelled).count() as i64, i64::from(demand.n));
    bench.control(4, ControlState::Running, 100);
    bench.pass(Millis::HOUR);
    assert!(bench.claims.is_empty());
}

#[test]
fn restored_state_behaves_as_the_state_that_was_kept() {
    let run = |restart: bool| {
        let mut bench = Bench::new();
        bench.control(1, ControlState::Running, 200);
        for round in 0..40 {
            if restart {
                bench.restart();
            }
            if round < bench.demands.len() {
                let demand = bench.demands[round].clone();
                answer(&mut bench, &demand);
            }
            let open: Vec<Claim> = bench.claims.iter().skip(round * 10).take(10).cloned().collect();
            for claim in open {
                bench.result(claim.send_id, claim.attempt, Outcome::Accepted, None, None);
            }
            bench.pass(400);
        }
        let mut ids: Vec<SendId> = bench.claims.iter().map(|claim| claim.send_id).collect();
        ids.sort();
        ids
    };
    assert_eq!(run(false), run(true));
}

#[test]
fn a_plan_of_the_tenant_bounds_its_sends_and_survives_the_process() {
    let mut bench = Bench::new();
    bench.config("tenant", "-", r#"{"messages_per_second":2}"#);
    for n in 0..40 {
        bench.plan(n);
    }
    bench.pass(5_000);
    let first = bench.claims.len();
    bench.restart();
    bench.pass(5_000);
    let second = bench.claims.len() - first;
    // Two a second, and what lies within the horizon.
    assert!((10..=12).contains(&first) && (9..=12).contains(&second), "{first} {second}");
    bench.config("tenant", "-", r#"{"messages_per_second":0}"#);
    bench.pass(1_000);
    assert_eq!(bench.claims.len(), 40);
}
