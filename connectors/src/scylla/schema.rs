//! The tables. Time-window compaction groups SSTables by write time, which is event time here, so a window is written once.

use super::{Options, Result, error::Error};
use scylla::client::session::Session as Driver;

struct Table {
    name: &'static str,
    columns: &'static [(&'static str, &'static str)],
    key: &'static str,
    order: &'static str,
    window_days: u32,
}

const TABLES: &[Table] = &[
    // A conversation's messages, ten days to a partition (below 100 MB).
    Table {
        name: "messages_by_conversation",
        columns: &[
            ("tenant", "uuid"),
            ("conversation", "uuid"),
            ("bucket", "int"),
            ("ts", "timestamp"),
            ("message_id", "text"),
            ("direction", "text"),
            ("kind", "text"),
            ("type", "text"),
            ("body", "text"),
            ("account", "text"),
            ("channel", "text"),
            ("trace", "uuid"),
        ],
        key: "(tenant, conversation, bucket), ts, message_id",
        order: "ts desc, message_id desc",
        window_days: 10,
    },
    // Every step of one outbound message; who wrote it where is said by the first.
    Table {
        name: "message_steps",
        columns: &[
            ("tenant", "uuid"),
            ("message_id", "text"),
            ("state", "text"),
            ("at", "timestamp"),
            ("code", "int"),
            ("detail", "text"),
            ("wamid", "text"),
            ("account", "text"),
            ("recipient", "text"),
            ("campaign", "uuid"),
            ("body", "text"),
        ],
        key: "(tenant, message_id), state",
        order: "state asc",
        window_days: 10,
    },
    // What the inbox lists: a snapshot for every change. Readers keep each conversation's newest.
    Table {
        name: "conversations_by_day",
        columns: &[
            ("tenant", "uuid"),
            ("day", "int"),
            ("updated_ms", "bigint"),
            ("version", "bigint"),
            ("conversation", "uuid"),
            ("snapshot", "text"),
        ],
        key: "(tenant, day), updated_ms, version, conversation",
        order: "updated_ms desc, version desc, conversation desc",
        window_days: 10,
    },
    // The same by conversation: its newest snapshot is its first row.
    Table {
        name: "conversation_latest",
        columns: &[("tenant", "uuid"), ("conversation", "uuid"), ("updated_ms", "bigint"), ("version", "bigint"), ("snapshot", "text")],
        key: "(tenant, conversation), updated_ms, version",
        order: "updated_ms desc, version desc",
        window_days: 10,
    },
];

/// What `migrate` did, or would do: one line each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// `keyspace sluice`, `table messages_by_conversation`, `column message_steps.body`.
    pub changes: Vec<String>,
}

/// What [`migrate`] would do.
pub async fn plan(options: &Options) -> Result<Report> {
    let driver = options.driver().await?;
    let changes = missing(&driver, options).await?;
    Ok(Report { changes: changes.into_iter().map(|(name, _)| name).collect() })
}

/// Makes the keyspace, tables and columns that are missing. Safe to repeat; it never drops or changes what is there.
pub async fn migrate(options: &Options) -> Result<Report> {
    let driver = options.driver().await?;
    let mut report = Report::default();
    for (name, statement) in missing(&driver, options).await? {
        driver.query_unpaged(statement, ()).await.map_err(Error::statement)?;
        report.changes.push(name);
    }
    driver.await_schema_agreement().await.map_err(Error::statement)?;
    Ok(report)
}

async fn missing(driver: &Driver, options: &Options) -> Result<Vec<(String, String)>> {
    let keyspace = &options.keyspace;
    let mut changes = Vec::new();
    let found = names(driver, "select keyspace_name, keyspace_name from system_schema.keyspaces where keyspace_name = ?", keyspace).await?;
    if found.is_empty() {
        // The short form of the factor is understood by both; it means that many copies in every data centre.
        let statement = format!(
            "create keyspace if not exists {keyspace} with replication = \
             {{'class': 'NetworkTopologyStrategy', 'replication_factor': {}}}",
            options.replication
        );
        changes.push((format!("keyspace {keyspace}"), statement));
    }
    let columns = names(driver, "select table_name, column_name from system_schema.columns where keyspace_name = ?", keyspace).await?;
    for table in TABLES {
        if !columns.iter().any(|(name, _)| name == table.name) {
            changes.push((format!("table {}", table.name), create(keyspace, table)));
            continue;
        }
        for (column, kind) in table.columns {
            if !columns.iter().any(|(name, known)| name == table.name && known == column) {
                let statement = format!("alter table {keyspace}.{} add {column} {kind}", table.name);
                changes.push((format!("column {}.{column}", table.name), statement));
            }
        }
    }
    Ok(changes)
}

fn create(keyspace: &str, table: &Table) -> String {
    let columns: Vec<String> = table.columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
    format!(
        "create table if not exists {keyspace}.{} ({}, primary key ({})) with clustering order by ({}) and compaction = \
         {{'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'DAYS', 'compaction_window_size': {}}}",
        table.name,
        columns.join(", "),
        table.key,
        table.order,
        table.window_days
    )
}

async fn names(driver: &Driver, statement: &str, keyspace: &str) -> Result<Vec<(String, String)>> {
    let rows = driver.query_unpaged(statement, (keyspace,)).await.map_err(Error::statement)?;
    let rows = rows.into_rows_result().map_err(Error::statement)?;
    let rows = rows.rows::<(String, String)>().map_err(Error::statement)?;
    rows.collect::<std::result::Result<_, _>>().map_err(Error::statement)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tenant_comes_first_in_every_partition_key() {
        for table in TABLES {
            assert!(table.key.starts_with("(tenant, "), "{}", table.name);
            assert_eq!(table.columns[0], ("tenant", "uuid"), "{}", table.name);
        }
    }
}
