//! A customer's text → what they ask for.
//!
//! Reading is bounded: at most [`MOST_CHARACTERS`] characters and [`MOST_LINES`] lines, time linear in the text for a
//! given catalogue. What is doubtful is kept with the reason of the doubt; nothing is guessed silently.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    Catalog, Language,
    bind::Binder,
    lexicon::Names,
    scan::{Element, Scanner},
    text::{self, Kind},
    words,
};

/// Characters read of a text; the longest text message WhatsApp carries.
pub const MOST_CHARACTERS: usize = 4096;
/// Lines read of a text.
pub const MOST_LINES: usize = 50;

/// What a customer asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The items, in the order of the text.
    pub lines: Vec<Line>,
    /// Where to, digits only or as `01310-100` for a Brazilian CEP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// The customer fetches the goods.
    #[serde(default)]
    pub pickup: bool,
    /// Phrases that ask for something the catalogue does not know.
    #[serde(default)]
    pub unknown: Vec<String>,
    /// A count in a text without items: the answer to *how many?*
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bare: Option<Bare>,
    /// A word like *price* or *need* was read.
    #[serde(default)]
    pub asks_price: bool,
    /// The text was longer than is read.
    #[serde(default)]
    pub truncated: bool,
    /// Language of the text, when it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
}

/// An item asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Code of the item.
    pub sku: String,
    /// All items the words may mean, when they may mean several; `sku` is the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
    /// How many `unit`s; `None` when the customer did not say.
    pub quantity: Option<Decimal>,
    /// A unit of the item as the catalogue writes it; the code of another unit when the item is not sold in it.
    pub unit: String,
    /// The words it was read from.
    pub text: String,
    /// Where they stand, in bytes of the text.
    pub span: Span,
    /// Why it may be read wrongly; empty when it is sure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsure: Vec<Unsure>,
}

/// Byte offsets, the end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// First byte after.
    pub end: usize,
}

/// A reason to doubt a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unsure {
    /// The name was misspelt.
    Misspelt,
    /// Only the beginning of the name was written.
    PartialName,
    /// Words beside the name that the catalogue does not know (`white` in *white cement*).
    ExtraWords(String),
    /// A package size that is not the item's.
    Package(String),
    /// A range was given; the larger number was taken.
    Range(Decimal),
    /// Offered as a choice with the line before it (`or`).
    Alternative,
    /// A word like *not* or *without* stands before it.
    Negated,
}

/// A count without an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bare {
    /// How many.
    pub quantity: Decimal,
    /// Code of the unit, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

impl Request {
    /// Whether the text is to be answered with a quote: it names goods, and either counts them or asks their price.
    pub fn is_quote(&self) -> bool {
        !self.lines.is_empty() && (self.asks_price || self.lines.iter().any(|line| line.quantity.is_some()))
    }

    /// This request completed by the customer's answer to what was missing, or by a change of mind: later lines
    /// replace earlier ones of the same item.
    #[must_use]
    pub fn merge(mut self, later: Self) -> Self {
        for line in later.lines {
            self.take(line);
        }
        if let Some(bare) = later.bare {
            self.answer(&bare);
        }
        if later.postal_code.is_some() {
            self.postal_code = later.postal_code;
            self.pickup = false;
        }
        self.pickup |= later.pickup;
        self.unknown.extend(later.unknown);
        self.unknown.truncate(MOST_LINES);
        self.asks_price |= later.asks_price;
        self.truncated |= later.truncated;
        self.language = later.language.or(self.language);
        self
    }

    fn take(&mut self, mut line: Line) {
        let same = |earlier: &&mut Line| earlier.sku == line.sku || earlier.candidates.contains(&line.sku);
        if let Some(earlier) = self.lines.iter_mut().find(same) {
            if line.quantity.is_none() {
                line.quantity = earlier.quantity;
                line.unit.clone_from(&earlier.unit);
            }
            *earlier = line;
        } else if self.lines.len() < MOST_LINES {
            self.lines.push(line);
        }
    }

    fn answer(&mut self, bare: &Bare) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.quantity.is_none()) {
            line.quantity = Some(bare.quantity);
            if let Some(unit) = &bare.unit {
                line.unit.clone_from(unit);
            }
        } else if self.postal_code.is_none() && bare.unit.is_none() && bare.quantity.scale() == 0 {
            let digits = bare.quantity.to_string();
            self.postal_code = (4..=6).contains(&digits.len()).then_some(digits);
        }
    }
}

/// A catalogue's names, prepared for reading many texts.
#[derive(Debug)]
pub struct Lexicon {
    names: Names,
}

impl Lexicon {
    /// Prepares a catalogue; do it once per version.
    pub fn new(catalog: &Catalog) -> Self {
        Self { names: Names::new(&catalog.items) }
    }

    /// Reads a text. Any text will do; one that asks for nothing known has no lines.
    pub fn request(&self, text: &str) -> Request {
        let cut = text.char_indices().nth(MOST_CHARACTERS).map_or(text.len(), |(at, _)| at);
        let read = &text[..cut];
        let tokens = text::tokens(read);
        let said = || tokens.iter().filter(|token| token.kind == Kind::Word).map(|token| token.folded.as_str());
        let language = words::language(said());
        let pieces = Scanner::new(&self.names, &tokens, language).pieces();
        let postal = pieces.iter().rev().find_map(|piece| match &piece.element {
            Element::Postal(code) => Some(shown_postal(code)),
            _ => None,
        });
        let pickup = pieces.iter().any(|piece| piece.element == Element::Pickup);
        let bound = Binder::new(&self.names, read, &tokens, &pieces).bind();
        Request {
            pickup: pickup && postal.is_none(),
            postal_code: postal,
            truncated: cut < text.len() || bound.truncated,
            lines: bound.lines,
            unknown: bound.unknown,
            bare: bound.bare,
            asks_price: said().any(words::asking),
            language,
        }
    }
}

/// Reads one text against a catalogue. For many texts prepare a [`Lexicon`].
pub fn request(text: &str, catalog: &Catalog) -> Request {
    Lexicon::new(catalog).request(text)
}

fn shown_postal(digits: &str) -> String {
    if digits.len() == 8 { format!("{}-{}", &digits[..5], &digits[5..]) } else { digits.to_owned() }
}
