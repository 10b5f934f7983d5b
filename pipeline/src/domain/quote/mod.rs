//! Quotes: a customer's text in, an itemised and explained offer out.
//!
//! The flow is four pure functions, each usable alone:
//!
//! 1. [`parse::Lexicon::request`] reads the text against a tenant's [`Catalog`] and finds items, quantities, units
//!    and the postal code. What it could not read for certain it says, never guesses silently.
//! 2. [`price::quote`] applies price, discount and freight rules and decides: answer, ask, or get an approval.
//! 3. [`approval::Approval`] is the state of a person's decision, where one is needed.
//! 4. [`render::text`] writes the WhatsApp message.
//!
//! Money is `rust_decimal` in the catalogue's currency; every amount is rounded half up, away from zero, to the
//! currency's minor unit *per part*, so a total is always the exact sum of the parts shown (see [`money`]).

pub mod approval;
mod bind;
pub mod catalog;
pub mod freight;
mod lexicon;
pub mod money;
mod numbers;
pub mod parse;
mod phrases;
pub mod price;
pub mod render;
mod scan;
mod text;
mod units;
mod validate;
mod words;

pub use approval::Approval;
pub use catalog::Catalog;
pub use parse::{Lexicon, Request};
pub use price::{Decision, Quote, quote};
pub(super) use text::fold;
pub use validate::Problem;

use serde::{Deserialize, Serialize};

/// The identity of a quote, given by the caller (it must come from the cause, so that a replay gives the same one).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct QuoteId(pub String);

/// A language a customer writes in and a quote is rendered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    En,
    /// Portuguese (of Brazil).
    Pt,
    /// Spanish.
    Es,
}

#[cfg(test)]
mod demo;
#[cfg(test)]
mod properties;
