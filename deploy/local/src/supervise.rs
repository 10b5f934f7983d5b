//! A program that runs beside the engines.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::path::Path;
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

    /// Starts `program` with an environment of its own on top of ours; what it writes goes to the end of `log`.
    pub(crate) fn logged(
        program: &Path,
        arguments: &[impl AsRef<OsStr>],
        env: &[(&'static str, String)],
        log: &Path,
    ) -> Result<Self, Error> {
        let open = || {
            let file = OpenOptions::new().create(true).append(true).open(log)?;
            Ok((file.try_clone()?, file))
        };
        let (out, err) = open().context(|| format!("open {}", log.display()))?;
        let mut command = leashed(program, None);
        command.args(arguments).envs(env.iter().map(|(key, value)| (key, value))).stdout(out).stderr(err);
        Process::spawn(command).map(Self).context(|| format!("start {}", program.display()))
    }

    /// The process, whose number stays the same for its life.
    pub fn pid(&self) -> u32 {
        self.0.pid()
    }

    /// The exit status once the program has ended.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.0.exited().context(|| "look at a child".into())
    }

    /// Sends SIGTERM, and SIGKILL to it and its descendants after `patience`.
    pub fn stop(&mut self, patience: Duration) -> Result<(), Error> {
        self.0.stop(Signal::TERM, patience).context(|| "stop a child".into())
    }

    /// Kills it and its descendants at once.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.0.kill().context(|| "kill a child".into())
    }

    /// Whether it stands still, whoever made it.
    pub fn stands_still(&self) -> bool {
        self.0.stands_still()
    }

    /// Makes it stand still with its connections open.
    pub fn pause(&mut self) -> Result<(), Error> {
        self.0.pause().context(|| "pause a child".into())
    }

    /// Lets it go on.
    pub fn resume(&mut self) {
        self.0.resume();
    }
}
