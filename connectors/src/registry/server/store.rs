use std::sync::{Mutex, PoisonError};

use apache_avro::Schema;
use aws_lc_rs::digest;
use deadpool_postgres::{Pool, PoolError};
use serde_json::Value;
use sluice_schemas::compatibility;
use tokio_postgres::Row;

use super::Error;

/// One version of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Equal for the same schema under every subject, and never given to another.
    pub id: u32,
    /// Subject.
    pub subject: String,
    /// 1 for the first, then without a gap.
    pub version: u32,
    /// Schema text as it was first registered.
    pub schema: String,
    /// SHA-256 of the schema without insignificant white space.
    fingerprint: String,
}

/// Where the registry keeps its schemas.
pub enum Store {
    /// In memory, for tests.
    Memory(Mutex<Vec<Registered>>),
    /// Table `registry_schemas`; the role needs select and insert on it.
    Postgres(Pool),
}

impl Store {
    /// An empty store in memory.
    pub const fn memory() -> Self {
        Self::Memory(Mutex::new(Vec::new()))
    }

    /// Schemas in the configuration database.
    pub fn postgres(pool: &crate::postgres::Pool) -> Self {
        Self::Postgres(pool.workers())
    }

    /// Every subject, sorted.
    pub async fn subjects(&self) -> Result<Vec<String>, Error> {
        match self {
            Self::Memory(rows) => {
                let mut subjects: Vec<String> = lock(rows).iter().map(|row| row.subject.clone()).collect();
                subjects.sort_unstable();
                subjects.dedup();
                Ok(subjects)
            }
            Self::Postgres(pool) => {
                let client = pool.get().await.map_err(unavailable)?;
                let rows = client.query("select distinct subject from registry_schemas order by subject", &[]).await.map_err(failed)?;
                Ok(rows.iter().map(|row| row.get(0)).collect())
            }
        }
    }

    /// The versions of a subject in ascending order; empty for a subject that nobody registered.
    pub async fn versions(&self, subject: &str) -> Result<Vec<Registered>, Error> {
        match self {
            Self::Memory(rows) => Ok(lock(rows).iter().filter(|row| row.subject == subject).cloned().collect()),
            Self::Postgres(pool) => {
                let client = pool.get().await.map_err(unavailable)?;
                Ok(client.query(VERSIONS, &[&subject]).await.map_err(failed)?.iter().map(registered).collect())
            }
        }
    }

    /// The schema with this id.
    pub async fn by_id(&self, id: u32) -> Result<Option<Registered>, Error> {
        match self {
            Self::Memory(rows) => Ok(lock(rows).iter().find(|row| row.id == id).cloned()),
            Self::Postgres(pool) => {
                let client = pool.get().await.map_err(unavailable)?;
                let Ok(id) = i32::try_from(id) else { return Ok(None) };
                Ok(client.query_opt(BY_ID, &[&id]).await.map_err(failed)?.as_ref().map(registered))
            }
        }
    }

    /// Adds `text` as the next version of `subject`, or finds it when it is there already.
    pub async fn register(&self, subject: &str, text: &str) -> Result<Registered, Error> {
        let candidate = Candidate::parse(text)?;
        match self {
            Self::Memory(rows) => {
                let mut rows = lock(rows);
                let versions: Vec<Registered> = rows.iter().filter(|row| row.subject == subject).cloned().collect();
                if let Some(known) = candidate.among(&versions) {
                    return Ok(known.clone());
                }
                let version = candidate.next_version(subject, &versions)?;
                let twin = rows.iter().find(|row| row.fingerprint == candidate.fingerprint).map(|row| row.id);
                let id = twin.unwrap_or_else(|| rows.iter().map(|row| row.id).max().unwrap_or(0) + 1);
                let row = Registered { id, subject: subject.into(), version, schema: text.into(), fingerprint: candidate.fingerprint };
                rows.push(row.clone());
                Ok(row)
            }
            Self::Postgres(pool) => {
                let mut client = pool.get().await.map_err(unavailable)?;
                let transaction = client.transaction().await.map_err(failed)?;
                // One registration at a time in the whole cluster: the check and the insert must see the same versions.
                transaction.execute("select pg_advisory_xact_lock(hashtext('registry_schemas'))", &[]).await.map_err(failed)?;
                let rows = transaction.query(VERSIONS, &[&subject]).await.map_err(failed)?;
                let versions: Vec<Registered> = rows.iter().map(registered).collect();
                if let Some(known) = candidate.among(&versions) {
                    return Ok(known.clone());
                }
                let version = candidate.next_version(subject, &versions)?.cast_signed();
                let row = transaction.query_one(INSERT, &[&subject, &version, &text, &candidate.fingerprint]).await.map_err(failed)?;
                transaction.commit().await.map_err(failed)?;
                Ok(registered(&row))
            }
        }
    }
}

const VERSIONS: &str = "select id, subject, version, schema, fingerprint from registry_schemas where subject = $1 order by version";
const BY_ID: &str =
    "select id, subject, version, schema, fingerprint from registry_schemas where id = $1 order by created_at, subject limit 1";
const INSERT: &str = "insert into registry_schemas (id, subject, version, schema, fingerprint)
    values (coalesce((select id from registry_schemas where fingerprint = $4 limit 1), nextval('registry_schemas_id_seq')::int), $1, $2, $3, $4)
    returning id, subject, version, schema, fingerprint";

fn registered(row: &Row) -> Registered {
    let number = |column: usize| row.get::<_, i32>(column).unsigned_abs();
    Registered { id: number(0), subject: row.get(1), version: number(2), schema: row.get(3), fingerprint: row.get(4) }
}

/// A schema that asks to be registered or looked up.
pub(super) struct Candidate {
    schema: Schema,
    fingerprint: String,
}

impl Candidate {
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |error: &dyn std::fmt::Display| Error::InvalidSchema(error.to_string());
        let json: Value = serde_json::from_str(text).map_err(|error| invalid(&error))?;
        let schema = Schema::parse(&json).map_err(|error| invalid(&error))?;
        // Not Avro's canonical form: it drops the defaults, and a default is what makes the next change legal.
        let fingerprint = hex::encode(digest::digest(&digest::SHA256, json.to_string().as_bytes()));
        Ok(Self { schema, fingerprint })
    }

    /// The version of the subject that this schema already is.
    pub(super) fn among<'a>(&self, versions: &'a [Registered]) -> Option<&'a Registered> {
        versions.iter().find(|row| row.fingerprint == self.fingerprint)
    }

    /// Whether it may follow `versions`; the error is the reason.
    pub(super) fn may_follow(&self, versions: &[Registered]) -> Result<Result<(), String>, Error> {
        let parsed = versions
            .iter()
            .map(|row| Schema::parse_str(&row.schema).map(|schema| (row.version, schema)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Error::Store(format!("a stored schema does not parse: {error}")))?;
        Ok(compatibility::check(&self.schema, &parsed))
    }

    fn next_version(&self, subject: &str, versions: &[Registered]) -> Result<u32, Error> {
        self.may_follow(versions)?.map_err(|reason| Error::Incompatible { subject: subject.to_owned(), reason })?;
        Ok(versions.last().map_or(1, |last| last.version + 1))
    }
}

fn lock(rows: &Mutex<Vec<Registered>>) -> std::sync::MutexGuard<'_, Vec<Registered>> {
    // Rows are only ever pushed whole, so a panic elsewhere leaves nothing half done.
    rows.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(error: tokio_postgres::Error) -> Error {
    Error::Store(error.as_db_error().map_or_else(|| error.to_string(), |db| db.message().to_owned()))
}

fn unavailable(error: PoolError) -> Error {
    Error::Store(error.to_string())
}
