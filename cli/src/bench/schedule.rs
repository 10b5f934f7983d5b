//! `sluice bench schedule`: one decision of the ledger's schedule with a million people waiting, beside one with a thousand; with ten thousand
//! tenants, beside ten; how equal the shares of equal tenants are; and a dry run beside as many decisions.

use std::hint::black_box;

use serde_json::json;
use sluice_pipeline::stages::ledger::dry_run::forecast;
use sluice_pipeline::stages::ledger::schedule::{Item, Schedule};
use sluice_schemas::forecast::{Plan as Campaign, Share};
use sluice_schemas::ids::{CampaignId, SendId, TenantId};
use sluice_schemas::record::Lane;
use sluice_schemas::time::Millis;

use super::pairs::{Plan, compare};
use super::{Better, Measure};

const NUMBER: &str = "15550100001";
const CAMPAIGN: CampaignId = CampaignId::from_bytes([1; 16]);
/// Meta's highest throughput of a number, messages a second (contract §8).
const RATE: i64 = 1_000;
/// Decisions of one iteration.
const DECISIONS: u64 = 1_000;
const START: Millis = Millis(1_790_000_000_000);

/// All measures of the benchmark; `quick` takes seconds.
pub fn run(quick: bool) -> Vec<Measure> {
    let many = if quick { 100_000 } else { 1_000_000 };
    vec![waiting(quick, many), tenants(quick), shares(), dry_run(many)]
}

/// A schedule in which as many people wait after each decision as before it.
struct Load {
    schedule: Schedule,
    now: Millis,
    order: i64,
    /// Tenants with the number of each.
    tenants: Vec<(TenantId, String)>,
}

impl Load {
    fn of(people: i64, tenants: u32) -> Self {
        let mut schedule = Schedule::default();
        schedule.run(CAMPAIGN, 0);
        let tenant = |n: u32| {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&n.to_be_bytes());
            (TenantId::from_bytes(id), format!("{NUMBER}{n}"))
        };
        let tenants: Vec<_> = (0..tenants).map(tenant).collect();
        for (_, number) in &tenants {
            schedule.rate(number, RATE);
        }
        let mut load = Self { schedule, now: START, order: 0, tenants };
        (0..people).for_each(|_| load.add());
        load
    }

    fn add(&mut self) {
        self.order += 1;
        let (tenant, account) = self.tenants[self.order as usize % self.tenants.len()].clone();
        self.schedule.add(Item {
            id: SendId::default(),
            tenant,
            order: self.order,
            not_before: self.now,
            ready: self.now,
            lane: Lane::Bulk,
            account,
            to: self.order.to_string(),
            campaign: Some(CAMPAIGN),
        });
    }

    /// Takes the next, as soon as the clock allows; its answer comes at once.
    fn decide(&mut self) {
        loop {
            if let Some((item, slot)) = self.schedule.next(self.now) {
                self.schedule.release(&item.account, &item.to, slot);
                black_box(item);
                return;
            }
            self.now = self.schedule.due().unwrap_or(self.now).max(self.now.plus(1));
        }
    }

    fn turns(&mut self, n: u64) {
        for _ in 0..n * DECISIONS {
            self.decide();
            self.add();
        }
    }
}

fn waiting(quick: bool, many: i64) -> Measure {
    let before = resident();
    let mut ours = Load::of(many, 1);
    let bytes = resident().saturating_sub(before) / many.unsigned_abs();
    let mut baseline = Load::of(1_000, 1);
    let plan = Plan {
        bench: "schedule",
        measure: format!("one decision with {many} people waiting, beside one with 1000"),
        goal: Some(1.3),
        per_iteration: DECISIONS,
        bytes: 0,
        quick,
        at: json!({"waiting": many, "resident_bytes_per_waiting_message": bytes, "rate": RATE}),
    };
    compare(&plan, |n| ours.turns(n), |n| baseline.turns(n))
}

fn tenants(quick: bool) -> Measure {
    let people = 100_000;
    let (mut ours, mut baseline) = (Load::of(people, 10_000), Load::of(people, 10));
    let plan = Plan {
        bench: "schedule",
        measure: format!("one decision among 10000 tenants with {people} people waiting, beside one among 10"),
        goal: Some(1.1),
        per_iteration: DECISIONS,
        bytes: 0,
        quick,
        at: json!({"waiting": people, "rate": RATE}),
    };
    compare(&plan, |n| ours.turns(n), |n| baseline.turns(n))
}

/// Jain's index of the decisions that equal tenants get while there are fewer than all of them could use: the CPU is the limit then.
fn shares() -> Measure {
    const TENANTS: u32 = 100;
    const TAKEN: usize = 10_007;
    let mut load = Load::of(20_000, TENANTS);
    // One of them has as much waiting as all the others together.
    let (tenant, number) = load.tenants[0].clone();
    for order in 0..20_000 {
        let to = format!("more{order}");
        let (id, lane, account, campaign) = (SendId::default(), Lane::Bulk, number.clone(), Some(CAMPAIGN));
        load.schedule.add(Item { id, tenant, order: 100_000 + order, not_before: START, ready: START, lane, account, to, campaign });
    }
    let mut taken = std::collections::BTreeMap::<TenantId, f64>::new();
    for (item, _) in std::iter::from_fn(|| load.schedule.next(START)).take(TAKEN) {
        *taken.entry(item.tenant).or_default() += 1.0;
    }
    let (sum, squares) = taken.values().fold((0.0, 0.0), |(sum, squares), n| (sum + n, squares + n * n));
    let jain = sum * sum / (f64::from(TENANTS) * squares);
    Measure {
        bench: "schedule",
        measure: format!(
            "Jain's index of {TAKEN} decisions among {TENANTS} equal tenants, one of which has half of all that waits, beside 1"
        ),
        ours: jain,
        baseline: 1.0,
        ratio: jain,
        goal: Some(0.99),
        better: Better::Higher,
        unit: "index",
        pairs: 1,
        spread: 0.0,
        at: json!({"tenants": TENANTS, "taken": TAKEN}),
    }
}

fn dry_run(messages: i64) -> Measure {
    let campaign = Campaign {
        rate: RATE,
        start: START,
        answer_ms: 300,
        share: Share { campaign: CAMPAIGN, messages, throttle: 0 },
        beside: Vec::new(),
    };
    let plan = Plan {
        bench: "schedule",
        measure: format!("a message of a dry run of {messages}, beside a decision with 5000 people waiting"),
        goal: Some(1.5),
        per_iteration: messages.unsigned_abs(),
        bytes: 0,
        // One run of it is long enough.
        quick: true,
        at: json!({"messages": messages}),
    };
    let mut baseline = Load::of(5_000, 1);
    let turns = messages.unsigned_abs() / DECISIONS;
    compare(&plan, |n| (0..n).for_each(|_| drop(black_box(forecast(&campaign)))), |n| (0..n).for_each(|_| baseline.turns(turns)))
}

/// Bytes of memory that the process holds; 0 where the kernel does not say.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1_024
}
