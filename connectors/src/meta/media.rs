//! Files at Meta: where one is, its bytes, and the upload of one (contract §9).

use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use secrecy::{ExposeSecret as _, SecretString};
use sluice_schemas::meta::{Response, response};

use super::Client;
use super::graph::Error;

/// A file of 100 MB over a slow line; each piece has a limit of its own.
const WHOLE: Duration = Duration::from_mins(30);
/// Longest pause between two pieces.
const PIECE: Duration = Duration::from_secs(30);

/// Where a file is, for five minutes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Address; needs the token.
    pub url: String,
    /// Type as Meta has it.
    pub mime: Option<String>,
    /// Digest in base64 or in hexadecimal digits.
    pub sha256: Option<String>,
    /// Bytes.
    pub bytes: Option<u64>,
}

/// A file to upload.
pub struct Uploading<S> {
    /// The number that will send it.
    pub account: String,
    /// MIME type.
    pub mime: String,
    /// Its name.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
    /// The file, piece by piece.
    pub file: S,
}

impl Client {
    /// Where the file `id` is, asked for as `account`.
    pub async fn media(&self, id: &str, account: &str, token: &SecretString) -> Result<Place, Error> {
        let answer = self.get(id, &[("phone_number_id", account)], token).await?;
        match response(Some(200), answer.to_string().as_bytes()) {
            Response::Media { url, mime_type, sha256, file_size, .. } => {
                Ok(Place { url, mime: mime_type, sha256, bytes: file_size.and_then(|size| size.try_into().ok()) })
            }
            _ => Err(Error::Unexpected("no address of a file".into())),
        }
    }

    /// Begins a download; the status is for the caller to judge. Without a token for an address that is open by itself.
    pub async fn download(&self, url: &str, token: Option<&SecretString>) -> Result<Download, Error> {
        let url = reqwest::Url::parse(url).map_err(|e| Error::Unexpected(format!("the address of a file: {e}")))?;
        let mut request = self.http.get(url).timeout(WHOLE);
        if let Some(token) = token {
            request = request.bearer_auth(token.expose_secret());
        }
        match tokio::time::timeout(PIECE, request.send()).await {
            Ok(Ok(answer)) => Ok(Download(answer)),
            Ok(Err(e)) => Err(Error::Unreachable(e.without_url().to_string())),
            Err(_) => Err(Error::Unreachable("no answer in time".into())),
        }
    }

    /// Uploads a file and returns its id, which lives 30 days. A file that arrives twice gets two ids and harms nobody.
    pub async fn upload<S, E>(&self, uploading: Uploading<S>, token: &SecretString) -> Result<String, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let Uploading { account, mime, name, bytes, file } = uploading;
        let part = reqwest::multipart::Part::stream_with_length(reqwest::Body::wrap_stream(file), bytes).file_name(name);
        let part = part.mime_str(&mime).map_err(|e| Error::Unexpected(format!("the type `{mime}`: {e}")))?;
        let form = reqwest::multipart::Form::new().text("messaging_product", "whatsapp").text("type", mime).part("file", part);
        let url = format!("{}/{}/{account}/media", self.options.graph_url, self.options.version);
        let request = self.http.post(url).bearer_auth(token.expose_secret()).timeout(WHOLE).multipart(form);
        let answer = super::graph::answer(request).await?;
        answer["id"].as_str().map(str::to_owned).ok_or_else(|| Error::Unexpected("no id of the file".into()))
    }
}

/// A download that has begun.
pub struct Download(reqwest::Response);

impl Download {
    /// HTTP status.
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// What the server calls its type.
    pub fn mime(&self) -> Option<&str> {
        self.0.headers().get(reqwest::header::CONTENT_TYPE)?.to_str().ok()
    }

    /// The file, piece by piece; a line that stands still ends it.
    pub fn pieces(self) -> impl Stream<Item = Result<Bytes, Error>> {
        futures::stream::unfold(Some(self.0), async |answer| {
            let mut answer = answer?;
            match tokio::time::timeout(PIECE, answer.chunk()).await {
                Ok(Ok(Some(piece))) => Some((Ok(piece), Some(answer))),
                Ok(Ok(None)) => None,
                Ok(Err(e)) => Some((Err(Error::Unreachable(e.without_url().to_string())), None)),
                Err(_) => Some((Err(Error::Unreachable("the file stood still".into())), None)),
            }
        })
    }
}
