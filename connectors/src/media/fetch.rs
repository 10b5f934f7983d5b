//! One file of one inbound message, from Meta into the store. Fetched again it changes nothing.

use base64::Engine as _;
use secrecy::SecretString;
use sluice_schemas::ids::TenantId;
use sluice_schemas::meta::Attachment;

use super::store::{Broken, Store, Written};
use super::{Key, essence, fits, most_bytes};
use crate::meta::{Client, Download, graph};

/// Types of Instagram and Messenger that are files; the others are links to somewhere.
const FILES: [&str; 4] = ["image", "video", "audio", "file"];

/// Which file.
#[derive(Debug, Clone)]
pub struct Fetch<'a> {
    /// Owner.
    pub tenant: TenantId,
    /// `whatsapp`, `instagram`, `messenger`.
    pub channel: &'a str,
    /// The number or account that received it.
    pub account: &'a str,
    /// Id of the message.
    pub message: &'a str,
    /// Which of its files.
    pub index: usize,
    /// What the webhook says of it.
    pub attachment: &'a Attachment,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// It is in the store now.
    Stored(Written),
    /// It was there.
    There,
    /// It is no file.
    Nothing,
}

/// Why it is not in the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The account has no access token that opens.
    #[error("no access token is known for this account: `sluice number add … --token-file`")]
    Token,
    /// Meta's Graph API.
    #[error(transparent)]
    Meta(#[from] graph::Error),
    /// The address of the file answers something else than the file.
    #[error("the file's address answers HTTP status {0}")]
    Status(u16),
    /// Two fresh addresses in a row were not there.
    #[error("Meta has the file no more (404): webhook ids live 7 days")]
    Gone,
    /// Larger than the contract allows.
    #[error("the file is larger than {0} bytes")]
    Large(u64),
    /// Not the file that the webhook names.
    #[error("the file's SHA-256 is not the one that Meta names")]
    Digest,
    /// The bytes do not end where Meta says.
    #[error("the file has {got} bytes, Meta says {said}")]
    Cut {
        /// Bytes that came.
        got: u64,
        /// Bytes that Meta names.
        said: u64,
    },
    /// A type that cannot be what the message says.
    #[error("a message of type `{expected}` cannot be a file of type `{mime}`")]
    Type {
        /// The message's type.
        expected: String,
        /// The file's.
        mime: String,
    },
    /// The store.
    #[error("the media store: {0}")]
    Store(#[from] object_store::Error),
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing can be fetched now: everything waits at its place.
    Outage,
    /// This file alone: another try later.
    Later,
    /// It will never come.
    Never,
}

impl Error {
    /// Stable name for metrics and dead letters.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Meta(e) => e.kind(),
            Self::Status(_) => "status",
            Self::Gone => "gone",
            Self::Large(_) => "large",
            Self::Digest => "digest",
            Self::Cut { .. } => "cut",
            Self::Type { .. } => "type",
            Self::Store(_) => "store",
        }
    }

    /// Every [`Error::kind`] that can end in a dead letter.
    pub const KINDS: &'static [&'static str] =
        &["token", "refused", "unreachable", "unexpected", "status", "gone", "large", "digest", "cut", "type"];

    /// What to do about it.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Store(_) | Self::Meta(graph::Error::NoConnection(_)) => Verdict::Outage,
            Self::Gone | Self::Large(_) | Self::Type { .. } | Self::Meta(graph::Error::Refused { class: "permanent", .. }) => {
                Verdict::Never
            }
            _ => Verdict::Later,
        }
    }
}

impl From<Broken<graph::Error>> for Error {
    fn from(broken: Broken<graph::Error>) -> Self {
        match broken {
            // The line to one file broke: that says nothing about the others.
            Broken::Source(graph::Error::NoConnection(e)) => Self::Meta(graph::Error::Unreachable(e)),
            Broken::Source(e) => Self::Meta(e),
            Broken::Large(most) => Self::Large(most),
            Broken::Store(e) => Self::Store(e),
        }
    }
}

/// Fetches it, unless it is there. Size, type and digest are checked against the contract and against what Meta says; a file that fails a
/// check is not kept.
pub async fn fetch(client: &Client, store: &Store, token: Option<&SecretString>, wanted: &Fetch<'_>) -> Result<Fetched, Error> {
    let attachment = wanted.attachment;
    let r#type = attachment.type_.as_deref().unwrap_or_default();
    if wanted.channel != "whatsapp" && !FILES.contains(&r#type) {
        return Ok(Fetched::Nothing);
    }
    let key = Key::message(wanted.tenant, wanted.account, wanted.message, wanted.index);
    if store.size(&key).await?.is_some() {
        return Ok(Fetched::There);
    }
    let Some(found) = find(client, token, wanted).await? else { return Ok(Fetched::Nothing) };
    let mime = found.mime.as_deref().or(attachment.mime_type.as_deref()).or(found.download.mime()).map(essence);
    if let Some(mime) = mime.filter(|mime| !fits(r#type, mime)) {
        return Err(Error::Type { expected: r#type.to_owned(), mime });
    }
    let most = most_bytes(if wanted.channel == "whatsapp" { r#type } else { "document" });
    if found.bytes.is_some_and(|bytes| bytes > most) {
        return Err(Error::Large(most));
    }
    let written = store.write(&key, found.download.pieces(), most).await?;
    if let Err(wrong) = check(&written, found.bytes, [found.sha256.as_deref(), attachment.sha256.as_deref()]) {
        store.delete(&key).await?;
        return Err(wrong);
    }
    Ok(Fetched::Stored(written))
}

struct Found {
    download: Download,
    mime: Option<String>,
    sha256: Option<String>,
    bytes: Option<u64>,
}

/// A download that has begun; `None` where there is neither an id nor an address.
async fn find(client: &Client, token: Option<&SecretString>, wanted: &Fetch<'_>) -> Result<Option<Found>, Error> {
    let (Some(id), "whatsapp") = (&wanted.attachment.id, wanted.channel) else {
        let Some(url) = wanted.attachment.url.as_deref() else { return Ok(None) };
        let download = client.download(url, None).await?;
        return match download.status() {
            200 => Ok(Some(Found { download, mime: None, sha256: None, bytes: None })),
            404 | 410 => Err(Error::Gone),
            other => Err(Error::Status(other)),
        };
    };
    let token = token.ok_or(Error::Token)?;
    // An address lives five minutes: one that is gone is asked for anew, once.
    for _ in 0..2 {
        let place = client.media(id, wanted.account, token).await?;
        let download = client.download(&place.url, Some(token)).await?;
        match download.status() {
            200 => return Ok(Some(Found { download, mime: place.mime, sha256: place.sha256, bytes: place.bytes })),
            404 => {}
            other => return Err(Error::Status(other)),
        }
    }
    Err(Error::Gone)
}

fn check(written: &Written, said: Option<u64>, digests: [Option<&str>; 2]) -> Result<(), Error> {
    if let Some(said) = said.filter(|said| *said != written.bytes) {
        return Err(Error::Cut { got: written.bytes, said });
    }
    // Webhooks write it in base64, answers in hexadecimal digits.
    let named = |text: &str| match text.len() {
        64 => hex::decode(text).ok(),
        _ => base64::engine::general_purpose::STANDARD.decode(text).ok(),
    };
    let differs = |text: &str| named(text).is_some_and(|named| named != written.sha256);
    if digests.into_iter().flatten().any(differs) { Err(Error::Digest) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_counts_in_both_spellings_and_one_that_cannot_be_read_counts_not() {
        let written = Written { bytes: 3, sha256: super::super::digest("abc") };
        let hex = hex::encode(written.sha256);
        let base64 = base64::engine::general_purpose::STANDARD.encode(written.sha256);
        assert!(check(&written, Some(3), [Some(&hex), Some(&base64)]).is_ok());
        assert!(check(&written, None, [Some("?"), None]).is_ok());
        let other = base64::engine::general_purpose::STANDARD.encode([7; 32]);
        assert!(matches!(check(&written, Some(3), [Some(&hex), Some(&other)]), Err(Error::Digest)));
        assert!(matches!(check(&written, Some(4), [None, None]), Err(Error::Cut { got: 3, said: 4 })));
    }

    #[test]
    fn only_what_stops_everything_is_an_outage() {
        let refused = |class| Error::Meta(graph::Error::Refused { code: 1, class, message: String::new() });
        let store = || Error::Store(object_store::Error::NotImplemented { operation: String::new(), implementer: String::new() });
        assert_eq!(store().verdict(), Verdict::Outage);
        assert_eq!(Error::Meta(graph::Error::NoConnection(String::new())).verdict(), Verdict::Outage);
        for later in
            [Error::Status(503), Error::Digest, Error::Token, refused("throttle"), Error::Meta(graph::Error::Unreachable(String::new()))]
        {
            assert_eq!(later.verdict(), Verdict::Later, "{later}");
            assert!(Error::KINDS.contains(&later.kind()), "{later}");
        }
        for never in [Error::Gone, Error::Large(1), refused("permanent")] {
            assert_eq!(never.verdict(), Verdict::Never, "{never}");
        }
    }
}
