//! Files of messages: fetched from Meta, kept in an object store under keys of their tenant, handed out by links that end.

mod fetch;
mod link;
mod store;
mod upload;

use std::collections::BTreeMap;

use serde::Deserialize;
use sluice_schemas::ids::TenantId;

pub use fetch::{Error, Fetch, Fetched, Verdict, fetch};
pub use link::{Link, Links};
pub use object_store::Error as StoreError;
pub use store::{Store, Written};
pub use upload::{Error as UploadError, Upload, Uploaded, upload};

/// Where files are kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// A folder, or the address of a bucket such as `s3://bucket/prefix`.
    pub store: String,
    /// Settings of the store, such as `aws_endpoint`, `aws_region`, `aws_access_key_id`, `aws_secret_access_key`.
    pub options: BTreeMap<String, String>,
    /// A file is deleted after this many days; 0 keeps it for good.
    pub keep_days: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { store: "media".into(), options: BTreeMap::new(), keep_days: 90 }
    }
}

/// Where a file lies: its first part is the tenant, so that no key of one tenant can name a file of another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(object_store::path::Path);

impl Key {
    /// The `index`th file of message `id` (wamid, mid, or the key by which dedup knows the event).
    pub fn message(tenant: TenantId, account: &str, id: &str, index: usize) -> Self {
        Self(format!("{tenant}/in/{}/{index}", hex::encode(&digest(&format!("{account}/{id}"))[..16])).into())
    }

    /// A file that `account` sends.
    pub fn upload(tenant: TenantId, account: &str, sha256: &[u8; 32]) -> Self {
        Self(format!("{tenant}/out/{}/{}", hex::encode(&digest(account)[..16]), hex::encode(sha256)).into())
    }

    /// A file of `tenant` that is on its way in.
    fn passing(tenant: TenantId) -> Self {
        Self(format!("{tenant}/passing/{}", uuid::Uuid::now_v7()).into())
    }

    /// The key that a link names, if it is one.
    fn parse(text: &str) -> Option<Self> {
        object_store::path::Path::parse(text).ok().map(Self)
    }

    /// As links write it.
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }
}

/// Ids hold characters that no folder takes, so keys are made of their digests.
fn digest(text: &str) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    bytes
}

/// Most bytes of a file of this type (contract §9). What Instagram and Messenger name otherwise is taken as large as a document.
pub fn most_bytes(r#type: &str) -> u64 {
    const MB: u64 = 1 << 20;
    match r#type {
        "image" => 5 * MB,
        "audio" | "video" => 16 * MB,
        "sticker" => 500 << 10,
        _ => 100 * MB,
    }
}

/// Whether a file of this MIME type can be a message of this type; parameters do not count.
pub fn fits(r#type: &str, mime: &str) -> bool {
    let family = essence(mime).split('/').next().unwrap_or_default().to_owned();
    match r#type {
        "image" | "sticker" => family == "image",
        "audio" => family == "audio",
        "video" => family == "video",
        _ => true,
    }
}

/// A MIME type without its parameters, in small letters.
pub fn essence(mime: &str) -> String {
    mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_begins_with_its_tenant_whatever_the_ids_are() {
        let (a, b) = (TenantId::from_bytes([1; 16]), TenantId::from_bytes([2; 16]));
        let hostile = ["wamid.HBgL/../../x==", "../../../etc/passwd", "", "a/b", &format!("{b}/in/x/0")].map(str::to_owned);
        let mut keys = std::collections::HashSet::new();
        for id in &hostile {
            for tenant in [a, b] {
                let key = Key::message(tenant, "1", id, 0);
                assert!(key.as_str().starts_with(&format!("{tenant}/in/")) && key.as_str().split('/').count() == 4, "{}", key.as_str());
                assert!(keys.insert(key.clone()) && Key::parse(key.as_str()) == Some(key));
            }
        }
    }

    #[test]
    fn types_have_the_limits_of_the_contract() {
        assert_eq!(
            ["image", "audio", "sticker", "document", "ig_reel"].map(most_bytes),
            [5 << 20, 16 << 20, 500 << 10, 100 << 20, 100 << 20]
        );
        assert!(fits("audio", "audio/ogg; codecs=opus") && fits("document", "image/png") && fits("sticker", "image/webp"));
        assert!(!fits("image", "text/html") && !fits("video", "audio/mp4"));
    }
}
