//! The harness finds bugs: each is planted in the real program, and a run that provokes it must be told from a good one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sluice_local::{Options, Stack};
use sluice_tests::faults::{Act, Arena, Scenario, program};

/// What is only late would be there by then: an unknown send is quarantined after 16 s.
const PATIENCE: Duration = Duration::from_secs(25);

fn stack() -> &'static Arc<Stack> {
    static STACK: OnceLock<Arc<Stack>> = OnceLock::new();
    STACK.get_or_init(|| Arc::new(Stack::temporary(&Options::test()).expect("the engines start")))
}

/// Customers of both tenants ask, one every 150 ms; among that happens what `acts` says.
fn scenario(acts: &[(u64, Act)]) -> Scenario {
    let ask = |n: usize| (150 * n as u64, Act::Ask { person: n % 6, account: n % 2, bags: n as u64 + 1 });
    let mut acts: Vec<(u64, Act)> = (0..16).map(ask).chain(acts.iter().cloned()).collect();
    acts.sort_by_key(|(at, _)| *at);
    Scenario { seed: 1, acts }
}

fn arm(steps: &str) -> Act {
    Act::Arm(steps.into())
}

/// A kill at the second passage of a step. The first one takes so long that questions gather: a batch of nothing but statuses would
/// lose nothing that is missed. The last question comes when both are past.
fn gathering(step: &str) -> [(u64, Act); 2] {
    [(0, arm(&format!("{step}=1*sleep(1500)->1*return(kill)"))), (5_000, Act::Ask { person: 0, account: 0, bags: 20 })]
}

/// Runs with the bug; one of these promises must be seen broken.
fn caught(bug: &str, broken: &[&str], acts: &[(u64, Act)]) {
    let mut arena = Arena::start(stack(), &program().expect("sluice-faults")).expect("the deployment starts");
    arena.plant(bug, PATIENCE).expect("it starts with the bug");
    let outcome = arena.run(&scenario(acts)).expect("the run can be played");
    let found: Vec<String> = outcome.violations.iter().map(ToString::to_string).collect();
    assert!(
        found.iter().any(|found| broken.iter().any(|promise| found.contains(promise))),
        "{bug} went by, none of {broken:?} in {} s: {found:#?}\n{}",
        outcome.took.as_secs(),
        arena.complaints()
    );
}

#[test]
fn offsets_committed_before_outputs() {
    caught("offsets_before_outputs", &["Unheard", "Stuck"], &[(300, arm("intake.before_commit=2*off->1*return(kill)"))]);
}

#[test]
fn dedup_written_before_the_commit() {
    caught("dedup_before_commit", &["Unheard"], &[(300, arm("intake.before_commit=2*off->1*return(kill)"))]);
}

#[test]
fn state_applied_before_the_commit() {
    caught("state_before_commit", &["Unanswered", "Unplanned"], &[(300, arm("ledger.early_row=2*off->1*return(kill)"))]);
}

#[test]
fn a_producer_used_again_after_a_failed_commit() {
    caught(
        "producer_reused",
        &["Unheard", "Unanswered", "Lost", "Jump", "Open"],
        &[(300, arm("transaction.before_commit=4*return(fail)"))],
    );
}

#[test]
fn a_revoke_that_forgets_what_is_in_flight() {
    let hold = arm("intake.window=return(hold)");
    caught("revoke_forgets", &["HeardTwice"], &[(0, Act::Join(1)), (300, hold), (7_000, arm(""))]);
}

#[test]
fn a_restore_that_stops_at_the_end_it_sees() {
    let forget = Act::Forget { restart: String::new() };
    caught("restore_to_the_end", &["HeardTwice", "Split", "Jump"], &[(600, Act::Veil { ms: 8_000 }), (2_000, forget)]);
}

#[test]
fn offsets_of_claims_committed_after_the_write() {
    // The first batch is written and stays without its offsets until the kill, however slow the machine. A start that takes longer
    // than the lease would write none of it again, so its clock is put back; it then waits for the slots, and the last question
    // comes when those are over.
    let acts = [
        (0, arm("sender.before_offsets=sleep(6000)")),
        (4_000, Act::Skew { ms: -7_000 }),
        (11_500, Act::Ask { person: 0, account: 0, bags: 20 }),
    ];
    caught("sender_offsets_after_write", &["SentTwice"], &acts);
}

#[test]
fn an_unknown_send_that_is_sent_again_by_itself() {
    let statuses_late = Act::Meta(r#"{"kind":"webhook_delay","ms":4000}"#.into());
    let reset = Act::Meta(r#"{"kind":"reset","when":"after","count":5,"path":"/messages"}"#.into());
    // The delay first: a status that is quicker than it settles the send, and the bug has nothing to repeat. It delays the questions too,
    // so the last one keeps the faults until those are answered.
    let last = Act::Ask { person: 0, account: 0, bags: 20 };
    caught("unknown_sent_again", &["SentTwice"], &[(0, statuses_late), (300, reset), (9_000, last)]);
}

#[test]
fn a_lease_that_is_not_checked() {
    caught("lease_not_checked", &["Late"], &[(300, arm("sender.before_lease=1*sleep(9000)"))]);
}

#[test]
fn records_written_to_another_partition() {
    caught("wrong_partition", &["Astray"], &[]);
}

#[test]
fn a_journal_whose_offset_is_one_too_high() {
    caught("journal_offset_off_by_one", &["Unheard", "Stuck"], &[(900, Act::Kill { restart: String::new() })]);
}

#[test]
fn offsets_of_the_archive_committed_before_its_rows() {
    caught("archive_offsets_before_rows", &["Unarchived"], &gathering("archive.after_offsets"));
}
