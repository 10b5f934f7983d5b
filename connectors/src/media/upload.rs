//! A file of a business, from whoever has it to Meta, once: the id that Meta gives is used until it expires.

use bytes::Bytes;
use futures::Stream;
use jiff::Timestamp;
use sluice_schemas::ids::TenantId;

use super::store::{Broken, Store, Written};
use super::{Key, essence};
use crate::meta::{Client, Uploading, graph};
use crate::postgres::seal::Keyring;
use crate::postgres::uploads::{self, Kept};
use crate::postgres::{self, Pool, numbers};

/// A file that somebody hands in.
#[derive(Debug, Clone)]
pub struct Upload<'a> {
    /// Owner.
    pub tenant: TenantId,
    /// The number that will send it: an id belongs to one number.
    pub account: &'a str,
    /// MIME type.
    pub mime: &'a str,
    /// Name of the file.
    pub name: &'a str,
    /// Who hands it in.
    pub by: &'a str,
}

/// A file that messages can name.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Uploaded {
    /// Meta's id.
    pub id: String,
    /// When Meta forgets it.
    pub expires_at: Timestamp,
    /// Bytes.
    pub bytes: u64,
    /// Message type that it fits: `image`, `audio`, `video`, `sticker`, `document`.
    pub r#type: &'static str,
    /// Whether Meta had it already.
    pub reused: bool,
}

/// Why it is not at Meta.
#[derive(Debug, thiserror::Error)]
pub enum Error<E> {
    /// It cannot be a message: the field and why.
    #[error("{0}: {1}")]
    Field(&'static str, String),
    /// Whoever hands it in stopped.
    #[error("the file did not arrive whole: {0}")]
    Source(E),
    /// Meta.
    #[error(transparent)]
    Meta(#[from] graph::Error),
    /// Postgres.
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
    /// The store.
    #[error("the media store: {0}")]
    Store(#[from] object_store::Error),
}

/// Message type and most bytes of what Meta takes (contract §9); `None` for a picture or sound of another kind, which Meta refuses.
fn kind(mime: &str) -> Option<(&'static str, u64)> {
    let r#type = match mime.split_once('/')? {
        ("image", "jpeg" | "png") => "image",
        ("image", "webp") => "sticker",
        ("audio", "aac" | "mp4" | "mpeg" | "amr" | "ogg" | "opus") => "audio",
        ("video", "mp4" | "3gpp") => "video",
        ("image" | "audio" | "video", _) => return None,
        _ => "document",
    };
    Some((r#type, super::most_bytes(r#type)))
}

/// Uploads a file; a part of it is in memory at a time. One that this number has at Meta for another day at least is not sent again.
pub async fn upload<E>(
    (pool, keys): (&Pool, &Keyring),
    (client, store): (&Client, &Store),
    upload: &Upload<'_>,
    file: impl Stream<Item = Result<Bytes, E>>,
) -> Result<Uploaded, Error<E>> {
    let mime = essence(upload.mime);
    let (r#type, most) = kind(&mime).ok_or_else(|| {
        Error::Field(
            "type",
            format!("`{mime}` is none that WhatsApp takes: image/jpeg, image/png, image/webp, audio/ogg, video/mp4, application/pdf, …"),
        )
    })?;
    let token = numbers::token(pool, keys, upload.tenant, "whatsapp", upload.account).await?.ok_or_else(|| {
        Error::Field("account", format!("`{}` is no WhatsApp number of this tenant with an access token", upload.account))
    })?;
    let passing = Key::passing(upload.tenant);
    let written = store.write(&passing, file, most).await.map_err(|broken| match broken {
        Broken::Source(e) => Error::Source(e),
        Broken::Large(most) => Error::Field("file", format!("is larger than {most} bytes, the most for `{mime}`")),
        Broken::Store(e) => Error::Store(e),
    })?;
    let passed = pass((pool, store), client, upload, (&mime, &passing, &written), &token).await;
    if passed.as_ref().map_or(true, |(_, reused)| *reused) {
        store.delete(&passing).await?;
    }
    let (Kept { media_id, expires_at, .. }, reused) = passed?;
    Ok(Uploaded { id: media_id, expires_at, bytes: written.bytes, r#type, reused })
}

async fn pass<E>(
    (pool, store): (&Pool, &Store),
    client: &Client,
    upload: &Upload<'_>,
    (mime, passing, written): (&str, &Key, &Written),
    token: &secrecy::SecretString,
) -> Result<(Kept, bool), Error<E>> {
    if written.bytes == 0 {
        return Err(Error::Field("file", "is empty".into()));
    }
    let transaction = pool.tenant(upload.tenant).await?;
    let kept = uploads::find(&transaction, upload.account, &written.sha256, mime).await?;
    transaction.commit().await?;
    if let Some(kept) = kept {
        return Ok((kept, true));
    }
    let Some((_, file)) = store.read(passing, None).await? else {
        return Err(Error::Field("file", "was swept away on its way: hand it in again".into()));
    };
    let uploading =
        Uploading { account: upload.account.to_owned(), mime: mime.to_owned(), name: upload.name.to_owned(), bytes: written.bytes, file };
    let media_id = client.upload(uploading, token).await?;
    // Kept beside Meta's copy, so that the inbox can show what was sent.
    store.rename(passing, &Key::upload(upload.tenant, upload.account, &written.sha256)).await?;
    let transaction = pool.tenant(upload.tenant).await?;
    let kept = uploads::put(&transaction, upload, mime, written, &media_id).await?;
    transaction.commit().await?;
    Ok((kept, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_meta_takes_has_a_type_and_the_rest_is_refused_before_it_is_sent() {
        let types = ["image/png", "image/webp", "audio/ogg", "video/mp4", "application/pdf", "text/csv"];
        assert_eq!(
            types.map(|mime| kind(mime).map(|(r#type, _)| r#type)),
            ["image", "sticker", "audio", "video", "document", "document"].map(Some)
        );
        assert_eq!(["image/gif", "video/webm", "audio/wav", "png", ""].map(kind), [None; 5]);
    }
}
