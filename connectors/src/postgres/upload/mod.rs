//! People from a CSV file into a temporary table, forgivingly: a bad line is reported and the good ones go on.

mod copy;
mod lines;
mod refusals;

pub(super) use copy::{Summary, load};
pub(super) use lines::{Columns, Lines};
pub use lines::{Import, Refusal};
pub(super) use refusals::Of;
