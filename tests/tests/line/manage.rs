//! What is changed at Meta from here: templates from the first word to the last, and business accounts.

use serde_json::{Value, json};
use sluice_local::System;
use sluice_local::system::Setup;
use sluice_local::system::seed::{PHONE_NUMBER_ID, WABA_ID};

use super::harness::{accepted, audience, control, eventually, seeded, stack};
use super::http;

fn draft(system: &System, body: &str, category: &str) -> String {
    let draft = json!({
        "name": "summer_sale", "language": "en_US", "category": category,
        "body": {"text": body, "examples": ["Ana"]}, "footer": "Reply STOP to end", "buttons": [{"type": "quick_reply", "text": "Yes"}],
    });
    system.keep("draft.json", &draft.to_string()).expect("a file")
}

fn template(system: &System) -> Option<Value> {
    let rows = system.sluice_json(&["template", "list", "--tenant", "acme"]).expect("a list");
    rows.into_iter().find(|row| row["name"] == "summer_sale")
}

fn becomes(system: &System, status: &str) -> Value {
    eventually(system, status, || template(system).filter(|template| template["status"] == status))
}

fn token(system: &System, name: &str) -> String {
    system.env().into_iter().find(|(known, _)| *known == name).expect("a token").1
}

#[test]
fn a_template_is_written_looked_at_used_given_other_words_and_deleted() {
    let system = seeded(stack(), &Setup::test());
    let write = |verb: &str, body: &str| system.sluice(&["template", verb, "--tenant", "acme", &draft(&system, body, "MARKETING")]);
    let refused = write("create", "{{1}} is yours").expect_err("Meta would reject it").to_string();
    assert!(refused.contains("`body.text` begins or ends with a variable"), "{refused}");
    write("create", "Hello {{1}}, summer is here.").expect("taken");
    assert_eq!(template(&system).expect("is kept at once")["status"], "PENDING");
    becomes(&system, "APPROVED");
    let again = write("create", "Hello {{1}}, summer is here.").expect_err("is there already").to_string();
    assert!(again.contains("2388000") && again.contains("already"), "{again}");

    let send = |to: &str| {
        let components = json!([{"type": "body", "parameters": [{"type": "text", "text": "Ana"}]}]);
        let content = json!({"name": "summer_sale", "language": {"code": "en_US"}, "components": components});
        let message = json!({"to": format!("+{to}"), "account": PHONE_NUMBER_ID, "type": "template", "template": content});
        system.api_post("/api/v1/messages", &format!("summer-{to}"), &message)
    };
    send("15550361001").expect("taken");
    eventually(&system, "the message", || accepted(&system).iter().any(|entry| entry["to"] == "15550361001").then_some(()));

    // Other words over the API: what uses the template waits for Meta's look, and nothing is lost.
    let authorization = format!("Bearer {}", token(&system, "SLUICE_API_TOKEN"));
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let call = |method: &str, path: &str, body: Option<String>| {
        http::call(method, &format!("{}{path}", system.api_url()), &headers, body).expect("an answer")
    };
    let words = |body: &str| {
        json!({"name": "summer_sale", "language": "en_US", "category": "MARKETING", "body": {"text": body, "examples": ["Ana"]}})
            .to_string()
    };
    let edited = call("PUT", "/api/v1/templates", Some(words("Hi {{1}}, summer ends.")));
    assert_eq!((edited.status, &edited.json()["status"]), (200, &json!("PENDING")), "{}", edited.body);
    let template = becomes(&system, "APPROVED");
    assert!(template["components"].to_string().contains("summer ends"), "{template}");
    send("15550361002").expect("taken");
    eventually(&system, "the message", || accepted(&system).iter().any(|entry| entry["to"] == "15550361002").then_some(()));
    let wrong = call("PUT", "/api/v1/templates", Some(words("Hi {{2}}.")));
    assert!(wrong.status == 422 && wrong.body.contains("body.text"), "{}", wrong.body);

    // A campaign that is to start needs it.
    let file = system.keep("few.csv", &audience("1555036", 3)).expect("a file");
    let which = ["campaign", "create", "--tenant", "acme", "--name", "later", "--account", PHONE_NUMBER_ID, "--csv", &file];
    let what = ["--template", "summer_sale", "--language", "en_US", "--map", "1=name"];
    let id = system.sluice_json(&[&which[..], &what].concat()).expect("a draft")[0]["id"].as_str().expect("an id").to_owned();
    system.sluice(&["campaign", "start", "--tenant", "acme", &id, "--at", "2030-01-01T09:00:00Z"]).expect("scheduled");
    let kept = call("DELETE", "/api/v1/templates/summer_sale", None);
    assert!(kept.status == 409 && kept.body.contains("later"), "{}", kept.body);
    control(&system, "cancel", &id);
    let deleted = call("DELETE", "/api/v1/templates/summer_sale?language=en_US", None);
    assert_eq!((deleted.status, &deleted.json()["languages"]), (200, &json!(1)), "{}", deleted.body);
    becomes(&system, "DELETED");
    let refused = send("15550361003").expect_err("is gone").to_string();
    assert!(refused.contains("summer_sale"), "{refused}");
}

#[test]
fn a_business_account_is_connected_with_all_its_numbers_and_the_second_time_changes_nothing() {
    const SECOND: &str = "15550100002";
    let system = System::start(stack(), &Setup::test()).expect("the system starts");
    system.sluice(&["tenant", "create", "--slug", "acme", "--name", "Acme"]).expect("a tenant");
    system.meta_post("/_sim/number", &json!({"phone_number_id": SECOND, "registered": false})).expect("is changed");
    let access = system.keep("token", &token(&system, "SLUICE_META_TOKEN")).expect("a file");
    let connect = |extra: &[&str]| {
        system.sluice_json(&[&["number", "connect", "--tenant", "acme", "--waba", WABA_ID, "--token-file", &access], extra].concat())
    };
    let of =
        |rows: &[Value], account: &str| rows.iter().find(|row| row["account"] == account).cloned().unwrap_or_else(|| panic!("{rows:?}"));
    let rows = connect(&[]).expect("connected");
    let known = || {
        let mut number = of(&system.sluice_json(&["number", "list", "--tenant", "acme"]).expect("a list"), PHONE_NUMBER_ID);
        // What Meta tells of its limit comes by itself, at any moment.
        number["told_limit"] = Value::Null;
        number
    };
    let before = known();
    assert_eq!(of(&rows, PHONE_NUMBER_ID)["connected"], true);
    let second = of(&rows, SECOND);
    assert!(second["connected"] == false && second["remedy"].to_string().contains("PIN"), "{second}");
    let second = of(&connect(&["--pin", "123456"]).expect("registered"), SECOND);
    assert_eq!((&second["connected"], &second["messages_per_second"]), (&json!(true), &json!(20)), "{second}");
    assert_eq!(known(), before, "what was there is as it was");

    // What comes for the new number is the tenant's.
    let message = json!({"phone_number_id": SECOND, "from": "15550361009", "text": "hello"});
    system.meta_post("/_sim/inbound", &message).expect("is taken");
    let events = system.sluice_json(&["tap", "events", "--tenant", "acme", "--from-beginning", "-n", "1"]).expect("an event");
    assert!(events[0].to_string().contains("15550361009"), "{events:?}");

    // A PIN that is not the number's is told, and so is a token that does not speak for the account.
    system.meta_post("/_sim/number", &json!({"phone_number_id": SECOND, "registered": false})).expect("is changed");
    let wrong = of(&connect(&["--pin", "654321"]).expect("the others are connected"), SECOND);
    assert!(wrong["connected"] == false && wrong["remedy"].to_string().contains("133005"), "{wrong}");
    let stranger = system.keep("stranger", "simulated-expired-token").expect("a file");
    let refused =
        system.sluice(&["number", "connect", "--tenant", "acme", "--waba", WABA_ID, "--token-file", &stranger]).expect_err("expired");
    assert!(refused.to_string().contains("190"), "{refused}");
    system.sluice(&["tenant", "create", "--slug", "beta", "--name", "Beta"]).expect("a tenant");
    let taken = system.sluice(&["number", "connect", "--tenant", "beta", "--waba", WABA_ID, "--token-file", &access]).expect_err("taken");
    assert!(taken.to_string().contains("belongs to another tenant"), "{taken}");
}
