use super::{Error, Pool, Result, Transaction};

/// Refuses logins that could see around row-level security: superusers, `BYPASSRLS`, owners of our tables, or members of such a role.
///
/// Called before a process serves anything: with such a login the policies would hold nothing, silently.
pub async fn check_role(pool: &Pool) -> Result<()> {
    for transaction in [pool.stranger().await?, pool.worker().await?] {
        check(&transaction).await?;
        transaction.commit().await?;
    }
    Ok(())
}

async fn check(transaction: &Transaction) -> Result<()> {
    let row = transaction
        .query_one(
            "select session_user::text,
                    exists (select from pg_roles r where (r.rolsuper or r.rolbypassrls) and pg_has_role(session_user, r.oid, 'member')),
                    exists (select from pg_class c where c.relnamespace = 'public'::regnamespace and c.relrowsecurity
                            and pg_has_role(session_user, c.relowner, 'member')),
                    to_regclass('public.tenants') is not null",
            &[],
        )
        .await?;
    let (user, bypasses, owns, migrated): (String, bool, bool, bool) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    if !migrated {
        return Err(Error::Migration("the database has no tables yet; run `sluice migrate`".into()));
    }
    if bypasses {
        return Err(Error::Role(format!(
            "the Postgres login `{user}` is a superuser or may bypass row-level security, so tenants would not be kept apart; \
             use a plain login that is a member of sluice_app or sluice_worker only"
        )));
    }
    if owns {
        return Err(Error::Role(format!(
            "the Postgres login `{user}` owns tables and could switch their row-level security off; \
             keep the owner for `sluice migrate` and give `postgres.app` and `postgres.worker` logins of their own"
        )));
    }
    Ok(())
}
