use std::io::Cursor;

use sluice_connectors::postgres::Pool;
use sluice_connectors::postgres::campaigns;
use sluice_connectors::postgres::contacts::{self, Imported, Wanted};
use sluice_schemas::ids::TenantId;

use super::{migrated, tenant};

const PEOPLE: &str = "phone,name,city,age,since,tags\n\
    +15550100001,Ana,São Paulo,34,2024-03-01,vip;early\n\
    +15550100002,Ben,Recife,28,2026-01-15,early\n\
    +15550100003,Eva,Recife,,2025-06-30,\n\
    +15550100004,Leo,,old,,\"vip, late\"\n\
    12,Short,Recife,1,,\n\
    +1 555 010 0002,Ben again,Olinda,29,,\n";

async fn import(pool: &Pool, tenant: TenantId, file: &str, wanted: Wanted) -> Imported {
    contacts::import(pool, tenant, &wanted, Cursor::new(file.to_owned())).await.expect("an import").0
}

fn wanted(file: &str) -> Wanted {
    Wanted { file: file.into(), by: "ana".into(), ..Wanted::default() }
}

/// The last digits of those whom an expression takes.
async fn taken(pool: &Pool, tenant: TenantId, expression: &str) -> String {
    let which = contacts::parse("expression", expression).unwrap();
    let transaction = pool.tenant(tenant).await.unwrap();
    let found = contacts::list(&transaction, Some(&which), "", 100).await.unwrap();
    assert_eq!(contacts::count(&transaction, Some(&which)).await.unwrap(), found.len() as i64, "{expression}");
    found.iter().filter_map(|contact| contact.phone.chars().last()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_takes_whom_its_expression_says() {
    let (pool, owner) = migrated().await;
    let (acme, rival) = (tenant(&pool, "acme", "1", 0).await, tenant(&pool, "rival", "2", 0).await);
    let made = import(&pool, acme, PEOPLE, Wanted { consent: Some("web form".into()), ..wanted("people.csv") }).await;
    assert_eq!((made.added, made.changed, made.duplicates, made.refused), (4, 0, 1, 1));
    import(&pool, acme, "phone\n+5511955501005\n", Wanted { tags: vec!["br".into()], ..wanted("more.csv") }).await;
    let campaign = super::campaigns::campaign(&pool, acme, "1", 3).await.campaign;
    owner.execute("update campaigns set started_at = now() - interval '3 days'", &[]).await.unwrap();
    for (expression, expected) in [
        ("tag = vip", "14"),
        ("tag = early, late", "124"),
        ("tag", "1245"),
        ("city = Recife", "23"),
        ("city = \"São Paulo\", Recife and tag = early", "12"),
        ("city", "123"),
        ("not city", "45"),
        ("city != Recife", "145"),
        ("age >= 28", "12"),
        ("age < 30 or tag = late", "24"),
        ("not age > 30", "2345"),
        ("since >= 2025-06-30", "23"),
        ("phone = 1555*", "1234"),
        ("phone = +55*, 15550100001", "15"),
        ("consent", "1234"),
        ("consent = \"web form\" and not tag", "3"),
        ("(tag = vip or tag = early) and not (city = Recife and age < 30)", "14"),
        ("name = \"x' or true --\"", ""),
        ("\"x' or true --\" = y", ""),
        // Its audience are the numbers that end in 0000, 0001 and 0002.
        (&format!("campaign = {}", campaign.id), "12"),
        (&format!("campaign != {} and tag", campaign.id), "45"),
        // It was started three days ago.
        ("last_campaign < 7", "12"),
        ("last_campaign < 2", ""),
        ("last_campaign >= 7 and tag", "45"),
        ("not last_campaign", "345"),
    ] {
        assert_eq!(taken(&pool, acme, expression).await, expected, "{expression}");
        assert_eq!(taken(&pool, rival, expression).await, "", "{expression}: another tenant's contacts");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_adds_to_what_is_known_and_can_be_undone() {
    let (pool, _owner) = migrated().await;
    let acme = tenant(&pool, "acme", "1", 0).await;
    let first = import(&pool, acme, PEOPLE, wanted("people.csv")).await;
    let second = "phone,city,language,tags\n+15550100001,,pt,new\n+15550100002,Olinda,pt,\n+15550100009,Natal,pt,new\n";
    let second = import(&pool, acme, second, Wanted { consent: Some("shop".into()), ..wanted("second.csv") }).await;
    assert_eq!((second.added, second.changed), (1, 2));
    let third = import(&pool, acme, "phone,city\n+15550100002,Natal\n", wanted("third.csv")).await;
    let transaction = pool.tenant(acme).await.unwrap();
    let known = contacts::list(&transaction, None, "", 100).await.unwrap();
    let ana = &known[0];
    assert_eq!((&ana.attributes["city"], &ana.attributes["language"]), (&"São Paulo".into(), &"pt".into()), "an empty cell takes nothing");
    assert_eq!(ana.tags, ["early", "new", "vip"]);
    assert_eq!(ana.consent.as_ref().unwrap()["source"], "shop");

    assert_eq!(contacts::undo(&transaction, second.id).await.unwrap(), 1, "one was changed again since");
    transaction.commit().await.unwrap();
    assert_eq!(taken(&pool, acme, "language = pt").await, "2", "what a later import built on stays");
    assert_eq!(taken(&pool, acme, "tag = new").await, "");
    assert_eq!(taken(&pool, acme, "city = \"São Paulo\" and tag = vip and not consent").await, "1");
    assert_eq!(taken(&pool, acme, "phone = 15550100009").await, "");
    let transaction = pool.tenant(acme).await.unwrap();
    let again = contacts::undo(&transaction, second.id).await.unwrap_err().to_string();
    assert_eq!(again, "the import is undone already: cannot undo it");
    assert_eq!(contacts::undo(&transaction, third.id).await.unwrap(), 0);
    assert_eq!(contacts::undo(&transaction, first.id).await.unwrap(), 1, "the one that the second's change stayed with");
    let newest: Vec<_> = contacts::imports(&transaction, None, 10).await.unwrap().into_iter().map(|import| import.file).collect();
    assert_eq!(newest, ["third.csv", "second.csv", "people.csv"]);
    let refused = contacts::refusals(&transaction, first.id, 0, 10).await.unwrap();
    assert_eq!(refused.iter().map(|refusal| refusal.line).collect::<Vec<_>>(), [6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_is_made_of_those_who_belong_to_a_segment_then() {
    let (pool, _owner) = migrated().await;
    let acme = tenant(&pool, "acme", "1", 3).await;
    import(&pool, acme, PEOPLE, wanted("people.csv")).await;
    let transaction = pool.tenant(acme).await.unwrap();
    contacts::save_segment(&transaction, "North", "city = Recife", "ana").await.unwrap();
    let wrong = contacts::save_segment(&transaction, "Wrong", "city =", "ana").await.unwrap_err().to_string();
    assert!(wrong.starts_with("expression: cannot be read at its end"), "{wrong}");
    transaction.commit().await.unwrap();
    let new = super::campaigns::new("1");
    let made = campaigns::create_from_segment(&pool, acme, &new, "North").await.unwrap().campaign;
    assert_eq!((made.audience, made.segment.as_deref()), (2, Some("North: city = Recife")));
    let transaction = pool.tenant(acme).await.unwrap();
    let rows = campaigns::audience(&transaction, made.id, 3, 0, 10).await.unwrap();
    let seen: Vec<_> = rows.iter().map(|row| (row.seq, row.recipient.as_str(), row.variables["name"].as_str())).collect();
    assert_eq!(seen, [(0, "15550100002", Some("Ben")), (1, "15550100003", Some("Eva"))]);
    assert!(rows.iter().all(|row| row.variables.len() == 1), "only what the template needs leaves the contacts");
    assert!(campaigns::funnel(&transaction, made.id).await.unwrap().balanced());
    contacts::save_segment(&transaction, "Nobody", "city = Nowhere", "ana").await.unwrap();
    transaction.commit().await.unwrap();
    let nobody = campaigns::create_from_segment(&pool, acme, &new, "Nobody").await.unwrap_err().to_string();
    assert_eq!(nobody, "segment: nobody belongs to `Nobody` (city = Nowhere)");
    assert_eq!(campaigns::create_from_segment(&pool, acme, &new, "Gone").await.unwrap_err().kind(), "not_found");
    // Whoever comes later belongs to the next campaign.
    import(&pool, acme, "phone,city,name\n+15550100007,Recife,Ida\n", wanted("more.csv")).await;
    assert_eq!(campaigns::create_from_segment(&pool, acme, &new, "North").await.unwrap().campaign.audience, 3);
}
