//! The names of a catalogue's items, prepared for finding them in a text: exactly, in the plural, abbreviated when it
//! is clear what is meant, or misspelt.

use std::collections::{BTreeMap, HashMap, HashSet};

use rust_decimal::Decimal;

use super::{
    catalog::Item,
    text::{self, Kind, Token},
    units, words,
};

/// Longest name that is recognised, in words.
const LONGEST_NAME: usize = 12;
/// Most items an abbreviated name may stand for and still be worth asking about.
const MOST_CANDIDATES: usize = 6;
/// Unknown words looked up by edit distance in one text; bounds the time of any input.
const MOST_GUESSES: usize = 64;

/// What parsing needs of an item.
#[derive(Debug)]
pub(super) struct Known {
    pub sku: String,
    /// The base unit as the catalogue writes it.
    pub unit: String,
    /// Unit code → (unit as the catalogue writes it, base units in one), the base unit included.
    pub units: BTreeMap<String, (String, Decimal)>,
    /// Kilograms in a base unit.
    pub weight_kg: Decimal,
}

/// An item name found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Index of the first token after the name.
    pub end: usize,
    /// Indices of the items it may mean; more than one when the name is shared.
    pub items: Vec<usize>,
    /// Some word was misspelt.
    pub misspelt: bool,
    /// Only the beginning of the name was written.
    pub partial: bool,
}

/// A tree of names by word.
#[derive(Debug, Default)]
struct Node {
    next: HashMap<usize, usize>,
    /// Items whose name ends here.
    items: Vec<usize>,
    /// Items whose name goes on from here, at most one more than is worth asking about.
    below: Vec<usize>,
}

/// The prepared names. Built once per version of a catalogue.
#[derive(Debug)]
pub(super) struct Names {
    pub items: Vec<Known>,
    nodes: Vec<Node>,
    /// Any form of a word → the words it may be.
    words: HashMap<String, Vec<usize>>,
    /// Words long enough to be misspelt, with the set of their letters.
    spelt: Vec<(String, u32, usize)>,
    /// Codes of units only this catalogue knows.
    units: HashSet<String>,
}

/// The guesses made for one text.
#[derive(Debug, Default)]
pub(super) struct Guesses(HashMap<String, Vec<usize>>);

impl Names {
    pub fn new(items: &[Item]) -> Self {
        let mut names = Self {
            items: Vec::with_capacity(items.len()),
            nodes: vec![Node::default()],
            words: HashMap::new(),
            spelt: Vec::new(),
            units: HashSet::new(),
        };
        for (index, item) in items.iter().enumerate() {
            names.items.push(Known::from(item));
            for unit in std::iter::once(&item.unit).chain(item.units.keys()) {
                let code = units::code(unit);
                if units::known(&code).is_none() {
                    names.units.insert(code);
                }
            }
            for name in std::iter::once(&item.name.usual).chain(item.name.translated.values()).chain(&item.synonyms) {
                names.insert(name, index);
            }
        }
        names
    }

    fn insert(&mut self, name: &str, item: usize) {
        let tokens = text::tokens(name);
        let mut node = 0;
        let said = |token: &&Token| !skipped(token) && !matches!(token.kind, Kind::Mark(_));
        for token in tokens.iter().filter(said).take(LONGEST_NAME) {
            let word = self.word(&token.folded);
            let below = &mut self.nodes[node].below;
            if node != 0 && below.len() <= MOST_CANDIDATES && !below.contains(&item) {
                below.push(item);
            }
            let fresh = self.nodes.len();
            let next = *self.nodes[node].next.entry(word).or_insert(fresh);
            if next == fresh {
                self.nodes.push(Node::default());
            }
            node = next;
        }
        // A name of more items than is worth asking about stands for the first of them.
        let items = &mut self.nodes[node].items;
        if node != 0 && items.len() < MOST_CANDIDATES && !items.contains(&item) {
            items.push(item);
        }
    }

    /// The number of a word, new or known under the same spelling.
    fn word(&mut self, folded: &str) -> usize {
        if let Some(id) = self.words.get(folded).and_then(|ids| ids.first()) {
            return *id;
        }
        let id = self.spelt.len();
        self.spelt.push((folded.to_owned(), letters(folded), id));
        for form in text::forms(folded) {
            let ids = self.words.entry(form).or_default();
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        id
    }

    /// The unit that begins at `at`: its code and how many tokens it takes.
    pub fn unit(&self, tokens: &[Token], at: usize) -> Option<(String, usize)> {
        let word = |index: usize| tokens.get(index).filter(|token| token.kind == Kind::Word);
        let first = word(at)?;
        if let Some(second) = word(at + 1) {
            let both = format!("{} {}", first.folded, second.folded);
            if let Some(code) = units::known(&both) {
                return Some((code.to_owned(), 2));
            }
            let code = text::shortest(&both);
            if self.units.contains(&code) {
                return Some((code, 2));
            }
        }
        if let Some(code) = units::known(&first.folded) {
            return Some((code.to_owned(), 1));
        }
        let code = text::shortest(&first.folded);
        self.units.contains(&code).then_some((code, 1))
    }

    /// The longest item name that begins at `at`. `guess` allows misspelt words and names cut short.
    pub fn find(&self, tokens: &[Token], at: usize, guess: bool, guesses: &mut Guesses) -> Option<Found> {
        let mut frontier = vec![(0_usize, false)];
        let mut best: Option<Found> = None;
        let mut end = at;
        let mut index = at;
        while let Some(token) = tokens.get(index) {
            if index - at > 2 * LONGEST_NAME {
                break;
            }
            if index > at && (skipped(token) || abbreviation(tokens, index)) {
                index += 1;
                continue;
            }
            let (ids, guessed) = self.ids(token, guess, guesses);
            let mut reached: Vec<(usize, bool)> = Vec::new();
            for (node, misspelt) in &frontier {
                for id in &ids {
                    if let Some(next) = self.nodes[*node].next.get(id) {
                        let step = (*next, *misspelt || guessed);
                        if !reached.contains(&step) {
                            reached.push(step);
                        }
                    }
                }
            }
            if reached.is_empty() {
                break;
            }
            index += 1;
            end = index;
            frontier = reached;
            if let Some(found) = self.complete(&frontier, end) {
                best = Some(found);
            }
        }
        if guess
            && best.as_ref().is_none_or(|best| best.end < end)
            && let Some(mut longer) = self.cut_short(&frontier, tokens, at, end)
        {
            // `tubo pvc 100` is a name of its own, and `tubo pvc 100 mm` the beginning of a longer one of the same item.
            longer.partial = best.is_none_or(|best| best.items != longer.items);
            return Some(longer);
        }
        best
    }

    fn complete(&self, frontier: &[(usize, bool)], end: usize) -> Option<Found> {
        let mut items: Vec<usize> = Vec::new();
        for (node, _) in frontier {
            for item in &self.nodes[*node].items {
                if !items.contains(item) {
                    items.push(*item);
                }
            }
        }
        let misspelt = frontier.iter().all(|(_, misspelt)| *misspelt);
        (!items.is_empty()).then_some(Found { end, items, misspelt, partial: false })
    }

    /// The beginning of one or a few names, if the text stops there: an unknown or known word that follows might as
    /// well belong to another name.
    fn cut_short(&self, frontier: &[(usize, bool)], tokens: &[Token], at: usize, end: usize) -> Option<Found> {
        let written = tokens.get(at..end).unwrap_or_default();
        let long_enough = written.iter().map(|token| token.folded.len()).sum::<usize>() >= 4
            && written.first().is_some_and(|token| token.kind == Kind::Word);
        let goes_on = tokens
            .get(end)
            .is_some_and(|next| next.kind == Kind::Word && !words::filler(&next.folded) && super::numbers::count(tokens, end).is_none());
        if end == at || !long_enough || goes_on {
            return None;
        }
        let mut items: Vec<usize> = Vec::new();
        for item in frontier.iter().flat_map(|(node, _)| &self.nodes[*node].below) {
            if !items.contains(item) {
                items.push(*item);
            }
        }
        let misspelt = frontier.iter().all(|(_, misspelt)| *misspelt);
        let few = (1..=MOST_CANDIDATES).contains(&items.len());
        few.then_some(Found { end, items, misspelt, partial: true })
    }

    /// The words a token may be, and whether that is a guess.
    fn ids(&self, token: &Token, guess: bool, guesses: &mut Guesses) -> (Vec<usize>, bool) {
        if matches!(token.kind, Kind::Mark(_) | Kind::Postal(_)) {
            return (Vec::new(), false);
        }
        let mut exact: Vec<usize> = Vec::new();
        for id in text::forms(&token.folded).iter().filter_map(|form| self.words.get(form)).flatten() {
            if !exact.contains(id) {
                exact.push(*id);
            }
        }
        let word = &token.folded;
        let guessable = guess && token.kind == Kind::Word && word.len() >= 5 && word.is_ascii();
        if !exact.is_empty() || !guessable || words::filler(word) || words::number(word).is_some() {
            return (exact, false);
        }
        if let Some(known) = guesses.0.get(word) {
            return (known.clone(), true);
        }
        if guesses.0.len() >= MOST_GUESSES || units::known(word).is_some() {
            return (Vec::new(), false);
        }
        let ids = self.nearest(word);
        guesses.0.insert(word.clone(), ids.clone());
        (ids, true)
    }

    /// The words at the smallest edit distance, at most 1 for words of 5 to 7 letters and 2 for longer ones.
    fn nearest(&self, word: &str) -> Vec<usize> {
        let mut bound = if word.len() < 8 { 1 } else { 2 };
        let mask = letters(word);
        let mut nearest = Vec::new();
        for (known, known_mask, id) in &self.spelt {
            let differing = (mask ^ known_mask).count_ones() as usize;
            if known.len() < 5 || known.len().abs_diff(word.len()) > bound || differing > 2 * bound {
                continue;
            }
            if let Some(distance) = distance(word.as_bytes(), known.as_bytes(), bound) {
                if distance < bound {
                    nearest.clear();
                    bound = distance;
                }
                nearest.push(*id);
            }
        }
        nearest
    }
}

impl From<&Item> for Known {
    fn from(item: &Item) -> Self {
        let mut by_code = BTreeMap::new();
        for (unit, factor) in &item.units {
            by_code.entry(units::code(unit)).or_insert_with(|| (unit.clone(), *factor));
        }
        by_code.insert(units::code(&item.unit), (item.unit.clone(), Decimal::ONE));
        Self { sku: item.sku.clone(), unit: item.unit.clone(), units: by_code, weight_kg: item.weight_kg }
    }
}

/// Pieces that names are compared without.
fn skipped(token: &Token) -> bool {
    match token.kind {
        Kind::Mark(c) => matches!(c, '-' | '\u{2013}' | '"' | '\u{201d}' | '(' | ')'),
        Kind::Word => words::CONNECTIVES.contains(&token.folded.as_str()),
        _ => false,
    }
}

/// A full stop that shortens the word before it (`no. 1`) and ends nothing.
fn abbreviation(tokens: &[Token], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    tokens.get(at).zip(before).is_some_and(|(stop, word)| {
        stop.kind == Kind::Mark('.') && word.kind == Kind::Word && word.end == stop.start && word.folded.len() <= 3
    })
}

/// The set of letters of a word, as bits.
fn letters(word: &str) -> u32 {
    word.bytes().filter(u8::is_ascii_lowercase).fold(0, |set, letter| set | 1 << (letter - b'a'))
}

/// The number of insertions, deletions, substitutions and swaps of neighbours between two words, if within `bound`.
fn distance(a: &[u8], b: &[u8], bound: usize) -> Option<usize> {
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (above[j] + 1).min(row[j - 1] + 1).min(above[j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        if row.iter().all(|cell| *cell > bound) {
            return None;
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().filter(|distance| *distance <= bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_swaps_as_one_and_stops_at_the_bound() {
        let between = |a: &str, b: &str, bound| distance(a.as_bytes(), b.as_bytes(), bound);
        assert_eq!(between("cement", "cement", 1), Some(0));
        assert_eq!(between("cemnet", "cement", 1), Some(1));
        assert_eq!(between("simento", "cimento", 1), Some(1));
        assert_eq!(between("vergallao", "vergalhao", 2), Some(1));
        assert_eq!(between("moment", "cement", 1), None);
        assert_eq!(between("", "ab", 2), Some(2));
    }
}
