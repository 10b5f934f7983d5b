//! Counts in figures and in the number words of three languages.

use rust_decimal::Decimal;

use super::{
    text::{Kind, Token},
    words,
};

/// A count read from the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Count {
    pub value: Decimal,
    /// Index of the first token after it.
    pub end: usize,
    /// Only an article (`a`, `um`): by itself no sign that goods are counted.
    pub article: bool,
}

/// The count that begins at `at`. A lone `a`/`an` is one only for a reader of English, as the parser decides.
pub(super) fn count(tokens: &[Token], at: usize) -> Option<Count> {
    let token = tokens.get(at)?;
    match &token.kind {
        Kind::Number(value) => {
            let (value, end) = mixed(tokens, at + 1, *value);
            let (factor, end) = multiplied(tokens, end);
            let value = value.checked_mul(factor)?;
            Some(with_half(tokens, Count { value, end, article: false }))
        }
        Kind::Word if words::half(&token.folded) => halves(tokens, at),
        Kind::Word => spelled(tokens, at),
        _ => None,
    }
}

/// `1 1/2`: a whole number and a fraction.
fn mixed(tokens: &[Token], at: usize, whole: Decimal) -> (Decimal, usize) {
    if let Some(Token { kind: Kind::Number(part), folded, .. }) = tokens.get(at)
        && folded.contains('/')
        && whole.fract().is_zero()
        && *part < Decimal::ONE
    {
        return (whole.saturating_add(*part), at + 1);
    }
    (whole, at)
}

/// The product of the multiplying words from `at` on (`2 mil`, `three dozen`), at most two of them.
fn multiplied(tokens: &[Token], mut at: usize) -> (Decimal, usize) {
    let mut factor = Decimal::ONE;
    for _ in 0..2 {
        let Some(by) = word(tokens, at).and_then(words::multiplier) else { break };
        factor = factor.saturating_mul(by.into());
        at += 1;
    }
    (factor, at)
}

/// `half a dozen`, `meia dúzia`, `meia tonelada`. Half of nothing countable is another word (`areia média`).
fn halves(tokens: &[Token], at: usize) -> Option<Count> {
    let mut end = at + 1;
    if word(tokens, end).is_some_and(|next| matches!(next, "a" | "an")) {
        end += 1;
    }
    let next = word(tokens, end)?;
    let countable = words::multiplier(next).is_some() || super::units::known(next).is_some();
    let (factor, end) = multiplied(tokens, end);
    countable.then(|| Count { value: factor.saturating_mul(Decimal::new(5, 1)), end, article: false })
}

/// Adds `and a half`, `e meio`, `y medio` after a count, unless the half begins something else (`2 e meia dúzia`).
pub(super) fn with_half(tokens: &[Token], count: Count) -> Count {
    let joined = word(tokens, count.end).is_some_and(|next| matches!(next, "and" | "e" | "y"));
    let mut at = count.end + 1;
    if joined && word(tokens, at) == Some("a") {
        at += 1;
    }
    let begins_another = word(tokens, at + 1).is_some_and(|next| words::multiplier(next).is_some() || super::units::known(next).is_some());
    if joined && word(tokens, at).is_some_and(words::half) && !begins_another {
        let of = count.end.checked_sub(1).and_then(|last| word(tokens, last)).and_then(words::multiplier).unwrap_or(1);
        let half = Decimal::from(of).saturating_mul(Decimal::new(5, 1));
        return Count { value: count.value.saturating_add(half), end: at + 1, article: false };
    }
    count
}

/// A number in words: `vinte e cinco`, `two hundred and fifty`, `mil e quinhentos`, `a dozen`.
fn spelled(tokens: &[Token], start: usize) -> Option<Count> {
    let first = word(tokens, start)?;
    let article = words::article(first);
    let (mut total, mut current, mut place) = (0_u64, 0_u64, u64::MAX);
    let mut at = start;
    if matches!(first, "a" | "an") {
        current = 1;
        place = 1;
        at += 1;
    }
    let mut end = at;
    while let Some(next) = word(tokens, at) {
        if let Some(value) = words::number(next).map(u64::from).filter(|value| *value < place) {
            current += value;
            place = place_of(value);
        } else if let Some(by) = words::multiplier(next).map(u64::from).filter(|by| fits(*by, current, total)) {
            if by == 1000 {
                total += current.max(1) * 1000;
                current = 0;
            } else {
                current = current.max(1) * by;
            }
            place = if matches!(by, 100 | 1000) { by } else { 1 };
        } else {
            break;
        }
        at += 1;
        end = at;
        if word(tokens, at).is_some_and(|next| matches!(next, "e" | "y" | "and")) || mark(tokens, at, '-') {
            at += 1;
        }
        // What follows a joiner belongs to the number only if it is a smaller part of it.
        if at > end && word(tokens, at).and_then(words::number).is_none_or(|value| u64::from(value) >= place) {
            break;
        }
    }
    if end == start {
        return None;
    }
    let plain_article = article && end == start + 1;
    Some(with_half(tokens, Count { value: (total + current).into(), end, article: plain_article }))
}

/// Whether a multiplying word may follow what is read so far: it must not make the number ambiguous or huge.
fn fits(by: u64, current: u64, total: u64) -> bool {
    match by {
        1000 => total == 0 && current < 1000,
        100 => current < 10,
        _ => total == 0 && current < 100,
    }
}

/// The size of the place a value fills: only smaller values may be added to it.
fn place_of(value: u64) -> u64 {
    match value {
        100.. => 100,
        20.. if value.is_multiple_of(10) => 10,
        _ => 1,
    }
}

fn word(tokens: &[Token], at: usize) -> Option<&str> {
    tokens.get(at).filter(|token| token.kind == Kind::Word).map(|token| token.folded.as_str())
}

fn mark(tokens: &[Token], at: usize, c: char) -> bool {
    tokens.get(at).is_some_and(|token| token.kind == Kind::Mark(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::quote::text::tokens;

    #[test]
    fn counts_in_three_languages() {
        for (written, value, used) in [
            ("three", "3", 1),
            ("twenty-five", "25", 3),
            ("two hundred and fifty bags", "250", 4),
            ("vinte e cinco sacos", "25", 3),
            ("mil e quinhentos", "1500", 3),
            ("duas mil", "2000", 2),
            ("cento e vinte e tres", "123", 5),
            ("treinta y cinco", "35", 3),
            ("veinticinco", "25", 1),
            ("meia dúzia", "6", 2),
            ("half a dozen", "6", 3),
            ("a dozen", "12", 2),
            ("two dozen", "24", 2),
            ("uma dúzia", "12", 2),
            ("uma dúzia e meia", "18", 4),
            ("2 mil", "2000", 2),
            ("10 dúzias", "120", 2),
            ("dois e meio", "2.5", 3),
            ("2 and a half", "2.5", 4),
            ("1 1/2", "1.5", 2),
            ("½", "0.5", 1),
            ("meia tonelada", "0.5", 1),
            ("meio milheiro", "500", 2),
            ("vinte e areia", "20", 1),
            ("3 e 2", "3", 1),
            ("dois e tres", "2", 1),
            ("2 e meia dúzia", "2", 1),
        ] {
            let tokens = tokens(written);
            let found = count(&tokens, 0).map(|count| (count.value.normalize().to_string(), count.end));
            assert_eq!(found, Some((value.to_owned(), used)), "{written}");
        }
    }

    #[test]
    fn an_article_is_told_from_a_count() {
        let article = |text| count(&tokens(text), 0).map(|count| count.article);
        assert_eq!((article("um saco"), article("a bag"), article("a dozen")), (Some(true), Some(true), Some(false)));
        assert_eq!((article("cement"), article("média grossa")), (None, None));
    }
}
