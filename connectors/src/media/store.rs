//! The object store: a folder here, S3 or what speaks like it elsewhere.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _};
use sluice_schemas::ids::TenantId;

use super::{Key, Options};

/// Bytes of a part: what a file holds in memory while it passes, and the least that S3 takes as one.
const PART: usize = 5 << 20;

/// A handle that can be cloned.
#[derive(Debug, Clone)]
pub struct Store(Arc<dyn ObjectStore>);

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Bytes.
    pub bytes: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
}

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub enum Broken<E> {
    /// What gives the file failed.
    #[error(transparent)]
    Source(E),
    /// It has more bytes than it may.
    #[error("the file is larger than {0} bytes")]
    Large(u64),
    /// The store failed.
    #[error("the media store: {0}")]
    Store(#[from] object_store::Error),
}

impl Store {
    /// The store that the options name; a folder is made.
    pub fn open(options: &Options) -> Result<Self, object_store::Error> {
        let wrong = |source: Box<dyn std::error::Error + Send + Sync>| object_store::Error::Generic { store: "media.store", source };
        if !options.store.contains("://") {
            std::fs::create_dir_all(&options.store).map_err(|e| wrong(format!("the folder {}: {e}", options.store).into()))?;
            return Ok(Self(Arc::new(LocalFileSystem::new_with_prefix(&options.store)?)));
        }
        let url = reqwest::Url::parse(&options.store).map_err(|e| wrong(Box::new(e)))?;
        let (store, prefix) = object_store::parse_url_opts(&url, &options.options)?;
        Ok(Self(Arc::new(PrefixStore::new(store, prefix))))
    }

    /// Whether the store can be asked.
    pub async fn answers(&self) -> Result<(), object_store::Error> {
        self.size(&Key::passing(TenantId::UNKNOWN)).await.map(drop)
    }

    /// Bytes of a file; `None` where there is none.
    pub async fn size(&self, key: &Key) -> Result<Option<u64>, object_store::Error> {
        match self.0.head(&key.0).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Bytes that follow and a file, piece by piece, or the part of it that `range` is; `None` where there is none.
    pub async fn read(
        &self,
        key: &Key,
        range: Option<Range<u64>>,
    ) -> Result<Option<(u64, BoxStream<'static, Result<Bytes, object_store::Error>>)>, object_store::Error> {
        let asked = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        match self.0.get_opts(&key.0, asked).await {
            Ok(found) => Ok(Some((found.range.end - found.range.start, found.into_stream()))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Writes a file as it comes, of which at most two parts are held. It is there whole or not at all.
    pub async fn write<E>(&self, key: &Key, file: impl Stream<Item = Result<Bytes, E>>, most: u64) -> Result<Written, Broken<E>> {
        let mut writer = BufWriter::with_capacity(self.0.clone(), key.0.clone(), PART).with_max_concurrency(1);
        match copy(&mut writer, file, most).await {
            Ok(written) => {
                tokio::io::AsyncWriteExt::shutdown(&mut writer).await.map_err(object_store::Error::from_io)?;
                Ok(written)
            }
            Err(e) => {
                // What was written of it stays unseen; a store that fails here forgets it by its own rule for unfinished uploads.
                let _ = writer.abort().await;
                Err(e)
            }
        }
    }

    /// Gives a file its final key.
    pub(super) async fn rename(&self, from: &Key, to: &Key) -> Result<(), object_store::Error> {
        self.0.rename(&from.0, &to.0).await
    }

    /// Deletes a file, if it is there.
    pub(super) async fn delete(&self, key: &Key) -> Result<(), object_store::Error> {
        match self.0.delete(&key.0).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            other => other,
        }
    }

    /// Deletes what is older than `age`; says how many files that were.
    pub async fn sweep(&self, age: Duration) -> Result<u64, object_store::Error> {
        let oldest = std::time::SystemTime::now() - age;
        let old = self.0.list(None).try_filter(move |meta| std::future::ready(std::time::SystemTime::from(meta.last_modified) < oldest));
        let deleted = self.0.delete_stream(old.map_ok(|meta| meta.location).boxed());
        deleted.try_fold(0, |n, _| std::future::ready(Ok(n + 1))).await
    }
}

async fn copy<E>(writer: &mut BufWriter, file: impl Stream<Item = Result<Bytes, E>>, most: u64) -> Result<Written, Broken<E>> {
    let (mut file, mut hash, mut bytes) = (std::pin::pin!(file), Context::new(&SHA256), 0);
    while let Some(piece) = file.next().await {
        let piece = piece.map_err(Broken::Source)?;
        bytes += piece.len() as u64;
        if bytes > most {
            return Err(Broken::Large(most));
        }
        hash.update(&piece);
        writer.put(piece).await?;
    }
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(hash.finish().as_ref());
    Ok(Written { bytes, sha256 })
}

/// What the standard library's trait hides of the store's error.
trait FromIo {
    fn from_io(e: std::io::Error) -> Self;
}

impl FromIo for object_store::Error {
    fn from_io(e: std::io::Error) -> Self {
        Self::Generic { store: "media.store", source: Box::new(e) }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::path::Path;

    use hyper_util::rt::{TokioExecutor, TokioIo};
    use hyper_util::server::conn::auto;
    use s3s::auth::SimpleAuth;
    use s3s::service::S3ServiceBuilder;
    use tokio::net::TcpListener;

    use super::*;

    const TENANT: TenantId = TenantId::from_bytes([7; 16]);

    /// A server that speaks S3 and checks signatures, with one bucket; its address.
    async fn s3(folder: &Path) -> String {
        std::fs::create_dir_all(folder.join("files")).expect("a bucket");
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder).expect("a folder"));
        builder.set_auth(SimpleAuth::from_single("sluice", "example-secret"));
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let server = auto::Builder::new(TokioExecutor::new());
                let connection = server.serve_connection(TokioIo::new(socket), service.clone()).into_owned();
                tokio::spawn(async move { connection.await.ok() });
            }
        });
        format!("http://{address}")
    }

    fn bucket(endpoint: &str, secret: &str) -> Options {
        let settings = [
            ("aws_endpoint", endpoint),
            ("aws_region", "us-east-1"),
            ("aws_allow_http", "true"),
            ("aws_access_key_id", "sluice"),
            ("aws_secret_access_key", secret),
        ];
        let options = settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Options { store: "s3://files/media".into(), options, keep_days: 1 }
    }

    /// More than two parts, no two pieces alike.
    fn file() -> Vec<Bytes> {
        (0..12_u8).map(|n| Bytes::from(vec![n; 1 << 20])).collect()
    }

    async fn content(store: &Store, key: &Key, range: Option<Range<u64>>) -> Option<(u64, Vec<u8>)> {
        let (bytes, stream) = store.read(key, range).await.expect("an answer")?;
        let pieces: Vec<Bytes> = stream.try_collect().await.expect("a file");
        Some((bytes, pieces.concat()))
    }

    async fn keeps_files(store: &Store) {
        let (passing, key) = (Key::passing(TENANT), Key::message(TENANT, "15550100001", "wamid.A", 0));
        let pieces = || futures::stream::iter(file().into_iter().map(Ok::<_, Infallible>));
        let written = store.write(&passing, pieces(), 100 << 20).await.expect("written");
        assert_eq!(written.bytes, 12 << 20);
        store.rename(&passing, &key).await.expect("renamed");
        assert_eq!((store.size(&passing).await.expect("an answer"), store.size(&key).await.expect("an answer")), (None, Some(12 << 20)));
        assert_eq!(content(store, &passing, None).await, None);
        assert!(content(store, &key, None).await == Some((12 << 20, file().concat())));
        let border = (5 << 20) - 1..(5 << 20) + 1;
        assert_eq!(content(store, &key, Some(border)).await, Some((2, vec![4, 5])));

        // What is too large is not there at all.
        let large = store.write(&passing, pieces(), 11 << 20).await;
        assert!(matches!(large, Err(Broken::Large(_))), "{large:?}");
        assert_eq!(store.size(&passing).await.expect("an answer"), None);

        assert_eq!(store.sweep(Duration::from_hours(1)).await.expect("swept"), 0);
        assert_eq!(store.sweep(Duration::ZERO).await.expect("swept"), 1);
        assert_eq!(store.size(&key).await.expect("an answer"), None);
        store.delete(&key).await.expect("what is not there is deleted");
    }

    #[tokio::test]
    async fn a_folder_keeps_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options { store: folder.path().display().to_string(), ..Options::default() };
        keeps_files(&Store::open(&options).expect("a store")).await;
    }

    #[tokio::test]
    async fn a_bucket_keeps_files_and_refuses_a_wrong_secret() {
        let folder = tempfile::tempdir().expect("a folder");
        let endpoint = s3(folder.path()).await;
        let store = Store::open(&bucket(&endpoint, "example-secret")).expect("a store");
        store.answers().await.expect("it answers");
        keeps_files(&store).await;
        let stranger = Store::open(&bucket(&endpoint, "another")).expect("a store");
        assert!(stranger.answers().await.is_err());
    }
}
