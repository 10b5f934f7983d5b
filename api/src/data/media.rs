//! Files of messages: what a page shows of them, and the way in for those of the business.

use std::ops::Range;

use bytes::Bytes;
use futures::future::join_all;
use futures::{Stream, StreamExt as _};
use http_range_header::parse_range_header;
use serde::Deserialize;
use serde_json::Value;
use sluice_connectors::media::{self, Key, Upload, UploadError};
use sluice_connectors::postgres::uploads;
use sluice_connectors::scylla::{Direction, MessageRow};
use sluice_schemas::ids::TenantId;
use sluice_schemas::meta;
use sluice_schemas::time::Millis;

use crate::auth::Actor;
use crate::view::{Attachment, UploadedFile};
use crate::{Error, State};

/// A file before it is known whether it is there.
struct Named {
    key: Key,
    r#type: String,
    mime: String,
    name: Option<String>,
}

/// The files of each of these messages, with links where they are there.
pub(super) async fn of(app: &State, tenant: TenantId, rows: &[&MessageRow]) -> Result<Vec<Vec<Attachment>>, Error> {
    let mut named: Vec<Vec<Named>> = rows.iter().map(|row| received(tenant, row)).collect();
    sent(app, tenant, rows, &mut named).await?;
    Ok(join_all(named.into_iter().map(|files| join_all(files.into_iter().map(|file| shown(app, file))))).await)
}

/// What the webhook of a message names.
fn received(tenant: TenantId, row: &MessageRow) -> Vec<Named> {
    #[derive(Default, Deserialize)]
    struct Body {
        #[serde(default)]
        attachments: Vec<meta::Attachment>,
    }
    if row.direction == Direction::Out || !row.body.contains("\"attachments\"") {
        return Vec::new();
    }
    let body: Body = serde_json::from_str(&row.body).unwrap_or_default();
    let named = |(index, attachment): (usize, meta::Attachment)| Named {
        key: Key::message(tenant, &row.account, &row.message_id, index),
        mime: attachment.mime_type.unwrap_or_else(|| usual(attachment.type_.as_deref()).to_owned()),
        r#type: attachment.type_.unwrap_or_else(|| "file".into()),
        name: attachment.filename,
    };
    body.attachments.into_iter().enumerate().map(named).collect()
}

/// Instagram and Messenger name no MIME type; browsers need one to play a file.
fn usual(r#type: Option<&str>) -> &'static str {
    match r#type {
        Some("image") => "image/jpeg",
        Some("video") => "video/mp4",
        Some("audio") => "audio/mp4",
        _ => "application/octet-stream",
    }
}

/// What messages of the business send by the id of an upload.
async fn sent(app: &State, tenant: TenantId, rows: &[&MessageRow], named: &mut [Vec<Named>]) -> Result<(), Error> {
    let id = |row: &MessageRow| -> Option<(String, String)> {
        let body: Value = serde_json::from_str(&row.body).ok().filter(|_| row.direction == Direction::Out)?;
        let r#type = body["type"].as_str()?;
        Some((r#type.to_owned(), body[r#type]["id"].as_str()?.to_owned()))
    };
    let ids: Vec<Option<(String, String)>> = rows.iter().map(|row| id(row)).collect();
    let asked: Vec<String> = ids.iter().flatten().map(|(_, id)| id.clone()).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let transaction = app.pool.tenant(tenant).await?;
    let known = uploads::named(&transaction, &asked).await?;
    transaction.commit().await?;
    for (id, files) in ids.into_iter().zip(named) {
        let Some((r#type, id)) = id else { continue };
        let Some(kept) = known.iter().find(|kept| kept.media_id == id) else { continue };
        let Ok(sha256) = <&[u8; 32]>::try_from(kept.sha256.as_slice()) else { continue };
        let key = Key::upload(tenant, &kept.account, sha256);
        files.push(Named { key, r#type, mime: kept.mime_type.clone(), name: Some(kept.name.clone()) });
    }
    Ok(())
}

async fn shown(app: &State, file: Named) -> Attachment {
    let Named { key, r#type, mime, name } = file;
    let found = match &app.outside {
        None => None,
        Some(outside) => match outside.links.store().size(&key).await {
            Ok(found) => found.map(|bytes| (bytes, outside.links.make(&key, &mime, name.as_deref(), Millis::now()))),
            Err(e) => {
                tracing::warn!(error = %e, "the media store does not answer");
                None
            }
        },
    };
    let (bytes, url) = found.map_or((None, None), |(bytes, link)| (Some(bytes), Some(format!("/media/{link}"))));
    Attachment { r#type, mime_type: mime, name, bytes, url }
}

/// A file that a link names, or a part of it.
pub(crate) struct Opened<S> {
    /// What the link says of it.
    pub link: media::Link,
    /// Bytes of the whole file.
    pub size: u64,
    /// The part that follows; all of it where no part was asked for.
    pub part: Range<u64>,
    /// The bytes.
    pub stream: S,
}

/// Opens the file that a link names. `range` is a `Range` header that asks for one part of the file; anything else in it is answered with
/// the whole file, as RFC 9110 §14.2 lets a server do.
pub(crate) async fn open(
    app: &State,
    link: &str,
    range: Option<&str>,
) -> Result<Opened<impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static + use<>>, Error> {
    let links = &app.outside()?.links;
    let gone = || Error::NotFound("file under this link: links end after some minutes; load the page again".into());
    let away = |e: media::StoreError| Error::Unavailable { service: "media", cause: e.to_string() };
    let (link, key) = links.read(link, Millis::now()).ok_or_else(gone)?;
    let size = links.store().size(&key).await.map_err(away)?.ok_or_else(gone)?;
    let part = range.and_then(|range| part(range, size));
    let found = links.store().read(&key, part.clone()).await.map_err(away)?;
    let (_, file) = found.ok_or_else(gone)?;
    let stream = file.map(|piece| piece.map_err(std::io::Error::other));
    Ok(Opened { link, size, part: part.unwrap_or(0..size), stream })
}

/// The one part of a file of `size` bytes that a `Range` header asks for.
fn part(range: &str, size: u64) -> Option<Range<u64>> {
    let parts = parse_range_header(range).ok()?.validate(size).ok()?;
    if let [part] = parts.as_slice() { Some(*part.start()..*part.end() + 1) } else { None }
}

/// What is handed in.
pub(crate) struct Handed<'a> {
    /// WhatsApp number that will send it.
    pub account: &'a str,
    /// MIME type.
    pub mime: &'a str,
    /// Name of the file.
    pub name: &'a str,
}

/// Takes a file in and gives it to Meta, once per content and number.
pub(crate) async fn upload<E: std::fmt::Display>(
    app: &State,
    actor: &Actor,
    handed: &Handed<'_>,
    file: impl Stream<Item = Result<Bytes, E>>,
) -> Result<UploadedFile, Error> {
    let outside = app.outside()?;
    let upload = Upload { tenant: actor.tenant, account: handed.account, mime: handed.mime, name: handed.name, by: &actor.name };
    let uploaded = media::upload((&app.pool, &outside.keys), (&outside.client, outside.links.store()), &upload, file).await;
    let uploaded = uploaded.map_err(|e| match e {
        UploadError::Field(field, why) => Error::field(field, format!("`{field}` {why}")),
        UploadError::Source(e) => Error::field("file", format!("the file did not arrive whole: {e}")),
        UploadError::Meta(e) => e.into(),
        UploadError::Postgres(e) => e.into(),
        UploadError::Store(e) => Error::Unavailable { service: "media", cause: e.to_string() },
    })?;
    Ok(UploadedFile {
        id: uploaded.id,
        r#type: uploaded.r#type.to_owned(),
        bytes: uploaded.bytes,
        expires_at: uploaded.expires_at.to_string(),
        reused: uploaded.reused,
    })
}
