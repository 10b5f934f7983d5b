//! What exists in the simulated Meta: portfolios, WhatsApp business accounts, numbers, templates, tokens, Instagram
//! and Messenger accounts.
//!
//! A world comes from a JSON or TOML file (`--world`; `world.example.toml` shows every part) or is the built-in
//! demonstration world ([`World::demo`]).

mod demo;
mod template;

use std::collections::HashSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::limits::PairRate;

pub(crate) use template::{Button, Header, Template, variables};

/// The seed data of a simulated Meta.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// Key of the `X-Hub-Signature-256` of every webhook.
    pub app_secret: String,
    /// What the handshake presents as `hub.verify_token`.
    pub verify_token: String,
    /// Access tokens.
    pub tokens: Vec<Token>,
    /// Business portfolios with their WhatsApp business accounts.
    pub portfolios: Vec<Portfolio>,
    /// Instagram professional accounts and Facebook pages.
    #[serde(default)]
    pub accounts: Vec<Account>,
    /// The pair limit of every number.
    #[serde(default)]
    pub pair: PairRate,
}

/// An access token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The bearer value.
    pub token: String,
    /// WABA, Instagram and page ids it may use; empty means all.
    #[serde(default)]
    pub may_use: Vec<String>,
    /// An expired token answers 190 with HTTP 401.
    #[serde(default)]
    pub expired: bool,
}

/// A business portfolio, which shares one messaging limit among its numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Portfolio {
    /// Portfolio id.
    pub id: String,
    /// Unique users outside open windows per rolling 24 h; absent means unlimited.
    #[serde(default)]
    pub messaging_limit: Option<u32>,
    /// Code of the refusal beyond the limit. Meta documents none (contract §8); its older name for the spam limit,
    /// 131048, covered this case.
    #[serde(default = "spam_limit")]
    pub limit_code: u32,
    /// WhatsApp business accounts.
    pub wabas: Vec<Waba>,
}

/// A WhatsApp business account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waba {
    /// WABA id: `entry.id` of its webhooks.
    pub id: String,
    /// Display name.
    #[serde(default)]
    pub name: String,
    /// Whether the app receives its webhooks from the start.
    #[serde(default = "yes")]
    pub subscribed: bool,
    /// Business numbers.
    pub numbers: Vec<Number>,
    /// Message templates.
    #[serde(default)]
    pub templates: Vec<TemplateSeed>,
}

/// A business phone number.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// The id in paths and in `metadata`.
    pub phone_number_id: String,
    /// The number itself, as a person reads it.
    pub display_phone_number: String,
    /// Name shown to customers.
    #[serde(default)]
    pub verified_name: String,
    /// Messages a second, in and out together: 80; coexistence 20; upgraded 1,000.
    #[serde(default = "eighty")]
    pub throughput: u32,
    /// Tokens that may be saved up; absent means one second's worth.
    #[serde(default)]
    pub throughput_depth: Option<u32>,
    /// Share of the depth (0 to 1) that the meter may wrongly deny, drawn anew every second from the seed.
    #[serde(default)]
    pub throughput_jitter: f64,
    /// An unregistered number answers 133010.
    #[serde(default = "yes")]
    pub registered: bool,
    /// `GREEN`, `YELLOW`, `RED` or `UNKNOWN`.
    #[serde(default = "green")]
    pub quality: String,
    /// A test number may only write to these (131030); absent means anybody.
    #[serde(default)]
    pub allow_list: Option<Vec<String>>,
}

/// A message template, in the shape in which the Graph API lists it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateSeed {
    /// Template id; absent means derived from name and language.
    #[serde(default)]
    pub id: Option<String>,
    /// Name.
    pub name: String,
    /// Language code such as `en_US`.
    pub language: String,
    /// `MARKETING`, `UTILITY` or `AUTHENTICATION`.
    pub category: String,
    /// `APPROVED`, `PENDING`, `REJECTED`, `PAUSED`, `DISABLED`, ...
    #[serde(default = "approved")]
    pub status: String,
    /// `HEADER`, `BODY`, `FOOTER`, `BUTTONS` with `{{1}}` or `{{name}}` variables.
    pub components: Vec<Value>,
}

/// Which product a social account belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// Instagram messaging.
    Instagram,
    /// Messenger.
    Messenger,
}

/// An Instagram professional account or a Facebook page.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The account's id: `entry.id` of its webhooks.
    pub id: String,
    /// Its network.
    pub network: Network,
    /// Display name.
    #[serde(default)]
    pub name: String,
    /// Text messages a second: 100 (Instagram login) or 300 (contract §10).
    #[serde(default = "hundred")]
    pub throughput: u32,
}

fn yes() -> bool {
    true
}

fn eighty() -> u32 {
    80
}

fn hundred() -> u32 {
    100
}

fn spam_limit() -> u32 {
    131_048
}

fn green() -> String {
    "GREEN".into()
}

fn approved() -> String {
    "APPROVED".into()
}

impl World {
    /// Reads a world from a `.toml` or JSON file.
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::File { path: path.into(), source })?;
        let wrong = |problem: String| Error::configuration(path.display().to_string(), problem);
        let world: Self = if path.extension().is_some_and(|extension| extension == "toml") {
            toml::from_str(&text).map_err(|error| wrong(error.to_string()))?
        } else {
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?
        };
        world.check()?;
        Ok(world)
    }

    /// Every id names one thing, every template can be understood.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut seen = HashSet::new();
        let mut once = |key: &str, id: &str| {
            if id.is_empty() || id.contains('/') {
                return Err(Error::configuration(key, format!("`{id}` is no id: write digits")));
            }
            if seen.insert(id.to_owned()) { Ok(()) } else { Err(Error::configuration(key, format!("`{id}` is used twice"))) }
        };
        for portfolio in &self.portfolios {
            once("portfolios.id", &portfolio.id)?;
            for waba in &portfolio.wabas {
                once("wabas.id", &waba.id)?;
                for number in &waba.numbers {
                    once("numbers.phone_number_id", &number.phone_number_id)?;
                }
                for template in &waba.templates {
                    Template::new(template.clone())?;
                }
            }
        }
        for account in &self.accounts {
            once("accounts.id", &account.id)?;
        }
        if self.tokens.is_empty() {
            return Err(Error::configuration("tokens", "is empty, so that every call would answer 190: add one"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_survives_both_file_formats() {
        let folder = tempfile::tempdir().unwrap();
        let world = World::demo();
        for (name, text) in [("world.json", serde_json::to_string(&world).unwrap()), ("world.toml", toml::to_string(&world).unwrap())] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            let read = World::from_file(&path).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::to_value(&world).unwrap());
        }
    }

    #[test]
    fn the_example_is_a_world() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("world.example.toml");
        let world = World::from_file(&path).unwrap();
        assert_eq!(world.portfolios[0].wabas[0].templates[0].status, "APPROVED");
    }

    #[test]
    fn a_wrong_world_names_the_field() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("world.toml");
        std::fs::write(&path, "app_secret = 'a'\nverify_token = 'b'\ntokens = []\nportfolios = []\ncolour = 1").unwrap();
        assert!(World::from_file(&path).unwrap_err().to_string().contains("colour"));
        let mut world = World::demo();
        world.accounts.push(world.accounts[0].clone());
        assert!(world.check().unwrap_err().to_string().contains("used twice"));
    }
}
