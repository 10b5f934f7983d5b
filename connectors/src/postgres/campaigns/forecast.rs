//! What a dry run starts from.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sluice_schemas::forecast::{Plan, Share};
use sluice_schemas::ids::CampaignId;
use sluice_schemas::time::Millis;

use super::{Beside, Campaign, PassedOver, beside, funnel, get, passed_over};
use crate::postgres::rates::{self, Cost};
use crate::postgres::{Error, Result, Transaction, attention, numbers, tenants};

/// Everything that is known before a campaign goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    /// The campaign.
    pub campaign: Campaign,
    /// The number's messages per second, in and out together; those of the tenant's plan where they are fewer.
    pub rate: i64,
    /// Recipients that are still to come.
    pub left: i64,
    /// Of these, whom it would pass over.
    pub passed_over: PassedOver,
    /// What runs on the same number.
    pub beside: Vec<Beside>,
    /// What holds its number, account or template now.
    pub holds: Vec<attention::Hold>,
    /// Different people whom the portfolio may reach a day; 0 for no limit.
    pub people_a_day: Option<i32>,
    /// What the messages cost, by country.
    pub costs: Vec<Cost>,
}

impl Outlook {
    /// Messages that would leave.
    pub fn messages(&self) -> i64 {
        self.left - self.passed_over.total()
    }

    /// How many people the portfolio may reach a day, where that is fewer than it has messages.
    pub fn reached_a_day(&self) -> Option<i32> {
        self.people_a_day.filter(|people| *people > 0 && i64::from(*people) < self.messages())
    }

    /// Messages without a price.
    pub fn unpriced(&self) -> i64 {
        self.costs.iter().filter(|cost| cost.amount.is_none()).map(|cost| cost.messages).sum()
    }

    /// When it starts: at the time that is asked for, or that it is scheduled for, and not before `now`.
    pub fn start(&self, at: Option<Timestamp>, now: Timestamp) -> Timestamp {
        at.or(self.campaign.starts_at).unwrap_or(now).max(now)
    }

    /// What the ledger's schedule is to be tried with.
    pub fn plan(&self, start: Timestamp, answer_ms: i64) -> Plan {
        Plan {
            rate: self.rate,
            start: Millis(start.as_millisecond()),
            answer_ms,
            share: Share { campaign: self.campaign.id, messages: self.messages(), throttle: self.campaign.throttle },
            beside: self.beside.iter().map(|b| Share { campaign: b.id, messages: b.messages, throttle: b.throttle }).collect(),
        }
    }
}

/// Looks at a campaign that is not over. Reads its whole audience, a page at a time.
pub async fn outlook(transaction: &Transaction, id: CampaignId) -> Result<Outlook> {
    let campaign = get(transaction, id).await?;
    if ["completed", "cancelled"].contains(&campaign.state.as_str()) {
        return Err(Error::State { what: "the campaign", state: campaign.state, action: "try it: nothing of it is left to send" });
    }
    let number = numbers::get(transaction, &campaign.channel, &campaign.account).await?;
    let funnel = funnel(transaction, id).await?;
    let left = funnel.pending + funnel.count("planned");
    let mut countries = BTreeMap::new();
    let passed_over = passed_over(transaction, &campaign, number.home, campaign.audience - left, &mut countries).await?;
    let category = category(transaction, &campaign).await?;
    let costs = rates::costs(&countries, &category, &rates::list(transaction).await?);
    let beside = beside(transaction, &campaign).await?;
    let people_a_day = number.people_a_day();
    let waba = number.waba_id.unwrap_or_default();
    let template = format!("{}/{}", campaign.template_name, campaign.template_language);
    let names = [campaign.account.as_str(), &waba, "-", &template];
    let holds = attention::holds(transaction).await?.into_iter().filter(|hold| names.contains(&hold.name.as_str())).collect();
    let plan = tenants::own(transaction).await?.messages_per_second;
    let rate = i64::from(if plan > 0 { plan.min(number.messages_per_second) } else { number.messages_per_second });
    Ok(Outlook { campaign, rate, left, passed_over, beside, holds, people_a_day, costs })
}

async fn category(transaction: &Transaction, campaign: &Campaign) -> Result<String> {
    let sql = "select category from templates where tenant_id = $1 and name = $2 and language = $3 limit 1";
    let tenant = transaction.tenant()?;
    let row = transaction.query_opt(sql, &[&tenant.0, &campaign.template_name, &campaign.template_language]).await?;
    row.map_or_else(|| Ok(String::new()), |row| Ok(row.try_get(0)?))
}
