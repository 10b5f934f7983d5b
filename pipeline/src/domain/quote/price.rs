//! A request → a quote: prices, discounts, freight, and whether it may go out.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    Catalog, QuoteId, Request,
    catalog::{DiscountKind, Item, Name},
    freight::{self, Freight},
    money,
    parse::{self, Unsure},
    scan::MOST,
};

/// An itemised offer. `total = Σ lines − Σ discounts + freight + adjustment`, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Given by the caller.
    pub id: QuoteId,
    /// ISO 4217 code of every amount.
    pub currency: String,
    /// The items, in the order of the request. Lines that cannot be priced yet are in [`Decision::Ask`] instead.
    pub lines: Vec<Line>,
    /// Sum of the lines' amounts.
    pub subtotal: Decimal,
    /// What is taken off, as positive amounts; never more than the subtotal together.
    #[serde(default)]
    pub discounts: Vec<DiscountLine>,
    /// Delivery.
    pub freight: Freight,
    /// What a person who approved the quote changed, added to the total as it is (negative: cheaper).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjustment: Option<Decimal>,
    /// What the customer pays; without delivery when the freight is missing.
    pub total: Decimal,
    /// Until when the offer holds.
    pub valid_until: Timestamp,
    /// Whether it goes out.
    pub decision: Decision,
}

/// A priced item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Code of the item.
    pub sku: String,
    /// What the item is called.
    #[serde(flatten)]
    pub name: Name,
    /// How many base units.
    pub quantity: Decimal,
    /// The base unit.
    pub unit: String,
    /// Price of one base unit, as the rules give it.
    pub unit_price: Decimal,
    /// `quantity × unit_price`, rounded to the minor unit.
    pub amount: Decimal,
    /// The rules that made the price and the quantity, in the order they were applied.
    pub explanation: Vec<Rule>,
}

/// A rule that was applied to a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The customer named another unit.
    Converted {
        /// As asked.
        quantity: Decimal,
        /// As asked.
        unit: String,
        /// Base units in one of them.
        factor: Decimal,
    },
    /// Sold in whole units only: rounded up from this quantity of base units.
    RoundedUp(Decimal),
    /// The list price.
    List,
    /// The price from a quantity on.
    Tier {
        /// The quantity.
        min_quantity: Decimal,
        /// The list price it replaces.
        list_price: Decimal,
    },
    /// The price of the customer's group.
    Group {
        /// The group.
        group: String,
        /// The list price it replaces.
        list_price: Decimal,
    },
    /// The price ends at this time, and the quote not later.
    ValidTo(Timestamp),
    /// The price does not hold now; a person must confirm it.
    NotValid,
}

/// A discount that was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscountLine {
    /// As the catalogue calls it.
    pub label: String,
    /// The percentage it came from, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<Decimal>,
    /// What is taken off.
    pub amount: Decimal,
}

/// What happens to a quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It goes out by itself.
    Answer,
    /// A person looks first.
    NeedsApproval {
        /// Why.
        reasons: Vec<Reason>,
    },
    /// The customer is asked for what is missing.
    Ask {
        /// What.
        missing: Vec<Missing>,
    },
}

/// Why a person must look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The total is above the policy's limit.
    AboveTotal(Decimal),
    /// The margin is this many percent, below the policy's limit.
    BelowMargin(Decimal),
    /// A line may have been read wrongly.
    Unsure {
        /// The customer's words.
        text: String,
        /// The doubt.
        why: Unsure,
    },
    /// Something was asked for that the catalogue does not know.
    UnknownPhrase(String),
    /// The request was longer than is read.
    Truncated,
    /// The price of this item does not hold now.
    PriceNotValid(String),
    /// No zone has this postal code.
    NoZone(String),
}

/// What the customer must still say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// No item was recognised.
    Items,
    /// How many.
    Quantity {
        /// What the item is called.
        #[serde(flatten)]
        name: Name,
        /// Its base unit.
        unit: String,
        /// List price of one.
        price: Decimal,
    },
    /// In which of the item's units.
    Unit {
        /// What the item is called.
        #[serde(flatten)]
        name: Name,
        /// The unit it is not sold in.
        asked: String,
        /// The units it is sold in.
        offered: Vec<String>,
    },
    /// Which of several items.
    Choice {
        /// The customer's words.
        text: String,
        /// What the items are called.
        options: Vec<Name>,
    },
    /// Where to.
    PostalCode,
}

/// Why there is no quote: the request and the catalogue do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request was read with another catalogue.
    #[error("no item {0:?} in the catalogue; read the text again with this version of the catalogue")]
    UnknownSku(String),
    /// Not a count of goods.
    #[error("quantity {quantity} of {sku:?} is not above 0 and at most {MOST}")]
    Quantity {
        /// The item.
        sku: String,
        /// The count.
        quantity: Decimal,
    },
    /// The catalogue's currency is none.
    #[error("currency {0:?} is not an ISO 4217 code; correct `currency` in the catalogue")]
    Currency(String),
    /// An amount too large to be computed.
    #[error("an amount is too large; check prices, factors and weights in the catalogue")]
    Overflow,
}

impl Error {
    /// Stable name, used as a metric label.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UnknownSku(_) => "unknown_sku",
            Self::Quantity { .. } => "quantity",
            Self::Currency(_) => "currency",
            Self::Overflow => "overflow",
        }
    }
}

/// Prices a request at the time `now` for a customer of `customer_group`.
pub fn quote(id: QuoteId, request: &Request, catalog: &Catalog, customer_group: Option<&str>, now: Timestamp) -> Result<Quote, Error> {
    let places = money::minor_units(&catalog.currency).ok_or_else(|| Error::Currency(catalog.currency.clone()))?;
    let sorted = sort(request, catalog)?;
    let mut lines = Vec::with_capacity(sorted.countable.len());
    for countable in &sorted.countable {
        let of_item = sum(sorted.countable.iter().filter(|c| c.item.sku == countable.item.sku).map(|c| c.quantity))?;
        lines.push(line(countable, of_item, customer_group, now, places)?);
    }
    let subtotal = sum(lines.iter().map(|line| line.amount))?;
    let discounts = discounts(catalog, subtotal, customer_group, places)?;
    let goods = subtotal - sum(discounts.iter().map(|discount| discount.amount))?;
    let freight = freight::charge(request, catalog, weight(&sorted)?, goods, places)?;
    let total = add(goods, freight.amount())?;

    let mut missing = sorted.missing;
    if lines.is_empty() && missing.is_empty() {
        missing.push(Missing::Items);
    }
    if freight == Freight::PostalCodeMissing && !lines.is_empty() {
        missing.push(Missing::PostalCode);
    }
    let decision = if missing.is_empty() {
        let reasons = reasons(request, catalog, &lines, &freight, total, margin(&sorted.countable, &lines, goods)?);
        if reasons.is_empty() { Decision::Answer } else { Decision::NeedsApproval { reasons } }
    } else {
        Decision::Ask { missing }
    };
    Ok(Quote {
        id,
        currency: catalog.currency.clone(),
        valid_until: valid_until(catalog, &lines, now),
        lines,
        subtotal,
        discounts,
        freight,
        adjustment: None,
        total,
        decision,
    })
}

/// A line of the request with its item and its quantity in base units.
struct Countable<'a> {
    item: &'a Item,
    quantity: Decimal,
    rules: Vec<Rule>,
}

/// The lines that can be priced, and what is missing of the others.
struct Sorted<'a> {
    countable: Vec<Countable<'a>>,
    missing: Vec<Missing>,
}

fn sort<'a>(request: &Request, catalog: &'a Catalog) -> Result<Sorted<'a>, Error> {
    let mut sorted = Sorted { countable: Vec::new(), missing: Vec::new() };
    for line in &request.lines {
        let item = catalog.item(&line.sku).ok_or_else(|| Error::UnknownSku(line.sku.clone()))?;
        if line.candidates.len() > 1 {
            let options = line.candidates.iter().filter_map(|sku| catalog.item(sku)).map(|i| i.name.clone()).collect();
            sorted.missing.push(Missing::Choice { text: line.text.clone(), options });
            continue;
        }
        let Some(factor) = item.factor(&line.unit) else {
            let offered = std::iter::once(&item.unit).chain(item.units.keys()).cloned().collect();
            let (name, asked) = (item.name.clone(), line.unit.clone());
            sorted.missing.push(Missing::Unit { name, asked, offered });
            continue;
        };
        let Some(asked) = line.quantity else {
            let (name, unit) = (item.name.clone(), item.unit.clone());
            sorted.missing.push(Missing::Quantity { name, unit, price: item.price });
            continue;
        };
        sorted.countable.push(countable(line, item, asked, factor)?);
    }
    Ok(sorted)
}

fn countable<'a>(line: &parse::Line, item: &'a Item, asked: Decimal, factor: Decimal) -> Result<Countable<'a>, Error> {
    if asked <= Decimal::ZERO || asked > Decimal::from(MOST) {
        return Err(Error::Quantity { sku: item.sku.clone(), quantity: asked });
    }
    let mut rules = Vec::new();
    let mut quantity = multiply(asked, factor)?;
    if factor != Decimal::ONE {
        rules.push(Rule::Converted { quantity: asked, unit: line.unit.clone(), factor });
    }
    if item.whole_units && !quantity.fract().is_zero() {
        rules.push(Rule::RoundedUp(quantity.normalize()));
        quantity = quantity.ceil();
    }
    Ok(Countable { item, quantity: quantity.normalize(), rules })
}

/// Prices a line. `of_item` is the quantity of the item in the whole quote, which decides the tier.
fn line(countable: &Countable, of_item: Decimal, group: Option<&str>, now: Timestamp, places: u32) -> Result<Line, Error> {
    let Countable { item, quantity, rules } = countable;
    let (unit_price, rule) = unit_price(item, of_item, group);
    let mut explanation = rules.clone();
    explanation.push(rule);
    let begun = item.valid_from.is_none_or(|from| from <= now);
    match item.valid_to {
        _ if !begun => explanation.push(Rule::NotValid),
        Some(to) if to < now => explanation.push(Rule::NotValid),
        Some(to) => explanation.push(Rule::ValidTo(to)),
        None => {}
    }
    Ok(Line {
        sku: item.sku.clone(),
        name: item.name.clone(),
        quantity: *quantity,
        unit: item.unit.clone(),
        unit_price,
        amount: money::round(multiply(*quantity, unit_price)?, places),
        explanation,
    })
}

/// The lowest of the list price, the group's price and the prices of the tiers reached, and the rule it came from. So
/// more never costs more apiece, and a group's price never hides a better one.
fn unit_price(item: &Item, quantity: Decimal, group: Option<&str>) -> (Decimal, Rule) {
    let list_price = item.price;
    let mut best = (list_price, Rule::List);
    if let Some((group, price)) = group.and_then(|group| item.group_prices.get_key_value(group))
        && *price < best.0
    {
        best = (*price, Rule::Group { group: group.clone(), list_price });
    }
    for tier in item.tiers.iter().filter(|tier| tier.min_quantity <= quantity) {
        if tier.price < best.0 {
            best = (tier.price, Rule::Tier { min_quantity: tier.min_quantity, list_price });
        }
    }
    best
}

fn discounts(catalog: &Catalog, subtotal: Decimal, group: Option<&str>, places: u32) -> Result<Vec<DiscountLine>, Error> {
    let mut percentage: Option<DiscountLine> = None;
    let mut fixed = Vec::new();
    for discount in &catalog.discounts {
        let for_group = discount.groups.is_empty() || group.is_some_and(|g| discount.groups.iter().any(|d| d == g));
        if subtotal < discount.above || !for_group {
            continue;
        }
        let label = discount.label.clone();
        match discount.kind {
            DiscountKind::Percent(percent) => {
                let amount = money::round(multiply(subtotal, percent)? / Decimal::ONE_HUNDRED, places);
                if percentage.as_ref().is_none_or(|best| best.amount < amount) {
                    percentage = Some(DiscountLine { label, percent: Some(percent.normalize()), amount });
                }
            }
            DiscountKind::Amount(amount) => {
                fixed.push(DiscountLine { label, percent: None, amount: money::round(amount, places) });
            }
        }
    }
    let mut left = subtotal;
    let mut applied = Vec::new();
    for mut discount in percentage.into_iter().chain(fixed) {
        discount.amount = discount.amount.min(left);
        if discount.amount > Decimal::ZERO {
            left -= discount.amount;
            applied.push(discount);
        }
    }
    Ok(applied)
}

fn weight(sorted: &Sorted) -> Result<Decimal, Error> {
    let mut weight = Decimal::ZERO;
    for countable in &sorted.countable {
        weight = add(weight, multiply(countable.quantity, countable.item.weight_kg)?)?;
    }
    Ok(weight.normalize())
}

/// Margin of the goods whose cost is known, in percent of their revenue after their share of the discounts. `None`
/// when no cost is known or nothing is earned.
fn margin(countable: &[Countable], lines: &[Line], goods: Decimal) -> Result<Option<Decimal>, Error> {
    let (mut revenue, mut cost, mut all) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    for (countable, line) in countable.iter().zip(lines) {
        all = add(all, line.amount)?;
        if let Some(unit_cost) = countable.item.cost {
            revenue = add(revenue, line.amount)?;
            cost = add(cost, multiply(countable.quantity, unit_cost)?)?;
        }
    }
    if cost.is_zero() || all.is_zero() {
        return Ok(None);
    }
    let revenue = multiply(revenue, goods)?.checked_div(all).ok_or(Error::Overflow)?;
    if revenue.is_zero() {
        return Ok(Some(-Decimal::ONE_HUNDRED));
    }
    let margin = (revenue - cost).checked_div(revenue).ok_or(Error::Overflow)?;
    Ok(Some(multiply(margin, Decimal::ONE_HUNDRED)?.round_dp(2)))
}

fn reasons(
    request: &Request,
    catalog: &Catalog,
    lines: &[Line],
    freight: &Freight,
    total: Decimal,
    margin: Option<Decimal>,
) -> Vec<Reason> {
    let policy = &catalog.approval;
    let mut reasons = Vec::new();
    if policy.above_total.is_some_and(|limit| total > limit) {
        reasons.push(Reason::AboveTotal(total));
    }
    if let (Some(margin), Some(limit)) = (margin, policy.below_margin_percent)
        && margin < limit
    {
        reasons.push(Reason::BelowMargin(margin));
    }
    let invalid = lines.iter().filter(|line| line.explanation.contains(&Rule::NotValid));
    reasons.extend(invalid.map(|line| Reason::PriceNotValid(line.sku.clone())));
    if let Freight::NoZone { postal_code } = freight {
        reasons.push(Reason::NoZone(postal_code.clone()));
    }
    if policy.when_unsure {
        for line in &request.lines {
            let doubts = line.unsure.iter().cloned();
            reasons.extend(doubts.map(|why| Reason::Unsure { text: line.text.clone(), why }));
        }
        reasons.extend(request.unknown.iter().cloned().map(Reason::UnknownPhrase));
        if request.truncated {
            reasons.push(Reason::Truncated);
        }
    }
    reasons
}

/// The end of the catalogue's term, or of the first price to end before it.
fn valid_until(catalog: &Catalog, lines: &[Line], now: Timestamp) -> Timestamp {
    let term = SignedDuration::from_hours(catalog.valid_for_hours.into());
    let ends = lines.iter().flat_map(|line| &line.explanation).filter_map(|rule| match rule {
        Rule::ValidTo(to) => Some(*to),
        _ => None,
    });
    ends.fold(now.checked_add(term).unwrap_or(Timestamp::MAX), Timestamp::min)
}

pub(super) fn multiply(a: Decimal, b: Decimal) -> Result<Decimal, Error> {
    a.checked_mul(b).ok_or(Error::Overflow)
}

pub(super) fn add(a: Decimal, b: Decimal) -> Result<Decimal, Error> {
    a.checked_add(b).ok_or(Error::Overflow)
}

fn sum(amounts: impl Iterator<Item = Decimal>) -> Result<Decimal, Error> {
    amounts.into_iter().try_fold(Decimal::ZERO, add)
}
