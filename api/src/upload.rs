//! The multipart form that makes a campaign: text fields first, the file last and read as it arrives.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartError};
use tokio::sync::oneshot;

use crate::Error;
use crate::data::campaigns::New;
use crate::data::contacts;
use crate::data::upload::{Upload, Writer, upload};

/// Largest text field.
const FIELD_BYTES: usize = 16 * 1024;

/// A form whose text fields have been read; its file arrives while it is read.
pub struct Form {
    /// Text fields by name.
    pub fields: HashMap<String, String>,
    /// The part `csv`.
    pub file: Upload,
    /// What that part calls its file.
    pub file_name: Option<String>,
}

fn broken(e: &MultipartError) -> Error {
    Error::field("body", format!("the form cannot be read: {}", e.body_text()))
}

impl Form {
    /// Reads the text fields up to the part `csv`, of which at most `limit` bytes follow in the background.
    pub async fn read(mut multipart: Multipart, limit: usize) -> Result<Self, Error> {
        let (writer, file) = upload(limit);
        let (done, read) = oneshot::channel();
        // A part borrows its form, so both live in one task until the file is through.
        tokio::spawn(async move {
            let mut fields = HashMap::new();
            let result = loop {
                match multipart.next_field().await {
                    Err(e) => break Err(broken(&e)),
                    // A campaign to a segment needs no file.
                    Ok(None) if fields.contains_key("segment") => break Ok((fields, None)),
                    Ok(None) => break Err(Error::field("csv", "the part `csv` is missing; it must be the last one")),
                    Ok(Some(part)) if part.name() == Some("csv") => {
                        let name = part.file_name().map(|name| name.chars().take(200).collect());
                        let _ = done.send(Ok((fields, name)));
                        return pass(part, writer).await;
                    }
                    Ok(Some(part)) => match text(part).await {
                        Ok((name, value)) => fields.insert(name, value),
                        Err(e) => break Err(e),
                    },
                };
            };
            let _ = done.send(result);
        });
        let (fields, file_name) = read.await.map_err(|_| Error::Internal("the form's task ended".into()))??;
        Ok(Self { fields, file, file_name })
    }

    /// A text field, trimmed; empty when it is missing.
    pub fn text(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.trim())
    }

    /// A text field; none when it is empty or missing.
    fn some(&self, name: &str) -> Option<String> {
        Some(self.text(name).to_owned()).filter(|value| !value.is_empty())
    }

    /// Texts separated by commas.
    fn list(&self, name: &str) -> Vec<String> {
        self.text(name).split(',').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
    }

    /// The import of contacts that the fields describe.
    pub fn contacts(&self) -> contacts::New {
        contacts::New {
            file: self.some("file").or_else(|| self.file_name.clone()).unwrap_or_else(|| "upload".into()),
            country: self.some("country").map(|country| country.to_uppercase()),
            phone_column: self.some("phone_column"),
            tags: self.list("tags"),
            consent: self.some("consent"),
        }
    }

    /// The campaign that the fields describe.
    pub fn campaign(&self) -> Result<New, Error> {
        let throttle = match self.text("throttle") {
            "" => 0,
            text => text.parse().map_err(|_| Error::field("throttle", "`throttle` is 0 to 1000 messages a second"))?,
        };
        let failure_limit = match self.text("failure_limit") {
            "" => None,
            text => Some(text.parse().map_err(|_| Error::field("failure_limit", "`failure_limit` is 0 to 100 percent"))?),
        };
        Ok(New {
            name: self.text("name").to_owned(),
            account: self.text("account").to_owned(),
            template: self.text("template").to_owned(),
            language: self.text("language").to_owned(),
            columns: self.list("columns"),
            phone_column: self.some("phone_column"),
            country: self.some("country").map(|country| country.to_uppercase()),
            throttle,
            failure_limit,
            window: self.some("window"),
            segment: self.some("segment"),
        })
    }
}

async fn text(mut part: Field<'_>) -> Result<(String, String), Error> {
    let name = part.name().unwrap_or_default().to_owned();
    let mut bytes = Vec::new();
    while let Some(piece) = part.chunk().await.map_err(|e| broken(&e))? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > FIELD_BYTES {
            return Err(Error::field(&name, format!("`{name}` is longer than {FIELD_BYTES} bytes")));
        }
    }
    Ok((name, String::from_utf8_lossy(&bytes).into_owned()))
}

async fn pass(mut part: Field<'_>, mut writer: Writer) {
    loop {
        let piece: Result<Option<Bytes>, _> = part.chunk().await;
        match piece {
            Ok(Some(piece)) => match writer.write(piece).await {
                Ok(true) => {}
                // The reader has given up, or the limit is passed and the reader knows.
                Ok(false) | Err(_) => return,
            },
            Ok(None) => return,
            Err(e) => return writer.fail(&e.body_text()).await,
        }
    }
}
