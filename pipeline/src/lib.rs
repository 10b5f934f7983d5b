//! Why: the topology, the stages, the chains that compose them, the runner that moves them in transactions, and the
//! effects at the edge. Start at [`topology`].

pub mod breaker;
pub mod cell;
pub mod chain;
pub mod domain;
pub mod effects;
pub mod letters;
pub mod replay;
pub mod runner;
pub mod stages;
pub mod state;
pub mod topology;

/// The build that writes: version of the package.
pub const BUILD: &str = env!("CARGO_PKG_VERSION");
