//! What is wrong with a catalogue, field by field.

use std::collections::HashSet;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    Catalog,
    catalog::{DiscountKind, FreightRule, Item, Postal, digits},
    money, text, units, words,
};

/// Prices, costs and thresholds above this are taken for mistakes; it also keeps every sum computable.
const LARGEST_AMOUNT: i64 = 1_000_000_000;
/// The same for unit factors, weights and tier quantities.
const LARGEST_FACTOR: i64 = 1_000_000;
/// Names and labels longer than this do not fit a message.
const LONGEST_NAME: usize = 120;
/// Longest validity of a quote: a year.
const LONGEST_HOURS: u32 = 8_784;

/// A mistake in a catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Path of the field, e.g. `items[3].price`.
    pub field: String,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl Catalog {
    /// Checks every field; all problems are named, not only the first.
    pub fn validate(&self) -> Result<(), Vec<Problem>> {
        let mut check = Check::default();
        check.that(money::minor_units(&self.currency).is_some(), "currency", || {
            format!("{:?} is no currency; use an ISO 4217 code in capitals, e.g. BRL", self.currency)
        });
        check.that(!self.languages.is_empty(), "languages", || "name at least one of en, pt, es".into());
        check.that((1..=LONGEST_HOURS).contains(&self.valid_for_hours), "valid_for_hours", || {
            format!("must be between 1 and {LONGEST_HOURS} hours")
        });
        check.that(!self.items.is_empty(), "items", || "add at least one item".into());
        let mut skus = HashSet::new();
        for (index, item) in self.items.iter().enumerate() {
            let at = format!("items[{index}]");
            check.that(skus.insert(&item.sku), &format!("{at}.sku"), || format!("{:?} is used twice; give every item its own", item.sku));
            check.item(item, &at);
        }
        for (index, rule) in self.freight.iter().enumerate() {
            check.freight(rule, &format!("freight[{index}]"));
        }
        for (index, discount) in self.discounts.iter().enumerate() {
            let at = format!("discounts[{index}]");
            check.name(&discount.label, &format!("{at}.label"));
            check.amount(discount.above, &format!("{at}.above"));
            match discount.kind {
                DiscountKind::Percent(percent) => check.percent(percent, &format!("{at}.percent")),
                DiscountKind::Amount(amount) => check.amount(amount, &format!("{at}.amount")),
            }
        }
        if let Some(limit) = self.approval.above_total {
            check.amount(limit, "approval.above_total");
        }
        if let Some(limit) = self.approval.below_margin_percent {
            check.percent(limit, "approval.below_margin_percent");
        }
        if check.problems.is_empty() { Ok(()) } else { Err(check.problems) }
    }
}

#[derive(Default)]
struct Check {
    problems: Vec<Problem>,
}

impl Check {
    fn that(&mut self, holds: bool, field: &str, message: impl FnOnce() -> String) {
        if !holds {
            self.problems.push(Problem { field: field.to_owned(), message: message() });
        }
    }

    fn amount(&mut self, amount: Decimal, field: &str) {
        let within = amount >= Decimal::ZERO && amount <= Decimal::from(LARGEST_AMOUNT) && amount.scale() <= 6;
        self.that(within, field, || format!("{amount} must be between 0 and {LARGEST_AMOUNT}, with at most 6 decimal places"));
    }

    /// A number of units or kilograms.
    fn factor(&mut self, factor: Decimal, zero: bool, field: &str) {
        let above = if zero { factor >= Decimal::ZERO } else { factor > Decimal::ZERO };
        let within = above && factor <= Decimal::from(LARGEST_FACTOR) && factor.scale() <= 9;
        self.that(within, field, || {
            let least = if zero { "at least 0" } else { "above 0" };
            format!("{factor} must be {least} and at most {LARGEST_FACTOR}, with at most 9 decimal places")
        });
    }

    fn percent(&mut self, percent: Decimal, field: &str) {
        let within = percent >= Decimal::ZERO && percent <= Decimal::ONE_HUNDRED && percent.scale() <= 6;
        self.that(within, field, || format!("{percent} must be a percentage between 0 and 100"));
    }

    fn name(&mut self, name: &str, field: &str) {
        let length = name.chars().count();
        let fits = !name.trim().is_empty() && length <= LONGEST_NAME && !name.chars().any(char::is_control);
        self.that(fits, field, || format!("must have 1 to {LONGEST_NAME} characters, on one line (it has {length})"));
    }

    fn item(&mut self, item: &Item, at: &str) {
        self.name(&item.sku, &format!("{at}.sku"));
        self.recognisable(&item.name.usual, &format!("{at}.name"));
        for (language, name) in &item.name.translated {
            self.recognisable(name, &format!("{at}.names.{language:?}").to_lowercase());
        }
        for (index, synonym) in item.synonyms.iter().enumerate() {
            self.recognisable(synonym, &format!("{at}.synonyms[{index}]"));
        }
        self.units(item, at);
        self.amount(item.price, &format!("{at}.price"));
        self.that(item.price > Decimal::ZERO, &format!("{at}.price"), || "must be above 0".into());
        self.tiers(item, at);
        for (group, price) in &item.group_prices {
            self.amount(*price, &format!("{at}.group_prices.{group}"));
        }
        let ordered = item.valid_from.zip(item.valid_to).is_none_or(|(from, to)| from < to);
        self.that(ordered, &format!("{at}.valid_to"), || "must be later than valid_from".into());
        self.factor(item.weight_kg, true, &format!("{at}.weight_kg"));
        if let Some(cost) = item.cost {
            self.amount(cost, &format!("{at}.cost"));
        }
    }

    /// A name that texts are searched for: one small word would be found in every sentence.
    fn recognisable(&mut self, name: &str, field: &str) {
        self.name(name, field);
        let tokens = text::tokens(name);
        if let [only] = tokens.as_slice() {
            let word = only.folded.as_str();
            let small = words::filler(word) || words::number(word).is_some() || word.chars().count() < 2;
            self.that(!small, field, || format!("{name:?} is a word of every sentence; use one that names the item"));
        }
        let readable = tokens.iter().any(|token| token.folded.chars().any(char::is_alphanumeric));
        self.that(readable, field, || "must contain letters or digits".into());
    }

    fn units(&mut self, item: &Item, at: &str) {
        self.name(&item.unit, &format!("{at}.unit"));
        let mut codes = HashSet::from([units::code(&item.unit)]);
        for (unit, factor) in &item.units {
            let field = format!("{at}.units.{unit}");
            self.name(unit, &field);
            self.factor(*factor, false, &field);
            self.that(codes.insert(units::code(unit)) || *factor == Decimal::ONE, &field, || {
                format!("is the same unit as another of the item ({:?}); keep one", units::code(unit))
            });
        }
    }

    fn tiers(&mut self, item: &Item, at: &str) {
        let mut before = (Decimal::ZERO, item.price);
        for (index, tier) in item.tiers.iter().enumerate() {
            let field = format!("{at}.tiers[{index}]");
            self.amount(tier.price, &format!("{field}.price"));
            self.factor(tier.min_quantity, false, &format!("{field}.min_quantity"));
            self.that(tier.min_quantity > before.0, &format!("{field}.min_quantity"), || {
                format!("must be more than {}, the one before; sort the tiers", before.0)
            });
            self.that(tier.price < before.1, &format!("{field}.price"), || {
                format!("must be less than {}, or the tier never applies", before.1)
            });
            before = (tier.min_quantity, tier.price);
        }
    }

    fn freight(&mut self, rule: &FreightRule, at: &str) {
        self.name(&rule.zone, &format!("{at}.zone"));
        self.that(!rule.postal.is_empty(), &format!("{at}.postal"), || "name at least one prefix or range".into());
        for (index, postal) in rule.postal.iter().enumerate() {
            let field = format!("{at}.postal[{index}]");
            match postal {
                Postal::Prefix(prefix) => {
                    self.that((1..=8).contains(&digits(prefix).len()), &field, || format!("prefix {prefix:?} must have 1 to 8 digits"));
                }
                Postal::Range { from, to } => {
                    let (first, last) = (digits(from), digits(to));
                    let same = (4..=8).contains(&first.len()) && first.len() == last.len();
                    self.that(same && first <= last, &field, || {
                        format!("range {from:?} to {to:?} must be two codes of the same 4 to 8 digits, the lower first")
                    });
                }
            }
        }
        self.amount(rule.base, &format!("{at}.base"));
        self.amount(rule.per_kg, &format!("{at}.per_kg"));
        self.amount(rule.minimum, &format!("{at}.minimum"));
        if let Some(limit) = rule.free_above {
            self.amount(limit, &format!("{at}.free_above"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::quote::demo;

    #[test]
    fn every_bad_field_is_named() {
        let mut catalog = demo::catalog();
        catalog.currency = "REAL".into();
        catalog.languages.clear();
        catalog.valid_for_hours = 0;
        catalog.items[1].sku = catalog.items[0].sku.clone();
        catalog.items[0].price = Decimal::ZERO;
        catalog.items[0].tiers[1].min_quantity = Decimal::TEN;
        catalog.items[0].tiers[0].price = Decimal::ONE_HUNDRED;
        catalog.items[0].units.insert("sacos".into(), Decimal::TWO);
        catalog.items[2].synonyms.push("de".into());
        catalog.items[2].synonyms.push("?!".into());
        catalog.items[2].valid_to = Some(demo::now());
        catalog.items[2].valid_from = Some(demo::now());
        catalog.freight[0].postal = vec![Postal::Range { from: "02000-000".into(), to: "01000-000".into() }];
        catalog.freight[1].postal.clear();
        catalog.discounts[0].kind = DiscountKind::Percent(Decimal::ONE_THOUSAND);
        catalog.approval.above_total = Some(-Decimal::ONE);
        let fields: Vec<String> = catalog.validate().unwrap_err().into_iter().map(|problem| problem.field).collect();
        insta::assert_snapshot!(fields.join("\n"), @r"
        currency
        languages
        valid_for_hours
        items[0].units.sacos
        items[0].price
        items[0].tiers[0].price
        items[0].tiers[1].min_quantity
        items[1].sku
        items[2].synonyms[7]
        items[2].synonyms[8]
        items[2].valid_to
        freight[0].postal[0]
        freight[1].postal
        discounts[0].percent
        approval.above_total
        ");
    }

    #[test]
    fn a_problem_tells_the_fix() {
        let mut catalog = demo::catalog();
        catalog.currency = "brl".into();
        let problems = catalog.validate().unwrap_err();
        assert_eq!(problems[0].message, "\"brl\" is no currency; use an ISO 4217 code in capitals, e.g. BRL");
    }
}
