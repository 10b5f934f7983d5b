//! Extractors whose refusals are problem documents.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts};

use crate::Error;

/// A JSON body.
#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(Error))]
pub struct Json<T>(pub T);

impl<T: serde::de::DeserializeOwned> Json<T> {
    /// The JSON in a body that was read already.
    pub fn from_bytes(body: &[u8]) -> Result<Self, Error> {
        axum::Json::from_bytes(body).map(|axum::Json(value)| Self(value)).map_err(Error::from)
    }
}

/// Parts of the address.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Error))]
pub struct Path<T>(pub T);

/// The query.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Error))]
pub struct Query<T>(pub T);

/// The moment that a field of a request names.
pub fn moment(field: &str, text: &str) -> Result<jiff::Timestamp, Error> {
    text.parse().map_err(|_| Error::field(field, format!("`{field}` is a time as 2026-11-27T09:00:00Z")))
}

impl From<JsonRejection> for Error {
    fn from(rejection: JsonRejection) -> Self {
        Self::field("body", rejection.body_text())
    }
}

impl From<PathRejection> for Error {
    fn from(_: PathRejection) -> Self {
        Self::NotFound("thing with such an id".into())
    }
}

impl From<QueryRejection> for Error {
    fn from(rejection: QueryRejection) -> Self {
        Self::field("query", rejection.body_text())
    }
}
