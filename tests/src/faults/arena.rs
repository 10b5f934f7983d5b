//! One deployment on real engines that serves run after run, and what is done to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_local::system::Setup;
use sluice_local::system::seed::{PHONE_NUMBER_ID, RIVAL_NUMBER_ID, WABA_ID};
use sluice_local::{Stack, State, System};

use super::checks::Violation;
use super::fleet::{Fleet, tell};
use super::scenario::{Act, Scenario};
use super::witness::Witness;
use crate::topics::Veil;

/// After its last fault a run has this long to settle: several session time-outs, and every deadline of a send.
const PATIENCE: Duration = Duration::from_secs(90);
const TICK: Duration = Duration::from_millis(20);
/// What time cannot heal is seen for this long before it is believed.
const CONFIRMED: Duration = Duration::from_secs(3);
/// From here on phone numbers belong to those who ask before the first run.
const OPENERS: u64 = 9_000;
/// Numbers of the tenants.
pub const ACCOUNTS: [&str; 2] = [PHONE_NUMBER_ID, RIVAL_NUMBER_ID];
/// What a bag costs at each, in cents.
const CENTS: [u64; 2] = [3890, 4890];

/// A deployment under fire.
pub struct Arena {
    stack: Arc<Stack>,
    system: System,
    fleet: Fleet,
    witness: Witness,
    patience: Duration,
}

/// How a run went.
#[derive(Debug)]
pub struct Outcome {
    /// What does not hold; empty is good.
    pub violations: Vec<Violation>,
    /// From its first act to its last check.
    pub took: Duration,
    /// Starts of instances in it: each beyond the first answers a crash.
    pub starts: usize,
}

impl Arena {
    /// A deployment of `program`, a build with failpoints, with two tenants.
    pub fn start(stack: &Arc<Stack>, program: &Path) -> anyhow::Result<Self> {
        let setup = Setup::test()
            .partitions(4)
            .meta(&["--webhook-retry-max", "500", "--read-after", "100..800", "--delivered-after", "50..300"])
            .configure(json!({"ledger": {"unknown_deadline_seconds": 2}, "meta": {"timeout_seconds": 2}}));
        let system = System::prepare(stack, &setup)?;
        system.start_meta()?;
        system.seed()?;
        system.seed_rival()?;
        let fleet = Fleet::new(&system, program)?;
        let witness = Witness::new(&system)?;
        let mut arena = Self { stack: Arc::clone(stack), system, fleet, witness, patience: PATIENCE };
        arena.fleet.want(0);
        arena.until_ready()?;
        arena.until_open()?;
        Ok(arena)
    }

    /// From now on it has this bug; `patience` is how long a run may take to settle.
    pub fn plant(&mut self, bug: &str, patience: Duration) -> anyhow::Result<()> {
        self.fleet.always(vec![("SLUICE_PLANTED", bug.to_owned())]);
        self.fleet.kill(0, Vec::new())?;
        self.fleet.tend()?;
        self.until_ready()?;
        self.patience = patience;
        Ok(())
    }

    /// Runs a scenario to its end, and looks whether every promise was kept.
    pub fn run(&mut self, scenario: &Scenario) -> anyhow::Result<Outcome> {
        let (begun, starts) = (Instant::now(), self.fleet.starts());
        self.witness.begin()?;
        let mut run = Run { arena: self, seed: scenario.seed, begun, later: Vec::new(), campaign: None, poisoned: 0 };
        let broken = run.play(scenario).and_then(|()| run.heal());
        let campaign = run.campaign.take();
        let violations = match broken {
            Ok(()) => self.settle(campaign.as_deref())?,
            Err(e) => vec![Violation::Stuck { why: format!("{e:#}") }],
        };
        Ok(Outcome { violations, took: begun.elapsed(), starts: self.fleet.starts() - starts })
    }

    /// The last of what the first instance's log says beyond information.
    pub fn complaints(&self) -> String {
        let log = std::fs::read_to_string(self.logs().join("sluice-0.log")).unwrap_or_default();
        let beyond: Vec<&str> = log
            .lines()
            .filter(|line| !line.contains(r#""level":"INFO""#) && !line.contains("librdkafka: ") && !line.contains("dead letter"))
            .collect();
        beyond[beyond.len().saturating_sub(20)..].join("\n")
    }

    /// The first instance's metrics, if it answers.
    pub fn metrics(&self) -> String {
        self.system.metrics().unwrap_or_else(|e| e.to_string())
    }

    /// The folder with the logs.
    pub fn logs(&self) -> PathBuf {
        self.system.dir().join("logs")
    }

    fn until_ready(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !self.fleet.is_ready() {
            self.fleet.tend()?;
            anyhow::ensure!(begun.elapsed() < self.patience, "the first instance is not ready after {} s", self.patience.as_secs());
            thread::sleep(TICK);
        }
        Ok(())
    }

    /// The catalogues are in force once somebody gets a price from each tenant.
    fn until_open(&mut self) -> anyhow::Result<()> {
        for (n, account) in ACCOUNTS.iter().enumerate() {
            for attempt in 0.. {
                let from = format!("1555{}{attempt:03}", OPENERS + n as u64);
                self.system.meta_post("/_sim/inbound", &json!({"phone_number_id": account, "from": from, "text": question(1)}))?;
                let begun = Instant::now();
                let mut answered = false;
                while begun.elapsed() < Duration::from_secs(2) && !answered {
                    self.fleet.tend()?;
                    thread::sleep(TICK);
                    let ledger = self.system.meta_get("/_sim/ledger?limit=1000")?;
                    answered = ledger["data"].as_array().into_iter().flatten().any(|entry| entry["to"] == from.as_str());
                }
                if answered {
                    break;
                }
                anyhow::ensure!(attempt < 30, "nobody is answered by {account}");
            }
        }
        Ok(())
    }

    /// Looks until nothing is violated. What time cannot heal ends it once it has been seen for [`CONFIRMED`]: a broker that was killed
    /// may name ends of partitions that lie before what it acknowledged, and what is not read yet looks like what is lost.
    fn settle(&mut self, campaign: Option<&str>) -> anyhow::Result<Vec<Violation>> {
        let (begun, mut hopeless) = (Instant::now(), None);
        loop {
            self.fleet.tend()?;
            self.system.check()?;
            let (facts, whole) = self.witness.look(&self.system, campaign)?;
            let violations = facts.violations();
            if !whole || violations.iter().all(Violation::may_heal) {
                hopeless = None;
            } else {
                hopeless.get_or_insert_with(Instant::now);
            }
            let confirmed = hopeless.is_some_and(|since: Instant| since.elapsed() >= CONFIRMED);
            if whole && (violations.is_empty() || confirmed || begun.elapsed() > self.patience) {
                return Ok(violations);
            }
            anyhow::ensure!(begun.elapsed() < self.patience * 2, "the topics cannot be read");
            thread::sleep(TICK * 10);
        }
    }
}

/// What a customer asks.
fn question(bags: u64) -> String {
    format!("{bags} bags of cement to 01310-100?")
}

/// What is put right later.
enum Later {
    Engine(sluice_local::Engine),
    Registry,
    Campaign,
    Veil(Veil),
}

struct Run<'a> {
    arena: &'a mut Arena,
    seed: u64,
    begun: Instant,
    later: Vec<(Instant, Later)>,
    campaign: Option<String>,
    /// Messages without a sender so far.
    poisoned: usize,
}

impl Run<'_> {
    fn play(&mut self, scenario: &Scenario) -> anyhow::Result<()> {
        for (at, act) in &scenario.acts {
            self.wait(self.begun + Duration::from_millis(*at))?;
            if !matches!(act, Act::Ask { .. }) {
                tell(&format!("{:>5} ms {act:?}", self.begun.elapsed().as_millis()));
            }
            self.perform(act)?;
        }
        Ok(())
    }

    fn wait(&mut self, until: Instant) -> anyhow::Result<()> {
        loop {
            self.arena.fleet.tend()?;
            // Everything else needs an engine, and whoever waits for one here lets nobody come back.
            let away = self.later.iter().any(|(_, later)| matches!(later, Later::Engine(_)));
            let due = |(at, later): &(Instant, Later)| *at <= Instant::now() && (!away || matches!(later, Later::Engine(_)));
            while let Some(due) = self.later.iter().position(due) {
                let (_, later) = self.later.swap_remove(due);
                self.undo(later)?;
            }
            if Instant::now() >= until {
                return Ok(());
            }
            thread::sleep(TICK);
        }
    }

    fn perform(&mut self, act: &Act) -> anyhow::Result<()> {
        let later = |ms: u64, what: Later| (Instant::now() + Duration::from_millis(ms), what);
        match act {
            Act::Ask { person, account, bags } => self.ask(*person, *account, *bags),
            Act::Poison { count } => {
                self.poison(*count);
                Ok(())
            }
            Act::Campaign { recipients } => self.launch(*recipients),
            Act::Break { ms } => {
                // A campaign that is over, or a database that is away, refuses; then there is no break.
                let _ = self.control("pause");
                self.later.push(later(*ms, Later::Campaign));
                Ok(())
            }
            Act::Arm(steps) => {
                self.arena.fleet.arm(0, steps);
                Ok(())
            }
            Act::Kill { restart } => self.arena.fleet.kill(0, armed(restart)),
            Act::Restart => self.arena.fleet.ask(0),
            Act::Pause { ms } => self.arena.fleet.pause(0, Duration::from_millis(*ms)),
            Act::Skew { ms } => self.arena.fleet.kill(0, vec![("SLUICE_CLOCK_OFFSET_MS", ms.to_string())]),
            Act::Forget { restart } => {
                self.arena.fleet.kill(0, armed(restart))?;
                self.stores()?.iter().try_for_each(|folder| std::fs::remove_dir_all(folder).or_else(missing))
            }
            Act::Damage => {
                self.arena.fleet.kill(0, Vec::new())?;
                self.stores()?.iter().try_for_each(|folder| damage(folder))
            }
            Act::Join(n) => {
                self.arena.fleet.want(*n);
                Ok(())
            }
            Act::Leave(n) => self.arena.fleet.part(*n, true),
            Act::Lose(n) => self.arena.fleet.part(*n, false),
            Act::Crash { engine, ms } => {
                self.arena.stack.kill(*engine)?;
                self.later.push(later(*ms, Later::Engine(*engine)));
                Ok(())
            }
            Act::Hang { engine, ms } => {
                if self.arena.stack.state(*engine)? == State::Running {
                    self.arena.stack.pause(*engine)?;
                    self.later.push(later(*ms, Later::Engine(*engine)));
                }
                Ok(())
            }
            Act::NoRegistry { ms } => {
                self.arena.system.kill_registry()?;
                self.later.push(later(*ms, Later::Registry));
                self.arena.fleet.kill(0, Vec::new())
            }
            Act::Veil { ms } => {
                // A broker that stands still begins no transaction.
                if self.arena.stack.state(sluice_local::Engine::Kafka)? == State::Running {
                    self.later.push(later(*ms, Later::Veil(self.arena.witness.veil()?)));
                }
                Ok(())
            }
            Act::Meta(fault) => {
                let fault: Value = serde_json::from_str(fault)?;
                Ok(self.arena.system.meta_post("/_sim/faults", &fault).map(drop)?)
            }
        }
    }

    /// The state folders of the first instance: a store that is in use may not be touched.
    fn stores(&self) -> anyhow::Result<Vec<PathBuf>> {
        let Ok(entries) = std::fs::read_dir(self.arena.system.dir().join("state")) else { return Ok(Vec::new()) };
        let folders = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(folders.into_iter().filter(|folder| folder.to_string_lossy().ends_with("-0")).collect())
    }

    fn undo(&mut self, later: Later) -> anyhow::Result<()> {
        match later {
            Later::Engine(engine) => match self.arena.stack.state(engine)? {
                State::Running => {}
                State::Paused => self.arena.stack.resume(engine)?,
                State::Stopped => drop(self.arena.stack.start_engine(engine)?),
            },
            Later::Registry => drop(self.arena.system.start_registry()?),
            Later::Campaign => self.resume()?,
            Later::Veil(veil) => veil.lift()?,
        }
        Ok(())
    }

    /// Puts everything right, at once.
    fn heal(&mut self) -> anyhow::Result<()> {
        tell(&format!("{:>5} ms everything is put right", self.begun.elapsed().as_millis()));
        self.arena.system.meta_delete("/_sim/faults")?;
        // Engines last in the list, and so the first to come back: the registry waits for its database.
        self.later.sort_by_key(|(_, later)| matches!(later, Later::Engine(_)));
        while let Some((at, later)) = self.later.pop() {
            if matches!(later, Later::Veil(_)) {
                // A restore has to meet it, and that takes a start.
                self.wait(at)?;
            }
            if !matches!(later, Later::Campaign) {
                self.undo(later)?;
            }
        }
        self.arena.fleet.calm(&disarmed())?;
        self.arena.until_ready()?;
        if self.campaign.is_some() {
            self.resume()?;
        }
        self.arena.witness.repost(&self.arena.system)
    }

    fn phone(&self, person: usize) -> String {
        format!("1555{:04}{person:03}", self.seed % OPENERS)
    }

    fn ask(&mut self, person: usize, account: usize, bags: u64) -> anyhow::Result<()> {
        let person = self.phone(person);
        let message = json!({"phone_number_id": ACCOUNTS[account], "from": person, "text": question(bags)});
        let written = self.arena.system.meta_post("/_sim/inbound", &message)?;
        let id = written["id"].as_str().unwrap_or_default().to_owned();
        let cents = bags * CENTS[account];
        self.arena.witness.asked(id, person, ACCOUNTS[account], format!("{}.{:02}", cents / 100, cents % 100));
        Ok(())
    }

    /// Messages without a sender: a stage can attribute none of them.
    fn poison(&mut self, count: usize) {
        let ids: Vec<String> = (self.poisoned..self.poisoned + count).map(|n| format!("wamid.POISON{}x{n}x", self.seed)).collect();
        self.poisoned += count;
        for ids in ids.chunks(100) {
            let messages: Vec<Value> =
                ids.iter().map(|id| json!({"id": id, "timestamp": "1790000000", "type": "text", "text": {"body": "?"}})).collect();
            let metadata = json!({"display_phone_number": "15550109001", "phone_number_id": ACCOUNTS[0]});
            let value = json!({"messaging_product": "whatsapp", "metadata": metadata, "messages": messages});
            let change = json!({"value": value, "field": "messages"});
            let body = json!({"object": "whatsapp_business_account", "entry": [{"id": WABA_ID, "changes": [change]}]});
            self.arena.witness.post(&self.arena.system, ids, body);
        }
    }

    fn launch(&mut self, recipients: usize) -> anyhow::Result<()> {
        let phones: Vec<String> = (100..100 + recipients).map(|n| self.phone(n)).collect();
        let lines: Vec<String> = phones.iter().enumerate().map(|(n, phone)| format!("+{phone},Customer {n},{n} %,spring-{n}\n")).collect();
        let name = format!("run-{}", self.seed);
        let file = self.arena.system.keep(&format!("{name}.csv"), &format!("phone,name,discount,code\n{}", lines.concat()))?;
        let which = [
            "campaign",
            "create",
            "--tenant",
            "acme",
            "--name",
            &name,
            "--account",
            PHONE_NUMBER_ID,
            "--throttle",
            "20",
            "--pause-at-failures",
            "0",
        ];
        let what =
            ["--template", "spring_offer", "--language", "en_US", "--map", "1=name", "--map", "2=discount", "--map", "button.0=code"];
        let made = self.arena.system.sluice_json(&[&which[..], &what, &["--csv", &file]].concat())?;
        let id = made.first().and_then(|made| made["id"].as_str()).unwrap_or_default().to_owned();
        self.campaign = Some(id);
        self.control("start")?;
        self.arena.witness.invite(phones);
        Ok(())
    }

    fn control(&self, verb: &str) -> anyhow::Result<()> {
        let Some(id) = &self.campaign else { return Ok(()) };
        Ok(self.arena.system.sluice(&["campaign", verb, "--tenant", "acme", id]).map(drop)?)
    }

    /// Resumes the campaign if it is paused, however often the database must be asked.
    fn resume(&self) -> anyhow::Result<()> {
        let Some(id) = &self.campaign else { return Ok(()) };
        for _ in 0..20 {
            match self.arena.system.sluice_json(&["campaign", "status", "--tenant", "acme", id]) {
                Ok(status) if status.first().is_some_and(|status| status["state"] != "paused") => return Ok(()),
                _ => drop(self.control("resume")),
            }
            thread::sleep(TICK * 10);
        }
        anyhow::bail!("the campaign stays paused")
    }
}

fn armed(steps: &str) -> Vec<(&'static str, String)> {
    if steps.is_empty() { Vec::new() } else { vec![("FAILPOINTS", steps.to_owned())] }
}

/// Every step off.
fn disarmed() -> String {
    let chains = super::scenario::chain_steps();
    let steps = chains.into_iter().chain(super::scenario::EFFECT_STEPS.map(str::to_owned));
    steps.map(|step| format!("{step}=off")).collect::<Vec<_>>().join(";")
}

fn missing(error: std::io::Error) -> anyhow::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error.into()) }
}

/// Writes over the middle of every file. A folder that was just forgotten has none yet.
fn damage(folder: &Path) -> anyhow::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            damage(&path)?;
            continue;
        }
        let mut bytes = std::fs::read(&path)?;
        let middle = bytes.len() / 2;
        for byte in bytes.iter_mut().skip(middle).take(64) {
            *byte = !*byte;
        }
        std::fs::write(&path, bytes)?;
    }
    Ok(())
}
