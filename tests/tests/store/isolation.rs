use sluice_connectors::postgres::{self, Error, Login, Options, Pool, check_role, config, numbers, tenants, users};
use sluice_schemas::ids::TenantId;

use super::{database, migrated, number, tenant};

#[tokio::test(flavor = "multi_thread")]
async fn migrate_does_what_plan_said_and_nothing_twice() {
    let (options, _owner) = database().await;
    let plan = postgres::plan(&options).await.unwrap();
    assert_eq!(plan.migrations.first().map(String::as_str), Some("V1__init"));
    assert_eq!(postgres::migrate(&options).await.unwrap().migrations, plan.migrations);
    assert!(postgres::plan(&options).await.unwrap().is_empty());
    assert!(postgres::migrate(&options).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_migrations_at_once_both_succeed() {
    let (options, _owner) = database().await;
    let all = postgres::plan(&options).await.unwrap().migrations.len();
    let (a, b) = tokio::join!(postgres::migrate(&options), postgres::migrate(&options));
    assert_eq!(a.unwrap().migrations.len() + b.unwrap().migrations.len(), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_could_bypass_the_policies_is_refused() {
    let (options, owner) = database().await;
    let unmigrated = Pool::new(&Options { app: Login { user: "postgres".into(), password: "x".into() }, ..options.clone() }).unwrap();
    assert_eq!(check_role(&unmigrated).await.unwrap_err().kind(), "migration");
    postgres::migrate(&options).await.unwrap();
    check_role(&Pool::new(&options).unwrap()).await.unwrap();
    let name = format!("bypass_{}", uuid::Uuid::new_v4().simple());
    owner.batch_execute(&format!("create role {name} login bypassrls")).await.unwrap();
    let member = format!("{name}_member");
    owner.batch_execute(&format!("create role {member} login in role {name}")).await.unwrap();
    let owning = format!("{name}_owner");
    owner.batch_execute(&format!("create role {owning} login; alter table quotes owner to {owning}")).await.unwrap();
    for user in ["postgres", &name, &member, &owning] {
        let login = Login { user: user.into(), password: "x".into() };
        let pool = Pool::new(&Options { worker: login, ..options.clone() }).unwrap();
        assert_eq!(check_role(&pool).await.unwrap_err().kind(), "role", "{user}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_of_tenants_is_forced_and_has_the_tenant_first_in_its_keys() {
    let (_pool, owner) = migrated().await;
    let unforced = owner
        .query(
            "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
             where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and not (c.relrowsecurity and c.relforcerowsecurity)",
            &[],
        )
        .await
        .unwrap();
    assert!(unforced.is_empty(), "{unforced:?}");
    let late = owner
        .query(
            "select k.conrelid::regclass::text || '.' || k.conname from pg_constraint k
             join pg_attribute t on t.attrelid = k.conrelid and t.attname = 'tenant_id'
             where k.contype in ('p', 'u', 'f') and k.conkey[1] <> t.attnum and k.conname <> 'numbers_one_owner'",
            &[],
        )
        .await
        .unwrap();
    assert!(late.is_empty(), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_and_touches_its_own_rows_alone() {
    let (pool, owner) = migrated().await;
    let (acme, globex) = (tenant(&pool, "acme", "1", 0).await, tenant(&pool, "globex", "2", 1).await);
    let tables = owner
        .query(
            "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
             where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace",
            &[],
        )
        .await
        .unwrap();
    assert!(tables.len() > 10);
    let (own, stranger) = (pool.tenant(acme).await.unwrap(), pool.stranger().await.unwrap());
    for table in tables.iter().map(|row| row.get::<_, String>(0)) {
        let sql = format!("select count(*) from {table} where tenant_id <> $1");
        assert_eq!(own.query_one(&sql, &[&acme.0]).await.unwrap().get::<_, i64>(0), 0, "{table}");
        assert_eq!(stranger.query_one(&sql, &[&TenantId::UNKNOWN.0]).await.unwrap().get::<_, i64>(0), 0, "{table}");
    }
    assert_eq!(own.query_one("select count(*) from numbers", &[]).await.unwrap().get::<_, i64>(0), 1);
    assert_eq!(own.execute("update numbers set status = 'held' where account = '2'", &[]).await.unwrap(), 0);
    assert_eq!(own.execute("update tenants set name = 'x' where slug = 'globex'", &[]).await.unwrap(), 0);
    let foreign = "insert into users (tenant_id, id, email, name, role, password_hash) values ($1, $1, 'a@x.example', 'A', 'owner', '')";
    match own.execute(foreign, &[&globex.0]).await {
        Err(Error::Statement { code, .. }) => assert_eq!(code, "42501"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_forgets_its_tenant_however_the_transaction_ends() {
    let (options, _owner) = database().await;
    postgres::migrate(&options).await.unwrap();
    // One connection, so that each transaction finds what the one before left.
    let pool = Pool::new(&Options { pool_size: 1, ..options }).unwrap();
    let acme = tenant(&pool, "acme", "1", 0).await;
    for commit in [true, false] {
        let transaction = pool.tenant(acme).await.unwrap();
        transaction.execute("update numbers set status = 'held'", &[]).await.unwrap();
        if commit {
            transaction.commit().await.unwrap();
        } else {
            drop(transaction);
        }
        let stranger = pool.stranger().await.unwrap();
        assert_eq!(stranger.query_one("select count(*) from numbers", &[]).await.unwrap().get::<_, i64>(0), 0);
    }
    let failed = pool.tenant(acme).await.unwrap();
    assert!(failed.batch("select 1/0").await.is_err());
    drop(failed);
    assert_eq!(numbers::all(&pool).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_name_finds_its_tenant_and_lists_nobody() {
    let (pool, _owner) = migrated().await;
    let acme = tenant(&pool, "acme", "1", 0).await;
    assert_eq!(tenants::by_slug(&pool, "acme").await.unwrap(), Some((acme, false)));
    assert_eq!(tenants::by_slug(&pool, "acm%").await.unwrap(), None);
    let transaction = pool.tenant(acme).await.unwrap();
    config::suspend(&transaction, true).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(tenants::by_slug(&pool, "acme").await.unwrap(), Some((acme, true)));
    let id = TenantId::from_bytes([1; 16]);
    let (slug, name, time_zone, locale) = ("acme".into(), "Other".into(), "UTC".into(), "en".into());
    let error = tenants::create(&pool, &tenants::New { id, slug, name, home: 0, time_zone, locale }).await.unwrap_err();
    assert_eq!(error.to_string(), "tenant `acme` exists already");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_has_one_owner_and_one_home_and_routing_sees_every_change() {
    let (pool, _owner) = migrated().await;
    let (acme, globex) = (tenant(&pool, "acme", "1", 0).await, tenant(&pool, "globex", "2", 1).await);
    let mark = numbers::mark(&pool).await.unwrap();
    assert_eq!(numbers::mark(&pool).await.unwrap(), mark);
    let transaction = pool.tenant(globex).await.unwrap();
    assert_eq!(config::put_number(&transaction, &number("1", 1)).await.unwrap_err().kind(), "exists");
    drop(transaction);
    let transaction = pool.tenant(acme).await.unwrap();
    let moved = config::put_number(&transaction, &number("1", 5)).await.unwrap_err();
    assert_eq!((moved.kind(), moved.to_string().contains("partition 0")), ("invalid", true));
    config::put_number(&transaction, &number("1", 0)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_ne!(numbers::mark(&pool).await.unwrap(), mark);
    let homes: Vec<_> = numbers::all(&pool).await.unwrap().into_iter().map(|n| (n.account, n.tenant, n.home)).collect();
    assert!(homes.contains(&("1".into(), acme, 0)) && homes.contains(&("2".into(), globex, 1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_and_tokens_are_withdrawn() {
    let (pool, _owner) = migrated().await;
    let (acme, globex) = (tenant(&pool, "acme", "1", 0).await, tenant(&pool, "globex", "2", 0).await);
    let now = jiff::Timestamp::from_millisecond(1_700_000_000_000).unwrap();
    let later = jiff::Timestamp::from_millisecond(1_700_000_001_000).unwrap();
    let transaction = pool.tenant(acme).await.unwrap();
    let user = users::create(&transaction, "Ana@X.example", "Ana", "owner", "$argon2id$").await.unwrap();
    assert_eq!(users::by_email(&transaction, "ana@x.EXAMPLE").await.unwrap().map(|user| user.id), Some(user));
    users::open_session(&transaction, user, b"hash", "csrf", later).await.unwrap();
    users::create_token(&transaction, b"token", "ci", "agent").await.unwrap();
    assert!(users::session(&transaction, b"hash", now).await.unwrap().is_some());
    assert!(users::session(&transaction, b"hash", later).await.unwrap().is_none());
    transaction.commit().await.unwrap();
    let other = pool.tenant(globex).await.unwrap();
    assert!(users::session(&other, b"hash", now).await.unwrap().is_none());
    assert!(users::token(&other, b"token").await.unwrap().is_none());
    drop(other);
    let transaction = pool.tenant(acme).await.unwrap();
    assert_eq!(users::create(&transaction, "b@x.example", "B", "king", "").await.unwrap_err().kind(), "invalid");
    drop(transaction);
    let transaction = pool.tenant(acme).await.unwrap();
    assert_eq!(users::create(&transaction, "ana@x.example", "A", "agent", "").await.unwrap_err().kind(), "exists");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_named_without_the_password() {
    let options = Options::at("postgres://owner:hunter2@127.0.0.1:1/sluice");
    for error in [postgres::migrate(&options).await.unwrap_err(), Pool::new(&options).unwrap().worker().await.err().unwrap()] {
        assert_eq!((error.kind(), error.is_outage()), ("unreachable", true));
        let text = error.to_string();
        assert!(text.contains("127.0.0.1:1/sluice") && text.contains("refused") && !text.contains("hunter2"), "{text}");
    }
}
