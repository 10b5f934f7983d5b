//! From words to what they mean for a quote, one after the other: counts with their units, items, postal codes,
//! separators and small talk. What belongs together is decided in [`super::parse`].

use rust_decimal::Decimal;

use super::{
    Language,
    lexicon::{Found, Guesses, Names},
    numbers::{self, Count},
    text::{Kind, Token},
    units, words,
};

/// Larger counts are taken for something else (a telephone number, an order number).
pub(super) const MOST: u32 = 1_000_000;

/// A meaningful piece of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub element: Element,
    /// Tokens it was read from.
    pub start: usize,
    pub end: usize,
}

/// What a piece means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Element {
    Quantity(Quantity),
    Item(Found),
    /// A unit without a count (`the bag of cement`).
    Unit(String),
    /// Ends what belongs together: comma, line end, full stop.
    Break,
    /// `and`, `+`: another thing follows.
    Join,
    /// `or`: one of two things is wanted.
    Or,
    Not,
    Postal(String),
    Pickup,
    Filler,
    /// A word nobody knows.
    Word,
}

/// A count of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Quantity {
    pub value: Decimal,
    /// The lower end, when a range was given (`5 or 6`); `value` is the upper.
    pub from: Option<Decimal>,
    /// Code of the unit, if one was named.
    pub unit: Option<String>,
    /// What one package weighs, as the customer said it: amount and unit (`bags of 50 kg`).
    pub package: Option<(Decimal, String)>,
    /// Only an article; no sign by itself that goods are counted.
    pub article: bool,
}

/// Reads the pieces of a text.
pub(super) struct Scanner<'a> {
    pub names: &'a Names,
    pub tokens: &'a [Token],
    pub language: Option<Language>,
    guesses: Guesses,
    /// For how many more tokens a bare number may be a postal code, and whether one was announced by name.
    postal: (u8, bool),
    pieces: Vec<Piece>,
}

impl<'a> Scanner<'a> {
    pub fn new(names: &'a Names, tokens: &'a [Token], language: Option<Language>) -> Self {
        Self { names, tokens, language, guesses: Guesses::default(), postal: (0, false), pieces: Vec::new() }
    }

    /// All pieces, in order.
    pub fn pieces(mut self) -> Vec<Piece> {
        let mut at = 0;
        while at < self.tokens.len() {
            let (element, end) = self.piece(at);
            self.postal.0 = self.postal.0.saturating_sub(1);
            if let Some(expect) = self.expects_postal(at) {
                self.postal = expect;
            }
            self.pieces.push(Piece { element, start: at, end });
            at = end.max(at + 1);
        }
        self.pieces
    }

    fn expects_postal(&self, at: usize) -> Option<(u8, bool)> {
        let word = self.word(at)?;
        if words::announces_postal(word) {
            return Some((4, true));
        }
        (words::towards(word) && self.postal.0 == 0).then_some((1, false))
    }

    fn piece(&mut self, at: usize) -> (Element, usize) {
        let token = &self.tokens[at];
        match &token.kind {
            Kind::Mark(mark) => (of_mark(*mark), at + 1),
            Kind::Noise => (Element::Filler, at + 1),
            Kind::Postal(code) => self.shaped_postal(at, code),
            Kind::Number(_) => {
                if let Some(postal) = self.bare_postal(at) {
                    return postal;
                }
                match self.names.find(self.tokens, at, false, &mut self.guesses) {
                    Some(found) if found.end > at + 1 => item(found),
                    _ => self.quantity(at).unwrap_or((Element::Filler, at + 1)),
                }
            }
            Kind::Word => self.spoken(at),
        }
    }

    /// Eight digits may also be a count, when a unit or an item follows at once.
    fn shaped_postal(&mut self, at: usize, code: &str) -> (Element, usize) {
        let counts = !self.tokens[at].folded.contains('-') && self.goods_begin(at + 1);
        (if counts { Element::Filler } else { Element::Postal(code.to_owned()) }, at + 1)
    }

    fn bare_postal(&mut self, at: usize) -> Option<(Element, usize)> {
        let digits = &self.tokens[at].folded;
        if !digits.bytes().all(|c| c.is_ascii_digit()) || !(4..=6).contains(&digits.len()) {
            return None;
        }
        let digits = digits.clone();
        let (expected, announced) = self.postal;
        let own_shape = digits.starts_with('0') && digits.len() >= 5;
        if !(expected > 0 || own_shape) || !announced && self.goods_begin(at + 1) {
            return None;
        }
        // `CEP 01310 100`
        if announced
            && digits.len() == 5
            && let Some(Token { kind: Kind::Number(_), folded, .. }) = self.tokens.get(at + 1)
            && folded.len() == 3
            && folded.bytes().all(|c| c.is_ascii_digit())
        {
            return Some((Element::Postal(digits + folded), at + 2));
        }
        Some((Element::Postal(digits), at + 1))
    }

    /// Whether a unit, an item or a multiplying word begins at `at`, connectives passed over.
    fn goods_begin(&mut self, at: usize) -> bool {
        let at = self.past_connectives(at);
        self.word(at).is_some_and(|word| words::multiplier(word).is_some())
            || self.names.unit(self.tokens, at).is_some()
            || self.names.find(self.tokens, at, false, &mut self.guesses).is_some()
    }

    fn spoken(&mut self, at: usize) -> (Element, usize) {
        let word = self.tokens[at].folded.as_str();
        let joins = words::JOINERS.contains(&word);
        let small = joins || words::filler(word) || words::number(word).is_some() || words::NOT.contains(&word);
        let unit = self.names.unit(self.tokens, at);
        let sure = small || unit.is_some() || words::multiplier(word).is_some();
        if let Some(found) = self.names.find(self.tokens, at, !sure, &mut self.guesses)
            && (!small || found.end > at + 1)
        {
            return item(found);
        }
        if let Some(quantity) = self.quantity(at) {
            return quantity;
        }
        if words::PICKUP.contains(&word) || word == "pick" && self.word(at + 1) == Some("up") {
            return (Element::Pickup, at + 1);
        }
        if words::NOT.contains(&word) || word == "no" && self.goods_begin(at + 1) {
            return (Element::Not, at + 1);
        }
        if words::alternative(word, self.language) {
            return (Element::Or, at + 1);
        }
        match unit {
            Some((code, length)) if word.len() > 1 && !words::filler(word) => (Element::Unit(code), at + length),
            _ if joins => (Element::Join, at + 1),
            _ if word.len() == 1 || words::filler(word) || words::announces_postal(word) => (Element::Filler, at + 1),
            _ => (Element::Word, at + 1),
        }
    }

    fn quantity(&mut self, at: usize) -> Option<(Element, usize)> {
        let mut count = numbers::count(self.tokens, at)?;
        if self.is_another_word(at, &count) {
            return None;
        }
        let filler = |end| Some((Element::Filler, end));
        let figures = matches!(self.tokens[at].kind, Kind::Number(_));
        if figures && at > 0 && self.named_by_number(at - 1) && !self.goods_begin(count.end) {
            return filler(count.end);
        }
        let from = self.range(&mut count);
        if self.word(count.end).is_some_and(|word| words::NOT_GOODS.contains(&word)) {
            return filler(count.end + 1);
        }
        if count.value > Decimal::from(MOST) || count.value <= Decimal::ZERO {
            return filler(count.end);
        }
        let mut end = count.end;
        if self.word(end) == Some("x") {
            end += 1;
        }
        let mut quantity = Quantity { value: count.value, from, unit: None, package: None, article: count.article };
        if let Some((code, unit_end)) = self.unit_of_count(end) {
            let halved = numbers::with_half(self.tokens, Count { end: unit_end, ..count });
            quantity.value = halved.value;
            quantity.article = false;
            end = halved.end;
            if !units::is_weight(&code)
                && let Some((package, package_end)) = self.package(end)
            {
                quantity.package = Some(package);
                end = package_end;
            }
            quantity.unit = Some(code);
        }
        Some((Element::Quantity(quantity), end))
    }

    /// Whether the token makes the number after it a price or a name.
    fn named_by_number(&self, at: usize) -> bool {
        matches!(self.tokens[at].kind, Kind::Mark('$' | '€' | '£' | '#'))
            || self.word(at).is_some_and(|word| words::NAMED_BY_NUMBER.contains(&word))
    }

    /// Number words that are more often something else: the English article in other languages or before no unit,
    /// Portuguese `dos`, English `once`.
    fn is_another_word(&mut self, at: usize, count: &Count) -> bool {
        let portuguese = self.language == Some(Language::Pt);
        let english = self.language == Some(Language::En);
        match self.tokens[at].folded.as_str() {
            "a" | "an" if count.article => !english || !self.goods_begin(at + 1),
            "dos" => portuguese,
            "once" => english,
            _ => false,
        }
    }

    /// Reads on to the upper end of a range (`5-6`, `5 or 6`, `5 a 6`); the lower end is returned.
    fn range(&self, count: &mut Count) -> Option<Decimal> {
        let joined = match &self.tokens.get(count.end)?.kind {
            Kind::Mark('-' | '\u{2013}') => true,
            Kind::Word => matches!(self.word(count.end), Some("or" | "ou" | "o" | "to" | "a")),
            _ => false,
        };
        let upper = numbers::count(self.tokens, count.end + 1).filter(|upper| !upper.article)?;
        let likely = upper.value > count.value && upper.value <= count.value.saturating_mul(Decimal::TEN);
        if !joined || !likely {
            return None;
        }
        Some(std::mem::replace(count, upper).value)
    }

    /// The unit after a count, unless the same words are better read as an item (`10 bars` where bars are sold).
    fn unit_of_count(&mut self, at: usize) -> Option<(String, usize)> {
        let (code, length) = self.names.unit(self.tokens, at)?;
        let end = at + length;
        if let Some(found) = self.names.find(self.tokens, at, false, &mut self.guesses) {
            let of = self.word(end).is_some_and(|word| words::CONNECTIVES.contains(&word));
            if found.end > end || found.end == end && !of {
                return None;
            }
        }
        Some((code, end))
    }

    /// The weight of a package after its unit: `of 50 kg`.
    fn package(&mut self, at: usize) -> Option<((Decimal, String), usize)> {
        let at = self.past_connectives(at);
        let Kind::Number(value) = self.tokens.get(at)?.kind else { return None };
        let (code, length) = self.names.unit(self.tokens, at + 1)?;
        units::is_weight(&code).then(|| ((value, code), at + 1 + length))
    }

    fn past_connectives(&self, mut at: usize) -> usize {
        while self.word(at).is_some_and(|word| words::CONNECTIVES.contains(&word)) {
            at += 1;
        }
        at
    }

    fn word(&self, at: usize) -> Option<&'a str> {
        self.tokens.get(at).filter(|token| token.kind == Kind::Word).map(|token| token.folded.as_str())
    }
}

fn of_mark(mark: char) -> Element {
    match mark {
        '+' | '&' => Element::Join,
        '\n' | ',' | ';' | '.' | '?' | '!' | '/' | '|' | '\u{2022}' | '\u{b7}' => Element::Break,
        _ => Element::Filler,
    }
}

fn item(found: Found) -> (Element, usize) {
    let end = found.end;
    (Element::Item(found), end)
}
