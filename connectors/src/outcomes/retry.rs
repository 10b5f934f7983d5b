use futures::TryStreamExt as _;
use serde_json::json;
use sluice_schemas::ids::{CampaignId, TenantId};
use sluice_schemas::meta::codes::{Class, classify};

use super::{Error, walk};
use crate::postgres::campaigns::{self, Campaign};
use crate::postgres::{self, Pool, audit};
use crate::scylla::{Session, Step};

/// Which failed messages are tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Those whose code is of one of these classes ([`classify`]).
    Classes(Vec<Class>),
    /// Those with one of these codes.
    Codes(Vec<i32>),
}

impl Default for Which {
    /// What may go better another time: all but [`Class::Permanent`].
    fn default() -> Self {
        Self::Classes(vec![Class::Retry, Class::Throttle, Class::Account, Class::Hold])
    }
}

impl Which {
    /// Those with one of `codes`; without codes those of `classes`; without either the usual ones.
    pub fn of(codes: &[i32], classes: &[Class]) -> Self {
        match (codes, classes) {
            ([], []) => Self::default(),
            ([], classes) => Self::Classes(classes.to_vec()),
            (codes, _) => Self::Codes(codes.to_vec()),
        }
    }

    fn takes(&self, failure: &Step) -> bool {
        match self {
            Self::Codes(codes) => codes.contains(&failure.code.unwrap_or(0)),
            Self::Classes(classes) => classes.contains(&classify(None, failure.code.map(Into::into), None, None).class),
        }
    }
}

/// Makes a draft of those recipients of `origin` whose messages failed, with all else as it was there. Whoever is in an earlier
/// retry of the same campaign is left out, so that two retries never write to a person twice.
///
/// Refused while the history does not show as many failures as the counters: some would be forgotten.
pub async fn retry(
    pool: &Pool,
    history: &Session,
    tenant: TenantId,
    origin: CampaignId,
    which: &Which,
    name: Option<&str>,
    by: &str,
) -> Result<Campaign, Error> {
    let transaction = pool.tenant(tenant).await?;
    let retry = campaigns::Retry::begin(&transaction, origin, name, by).await?;
    let mut pages = std::pin::pin!(walk(pool.clone(), history.clone(), tenant, origin));
    let (mut failed, mut chosen) = (0, 0);
    while let Some(page) = pages.try_next().await? {
        let failures = page.iter().filter_map(|outcome| outcome.failure().map(|step| (outcome, step)));
        let (mut recipients, mut variables) = (Vec::new(), Vec::new());
        for (outcome, step) in failures {
            failed += 1;
            if which.takes(step) {
                recipients.push(outcome.row.recipient.as_str());
                variables.push(serde_json::Value::Object(outcome.row.variables.clone()));
            }
        }
        retry.gather(&transaction, chosen, &recipients, &variables).await?;
        chosen += recipients.len() as i64;
    }
    let counted = campaigns::funnel(&transaction, origin).await?.count("failed");
    if failed != counted {
        let state = format!("not told whole yet: the history shows {failed} of {counted} failed messages");
        return Err(postgres::Error::State { what: "the campaign", state, action: "retry it; try again in a moment" }.into());
    }
    let campaign = retry.finish(&transaction).await?;
    let detail = json!({"retry": campaign.id, "recipients": campaign.audience});
    audit::record(&transaction, by, "campaign.retry", &origin.to_string(), &detail).await?;
    transaction.commit().await?;
    Ok(campaign)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_schemas::record::SendState;

    #[test]
    fn what_can_never_arrive_is_tried_again_only_when_asked_for() {
        let failed = |code| Step { state: SendState::Failed, at_ms: 0, code, detail: None, wamid: None };
        let usual = Which::default();
        assert!([Some(131_049), Some(131_000), Some(190), Some(131_056), None].into_iter().all(|code| usual.takes(&failed(code))));
        assert!(!usual.takes(&failed(Some(131_026))));
        assert!(Which::Codes(vec![131_026]).takes(&failed(Some(131_026))));
        assert!(Which::Codes(vec![0]).takes(&failed(None)), "code 0 counts failures without one");
        assert!(!Which::Codes(vec![131_026]).takes(&failed(Some(190))));
    }
}
