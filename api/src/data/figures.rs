use jiff::Timestamp;
use sluice_connectors::meta::template as filled;
use sluice_connectors::postgres::{Transaction, config, health};
use sluice_schemas::command;

use crate::view::{Health, Number, Template, Today};
use crate::{Error, State, auth::Actor};

/// The tenant's numbers and accounts.
pub async fn numbers(app: &State, actor: &Actor) -> Result<Vec<Number>, Error> {
    let transaction = app.pool.tenant(actor.tenant).await?;
    let rows = health::list(&transaction).await?;
    transaction.commit().await?;
    Ok(rows.into_iter().map(shown).collect())
}

fn shown(row: health::Row) -> Number {
    let health::Row { number: n, health, at, error } = row;
    let told = health.is_some() || error.is_some();
    let said = health.unwrap_or_default();
    let health = Health {
        verified_name: said.verified_name,
        quality: said.quality,
        status: said.status,
        throughput: said.throughput,
        messaging_limit: said.messaging_limit,
        at: at.map(|at| at.to_string()),
        error,
    };
    Number {
        people_a_day: n.people_a_day(),
        channel: n.channel,
        account: n.account,
        display: n.display_phone_number,
        status: n.status,
        messages_per_second: n.messages_per_second,
        waba_id: n.waba_id,
        health: told.then_some(health),
    }
}

/// The tenant's templates, by name and language, each as a customer sees it before anything is filled in.
pub async fn templates(app: &State, actor: &Actor) -> Result<Vec<Template>, Error> {
    let transaction = app.pool.tenant(actor.tenant).await?;
    let rows = config::templates(&transaction).await?;
    transaction.commit().await?;
    Ok(rows.into_iter().map(template).collect())
}

pub(super) fn template(row: config::Template) -> Template {
    let language = command::Language { code: row.language.clone() };
    let unfilled = command::Template { name: row.name.clone(), language, components: Vec::new() };
    Template {
        preview: filled::preview(&row.components, &unfilled),
        waba_id: row.waba_id,
        name: row.name,
        language: row.language,
        category: row.category,
        status: row.status,
        quality: row.quality,
        reason: row.reason,
        components: row.components,
    }
}

/// Figures since `midnight`.
pub async fn today(transaction: &Transaction, midnight: Timestamp) -> Result<Today, Error> {
    let row = transaction
        .query_one(
            "select (select count(*) from campaigns where tenant_id = $1 and state = 'running'),
                    (select count(*) from quotes where tenant_id = $1 and created_at >= $2),
                    (select count(*) from quotes where tenant_id = $1 and created_at >= $2 and status = 'answered'),
                    (select count(*) from quotes where tenant_id = $1 and status = 'awaiting_approval'),
                    (select count(*) from sends_attention where tenant_id = $1) + (select count(*) from holds where tenant_id = $1)",
            &[&transaction.tenant()?.0, &midnight],
        )
        .await?;
    Ok(Today {
        running: row.try_get(0)?,
        quotes: row.try_get(1)?,
        answered: row.try_get(2)?,
        awaiting: row.try_get(3)?,
        attention: row.try_get(4)?,
    })
}
