//! The pure stages, and the chains that compose them: [`intake`] is dedup → conversation → quote, [`ledger`] and
//! [`reconcile`] are chains of their own.

pub mod conversation;
pub mod dedup;
pub mod intake;
pub mod ledger;
pub mod quoting;
pub mod reconcile;
