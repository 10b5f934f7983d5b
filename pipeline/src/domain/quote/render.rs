//! A quote as a WhatsApp message.

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::{
    Decision, Language, Quote,
    freight::{self, Freight},
    money::{self, number},
    phrases::{self, Phrases, fill},
    price::{DiscountLine, Line, Missing, Rule},
    units,
};

/// Longest text message WhatsApp carries, in characters.
pub const MOST_CHARACTERS: usize = 4096;
/// Longest name, label or quotation in a message.
const LONGEST_NAME: usize = 120;
/// Most discounts shown singly.
const MOST_DISCOUNTS: usize = 5;
/// Most questions asked at once.
const MOST_QUESTIONS: usize = 5;

/// The message: every line, discounts, freight, total, validity, and what is asked of the customer. A quote too long
/// for one message shows as many lines as fit and sums up the rest; its total is always shown.
pub fn text(quote: &Quote, language: Language) -> String {
    let writer = Writer { quote, language, phrases: phrases::of(language) };
    if quote.lines.is_empty() {
        return writer.questions().join("\n");
    }
    let head = format!("*{}*", fill(writer.phrases.title, &[&short(&quote.id.0)]));
    let lines: Vec<String> = quote.lines.iter().map(|line| writer.line(line)).collect();
    let tail = writer.tail();
    let room = MOST_CHARACTERS.saturating_sub(length(&head) + length(&tail) + 2);
    format!("{head}\n{}\n{tail}", writer.fitting(&lines, room))
}

/// What a customer is told while a person looks at the quote.
pub fn waiting(language: Language) -> &'static str {
    phrases::of(language).waiting
}

/// What a customer is told when the quote was rejected. The approver's reason is internal and not part of it.
pub fn rejected(language: Language) -> &'static str {
    phrases::of(language).rejected
}

/// The rules behind a line's price in words, e.g. `2 t = 40 bags; price from 10 on (list R$ 38.90)`.
pub fn explanation(line: &Line, currency: &str, language: Language) -> String {
    let phrases = phrases::of(language);
    let rules = line.explanation.iter().map(|rule| explain(rule, line, currency, language, phrases));
    rules.collect::<Vec<_>>().join("; ")
}

fn explain(rule: &Rule, line: &Line, currency: &str, language: Language, phrases: &Phrases) -> String {
    let price = |amount: &Decimal| money::format(*amount, currency, language);
    match rule {
        Rule::Converted { quantity, unit, factor } => {
            let base = quantity.saturating_mul(*factor).normalize();
            let asked_unit = units::shown(unit, *quantity == Decimal::ONE, language);
            let base_unit = units::shown(&line.unit, base == Decimal::ONE, language);
            let (asked, base) = (number(quantity.normalize(), language), number(base, language));
            fill(phrases.converted, &[&asked, &short(&asked_unit), &base, &short(&base_unit)])
        }
        Rule::RoundedUp(from) => fill(phrases.rounded_up, &[&number(*from, language)]),
        Rule::List => phrases.list.to_owned(),
        Rule::Tier { min_quantity, list_price } => fill(phrases.tier, &[&number(min_quantity.normalize(), language), &price(list_price)]),
        Rule::Group { group, list_price } => fill(phrases.group, &[&short(group), &price(list_price)]),
        Rule::ValidTo(to) => fill(phrases.valid_to, &[&time(*to, language)]),
        Rule::NotValid => phrases.not_valid.to_owned(),
    }
}

struct Writer<'a> {
    quote: &'a Quote,
    language: Language,
    phrases: &'static Phrases,
}

impl Writer<'_> {
    fn money(&self, amount: Decimal) -> String {
        money::format(amount, &self.quote.currency, self.language)
    }

    fn number(&self, value: Decimal) -> String {
        number(value.normalize(), self.language)
    }

    fn line(&self, line: &Line) -> String {
        let name = short(line.name.to(self.language));
        let unit = short(&units::shown(&line.unit, line.quantity == Decimal::ONE, self.language));
        let each = if line.quantity == Decimal::ONE {
            String::new()
        } else {
            format!("{} = ", fill(self.phrases.each, &[&self.unit_price(line.unit_price)]))
        };
        let written = format!("• {} {unit} × {name}: {each}{}", self.number(line.quantity), self.money(line.amount));
        // Customers are told what differs from what they know: their own words and the list.
        let told = line.explanation.iter().filter(|rule| !matches!(rule, Rule::List | Rule::ValidTo(_)));
        let told: Vec<String> = told.map(|rule| explain(rule, line, &self.quote.currency, self.language, self.phrases)).collect();
        if told.is_empty() { written } else { format!("{written}\n   _{}_", told.join("; ")) }
    }

    /// A unit price may be finer than the minor unit (0.045 apiece) and is then shown as it is.
    fn unit_price(&self, price: Decimal) -> String {
        let places = money::minor_units(&self.quote.currency).unwrap_or(2);
        let price = price.normalize();
        if price.scale() <= places {
            return self.money(price);
        }
        let sign = self.money(Decimal::ZERO);
        let sign = sign.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ','));
        format!("{sign}{}", self.number(price))
    }

    /// As many lines as fit in `room` characters, then what the others come to.
    fn fitting(&self, lines: &[String], room: usize) -> String {
        let whole = lines.join("\n");
        if length(&whole) <= room {
            return whole;
        }
        let mut shown = lines.len();
        loop {
            shown = shown.saturating_sub(1);
            let rest = self.rest(shown, lines.len());
            let mut kept = lines[..shown].to_vec();
            kept.push(rest);
            let kept = kept.join("\n");
            if length(&kept) <= room || shown == 0 {
                return kept;
            }
        }
    }

    fn rest(&self, from: usize, to: usize) -> String {
        let amount = self.quote.lines[from..to].iter().fold(Decimal::ZERO, |sum, line| sum.saturating_add(line.amount));
        let amount = self.money(amount);
        match to - from {
            1 => fill(self.phrases.more_item, &[&amount]),
            count => fill(self.phrases.more_items, &[&count.to_string(), &amount]),
        }
    }

    fn tail(&self) -> String {
        let quote = self.quote;
        let freight = self.freight();
        let mut rows = Vec::new();
        if !quote.discounts.is_empty() || freight.is_some() || quote.adjustment.is_some() {
            rows.push(format!("{}: {}", self.phrases.subtotal, self.money(quote.subtotal)));
        }
        rows.extend(self.discounts());
        rows.extend(freight);
        if let Some(adjustment) = quote.adjustment {
            rows.push(format!("{}: {}", self.phrases.adjustment, self.money(adjustment)));
        }
        let unknown_freight = matches!(quote.freight, Freight::PostalCodeMissing | Freight::NoZone { .. });
        let label = if unknown_freight && quote.adjustment.is_none() { self.phrases.total_without_freight } else { self.phrases.total };
        rows.push(format!("*{label}: {}*", self.money(quote.total)));
        rows.push(fill(self.phrases.valid_until, &[&time(quote.valid_until, self.language)]));
        let questions = self.questions();
        if !questions.is_empty() {
            rows.push(String::new());
            rows.extend(questions);
        }
        rows.join("\n")
    }

    fn discounts(&self) -> Vec<String> {
        let discounts = &self.quote.discounts;
        let single = if discounts.len() > MOST_DISCOUNTS { MOST_DISCOUNTS - 1 } else { discounts.len() };
        let mut rows: Vec<String> = discounts[..single].iter().map(|discount| self.discount(discount)).collect();
        if single < discounts.len() {
            let rest = discounts[single..].iter().fold(Decimal::ZERO, |sum, d| sum.saturating_add(d.amount));
            rows.push(format!("{}: {}", self.phrases.other_discounts, self.money(-rest)));
        }
        rows
    }

    fn discount(&self, discount: &DiscountLine) -> String {
        let percent = discount.percent.map(|percent| format!(", {}%", self.number(percent))).unwrap_or_default();
        format!("{} ({}{percent}): {}", self.phrases.discount, short(&discount.label), self.money(-discount.amount))
    }

    fn freight(&self) -> Option<String> {
        match &self.quote.freight {
            Freight::NotOffered | Freight::PostalCodeMissing => None,
            Freight::Pickup => Some(self.phrases.pickup.to_owned()),
            Freight::NoZone { .. } if self.quote.adjustment.is_some() => None,
            Freight::NoZone { .. } => Some(self.phrases.freight_later.to_owned()),
            Freight::Charged { zone, weight_kg, amount, explanation } => {
                let price = match explanation {
                    freight::Rule::FreeAbove(_) => self.phrases.free.to_owned(),
                    _ => self.money(*amount),
                };
                let mut details = vec![short(zone)];
                if !weight_kg.is_zero() {
                    details.push(format!("{} kg", self.number(*weight_kg)));
                }
                details.retain(|detail| !detail.is_empty());
                let details = if details.is_empty() { String::new() } else { format!(" ({})", details.join(", ")) };
                Some(format!("{}{details}: {price}", self.phrases.freight))
            }
        }
    }

    fn questions(&self) -> Vec<String> {
        let Decision::Ask { missing } = &self.quote.decision else { return Vec::new() };
        let mut questions: Vec<String> = missing.iter().take(MOST_QUESTIONS).map(|m| self.question(m)).collect();
        if missing.len() > MOST_QUESTIONS {
            questions.push(self.phrases.more_questions.to_owned());
        }
        questions
    }

    fn question(&self, missing: &Missing) -> String {
        let unit = |unit: &String| short(&units::shown(unit, false, self.language));
        let either = |mut options: Vec<String>| {
            options.truncate(MOST_QUESTIONS);
            let last = options.pop().unwrap_or_default();
            if options.is_empty() { last } else { format!("{} {} {last}", options.join(", "), self.phrases.or) }
        };
        match missing {
            Missing::Items => self.phrases.ask_items.to_owned(),
            Missing::PostalCode => self.phrases.ask_postal.to_owned(),
            Missing::Quantity { name, unit: of, price } => {
                fill(self.phrases.ask_quantity, &[&unit(of), &short(name.to(self.language)), &self.unit_price(*price)])
            }
            Missing::Unit { name, asked, offered } => {
                let offered = either(offered.iter().map(unit).collect());
                fill(self.phrases.ask_unit, &[&short(name.to(self.language)), &unit(asked), &offered])
            }
            Missing::Choice { text, options } => {
                let options = either(options.iter().map(|name| short(name.to(self.language))).collect());
                fill(self.phrases.ask_choice, &[&short(text), &options])
            }
        }
    }
}

/// The time in UTC, in the language's order of day and month.
fn time(at: Timestamp, language: Language) -> String {
    let pattern = match language {
        Language::En => "%Y-%m-%d %H:%M UTC",
        Language::Pt | Language::Es => "%d/%m/%Y %H:%M UTC",
    };
    at.strftime(pattern).to_string()
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// One line of at most [`LONGEST_NAME`] characters: what comes from outside cannot break the message.
fn short(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    if length(text) <= LONGEST_NAME {
        return text.chars().map(clean).collect();
    }
    text.chars().take(LONGEST_NAME - 1).map(clean).chain(std::iter::once('…')).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use insta::assert_snapshot;

    use super::*;
    use crate::domain::quote::{QuoteId, catalog::Name, demo, parse, price};

    fn rendered(text: &str, group: Option<&str>, language: Language) -> String {
        let id = QuoteId("Q-1042".into());
        let quote = price::quote(id, &demo::request(text), &demo::catalog(), group, demo::now());
        super::text(&quote.unwrap(), language)
    }

    #[test]
    fn the_canonical_request_in_english() {
        let text = rendered("3 bags of cement and 2 m³ of sand to 01310-100?", None, Language::En);
        assert_snapshot!(text, @r"
        *Quote Q-1042*
        • 3 bags × Cement CP II, 50 kg: R$ 38.90 each = R$ 116.70
        • 2 m³ × Washed sand: R$ 138.00 each = R$ 276.00
        Subtotal: R$ 392.70
        Freight (São Paulo, centro, 3,230 kg): R$ 141.90
        *Total: R$ 534.60*
        Valid until 2026-11-04 12:00 UTC
        ");
    }

    #[test]
    fn rules_that_change_a_price_are_told_in_portuguese() {
        let text = "2 t de cimento, 2 milheiros de tijolo e 3,5 sacos de cal para 06010-000";
        assert_snapshot!(rendered(text, Some("builder"), Language::Pt), @r"
        *Orçamento Q-1042*
        • 40 sacos × Cimento CP II, 50 kg: R$ 36,90 cada = R$ 1.476,00
           _2 t = 40 sacos; preço para builder (tabela R$ 38,90)_
        • 2.000 unidades × Tijolo cerâmico, 8 furos: R$ 1,12 cada = R$ 2.240,00
           _preço a partir de 1.000 (tabela R$ 1,25)_
        • 4 sacos × Cal hidratada, 20 kg: R$ 17,50 cada = R$ 70,00
           _arredondado de 3,5_
        Subtotal: R$ 3.786,00
        Desconto (volume, 3%): -R$ 113,58
        Desconto (builder): -R$ 50,00
        Frete (Grande São Paulo, 6.680 kg): R$ 490,80
        *Total: R$ 4.113,22*
        Válido até 04/11/2026 12:00 UTC
        ");
    }

    #[test]
    fn what_is_missing_is_asked_in_spanish() {
        let text = "cemento, 3 galones de cal, 10 varillas y 1 m3 de arena";
        assert_snapshot!(rendered(text, None, Language::Es), @r"
        *Presupuesto Q-1042*
        • 1 m³ × Arena lavada: R$ 138,00
        *Total sin flete: R$ 138,00*
        Válido hasta 04/11/2026 12:00 UTC

        ¿Qué cantidad (sacos) de Cemento CP II, 50 kg? R$ 38,90 cada uno.
        No vendemos Cal hidratada, 20 kg por «galones». ¿Qué cantidad, en sacos, kg o t?
        ¿Cuál quiere decir con «10 varillas»: Varilla CA-50 10 mm, 12 m o Varilla CA-50 8 mm, 12 m?
        ¿Cuál es el código postal de la entrega?
        ");
    }

    #[test]
    fn a_place_nobody_delivers_to_is_said() {
        assert_snapshot!(rendered("1 bag of cement to 90210", None, Language::En), @r"
        *Quote Q-1042*
        • 1 bag × Cement CP II, 50 kg: R$ 38.90
        Subtotal: R$ 38.90
        Freight: to be confirmed
        *Total without freight: R$ 38.90*
        Valid until 2026-11-04 12:00 UTC
        ");
    }

    #[test]
    fn a_text_without_items_is_asked_for_them() {
        assert_snapshot!(rendered("hello", None, Language::Pt), @"O que você gostaria de orçar? Diga os itens e as quantidades.");
    }

    #[test]
    fn a_quote_too_long_for_a_message_keeps_its_total() {
        let mut quote = price::quote(
            QuoteId("Q-1".repeat(200)),
            &demo::request("3 bags of cement, I will pick up"),
            &demo::catalog(),
            None,
            demo::now(),
        )
        .unwrap();
        let line = Line { name: Name { usual: "Ω".repeat(500), translated: BTreeMap::new() }, ..quote.lines[0].clone() };
        quote.lines = vec![line; parse::MOST_LINES];
        quote.subtotal = quote.lines.iter().map(|line| line.amount).sum();
        quote.total = quote.subtotal;
        let text = super::text(&quote, Language::En);
        assert!(length(&text) <= MOST_CHARACTERS && length(&text) > MOST_CHARACTERS - 250);
        let tail: Vec<&str> = text.lines().rev().take(5).collect();
        assert_snapshot!(tail.join("\n"), @r"
        Valid until 2026-11-04 12:00 UTC
        *Total: R$ 5,835.00*
        Freight: none, you collect
        Subtotal: R$ 5,835.00
        …and 26 more items: R$ 3,034.20
        ");
    }

    #[test]
    fn a_price_finer_than_the_minor_unit_is_shown_whole() {
        let mut catalog = demo::catalog();
        catalog.items[3].tiers.clear();
        catalog.items[3].price = Decimal::new(1_0455, 4);
        let request = demo::request("1000 bricks, pickup");
        let quote = price::quote(QuoteId("Q".into()), &request, &catalog, None, demo::now()).unwrap();
        assert!(super::text(&quote, Language::En).contains("R$ 1.0455 each = R$ 1,045.50"));
    }

    #[test]
    fn every_language_explains_every_rule() {
        let request = demo::request("1.3 t of cement");
        let catalog = demo::catalog();
        let quote = price::quote(QuoteId("Q".into()), &request, &catalog, None, demo::now()).unwrap();
        let explained = |language| explanation(&quote.lines[0], "BRL", language);
        assert_snapshot!(explained(Language::En), @"1.3 t = 26 bags; price from 20 on (list R$ 38.90)");
        assert_snapshot!(explained(Language::Pt), @"1,3 t = 26 sacos; preço a partir de 20 (tabela R$ 38,90)");
        assert_snapshot!(explained(Language::Es), @"1,3 t = 26 sacos; precio desde 20 (lista R$ 38,90)");
    }
}
