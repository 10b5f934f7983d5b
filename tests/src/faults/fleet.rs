//! The instances of `sluice run`, and a supervisor that starts again what ended, as systemd or Kubernetes would.

use std::path::Path;
use std::time::{Duration, Instant};

use sluice_local::System;
use sluice_local::system::Instance;

/// Further instances have what scales by partitions.
const SCALES: [&str; 7] = ["intake", "ledger", "reconcile", "sender", "expand", "archive", "tally"];
/// Pause before a start after an end.
const BACKOFF: Duration = Duration::from_millis(300);

type Variables = Vec<(&'static str, String)>;

struct Member {
    instance: Instance,
    /// Whether it shall run.
    wanted: bool,
    /// Variables of the next start alone.
    once: Variables,
    /// Stands still until then.
    resumes: Option<Instant>,
    not_before: Instant,
    /// Steps that it could not take yet.
    unarmed: Vec<String>,
    starts: usize,
}

/// One first instance with every role, and up to two further ones.
pub struct Fleet {
    members: Vec<Member>,
    always: Variables,
}

impl Fleet {
    /// Instances of `program`, none started.
    pub fn new(system: &System, program: &Path) -> anyhow::Result<Self> {
        let mut members = Vec::new();
        for (name, roles) in [("0", &[][..]), ("1", &SCALES[..]), ("2", &SCALES[..])] {
            let instance = system.instance(program, name, roles)?;
            members.push(Member {
                instance,
                wanted: false,
                once: Vec::new(),
                resumes: None,
                not_before: Instant::now(),
                unarmed: Vec::new(),
                starts: 0,
            });
        }
        Ok(Self { members, always: Vec::new() })
    }

    /// Looks after everybody; call it often.
    pub fn tend(&mut self) -> anyhow::Result<()> {
        for member in &mut self.members {
            if member.resumes.is_some_and(|at| at <= Instant::now()) {
                member.resumes = None;
                member.instance.resume();
            }
            if let Err(ended) = member.instance.check() {
                let last = ended.to_string();
                tell(&format!("an instance ended: {}", last.lines().next().unwrap_or_default()));
                member.not_before = Instant::now() + BACKOFF;
            }
            if member.wanted && !member.instance.is_running() && member.not_before <= Instant::now() {
                let once = std::mem::take(&mut member.once);
                member.instance.launch(&[self.always.as_slice(), &once].concat())?;
                member.starts += 1;
            }
            // One that stands still would not answer.
            if member.instance.is_running() && !member.instance.stands_still() {
                let instance = &member.instance;
                member.unarmed.retain(|steps| instance.arm(steps).is_err());
            }
        }
        Ok(())
    }

    /// Variables of every start from now on.
    pub fn always(&mut self, variables: Variables) {
        self.always = variables;
    }

    /// Instance `n` shall run.
    pub fn want(&mut self, n: usize) {
        self.members[n].wanted = true;
    }

    /// Kills instance `n`; one that is wanted starts again with these variables.
    pub fn kill(&mut self, n: usize, once: Variables) -> anyhow::Result<()> {
        let member = &mut self.members[n];
        member.instance.kill()?;
        (member.once, member.resumes, member.not_before) = (once, None, Instant::now());
        Ok(())
    }

    /// Instance `n` goes for good, in its own way or at once.
    pub fn part(&mut self, n: usize, kindly: bool) -> anyhow::Result<()> {
        self.members[n].wanted = false;
        if kindly { self.ask(n) } else { self.kill(n, Vec::new()) }
    }

    /// Asks instance `n` to end; one that stands still has to hear it.
    pub fn ask(&mut self, n: usize) -> anyhow::Result<()> {
        let Member { instance, resumes, .. } = &mut self.members[n];
        if resumes.take().is_some() {
            instance.resume();
        }
        // An error is that it had ended before.
        instance.stop().or_else(|_| instance.kill())?;
        Ok(())
    }

    /// Instance `n` stands still for so long.
    pub fn pause(&mut self, n: usize, time: Duration) -> anyhow::Result<()> {
        let member = &mut self.members[n];
        if member.instance.is_running() && member.instance.pause().is_ok() {
            member.resumes = Some(Instant::now() + time);
        }
        Ok(())
    }

    /// Arms steps of instance `n`, as soon as it takes them.
    pub fn arm(&mut self, n: usize, steps: &str) {
        self.members[n].unarmed.push(steps.to_owned());
    }

    /// Ends every disturbance: only the first instance stays, and goes on.
    pub fn calm(&mut self, disarmed: &str) -> anyhow::Result<()> {
        self.members[0].unarmed = vec![disarmed.to_owned()];
        for n in 1..self.members.len() {
            self.part(n, true)?;
        }
        if self.members[0].resumes.take().is_some() {
            self.members[0].instance.resume();
        }
        Ok(())
    }

    /// Whether the first instance is ready.
    pub fn is_ready(&self) -> bool {
        self.members[0].instance.is_ready()
    }

    /// How often instances were started.
    pub fn starts(&self) -> usize {
        self.members.iter().map(|member| member.starts).sum()
    }
}

/// A line for whoever watches; the program's own words go to its log.
pub fn tell(line: &str) {
    if std::env::var_os("FAULTS_QUIET").is_none() {
        eprintln!("    {line}");
    }
}
