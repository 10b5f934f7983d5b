//! Links to files: signed, and over after a few minutes. Who has one may read that file and nothing else.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use sluice_schemas::time::Millis;

use super::{Key, Store};
use crate::postgres::seal::Keyring;

/// How long a link lives.
const LIFETIME_MS: i64 = 15 * Millis::MINUTE;
/// Links made within this time are the same, so that a browser loads a picture once.
const STEP_MS: i64 = 5 * Millis::MINUTE;

/// Makes links and reads what they name.
#[derive(Clone)]
pub struct Links {
    store: Store,
    /// The signing key first, then those that still verify.
    keys: Vec<hmac::Key>,
}

/// What a link carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Key in the store.
    #[serde(rename = "k")]
    key: String,
    /// MIME type.
    #[serde(rename = "t")]
    pub mime: String,
    /// Name for who saves it.
    #[serde(rename = "n", skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// Its end, milliseconds.
    #[serde(rename = "u")]
    until: i64,
}

impl Links {
    /// Links signed under keys derived from the key-encryption keys: every process that has those understands them.
    pub fn new(store: Store, keys: &Keyring) -> Self {
        Self { store, keys: keys.derived("media links").iter().map(|key| hmac::Key::new(hmac::HMAC_SHA256, key)).collect() }
    }

    /// Where the files are.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The last part of a link's address.
    pub fn make(&self, key: &Key, mime: &str, name: Option<&str>, now: Millis) -> String {
        let until = (now.0 + LIFETIME_MS).div_euclid(STEP_MS) * STEP_MS;
        let link = Link { key: key.as_str().to_owned(), mime: mime.to_owned(), name: name.map(str::to_owned), until };
        let body = BASE64.encode(serde_json::to_vec(&link).unwrap_or_default());
        let mac = self.keys.first().map(|key| hmac::sign(key, body.as_bytes()));
        format!("{body}.{}", mac.map_or_else(String::new, |mac| BASE64.encode(mac)))
    }

    /// What a link names; `None` for one that was changed, is over, or was signed by somebody else.
    pub fn read(&self, text: &str, now: Millis) -> Option<(Link, Key)> {
        let (body, mac) = text.split_once('.')?;
        let mac = BASE64.decode(mac).ok()?;
        self.keys.iter().find(|key| hmac::verify(key, body.as_bytes(), &mac).is_ok())?;
        let link: Link = serde_json::from_slice(&BASE64.decode(body).ok()?).ok()?;
        let key = Key::parse(&link.key)?;
        (link.until > now.0).then_some((link, key))
    }
}

#[cfg(test)]
mod tests {
    use sluice_schemas::ids::TenantId;

    use super::super::Options;
    use super::*;

    fn links(folder: &std::path::Path, current: &str, keys: &[(&str, u8)]) -> Links {
        let keys: Vec<_> = keys.iter().map(|(name, byte)| (*name, base64::engine::general_purpose::STANDARD.encode([*byte; 32]))).collect();
        let ring = Keyring::new(current, keys.iter().map(|(name, key)| (*name, key.as_str()))).expect("keys");
        let options = Options { store: folder.display().to_string(), ..Options::default() };
        Links::new(Store::open(&options).expect("a folder"), &ring)
    }

    #[test]
    fn a_link_opens_its_file_until_it_ends_and_not_when_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (links, now) = (links(folder.path(), "a", &[("a", 1)]), Millis(1_790_000_000_000));
        let key = Key::message(TenantId::from_bytes([1; 16]), "1", "wamid.A", 0);
        let text = links.make(&key, "image/png", Some("a.png"), now);
        let (link, named) = links.read(&text, now).expect("opens");
        assert_eq!((link.mime.as_str(), link.name.as_deref(), named), ("image/png", Some("a.png"), key));
        assert!(links.read(&text, now.plus(10 * Millis::MINUTE - 1)).is_some() && links.read(&text, now.plus(LIFETIME_MS)).is_none());
        for index in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("text");
            // The last character of a digest holds two bits that count for nothing.
            assert!(changed == text || index + 1 == text.len() || links.read(&changed, now).is_none(), "character {index}");
        }
    }

    #[test]
    fn a_link_made_before_its_key_was_replaced_still_opens_and_a_strangers_never() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Millis(1_790_000_000_000);
        let text = links(folder.path(), "a", &[("a", 1)]).make(&Key::parse("x/y").expect("a key"), "image/png", None, now);
        assert!(links(folder.path(), "b", &[("a", 1), ("b", 2)]).read(&text, now).is_some());
        assert!(links(folder.path(), "b", &[("b", 2)]).read(&text, now).is_none());
    }
}
