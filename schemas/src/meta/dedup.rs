//! Keys by which a repeated fact is recognised. The table stands in the module documentation of [`super`].

use aws_lc_rs::digest;

use super::Json;
use super::split::Context;

/// Longest key kept in clear; a longer one is hashed, so that no id of a sender's making fills the dedup store.
const LONGEST: usize = 256;

/// `<what>:<account or entry>:<part>:…`. WhatsApp and page accounts are numbers of disjoint id spaces of one issuer,
/// so the channel adds nothing.
pub(crate) fn key<const N: usize>(what: &str, context: &Context<'_>, parts: [&str; N]) -> String {
    let owner = context.account.as_deref().or(context.entry_id.as_deref()).unwrap_or_default();
    let mut key = format!("{what}:{owner}");
    for part in parts {
        key.push(':');
        key.push_str(part);
    }
    if key.len() > LONGEST { format!("{what}:{owner:.40}:{}", hash(&[&key])) } else { key }
}

/// The first 16 bytes of SHA-256 in hexadecimal; each part's length is hashed with it, so that no two lists of parts
/// run together.
pub(crate) fn hash(parts: &[&str]) -> String {
    let mut digest = digest::Context::new(&digest::SHA256);
    for part in parts {
        digest.update(&(part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    hex::encode(digest.finish().as_ref().get(..16).unwrap_or_default())
}

/// For a fact that carries no id: the field, the entry with its time (equal when Meta resends) and the text itself,
/// however it is spaced.
pub(crate) fn content(what: &str, context: &Context<'_>, text: &str) -> String {
    let time = context.entry_time.map(|time| time.to_string()).unwrap_or_default();
    let field = context.field.as_deref().unwrap_or_default();
    let entry = context.entry_id.as_deref().unwrap_or_default();
    key(what, context, [&hash(&[field, entry, &time, Json::keep(text).as_str()])])
}
