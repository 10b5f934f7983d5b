use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::Url;
use schema_registry_converter::async_impl::schema_registry::{
    SrSettings, get_all_versions, get_schema_by_id, get_schema_by_subject_and_version, perform_sr_call, post_schema,
};
use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::{RawError, SchemaType, SrCall, SuppliedSchema};
use sluice_schemas::codec::{Codecs, Version};
use sluice_schemas::record::SCHEMAS;

use super::{Error, Options};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Calls at a time: a start should not take one round trip per version, nor storm the registry when all roles start.
const CONCURRENCY: usize = 8;

/// Registers every schema of this build under FULL compatibility and returns them with their ids. Safe to repeat: a
/// schema that is registered already keeps its id.
///
/// Errors: [`Error::Incompatible`] names the first schema that is refused; those before it stay registered.
pub async fn register(options: &Options) -> Result<Vec<Version>, Error> {
    let registry = Registry::new(options)?;
    let mut registered = Vec::with_capacity(SCHEMAS.len());
    for (subject, text) in SCHEMAS {
        registry.require_full(subject).await?;
        let schema = SuppliedSchema::new(None, SchemaType::Avro, (*text).to_owned());
        let answer =
            post_schema(&registry.settings, (*subject).to_owned(), schema).await.map_err(|error| registry.failure(subject, &error))?;
        registered.push(Version { name: (*subject).to_owned(), id: answer.id, text: (*text).to_owned() });
    }
    Ok(registered)
}

/// The codecs of this build: its own schemas by the ids they are registered under, and every other version of their
/// subjects, so that records of older builds, and of a newer one during a rolling upgrade, can be read.
pub async fn load(options: &Options) -> Result<Codecs, Error> {
    let registry = &Registry::new(options)?;
    let own: Vec<Version> =
        stream::iter(SCHEMAS).map(async |(subject, text)| registry.lookup(subject, text).await).buffered(CONCURRENCY).try_collect().await?;
    let all: Vec<Vec<Version>> =
        stream::iter(SCHEMAS).map(async |(subject, _)| registry.versions(subject).await).buffered(CONCURRENCY).try_collect().await?;
    let others: Vec<Version> = all.into_iter().flatten().filter(|version| own.iter().all(|mine| mine.id != version.id)).collect();
    Ok(Codecs::new(&own, &others)?)
}

/// Looks up an id that a newer build has registered since this process started, and tells the codecs what came of it. An error is an
/// outage: whoever waits for the record waits on.
pub async fn learn(options: &Options, codecs: &Codecs, id: u32) -> Result<(), Error> {
    let registry = Registry::new(options)?;
    let subject = format!("id {id}");
    let text = match get_schema_by_id(id, &registry.settings).await.map_err(|error| registry.failure(&subject, &error)) {
        Ok(registered) => Some(registered.schema),
        Err(Error::Unregistered { .. }) => None,
        Err(error) => return Err(error),
    };
    tracing::info!(id, known = text.is_some(), "the registry was asked for a schema that came after this process started");
    Ok(codecs.learn(id, text.as_deref())?)
}

struct Registry {
    settings: SrSettings,
    /// For the one call that the crate lacks.
    http: reqwest::Client,
    base: String,
    /// The address as errors may show it.
    shown: String,
}

impl Registry {
    fn new(options: &Options) -> Result<Self, Error> {
        let base = options.url.trim_end_matches('/').to_owned();
        let shown = shown(&base);
        let unusable = |reason: String| Error::Unreachable { url: shown.clone(), reason };
        let http = reqwest::Client::builder().timeout(TIMEOUT).build().map_err(|error| unusable(error.to_string()))?;
        let settings = SrSettings::new_builder(base.clone()).set_timeout(TIMEOUT).build().map_err(|error| unusable(error.to_string()))?;
        Ok(Self { settings, http, base, shown })
    }

    async fn require_full(&self, subject: &str) -> Result<(), Error> {
        let answer = self
            .http
            .put(format!("{}/config/{subject}", self.base))
            .json(&serde_json::json!({ "compatibility": "FULL" }))
            .send()
            .await
            .map_err(|error| Error::Unreachable { url: self.shown.clone(), reason: words(&error.without_url()) })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let reason = format!("{status} to setting its compatibility to FULL: {}", answer.text().await.unwrap_or_default());
        Err(Error::Answer { url: self.shown.clone(), subject: subject.to_owned(), reason })
    }

    async fn lookup(&self, subject: &str, text: &str) -> Result<Version, Error> {
        let body = serde_json::json!({ "schema": text, "schemaType": "AVRO" }).to_string();
        let answer =
            perform_sr_call(&self.settings, SrCall::PostForVersion(subject, &body)).await.map_err(|error| self.failure(subject, &error))?;
        let id = answer.id.ok_or_else(|| self.answer(subject, "no `id` in the answer"))?;
        Ok(Version { name: subject.to_owned(), id, text: text.to_owned() })
    }

    async fn versions(&self, subject: &str) -> Result<Vec<Version>, Error> {
        let numbers = get_all_versions(&self.settings, subject.to_owned()).await.map_err(|error| self.failure(subject, &error))?;
        let mut versions = Vec::with_capacity(numbers.len());
        for number in numbers {
            let version = get_schema_by_subject_and_version(&self.settings, subject, Some(number))
                .await
                .map_err(|error| self.failure(subject, &error))?;
            versions.push(Version { name: subject.to_owned(), id: version.id, text: version.schema });
        }
        Ok(versions)
    }

    fn answer(&self, subject: &str, reason: &str) -> Error {
        Error::Answer { url: self.shown.clone(), subject: subject.to_owned(), reason: reason.to_owned() }
    }

    fn failure(&self, subject: &str, error: &SRCError) -> Error {
        let source = std::error::Error::source(error);
        if let Some(refusal) = source.and_then(|source| source.downcast_ref::<RawError>()) {
            return match refusal.error_code {
                409 => Error::Incompatible { subject: subject.to_owned(), reason: refusal.message.clone() },
                40401 | 40403 => Error::Unregistered { subject: subject.to_owned() },
                code => self.answer(subject, &format!("{code} {}", refusal.message)),
            };
        }
        match source.and_then(|source| source.downcast_ref::<reqwest::Error>()) {
            Some(error) if !error.is_decode() => Error::Unreachable { url: self.shown.clone(), reason: words(error) },
            _ => self.answer(subject, &error.error),
        }
    }
}

/// The innermost cause, which says what happened ("connection refused"); the outer ones repeat the address, and with
/// it the password that may stand in it.
fn words(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    if std::ptr::addr_eq(inner, std::ptr::from_ref(error)) { "no answer".to_owned() } else { inner.to_string() }
}

fn shown(base: &str) -> String {
    match Url::parse(base) {
        Ok(mut url) => {
            // Both fail only for addresses that cannot hold a user at all.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.as_str().trim_end_matches('/').to_owned()
        }
        Err(_) => "an address that is not a URL".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_registry_that_is_down_is_named_without_its_password() {
        // Bound and dropped: nobody listens there.
        let address = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("binds");
        let options = Options { url: format!("http://sluice:hunter2@{address}") };
        for error in [register(&options).await.expect_err("down"), load(&options).await.map(|_| ()).expect_err("down")] {
            assert_eq!(error.kind(), "unreachable");
            let text = error.to_string();
            assert!(text.contains(&address.to_string()) && !text.contains("hunter2"), "{text}");
        }
    }

    #[tokio::test]
    async fn an_address_that_is_no_url_is_an_error_that_says_so() {
        let error = register(&Options { url: "registry".into() }).await.expect_err("no URL");
        assert!(error.to_string().contains("not a URL"), "{error}");
    }
}
