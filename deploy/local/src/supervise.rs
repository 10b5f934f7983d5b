//! A program that runs beside the engines.

use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::error::Context as _;
use crate::process::{Process, leashed};
use crate::{Error, Stack};

/// A program started beside a stack, with the stack's addresses in its environment. Dies with us as the engines do.
#[derive(Debug)]
pub struct Companion(Process);

impl Companion {
    /// Starts `command`, a program with its arguments, on our own standard output and error.
    pub fn start(stack: &Stack, command: &[OsString]) -> Result<Self, Error> {
        let (program, arguments) = command.split_first().ok_or_else(|| Error::Missing { what: "a command".into() })?;
        let mut command = leashed(program, None);
        command.args(arguments).envs(stack.env()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
        Process::spawn(command).map(Self).context(|| format!("start {}", program.display()))
    }

    /// The exit status once the program has ended.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.0.exited().context(|| "look at a child".into())
    }

    /// Sends SIGTERM, and SIGKILL to it and its descendants after `patience`.
    pub fn stop(&mut self, patience: Duration) -> Result<(), Error> {
        self.0.stop(Signal::TERM, patience).context(|| "stop a child".into())
    }
}
