//! The people at the other end: what becomes of messages to them, and what they write.

pub(crate) mod course;
pub(crate) mod identity;
pub(crate) mod inbound;
mod restore;
pub(crate) mod social;

pub(crate) use restore::restore;
