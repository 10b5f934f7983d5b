//! What delivery costs.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    Catalog, Request, money,
    price::{Error, add, multiply},
};

/// Delivery of a quote's goods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Freight {
    /// Delivered.
    Charged {
        /// Name of the zone.
        zone: String,
        /// Weight of the goods in kilograms.
        weight_kg: Decimal,
        /// What it costs.
        amount: Decimal,
        /// The rule that made the amount.
        explanation: Rule,
    },
    /// The customer fetches the goods.
    Pickup,
    /// The tenant does not deliver.
    NotOffered,
    /// Missing: the customer did not say where to.
    PostalCodeMissing,
    /// Missing: no zone has the customer's postal code.
    NoZone {
        /// The code.
        postal_code: String,
    },
}

/// How an amount of freight came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// `base + per_kg × weight`.
    ByWeight {
        /// Fixed part.
        base: Decimal,
        /// Price of a kilogram.
        per_kg: Decimal,
    },
    /// The zone's minimum is more than that.
    Minimum,
    /// Free, because the goods come to this amount or more.
    FreeAbove(Decimal),
    /// Agreed by the person who approved the quote.
    Agreed,
}

impl Freight {
    /// What the customer pays for delivery; zero when nothing is known.
    pub fn amount(&self) -> Decimal {
        match self {
            Self::Charged { amount, .. } => *amount,
            _ => Decimal::ZERO,
        }
    }
}

/// The freight for goods of this weight that cost `goods` after discounts.
pub(super) fn charge(request: &Request, catalog: &Catalog, weight_kg: Decimal, goods: Decimal, places: u32) -> Result<Freight, Error> {
    if request.pickup {
        return Ok(Freight::Pickup);
    }
    if catalog.freight.is_empty() {
        return Ok(Freight::NotOffered);
    }
    let Some(postal_code) = &request.postal_code else { return Ok(Freight::PostalCodeMissing) };
    let Some(zone) = catalog.zone(postal_code) else {
        return Ok(Freight::NoZone { postal_code: postal_code.clone() });
    };
    let by_weight = add(zone.base, multiply(zone.per_kg, weight_kg)?)?;
    let (amount, explanation) = match zone.free_above {
        Some(limit) if goods >= limit => (Decimal::ZERO, Rule::FreeAbove(limit)),
        _ if by_weight < zone.minimum => (zone.minimum, Rule::Minimum),
        _ => (by_weight, Rule::ByWeight { base: zone.base, per_kg: zone.per_kg }),
    };
    Ok(Freight::Charged { zone: zone.zone.clone(), weight_kg, amount: money::round(amount, places), explanation })
}
