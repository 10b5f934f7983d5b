use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, PoolError, RecyclingMethod, Runtime};
use sluice_schemas::ids::TenantId;
use tokio_postgres::types::ToSql;
use tokio_postgres::{NoTls, Row};

use super::{Error, Options, Result};

/// How long a caller waits for a connection.
const WAIT: Duration = Duration::from_secs(10);

/// Connections of both logins. Cheap to clone; nothing connects before the first use.
#[derive(Clone)]
pub struct Pool {
    app: deadpool_postgres::Pool,
    worker: deadpool_postgres::Pool,
    address: String,
    size: usize,
    /// What begins a transaction of the workers.
    begin: &'static str,
}

impl Pool {
    /// Pools of these options' logins.
    pub fn new(options: &Options) -> Result<Self> {
        let pool = |login| -> Result<_> {
            let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
            let manager = Manager::from_config(options.login(login)?, NoTls, config);
            deadpool_postgres::Pool::builder(manager)
                .max_size(options.pool_size.max(1))
                .runtime(Runtime::Tokio1)
                .wait_timeout(Some(WAIT))
                .create_timeout(Some(WAIT))
                .build()
                .map_err(|error| Error::invalid("postgres", error.to_string()))
        };
        Ok(Self {
            app: pool(&options.app)?,
            worker: pool(&options.worker)?,
            address: options.address(),
            size: options.pool_size.max(1),
            begin: "begin",
        })
    }

    /// The same, but for the workers' transactions, whose projections are those of schema `rebuild`.
    #[must_use]
    pub fn rebuilding(self) -> Self {
        Self { begin: "begin; set local search_path = rebuild, public", ..self }
    }

    /// A transaction that sees this tenant alone. What is not committed is undone when it is dropped.
    pub async fn tenant(&self, tenant: TenantId) -> Result<Transaction> {
        // One round trip; the identifier is a UUID's own text, so nothing can break out of it.
        let begin = format!("begin; select set_config('app.tenant', '{tenant}', true)");
        Transaction::begin(self.client(&self.app).await?, &begin, Some(tenant)).await
    }

    /// A transaction of the application login without a tenant: it sees no tenant's rows, and may ask who a host name is.
    pub async fn stranger(&self) -> Result<Transaction> {
        Transaction::begin(self.client(&self.app).await?, "begin", None).await
    }

    /// A transaction across tenants, on the tables that workers have policies for.
    pub async fn worker(&self) -> Result<Transaction> {
        Transaction::begin(self.client(&self.worker).await?, self.begin, None).await
    }

    /// Connections of the workers' login, for tables that are no tenant's.
    pub(crate) fn workers(&self) -> deadpool_postgres::Pool {
        self.worker.clone()
    }

    /// Host, port and database.
    pub fn address(&self) -> &str {
        &self.address
    }

    async fn client(&self, pool: &deadpool_postgres::Pool) -> Result<Object> {
        pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => Error::connecting(&error, &self.address),
            PoolError::Timeout(deadpool_postgres::TimeoutType::Wait) => Error::Busy { size: self.size },
            other => Error::Unreachable { address: self.address.clone(), reason: other.to_string() },
        })
    }
}

/// An open transaction. Statements are prepared once per connection.
pub struct Transaction {
    /// `None` only after [`Transaction::commit`].
    client: Option<Object>,
    tenant: Option<TenantId>,
}

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Transaction {
    async fn begin(client: Object, begin: &str, tenant: Option<TenantId>) -> Result<Self> {
        // Guarded before the first statement: a caller that gives up in between leaves no open transaction in the pool.
        let transaction = Self { client: Some(client), tenant };
        transaction.batch(begin).await?;
        Ok(transaction)
    }

    /// The tenant it sees.
    pub fn tenant(&self) -> Result<TenantId> {
        self.tenant.ok_or_else(|| Error::invalid("tenant", "this needs a transaction of one tenant"))
    }

    /// Every row.
    pub async fn query(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>> {
        let client = self.client()?;
        let statement = client.prepare_cached(sql).await?;
        Ok(client.query(&statement, params).await?)
    }

    /// The row, if there is one.
    pub async fn query_opt(&self, sql: &str, params: Params<'_>) -> Result<Option<Row>> {
        let client = self.client()?;
        let statement = client.prepare_cached(sql).await?;
        Ok(client.query_opt(&statement, params).await?)
    }

    /// The one row.
    pub async fn query_one(&self, sql: &str, params: Params<'_>) -> Result<Row> {
        let client = self.client()?;
        let statement = client.prepare_cached(sql).await?;
        Ok(client.query_one(&statement, params).await?)
    }

    /// Changes rows and gives their number.
    pub async fn execute(&self, sql: &str, params: Params<'_>) -> Result<u64> {
        let client = self.client()?;
        let statement = client.prepare_cached(sql).await?;
        Ok(client.execute(&statement, params).await?)
    }

    /// Every row, of a statement that is written anew for each caller: it is not kept with the connection.
    pub async fn query_once(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>> {
        Ok(self.client()?.query(sql, params).await?)
    }

    /// Changes rows and gives their number; the statement is not kept either.
    pub async fn execute_once(&self, sql: &str, params: Params<'_>) -> Result<u64> {
        Ok(self.client()?.execute(sql, params).await?)
    }

    /// Statements without parameters.
    pub async fn batch(&self, sql: &str) -> Result<()> {
        Ok(self.client()?.batch_execute(sql).await?)
    }

    /// The sink of a `COPY … FROM STDIN`.
    pub(crate) async fn copy_in(&self, sql: &str) -> Result<tokio_postgres::CopyInSink<bytes::Bytes>> {
        Ok(self.client()?.copy_in(sql).await?)
    }

    /// Makes it last.
    pub async fn commit(mut self) -> Result<()> {
        self.batch("commit").await?;
        self.client = None;
        Ok(())
    }

    fn client(&self) -> Result<&Object> {
        self.client.as_ref().ok_or_else(|| Error::Broken("the transaction has ended".into()))
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            // Without a runtime nobody can send the rollback: closing the connection is one.
            drop(Object::take(client));
            return;
        };
        // The connection goes back to the pool only once the server has forgotten the transaction and its tenant.
        runtime.spawn(async move {
            if client.batch_execute("rollback").await.is_err() {
                drop(Object::take(client));
            }
        });
    }
}
