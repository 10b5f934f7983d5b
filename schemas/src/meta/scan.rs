//! A strict JSON scanner that finds values by their bytes and builds no tree.
//!
//! `serde_json` can borrow one value as raw text, but reading nested levels that way rescans every byte once per
//! level, rejects duplicate keys in derived structs, and gives up on the whole document when one element has an
//! unexpected type. This scanner walks a body once, never recurses (a deeply nested body cannot overflow the stack),
//! and hands back each value as a sub-slice. Property tests hold it to `serde_json`'s idea of what is JSON.

use std::borrow::Cow;

/// Where the text stopped being JSON, and what was expected there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Syntax {
    pub at: usize,
    pub expected: &'static str,
}

type Result<T> = std::result::Result<T, Syntax>;

/// A position in a JSON text.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// Closing brackets still owed; kept between values so that skipping allocates once.
    open: Vec<u8>,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, open: Vec::new() }
    }

    fn error<T>(&self, expected: &'static str) -> Result<T> {
        Err(Syntax { at: self.at, expected })
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    #[inline]
    fn eat(&mut self, byte: u8) -> bool {
        let hit = self.byte() == Some(byte);
        self.at += usize::from(hit);
        hit
    }

    /// The text from `start` to here. Both ends lie beside ASCII bytes, so the slice always exists.
    pub fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// The first byte of the value that comes next.
    pub fn peek(&mut self) -> Option<u8> {
        self.space();
        self.byte()
    }

    /// Where the value that comes next starts, for [`Scanner::since`].
    pub fn mark(&mut self) -> usize {
        self.space();
        self.at
    }

    /// Enters an object or array (`bracket` is `{` or `[`); false leaves the position unchanged.
    pub fn enter(&mut self, bracket: u8) -> bool {
        self.space();
        self.eat(bracket)
    }

    /// The next key of the entered object, positioned at its value; `None` after the closing brace.
    pub fn next_key(&mut self, first: bool) -> Result<Option<Cow<'a, str>>> {
        self.space();
        if self.eat(b'}') {
            return Ok(None);
        }
        if !first && !self.eat(b',') {
            return self.error("`,` or `}`");
        }
        self.space();
        let (key, escaped) = self.key()?;
        Ok(Some(if escaped { Cow::Owned(unescape(key)) } else { Cow::Borrowed(key) }))
    }

    /// Whether the entered array has another item; false after the closing bracket.
    pub fn next_item(&mut self, first: bool) -> Result<bool> {
        self.space();
        if self.eat(b']') {
            return Ok(false);
        }
        if !first && !self.eat(b',') {
            return self.error("`,` or `]`");
        }
        Ok(true)
    }

    /// Fails when anything but white space follows.
    pub fn end(&mut self) -> Result<()> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { self.error("the end of the body") }
    }

    fn key(&mut self) -> Result<(&'a str, bool)> {
        if self.byte() != Some(b'"') {
            return self.error("a key in double quotes");
        }
        let key = self.string()?;
        self.space();
        if self.eat(b':') { Ok(key) } else { self.error("`:`") }
    }

    /// Skips one value of any depth and returns its text.
    pub fn value(&mut self) -> Result<&'a str> {
        self.space();
        let start = self.at;
        let base = self.open.len();
        loop {
            self.space();
            match self.byte() {
                Some(b'"') => {
                    self.string()?;
                }
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.literal("true")?,
                Some(b'f') => self.literal("false")?,
                Some(b'n') => self.literal("null")?,
                Some(b'{') => {
                    self.at += 1;
                    self.space();
                    if !self.eat(b'}') {
                        self.open.push(b'}');
                        self.key()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    self.space();
                    if !self.eat(b']') {
                        self.open.push(b']');
                        continue;
                    }
                }
                _ => return self.error("a JSON value"),
            }
            if self.close(base)? {
                return Ok(self.since(start));
            }
        }
    }

    /// After a value: closes what ends here; true when everything above `base` is closed.
    fn close(&mut self, base: usize) -> Result<bool> {
        while self.open.len() > base {
            let bracket = self.open.last().copied().unwrap_or_default();
            self.space();
            if self.eat(b',') {
                if bracket == b'}' {
                    self.space();
                    self.key()?;
                }
                return Ok(false);
            }
            if !self.eat(bracket) {
                return self.error(if bracket == b'}' { "`,` or `}`" } else { "`,` or `]`" });
            }
            self.open.pop();
        }
        Ok(true)
    }

    fn literal(&mut self, word: &'static str) -> Result<()> {
        if self.text.as_bytes().get(self.at..self.at + word.len()) == Some(word.as_bytes()) {
            self.at += word.len();
            Ok(())
        } else {
            self.error("a JSON value")
        }
    }

    fn number(&mut self) -> Result<()> {
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            if !self.eat(b'+') {
                self.eat(b'-');
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { self.error("a digit") } else { Ok(()) }
    }

    /// At an opening quote: the text between the quotes, escapes untouched, and whether there are any.
    fn string(&mut self) -> Result<(&'a str, bool)> {
        let bytes = self.text.as_bytes();
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at = plain(bytes, self.at);
            match bytes.get(self.at) {
                Some(b'"') => {
                    let text = self.since(start);
                    self.at += 1;
                    return Ok((text, escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    match bytes.get(self.at + 1) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
                        Some(b'u') if hex(bytes, self.at + 2).is_some() => self.at += 6,
                        _ => return self.error("a valid escape"),
                    }
                }
                Some(0x20..) => self.at += 1,
                Some(_) => return self.error("no control character in a string"),
                None => return self.error("a closing quote"),
            }
        }
    }
}

/// Skips eight bytes at a time while none of them is a quote, a backslash or a control character.
fn plain(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let hits = zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\'))) | control;
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at
}

fn hex(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 4)?;
    digits.iter().try_fold(0, |sum, byte| Some(sum * 16 + char::from(*byte).to_digit(16)?))
}

/// Decodes the inside of a JSON string. A surrogate without its partner (a text cut inside an emoji) becomes U+FFFD:
/// losing the customer's whole message over half a character would be worse.
fn unescape(raw: &str) -> String {
    let bytes = raw.as_bytes();
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    let mut at = 0;
    while let Some(skip) = rest.find('\\') {
        out.push_str(rest.get(..skip).unwrap_or_default());
        at += skip;
        let mut taken = 2;
        match bytes.get(at + 1) {
            Some(b'b') => out.push('\u{8}'),
            Some(b'f') => out.push('\u{c}'),
            Some(b'n') => out.push('\n'),
            Some(b'r') => out.push('\r'),
            Some(b't') => out.push('\t'),
            Some(b'u') => {
                taken = 6;
                let unit = hex(bytes, at + 2).unwrap_or(0xFFFD);
                let low = (bytes.get(at + 6..at + 8) == Some(b"\\u")).then(|| hex(bytes, at + 8)).flatten();
                match (unit, low) {
                    (0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) => {
                        taken = 12;
                        let code = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                    _ => out.push(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)),
                }
            }
            Some(other) => out.push(char::from(*other)),
            None => {}
        }
        at += taken;
        rest = raw.get(at..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// One valid JSON value, as its own text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'a>(&'a str);

impl<'a> Node<'a> {
    /// Validates a whole text as one JSON value.
    pub fn read(text: &'a str) -> Result<Self> {
        let mut scanner = Scanner::new(text);
        let value = scanner.value()?;
        scanner.end()?;
        Ok(Self(value))
    }

    /// A value that the scanner has already walked.
    pub fn scanned(text: &'a str) -> Self {
        Self(text)
    }

    pub fn raw(self) -> &'a str {
        self.0
    }

    fn first_byte(self) -> Option<u8> {
        self.0.as_bytes().first().copied()
    }

    pub fn is_object(self) -> bool {
        self.first_byte() == Some(b'{')
    }

    pub fn is_array(self) -> bool {
        self.first_byte() == Some(b'[')
    }

    fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// Members in order; nothing when this is no object.
    pub fn members(self) -> impl Iterator<Item = (Cow<'a, str>, Node<'a>)> {
        let mut scanner = Scanner::new(self.0);
        let mut first = true;
        let mut open = scanner.enter(b'{');
        std::iter::from_fn(move || {
            let key = open.then(|| scanner.next_key(first).ok().flatten()).flatten();
            let member = key.and_then(|key| Some((key, Node(scanner.value().ok()?))));
            first = false;
            open = member.is_some();
            member
        })
    }

    /// Items in order; nothing when this is no array.
    pub fn items(self) -> impl Iterator<Item = Node<'a>> {
        let mut scanner = Scanner::new(self.0);
        let mut first = true;
        let mut open = scanner.enter(b'[');
        std::iter::from_fn(move || {
            let more = open && scanner.next_item(first).unwrap_or_default();
            let item = more.then(|| scanner.value().ok().map(Node)).flatten();
            first = false;
            open = item.is_some();
            item
        })
    }

    /// The named members in one pass. Absent and `null` are the same; of duplicate keys the last counts, as in every
    /// common JSON reader.
    pub fn fields<const N: usize>(self, names: [&str; N]) -> [Option<Node<'a>>; N] {
        let mut found = [None; N];
        for (key, value) in self.members() {
            if let Some(index) = names.iter().position(|name| *name == key)
                && let Some(slot) = found.get_mut(index)
            {
                *slot = (!value.is_null()).then_some(value);
            }
        }
        found
    }

    /// One named member; see [`Node::fields`].
    pub fn get(self, name: &str) -> Option<Node<'a>> {
        let [value] = self.fields([name]);
        value
    }

    /// The first member of that name, without reading on: for a look-up in many values.
    pub fn peek(self, name: &str) -> Option<Node<'a>> {
        self.members().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// A string's text.
    pub fn text(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        Some(if inner.contains('\\') { Cow::Owned(unescape(inner)) } else { Cow::Borrowed(inner) })
    }

    /// A string that is not empty, or a number's digits: ids are strings, but some arrive as numbers.
    pub fn id(self) -> Option<Cow<'a, str>> {
        match self.first_byte() {
            Some(b'"') => self.text().filter(|text| !text.is_empty()),
            Some(b'-' | b'0'..=b'9') => Some(Cow::Borrowed(self.0)),
            _ => None,
        }
    }

    /// An integer given as a number or as a string.
    pub fn integer(self) -> Option<i64> {
        let text = self.id()?;
        let text = text.trim();
        text.parse().ok().or_else(|| {
            let number: f64 = text.parse().ok()?;
            (number.abs() < 9e15).then_some(number as i64)
        })
    }

    /// `true`, also as a string.
    pub fn flag(self) -> bool {
        matches!(self.0, "true" | "\"true\"")
    }
}

/// The members of an object, walked once for many look-ups.
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Node<'a>)>);

impl<'a> Object<'a> {
    pub fn new(node: Node<'a>) -> Self {
        let mut members = Vec::with_capacity(12);
        members.extend(node.members());
        Self(members)
    }

    /// As [`Node::get`].
    pub fn get(&self, name: &str) -> Option<Node<'a>> {
        let (_, value) = self.0.iter().rev().find(|(key, _)| key == name)?;
        (!value.is_null()).then_some(*value)
    }

    /// As [`Node::fields`].
    pub fn fields<const N: usize>(&self, names: [&str; N]) -> [Option<Node<'a>>; N] {
        names.map(|name| self.get(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_keeps_what_half_an_emoji_surrounds() {
        let node = Node::read(r#""caf\u00e9 \ud83d\ude00 \ud83d end\n""#).unwrap();
        assert_eq!(node.text().unwrap(), "caf\u{e9} \u{1f600} \u{fffd} end\n");
    }

    #[test]
    fn of_duplicate_keys_the_last_counts_and_null_is_absent() {
        let node = Node::read(r#"{"a":1,"b":2,"\u0061":3,"b":null}"#).unwrap();
        let [a, b, c] = node.fields(["a", "b", "c"]);
        assert_eq!(a.map(Node::raw), Some("3"));
        assert!(b.is_none() && c.is_none());
    }

    #[test]
    fn nesting_of_any_depth_is_walked_without_recursion() {
        let deep = "[".repeat(300_000) + &"]".repeat(300_000);
        assert!(Node::read(&deep).is_ok());
        assert!(Node::read(&"[".repeat(300_000)).is_err());
    }

    #[test]
    fn numbers_follow_the_grammar() {
        for good in ["0", "-0", "12", "1.5", "1e9", "1E+9", "-1.25e-3", "1e99999"] {
            assert!(Node::read(good).is_ok(), "{good}");
        }
        for bad in ["01", "+1", ".5", "1.", "1e", "-", "0x1", "NaN"] {
            assert!(Node::read(bad).is_err(), "{bad}");
        }
    }
}
