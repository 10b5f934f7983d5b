//! The real engines on a bare machine: Apache Kafka, Apache Cassandra and PostgreSQL, without containers.
//!
//! ```no_run
//! use sluice_local::{Engine, Options, Stack};
//!
//! let stack = Stack::temporary(&Options::test().only(&[Engine::Kafka]))?;
//! let brokers = stack.address(Engine::Kafka)?;
//! stack.kill(Engine::Kafka)?;
//! stack.start_engine(Engine::Kafka)?;
//! # Ok::<(), sluice_local::Error>(())
//! ```
//!
//! [`System`] is the product beside such a stack: a registry, a simulated Meta and `sluice run`, each a process of its own.
//!
//! The calls block; an async test wraps them in `spawn_blocking`, and tests that share a stack keep it in a `OnceLock`.
//!
//! **Where things come from.** Kafka and Cassandra are jars that Maven fetches once into `$SLUICE_CACHE` (see [`fetch`]);
//! Postgres is Debian's package. `deploy/local/setup.sh` installs the packages. Java 17 runs both.
//!
//! **Ready** means that the engine has answered a real request in its own protocol, not that a port is open.
//!
//! **Nothing outlives us.** Every child is started through `setpriv --pdeathsig KILL`, so the kernel kills it when we die; a
//! guard, a small shell that waits on a pipe, then kills what the engines had forked, releases the folder and removes a
//! temporary one. So even a `static` stack in a test leaves nothing behind.
//!
//! **Faults.** [`Stack::kill`] is a crash: committed data survives it. [`Stack::pause`] leaves connections open and answers
//! nothing, as a hung host does.
//!
//! Everything listens on 127.0.0.1 alone and trusts whoever connects.

mod cassandra;
pub mod control;
mod engine;
mod error;
mod fetch;
mod guard;
mod http;
mod java;
mod kafka;
mod options;
mod postgres;
mod probe;
mod process;
mod stack;
mod supervise;
pub mod system;

pub use error::Error;
pub use fetch::fetch;
pub use options::{Engine, Options};
pub use stack::{Stack, State, clean};
pub use supervise::Companion;
pub use system::System;
