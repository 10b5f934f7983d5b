//! sluice-simulate
