//! sluice-local
