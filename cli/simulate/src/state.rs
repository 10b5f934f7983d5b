//! What a running simulator holds. Locks are per number, per shard of recipients and per queue, so that one busy number
//! does not wait for another.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::book::Book;
use crate::clock::Clock;
use crate::config::{Behaviour, Config};
use crate::error::Error;
use crate::faults::Faults;
use crate::graph::media::Media;
use crate::limits::{Bucket, Debt, Millis, PairRate, Recipients};
use crate::random::Draw;
use crate::timeline::Timeline;
use crate::webhook::Outbox;
use crate::world::{self, Network, Template, Token};

const SHARDS: usize = 32;

/// Management calls per hour of a WABA with a registered number (contract §8).
const MANAGEMENT_CALLS_PER_HOUR: u32 = 5_000;

/// Everything shared by the routes and the workers.
pub(crate) struct State {
    pub(crate) seed: u64,
    pub(crate) clock: Clock,
    pub(crate) behaviour: Behaviour,
    pub(crate) pair: PairRate,
    pub(crate) app_secret: String,
    pub(crate) verify_token: String,
    pub(crate) tokens: HashMap<String, Token>,
    pub(crate) numbers: HashMap<String, Arc<Number>>,
    pub(crate) wabas: HashMap<String, Arc<Waba>>,
    pub(crate) accounts: HashMap<String, Arc<Account>>,
    pub(crate) book: Book,
    pub(crate) faults: Faults,
    pub(crate) media: Media,
    pub(crate) timeline: Timeline,
    pub(crate) outbox: Outbox,
    pub(crate) ids: Ids,
}

/// A business portfolio at run time.
pub(crate) struct Portfolio {
    pub(crate) seed: world::Portfolio,
    pub(crate) reached: Mutex<Recipients>,
}

/// A WhatsApp business account at run time.
pub(crate) struct Waba {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) portfolio: Arc<Portfolio>,
    pub(crate) numbers: Vec<String>,
    pub(crate) templates: RwLock<HashMap<String, BTreeMap<String, Arc<Template>>>>,
    pub(crate) subscribed: AtomicBool,
    pub(crate) callback: RwLock<Option<String>>,
    pub(crate) management: Mutex<Bucket>,
}

/// A business number at run time.
pub(crate) struct Number {
    pub(crate) id: String,
    /// Digits of the number itself.
    pub(crate) digits: String,
    pub(crate) seed: world::Number,
    pub(crate) waba: Arc<Waba>,
    pub(crate) registered: AtomicBool,
    /// Two-step verification.
    pub(crate) pin: Mutex<Option<String>>,
    pub(crate) throughput: Mutex<Bucket>,
    pub(crate) callback: RwLock<Option<String>>,
    pairs: [Mutex<HashMap<Box<str>, Pair>>; SHARDS],
}

/// What lies between one number and one user.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pair {
    pub(crate) debt: Debt,
    pub(crate) last_inbound: Option<Millis>,
    /// Accepted messages: the occasion from which the next one's fate is drawn.
    pub(crate) accepted: u32,
    /// The user stopped marketing messages in WhatsApp (131050).
    pub(crate) stopped_marketing: bool,
}

/// An Instagram account or a page at run time.
pub(crate) struct Account {
    pub(crate) seed: world::Account,
    pub(crate) throughput: Mutex<Bucket>,
    /// When each user wrote last.
    pub(crate) people: Mutex<HashMap<Box<str>, Millis>>,
}

impl Number {
    /// The user's state under its shard's lock. While it is held, only a portfolio, a bucket and the book may be locked.
    pub(crate) fn pair<R>(&self, user: &str, act: impl FnOnce(&mut Pair) -> R) -> R {
        let shard = Draw::new(0, user, 0).bits("shard") as usize % SHARDS;
        let mut users = lock(&self.pairs[shard]);
        if let Some(pair) = users.get_mut(user) {
            return act(pair);
        }
        act(users.entry(user.into()).or_default())
    }

    /// The part of the depth that the meter denies in this second.
    pub(crate) fn shrink(&self, seed: u64, now: Millis) -> f64 {
        if self.seed.throughput_jitter <= 0.0 {
            return 0.0;
        }
        Draw::new(seed, &self.id, (now / 1_000) as u64).unit("meter") * self.seed.throughput_jitter
    }
}

impl Account {
    /// `instagram` or `page`: the webhook's `object`.
    pub(crate) fn object(&self) -> &'static str {
        match self.seed.network {
            Network::Instagram => "instagram",
            Network::Messenger => "page",
        }
    }
}

/// Locks; a panic elsewhere does not make the data unusable, since every change is a single assignment or insertion.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a lock; see [`lock`].
pub(crate) fn read<T: Clone>(lock: &RwLock<T>) -> T {
    lock.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Writes a lock; see [`lock`].
pub(crate) fn write<T>(lock: &RwLock<T>, value: T) {
    *lock.write().unwrap_or_else(PoisonError::into_inner) = value;
}

/// Makes ids that no two messages share, also across restarts.
#[derive(Debug)]
pub(crate) struct Ids {
    start: u64,
    next: AtomicU64,
}

impl Ids {
    fn new() -> Self {
        let [high, low] = [uuid::Uuid::new_v4().as_u128() >> 64, uuid::Uuid::new_v4().as_u128() & u128::from(u64::MAX)];
        Self { start: high as u64 ^ low as u64, next: AtomicU64::new(1) }
    }

    /// 64 bits, different at every call.
    pub(crate) fn bits(&self) -> u64 {
        crate::random::scramble(self.start.wrapping_add(self.next.fetch_add(1, Ordering::Relaxed)))
    }

    /// A numeric id of 16 digits, as media have.
    pub(crate) fn numeric(&self) -> String {
        (1_000_000_000_000_000 + self.bits() % 9_000_000_000_000_000).to_string()
    }
}

impl State {
    /// Builds the world and continues the book; spawns nothing.
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        config.world.check()?;
        config.check()?;
        let mut wabas = HashMap::new();
        let mut numbers = HashMap::new();
        for portfolio in &config.world.portfolios {
            let shared = Arc::new(Portfolio { seed: portfolio.clone(), reached: Mutex::default() });
            for waba in &portfolio.wabas {
                let runtime = Arc::new(self::waba(waba, shared.clone())?);
                for seed in &waba.numbers {
                    numbers.insert(seed.phone_number_id.clone(), Arc::new(number(seed, runtime.clone())));
                }
                wabas.insert(waba.id.clone(), runtime);
            }
        }
        let accounts = config.world.accounts.iter().map(|seed| {
            let account = Account {
                seed: seed.clone(),
                throughput: Mutex::new(Bucket::new(f64::from(seed.throughput), seed.throughput)),
                people: Mutex::default(),
            };
            (seed.id.clone(), Arc::new(account))
        });
        Ok(Self {
            seed: config.seed,
            clock: Clock::new(config.clock, config.clock_start),
            behaviour: config.behaviour.clone(),
            pair: config.world.pair,
            app_secret: config.world.app_secret.clone(),
            verify_token: config.world.verify_token.clone(),
            tokens: config.world.tokens.iter().map(|token| (token.token.clone(), token.clone())).collect(),
            numbers,
            wabas,
            accounts: accounts.collect(),
            book: Book::open(config.book.as_deref(), config.keep_bodies)?,
            faults: Faults::new(config.seed),
            media: Media::default(),
            timeline: Timeline::default(),
            outbox: Outbox::new(config)?,
            ids: Ids::new(),
        })
    }
}

fn waba(seed: &world::Waba, portfolio: Arc<Portfolio>) -> Result<Waba, Error> {
    let mut templates: HashMap<String, BTreeMap<String, Arc<Template>>> = HashMap::new();
    for template in &seed.templates {
        templates.entry(template.name.clone()).or_default().insert(template.language.clone(), Arc::new(Template::new(template.clone())?));
    }
    Ok(Waba {
        id: seed.id.clone(),
        name: seed.name.clone(),
        portfolio,
        numbers: seed.numbers.iter().map(|number| number.phone_number_id.clone()).collect(),
        templates: RwLock::new(templates),
        subscribed: AtomicBool::new(seed.subscribed),
        callback: RwLock::default(),
        management: Mutex::new(Bucket::new(f64::from(MANAGEMENT_CALLS_PER_HOUR) / 3_600.0, MANAGEMENT_CALLS_PER_HOUR)),
    })
}

fn number(seed: &world::Number, waba: Arc<Waba>) -> Number {
    Number {
        id: seed.phone_number_id.clone(),
        digits: seed.display_phone_number.chars().filter(char::is_ascii_digit).collect(),
        waba,
        registered: AtomicBool::new(seed.registered),
        pin: Mutex::default(),
        throughput: Mutex::new(Bucket::new(f64::from(seed.throughput), seed.throughput_depth.unwrap_or(seed.throughput))),
        callback: RwLock::default(),
        pairs: std::array::from_fn(|_| Mutex::default()),
        seed: seed.clone(),
    }
}
