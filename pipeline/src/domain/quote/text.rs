//! Cutting a text into words, numbers and marks, without regard to case and accents.

use rust_decimal::Decimal;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// A piece of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    /// Lower case, without accents.
    pub folded: String,
    /// Byte offsets in the text.
    pub start: usize,
    pub end: usize,
}

/// What a piece is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Number(Decimal),
    /// A postal code by its shape alone (digits only).
    Postal(String),
    /// Digits that count nothing: a time, a percentage, part of a telephone number.
    Noise,
    Mark(char),
}

/// Lower case without accents; compatibility forms (`³`, full-width letters, `½`) become plain characters.
pub(in crate::domain) fn fold(text: &str) -> String {
    text.nfkd()
        .filter(|c| !is_combining_mark(*c) && !is_apostrophe(*c))
        .map(|c| match c {
            '\u{2044}' => '/',
            '×' => 'x',
            c => c,
        })
        .flat_map(char::to_lowercase)
        .collect()
}

/// The forms a word may have had in the singular, itself first. Tolerant rather than right: both sides of a
/// comparison go through it.
pub(super) fn forms(word: &str) -> Vec<String> {
    let mut forms = vec![word.to_owned()];
    if word.len() < 4 || !word.is_ascii() {
        return forms;
    }
    for (plural, singular) in [("oes", "ao"), ("aes", "ao"), ("ais", "al"), ("eis", "el"), ("ies", "y"), ("ns", "m")] {
        if let Some(stem) = word.strip_suffix(plural) {
            forms.push(format!("{stem}{singular}"));
        }
    }
    if let Some(stem) = word.strip_suffix('s').filter(|stem| !stem.ends_with('s')) {
        forms.push(stem.to_owned());
        if let Some(stem) = stem.strip_suffix('e').filter(|stem| stem.len() >= 3) {
            forms.push(stem.to_owned());
        }
    }
    forms
}

/// One form for all spellings of a word nobody else knows.
pub(super) fn shortest(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("oes") {
        return format!("{stem}ao");
    }
    let stem = word.strip_suffix('s').unwrap_or(word);
    let stem = stem.strip_suffix('e').unwrap_or(stem);
    if stem.len() < 2 { word.to_owned() } else { stem.to_owned() }
}

/// The pieces of a text, in order. Linear in its length.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { text, chars: text.char_indices().collect(), at: 0, tokens: Vec::new() };
    while lexer.at < lexer.chars.len() {
        lexer.step();
    }
    lexer.tokens
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '`' | '\u{b4}')
}

fn fraction(c: char) -> Option<Decimal> {
    Some(match c {
        '½' => Decimal::new(5, 1),
        '¼' => Decimal::new(25, 2),
        '¾' => Decimal::new(75, 2),
        '⅛' => Decimal::new(125, 3),
        '⅜' => Decimal::new(375, 3),
        '⅝' => Decimal::new(625, 3),
        '⅞' => Decimal::new(875, 3),
        _ => return None,
    })
}

struct Lexer<'a> {
    text: &'a str,
    chars: Vec<(usize, char)>,
    at: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn char(&self, index: usize) -> Option<char> {
        self.chars.get(index).map(|(_, c)| *c)
    }

    fn digit(&self, index: usize) -> bool {
        self.char(index).is_some_and(|c| c.is_ascii_digit())
    }

    fn offset(&self, index: usize) -> usize {
        self.chars.get(index).map_or(self.text.len(), |(offset, _)| *offset)
    }

    /// Adds the piece from where the lexer is to `end`, and goes there.
    fn push(&mut self, kind: Kind, end: usize) {
        let (start, stop) = (self.offset(self.at), self.offset(end));
        self.tokens.push(Token { kind, folded: fold(&self.text[start..stop]), start, end: stop });
        self.at = end;
    }

    fn step(&mut self) {
        let Some(c) = self.char(self.at) else { return };
        if c.is_ascii_digit() {
            self.number();
        } else if let Some(value) = fraction(c) {
            self.push(Kind::Number(value), self.at + 1);
        } else if c == '×' {
            self.push(Kind::Word, self.at + 1);
        } else if c.is_alphanumeric() {
            self.word();
        } else if c.is_whitespace() && c != '\n' || is_combining_mark(c) || is_apostrophe(c) {
            self.at += 1;
        } else {
            self.push(Kind::Mark(c), self.at + 1);
        }
    }

    fn word(&mut self) {
        // `x3` is a count, not a word.
        if matches!(self.char(self.at), Some('x' | 'X')) && self.digit(self.at + 1) {
            return self.push(Kind::Word, self.at + 1);
        }
        let mut end = self.at + 1;
        while self.char(end).is_some_and(|c| c.is_alphanumeric() || is_combining_mark(c) || is_apostrophe(c)) {
            end += 1;
        }
        self.push(Kind::Word, end);
    }

    /// Where the digits that begin at `index` end.
    fn run(&self, index: usize) -> usize {
        (index..self.chars.len()).find(|i| !self.digit(*i)).unwrap_or(self.chars.len().max(index))
    }

    fn number(&mut self) {
        if let Some((code, end)) = self.postal() {
            return self.push(Kind::Postal(code), end);
        }
        let mut end = self.run(self.at);
        while matches!(self.char(end), Some('.' | ',')) && self.digit(end + 1) {
            end = self.run(end + 1);
        }
        let written = &self.text[self.offset(self.at)..self.offset(end)];
        let value = parse_number(written);
        match self.char(end) {
            Some('%' | ':' | '\u{ba}' | '\u{b0}') if self.char(end) != Some(':') || self.digit(end + 1) => {
                let end = if self.digit(end + 1) { self.run(end + 1) } else { end + 1 };
                return self.push(Kind::Noise, end);
            }
            Some('-') if self.run(end + 1) >= end + 5 => return self.push(Kind::Noise, self.run(end + 1)),
            Some('/') if self.digit(end + 1) => return self.ratio(value, end + 1),
            _ => {}
        }
        let Some(mut value) = value else { return self.push(Kind::Noise, end) };
        if let Some(part) = self.char(end).and_then(fraction) {
            value += part;
            end += 1;
        }
        self.push(Kind::Number(value), end);
    }

    /// `3/4` is three quarters, `10/12` or `1/2/2026` a date.
    fn ratio(&mut self, numerator: Option<Decimal>, denominator_at: usize) {
        let end = self.run(denominator_at);
        let denominator = parse_number(&self.text[self.offset(denominator_at)..self.offset(end)]);
        let date = self.char(end) == Some('/') && self.digit(end + 1);
        let kind = match (numerator, denominator) {
            (Some(n), Some(d)) if !date && n < d && [2, 3, 4, 5, 8, 16].contains(&d.mantissa()) && d.scale() == 0 => {
                n.checked_div(d).map_or(Kind::Noise, |value| Kind::Number(value.round_dp(4)))
            }
            _ => Kind::Noise,
        };
        let end = if date { self.run(end + 1) } else { end };
        self.push(kind, end);
    }

    /// A Brazilian CEP by its shape: `01310-100`, `01.310-100`, `01310100`.
    fn postal(&self) -> Option<(String, usize)> {
        let first = self.run(self.at);
        let (head_end, head) = match (first - self.at, self.char(first)) {
            (8, _) => {
                let separated = matches!(self.char(first), Some('.' | ',')) && self.digit(first + 1);
                return (!separated).then(|| (self.digits(self.at, first), first));
            }
            (5, Some('-')) => (first, self.digits(self.at, first)),
            (2, Some('.')) if self.run(first + 1) == first + 4 => {
                (first + 4, self.digits(self.at, first) + &self.digits(first + 1, first + 4))
            }
            _ => return None,
        };
        let tail = head_end + 1;
        let end = self.run(tail);
        (self.char(head_end) == Some('-') && end == tail + 3).then(|| (head + &self.digits(tail, end), end))
    }

    fn digits(&self, from: usize, to: usize) -> String {
        self.chars[from..to].iter().map(|(_, c)| *c).collect()
    }
}

/// A number as written by hand: `3`, `2.5`, `2,5`, `1.000`, `1.234,56`, `1,234.56`. A single separator before exactly
/// three digits groups thousands, unless the number begins with 0. `None` when it is too long to be a count.
pub(super) fn parse_number(written: &str) -> Option<Decimal> {
    if written.len() > 20 {
        return None;
    }
    let last = written.rfind(['.', ',']);
    let decimal_at = last.filter(|at| {
        let separator = &written[*at..=*at];
        let same = written.matches(separator).count();
        let other = written.matches(['.', ',']).count() - same;
        let thousands = written.len() - at - 1 == 3 && !written.starts_with('0') && *at <= 3;
        same == 1 && (other > 0 || !thousands)
    });
    let plain: String = written
        .char_indices()
        .filter_map(|(at, c)| if Some(at) == decimal_at { Some('.') } else { c.is_ascii_digit().then_some(c) })
        .collect();
    Decimal::from_str_exact(&plain).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (written, expected) in [
            ("3", "3"),
            ("2.5", "2.5"),
            ("2,5", "2.5"),
            ("1.000", "1000"),
            ("1,000", "1000"),
            ("0.500", "0.500"),
            ("0,125", "0.125"),
            ("1.234,56", "1234.56"),
            ("1,234.56", "1234.56"),
            ("1.234.567", "1234567"),
            ("12345,678", "12345.678"),
            ("2,50", "2.50"),
        ] {
            assert_eq!(parse_number(written).map(|n| n.to_string()).as_deref(), Some(expected), "{written}");
        }
        assert_eq!(parse_number(&"9".repeat(21)), None);
    }

    #[test]
    fn folding_drops_case_and_accents() {
        assert_eq!(fold("Dúzia de M³, Ação D'água"), "duzia de m3, acao dagua");
    }

    #[test]
    fn shapes_are_told_apart() {
        let kinds = |text| tokens(text).into_iter().map(|token| token.kind).collect::<Vec<_>>();
        assert_eq!(kinds("01310-100"), [Kind::Postal("01310100".into())]);
        assert_eq!(kinds("01.310-100"), [Kind::Postal("01310100".into())]);
        assert_eq!(kinds("01310100"), [Kind::Postal("01310100".into())]);
        assert_eq!(kinds("98765-4321 10:30 10% 24/12/2026 10/12"), vec![Kind::Noise; 5]);
        assert_eq!(kinds("2½ 3/4 x3").len(), 4);
        assert_eq!(kinds("2½"), [Kind::Number(Decimal::new(25, 1))]);
    }

    #[test]
    fn singular_forms_of_three_languages_are_found() {
        for (plural, singular) in [
            ("bags", "bag"),
            ("boxes", "box"),
            ("tijolos", "tijolo"),
            ("vergalhoes", "vergalhao"),
            ("tambores", "tambor"),
            ("papeis", "papel"),
            ("varoes", "varao"),
        ] {
            assert!(forms(plural).iter().any(|form| form == singular), "{plural}");
        }
    }
}
