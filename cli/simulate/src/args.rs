//! The command line of `sluice simulate`.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::clock::ClockKind;
use crate::config::{Behaviour, Config, Delivery, Span};
use crate::error::Error;
use crate::world::{Network, World};

const EXAMPLES: &str = "\
Examples:
  The demonstration world, webhooks to a local sluice, a book that survives restarts:
    sluice simulate --webhook http://127.0.0.1:8081/webhooks/whatsapp --book .local/meta.jsonl

  A hostile rehearsal: 1 % undeliverable, statuses out of order and twice, customers who answer:
    sluice simulate --webhook http://127.0.0.1:8081/webhooks/whatsapp --fail 131026=0.01 \\
      --out-of-order-rate 0.2 --duplicate-rate 0.1 --reply-rate 0.05 --reply 'How much?' --reply STOP

  While it runs:
    curl 127.0.0.1:8082/_sim/summary
    curl 127.0.0.1:8082/_sim/ledger?after=0&limit=100
    curl 127.0.0.1:8082/_sim/inbound -d '{\"phone_number_id\":\"15550100001\",\"from\":\"15550142\",\"text\":\"Hi\"}'
    curl 127.0.0.1:8082/_sim/faults -d '{\"kind\":\"reset\",\"when\":\"after\",\"count\":3}'";

/// Runs a simulated Meta: the Graph API with its limits and error codes, signed webhooks, customers, and faults.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// Address of the Graph API and of the control routes under /_sim/
    #[arg(long, default_value = "127.0.0.1:8082")]
    listen: SocketAddr,
    /// JSON or TOML file with secrets, tokens, WABAs, numbers, templates and accounts; default: a demonstration world
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// Same seed, same fates of the same recipients
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// real, or virtual: stands still until POST /_sim/clock {"advance_ms": n}
    #[arg(long, value_enum, default_value_t)]
    clock: ClockKind,
    /// Start of the virtual clock, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    clock_start: Option<jiff::Timestamp>,
    /// Keeps the book of accepted messages in FILE; a restart continues with it
    #[arg(long, value_name = "FILE")]
    book: Option<PathBuf>,
    /// Leaves message bodies out of the book (long benchmarks)
    #[arg(long)]
    no_bodies: bool,
    #[command(flatten)]
    identity: Identity,
    #[command(flatten)]
    delivery: DeliveryArgs,
    #[command(flatten)]
    behaviour: BehaviourArgs,
}

/// Replaces values of the world: those of its first number, WABA, token and accounts.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "World")]
struct Identity {
    /// Key of the webhook signatures
    #[arg(long, env = "SLUICE_APP_SECRET", hide_env_values = true)]
    app_secret: Option<String>,
    /// Token of the webhook handshake
    #[arg(long, env = "SLUICE_VERIFY_TOKEN", hide_env_values = true)]
    verify_token: Option<String>,
    /// The first access token
    #[arg(long, env = "SLUICE_META_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Id of the first number
    #[arg(long)]
    phone_number_id: Option<String>,
    /// Digits of the first number
    #[arg(long)]
    display_phone_number: Option<String>,
    /// Id of the first WABA
    #[arg(long)]
    waba_id: Option<String>,
    /// Id of the first Instagram account
    #[arg(long)]
    instagram_id: Option<String>,
    /// Id of the first page
    #[arg(long)]
    page_id: Option<String>,
    /// Messages a second of every number, in and out together (Meta: 80, at most 1,000)
    #[arg(long)]
    throughput: Option<u32>,
    /// Tokens that a number may save up [default: one second's worth]
    #[arg(long)]
    throughput_depth: Option<u32>,
    /// Share of the depth that the meter may wrongly deny, drawn anew every second
    #[arg(long)]
    throughput_jitter: Option<f64>,
    /// Unique users outside open windows per portfolio and 24 h [default: unlimited]
    #[arg(long)]
    messaging_limit: Option<u32>,
}

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Webhooks")]
struct DeliveryArgs {
    /// WhatsApp callback address; may be given several times
    #[arg(long, value_name = "URL")]
    webhook: Vec<String>,
    /// Instagram callback address [default: --webhook with `instagram` for its last segment `whatsapp`]
    #[arg(long, value_name = "URL")]
    webhook_instagram: Option<String>,
    /// Messenger callback address [default: --webhook with `messenger` for its last segment `whatsapp`]
    #[arg(long, value_name = "URL")]
    webhook_messenger: Option<String>,
    /// Updates per POST, up to 1000
    #[arg(long, default_value_t = 50)]
    webhook_batch: usize,
    /// POSTs in flight per address
    #[arg(long, default_value_t = 16)]
    webhook_concurrency: usize,
    /// Milliseconds an update waits for company
    #[arg(long, default_value_t = 10)]
    webhook_linger: u64,
    /// Longest wait in ms between repetitions of a refused POST; they never end
    #[arg(long, default_value_t = 10_000)]
    webhook_retry_max: u64,
}

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "What happens to messages")]
struct BehaviourArgs {
    /// Milliseconds from acceptance to sent
    #[arg(long, default_value = "20..150", value_name = "MS..MS")]
    sent_after: Span,
    /// Milliseconds from sent to delivered
    #[arg(long, default_value = "100..800", value_name = "MS..MS")]
    delivered_after: Span,
    /// Milliseconds from delivered to read
    #[arg(long, default_value = "300..3000", value_name = "MS..MS")]
    read_after: Span,
    /// Milliseconds from delivered to a reply
    #[arg(long, default_value = "1000..8000", value_name = "MS..MS")]
    reply_after: Span,
    /// Share that reaches the device; the rest stays at sent
    #[arg(long, default_value_t = 1.0)]
    delivered_rate: f64,
    /// Share of delivered messages that are read
    #[arg(long, default_value_t = 0.6)]
    read_rate: f64,
    /// Share of read messages without a delivered status
    #[arg(long, default_value_t = 0.0)]
    skip_delivered_rate: f64,
    /// Share of messages whose statuses come in the wrong order
    #[arg(long, default_value_t = 0.0)]
    out_of_order_rate: f64,
    /// Share of statuses that come twice
    #[arg(long, default_value_t = 0.0)]
    duplicate_rate: f64,
    /// Failed statuses: 131026=0.01; may be given several times
    #[arg(long, value_name = "CODE=SHARE", value_parser = failure)]
    fail: Vec<(u32, f64)>,
    /// Recipients that are not on WhatsApp, `*` for any digits; may be given several times
    #[arg(long, value_name = "PATTERN", default_value = "*0026")]
    undeliverable: Vec<String>,
    /// Codes that come as a failed status instead of in the answer
    #[arg(long, value_name = "CODE", value_delimiter = ',', default_value = "131026,131049,131050,130472")]
    late: Vec<u32>,
    /// Share of a delivered template's recipients that write back
    #[arg(long, default_value_t = 0.0)]
    reply_rate: f64,
    /// What they write; may be given several times
    #[arg(long, value_name = "TEXT")]
    reply: Vec<String>,
}

fn failure(text: &str) -> Result<(u32, f64), String> {
    let wrong = || format!("`{text}` is not CODE=SHARE such as 131026=0.01");
    let (code, share) = text.split_once('=').ok_or_else(wrong)?;
    Ok((code.parse().map_err(|_| wrong())?, share.parse().map_err(|_| wrong())?))
}

impl TryFrom<Args> for Config {
    type Error = Error;

    fn try_from(args: Args) -> Result<Self, Error> {
        let mut world = args.world.as_deref().map_or_else(|| Ok(World::demo()), World::from_file)?;
        args.identity.apply(&mut world);
        world.check()?;
        let config = Self {
            listen: args.listen,
            world,
            seed: args.seed,
            clock: args.clock,
            clock_start: args.clock_start.map(jiff::Timestamp::as_millisecond),
            behaviour: args.behaviour.into(),
            delivery: args.delivery.into(),
            book: args.book,
            keep_bodies: !args.no_bodies,
        };
        config.check()?;
        Ok(config)
    }
}

impl Identity {
    fn apply(self, world: &mut World) {
        let put = |target: &mut String, value: Option<String>| {
            if let Some(value) = value {
                *target = value;
            }
        };
        put(&mut world.app_secret, self.app_secret);
        put(&mut world.verify_token, self.verify_token);
        if let Some(token) = world.tokens.first_mut() {
            put(&mut token.token, self.token);
        }
        for (network, id) in [(Network::Instagram, self.instagram_id), (Network::Messenger, self.page_id)] {
            if let Some(account) = world.accounts.iter_mut().find(|account| account.network == network) {
                put(&mut account.id, id);
            }
        }
        for portfolio in &mut world.portfolios {
            portfolio.messaging_limit = self.messaging_limit.or(portfolio.messaging_limit);
            for number in portfolio.wabas.iter_mut().flat_map(|waba| &mut waba.numbers) {
                number.throughput = self.throughput.unwrap_or(number.throughput);
                number.throughput_depth = self.throughput_depth.or(number.throughput_depth);
                number.throughput_jitter = self.throughput_jitter.unwrap_or(number.throughput_jitter);
            }
        }
        if let Some(waba) = world.portfolios.first_mut().and_then(|portfolio| portfolio.wabas.first_mut()) {
            put(&mut waba.id, self.waba_id);
            if let Some(number) = waba.numbers.first_mut() {
                put(&mut number.phone_number_id, self.phone_number_id);
                put(&mut number.display_phone_number, self.display_phone_number);
            }
        }
    }
}

impl From<DeliveryArgs> for Delivery {
    fn from(args: DeliveryArgs) -> Self {
        let sibling = |network: &str| {
            let base = args.webhook.first()?.strip_suffix("whatsapp")?;
            Some(format!("{base}{network}"))
        };
        Self {
            instagram: args.webhook_instagram.clone().or_else(|| sibling("instagram")),
            messenger: args.webhook_messenger.clone().or_else(|| sibling("messenger")),
            max_batch: args.webhook_batch,
            concurrency: args.webhook_concurrency,
            linger_ms: args.webhook_linger,
            retry_max_ms: args.webhook_retry_max,
            whatsapp: args.webhook,
            ..Self::default()
        }
    }
}

impl From<BehaviourArgs> for Behaviour {
    fn from(args: BehaviourArgs) -> Self {
        let usual = Self::default();
        Self {
            sent_after: args.sent_after,
            delivered_after: args.delivered_after,
            read_after: args.read_after,
            reply_after: args.reply_after,
            delivered_rate: args.delivered_rate,
            read_rate: args.read_rate,
            skip_delivered_rate: args.skip_delivered_rate,
            out_of_order_rate: args.out_of_order_rate,
            duplicate_rate: args.duplicate_rate,
            failures: args.fail,
            undeliverable: args.undeliverable,
            late_codes: args.late,
            reply_rate: args.reply_rate,
            replies: if args.reply.is_empty() { usual.replies } else { args.reply },
        }
    }
}

impl Config {
    /// Probabilities are probabilities, counts are possible, addresses are addresses.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let behaviour = &self.behaviour;
        let rates = [
            ("--delivered-rate", behaviour.delivered_rate),
            ("--read-rate", behaviour.read_rate),
            ("--skip-delivered-rate", behaviour.skip_delivered_rate),
            ("--out-of-order-rate", behaviour.out_of_order_rate),
            ("--duplicate-rate", behaviour.duplicate_rate),
            ("--reply-rate", behaviour.reply_rate),
            ("--fail", behaviour.failures.iter().map(|(_, share)| share).sum()),
        ];
        for (flag, rate) in rates {
            if !(0.0..=1.0).contains(&rate) {
                return Err(Error::configuration(flag, format!("{rate} is no share: write 0 to 1")));
            }
        }
        if !(1..=1_000).contains(&self.delivery.max_batch) {
            return Err(Error::configuration("--webhook-batch", "write 1 to 1000"));
        }
        if self.delivery.concurrency == 0 {
            return Err(Error::configuration("--webhook-concurrency", "write at least 1"));
        }
        let delivery = &self.delivery;
        for url in delivery.whatsapp.iter().chain(&delivery.instagram).chain(&delivery.messenger) {
            if let Err(error) = reqwest::Url::parse(url) {
                return Err(Error::configuration("--webhook", format!("`{url}`: {error}")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn config(flags: &[&str]) -> Result<Config, Error> {
        Cli::parse_from(std::iter::once(&"simulate").chain(flags)).args.try_into()
    }

    #[test]
    fn flags_replace_the_demonstration_world() {
        let config = config(&[
            "--webhook=http://127.0.0.1:8081/webhooks/whatsapp",
            "--phone-number-id=15550177",
            "--throughput=1000",
            "--page-id=15550178",
            "--fail=131026=0.5",
        ])
        .unwrap();
        let number = &config.world.portfolios[0].wabas[0].numbers[0];
        assert_eq!((number.phone_number_id.as_str(), number.throughput), ("15550177", 1_000));
        assert_eq!(config.delivery.messenger.as_deref(), Some("http://127.0.0.1:8081/webhooks/messenger"));
        assert_eq!(config.behaviour.failures, [(131_026, 0.5)]);
    }

    #[test]
    fn a_wrong_flag_is_named() {
        for (flag, named) in
            [("--read-rate=2", "--read-rate"), ("--webhook-batch=0", "--webhook-batch"), ("--webhook=nowhere", "--webhook")]
        {
            assert!(config(&[flag]).unwrap_err().to_string().starts_with(named));
        }
    }
}
