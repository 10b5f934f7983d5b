//! A tenant's catalogue: what is sold, at which price, carried where for how much, and when a person must look.
//!
//! One catalogue is one version of a tenant's configuration. It is plain data; [`Catalog::validate`] says what is
//! wrong with it. Every field beyond the necessary has a default, so that an older catalogue stays readable.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{Language, units};

/// What a tenant sells and the rules of its quotes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// ISO 4217 code of every amount in the catalogue, e.g. `BRL`.
    pub currency: String,
    /// Languages the tenant answers in; the first is used when a customer's language is not known.
    pub languages: Vec<Language>,
    /// How long a quote holds, in hours from its making.
    pub valid_for_hours: u32,
    /// The goods.
    pub items: Vec<Item>,
    /// Freight rules, tried in order: the first whose postal codes match is used. Empty: the tenant does not deliver.
    #[serde(default)]
    pub freight: Vec<FreightRule>,
    /// Discounts on the subtotal. Of the percentages that apply the largest counts; fixed amounts add up; all
    /// together never exceed the subtotal.
    #[serde(default)]
    pub discounts: Vec<Discount>,
    /// When a person must approve a quote before it goes out.
    #[serde(default)]
    pub approval: Policy,
}

/// Something sold, in a base unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The tenant's own stable code; unique in the catalogue.
    pub sku: String,
    /// What it is called (`name` and `names` of the item).
    #[serde(flatten)]
    pub name: Name,
    /// Other words customers use for it. A word may belong to several items: then the customer is asked which.
    #[serde(default)]
    pub synonyms: Vec<String>,
    /// The base unit that prices, costs and weights are for, e.g. `bag`, `m3`, `piece`.
    pub unit: String,
    /// Other units it can be asked in → how many base units one of them is, e.g. `t` → 20 for a 50 kg bag.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub units: BTreeMap<String, Decimal>,
    /// Sold in whole base units only: a fraction is rounded up, and the quote says so.
    #[serde(default)]
    pub whole_units: bool,
    /// List price of one base unit.
    pub price: Decimal,
    /// Lower prices from a quantity (in base units) on. The lowest price reached applies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<Tier>,
    /// Prices of customer groups.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub group_prices: BTreeMap<String, Decimal>,
    /// Prices hold from this time on; outside a person must confirm them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// Prices hold until this time; a quote never outlives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Timestamp>,
    /// Weight of one base unit in kilograms, for freight.
    #[serde(default)]
    pub weight_kg: Decimal,
    /// What one base unit costs the tenant, for the margin. Never shown to customers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Decimal>,
}

/// What an item is called. Shown to customers, and recognised in their texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// In any language.
    #[serde(rename = "name")]
    pub usual: String,
    /// In particular languages, shown there instead.
    #[serde(default, rename = "names", skip_serializing_if = "BTreeMap::is_empty")]
    pub translated: BTreeMap<Language, String>,
}

impl Name {
    /// The name for a reader of the language.
    pub fn to(&self, language: Language) -> &str {
        self.translated.get(&language).unwrap_or(&self.usual)
    }
}

/// A price that applies from a quantity on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// Smallest quantity, in base units, the price applies to (all lines of the item in a quote count together).
    pub min_quantity: Decimal,
    /// Price of one base unit.
    pub price: Decimal,
}

/// What delivery to a zone costs: `max(minimum, base + per_kg × weight)`, nothing from `free_above` on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreightRule {
    /// Name of the zone, shown to customers.
    pub zone: String,
    /// The postal codes of the zone.
    pub postal: Vec<Postal>,
    /// Fixed part.
    pub base: Decimal,
    /// Price of a kilogram.
    #[serde(default)]
    pub per_kg: Decimal,
    /// The least that is charged.
    #[serde(default)]
    pub minimum: Decimal,
    /// Goods (after discounts) of this amount or more travel free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_above: Option<Decimal>,
}

/// A set of postal codes. Only digits count: `01310-100` and `01310100` are the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Postal {
    /// Every code that begins so.
    Prefix(String),
    /// Every code between two, both included, of the same length.
    Range {
        /// First code.
        from: String,
        /// Last code.
        to: String,
    },
}

/// A discount on the subtotal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discount {
    /// Shown to customers.
    pub label: String,
    /// How much.
    #[serde(flatten)]
    pub kind: DiscountKind,
    /// Applies when the subtotal is at least this.
    #[serde(default)]
    pub above: Decimal,
    /// Applies to these customer groups only; empty: to everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
}

/// How a discount is computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiscountKind {
    /// A percentage of the subtotal, 0 to 100.
    Percent(Decimal),
    /// A fixed amount.
    Amount(Decimal),
}

/// When a quote waits for a person. A quote whose price or freight is not certain waits whatever is set here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Totals above this wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above_total: Option<Decimal>,
    /// Margins (of the goods after discounts, in percent of revenue) below this wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below_margin_percent: Option<Decimal>,
    /// Requests that could not be read for certain wait.
    #[serde(default)]
    pub when_unsure: bool,
}

impl Catalog {
    /// The item with this code.
    pub fn item(&self, sku: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.sku == sku)
    }

    /// The first freight rule whose postal codes hold `postal_code`.
    pub fn zone(&self, postal_code: &str) -> Option<&FreightRule> {
        let code = digits(postal_code);
        self.freight.iter().find(|rule| rule.postal.iter().any(|set| set.holds(&code)))
    }
}

impl Item {
    /// How many base units one `unit` is; `None` when the item is not sold in it. Units are compared by meaning:
    /// `bags`, `sacos` and `bag` are one unit.
    pub fn factor(&self, unit: &str) -> Option<Decimal> {
        let code = units::code(unit);
        if code == units::code(&self.unit) {
            return Some(Decimal::ONE);
        }
        self.units.iter().find(|(alias, _)| units::code(alias) == code).map(|(_, factor)| *factor)
    }
}

impl Postal {
    /// Whether the code, given as digits only, is in the set. A code shorter than a range's bounds (a town's code
    /// without the street part) is taken as the first of its codes.
    fn holds(&self, code: &str) -> bool {
        match self {
            Self::Prefix(prefix) => {
                let prefix = digits(prefix);
                !prefix.is_empty() && code.starts_with(&prefix)
            }
            Self::Range { from, to } => {
                let (from, to) = (digits(from), digits(to));
                let code = format!("{code:0<width$}", width = from.len());
                !from.is_empty() && code.len() == from.len() && from.len() == to.len() && from <= code && code <= to
            }
        }
    }
}

/// The digits of a postal code.
pub(super) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_postal_range_includes_both_ends_and_ignores_hyphens() {
        let range = Postal::Range { from: "01000-000".into(), to: "01999-999".into() };
        assert!(range.holds("01000000") && range.holds("01999999") && range.holds("01310"));
        assert!(!range.holds("02000000") && !range.holds("00999999") && !range.holds("013101000"));
    }

    #[test]
    fn an_empty_prefix_holds_nothing() {
        assert!(!Postal::Prefix("-".into()).holds("01310100"));
    }
}
