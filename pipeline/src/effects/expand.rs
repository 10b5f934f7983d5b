//! Expand: one demand of the ledger → its rows of the audience → one send each.
//!
//! Guarantee: at least once, without state. A send id is made of the row alone, so a repeated demand, or the same rows demanded
//! again under a later epoch, give the same sends, which the ledger absorbs.

use sluice_connectors::postgres::campaigns::{self, Campaign, Place, Recipient};
use sluice_connectors::postgres::{self, Pool};
use sluice_schemas::failpoint::hit;
use sluice_schemas::ids::{SendId, TraceId};
use sluice_schemas::record::{Demand, Lane, Outbound};

/// The sends of one demand, by row: to be written to `outbound.bulk` on the demand's home. Rows beyond the audience give none.
pub async fn expand(pool: &Pool, demand: &Demand) -> postgres::Result<Vec<Outbound>> {
    let transaction = pool.tenant(demand.tenant).await?;
    let campaign = campaigns::get(&transaction, demand.campaign).await?;
    let rows = campaigns::audience(&transaction, demand.campaign, demand.home, demand.from, i64::from(demand.n)).await?;
    transaction.commit().await?;
    hit("expand", "before_write");
    Ok(rows.iter().map(|row| outbound(&campaign, demand, row)).collect())
}

fn outbound(campaign: &Campaign, demand: &Demand, row: &Recipient) -> Outbound {
    let cause = campaigns::cause(demand.campaign, Place { home: demand.home, seq: row.seq });
    let send_id = SendId::of(demand.tenant, &cause, 0);
    // A row that cannot be filled is a suppressed send, never a missing one: every row gives exactly one record.
    let (components, missing) = match campaign.mapping.fill(&row.variables) {
        Ok(components) => (components, None),
        Err(column) => (Vec::new(), Some(format!("column `{column}` is empty"))),
    };
    Outbound {
        tenant: demand.tenant,
        account: campaign.account.clone(),
        channel: campaign.channel.clone(),
        send_id,
        cause,
        conversation: None,
        to: row.recipient.clone(),
        lane: Lane::Bulk,
        campaign: Some(demand.campaign),
        seq: row.seq,
        epoch: demand.epoch,
        suppressed: row.suppressed.clone().or(missing),
        window: campaign.window.clone(),
        body: campaign.template(components).to_string(),
        at_ms: demand.at_ms,
        trace: TraceId::from_bytes(*send_id.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sluice_schemas::ids::{CampaignId, TenantId};

    use super::*;

    fn campaign() -> Campaign {
        Campaign {
            id: CampaignId::from_bytes([2; 16]),
            name: "Spring".into(),
            channel: "whatsapp".into(),
            account: "15550100001".into(),
            template_name: "offer".into(),
            template_language: "en_US".into(),
            mapping: serde_json::from_value(json!({"body": ["name"]})).unwrap(),
            state: "running".into(),
            pause_reason: None,
            epoch: 1,
            version: 1,
            throttle: 0,
            failure_limit: 20,
            window: None,
            segment: None,
            retry_of: None,
            approved_by: None,
            awaits_approval: false,
            audience: 2,
            refused: 0,
            duplicates: 0,
            created_by: "owner".into(),
            created_at: jiff::Timestamp::UNIX_EPOCH,
            starts_at: None,
            started_at: None,
            finished_at: None,
        }
    }

    fn demand(epoch: i64) -> Demand {
        let (tenant, campaign) = (TenantId::from_bytes([1; 16]), CampaignId::from_bytes([2; 16]));
        Demand { tenant, campaign, home: 3, epoch, from: 0, n: 2, at_ms: 9 }
    }

    fn row(variables: Value) -> Recipient {
        let variables = variables.as_object().cloned().unwrap_or_default();
        Recipient { seq: 4, recipient: "15550100002".into(), variables, suppressed: None }
    }

    #[test]
    fn a_row_is_the_same_send_in_every_epoch() {
        let sends = [1, 2].map(|epoch| outbound(&campaign(), &demand(epoch), &row(json!({"name": "Ana"}))));
        assert_eq!(sends[0].send_id, sends[1].send_id);
        assert_eq!(sends[0].cause, "campaign/02020202-0202-0202-0202-020202020202/3/4");
        let body: Value = serde_json::from_str(&sends[0].body).unwrap();
        let parameters = json!([{"type": "body", "parameters": [{"type": "text", "text": "Ana"}]}]);
        let template = json!({"name": "offer", "language": {"code": "en_US"}, "components": parameters});
        assert_eq!(body, json!({"type": "template", "template": template}));
        assert_eq!(sends[0].suppressed, None);
    }

    #[test]
    fn a_row_that_cannot_be_filled_is_suppressed_not_lost() {
        let send = outbound(&campaign(), &demand(1), &row(json!({"name": " "})));
        assert_eq!(send.suppressed.as_deref(), Some("column `name` is empty"));
        let opted_out = Recipient { suppressed: Some("opted out".into()), ..row(json!({})) };
        assert_eq!(outbound(&campaign(), &demand(1), &opted_out).suppressed.as_deref(), Some("opted out"));
    }
}
