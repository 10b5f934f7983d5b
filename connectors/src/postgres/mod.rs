//! Postgres: configuration and control, and the projections that pages read.
//!
//! Two logins reach it. The *application* login (API, console, `expand`) works for one tenant at a time: [`Pool::tenant`] opens a
//! transaction in which row-level security shows that tenant alone. The *worker* login ([`Pool::worker`]) serves what crosses
//! tenants (routing, sender, tally, outbox) and has policies on just those tables. Neither owns a table; [`check_role`] refuses to
//! start where one could step around the policies. The owner's login is for [`migrate`] alone.

pub mod attention;
pub mod audit;
pub mod campaigns;
pub mod config;
pub mod contacts;
mod error;
pub mod generation;
pub mod health;
pub mod keys;
pub mod letters;
mod migrate;
pub mod numbers;
pub mod opt_outs;
mod options;
pub mod outbox;
mod pool;
pub mod quotes;
pub mod rates;
pub mod replays;
pub mod retention;
mod role;
pub mod seal;
pub mod tenants;
mod upload;
pub mod uploads;
pub mod users;

pub use error::Error;
pub use migrate::{Report, migrate, plan};
pub use options::{Login, Options};
pub use pool::{Pool, Transaction};
pub use role::check_role;

/// What every call here gives.
pub type Result<T> = std::result::Result<T, Error>;
