//! Exit codes, as scripts rely on them.

use std::process::ExitCode;

/// Failed.
pub const FAILED: u8 = 1;
/// Bad input data.
pub const DATA: u8 = 65;
/// A service is not reachable.
pub const UNAVAILABLE: u8 = 69;
/// Bad configuration.
pub const CONFIG: u8 = 78;

/// An error with its exit code.
#[derive(Debug)]
pub struct Failure {
    /// Exit code.
    pub code: u8,
    /// What went wrong.
    pub error: anyhow::Error,
}

impl Failure {
    /// An error of the input.
    pub fn data(error: impl Into<anyhow::Error>) -> Self {
        Self { code: DATA, error: error.into() }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    /// The kind of the innermost error that has one decides.
    fn from(error: E) -> Self {
        let error = error.into();
        let code = code(&error);
        Self { code, error }
    }
}

fn code(error: &anyhow::Error) -> u8 {
    use sluice_connectors::{kafka, postgres, registry, scylla};
    let unreachable = error.chain().any(|cause| {
        cause.downcast_ref::<kafka::Error>().is_some_and(|e| e.kind() == "unreachable")
            || cause.downcast_ref::<postgres::Error>().is_some_and(|e| e.kind() == "unreachable")
            || cause.downcast_ref::<scylla::Error>().is_some_and(|e| e.kind() == "unreachable")
            || cause.downcast_ref::<registry::Error>().is_some_and(|e| e.kind() == "unreachable")
    });
    if unreachable {
        return UNAVAILABLE;
    }
    let configuration = error.chain().any(|cause| {
        cause.downcast_ref::<crate::config::Error>().is_some() || cause.downcast_ref::<sluice_api::ingress::Error>().is_some()
    });
    if configuration { CONFIG } else { FAILED }
}

/// Ends the process with what `result` says.
pub fn report(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("sluice: {:#}", failure.error);
            ExitCode::from(failure.code)
        }
    }
}
