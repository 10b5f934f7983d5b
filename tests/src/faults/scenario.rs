//! What happens in a run: who writes when, and what breaks when. Made of the seed alone.

use std::fmt;
use std::str::FromStr;

use sluice_local::Engine;

use crate::dice::Dice;

/// What a run is mostly about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// From the webhook to the reply, with the processes and engines under fire.
    Pipeline,
    /// The last step to Meta, which answers late, wrongly or never.
    Send,
    /// A campaign that is paused, resumed and interrupted.
    Campaign,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pipeline, Self::Send, Self::Campaign];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pipeline => "pipeline",
            Self::Send => "send",
            Self::Campaign => "campaign",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Family {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = || Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|family| family.name() == name).ok_or_else(|| format!("{name} is no family; known: {}", known()))
    }
}

/// One thing that somebody does to the system.
#[allow(missing_docs, reason = "the words of each variant name its fields; times are milliseconds")]
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// A customer asks an account (0 is acme's, 1 its rival's) for so many bags of cement.
    Ask { person: usize, account: usize, bags: u64 },
    /// Updates that no stage can attribute.
    Poison { count: usize },
    /// A campaign to so many others is made and started.
    Campaign { recipients: usize },
    /// It is paused, and resumed after so long.
    Break { ms: u64 },
    /// Steps are armed in the first instance.
    Arm(String),
    /// The first instance is killed, and starts again with these steps armed.
    Kill { restart: String },
    /// It is asked to end, and starts again.
    Restart,
    /// It stands still for so long.
    Pause { ms: u64 },
    /// It is killed and starts again with a clock that is off by so much.
    Skew { ms: i64 },
    /// It is killed, loses its state folder, and starts again with these steps armed.
    Forget { restart: String },
    /// It is killed, its state folder is damaged, and it starts again.
    Damage,
    /// A further instance joins.
    Join(usize),
    /// It leaves in its own way.
    Leave(usize),
    /// It is killed and does not come back in this run.
    Lose(usize),
    /// An engine is killed and comes back after so long.
    Crash { engine: Engine, ms: u64 },
    /// An engine stands still for so long.
    Hang { engine: Engine, ms: u64 },
    /// The schema registry is away for so long, and the first instance is killed meanwhile.
    NoRegistry { ms: u64 },
    /// Somebody's open transaction hides the ends of the changelogs for so long.
    Veil { ms: u64 },
    /// A fault of the simulated Meta, as `POST /_sim/faults` takes it.
    Meta(String),
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// What it was made of; also tells its people apart from those of others.
    pub seed: u64,
    /// Acts with the millisecond at which each begins, in order.
    pub acts: Vec<(u64, Act)>,
}

/// Chains.
const CHAINS: [&str; 3] = ["intake", "ledger", "reconcile"];
/// Steps of every chain.
pub const CHAIN_STEPS: [&str; 7] =
    ["after_poll", "before_send", "before_changelog", "before_commit", "after_commit", "after_apply", "on_revoke"];
/// Steps of the effects, and of the transactions of all chains.
pub const EFFECT_STEPS: [&str; 26] = [
    "transaction.before_commit",
    "transaction.offsets_added",
    "transaction.after_commit",
    "ingress.before_write",
    "ingress.before_answer",
    "sender.after_read",
    "sender.before_offsets",
    "sender.after_offsets",
    "sender.before_lease",
    "sender.before_write",
    "sender.after_write",
    "sender.before_result",
    "sender.after_result",
    "expand.after_read",
    "expand.before_write",
    "expand.before_offsets",
    "expand.after_offsets",
    "archive.after_read",
    "archive.before_offsets",
    "archive.after_offsets",
    "tally.after_read",
    "tally.before_commit",
    "tally.after_commit",
    "tally.before_offsets",
    "tally.after_offsets",
    "outbox.before_mark",
];

/// Every step of every chain.
pub fn chain_steps() -> Vec<String> {
    // A window that is held open is asked for by name alone: it would outlast its transaction.
    CHAINS.iter().flat_map(|chain| CHAIN_STEPS.into_iter().chain(["window"]).map(move |step| format!("{chain}.{step}"))).collect()
}

impl Scenario {
    /// The run of a seed.
    pub fn of(seed: u64, family: Family) -> Self {
        // Neighbouring seeds give unlike runs.
        let mut dice = Dice::of(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (family as u64 + 1));
        let mut acts = Vec::new();
        work(&mut dice, family, &mut acts);
        for _ in 0..dice.between(1, 4) {
            strike(&mut dice, family, &mut acts);
        }
        acts.sort_by_key(|(at, _)| *at);
        Self { seed, acts }
    }

    /// When the last act begins.
    pub fn ends(&self) -> u64 {
        self.acts.last().map_or(0, |(at, _)| *at)
    }
}

/// How long customers write.
const WORK_MS: u64 = 4_000;

fn work(dice: &mut Dice, family: Family, acts: &mut Vec<(u64, Act)>) {
    for person in 0..dice.between(5, 12) as usize {
        // A few people know both tenants.
        let accounts = *dice.pick::<&[usize]>(&[&[0, 1], &[0], &[0], &[1]]);
        let mut bags: Vec<u64> = (1..20).collect();
        for _ in 0..dice.between(1, 4) {
            let account = *dice.pick(accounts);
            let bags = bags.swap_remove(dice.between(0, bags.len() as u64) as usize);
            acts.push((dice.between(0, WORK_MS), Act::Ask { person, account, bags }));
        }
    }
    if family == Family::Campaign {
        acts.push((0, Act::Campaign { recipients: dice.between(30, 120) as usize }));
        if dice.one_in(2) {
            acts.push((dice.between(500, WORK_MS), Act::Break { ms: dice.between(200, 2_000) }));
        }
    }
    if dice.one_in(3) {
        let kind = dice.pick(&["webhook_duplicate", "webhook_reorder", "webhook_delay"]);
        acts.push((0, Act::Meta(format!(r#"{{"kind":"{kind}","probability":0.4,"ms":{}}}"#, dice.between(100, 1_500)))));
    }
}

fn strike(dice: &mut Dice, family: Family, acts: &mut Vec<(u64, Act)>) {
    let at = dice.between(200, WORK_MS);
    if family != Family::Pipeline && dice.one_in(2) {
        acts.push((0, Act::Meta(answer(dice))));
    }
    match dice.between(0, 21) {
        0..8 => acts.push((at / 2, Act::Arm(step(dice, family)))),
        8 => acts.push((at, Act::Kill { restart: step(dice, family) })),
        9 => acts.push((at, Act::Restart)),
        // Longer than the transaction's and the session's time-out: whatever was open is taken away.
        10 => acts.push((at, Act::Pause { ms: dice.between(15_500, 17_000) })),
        11 => acts.push((at, Act::Pause { ms: dice.between(500, 4_000) })),
        12 => acts.push((at, Act::Forget { restart: restore(dice) })),
        13 => acts.push((at, Act::Damage)),
        14 => acts.push((at, Act::Skew { ms: dice.between(0, 3_000) as i64 - 1_500 })),
        15 | 16 => storm(dice, at, acts),
        17 => acts.push((at, engine(dice))),
        18 => acts.extend([(at, Act::Veil { ms: dice.between(500, 3_000) }), (at + 1_000, Act::Forget { restart: String::new() })]),
        19 => acts.push((at, Act::NoRegistry { ms: dice.between(200, 2_000) })),
        _ => acts.push((at, Act::Poison { count: dice.between(20, 300) as usize })),
    }
}

/// A step of a stage, at which the process is killed or stands still for a while, after letting a few pass.
fn step(dice: &mut Dice, family: Family) -> String {
    let name = if dice.one_in(2) {
        format!("{}.{}", dice.pick(&CHAINS), dice.pick(&CHAIN_STEPS))
    } else {
        let own: Vec<&str> = EFFECT_STEPS.into_iter().filter(|step| family == Family::Campaign || !step.starts_with("expand")).collect();
        (*dice.pick(&own)).to_owned()
    };
    let action = match dice.between(0, 8) {
        0 => "sleep(300)",
        1 if CHAINS.iter().any(|chain| name.starts_with(chain)) => "panic",
        // The transaction may or may not have been committed: the chain must find out.
        1..5 if name.starts_with("transaction.") => "return(fail)",
        _ => "return(kill)",
    };
    format!("{name}={}*off->1*{action}", dice.between(0, 12))
}

fn restore(dice: &mut Dice) -> String {
    if dice.one_in(2) { String::new() } else { format!("{}.in_restore={}*off->1*return(kill)", dice.pick(&CHAINS), dice.between(0, 5)) }
}

fn storm(dice: &mut Dice, at: u64, acts: &mut Vec<(u64, Act)>) {
    for further in 1..=dice.between(1, 3) as usize {
        let joins = at + dice.between(0, 1_500);
        acts.push((joins, Act::Join(further)));
        let leaves = joins + dice.between(2_000, 6_000);
        acts.push((leaves, if dice.one_in(2) { Act::Leave(further) } else { Act::Lose(further) }));
    }
}

fn engine(dice: &mut Dice) -> Act {
    let engine = *dice.pick(&[Engine::Kafka, Engine::Kafka, Engine::Cassandra, Engine::Postgres]);
    if dice.one_in(2) { Act::Crash { engine, ms: dice.between(100, 2_000) } } else { Act::Hang { engine, ms: dice.between(500, 5_000) } }
}

/// What Meta does with a call instead of answering it well.
fn answer(dice: &mut Dice) -> String {
    let when = dice.pick(&["before", "after"]);
    let fault = match dice.between(0, 6) {
        0 => format!(r#""kind":"latency","when":"{when}","ms":{},"jitter_ms":200"#, dice.between(200, 2_500)),
        1 => format!(r#""kind":"reset","when":"{when}","probability":0.2"#),
        2 => format!(r#""kind":"http","when":"{when}","status":503,"probability":0.2"#),
        3 => r#""kind":"garbage","when":"after","probability":0.2"#.to_owned(),
        4 => r#""kind":"cut","probability":0.2"#.to_owned(),
        _ => format!(r#""kind":"code","code":{},"probability":0.2,"count":4"#, dice.pick(&[131_056, 130_429, 131_000, 2])),
    };
    format!(r#"{{{fault},"path":"/messages"}}"#)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_gives_the_same_run_every_time_and_another_seed_another() {
        for family in Family::ALL {
            assert_eq!(Scenario::of(7, family), Scenario::of(7, family));
            assert_ne!(Scenario::of(7, family).acts, Scenario::of(8, family).acts);
        }
        assert_ne!(Scenario::of(7, Family::Send).acts, Scenario::of(7, Family::Campaign).acts);
    }

    #[test]
    fn every_kind_of_fault_and_every_step_comes_up() {
        let (mut kinds, mut steps) = (BTreeSet::new(), BTreeSet::new());
        for (seed, family) in (0..700).flat_map(|seed| Family::ALL.map(|family| (seed, family))) {
            for (_, act) in Scenario::of(seed, family).acts {
                let words = format!("{act:?}");
                kinds.insert(words.split(['(', ' ']).next().unwrap_or_default().to_owned());
                if let Act::Arm(step) | Act::Kill { restart: step } = act {
                    steps.insert(step.split('=').next().unwrap_or_default().to_owned());
                }
            }
        }
        assert_eq!(kinds.len(), 19, "{kinds:?}");
        assert_eq!(steps.len(), CHAINS.len() * CHAIN_STEPS.len() + EFFECT_STEPS.len(), "{steps:?}");
    }

    #[test]
    fn nobody_asks_an_account_for_the_same_quantity_twice() {
        for seed in 0..200 {
            let mut asked = BTreeSet::new();
            for (_, act) in Scenario::of(seed, Family::Pipeline).acts {
                if let Act::Ask { person, bags, .. } = act {
                    assert!(asked.insert((person, bags)), "seed {seed}: the answers could not be told apart");
                }
            }
        }
    }
}
