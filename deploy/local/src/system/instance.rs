//! A `sluice run` that whoever breaks things starts and ends by itself.

use std::path::Path;
use std::time::Duration;

use super::part::{self, Part};
use super::setup::Place;
use super::{System, lock};
use crate::options::choose_port;
use crate::{Error, http};

/// One `sluice run`, running or not. It is nobody's supervisor: one that ended stays ended until it is started again.
pub struct Instance {
    part: Part,
    ops: String,
}

impl System {
    /// An instance of `program` in this system, not yet started. The name `0` is that of [`System::start_sluice`], whose ports it takes;
    /// no `roles` means all.
    pub fn instance(&self, program: &Path, name: &str, roles: &[&str]) -> Result<Instance, Error> {
        let place = lock(&self.place);
        let ops = if name == "0" { place.ports.metrics } else { choose_port("metrics", 0)? };
        Ok(Instance { part: part::instance(&place, program, name, ops, roles)?, ops: Place::url(ops) })
    }
}

impl Instance {
    /// Starts it, with further variables.
    pub fn launch(&mut self, env: &[(&'static str, String)]) -> Result<(), Error> {
        self.part.launch(env)
    }

    /// Waits until it is ready; fails when it ended before.
    pub fn await_ready(&mut self) -> Result<Duration, Error> {
        self.part.await_ready()
    }

    /// Whether it was started and has not been seen to end.
    pub fn is_running(&self) -> bool {
        self.part.is_running()
    }

    /// Fails once when it ended without being asked.
    pub fn check(&mut self) -> Result<(), Error> {
        self.part.check()
    }

    /// Whether it is ready now.
    pub fn is_ready(&self) -> bool {
        http::request(&format!("{}/readyz", self.ops), &[], None).is_ok_and(|answer| answer.status == 200)
    }

    /// Lets it end in its own way.
    pub fn stop(&mut self) -> Result<(), Error> {
        self.part.stop()
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.part.kill()
    }

    /// Makes it stand still, as a hung host does.
    pub fn pause(&mut self) -> Result<(), Error> {
        self.part.pause()
    }

    /// Whether it stands still, by [`Self::pause`] or by a failpoint.
    pub fn stands_still(&self) -> bool {
        self.part.stands_still()
    }

    /// Lets it go on, whoever made it stand still.
    pub fn resume(&mut self) {
        self.part.resume();
    }

    /// Arms steps of a build with failpoints: `intake.before_commit=1*return(kill)`, several separated by semicolons.
    pub fn arm(&self, steps: &str) -> Result<(), Error> {
        let what = format!("{}/failpoints", self.ops);
        let failed = |detail: String| Error::Answer { what: what.clone(), detail };
        let answer = http::text(&what, steps).map_err(|error| failed(error.to_string()))?;
        if answer.status == 200 { Ok(()) } else { Err(failed(format!("{} {}", answer.status, answer.body))) }
    }
}
