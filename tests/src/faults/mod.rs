//! The fault harness: a seed makes a workload and a schedule of faults; real processes on real engines go through it; then the
//! books are compared.
//!
//! [`scenario`] is what happens, made of the seed alone. [`Arena`] is a deployment that serves run after run: [`fleet`] are its
//! processes of a build with failpoints and their supervisor, [`witness`] looks at it from the outside, [`checks`] says what does
//! not hold. A run can be played again by its seed; processes and engines keep their own time, so it need not end the same.

pub mod arena;
pub mod checks;
pub mod fleet;
pub mod scenario;
pub mod witness;

pub use arena::{Arena, Outcome};
pub use checks::Violation;
pub use scenario::{Act, Family, Scenario};

use std::path::PathBuf;

/// The build with failpoints: `$SLUICE_FAULTS_BIN`, else `sluice-faults` beside us; tests lie one folder deeper.
pub fn program() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("SLUICE_FAULTS_BIN").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let own = std::env::current_exe()?;
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join("sluice-faults")).find(|path| path.is_file());
    found.ok_or_else(|| {
        anyhow::anyhow!("sluice-faults is missing: cargo build -p sluice --features planted --bin sluice-faults, or set SLUICE_FAULTS_BIN")
    })
}
