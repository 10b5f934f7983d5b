//! Which count belongs to which item.
//!
//! A count belongs to the item after it (`3 bags of cement`), or, where the item before it has none yet, to that one
//! (`cement 3 bags`). Separators end what belongs together.

use rust_decimal::Decimal;

use super::{
    lexicon::{Found, Known, Names},
    parse::{Bare, Line, MOST_LINES, Span, Unsure},
    scan::{Element, Piece, Quantity},
    text::Token,
    units,
};

/// Small words allowed between a count and its item.
const MOST_FILLERS: usize = 4;
/// Unknown words kept beside an item.
const MOST_EXTRA: usize = 3;

/// What was found in a text.
#[derive(Debug, Default)]
pub(super) struct Bound {
    pub lines: Vec<Line>,
    pub unknown: Vec<String>,
    pub bare: Option<Bare>,
    pub truncated: bool,
}

/// A line being read; positions are pieces, the end excluded.
struct Draft {
    found: Found,
    quantity: Option<Quantity>,
    unit: Option<String>,
    start: usize,
    end: usize,
    extra: Vec<usize>,
    negated: bool,
    alternative: bool,
    wrong_package: bool,
}

/// A count that waits for its item.
struct Pending {
    piece: usize,
    quantity: Quantity,
    words: Vec<usize>,
    fillers: usize,
}

/// Part of the text between separators.
#[derive(Default)]
struct Segment {
    joined: bool,
    item: bool,
    other: bool,
    words: Vec<usize>,
}

pub(super) struct Binder<'a> {
    names: &'a Names,
    text: &'a str,
    tokens: &'a [Token],
    pieces: &'a [Piece],
    drafts: Vec<Draft>,
    pending: Option<Pending>,
    /// The last line, while nothing separates it from here, and how many small words stand in between.
    open: Option<usize>,
    /// A unit named without a count, and where: it goes with an item that follows closely (`the bag of cement`).
    unit: Option<(usize, String)>,
    negated: bool,
    alternative: bool,
    segments: Vec<Segment>,
    found: Bound,
}

impl<'a> Binder<'a> {
    pub fn new(names: &'a Names, text: &'a str, tokens: &'a [Token], pieces: &'a [Piece]) -> Self {
        Self {
            names,
            text,
            tokens,
            pieces,
            drafts: Vec::new(),
            pending: None,
            open: None,
            unit: None,
            negated: false,
            alternative: false,
            segments: vec![Segment::default()],
            found: Bound::default(),
        }
    }

    pub fn bind(mut self) -> Bound {
        for (at, piece) in self.pieces.iter().enumerate() {
            match &piece.element {
                Element::Quantity(quantity) => self.quantity(at, quantity),
                Element::Item(found) => self.item(at, found),
                Element::Unit(code) => self.unit(at, code),
                Element::Word => self.word(at),
                Element::Filler => {
                    if let Some(pending) = &mut self.pending {
                        pending.fillers += 1;
                    }
                }
                Element::Not => {
                    self.separate(false);
                    self.negated = true;
                }
                Element::Or => {
                    self.separate(false);
                    self.alternative = !self.drafts.is_empty();
                }
                Element::Break => self.separate(false),
                Element::Join => self.separate(true),
                Element::Postal(_) | Element::Pickup => {
                    self.separate(false);
                    self.segment().other = true;
                }
            }
        }
        self.separate(false);
        self.unknown_list_entries();
        self.finish()
    }

    fn segment(&mut self) -> &mut Segment {
        if self.segments.is_empty() {
            self.segments.push(Segment::default());
        }
        let last = self.segments.len() - 1;
        &mut self.segments[last]
    }

    fn separate(&mut self, joined: bool) {
        self.give_up_pending();
        self.open = None;
        self.unit = None;
        self.negated = false;
        self.alternative = false;
        self.segments.push(Segment { joined, ..Segment::default() });
    }

    fn quantity(&mut self, at: usize, quantity: &Quantity) {
        // `5 of 8 mm` is one phrase.
        let joins = |pending: &Pending| pending.words.is_empty() && pending.fillers == 1 && !pending.quantity.article;
        let from = self.pending.as_ref().filter(|pending| joins(pending)).map_or(at, |pending| pending.piece);
        if from == at {
            self.give_up_pending();
        }
        let of_next = self.item_follows(at);
        if let Some(draft) = self.open.and_then(|open| self.drafts.get_mut(open)) {
            let weight = quantity.unit.as_deref().is_some_and(units::is_weight);
            if draft.quantity.is_none() && of_next != Some(true) {
                draft.quantity = Some(quantity.clone());
                draft.end = at + 1;
                return;
            }
            if weight && of_next.is_none() && draft.quantity.as_ref().is_some_and(|own| own.package.is_none()) {
                let package = quantity.unit.clone().map(|unit| (quantity.value, unit));
                if let Some(own) = &mut draft.quantity {
                    own.package = package;
                }
                draft.end = at + 1;
                return;
            }
        }
        self.segment().other |= !quantity.article;
        self.pending = Some(Pending { piece: from, quantity: quantity.clone(), words: Vec::new(), fillers: 0 });
    }

    /// Whether an item follows with only small words between; `Some(true)` when a connective says that the count is
    /// of it.
    fn item_follows(&self, at: usize) -> Option<bool> {
        let mut of = false;
        for piece in self.pieces.iter().skip(at + 1).take(MOST_FILLERS + 1) {
            match &piece.element {
                Element::Filler => {
                    of |= self.tokens.get(piece.start).is_some_and(|t| matches!(t.folded.as_str(), "of" | "de"));
                }
                Element::Item(_) => return Some(of),
                _ => return None,
            }
        }
        None
    }

    fn item(&mut self, at: usize, found: &Found) {
        let fits = |pending: &Pending| pending.words.len() <= 1 && pending.fillers <= MOST_FILLERS;
        let taken = if self.pending.as_ref().is_some_and(fits) { self.pending.take() } else { None };
        self.give_up_pending();
        if self.drafts.len() >= MOST_LINES {
            self.found.truncated = true;
            return;
        }
        let start = taken.as_ref().map_or(at, |pending| pending.piece);
        let (quantity, extra) = taken.map_or((None, Vec::new()), |p| (Some(p.quantity), p.words));
        self.drafts.push(Draft {
            found: found.clone(),
            quantity,
            unit: self.unit.take().filter(|(named, _)| at - named <= 2).map(|(_, code)| code),
            start,
            end: at + 1,
            extra,
            negated: self.negated,
            alternative: self.alternative,
            wrong_package: false,
        });
        self.open = Some(self.drafts.len() - 1);
        self.segment().item = true;
    }

    fn unit(&mut self, at: usize, code: &str) {
        match self.open.and_then(|open| self.drafts.get_mut(open)) {
            Some(draft) if draft.quantity.is_none() => {
                draft.unit = Some(code.to_owned());
                draft.end = at + 1;
            }
            _ => self.unit = Some((at, code.to_owned())),
        }
    }

    fn word(&mut self, at: usize) {
        if let Some(pending) = &mut self.pending {
            pending.words.push(at);
            return;
        }
        if let Some(draft) = self.open.and_then(|open| self.drafts.get_mut(open))
            && draft.end == at
            && draft.extra.len() < MOST_EXTRA
        {
            draft.extra.push(at);
            draft.end = at + 1;
            return;
        }
        // Something else is being spoken of: a later count is not of the line before (`cement to Hill Road 12`).
        self.open = None;
        self.segment().words.push(at);
    }

    /// A count that found no item after it: of the line before, of something unknown, or of nothing.
    fn give_up_pending(&mut self) {
        let Some(pending) = self.pending.take() else { return };
        if let (Some(first), Some(last)) = (pending.words.first(), pending.words.last()) {
            let joined = self.segments.last().is_some_and(|segment| segment.joined) && !self.drafts.is_empty();
            if !pending.quantity.article || joined && *first == pending.piece + 1 {
                self.unknown(pending.piece, last + 1);
            }
            return;
        }
        if let Some(draft) = self.drafts.last_mut()
            && draft.quantity.is_none()
            && self.pieces[draft.end..pending.piece].iter().all(|piece| matches!(piece.element, Element::Break | Element::Filler))
        {
            draft.end = pending.piece + 1;
            draft.quantity = Some(pending.quantity);
            return;
        }
        if self.drafts.is_empty() && self.found.bare.is_none() {
            self.found.bare = Some(Bare { quantity: pending.quantity.value, unit: pending.quantity.unit });
        } else if pending.quantity.unit.is_some() {
            self.unknown(pending.piece, pending.piece + 1);
        }
    }

    /// `cement, sand and gypsum`: a short entry of a list that nobody knows is asked for too.
    fn unknown_list_entries(&mut self) {
        let mut phrases = Vec::new();
        for (index, segment) in self.segments.iter().enumerate() {
            let after_item = segment.joined && index > 0 && self.segments[index - 1].item;
            let before_item = self.segments.get(index + 1).is_some_and(|next| next.joined && next.item);
            if let (Some(first), Some(last)) = (segment.words.first(), segment.words.last())
                && (after_item || before_item)
                && !segment.item
                && !segment.other
                && segment.words.len() <= 2
            {
                phrases.push((*first, last + 1));
            }
        }
        for (start, end) in phrases {
            self.unknown(start, end);
        }
    }

    fn unknown(&mut self, start: usize, end: usize) {
        if self.found.unknown.len() < MOST_LINES {
            let phrase = self.slice(start, end).1;
            self.found.unknown.push(phrase);
        } else {
            self.found.truncated = true;
        }
    }

    /// The text of pieces.
    fn slice(&self, start: usize, end: usize) -> (Span, String) {
        let first = self.pieces.get(start).and_then(|piece| self.tokens.get(piece.start));
        let last = end.checked_sub(1).and_then(|end| self.pieces.get(end)).and_then(|piece| self.tokens.get(piece.end - 1));
        let span = Span { start: first.map_or(0, |token| token.start), end: last.map_or(0, |token| token.end) };
        (span, self.text.get(span.start..span.end).unwrap_or_default().to_owned())
    }

    fn finish(mut self) -> Bound {
        let drafts = std::mem::take(&mut self.drafts);
        let counted: Vec<usize> = drafts.iter().filter(|draft| draft.quantity.is_some()).map(|draft| draft.found.items[0]).collect();
        let mut mentioned: Vec<usize> = Vec::new();
        for mut draft in drafts {
            let item = draft.found.items[0];
            // A mention without a count adds nothing to a line that has one; a misspelt or negated one is no request.
            let mere_mention =
                draft.quantity.is_none() && (counted.contains(&item) || mentioned.contains(&item) || draft.found.misspelt || draft.negated);
            if mere_mention {
                continue;
            }
            mentioned.push(item);
            if let Some(known) = self.names.items.get(item) {
                draft.wrong_package = wrong_package(known, &draft);
                let line = self.line(known, &draft);
                self.found.lines.push(line);
            }
        }
        if !self.found.lines.is_empty() {
            self.found.bare = None;
        }
        self.found
    }

    fn line(&self, known: &Known, draft: &Draft) -> Line {
        let (span, text) = self.slice(draft.start, draft.end);
        let named = draft.unit.clone().filter(|code| known.units.contains_key(code));
        let asked = draft.quantity.as_ref().and_then(|quantity| quantity.unit.clone()).or(named);
        let unit = match asked {
            None => known.unit.clone(),
            Some(code) => known.units.get(&code).map_or(code, |(unit, _)| unit.clone()),
        };
        let candidates = if draft.found.items.len() > 1 {
            draft.found.items.iter().filter_map(|item| self.names.items.get(*item)).map(|k| k.sku.clone()).collect()
        } else {
            Vec::new()
        };
        Line {
            sku: known.sku.clone(),
            candidates,
            quantity: draft.quantity.as_ref().map(|quantity| quantity.value.normalize()),
            unit,
            text,
            span,
            unsure: self.doubts(draft),
        }
    }

    fn doubts(&self, draft: &Draft) -> Vec<Unsure> {
        let mut doubts = Vec::new();
        if draft.found.misspelt {
            doubts.push(Unsure::Misspelt);
        }
        if draft.found.partial && draft.found.items.len() == 1 {
            doubts.push(Unsure::PartialName);
        }
        if !draft.extra.is_empty() {
            let words: Vec<String> = draft.extra.iter().map(|at| self.slice(*at, at + 1).1).collect();
            doubts.push(Unsure::ExtraWords(words.join(" ")));
        }
        if let Some(quantity) = &draft.quantity {
            if let Some((size, unit)) = quantity.package.as_ref().filter(|_| draft.wrong_package) {
                doubts.push(Unsure::Package(format!("{size} {unit}")));
            }
            if let Some(from) = quantity.from {
                doubts.push(Unsure::Range(from));
            }
        }
        if draft.alternative {
            doubts.push(Unsure::Alternative);
        }
        if draft.negated {
            doubts.push(Unsure::Negated);
        }
        doubts
    }
}

/// Whether the customer named a package weight that is not the item's.
fn wrong_package(known: &Known, draft: &Draft) -> bool {
    let Some(quantity) = &draft.quantity else { return false };
    let Some((size, unit)) = &quantity.package else { return false };
    let kilograms = if unit == "t" { size.saturating_mul(Decimal::ONE_THOUSAND) } else { *size };
    let factor = match &quantity.unit {
        None => Some(Decimal::ONE),
        Some(code) => known.units.get(code).map(|(_, factor)| *factor),
    };
    factor.and_then(|factor| known.weight_kg.checked_mul(factor)) != Some(kilograms)
}
