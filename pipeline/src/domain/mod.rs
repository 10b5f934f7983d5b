//! What the stages decide: pure rules without input or output of their own.

pub mod audit;
pub mod callback;
pub mod opt_out;
pub mod quote;
pub mod tier;
