use jiff::Timestamp;
use sluice_connectors::postgres::{Transaction, numbers};

use crate::view::{Number, Today};
use crate::{Error, State, auth::Actor};

/// The tenant's numbers and accounts.
pub async fn numbers(app: &State, actor: &Actor) -> Result<Vec<Number>, Error> {
    let transaction = app.pool.tenant(actor.tenant).await?;
    let rows = numbers::list(&transaction).await?;
    transaction.commit().await?;
    Ok(rows.into_iter().map(shown).collect())
}

fn shown(n: numbers::Number) -> Number {
    Number {
        channel: n.channel,
        account: n.account,
        display: n.display_phone_number,
        status: n.status,
        messages_per_second: n.messages_per_second,
        waba_id: n.waba_id,
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
