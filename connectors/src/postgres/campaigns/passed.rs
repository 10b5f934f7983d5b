//! What a dry run asks: whom a campaign would pass over, and what runs beside it.

use std::collections::BTreeMap;

use sluice_schemas::ids::CampaignId;

use super::{Campaign, audience};
use crate::postgres::{Result, Transaction};

/// Rows of one look.
const PAGE: i64 = 5_000;

/// Recipients that a campaign would pass over, by reason. One who fits several counts under the first.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct PassedOver {
    /// They want no offers.
    pub opted_out: i64,
    /// A column that the template needs is empty, by column.
    pub empty: BTreeMap<String, i64>,
    /// For a reason noted in the audience, by reason.
    pub noted: BTreeMap<String, i64>,
}

impl PassedOver {
    /// All of them.
    pub fn total(&self) -> i64 {
        self.opted_out + self.empty.values().sum::<i64>() + self.noted.values().sum::<i64>()
    }
}

/// Looks through the audience of a campaign from row `from` on, a page at a time, and counts the others by country.
pub(super) async fn passed_over(
    transaction: &Transaction,
    campaign: &Campaign,
    home: i32,
    from: i64,
    countries: &mut BTreeMap<String, i64>,
) -> Result<PassedOver> {
    let mut found = PassedOver::default();
    let mut next = from;
    loop {
        let rows = audience(transaction, campaign.id, home, next, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(found) };
        next = last.seq + 1;
        let people: Vec<&str> = rows.iter().map(|row| row.recipient.as_str()).collect();
        let sql = "select person from opt_outs where tenant_id = $1 and person = any($2)";
        let out = transaction.query(sql, &[&transaction.tenant()?.0, &people]).await?;
        let out: std::collections::HashSet<String> = out.iter().map(|row| row.try_get(0)).collect::<std::result::Result<_, _>>()?;
        for row in &rows {
            if let Some(reason) = &row.suppressed {
                *found.noted.entry(reason.clone()).or_default() += 1;
            } else if let Err(column) = campaign.mapping.fill(&row.variables) {
                *found.empty.entry(column).or_default() += 1;
            } else if out.contains(&row.recipient) {
                found.opted_out += 1;
            } else {
                *countries.entry(country(&row.recipient)).or_default() += 1;
            }
        }
    }
}

/// ISO 3166 by the number's digits; `unknown` for a user id. Where several countries share a code and the digits do not tell which it
/// is, the main one counts.
fn country(recipient: &str) -> String {
    let number = phonenumber::parse(None, format!("+{recipient}")).ok();
    let country = number.and_then(|number| {
        let main = || phonenumber::metadata::DATABASE.by_code(&number.country().code())?.first().map(|main| main.id().to_owned());
        number.country().id().map(|id| format!("{id:?}")).or_else(main)
    });
    country.unwrap_or_else(|| "unknown".to_owned())
}

/// A campaign that runs, with what it has still to send.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Beside {
    /// Which one.
    pub id: CampaignId,
    /// Its name.
    pub name: String,
    /// Messages that are still to be sent.
    pub messages: i64,
    /// Messages per second; 0 for no limit of its own.
    pub throttle: i32,
}

/// Campaigns that run on the number of `campaign`, itself left out.
pub(super) async fn beside(transaction: &Transaction, campaign: &Campaign) -> Result<Vec<Beside>> {
    let sql = "select c.id, c.name, c.throttle, coalesce(sum(n.n) filter (where n.state in ('pending', 'planned')), 0)::bigint
               from campaigns c left join campaign_counters n on n.tenant_id = c.tenant_id and n.campaign_id = c.id
               where c.tenant_id = $1 and c.channel = $2 and c.account = $3 and c.state = 'running' and c.id <> $4
               group by c.id, c.name, c.throttle order by c.name";
    let row = |row: &tokio_postgres::Row| {
        Ok(Beside { id: CampaignId(row.try_get(0)?), name: row.try_get(1)?, throttle: row.try_get(2)?, messages: row.try_get(3)? })
    };
    let params: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
        &[&transaction.tenant()?.0, &campaign.channel, &campaign.account, &campaign.id.0];
    transaction.query(sql, params).await?.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::country;

    #[test]
    fn the_digits_tell_the_country() {
        let told = ["5511955501001", "4915550101", "12505550100", "15550100001", "US.134abc", "999123456"].map(country);
        assert_eq!(told, ["BR", "DE", "CA", "US", "unknown", "unknown"]);
    }
}
