//! Configuration of the tenants of this partition, the newest version of each piece.

use std::collections::BTreeMap;

use sluice_schemas::ids::TenantId;
use sluice_schemas::record::Config;

use super::super::quoting::Shop;
use crate::domain::quote::Language;

#[derive(Default)]
pub(super) struct Memory {
    shops: BTreeMap<TenantId, Shop>,
    languages: BTreeMap<TenantId, Language>,
    versions: BTreeMap<(TenantId, String, String), i64>,
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

    pub(super) fn shop(&self, tenant: TenantId) -> Option<&Shop> {
        self.shops.get(&tenant)
    }

    pub(super) fn language(&self, tenant: TenantId) -> Language {
        self.languages.get(&tenant).copied().unwrap_or(Language::En)
    }
}
