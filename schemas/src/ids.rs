//! Identifiers. Each is a newtype, so that one cannot stand in another's place, and a tenant cannot be forgotten.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is not a 128-bit identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an identifier: expected 32 hexadecimal digits, with or without hyphens")]
pub struct InvalidId(String);

macro_rules! id16 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The identifier made of these 16 bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
            /// The 16 bytes, big-endian.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }
        impl From<[u8; 16]> for $name {
            fn from(bytes: [u8; 16]) -> Self {
                Self::from_bytes(bytes)
            }
        }
        impl AsRef<[u8; 16]> for $name {
            fn as_ref(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(s: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(s).map(Self).map_err(|_| InvalidId(s.to_owned()))
            }
        }
    };
}

id16!(
    /// A customer of sluice: the first component of every key.
    TenantId
);
id16!(
    /// A conversation of one number with one person, minted at first sight and never recomputed.
    ConversationId
);
id16!(
    /// A send: hash of tenant, cause and step, never of attempt or epoch. The same cause planned twice is one send.
    SendId
);
id16!(
    /// A campaign.
    CampaignId
);
id16!(
    /// A quote.
    QuoteId
);
id16!(
    /// Follows one webhook update through every topic; also written to the logs.
    TraceId
);

impl TenantId {
    /// The tenant of a record whose number is not registered.
    pub const UNKNOWN: Self = Self(Uuid::nil());
}

fn digest16(parts: &[&[u8]]) -> [u8; 16] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in parts {
        // The length keeps ("ab","c") and ("a","bc") apart.
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let digest = context.finish();
    let mut out = [0; 16];
    out.copy_from_slice(&digest.as_ref()[..16]);
    out
}

impl SendId {
    /// The send of `step` (0 for the first message) of `cause` (an event's id, a campaign's row, a request's key).
    pub fn of(tenant: TenantId, cause: &str, step: u32) -> Self {
        digest16(&[b"send", tenant.as_bytes(), cause.as_bytes(), &step.to_be_bytes()]).into()
    }
}

impl ConversationId {
    /// The id minted when `contact` is first seen at `account`.
    pub fn mint(tenant: TenantId, account: &str, contact: &str) -> Self {
        digest16(&[b"conversation", tenant.as_bytes(), account.as_bytes(), contact.as_bytes()]).into()
    }
}

impl QuoteId {
    /// The quote that answers the event whose dedup key is `cause`.
    pub fn of(tenant: TenantId, cause: &str) -> Self {
        digest16(&[b"quote", tenant.as_bytes(), cause.as_bytes()]).into()
    }
}

impl TraceId {
    /// The trace of update `position` of the body with this SHA-256: the same when Meta resends the body.
    pub fn of(body_sha256: &[u8], position: u32) -> Self {
        digest16(&[b"trace", body_sha256, &position.to_be_bytes()]).into()
    }
}

/// Serde form of an identifier inside Avro records: 16 bytes (`fixed(16)`) instead of text.
pub mod bin {
    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};
    use std::marker::PhantomData;

    /// Writes 16 bytes.
    pub fn serialize<T: AsRef<[u8; 16]>, S: Serializer>(id: &T, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(id.as_ref())
    }

    /// Reads 16 bytes.
    pub fn deserialize<'de, T: From<[u8; 16]>, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
        d.deserialize_bytes(Bytes16(PhantomData))
    }

    struct Bytes16<T>(PhantomData<T>);

    impl<T: From<[u8; 16]>> Visitor<'_> for Bytes16<T> {
        type Value = T;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("16 bytes")
        }
        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<T, E> {
            <[u8; 16]>::try_from(bytes).map(T::from).map_err(|_| E::invalid_length(bytes.len(), &self))
        }
    }
}

/// As [`bin`], for an optional identifier: `["null", fixed(16)]`.
pub mod bin_opt {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    struct Out<'a, T>(&'a T);
    impl<T: AsRef<[u8; 16]>> Serialize for Out<'_, T> {
        fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            super::bin::serialize(self.0, s)
        }
    }
    struct In<T>(T);
    impl<'de, T: From<[u8; 16]>> Deserialize<'de> for In<T> {
        fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
            super::bin::deserialize(d).map(In)
        }
    }

    /// Writes null or 16 bytes.
    pub fn serialize<T: AsRef<[u8; 16]>, S: Serializer>(id: &Option<T>, s: S) -> Result<S::Ok, S::Error> {
        id.as_ref().map(Out).serialize(s)
    }

    /// Reads null or 16 bytes.
    pub fn deserialize<'de, T: From<[u8; 16]>, D: Deserializer<'de>>(d: D) -> Result<Option<T>, D::Error> {
        Ok(Option::<In<T>>::deserialize(d)?.map(|In(id)| id))
    }
}
