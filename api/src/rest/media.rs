use axum::Json as Answer;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::Query;
use crate::Error;
use crate::auth::Actor;
use crate::data::media::{self, Handed};
use crate::error::Problem;
use crate::view::UploadedFile;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct About {
    /// WhatsApp number (phone number id) that will send it.
    account: String,
    /// Name of the file, as the customer will see it.
    #[serde(default)]
    name: Option<String>,
}

/// Gives a file to Meta, for messages that name it by its id: the body is the file, `Content-Type` its type. The same file handed in again
/// gives the same id until a day before Meta forgets it, so that the call may be repeated.
#[utoipa::path(post, path = "/media", tag = "messages", params(About),
    request_body(content = String, content_type = "application/octet-stream"),
    responses(
        (status = 201, body = UploadedFile),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn upload(
    State(app): State<crate::State>,
    actor: Actor,
    Query(about): Query<About>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Answer<UploadedFile>), Error> {
    let mime = headers.get(header::CONTENT_TYPE).and_then(|mime| mime.to_str().ok());
    let mime = mime.ok_or_else(|| Error::field("Content-Type", "say what the file is, as in `Content-Type: image/png`"))?;
    let handed = Handed { account: &about.account, mime, name: about.name.as_deref().unwrap_or("file") };
    Ok((StatusCode::CREATED, Answer(media::upload(&app, &actor, &handed, body.into_data_stream()).await?)))
}
