//! Bearer tokens and what they may use.

use std::sync::Arc;

use axum::http::{HeaderMap, header};

use super::error::Refusal;
use crate::state::{Account, Number, State, Waba, lock};
use crate::world::Token;

/// The token that the call presents.
///
/// # Errors
/// 190, with HTTP 401, for none, an unknown or an expired one.
pub(super) fn token<'s>(state: &'s State, headers: &HeaderMap) -> Result<&'s Token, Refusal> {
    let presented = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("OAuth ")))
        .ok_or_else(|| Refusal::new(190, "An access token is required to request this resource."))?;
    let token =
        state.tokens.get(presented.trim()).ok_or_else(|| Refusal::new(190, "Invalid OAuth access token - Cannot parse access token"))?;
    if token.expired {
        return Err(Refusal::sub(190, 463, "Error validating access token: Session has expired."));
    }
    Ok(token)
}

/// Whether the token may use the WABA or social account; if not, the object does not exist for it (100, subcode 33).
fn permit(token: &Token, owner: &str, object: &str) -> Result<(), Refusal> {
    if token.may_use.is_empty() || token.may_use.iter().any(|id| id == owner) { Ok(()) } else { Err(Refusal::no_object(object)) }
}

/// The number in the path.
pub(super) fn number<'s>(state: &'s State, headers: &HeaderMap, id: &str) -> Result<&'s Arc<Number>, Refusal> {
    let token = token(state, headers)?;
    let number = state.numbers.get(id).ok_or_else(|| Refusal::no_object(id))?;
    permit(token, &number.waba.id, id)?;
    Ok(number)
}

/// The WABA in the path of a management call, which counts against its hourly limit (80007).
pub(super) fn waba<'s>(state: &'s State, headers: &HeaderMap, id: &str) -> Result<&'s Arc<Waba>, Refusal> {
    let token = token(state, headers)?;
    let waba = state.wabas.get(id).ok_or_else(|| Refusal::no_object(id))?;
    permit(token, id, id)?;
    if !lock(&waba.management).take(state.clock.now(), 0.0) {
        return Err(Refusal::new(80_007, "There have been too many calls from this WhatsApp Business account."));
    }
    Ok(waba)
}

/// The social account in the path; `me` is the only one that the token may use.
pub(super) fn account<'s>(state: &'s State, headers: &HeaderMap, id: &str) -> Result<&'s Arc<Account>, Refusal> {
    let token = token(state, headers)?;
    if id != "me" {
        let account = state.accounts.get(id).ok_or_else(|| Refusal::no_object(id))?;
        permit(token, id, id)?;
        return Ok(account);
    }
    let mut own = state.accounts.values().filter(|account| permit(token, &account.seed.id, id).is_ok());
    match (own.next(), own.next()) {
        (Some(account), None) => Ok(account),
        (None, _) => Err(Refusal::no_object(id)),
        (Some(_), Some(_)) => {
            Err(Refusal::bad("`me` is ambiguous: give the token one account in the world's `may_use`, or write the account's id"))
        }
    }
}
