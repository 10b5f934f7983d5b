//! The whole line under a deterministic log with virtual time: real stages in real cells, the runner's protocol step by step,
//! several instances, and everything that goes wrong, in an order that a seed decides.
//!
//! `SLUICE_SIM_SEEDS=n SLUICE_SIM_FIRST=s cargo test -p sluice-pipeline --release --test simulation seeds -- --nocapture` runs any
//! others. A seed that fails is made small by proptest before it is shown.

mod check;
mod log;
mod node;
mod world;

use std::sync::LazyLock;
use std::time::Instant;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use sluice_pipeline::chain::Chain;
use sluice_pipeline::domain::callback::Keys;
use sluice_pipeline::stages::intake::Intake;
use sluice_pipeline::stages::ledger::{Ledger, Settings};
use sluice_pipeline::stages::reconcile::Reconcile;
use sluice_pipeline::topology;
use sluice_schemas::codec::Codecs;
use sluice_schemas::time::Millis;

use log::Log;
use node::{Life, Node};
use world::World;

const CHAINS: [&str; 3] = ["intake", "ledger", "reconcile"];
const PARTITIONS: i32 = 2;
const INSTANCES: usize = 2;
/// Steps of a seed before the faults end.
const STEPS: std::ops::Range<usize> = 205..260;
/// Rounds after which everything must be at rest.
const ROUNDS: usize = 2_000;

static CODECS: LazyLock<Codecs> = LazyLock::new(Codecs::unregistered);
static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::new(&[("k".into(), b"secret".to_vec())]).expect("keys"));

/// What a commit meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Commit {
    Done,
    /// An error, and it was aborted.
    Refused,
    /// An error, and it was committed.
    AnswerLost,
    /// Committed; the process dies before its store is written.
    CrashAfter,
    /// Stands still before its offsets are in the transaction, …
    StopsEarly,
    /// … or after.
    StopsLate,
}

/// A mistake in the protocol, planted to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bug {
    None,
    OffsetsBeforeOutputs,
    OutputsOutside,
    StateBeforeCommit,
    DedupBeforeCommit,
    HashesNotRestored,
    RestoreToTheEnd,
    ClaimsBeforeCommit,
    ProducerReused,
    RevokeForgets,
    GenerationNotSent,
    UnknownSentAgain,
    SendBeforeOffset,
}

/// One step: what, and two numbers that say to whom and how.
type Step = (u8, u8, u8);

struct Sim {
    codecs: Codecs,
    log: Log,
    world: World,
    nodes: Vec<Node>,
    now: Millis,
}

type Make = fn(&Codecs) -> Box<dyn Chain>;

fn chain(name: &str, codecs: &Codecs) -> Box<dyn Chain> {
    match name {
        "intake" => Box::new(Intake::new(codecs)),
        "ledger" => Box::new(Ledger::new(codecs, Settings { keys: KEYS.clone(), http_timeout_ms: 30_000, unknown_deadline_ms: 60_000 })),
        _ => Box::new(Reconcile::new(codecs, KEYS.clone())),
    }
}

impl Sim {
    fn new(bug: Bug) -> Self {
        let codecs = CODECS.clone();
        let mut sim = Self {
            log: Log::new(bug == Bug::GenerationNotSent),
            world: World::new(&codecs, &KEYS, bug),
            nodes: Vec::new(),
            now: Millis(1_760_000_000_000),
            codecs,
        };
        let makes: [Make; 3] = [|codecs| chain("intake", codecs), |codecs| chain("ledger", codecs), |codecs| chain("reconcile", codecs)];
        for (name, make) in CHAINS.into_iter().zip(makes) {
            let row = (topology::role(name).expect("a role"), topology::chain(name).expect("a chain"));
            for instance in 0..INSTANCES {
                let mut node = Node::new(format!("{name}-{instance}"), row, &sim.codecs, make, bug);
                node.start(&mut sim.log, sim.now);
                sim.nodes.push(node);
            }
            sim.rebalance(name, 0);
        }
        sim
    }

    /// Deals the partitions of a group out to its running members; who stands still is left behind.
    fn rebalance(&mut self, group: &str, turn: usize) {
        let Self { nodes, log, now, .. } = self;
        let mut members: Vec<&mut Node> = nodes.iter_mut().filter(|node| node.group() == group && node.life == Life::Running).collect();
        let Some(name) = members.first().map(|node| node.group()) else { return };
        for node in &mut members {
            if node.generation == log.generation(name) {
                node.revoke(log, *now);
            } else {
                // It was left behind while it stood still, and notices only now.
                node.start(log, *now);
            }
        }
        let generation = log.rebalance(name);
        let n = members.len();
        for (place, node) in members.iter_mut().enumerate() {
            let mine = (0..PARTITIONS).filter(|partition| (*partition as usize + turn) % n == place).collect();
            node.assign(mine, generation);
        }
    }

    fn step(&mut self, (what, a, b): Step) {
        self.now = self.now.plus(i64::from(b % 8) * 10);
        self.log.expire(self.now);
        let at = usize::from(a) % self.nodes.len();
        let (now, turn) = (self.now, usize::from(b));
        match what {
            0..10 => self.world.write(&mut self.log, now, a, b.is_multiple_of(4)),
            10..18 => self.world.plan(&mut self.log, now, a, b.is_multiple_of(4)),
            18..24 => _ = self.world.webhook(&mut self.log, now, b.is_multiple_of(4)),
            24..30 => _ = self.world.take(&mut self.log, now, b.is_multiple_of(16)),
            30..38 => _ = self.world.send(&mut self.log, now, b),
            38..66 => _ = self.work(at, turn, 1 + usize::from(b % 16)),
            66..82 => self.commit(at, Commit::Done),
            82..84 => self.commit(at, Commit::Refused),
            84..86 => self.commit(at, Commit::AnswerLost),
            86 => self.commit(at, Commit::CrashAfter),
            87 | 88 => self.stop(at, Commit::StopsLate, b),
            102.. => self.stop(at, Commit::StopsEarly, b),
            89 => self.nodes[at].kill(),
            90..93 => self.revive(at),
            93 => self.pause(at),
            94..96 => self.rebalance(CHAINS[usize::from(a) % 3], turn),
            96 => self.lose_disk(at),
            97 => self.now = now.plus(log::TIMEOUT_MS),
            98 => self.now = now.plus(45_000),
            _ => self.resume(at),
        }
    }

    fn work(&mut self, at: usize, turn: usize, records: usize) -> bool {
        let (node, log) = (&mut self.nodes[at], &mut self.log);
        if node.life != Life::Running {
            return false;
        }
        node.restore(log);
        let read = node.burst(log, self.now, records, turn);
        node.tick(log, self.now) || read > 0
    }

    fn commit(&mut self, at: usize, how: Commit) {
        if self.nodes[at].life == Life::Running {
            self.nodes[at].commit(&mut self.log, self.now, how);
        }
    }

    /// Stands still within a commit; mostly for so long that the group goes on without it.
    fn stop(&mut self, at: usize, how: Commit, turn: u8) {
        self.commit(at, how);
        if self.nodes[at].life == Life::Paused && !turn.is_multiple_of(4) {
            self.rebalance(self.nodes[at].group(), usize::from(turn));
        }
    }

    fn pause(&mut self, at: usize) {
        if self.nodes[at].life == Life::Running {
            self.nodes[at].life = Life::Paused;
        }
    }

    fn resume(&mut self, at: usize) {
        if self.nodes[at].life == Life::Paused {
            self.nodes[at].resume(&mut self.log, self.now);
        }
    }

    fn revive(&mut self, at: usize) {
        if self.nodes[at].life == Life::Dead {
            self.nodes[at].start(&mut self.log, self.now);
            let group = self.nodes[at].group();
            self.rebalance(group, at);
        }
    }

    /// The machine is gone, with its disk.
    fn lose_disk(&mut self, at: usize) {
        self.nodes[at].kill();
        self.nodes[at].disks.clear();
    }

    /// No more faults: everything must come to an end by itself.
    fn settle(&mut self) -> Result<(), String> {
        for at in 0..self.nodes.len() {
            self.resume(at);
            self.revive(at);
        }
        for group in CHAINS {
            self.rebalance(group, 0);
        }
        for _ in 0..ROUNDS {
            if !self.round() && !self.wait() {
                return self.promises();
            }
        }
        Err(format!("P: not at rest after {ROUNDS} rounds"))
    }

    /// Everybody does what there is to do; whether there was anything.
    fn round(&mut self) -> bool {
        let mut busy = self.log.has_open();
        self.log.expire(self.now);
        for at in 0..self.nodes.len() {
            busy |= self.work(at, 0, 1_000);
            self.commit(at, Commit::Done);
            busy |= !self.nodes[at].idle();
            let (group, generation) = (self.nodes[at].group(), self.nodes[at].generation);
            if generation != self.log.generation(group) {
                self.rebalance(group, at);
                busy = true;
            }
        }
        busy |= self.world.webhook(&mut self.log, self.now, false);
        busy |= self.world.take(&mut self.log, self.now, false);
        busy |= self.world.send(&mut self.log, self.now, 0);
        if busy {
            self.now = self.now.plus(if self.log.has_open() { 1_000 } else { 1 });
        }
        busy
    }

    /// Moves time to the next thing that is due; `false` if nothing is but the sweeps for what is to be forgotten, which rest for longer
    /// than any send waits.
    fn wait(&mut self) -> bool {
        let due = self.nodes.iter().flat_map(|node| node.cells.values()).filter_map(sluice_pipeline::cell::Cell::due);
        let Some(next) = due.chain(self.world.next_slot()).min().filter(|next| next.since(self.now) <= Millis::DAY) else { return false };
        self.now = self.now.plus(1).max(next);
        true
    }
}

/// Each step may be left out: that is how proptest finds those that a failure needs.
fn steps() -> impl Strategy<Value = Vec<Option<Step>>> {
    vec(proptest::option::weighted(0.99, (0..106_u8, any::<u8>(), any::<u8>()).no_shrink()), STEPS)
}

fn run(bug: Bug, steps: &[Option<Step>]) -> Result<usize, String> {
    let mut sim = Sim::new(bug);
    steps.iter().flatten().for_each(|step| sim.step(*step));
    sim.settle()?;
    Ok(steps.len() + sim.nodes.iter().map(|node| node.handled).sum::<usize>())
}

/// Runs one seed; a failure comes with the smallest steps that fail.
fn seed(bug: Bug, seed: u64, shrink: u32) -> Result<usize, String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: 1, max_shrink_iters: shrink, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let events = std::cell::Cell::new(0);
    let result = runner.run(&steps(), |steps| {
        events.set(run(bug, &steps).map_err(TestCaseError::fail)?);
        Ok(())
    });
    match result {
        Ok(()) => Ok(events.get()),
        Err(TestError::Fail(reason, steps)) => {
            let needed: Vec<&Step> = steps.iter().flatten().collect();
            Err(format!("seed {seed}: {reason}\nafter {} steps: {needed:?}", needed.len()))
        }
        Err(TestError::Abort(reason)) => Err(format!("seed {seed}: {reason}")),
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}: `{text}` is not a number")))
}

#[test]
fn seeds_of_faults_break_no_promise() {
    let (first, n) = (number("SLUICE_SIM_FIRST", 0), number("SLUICE_SIM_SEEDS", 100));
    let (started, mut events) = (Instant::now(), 0);
    for number in first..first + n {
        match seed(Bug::None, number, 4_000) {
            Ok(of) => events += of,
            Err(reason) => panic!("{reason}"),
        }
    }
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    println!("{n} seeds, {} events each, {:.0} seeds a minute", events / n as usize, n as f64 / minutes);
    assert!(events >= 200 * n as usize, "too few events to prove anything: {events}");
}

/// A planted bug must break a promise within this many seeds.
const ENOUGH: u64 = 400;

macro_rules! planted {
    ($($test:ident = $bug:ident),+ $(,)?) => { $(
        #[test]
        fn $test() {
            let found = (0..ENOUGH).find_map(|number| seed(Bug::$bug, number, 0).err());
            let found = found.unwrap_or_else(|| panic!("not found in {ENOUGH} seeds"));
            println!("{}", found.lines().next().unwrap_or_default());
        }
    )+ };
}

planted! {
    offsets_committed_before_outputs_are_found = OffsetsBeforeOutputs,
    outputs_outside_the_transaction_are_found = OutputsOutside,
    state_applied_before_the_commit_is_found = StateBeforeCommit,
    hashes_remembered_before_the_commit_are_found = DedupBeforeCommit,
    hashes_that_are_not_restored_are_found = HashesNotRestored,
    a_restore_to_the_end_of_the_log_is_found = RestoreToTheEnd,
    claims_read_before_their_commit_are_found = ClaimsBeforeCommit,
    a_producer_that_goes_on_after_a_failed_commit_is_found = ProducerReused,
    work_in_flight_forgotten_at_a_revoke_is_found = RevokeForgets,
    a_commit_without_the_generation_is_found = GenerationNotSent,
    an_unknown_send_that_goes_out_again_is_found = UnknownSentAgain,
    a_claim_written_before_its_offset_is_found = SendBeforeOffset,
}

#[test]
fn a_failing_seed_is_made_small() {
    let failing = (0..ENOUGH).find_map(|number| seed(Bug::UnknownSentAgain, number, 600).err()).expect("found");
    let steps: usize = failing.split("after ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok()).expect("a count");
    assert!(steps < STEPS.start / 2, "{failing}");
}
