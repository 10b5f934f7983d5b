//! The whole line on real engines: webhook, dedup, conversation and quote, ledger, sender, a simulated Meta, statuses, reconcile,
//! tally and archive, console.
//!
//! Tests that disturb nobody share one system (`harness::calm`); those that kill have systems of their own, and those that break
//! engines a stack of their own. Everything has its own ports and names, so tests run side by side and in any order. `sluice` is the
//! one that was built beside this test (`cargo build -p sluice`), or `$SLUICE_BIN`. `SLUICE_TEST_SEED` fixes when processes are killed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod accounts;
mod answers;
mod approval;
mod attention;
mod audit;
mod books;
mod browser;
mod campaign;
mod caps;
mod codes;
mod contacts;
mod conversation;
mod dead_letters;
mod edit;
mod effects;
mod harness;
mod hours;
mod http;
mod kill;
mod letters;
mod manage;
mod media;
mod offsets;
mod opt_outs;
mod outage;
mod reach;
mod rebuild;
mod replay;
mod scale;
mod schemas;
mod shadow;
mod standstill;
mod travel;
mod verbs;
mod volume;
