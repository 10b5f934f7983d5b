//! The pure stages.

pub mod ledger;
