//! What the ledger takes from configuration: throughput and account of each number, and words that lift a hold.

use serde::{Deserialize, Serialize};
use sluice_schemas::ids::TenantId;
use sluice_schemas::record::{Config, HoldScope};

use super::caps::Plan;
use super::holds;
use super::{Ledger, NUMBERS, PLANS, schedule};
use crate::chain::{Context, Poison};

/// What is stored of a number.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Number {
    /// As it is.
    Known {
        tenant: TenantId,
        account: String,
        display: Option<String>,
        rate: i64,
        /// Business portfolio, whose messaging limit it shares.
        #[serde(default)]
        portfolio: Option<String>,
        /// People a day that the portfolio may reach; absent for no limit that is known.
        #[serde(default)]
        limit: Option<i64>,
    },
    /// As builds before the holds stored it: messages a second.
    Rate(i64),
}

fn stored(cx: &mut Context<'_>, number: &str) -> Option<Number> {
    cx.state.get(NUMBERS, number.as_bytes()).and_then(|bytes| serde_json::from_slice(&bytes).ok())
}

/// The limit that Meta told of a number: an edit that says nothing about it leaves it as it is.
fn learned(cx: &mut Context<'_>, number: &str) -> Option<i64> {
    match stored(cx, number)? {
        Number::Known { limit, .. } => limit,
        Number::Rate(_) => None,
    }
}

#[derive(Deserialize)]
struct Lift {
    by: String,
    reason: String,
}

impl Ledger {
    pub(super) fn configure(&mut self, cx: &mut Context<'_>, config: &Config) -> Result<(), Poison> {
        match config.kind.as_str() {
            "number" => self.configure_number(cx, config),
            "tenant" => self.configure_tenant(cx, config),
            "template" => self.configure_template(cx, config),
            "lift" => self.configure_lift(cx, config),
            "settle" => self.configure_settle(cx, config),
            "opt_out" => self.configure_opt_out(cx, config),
            _ => Ok(()),
        }
    }

    fn configure_tenant(&mut self, cx: &mut Context<'_>, config: &Config) -> Result<(), Poison> {
        let plan: Plan = config.value.as_deref().and_then(|value| serde_json::from_str(value).ok()).unwrap_or_default();
        if plan == Plan::default() {
            cx.state.delete(PLANS, config.tenant.as_bytes());
        } else {
            cx.state.put(PLANS, config.tenant.as_bytes(), serde_json::to_vec(&plan).unwrap_or_default());
        }
        self.allow(config.tenant, plan);
        self.tenant_changed(cx, config.tenant, config.at_ms)
    }

    /// Takes a plan into memory.
    pub(super) fn allow(&mut self, tenant: TenantId, plan: Plan) {
        self.schedule.plan(tenant, plan.messages_per_second);
        self.plans.insert(tenant, plan);
    }

    fn configure_number(&mut self, cx: &mut Context<'_>, config: &Config) -> Result<(), Poison> {
        let value: serde_json::Value = config.value.as_deref().and_then(|value| serde_json::from_str(value).ok()).unwrap_or_default();
        let text = |field: &str| value.get(field).and_then(serde_json::Value::as_str).map(str::to_owned);
        let number = Number::Known {
            tenant: config.tenant,
            account: text("waba_id").unwrap_or_else(|| config.name.clone()),
            display: text("display_phone_number"),
            portfolio: text("portfolio_id"),
            limit: value.get("messaging_limit").and_then(serde_json::Value::as_i64).or_else(|| learned(cx, &config.name)),
            rate: value.get("messages_per_second").and_then(serde_json::Value::as_i64).unwrap_or(schedule::DEFAULT_RATE),
        };
        cx.state.put(NUMBERS, config.name.as_bytes(), serde_json::to_vec(&number).unwrap_or_default());
        self.know(&config.name, number);
        self.reach_changed(cx, &config.name)?;
        self.number_changed(cx, config.tenant, &config.name, config.at_ms)
    }

    /// Takes a number into memory.
    pub(super) fn know(&mut self, name: &str, number: Number) {
        match number {
            Number::Rate(rate) => self.schedule.rate(name, rate),
            Number::Known { tenant, account, display, rate, portfolio, limit } => {
                self.schedule.rate(name, rate);
                self.reach.know(name, tenant, portfolio.unwrap_or_else(|| account.clone()), limit);
                self.holds.numbers.insert(name.to_owned(), holds::Number { tenant, account, display });
            }
        }
    }

    /// The portfolio of this number may reach as many people a day as Meta says from now on; `None` for as many as it likes.
    pub(super) fn limit_reach(&mut self, cx: &mut Context<'_>, number: &str, limit: Option<i64>) -> Result<(), Poison> {
        for number in self.reach.siblings(number) {
            let Some(Number::Known { tenant, account, display, rate, portfolio, .. }) = stored(cx, &number) else { continue };
            let known = Number::Known { tenant, account, display, rate, portfolio, limit };
            cx.state.put(NUMBERS, number.as_bytes(), serde_json::to_vec(&known).unwrap_or_default());
            self.know(&number, known);
        }
        self.reach_changed(cx, number)
    }

    /// What waited for the old limit asks the new one.
    fn reach_changed(&mut self, cx: &mut Context<'_>, number: &str) -> Result<(), Poison> {
        match self.reach.key(number) {
            Some(key) => self.lift(cx, &key, "the limit was set anew"),
            None => Ok(()),
        }
    }

    /// A template that is approved now may have been paused before. One that is paused opens no hold here: most wait for nobody, and Meta tells of
    /// those that are in use, or refuses them.
    fn configure_template(&mut self, cx: &mut Context<'_>, config: &Config) -> Result<(), Poison> {
        let value: serde_json::Value = config.value.as_deref().and_then(|value| serde_json::from_str(value).ok()).unwrap_or_default();
        let name = config.name.split_once('/').map_or(config.name.as_str(), |(_, name)| name);
        let key = (config.tenant, HoldScope::Template, name.to_owned());
        match value["status"].as_str() {
            Some("APPROVED") => self.lift_older(cx, &key, config.at_ms, "the template is approved"),
            _ => Ok(()),
        }
    }

    /// A person decides on a quarantined send.
    fn configure_settle(&mut self, cx: &mut Context<'_>, config: &Config) -> Result<(), Poison> {
        let decision = config.value.as_deref().and_then(|value| serde_json::from_str(value).ok());
        match (config.name.parse(), decision) {
            (Ok(id), Some(decision)) => self.decided(cx, id, &decision, config.at_ms),
            _ => Ok(()),
        }
    }

    /// A person lifts a hold: `scope/name`.
    fn configure_lift(&mut self, cx: &mut Context<'_>, config: &Config) -> Result<(), Poison> {
        let Some((scope, name)) = config.name.split_once('/') else { return Ok(()) };
        let Some(scope) = HoldScope::from_name(scope) else { return Ok(()) };
        let by = config.value.as_deref().and_then(|value| serde_json::from_str::<Lift>(value).ok());
        let why = by.map_or_else(|| "lifted by a person".to_owned(), |by| format!("{}: {}", by.by, by.reason));
        self.lift_older(cx, &(config.tenant, scope, name.to_owned()), config.at_ms, &why)
    }
}
