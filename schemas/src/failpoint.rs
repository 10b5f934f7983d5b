//! Named steps at which the fault harness may strike. Without the features `failpoints` and `planted` every function here is
//! empty and costs nothing. They live in the lowest crate, so that every part can have one.
//!
//! A step is `part.step`, such as `intake.before_commit`. Actions are those of the crate `fail`, from the variable `FAILPOINTS` at
//! start or by [`arm`]: `sleep(50)`, `panic`, and of `return(…)`: `kill` (SIGKILL of this process), `stop` (SIGSTOP, until somebody
//! sends SIGCONT), `fail` (where the step can fail). `3*off->1*return(kill)` lets three pass.

/// A step is reached.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub const fn hit(_part: &str, _step: &str) {}

/// A step that can fail is reached: whether it shall.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub const fn fails(_part: &str, _step: &str) -> bool {
    false
}

/// Whether the process runs with this bug, so that a test can show that the harness finds it.
#[cfg(not(feature = "planted"))]
#[inline]
pub const fn planted(_bug: &str) -> bool {
    false
}

#[cfg(feature = "failpoints")]
pub use armed::{arm, clock_offset_ms, fails, hit, start};

#[cfg(feature = "planted")]
pub use armed::planted;

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::LazyLock;

    use rustix::process::{Signal, getpid, kill_process};

    /// A step is reached.
    pub fn hit(part: &str, step: &str) {
        fails(part, step);
    }

    /// A step that can fail is reached: whether it shall.
    pub fn fails(part: &str, step: &str) -> bool {
        fail::fail_point!(&format!("{part}.{step}"), |action| {
            let signal = match action.as_deref() {
                Some("kill") => Signal::KILL,
                Some("stop") => Signal::STOP,
                _ => return true,
            };
            let _ = kill_process(getpid(), signal);
            false
        });
        false
    }

    /// Takes over the variable `FAILPOINTS`, written as [`arm`] reads it.
    pub fn start() -> Result<(), String> {
        arm(&std::env::var("FAILPOINTS").unwrap_or_default())
    }

    /// Sets the actions of steps, `step=action;step=action`; an error says what is wrong.
    pub fn arm(steps: &str) -> Result<(), String> {
        for step in steps.split(';').map(str::trim).filter(|step| !step.is_empty()) {
            let (name, action) = step.split_once('=').ok_or_else(|| format!("{step}: write step=action"))?;
            fail::cfg(name, action).map_err(|wrong| format!("{step}: {wrong}"))?;
        }
        Ok(())
    }

    /// How far this process's clock is off, milliseconds: `SLUICE_CLOCK_OFFSET_MS`.
    pub fn clock_offset_ms() -> i64 {
        static OFFSET: LazyLock<i64> =
            LazyLock::new(|| std::env::var("SLUICE_CLOCK_OFFSET_MS").ok().and_then(|ms| ms.parse().ok()).unwrap_or(0));
        *OFFSET
    }

    /// Whether the process runs with this bug: the one that `SLUICE_PLANTED` names.
    #[cfg(feature = "planted")]
    pub fn planted(bug: &str) -> bool {
        static BUG: LazyLock<String> = LazyLock::new(|| std::env::var("SLUICE_PLANTED").unwrap_or_default());
        *BUG == bug
    }
}
