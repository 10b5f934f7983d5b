//! What tests of the whole product share and must itself be tested: the checker of the books.

pub mod checker;
