//! Contacts from a file, a segment of them, and a campaign to those who belong to it.

use serde_json::{Value, json};
use sluice_local::System;
use sluice_local::system::seed::PHONE_NUMBER_ID;

use super::harness::{calm, control, eventually, funnel, received};
use super::http;

fn put(system: &System, path: &str, body: &Value) -> http::Answer {
    let env = |wanted: &str| system.env().into_iter().find(|(name, _)| *name == wanted).expect("a variable").1;
    let authorization = format!("Bearer {}", env("SLUICE_API_TOKEN"));
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    http::call(
        "PUT",
        &format!("{}{path}", system.tenant_url("acme").replace("acme.localhost", "127.0.0.1")),
        &headers,
        Some(body.to_string()),
    )
    .expect("an answer")
}

#[test]
fn a_campaign_reaches_those_who_belong_to_its_segment_and_nobody_else() {
    let (system, prefix) = (calm(), "1555033");
    let csv = format!(
        "phone,name,discount,code,city,tags\n+{prefix}0001,Ana,5 %,a,Natal,gold\n+{prefix}0002,Ben,6 %,b,Recife,gold\n\
         +{prefix}0003,Eva,7 %,c,Recife,\n+{prefix}0004,Leo,,d,Recife,gold\nnot a number,Ida,8 %,e,Recife,gold\n"
    );
    let file = system.keep("contacts.csv", &csv).expect("a file");
    let consent = ["--consent", "sign-up form", "--tag", "line-test"];
    let made = system.sluice_json(&[&["contact", "import", "--tenant", "acme", "--csv", &file][..], &consent].concat()).expect("an import");
    assert_eq!([&made[0]["added"], &made[0]["refused"], &made[0]["file"]], [&json!(4), &json!(1), &json!("contacts.csv")], "{made:?}");
    let import = made[0]["id"].as_str().expect("an id");

    let which = "tag = gold and city = Recife and tag = \"line-test\"";
    let unread = system.sluice(&["segment", "save", "--tenant", "acme", "--name", "Gold", "--where", "tag = gold and"]).expect_err("half");
    assert!(unread.to_string().contains("--where: cannot be read"), "{unread}");
    let saved = system.sluice_json(&["segment", "save", "--tenant", "acme", "--name", "Gold", "--where", which]).expect("a segment");
    assert_eq!(saved[0]["contacts"], 2, "{saved:?}");
    let answer = put(system, "/api/v1/segments/Gold%20too", &json!({"expression": which}));
    assert_eq!(answer.status, 204, "{}", answer.json());
    let wrong = put(system, "/api/v1/segments/Wrong", &json!({"expression": "(tag"}));
    assert_eq!((wrong.status, &wrong.json()["errors"][0]["field"]), (422, &json!("expression")), "{}", wrong.json());
    let found = system.api_get("/api/v1/contacts?where=tag%20%3D%20gold%20and%20city%20%3D%20Natal").expect("a page");
    assert_eq!([&found["data"][0]["attributes"]["name"], &found["data"][0]["consent"]], [&json!("Ana"), &json!("sign-up form")], "{found}");
    let listed = system.api_get("/api/v1/segments").expect("segments");
    assert!(
        listed["data"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == "Gold too" && one["contacts"] == 2)),
        "{listed}"
    );

    let what = ["--template", "spring_offer", "--language", "en_US", "--map", "1=name", "--map", "2=discount", "--map", "button.0=code"];
    let to = ["campaign", "create", "--tenant", "acme", "--name", "gold", "--account", PHONE_NUMBER_ID, "--segment", "Gold"];
    let campaign = system.sluice_json(&[&to[..], &what].concat()).expect("a draft").swap_remove(0);
    assert_eq!([&campaign["accepted_lines"], &campaign["segment"]], [&json!(2), &json!(format!("Gold: {which}"))], "{campaign}");
    let id = campaign["id"].as_str().expect("an id");
    system.sluice(&["contact", "undo", "--tenant", "acme", import]).expect("undone");
    assert_eq!(system.api_get("/api/v1/contacts/count?where=tag%20%3D%20gold").expect("a count")["contacts"], 0);
    control(system, "start", id);
    // Leo has no discount, and the template needs one.
    let over = eventually(system, "its end", || Some(funnel(system, id, 2)).filter(|shown| shown["state"] == "completed"));
    assert_eq!([&over["funnel"]["accepted"], &over["funnel"]["suppressed"]], [&json!(1), &json!(1)], "{over}");
    assert_eq!(received(system, prefix).into_iter().collect::<Vec<_>>(), [(format!("{prefix}0002"), 1)], "an audience is a snapshot");
}
