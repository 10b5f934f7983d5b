//! The console over invented data, without a pipeline: for whoever works on its pages.
//!
//! `cargo run -p sluice-api --example console -- POSTGRES_URL CQL_NODE KAFKA [PORT]`, with the addresses that
//! `sluice-local env` prints. Sign in at <http://acme.localhost:8080> as `ana@example.com` with `demonstration`.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use sluice_api::auth::password;
use sluice_api::live::{Feed, LiveEvent, Position};
use sluice_api::stages::Observation;
use sluice_api::{Options, State, router};
use sluice_connectors::kafka::producer::Producer;
use sluice_connectors::postgres::{Pool, campaigns, config, tenants, users};
use sluice_connectors::scylla::{Direction, MessageRow, Session, Step, StepRow, Write};
use sluice_connectors::{kafka, postgres, scylla};
use sluice_schemas::codec::Codecs;
use sluice_schemas::forecast::{Forecast, Plan};
use sluice_schemas::ids::{ConversationId, QuoteId, TenantId, TraceId};
use sluice_schemas::record::SendState;
use sluice_schemas::time::Millis;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const TENANT: TenantId = TenantId::from_bytes([0xac; 16]);
const ACCOUNT: &str = "555010001";
const PEOPLE: [&str; 6] = ["Ana Silva", "Bruno Costa", "Camila Rocha", "Diego Lima", "Elisa Prado", "Fábio Nunes"];

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let mut next = |name: &str| args.next().ok_or(format!("usage: console POSTGRES_URL CQL_NODE KAFKA [PORT]; {name} is missing"));
    let postgres = postgres::Options::at(&next("POSTGRES_URL")?);
    let cql = scylla::Options { nodes: vec![next("CQL_NODE")?], ..scylla::Options::default() };
    let kafka = kafka::Options { brokers: next("KAFKA")?, ..kafka::Options::default() };
    let port = next("PORT").map_or(Ok(8080), |port| port.parse())?;
    postgres::migrate(&postgres).await?;
    scylla::migrate(&cql).await?;
    kafka::admin::migrate(&kafka).await?;
    let (pool, session) = (Pool::new(&postgres)?, Session::connect(&cql).await?);
    if tenants::by_slug(&pool, "acme").await?.is_none() {
        configure(&pool).await?;
        campaign(&pool).await?;
        quotes(&pool).await?;
        history(&session).await?;
    }
    let producer = Producer::new(&kafka, Duration::from_secs(5))?;
    let state = State::new(Options::default(), &kafka, pool.clone(), Some(session), producer, Codecs::unregistered(), forecast);
    tokio::spawn(play(state.clone(), pool));
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    println!("http://acme.localhost:{port}  ana@example.com  demonstration");
    Ok(axum::serve(listener, router(state)).await?)
}

/// Without a pipeline there is no schedule: as fast as the number sends.
fn forecast(plan: &Plan) -> Forecast {
    let finish = plan.start.plus(plan.share.messages * 1_000 / plan.rate.max(1));
    Forecast { finish, curve: vec![(finish, plan.share.messages)] }
}

async fn configure(pool: &Pool) -> Result<()> {
    let tenant = tenants::New {
        id: TENANT,
        slug: "acme".into(),
        name: "Acme Building Supplies".into(),
        home: 3,
        time_zone: "America/Sao_Paulo".into(),
        locale: "en".into(),
    };
    tenants::create(pool, &tenant).await?;
    let transaction = pool.tenant(TENANT).await?;
    for (email, name, role) in [("ana@example.com", "Ana", "owner"), ("bea@example.com", "Bea", "agent")] {
        users::create(&transaction, email, name, role, &password::hash("demonstration".into()).await?).await?;
    }
    let text = users::token_text(TENANT, "demonstration");
    users::create_token(&transaction, &sluice_api::auth::token::hash(&text), "demonstration", "owner").await?;
    println!("token {text}");
    for (account, display, status) in [(ACCOUNT, "+1 555 010 0001", "active"), ("555010002", "+1 555 010 0002", "held")] {
        let number = config::Number {
            channel: "whatsapp".into(),
            account: account.into(),
            waba_id: Some("555019000".into()),
            display_phone_number: Some(display.into()),
            home: 3,
            messages_per_second: 80,
            status: status.into(),
            portfolio_id: None,
            messaging_limit: None,
        };
        config::put_number(&transaction, &number).await?;
    }
    let template = config::Template {
        quality: Some("GREEN".into()),
        reason: None,
        waba_id: "555019000".into(),
        name: "spring_offer".into(),
        language: "en_US".into(),
        category: "MARKETING".into(),
        status: "APPROVED".into(),
        components: json!([{"type": "BODY", "text": "Hello {{1}}, 10 % off cement until Friday."}]),
    };
    config::put_template(&transaction, &template).await?;
    Ok(transaction.commit().await?)
}

async fn campaign(pool: &Pool) -> Result<()> {
    let new = campaigns::New {
        name: "Spring offer".into(),
        channel: "whatsapp".into(),
        account: ACCOUNT.into(),
        template_name: "spring_offer".into(),
        template_language: "en_US".into(),
        mapping: serde_json::from_value(json!({"body": ["name"]}))?,
        failure_limit: campaigns::FAILURE_LIMIT,
        throttle: 0,
        created_by: "ana@example.com".into(),
        window: None,
    };
    let mut csv = String::from("name,phone\nNobody,\nTwice,+15550100001\nTwice,+15550100001\nShort,+1555\n");
    csv.extend((100_000..112_000).map(|n| format!("Customer {n},+1555{n:07}\n")));
    let created = campaigns::create(pool, TENANT, &new, &campaigns::Import::default(), std::io::Cursor::new(csv)).await?;
    let transaction = pool.tenant(TENANT).await?;
    campaigns::control(&transaction, created.campaign.id, &campaigns::Action::Start, jiff::Timestamp::now()).await?;
    transaction.commit().await?;
    for (state, code, n) in [
        ("suppressed", 0, 214),
        ("planned", 0, 180),
        ("in_flight", 0, 12),
        ("unknown", 0, 3),
        ("quarantined", 0, 1),
        ("failed", 131_026, 96),
        ("failed", 131_049, 61),
        ("accepted", 0, 300),
        ("sent", 0, 900),
        ("delivered", 0, 2_600),
        ("read", 0, 1_700),
    ] {
        shift(pool, state, code, n).await?;
    }
    Ok(())
}

/// Moves `n` recipients from pending.
async fn shift(pool: &Pool, state: &str, code: i32, n: i64) -> Result<()> {
    let transaction = pool.worker().await?;
    let sql = "with c as (update campaign_counters set n = n - $4 where tenant_id = $1 and state = 'pending' and n >= $4
                          returning campaign_id, partition)
               insert into campaign_counters (tenant_id, campaign_id, partition, state, code, n)
               select $1, campaign_id, partition, $2, $3, $4 from c
               on conflict (tenant_id, campaign_id, partition, state, code) do update set n = campaign_counters.n + excluded.n";
    transaction.execute(sql, &[&TENANT.0, &state, &code, &n]).await?;
    Ok(transaction.commit().await?)
}

fn conversation(n: usize) -> ConversationId {
    ConversationId::mint(TENANT, ACCOUNT, PEOPLE[n])
}

async fn quotes(pool: &Pool) -> Result<()> {
    let detail = json!({
        "lines": [
            {"name": "Cement 50 kg", "quantity": "120", "unit": "bag", "unit_price": "34.90", "amount": "4188.00"},
            {"name": "Washed sand", "quantity": "6", "unit": "m³", "unit_price": "95.00", "amount": "570.00"}],
        "discounts": [{"label": "From 100 bags", "percent": "5", "amount": "209.40"}],
        "freight": {"charged": {"zone": "City", "weight_kg": "15600", "amount": "380.00"}},
    });
    let transaction = pool.worker().await?;
    for (n, status) in ["awaiting_approval", "awaiting_approval", "approved", "answered", "rejected"].into_iter().enumerate() {
        let reasons = ["The total is above 3,000.00.", "The margin is 8 %, below 12 %."][..usize::from(n < 2) * 2].to_vec();
        let decided = (status == "approved" || status == "rejected").then_some("ana@example.com");
        transaction
            .execute(
                "insert into quotes (tenant_id, quote_id, conversation_id, account, status, total, currency, reasons, request, detail,
                                     created_at, updated_at, deadline_at, decided_by, trace)
                 values ($1, $2, $3, $4, $5, 4928.60, 'BRL', $6, $7, $8, now() - make_interval(mins => $9),
                         now() - make_interval(mins => $9 / 2), now() + interval '1 day', $10, $2)",
                &[
                    &TENANT.0,
                    &QuoteId::of(TENANT, &n.to_string()).0,
                    &conversation(n).0,
                    &ACCOUNT,
                    &status,
                    &reasons,
                    &"Good morning! 120 bags of cement and 6 cubic metres of sand, delivered to 01310-100. Best price?",
                    &detail,
                    &(10 * (n as i32 + 1)),
                    &decided,
                ],
            )
            .await?;
    }
    Ok(transaction.commit().await?)
}

async fn history(session: &Session) -> Result<()> {
    let now = Millis::now();
    let mut rows = Vec::new();
    for (n, name) in PEOPLE.iter().enumerate() {
        let (conversation, at) = (conversation(n), now.0 - (n as i64) * 47 * 60_000);
        let stage = ["awaiting_approval", "awaiting_approval", "quoted", "quoted", "idle", "handed_over"][n];
        let snapshot = json!({
            "conversation": conversation, "account": ACCOUNT, "channel": "whatsapp", "phone": format!("1555010{n:04}"), "name": name,
            "status": if n == 4 { "RESOLVED" } else { "OPEN" }, "stage": stage, "created_ms": at - 600_000, "updated_ms": at,
            "window_until_ms": if n == 5 { 1 } else { at + Millis::DAY }, "preview": "120 bags of cement and 6 m³ of sand …",
            "last_in_ms": at, "unread": i32::from(n < 2), "version": 4,
        });
        rows.push(Write::Snapshot { tenant: TENANT, snapshot: serde_json::from_value(snapshot)? });
        let said = json!({"text": "Good morning! 120 bags of cement and 6 cubic metres of sand, delivered to 01310-100. Best price?"});
        let answer = json!({"type": "text", "text": {"body": "One moment, a colleague is looking at your quote."}});
        rows.push(message(conversation, at - 300_000, Direction::In, format!("wamid.{n}"), &said));
        rows.push(message(conversation, at - 298_000, Direction::Out, format!("send-{n}"), &answer));
        for (state, after) in [(SendState::Accepted, 0), (SendState::Delivered, 900), (SendState::Read, 60_000)] {
            let step = Step { state, at_ms: at - 298_000 + after, code: None, detail: None, wamid: None };
            let row = StepRow { step, account: ACCOUNT.into(), recipient: "1".into(), campaign: None, body: None };
            rows.push(Write::Step { tenant: TENANT, message_id: format!("send-{n}"), row });
        }
    }
    session.write(rows, now).await?;
    Ok(())
}

fn message(conversation: ConversationId, at_ms: i64, direction: Direction, message_id: String, body: &Value) -> Write {
    let row = MessageRow {
        at_ms,
        message_id,
        direction,
        kind: if direction == Direction::In { "inbound" } else { "send" }.into(),
        type_: "text".into(),
        body: body.to_string(),
        account: ACCOUNT.into(),
        channel: "whatsapp".into(),
        trace: TraceId::default(),
    };
    Write::Message { tenant: TENANT, conversation, row }
}

/// A campaign that moves and stages that work.
async fn play(state: State, pool: Pool) {
    let stages = [("intake", "chain", "events.raw"), ("ledger", "chain", "outbound.bulk"), ("sender", "effect", "send.claims")];
    for n in 0.. {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if let Err(e) = shift(&pool, "delivered", 0, 20).await {
            eprintln!("the campaign stands: {e}");
        }
        for (name, kind, topic) in stages {
            state.stages.observe(Observation {
                name: name.into(),
                kind: kind.into(),
                reads: vec![topic.into()],
                committed: n * 20,
                lag: n % 7,
                lag_seconds: Some(0.2),
                dead_letters: i64::from(name == "intake") * 2,
                at_ms: Millis::now().0,
            });
        }
        let data = json!({"id": conversation(0), "conversation": conversation(0)});
        let id = Position { feed: Feed::Conversations, partition: 3, offset: n };
        state.hub.publish(TENANT, LiveEvent { id, kind: "conversation", data });
    }
}
