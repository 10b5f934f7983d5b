//! A short fixed set of seeds. `make faults` runs any others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use sluice_local::{Options, Stack};
use sluice_tests::faults::{Arena, Family, Scenario, program};

/// Kills at steps of a chain and of effects, a lost state folder, instances that come and go, Meta that answers wrongly.
const FIXED: [(u64, Family); 4] = [(1, Family::Send), (2, Family::Campaign), (3, Family::Pipeline), (6, Family::Pipeline)];

#[test]
fn the_fixed_seeds_break_no_promise() {
    let stack = Arc::new(Stack::temporary(&Options::test()).expect("the engines start"));
    let mut arena = Arena::start(&stack, &program().expect("sluice-faults")).expect("the deployment starts");
    for (seed, family) in FIXED {
        let outcome = arena.run(&Scenario::of(seed, family)).expect("the run can be played");
        println!("seed {seed} {family}: {outcome:?}");
        assert_eq!(outcome.violations, [], "make faults SEEDS=1 FIRST={seed} FAMILY={family}");
    }
}
