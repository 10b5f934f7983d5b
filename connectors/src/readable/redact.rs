//! Blots access tokens out. No record should hold one; should one ever, a terminal and its scroll-back are no place for it.

use crate::postgres::users;
use serde_json::Value;

const BLOT: &str = "[token]";
/// Meta's tokens are far longer; ordinary words that start alike are not.
const SHORTEST: usize = 24;

/// Replaces every token inside `value`.
pub fn redact(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(clean) = text_without(text) {
                *text = clean;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "access_token" && !value.is_null() {
                    *value = BLOT.into();
                } else {
                    redact(value);
                }
            }
        }
        _ => {}
    }
}

/// The text with its tokens blotted out; `None` when it holds none.
fn text_without(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut copied = 0;
    let mut announced = false;
    for (start, word) in words(text) {
        if announced || is_token(word) {
            out.push_str(&text[copied..start]);
            out.push_str(BLOT);
            copied = start + word.len();
        }
        announced = word == "access_token" || word.eq_ignore_ascii_case("bearer");
    }
    if copied == 0 {
        return None;
    }
    out.push_str(&text[copied..]);
    Some(out)
}

/// Runs of the characters that tokens are made of, with their place.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '|');
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text[from..].find(fits)?;
        let end = text[start..].find(|c| !fits(c)).map_or(text.len(), |length| start + length);
        from = end;
        Some((start, &text[start..end]))
    })
}

fn is_token(word: &str) -> bool {
    let metas = ["EAA", "IGAA", "IGQ"].iter().any(|prefix| word.starts_with(prefix)) && word.len() >= SHORTEST;
    metas || users::token_tenant(word).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tokens_go_wherever_they_stand_and_the_rest_stays() {
        let own = users::token_text(sluice_schemas::ids::TenantId::from_bytes([9; 16]), "s3cret");
        let mut value = json!({
            "access_token": "x", "list": [format!("use {own}, please")], "header": "Authorization: Bearer a.b-c end",
            "inner": "{\"access_token\": \"abc\",\"id\":\"wamid.HBgLMTU1NTAxMDAwMDI\"}", "plain": "EAA is short", "n": 1,
        });
        redact(&mut value);
        assert_eq!(
            value,
            json!({
                "access_token": "[token]", "list": ["use [token], please"], "header": "Authorization: Bearer [token] end",
                "inner": "{\"access_token\": \"[token]\",\"id\":\"wamid.HBgLMTU1NTAxMDAwMDI\"}", "plain": "EAA is short", "n": 1,
            })
        );
    }

    #[test]
    fn text_of_any_script_is_cut_at_its_letters() {
        assert_eq!(text_without("ação: access_token=ü EAAabcdefghijklmnopqrstuvwxyz ✓"), Some("ação: access_token=ü [token] ✓".into()));
        assert_eq!(text_without(""), None);
    }
}
