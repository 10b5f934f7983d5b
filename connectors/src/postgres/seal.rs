//! Secrets at rest: AES-256-GCM under a data key of the tenant's own, which is wrapped by a key-encryption key from configuration.
//!
//! The additional data binds a secret to its tenant, table, column and row: a sealed value that is copied elsewhere does not open.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use sluice_schemas::ids::TenantId;

const FORMAT: u8 = 1;
const KEY_LEN: usize = 32;

/// Why a secret could not be sealed or opened. It never says what is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A key-encryption key in the configuration is not 32 bytes of base64.
    #[error("secrets.keys.{0}: expected 32 bytes in base64, as `openssl rand -base64 32` gives")]
    Key(String),
    /// The configuration lacks the key that wrapped a data key.
    #[error("key-encryption key `{0}` is not configured; add it under `secrets.keys` (old keys stay until everything is wrapped anew)")]
    UnknownKey(String),
    /// The value was changed, moved, or sealed under another key.
    #[error("a sealed value does not open: it was changed, moved to another row, or sealed under another key")]
    Damaged,
    /// The cryptographic library failed.
    #[error("sealing failed")]
    Failed,
}

/// The key-encryption keys: only `sender`, `media` and `api` hold them.
#[derive(Clone)]
pub struct Keyring {
    current: String,
    keys: BTreeMap<String, [u8; KEY_LEN]>,
}

impl Keyring {
    /// Keys by name, in base64; `current` wraps new data keys, the others still open old ones.
    pub fn new<'a>(current: &str, keys: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        let mut ring = BTreeMap::new();
        for (name, text) in keys {
            let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim()).map_err(|_| Error::Key(name.to_owned()))?;
            ring.insert(name.to_owned(), bytes.try_into().map_err(|_| Error::Key(name.to_owned()))?);
        }
        if !ring.contains_key(current) {
            return Err(Error::UnknownKey(current.to_owned()));
        }
        Ok(Self { current: current.to_owned(), keys: ring })
    }

    /// Name of the key that wraps new data keys.
    pub fn current(&self) -> &str {
        &self.current
    }

    /// A key for another purpose from each key-encryption key, that of the current one first. What it signs tells nothing about them.
    pub(crate) fn derived(&self, purpose: &str) -> Vec<[u8; KEY_LEN]> {
        let mut names: Vec<&String> = self.keys.keys().collect();
        names.sort_by_key(|name| **name != self.current);
        let derive = |name: &String| {
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &self.keys[name]);
            let mut bytes = [0; KEY_LEN];
            bytes.copy_from_slice(aws_lc_rs::hmac::sign(&key, &lengths(&[b"derived", purpose.as_bytes()])).as_ref());
            bytes
        };
        names.into_iter().map(derive).collect()
    }

    /// A new data key and its wrapped form.
    pub(crate) fn create(&self, tenant: TenantId, key_id: i32) -> Result<(DataKey, Vec<u8>), Error> {
        let mut bytes = [0; KEY_LEN];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::Failed)?;
        let wrapped = seal(self.key(&self.current)?, &wrap_aad(tenant, key_id), &bytes)?;
        Ok((DataKey { key_id, bytes }, wrapped))
    }

    /// A data key, wrapped by the current key.
    pub(crate) fn wrap(&self, tenant: TenantId, key: &DataKey) -> Result<Vec<u8>, Error> {
        seal(self.key(&self.current)?, &wrap_aad(tenant, key.key_id), &key.bytes)
    }

    /// The data key that `kek` has wrapped.
    pub(crate) fn unwrap(&self, tenant: TenantId, key_id: i32, kek: &str, wrapped: &[u8]) -> Result<DataKey, Error> {
        let bytes = open(self.key(kek)?, &wrap_aad(tenant, key_id), wrapped)?;
        Ok(DataKey { key_id, bytes: bytes.try_into().map_err(|_| Error::Damaged)? })
    }

    fn key(&self, name: &str) -> Result<&[u8; KEY_LEN], Error> {
        self.keys.get(name).ok_or_else(|| Error::UnknownKey(name.to_owned()))
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("current", &self.current).field("keys", &self.keys.keys()).finish()
    }
}

/// A tenant's key, open.
pub(crate) struct DataKey {
    pub(crate) key_id: i32,
    bytes: [u8; KEY_LEN],
}

impl DataKey {
    pub(crate) fn seal(&self, place: &Place<'_>, secret: &[u8]) -> Result<Vec<u8>, Error> {
        seal(&self.bytes, &place.aad(), secret)
    }

    pub(crate) fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        open(&self.bytes, &place.aad(), sealed)
    }
}

/// Where a secret stands.
pub(crate) struct Place<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) table: &'a str,
    pub(crate) column: &'a str,
    pub(crate) row: &'a str,
}

impl Place<'_> {
    fn aad(&self) -> Vec<u8> {
        lengths(&[b"secret", self.tenant.as_bytes(), self.table.as_bytes(), self.column.as_bytes(), self.row.as_bytes()])
    }
}

fn wrap_aad(tenant: TenantId, key_id: i32) -> Vec<u8> {
    lengths(&[b"data key", tenant.as_bytes(), &key_id.to_be_bytes()])
}

/// The lengths keep ("ab","c") and ("a","bc") apart.
fn lengths(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| (part.len() as u32).to_be_bytes().into_iter().chain(part.iter().copied())).collect()
}

fn seal(key: &[u8; KEY_LEN], aad: &[u8], secret: &[u8]) -> Result<Vec<u8>, Error> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| Error::Failed)?;
    let mut sealed = secret.to_vec();
    let nonce = key.seal_in_place_append_tag(Aad::from(aad), &mut sealed).map_err(|_| Error::Failed)?;
    Ok([&[FORMAT][..], nonce.as_ref(), &sealed].concat())
}

fn open(key: &[u8; KEY_LEN], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Error> {
    let Some((&FORMAT, rest)) = sealed.split_first() else { return Err(Error::Damaged) };
    let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(Error::Damaged)?;
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| Error::Failed)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Error::Damaged)?;
    let mut body = body.to_vec();
    let opened = key.open_in_place(nonce, Aad::from(aad), &mut body).map_err(|_| Error::Damaged)?.len();
    body.truncate(opened);
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: TenantId = TenantId::from_bytes([7; 16]);

    fn ring() -> Keyring {
        let key = |byte| base64::engine::general_purpose::STANDARD.encode([byte; 32]);
        Keyring::new("new", [("new", key(1).as_str()), ("old", key(2).as_str())]).unwrap()
    }

    fn place(row: &str) -> Place<'_> {
        Place { tenant: TENANT, table: "numbers", column: "access_token_sealed", row }
    }

    #[test]
    fn a_secret_opens_only_where_it_was_sealed() {
        let (key, wrapped) = ring().create(TENANT, 1).unwrap();
        let sealed = key.seal(&place("whatsapp/1"), b"EAAG").unwrap();
        let again = ring().unwrap(TENANT, 1, "new", &wrapped).unwrap();
        assert_eq!(again.open(&place("whatsapp/1"), &sealed).unwrap(), b"EAAG");
        assert_eq!(again.open(&place("whatsapp/2"), &sealed), Err(Error::Damaged));
        assert_eq!(again.open(&Place { column: "other", ..place("whatsapp/1") }, &sealed), Err(Error::Damaged));
    }

    #[test]
    fn a_changed_value_does_not_open() {
        let (key, _) = ring().create(TENANT, 1).unwrap();
        let sealed = key.seal(&place("r"), b"EAAG").unwrap();
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert_eq!(key.open(&place("r"), &changed), Err(Error::Damaged), "byte {index}");
            assert_eq!(key.open(&place("r"), &sealed[..index]), Err(Error::Damaged), "cut at {index}");
        }
    }

    #[test]
    fn a_data_key_belongs_to_its_tenant_and_its_wrapping_key() {
        let (_, wrapped) = ring().create(TENANT, 1).unwrap();
        assert!(ring().unwrap(TenantId::from_bytes([8; 16]), 1, "new", &wrapped).is_err());
        assert!(ring().unwrap(TENANT, 2, "new", &wrapped).is_err());
        assert!(ring().unwrap(TENANT, 1, "old", &wrapped).is_err());
        assert_eq!(ring().unwrap(TENANT, 1, "lost", &wrapped).err(), Some(Error::UnknownKey("lost".into())));
    }

    #[test]
    fn a_malformed_key_is_named() {
        assert_eq!(Keyring::new("a", [("a", "c2hvcnQ=")]).err(), Some(Error::Key("a".into())));
    }
}
