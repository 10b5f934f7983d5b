use sluice_connectors::postgres::retention::{self, Cleared};

use crate::{migrated, tenant};

const ROWS: &str = "
    insert into users (tenant_id, id, email, name, role, password_hash)
        select id, gen_random_uuid(), 'a@example.com', 'A', 'owner', '' from tenants;
    insert into sessions (tenant_id, token_hash, user_id, csrf, expires_at)
        select tenant_id, decode(hash, 'hex'), id, '', now() + span from users,
            (values ('00', interval '-1 minute'), ('01', interval '1 minute')) as s (hash, span);
    insert into idempotency_keys (tenant_id, route, key, request_hash, created_at)
        select id, 'r', age::text, '', now() - age from tenants, (values (interval '6 days'), (interval '8 days')) as k (age);
    insert into contact_imports (tenant_id, id, file, created_by, created_at)
        select id, gen_random_uuid(), 'f', 'a', now() - age from tenants, (values (interval '29 days'), (interval '31 days')) as i (age);
    insert into contact_changes (tenant_id, import_id, phone) select tenant_id, id, '15550100001' from contact_imports;
    truncate outbox;
    insert into outbox (tenant_id, topic, partition, key, record_kind, payload, published_at)
        select id, 'config', 0, 'k', 'config', '{}', now() - age from tenants,
            (values (interval '6 days'), (interval '8 days'), (null)) as o (age);
";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_goes_and_what_waits_to_be_published_stays_however_old() {
    let (pool, owner) = migrated().await;
    tenant(&pool, "acme", "15550100001", 0).await;
    owner.batch_execute(ROWS).await.expect("rows");
    assert_eq!(retention::clear(&pool).await.unwrap(), Cleared { outbox: 1, sessions: 1, idempotency_keys: 1, contact_changes: 1 });
    assert_eq!(retention::clear(&pool).await.unwrap(), Cleared { outbox: 0, sessions: 0, idempotency_keys: 0, contact_changes: 0 });
    let left = owner.query_one("select count(*) from outbox where published_at is null", &[]).await.unwrap();
    assert_eq!(left.get::<_, i64>(0), 1);
}
