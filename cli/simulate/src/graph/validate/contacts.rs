use serde_json::Value;

use super::{Refusal, fields};

/// Checks `contacts`: 1 to 257 cards, each with a formatted name and one more part of it.
pub(super) fn check(contacts: &Value) -> Result<(), Refusal> {
    let Value::Array(cards) = contacts else { return Err(Refusal::bad("Param contacts must be an array.")) };
    if cards.is_empty() || cards.len() > 257 {
        return Err(Refusal::invalid("contacts must have 1 to 257 items"));
    }
    for (index, card) in cards.iter().enumerate() {
        let path = format!("contacts[{index}]");
        let card = fields::object(card, &path)?;
        card.only(&["name", "phones", "emails", "addresses", "org", "urls", "birthday"])?;
        let path = card.path("name");
        let name = card.get("name").ok_or_else(|| Refusal::missing(format!("{path} is missing")))?;
        let name = fields::object(name, &path)?;
        name.only(&["formatted_name", "first_name", "last_name", "middle_name", "suffix", "prefix"])?;
        name.required_text("formatted_name", 1_024)?;
        let parts = ["first_name", "last_name", "middle_name", "suffix", "prefix"];
        if parts.iter().all(|part| name.get(part).is_none()) {
            return Err(Refusal::missing(format!("{path} needs one of {}", parts.join(", "))));
        }
        for key in ["phones", "emails", "addresses", "urls"] {
            card.list(key)?;
        }
        if let Some(birthday) = card.text("birthday", 10)?
            && birthday.parse::<jiff::civil::Date>().is_err()
        {
            return Err(Refusal::invalid(format!("{} must be YYYY-MM-DD", card.path("birthday"))));
        }
    }
    Ok(())
}
