//! Meta's words for how many different people a business portfolio may reach a day (contract §8).

use serde_json::Value;

/// People a day of a word such as `TIER_2K`, or of a number; the inner `None` is no limit. `None` for a word that nobody knows.
pub fn people(word: &Value) -> Option<Option<i64>> {
    if let Some(people) = word.as_i64() {
        return Some((people > 0).then_some(people));
    }
    let word = word.as_str()?;
    let size = word.strip_prefix("TIER_").unwrap_or(word);
    if size == "UNLIMITED" {
        return Some(None);
    }
    let people = match size.strip_suffix('K') {
        Some(thousands) => thousands.parse::<i64>().ok()?.checked_mul(1_000)?,
        None => size.parse().ok()?,
    };
    (people > 0).then_some(Some(people))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn meta_words_its_limit_in_tiers_or_numbers() {
        let cases = [
            (json!("TIER_250"), Some(Some(250))),
            (json!("TIER_2K"), Some(Some(2_000))),
            (json!("TIER_100K"), Some(Some(100_000))),
            (json!("TIER_UNLIMITED"), Some(None)),
            (json!(-1), Some(None)),
            (json!(10_000), Some(Some(10_000))),
            (json!("2000"), Some(Some(2_000))),
            (json!("TIER_HIGH"), None),
            (json!(null), None),
        ];
        for (word, limit) in cases {
            assert_eq!(people(&word), limit, "{word}");
        }
    }
}
