//! `Idempotency-Key`: the answer to a POST is kept, so that a repeat gets it again and changes nothing.

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::{HeaderMap, StatusCode};
use serde::{Serialize, de::DeserializeOwned};

use crate::auth::Actor;
use crate::{Error, State};

/// A request that died in the middle may be taken up again after this.
const TAKEOVER_SECONDS: f64 = 60.0;

/// The key of a request.
pub fn key(headers: &HeaderMap) -> Result<String, Error> {
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).map(|key| key.trim().trim_matches('"'));
    match key {
        Some(key) if (1..=200).contains(&key.len()) => Ok(key.to_owned()),
        Some(_) => Err(Error::field("Idempotency-Key", "the header `Idempotency-Key` must have 1 to 200 characters")),
        None => Err(Error::field("Idempotency-Key", "send the header `Idempotency-Key`: a value of your own, one per intended change")),
    }
}

/// Does `work` once per key: a repeat of the same request gets the first answer again, another request under the same key is
/// refused. Only success is kept: what failed may be tried again.
pub async fn once<T, F>(app: &State, actor: &Actor, route: &str, key: &str, request: &[u8], work: F) -> Result<(StatusCode, T), Error>
where
    T: Serialize + DeserializeOwned,
    F: Future<Output = Result<(StatusCode, T), Error>>,
{
    let hash = digest(&SHA256, request);
    if let Some(answer) = claim(app, actor, route, key, hash.as_ref()).await? {
        return Ok(answer);
    }
    let result = work.await;
    let transaction = app.pool.tenant(actor.tenant).await?;
    let tenant = actor.tenant.0;
    if let Ok((status, body)) = &result {
        let body = serde_json::to_vec(body).map_err(|e| Error::Internal(e.to_string()))?;
        let sql = "update idempotency_keys set status = $4, response = $5 where tenant_id = $1 and route = $2 and key = $3";
        transaction.execute(sql, &[&tenant, &route, &key, &i32::from(status.as_u16()), &body]).await?;
    } else {
        let sql = "delete from idempotency_keys where tenant_id = $1 and route = $2 and key = $3";
        transaction.execute(sql, &[&tenant, &route, &key]).await?;
    }
    transaction.commit().await?;
    result
}

/// Takes the key for this request, or gives the kept answer.
async fn claim<T: DeserializeOwned>(
    app: &State,
    actor: &Actor,
    route: &str,
    key: &str,
    hash: &[u8],
) -> Result<Option<(StatusCode, T)>, Error> {
    let transaction = app.pool.tenant(actor.tenant).await?;
    let taken = transaction
        .execute(
            "insert into idempotency_keys (tenant_id, route, key, request_hash) values ($1, $2, $3, $4)
             on conflict (tenant_id, route, key) do update set created_at = now()
             where idempotency_keys.status is null and idempotency_keys.request_hash = excluded.request_hash
               and idempotency_keys.created_at < now() - make_interval(secs => $5)",
            &[&actor.tenant.0, &route, &key, &hash, &TAKEOVER_SECONDS],
        )
        .await?;
    if taken == 1 {
        transaction.commit().await?;
        return Ok(None);
    }
    let sql = "select request_hash, status, response from idempotency_keys where tenant_id = $1 and route = $2 and key = $3";
    let row = transaction.query_one(sql, &[&actor.tenant.0, &route, &key]).await?;
    transaction.commit().await?;
    let (stored, status, body): (Vec<u8>, Option<i32>, Option<Vec<u8>>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    if stored != hash {
        return Err(Error::KeyReused);
    }
    let (Some(status), Some(body)) = (status, body) else {
        return Err(Error::Conflict("the first request with this Idempotency-Key is still being served; try again in a moment".into()));
    };
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
    let body = serde_json::from_slice(&body).map_err(|e| Error::Internal(format!("kept answer: {e}")))?;
    Ok(Some((status, body)))
}
