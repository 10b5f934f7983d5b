use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Money {
    /// Decimal text in the currency's units: `1234.50`.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
}

impl Money {
    /// `BRL 1,234.50`.
    pub fn text(&self) -> String {
        format!("{} {}", self.currency, grouped(&self.amount))
    }
}

/// Decimal text with separators: `1,234.50`.
fn grouped(amount: &str) -> String {
    let (sign, plain) = amount.strip_prefix('-').map_or(("", amount), |rest| ("-", rest));
    let (whole, fraction) = plain.split_once('.').map_or((plain, String::new()), |(whole, rest)| (whole, format!(".{rest}")));
    let whole = whole.parse::<i64>().map_or_else(|_| whole.to_owned(), super::count);
    format!("{sign}{whole}{fraction}")
}

/// One line of a quote: an item, a discount, the freight, or a person's adjustment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Line {
    /// `item`, `discount`, `freight`, `adjustment`.
    pub kind: &'static str,
    /// What it is.
    pub label: String,
    /// Quantity, unit and unit price; or how the freight was found.
    pub note: String,
    /// What it adds to the total; null when it is not known yet.
    pub amount: Option<String>,
}

impl Line {
    /// Its amount as pages show it.
    pub fn shown(&self) -> String {
        self.amount.as_deref().map_or_else(|| "–".to_owned(), grouped)
    }
}

/// A quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Quote {
    /// Its id.
    pub id: uuid::Uuid,
    /// Conversation it answers.
    pub conversation: uuid::Uuid,
    /// Number it is sent from.
    pub account: String,
    /// `answered`, `awaiting_approval`, `approved`, `changed`, `rejected`, `expired`.
    pub status: String,
    /// What the customer pays.
    pub total: Money,
    /// Why a person must decide.
    pub reasons: Vec<String>,
    /// The customer's text.
    pub request: String,
    /// Items, discounts, freight.
    pub lines: Vec<Line>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub updated_at: String,
    /// Until when a person may decide, or the customer accept; RFC 3339.
    pub deadline: String,
}

impl Quote {
    /// Whether a person must decide.
    pub fn awaiting(&self) -> bool {
        self.status == "awaiting_approval"
    }

    /// Words and class of its status.
    pub fn tag(&self) -> (&'static str, &'static str) {
        match self.status.as_str() {
            "answered" => ("Answered by itself", "good"),
            "awaiting_approval" => ("Needs approval", "warn"),
            "approved" => ("Approved", "good"),
            "changed" => ("Changed and sent", "good"),
            "rejected" => ("Rejected", "bad"),
            "expired" => ("Expired", ""),
            _ => ("Open", ""),
        }
    }
}

fn text(value: &Value, key: &str) -> String {
    match &value[key] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn amount(value: &Value, key: &str) -> Option<String> {
    Some(text(value, key)).filter(|text| !text.is_empty())
}

fn negative(amount: String) -> String {
    amount.strip_prefix('-').map_or_else(|| format!("-{amount}"), str::to_owned)
}

/// The lines in a quote's `detail`, as the `quote` stage writes it. What is not there is left out: a page must show what an older or
/// newer stage wrote.
pub fn lines(detail: &Value) -> Vec<Line> {
    let list = |key: &str| detail[key].as_array().cloned().unwrap_or_default();
    let mut lines: Vec<Line> = list("lines")
        .iter()
        .map(|line| Line {
            kind: "item",
            label: text(line, "name"),
            note: format!("{} {} × {}", text(line, "quantity"), text(line, "unit"), text(line, "unit_price")),
            amount: amount(line, "amount"),
        })
        .collect();
    lines.extend(list("discounts").iter().map(|line| Line {
        kind: "discount",
        label: text(line, "label"),
        note: amount(line, "percent").map_or_else(String::new, |percent| format!("{percent} %")),
        amount: amount(line, "amount").map(negative),
    }));
    lines.extend(freight(&detail["freight"]));
    lines.extend(amount(detail, "adjustment").map(|amount| Line {
        kind: "adjustment",
        label: "Adjustment".to_owned(),
        note: "by the person who approved".to_owned(),
        amount: Some(amount),
    }));
    lines
}

/// `{"charged":{zone, weight_kg, amount, …}}`, `"pickup"`, `"not_offered"`, `"postal_code_missing"` or `{"no_zone":{postal_code}}`.
fn freight(value: &Value) -> Option<Line> {
    let (label, note, amount) = match value {
        Value::String(name) if name == "pickup" => ("Pick-up", "the customer fetches the goods".to_owned(), None),
        Value::String(name) if name == "not_offered" => ("Freight", "not offered".to_owned(), None),
        Value::String(name) if name == "postal_code_missing" => ("Freight", "the postal code is missing".to_owned(), None),
        _ if value["charged"].is_object() => {
            let charged = &value["charged"];
            ("Freight", format!("{}, {} kg", text(charged, "zone"), text(charged, "weight_kg")), amount(charged, "amount"))
        }
        _ if value["no_zone"].is_object() => ("Freight", format!("no zone has {}", text(&value["no_zone"], "postal_code")), None),
        _ => return None,
    };
    Some(Line { kind: "freight", label: label.to_owned(), note, amount })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_show_what_makes_the_total() {
        let detail = json!({
            "lines": [{"sku": "CEM", "name": "Cement 50 kg", "quantity": "20", "unit": "bag", "unit_price": "30.00", "amount": "600.00"}],
            "discounts": [{"label": "Volume", "percent": "5", "amount": "30.00"}],
            "freight": {"charged": {"zone": "City", "weight_kg": "1000", "amount": "50.00", "explanation": "minimum"}},
            "adjustment": "-20.00",
        });
        let shown: Vec<_> = lines(&detail).into_iter().map(|l| (l.label, l.note, l.amount.unwrap_or_default())).collect();
        insta::assert_debug_snapshot!(shown, @r#"
        [
            (
                "Cement 50 kg",
                "20 bag × 30.00",
                "600.00",
            ),
            (
                "Volume",
                "5 %",
                "-30.00",
            ),
            (
                "Freight",
                "City, 1000 kg",
                "50.00",
            ),
            (
                "Adjustment",
                "by the person who approved",
                "-20.00",
            ),
        ]
        "#);
    }

    #[test]
    fn unknown_detail_shows_nothing_rather_than_failing() {
        assert_eq!(lines(&json!("?")), []);
        assert_eq!(lines(&json!({"lines": 3, "freight": null})), []);
    }

    #[test]
    fn money_is_grouped() {
        let money = |amount: &str| Money { amount: amount.into(), currency: "BRL".into() }.text();
        assert_eq!(money("1234567.50"), "BRL 1,234,567.50");
        assert_eq!(money("-0.50"), "BRL -0.50");
    }
}
