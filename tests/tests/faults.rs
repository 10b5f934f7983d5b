//! A short fixed set of seeds. `make faults` runs any others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use sluice_local::{Options, Stack};
use sluice_tests::faults::{Act, Arena, Family, Scenario, program};

/// Kills at steps of a chain and of effects, a lost state folder, instances that come and go, Meta that answers wrongly.
const FIXED: [(u64, Family); 4] = [(1, Family::Send), (2, Family::Campaign), (3, Family::Pipeline), (6, Family::Pipeline)];

/// Runs that a bug was found by, for good.
fn found() -> Vec<(&'static str, Scenario)> {
    let ask = |n: usize| (100 * n as u64, Act::Ask { person: n, account: 0, bags: 1 + n as u64 });
    let asked: Vec<_> = (0..8).map(ask).collect();
    // The last act leaves time for the fault before everything is put right.
    let last = vec![(5_000, Act::Arm(String::new()))];
    let run = |seed, acts: Vec<(u64, Act)>| Scenario { seed, acts: [asked.clone(), acts, last.clone()].concat() };
    let kill = Act::Arm("intake.after_commit=1*return(kill)".into());
    vec![
        ("a store that is behind by a transaction without hashes", run(8_001, vec![(2_500, kill), (3_000, Act::Poison { count: 1 })])),
        ("a damaged state folder", run(8_002, vec![(1_000, Act::Damage)])),
        ("a panic outside a stage", run(8_003, vec![(200, Act::Arm("ledger.before_commit=1*panic".into()))])),
    ]
}

#[test]
fn the_fixed_runs_break_no_promise() {
    let stack = Arc::new(Stack::temporary(&Options::test()).expect("the engines start"));
    let mut arena = Arena::start(&stack, &program().expect("sluice-faults")).expect("the deployment starts");
    for (what, scenario) in found() {
        let outcome = arena.run(&scenario).expect("the run can be played");
        println!("{what}: {outcome:?}");
        assert_eq!(outcome.violations, [], "{what}\n{}", arena.complaints());
    }
    for (seed, family) in FIXED {
        let outcome = arena.run(&Scenario::of(seed, family)).expect("the run can be played");
        println!("seed {seed} {family}: {outcome:?}");
        assert_eq!(outcome.violations, [], "make faults SEEDS=1 FIRST={seed} FAMILY={family}");
    }
}
