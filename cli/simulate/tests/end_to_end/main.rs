//! A simulator in this process, a receiver of its webhooks, and a client that sends.

mod faults;
mod graph;
mod support;
mod webhooks;
