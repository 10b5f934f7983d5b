//! `sluice registry`: the part of Confluent's schema registry that Avro clients use, over a table in Postgres.
//!
//! The compatibility rule is fixed (see [`super`]'s `compatibility`): FULL with the previous version and BACKWARD with
//! all. Only Avro, no references between schemas, no deletion, no authentication: it belongs on a private network.

mod answer;
mod routes;
mod store;

pub use answer::Error;
pub use routes::router;
pub use store::{Registered, Store};
