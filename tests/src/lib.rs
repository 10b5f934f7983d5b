//! What tests of the whole product share and must itself be tested: the checker of the books, and the fault harness.

pub mod checker;
pub mod dice;
pub mod faults;
pub mod topics;
