//! What holds for every text and every quote.

use jiff::SignedDuration;
use proptest::{collection::vec, prelude::*, sample::select};
use rust_decimal::Decimal;

use super::{
    demo::{catalog, now},
    freight::Freight,
    parse::{Line, Span},
    price::{Missing, Rule},
    *,
};

fn line(sku: &str, quantity: Decimal) -> Line {
    let catalog = catalog();
    let unit = catalog.item(sku).map(|item| item.unit.clone()).unwrap_or_default();
    let (text, span) = (String::new(), Span { start: 0, end: 0 });
    Line { sku: sku.into(), candidates: Vec::new(), quantity: Some(quantity), unit, text, span, unsure: Vec::new() }
}

fn price(request: &Request, group: Option<&str>) -> Quote {
    quote(QuoteId("Q-1".into()), request, &catalog(), group, now()).unwrap()
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let skus: Vec<String> = catalog().items.iter().map(|item| item.sku.clone()).collect();
    vec((select(skus), 1_i64..500_000, 0_u32..3).prop_map(|(sku, n, scale)| line(&sku, Decimal::new(n, scale))), 0..60)
}

fn requests() -> impl Strategy<Value = Request> {
    let codes = select(vec![None, Some("01310-100"), Some("06010-000"), Some("90210"), Some("13000-000")]);
    (lines(), codes, any::<bool>()).prop_map(|(lines, code, pickup)| Request {
        lines,
        postal_code: code.map(str::to_owned),
        pickup,
        ..Request::default()
    })
}

fn groups() -> impl Strategy<Value = Option<&'static str>> {
    select(vec![None, Some("builder"), Some("nobody")])
}

/// Text that looks like requests: words of the catalogue and the language, numbers, marks.
fn babble() -> impl Strategy<Value = String> {
    let words = select(vec![
        "cement",
        "cimento",
        "sacos",
        "of",
        "de",
        "3",
        "2,5",
        "1.000",
        "½",
        "x",
        "e",
        "and",
        ",",
        "\n",
        "tubo",
        "pvc",
        "100",
        "mm",
        "kg",
        "m³",
        "01310-100",
        "cep",
        "para",
        "a",
        "um",
        "dúzia",
        "meia",
        "mil",
        "simento",
        "unicorn",
        "-",
        "no",
        "não",
        "vergalhão",
        "/",
        "1/2",
        "t",
        "+",
        "99999999999999999999999",
        "0",
        "\u{301}",
        "’",
    ]);
    vec(words, 0..80).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_is_read_without_panic_and_its_lines_can_be_priced(text in prop_oneof![any::<String>(), babble()]) {
        let request = demo::request(&text);
        for line in &request.lines {
            prop_assert_eq!(text.get(line.span.start..line.span.end), Some(line.text.as_str()));
            prop_assert!(line.quantity.is_none_or(|quantity| quantity > Decimal::ZERO));
        }
        prop_assert!(request.lines.len() <= parse::MOST_LINES);
        for language in [Language::En, Language::Pt, Language::Es] {
            prop_assert!(render::text(&price(&request, None), language).chars().count() <= render::MOST_CHARACTERS);
        }
    }

    #[test]
    fn a_total_is_the_sum_of_its_parts_and_never_negative(request in requests(), group in groups()) {
        let quote = price(&request, group);
        let lines: Decimal = quote.lines.iter().map(|line| line.amount).sum();
        let discounts: Decimal = quote.discounts.iter().map(|discount| discount.amount).sum();
        prop_assert_eq!(quote.subtotal, lines);
        prop_assert_eq!(quote.total, lines - discounts + quote.freight.amount());
        prop_assert!(discounts <= lines && quote.discounts.iter().all(|discount| discount.amount > Decimal::ZERO));
        prop_assert!(quote.total.scale() <= 2);
    }

    #[test]
    fn the_order_of_lines_does_not_change_what_is_paid(request in requests(), group in groups()) {
        let mut turned = request.clone();
        turned.lines.reverse();
        let (there, back) = (price(&request, group), price(&turned, group));
        prop_assert_eq!((there.subtotal, there.discounts, there.total), (back.subtotal, back.discounts, back.total));
    }

    #[test]
    fn more_never_costs_more_apiece(index in 0_usize..14, few in 1_i64..2000, more in 0_i64..2000, group in groups()) {
        let sku = &catalog().items[index].sku;
        let unit_price = |quantity: i64| {
            let request = Request { lines: vec![line(sku, quantity.into())], ..Request::default() };
            price(&request, group).lines[0].unit_price
        };
        prop_assert!(unit_price(few + more) <= unit_price(few));
    }

    #[test]
    fn a_discount_never_makes_a_total_negative(amount in 0_i64..100_000, percent in 0_i64..=100, count in 1_i64..20) {
        let mut catalog = catalog();
        catalog.discounts = serde_json::from_value(serde_json::json!([
            { "label": "a", "amount": amount.to_string() },
            { "label": "b", "percent": percent.to_string() },
            { "label": "c", "amount": "7.00" },
        ])).unwrap();
        let request = Request { lines: vec![line("CEM-50", count.into())], pickup: true, ..Request::default() };
        let quote = quote(QuoteId("Q".into()), &request, &catalog, None, now()).unwrap();
        prop_assert!(quote.total >= Decimal::ZERO);
    }

    #[test]
    fn a_written_request_is_read_back(
        parts in vec((select(vec![0_usize, 1, 2, 3, 4, 7, 8, 9, 12, 13]), 1_i64..999, any::<bool>()), 1..8),
        pt in any::<bool>(),
    ) {
        let catalog = catalog();
        let language = if pt { Language::Pt } else { Language::En };
        let (of, and) = if pt { ("de", " e ") } else { ("of", " and ") };
        let mut expected = Vec::new();
        let mut written = Vec::new();
        let mut used = std::collections::HashSet::new();
        for (index, quantity, after) in parts.into_iter().filter(|(index, ..)| used.insert(*index)) {
            let item = &catalog.items[index];
            let unit = units::shown(&item.unit, quantity == 1, language);
            let name = item.name.to(language);
            let name = name.split(',').next().unwrap_or(name);
            let part = if after { format!("{name}: {quantity} {unit}") } else { format!("{quantity} {unit} {of} {name}") };
            expected.push((item.sku.clone(), Some(Decimal::from(quantity)), item.unit.clone()));
            written.push(part);
        }
        let text = written.join(and);
        let request = demo::request(&text);
        let found: Vec<_> = request.lines.into_iter().map(|line| (line.sku, line.quantity, line.unit)).collect();
        prop_assert_eq!(found, expected, "{}", text);
        prop_assert!(request.unknown.is_empty(), "{}: {:?}", text, request.unknown);
    }

    #[test]
    fn what_an_approver_changes_keeps_the_sum(request in requests(), cents in 0_i64..1_000_000) {
        let quote = price(&request, None);
        let quote = Quote { decision: Decision::NeedsApproval { reasons: Vec::new() }, ..quote };
        let waiting = Approval::request(&quote, now(), SignedDuration::from_hours(4)).unwrap();
        let amount = Decimal::new(cents, 2);
        for change in [
            approval::Change::Total(amount),
            approval::Change::Discount(amount.min(quote.total)),
            approval::Change::Freight(amount),
        ] {
            let decided = waiting.decide(&quote, approval::Verdict::Change(change), "u1", now()).unwrap();
            let sent = decided.release(&quote).unwrap().unwrap();
            let lines: Decimal = sent.lines.iter().map(|line| line.amount).sum();
            let discounts: Decimal = sent.discounts.iter().map(|discount| discount.amount).sum();
            let parts = lines - discounts + sent.freight.amount() + sent.adjustment.unwrap_or_default();
            prop_assert_eq!(sent.total, parts);
            prop_assert!(sent.total >= Decimal::ZERO && sent.decision == Decision::Answer);
        }
    }
}

#[test]
fn a_quote_survives_serialisation() {
    let text = "3 bags of cement, 2 t of sand, 4 rebar and 3 gallons of lime to 90210";
    let quote = price(&demo::request(text), Some("builder"));
    let written = serde_json::to_string(&quote).unwrap();
    assert_eq!(serde_json::from_str::<Quote>(&written).unwrap(), quote);
}

#[test]
fn the_longest_texts_are_cut_and_say_so() {
    let text = "3 sacos de cimento e 2 m3 de areia, ".repeat(200);
    let request = demo::request(&text);
    assert!(request.truncated && request.lines.len() == parse::MOST_LINES);
    let unfriendly = "tubbo ".repeat(2000) + &"tubo pvc ".repeat(2000);
    assert!(demo::request(&unfriendly).truncated);
}

#[test]
fn an_answer_completes_a_request() {
    let read = |text: &str| demo::request(text);
    let asked = read("quero cimento e 10 vergalhões");
    let Decision::Ask { missing } = price(&asked, None).decision else { panic!("asks") };
    assert_eq!(missing.len(), 2);
    assert!(matches!(&missing[..], [Missing::Quantity { .. }, Missing::Choice { .. }]));
    let told = asked.merge(read("3 sacos")).merge(read("vergalhão 8 mm")).merge(read("01310-100"));
    let quote = price(&told, None);
    let lines: Vec<_> = quote.lines.iter().map(|line| (line.sku.as_str(), line.quantity.to_string())).collect();
    assert_eq!(lines, [("CEM-50", "3".to_owned()), ("STEEL-8", "10".to_owned())]);
    assert_eq!(quote.decision, Decision::Answer);
}

#[test]
fn a_mention_is_not_a_request() {
    let read = |text: &str| demo::request(text);
    assert!(!read("o cimento chegou, abraço").is_quote());
    assert!(read("quanto custa o cimento?").is_quote() && read("3 sacos de cimento").is_quote());
    assert_eq!(read("o preço da areia").language, Some(Language::Pt));
}

#[test]
fn an_expired_price_waits_for_a_person_and_a_running_one_ends_the_quote() {
    let mut catalog = catalog();
    catalog.items[0].valid_to = Some(now() - SignedDuration::from_hours(1));
    catalog.items[1].valid_to = Some(now() + SignedDuration::from_hours(1));
    let request = parse::request("1 saco de cimento e 1 m3 de areia, retirar", &catalog);
    let quote = quote(QuoteId("Q".into()), &request, &catalog, None, now()).unwrap();
    assert!(quote.lines[0].explanation.contains(&Rule::NotValid));
    assert_eq!(quote.valid_until, now() + SignedDuration::from_hours(1));
    assert_eq!(quote.freight, Freight::Pickup);
    assert!(matches!(quote.decision, Decision::NeedsApproval { .. }));
}

#[test]
fn a_request_that_does_not_fit_the_catalogue_is_refused_by_name() {
    let refuse = |line: Line| {
        let request = Request { lines: vec![line], ..Request::default() };
        quote(QuoteId("Q".into()), &request, &catalog(), None, now()).unwrap_err()
    };
    assert_eq!(refuse(line("GONE", Decimal::ONE)).kind(), "unknown_sku");
    assert_eq!(refuse(line("CEM-50", Decimal::ZERO)).kind(), "quantity");
    assert_eq!(refuse(line("CEM-50", Decimal::MAX)).kind(), "quantity");
}
