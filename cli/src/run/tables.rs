//! Tables that edges look up in memory, refreshed when the configuration changes: routes of the ingress, tokens of the sender.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sluice_api::ingress::{Route, Routes};
use sluice_connectors::postgres::seal::Keyring;
use sluice_connectors::postgres::{self, Pool, numbers};
use sluice_pipeline::effects::sender::Tokens;
use tokio_util::sync::CancellationToken;

use super::{Parts, Running};
use crate::exit::Failure;

/// How soon a change of a number reaches the edges.
const REFRESH: Duration = Duration::from_secs(1);

/// Reads the numbers into `routes`.
pub async fn routes(pool: &Pool, routes: &Routes) -> Result<(), postgres::Error> {
    let mut table = HashMap::new();
    for number in numbers::all(pool).await? {
        let route = Route { tenant: number.tenant, home: number.home };
        // An account-level update names its WABA only; numbers of one WABA share a home.
        if let Some(waba) = number.waba_id {
            table.insert(waba, route);
        }
        table.insert(number.account, route);
    }
    routes.replace(table);
    Ok(())
}

/// Reads and unseals every access token. One that does not open is left out and named: its sends are held, not lost.
pub async fn tokens(pool: &Pool, keys: &Keyring, tokens: &Tokens) -> Result<(), postgres::Error> {
    let mut table = HashMap::new();
    for number in numbers::all(pool).await?.into_iter().filter(|number| number.status == "active" && !number.suspended) {
        match numbers::token(pool, keys, number.tenant, &number.channel, &number.account).await {
            Ok(Some(token)) => {
                table.insert(number.account, token);
            }
            Ok(None) => {}
            Err(e) if e.is_outage() => return Err(e),
            Err(e) => tracing::error!(tenant = %number.tenant, account = number.account, "access token: {e}"),
        }
    }
    tokens.store(Arc::new(table));
    Ok(())
}

/// The access tokens, read now and again whenever a number or tenant has changed.
pub async fn followed_tokens(parts: &Parts, running: &mut Running) -> Result<Tokens, Failure> {
    let (pool, keys, tokens) = (parts.pool()?, parts.config.keyring()?, Tokens::default());
    self::tokens(&pool, &keys, &tokens).await?;
    let table = tokens.clone();
    running.task(follow(pool, running.cancel.clone(), move |pool| {
        let (keys, table) = (keys.clone(), table.clone());
        async move { self::tokens(&pool, &keys, &table).await }
    }));
    Ok(tokens)
}

/// Calls `read` whenever a number or tenant has changed, until cancelled. While Postgres is away the last table serves.
pub async fn follow<F>(pool: Pool, cancel: CancellationToken, read: impl Fn(Pool) -> F + Send)
where
    F: Future<Output = Result<(), postgres::Error>> + Send,
{
    let mut seen = None;
    while cancel.run_until_cancelled(tokio::time::sleep(REFRESH)).await.is_some() {
        match numbers::mark(&pool).await {
            Ok(mark) if seen == Some(mark) => {}
            Ok(mark) => match read(pool.clone()).await {
                Ok(()) => seen = Some(mark),
                Err(e) => tracing::warn!(error = %e, "numbers are not refreshed"),
            },
            Err(e) => tracing::warn!(error = %e, "numbers are not refreshed"),
        }
    }
}
