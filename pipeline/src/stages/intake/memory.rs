//! Configuration of the tenants of this partition, the newest version of each piece.

use std::collections::{BTreeMap, BTreeSet};

use sluice_schemas::ids::{QuoteId, TenantId};
use sluice_schemas::record::{Config, Quote};
use sluice_schemas::time::Millis;

use super::super::quoting::{AWAITING, Shop};
use crate::domain::quote::Language;

#[derive(Default)]
pub(super) struct Memory {
    shops: BTreeMap<TenantId, Shop>,
    languages: BTreeMap<TenantId, Language>,
    versions: BTreeMap<(TenantId, String, String), i64>,
    /// Quotes that wait for a person, by the end of their time.
    approvals: BTreeSet<(Millis, QuoteId)>,
}

impl Memory {
    /// Takes over a version; returns whether it is newer than what is known, since the outbox may repeat.
    pub(super) fn take(&mut self, config: &Config) -> bool {
        let key = (config.tenant, config.kind.clone(), config.name.clone());
        if self.versions.get(&key).is_some_and(|known| *known >= config.version) {
            return false;
        }
        self.versions.insert(key, config.version);
        match config.kind.as_str() {
            "catalog" => self.catalog(config),
            "tenant" => self.tenant(config),
            _ => {}
        }
        true
    }

    fn catalog(&mut self, config: &Config) {
        match config.value.as_deref().map(Shop::new) {
            None => {
                self.shops.remove(&config.tenant);
            }
            Some(Ok(shop)) => {
                self.shops.insert(config.tenant, shop);
            }
            // The API refuses such a catalogue before it gets here; the one before stays in force.
            Some(Err(e)) => tracing::warn!(tenant = %config.tenant, version = config.version, "catalogue refused: {e}"),
        }
    }

    fn tenant(&mut self, config: &Config) {
        let value = config.value.as_deref().and_then(|value| serde_json::from_str::<serde_json::Value>(value).ok());
        let locale = value.as_ref().and_then(|value| value.get("locale")?.as_str()).unwrap_or("en");
        let language = match locale.get(..2) {
            Some("pt") => Language::Pt,
            Some("es") => Language::Es,
            _ => Language::En,
        };
        self.languages.insert(config.tenant, language);
    }

    /// Notes that a quote waits for a decision, or no longer does.
    pub(super) fn note(&mut self, quote: &Quote) {
        let entry = (Millis(quote.deadline_ms), quote.quote);
        if quote.status == AWAITING {
            self.approvals.insert(entry);
        } else {
            self.approvals.remove(&entry);
        }
    }

    /// A quote whose time is over at `now`.
    pub(super) fn take_overdue(&mut self, now: Millis) -> Option<QuoteId> {
        let (deadline, _) = self.approvals.first()?;
        if *deadline >= now {
            return None;
        }
        self.approvals.pop_first().map(|(_, id)| id)
    }

    /// When the next quote's time is over.
    pub(super) fn next_overdue(&self) -> Option<Millis> {
        self.approvals.first().map(|(deadline, _)| deadline.plus(1))
    }

    pub(super) fn shop(&self, tenant: TenantId) -> Option<&Shop> {
        self.shops.get(&tenant)
    }

    pub(super) fn language(&self, tenant: TenantId) -> Language {
        self.languages.get(&tenant).copied().unwrap_or(Language::En)
    }
}
