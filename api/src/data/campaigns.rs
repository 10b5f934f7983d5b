use std::collections::HashMap;
use std::io::Read;

use jiff::Timestamp;
use sluice_connectors::postgres::{self, Transaction, audit, campaigns, numbers};
use sluice_schemas::ids::CampaignId;
use sluice_schemas::window::{self, Window};
use uuid::Uuid;

use super::paging::{self, Paging};
use crate::auth::{Actor, Role};
use crate::view::{self, Answer, CampaignState, Comparison, Failure, Funnel, Page, Part, Progress, Refusal, Verdict};
use crate::{Error, State};

/// Refused lines shown at once.
pub const REFUSALS: i64 = 200;

/// What a new campaign is made of, besides its audience.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct New {
    /// Name for people.
    pub name: String,
    /// Number it sends from.
    pub account: String,
    /// Template's name.
    pub template: String,
    /// Template's language: `en_US`.
    pub language: String,
    /// Columns of the CSV that fill the body's placeholders, in order.
    pub columns: Vec<String>,
    /// Column with the phone number; found by its name when left out.
    pub phone_column: Option<String>,
    /// ISO 3166 country of numbers without an international prefix.
    pub country: Option<String>,
    /// Messages per second it may use; 0 for no limit of its own.
    pub throttle: i32,
    /// Percent of failures above which it pauses by itself, judged from 50 outcomes on; 20 when left out, 0 for never.
    pub failure_limit: Option<i32>,
    /// Hours of the recipient's day in which it sends, by the time zone of the telephone number: `09:00-20:00`, or on some days only
    /// `09:00-20:00 mon,tue,wed,thu,fri`. All hours when left out.
    pub window: Option<String>,
    /// Name of the segment whose contacts are its audience, instead of a CSV; `columns` then name their attributes.
    pub segment: Option<String>,
}

impl New {
    /// The hours, if everything else is right too.
    fn check(&self) -> Result<Option<Window>, Error> {
        let mut wrong = Vec::new();
        for (field, value) in [("name", &self.name), ("account", &self.account), ("template", &self.template), ("language", &self.language)]
        {
            if value.trim().is_empty() {
                wrong.push(crate::error::Field { field: field.to_owned(), detail: format!("`{field}` is missing") });
            }
        }
        wrong.extend(beyond(Some(self.throttle), self.failure_limit));
        let hours = self.window.as_deref().map(str::trim).filter(|hours| !hours.is_empty()).map(str::parse).transpose();
        let window = hours.unwrap_or_else(|fault: window::Fault| {
            wrong.push(crate::error::Field { field: "window".into(), detail: fault.to_string() });
            None
        });
        if wrong.is_empty() { Ok(window) } else { Err(Error::Invalid(wrong)) }
    }
}

/// What is wrong with a pace and a failure limit that are given.
fn beyond(throttle: Option<i32>, failure_limit: Option<i32>) -> Vec<crate::error::Field> {
    let ranges = [
        ("throttle", throttle, 0..=1_000, "`throttle` is 0 to 1000 messages a second"),
        ("failure_limit", failure_limit, 0..=100, "`failure_limit` is 0 to 100 percent"),
    ];
    let wrong = ranges.into_iter().filter(|(_, value, range, _)| value.is_some_and(|value| !range.contains(&value)));
    wrong.map(|(field, _, _, detail)| crate::error::Field { field: field.to_owned(), detail: detail.to_owned() }).collect()
}

/// Makes a draft with its audience.
pub async fn create(app: &State, actor: &Actor, new: New, audience: impl Read + Send + 'static) -> Result<view::Campaign, Error> {
    actor.require(Role::Admin, "create campaigns")?;
    let window = new.check()?;
    let transaction = app.pool.tenant(actor.tenant).await?;
    let number = numbers::list(&transaction).await?.into_iter().find(|number| number.account == new.account);
    transaction.commit().await?;
    let number = number.ok_or_else(|| Error::field("account", format!("`account` {} is not one of your numbers", new.account)))?;
    let slots = new.columns.iter().map(|column| serde_json::json!(column)).collect::<Vec<_>>();
    let mapping = serde_json::from_value(serde_json::json!({ "body": slots })).map_err(|e| Error::field("columns", e.to_string()))?;
    let import = campaigns::Import { country: new.country.clone(), recipient_column: new.phone_column.clone() };
    let wanted = campaigns::New {
        name: new.name.trim().to_owned(),
        channel: number.channel,
        account: new.account,
        template_name: new.template,
        template_language: new.language,
        mapping,
        throttle: new.throttle,
        failure_limit: new.failure_limit.unwrap_or(campaigns::FAILURE_LIMIT),
        window,
        created_by: actor.name.clone(),
    };
    let created = match new.segment.as_deref().filter(|segment| !segment.is_empty()) {
        Some(segment) => campaigns::create_from_segment(&app.pool, actor.tenant, &wanted, segment).await,
        None => campaigns::create(&app.pool, actor.tenant, &wanted, &import, audience).await,
    };
    let created = created.map_err(|error| match error {
        // What the request names and does not exist is a wrong field, not a wrong address.
        postgres::Error::NotFound { what, ref id } => Error::field(what, format!("there is no {what} {id}")),
        other => other.into(),
    })?;
    get(app, actor, created.campaign.id.0).await
}

/// What shall be otherwise; what is left out stays.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Edit {
    /// Name for people.
    pub name: Option<String>,
    /// Messages per second it may use; 0 for no limit of its own.
    pub throttle: Option<i32>,
    /// Percent of failures above which it pauses by itself; 0 for never.
    pub failure_limit: Option<i32>,
    /// Hours of the recipient's day, before it starts; an empty text for all.
    pub window: Option<String>,
}

/// Changes a campaign that still is at `version`.
pub async fn edit(app: &State, actor: &Actor, id: Uuid, edit: &Edit, version: i64) -> Result<view::Campaign, Error> {
    actor.require(Role::Admin, "edit campaigns")?;
    let mut wrong = Vec::new();
    if edit.name.as_ref().is_some_and(|name| name.trim().is_empty()) {
        wrong.push(crate::error::Field { field: "name".into(), detail: "`name` is empty".into() });
    }
    wrong.extend(beyond(edit.throttle, edit.failure_limit));
    let window = match edit.window.as_deref().map(str::trim) {
        None => None,
        Some("") => Some(None),
        Some(hours) => match hours.parse() {
            Ok(window) => Some(Some(window)),
            Err(e) => {
                let e: window::Fault = e;
                wrong.push(crate::error::Field { field: "window".into(), detail: e.to_string() });
                None
            }
        },
    };
    if !wrong.is_empty() {
        return Err(Error::Invalid(wrong));
    }
    let wanted = campaigns::Edit {
        name: edit.name.as_ref().map(|name| name.trim().to_owned()),
        throttle: edit.throttle,
        failure_limit: edit.failure_limit,
        window,
    };
    let transaction = app.pool.tenant(actor.tenant).await?;
    campaigns::edit(&transaction, CampaignId(id), &wanted, version, Timestamp::now()).await?;
    let detail = serde_json::json!({"throttle": edit.throttle, "failure_limit": edit.failure_limit, "window": edit.window});
    audit::record(&transaction, &actor.name, "campaign.edit", &id.to_string(), &detail).await?;
    transaction.commit().await?;
    get(app, actor, id).await
}

/// A page of campaigns, newest first.
pub async fn list(app: &State, actor: &Actor, paging: &Paging) -> Result<Page<view::Campaign>, Error> {
    let (limit, place) = (paging.limit()?, paging.place()?);
    let transaction = app.pool.tenant(actor.tenant).await?;
    let rows = campaigns::list(&transaction, place.map(|(at, id)| (at, CampaignId(id))), limit + 1).await?;
    let (rows, next_cursor) = paging::page(rows, limit, |row| (row.created_at, row.id.0));
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
    let mut counters = counters(&transaction, &ids).await?;
    let labels = labels(&transaction).await?;
    transaction.commit().await?;
    let shown = |row: campaigns::Campaign| {
        let counted = counters.remove(&row.id.0).unwrap_or_default();
        shown(app, row, counted, &labels)
    };
    Ok(Page { data: rows.into_iter().map(shown).collect::<Result<_, _>>()?, next_cursor })
}

/// An error when there is no such campaign.
pub async fn exists(app: &State, actor: &Actor, id: Uuid) -> Result<(), Error> {
    let transaction = app.pool.tenant(actor.tenant).await?;
    campaigns::get(&transaction, CampaignId(id)).await?;
    Ok(transaction.commit().await?)
}

/// One campaign.
pub async fn get(app: &State, actor: &Actor, id: Uuid) -> Result<view::Campaign, Error> {
    let transaction = app.pool.tenant(actor.tenant).await?;
    let campaign = read(app, &transaction, id).await?;
    transaction.commit().await?;
    Ok(campaign)
}

async fn read(app: &State, transaction: &Transaction, id: Uuid) -> Result<view::Campaign, Error> {
    let row = campaigns::get(transaction, CampaignId(id)).await?;
    let counted = counters(transaction, &[id]).await?.remove(&id).unwrap_or_default();
    shown(app, row, counted, &labels(transaction).await?)
}

/// Lines of the upload that were refused, behind line `after`.
pub async fn refusals(app: &State, actor: &Actor, id: Uuid, after: i64) -> Result<Vec<Refusal>, Error> {
    let transaction = app.pool.tenant(actor.tenant).await?;
    let rows = campaigns::refusals(&transaction, CampaignId(id), after, REFUSALS).await?;
    transaction.commit().await?;
    Ok(rows.into_iter().map(|r| Refusal { line: r.line.cast_signed(), reason: r.reason, content: r.excerpt }).collect())
}

/// `start`, `pause`, `resume`, `cancel`, `approve`.
pub async fn control(app: &State, actor: &Actor, id: Uuid, verb: &str) -> Result<view::Campaign, Error> {
    if verb == "approve" {
        return approve(app, actor, id).await;
    }
    actor.require(Role::Admin, "control campaigns")?;
    let action = match verb {
        "start" => campaigns::Action::Start,
        "pause" => campaigns::Action::Pause(format!("by {}", actor.name)),
        "resume" => campaigns::Action::Resume,
        "cancel" => campaigns::Action::Cancel,
        _ => return Err(Error::NotFound(format!("action `{verb}`"))),
    };
    let transaction = app.pool.tenant(actor.tenant).await?;
    campaigns::control(&transaction, CampaignId(id), &action, Timestamp::now()).await?;
    audit::record(&transaction, &actor.name, &format!("campaign.{verb}"), &id.to_string(), &serde_json::json!({})).await?;
    let campaign = read(app, &transaction, id).await?;
    transaction.commit().await?;
    Ok(campaign)
}

/// Approves a campaign that waits for a second person.
async fn approve(app: &State, actor: &Actor, id: Uuid) -> Result<view::Campaign, Error> {
    actor.require(Role::Admin, "approve campaigns")?;
    if actor.user.is_none() {
        // Whoever made it may well hold a token too, and would approve it under another name.
        return Err(Error::Forbidden("a campaign is approved by a person who is signed in, not with a token".into()));
    }
    let transaction = app.pool.tenant(actor.tenant).await?;
    campaigns::approve(&transaction, CampaignId(id), &actor.name, Timestamp::now()).await?;
    audit::record(&transaction, &actor.name, "campaign.approve", &id.to_string(), &serde_json::json!({})).await?;
    let campaign = read(app, &transaction, id).await?;
    transaction.commit().await?;
    Ok(campaign)
}

/// What is counted of a campaign.
#[derive(Default)]
struct Counted {
    funnel: Funnel,
    failures: Vec<Failure>,
    answers: Vec<Answer>,
}

/// Two campaigns side by side, of the same moment.
pub(crate) async fn compare(app: &State, actor: &Actor, first: Uuid, second: Uuid) -> Result<Comparison, Error> {
    let transaction = app.pool.tenant(actor.tenant).await?;
    let funnels = [campaigns::funnel(&transaction, CampaignId(first)).await?, campaigns::funnel(&transaction, CampaignId(second)).await?];
    let (first, second) = (read(app, &transaction, first).await?, read(app, &transaction, second).await?);
    transaction.commit().await?;
    let part = |(n, of)| Part { n, of };
    let measure = |m: campaigns::Measure| {
        let verdict = match m.verdict {
            campaigns::Verdict::TooFew => Verdict::TooFew,
            campaigns::Verdict::Chance => Verdict::Chance,
            campaigns::Verdict::Likely => Verdict::Likely,
            campaigns::Verdict::VeryLikely => Verdict::VeryLikely,
        };
        view::Measure { name: m.name.to_owned(), first: part(m.first), second: part(m.second), verdict }
    };
    let measures = campaigns::compare(&funnels[0], &funnels[1]).into_iter().map(measure).collect();
    Ok(Comparison { first, second, measures })
}

type Counters = HashMap<Uuid, Counted>;

/// What is counted of several campaigns, in two round trips.
async fn counters(transaction: &Transaction, ids: &[Uuid]) -> Result<Counters, Error> {
    let sql = "select campaign_id, state, code, sum(n)::bigint from campaign_counters
               where tenant_id = $1 and campaign_id = any($2) group by campaign_id, state, code having sum(n) <> 0";
    let mut counters = Counters::new();
    for row in transaction.query(sql, &[&transaction.tenant()?.0, &ids]).await? {
        let (state, code, n): (String, i32, i64) = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        let Counted { funnel, failures, .. } = counters.entry(row.try_get(0)?).or_default();
        funnel.add(&state, n);
        if state == "failed" {
            failures.push(Failure { code, n, explanation: view::explain(code).to_owned() });
        }
    }
    for (campaign, answer, n) in campaigns::answers(transaction, ids).await? {
        let counted = counters.entry(campaign).or_default();
        counted.funnel.answered += n;
        counted.answers.push(Answer { button: (!answer.is_empty()).then_some(answer), n });
    }
    for Counted { failures, .. } in counters.values_mut() {
        failures.sort_by_key(|failure| (-failure.n, failure.code));
    }
    Ok(counters)
}

/// Numbers as people write them, by account.
async fn labels(transaction: &Transaction) -> Result<HashMap<String, String>, Error> {
    let rows = numbers::list(transaction).await?;
    Ok(rows.into_iter().filter_map(|n| n.display_phone_number.map(|label| (n.account, label))).collect())
}

fn shown(app: &State, c: campaigns::Campaign, counted: Counted, labels: &HashMap<String, String>) -> Result<view::Campaign, Error> {
    let Counted { funnel, failures, answers } = counted;
    let state = CampaignState::from_name(&c.state).ok_or_else(|| Error::Internal(format!("unknown campaign state {}", c.state)))?;
    let started = c.started_at.map(Timestamp::as_millisecond);
    let progress = if state == CampaignState::Running {
        app.rates.see(c.id, &funnel, started, Timestamp::now().as_millisecond())
    } else {
        Progress::default()
    };
    Ok(view::Campaign {
        id: c.id.0,
        name: c.name,
        state,
        pause_reason: c.pause_reason,
        number: labels.get(&c.account).unwrap_or(&c.account).clone(),
        account: c.account,
        template: c.template_name,
        language: c.template_language,
        throttle: c.throttle,
        failure_limit: c.failure_limit,
        window: c.window,
        segment: c.segment,
        retry_of: c.retry_of.map(|id| id.0),
        approved_by: c.approved_by,
        awaits_approval: c.awaits_approval,
        epoch: c.epoch,
        version: c.version,
        refused: c.refused,
        duplicates: c.duplicates,
        created_by: c.created_by,
        created_at: c.created_at.to_string(),
        started_at: c.started_at.map(|at| at.to_string()),
        finished_at: c.finished_at.map(|at| at.to_string()),
        funnel,
        progress,
        failures,
        answers,
    })
}
