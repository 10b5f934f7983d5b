//! A campaign from its file to its last status.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_local::System;
use sluice_local::system::Setup;

use super::harness::{audience, calm, campaign, control, eventually, funnel, received, seeded, stack};

/// Long enough for a campaign that is not paused to send something.
const QUIET: Duration = Duration::from_secs(2);

/// The count of messages, once it has stood still for [`QUIET`].
fn standstill(system: &System, prefix: &str) -> usize {
    let count = || received(system, prefix).len();
    let (mut last, mut since) = (count(), Instant::now());
    eventually(system, "a campaign that stands still", || {
        let now = count();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        (since.elapsed() >= QUIET).then_some(last)
    })
}

#[test]
fn lines_that_cannot_be_used_are_refused_by_line_and_reason_and_the_others_go_on() {
    let csv = "phone,name,discount,code\n+15550130000,Ana,5 %,a\n,Nobody,5 %,b\n12345,Short,5 %,c\nnot a number,Text,5 %,d\n\
               +15550130000,Ana again,5 %,e\n+15550130001,,5 %,f\n+15550130002,Eva,5 %,g\n";
    let system = calm();
    let made = campaign(system, "refusals", csv, 0);
    assert_eq!((&made["accepted_lines"], &made["duplicate_lines"], &made["refused_lines"]), (&json!(2), &json!(1), &json!(4)), "{made}");
    let id = made["id"].as_str().expect("an id");
    let refusals = system.api_get(&format!("/api/v1/campaigns/{id}/refusals")).expect("refusals");
    let lines: Vec<&Value> = refusals["data"].as_array().into_iter().flatten().map(|refusal| &refusal["line"]).collect();
    assert_eq!(lines, [&json!(3), &json!(4), &json!(5), &json!(7)]);
    for refusal in refusals["data"].as_array().into_iter().flatten() {
        assert!(refusal["reason"].as_str().is_some_and(|reason| reason.len() > 8), "{refusal}");
    }
    assert_eq!(received(system, "1555013"), [].into(), "a draft sends nothing");
}

#[test]
fn a_paused_campaign_sends_nothing_and_a_resumed_one_reaches_everybody_once() {
    const N: usize = 200;
    let (system, prefix) = (calm(), "1555014");
    let made = campaign(system, "pausing", &audience(prefix, N), 30);
    let id = made["id"].as_str().expect("an id").to_owned();
    let look = || funnel(system, &id, N as i64);
    assert_eq!(look()["state"], "draft");
    control(system, "start", &id);
    eventually(system, "the first messages", || (look()["funnel"]["accepted"].as_i64() > Some(10)).then_some(()));
    control(system, "pause", &id);
    let paused = standstill(system, prefix);
    assert!((1..N).contains(&paused), "the pause came too late to prove anything: {paused} of {N}");
    assert_eq!(standstill(system, prefix), paused);
    let campaign = look();
    assert_eq!((&campaign["state"], &campaign["funnel"]["in_flight"]), (&json!("paused"), &json!(0)), "{campaign}");
    assert!(campaign["pause_reason"].is_string());
    control(system, "resume", &id);
    let over = eventually(system, "the end of the campaign", || {
        let campaign = look();
        (campaign["state"] == "completed" && campaign["funnel"]["failed"] == 1 && campaign["funnel"]["read"] == N as i64 - 1)
            .then_some(campaign)
    });
    // The simulated Meta cannot reach numbers that end in 0026.
    let failures: Vec<(&Value, &Value)> =
        over["failures"].as_array().into_iter().flatten().map(|failure| (&failure["code"], &failure["n"])).collect();
    assert_eq!(failures, [(&json!(131_026), &json!(1))]);
    let received = received(system, prefix);
    assert_eq!(received.len(), N);
    assert!(received.values().all(|times| *times == 1), "{:?}", received.iter().filter(|(_, times)| **times > 1).collect::<Vec<_>>());
    let status = system.sluice_json(&["campaign", "status", "--tenant", "acme", &id]).expect("a status").swap_remove(0);
    assert_eq!((&status["adds_up"], &status["audience"]), (&json!(true), &json!(N)), "{status}");
}

#[test]
fn a_cancelled_campaign_stays_cancelled() {
    let (system, prefix) = (calm(), "1555015");
    let made = campaign(system, "cancelling", &audience(prefix, 120), 10);
    let id = made["id"].as_str().expect("an id").to_owned();
    control(system, "start", &id);
    eventually(system, "the first messages", || (!received(system, prefix).is_empty()).then_some(()));
    control(system, "cancel", &id);
    let sent = standstill(system, prefix);
    let campaign = eventually(system, "a funnel that is over", || {
        let campaign = funnel(system, &id, 120);
        let count = |state: &str| campaign["funnel"][state].as_i64();
        (count("planned") == Some(0) && count("in_flight") == Some(0) && count("accepted") == i64::try_from(sent).ok()).then_some(campaign)
    });
    assert_eq!(campaign["state"], "cancelled");
    assert!(system.sluice(&["campaign", "resume", "--tenant", "acme", &id]).is_err());
}

#[test]
fn a_campaign_that_mostly_fails_pauses_by_itself_and_goes_on_when_a_person_says_so() {
    let system = seeded(stack(), &Setup::test());
    let fault = json!({"kind": "code", "code": 131_026, "path": "/messages"});
    system.meta_post("/_sim/faults", &fault).expect("a fault");
    let made = campaign(&system, "to-a-wrong-list", &audience("1555016", 300), 100);
    let id = made["id"].as_str().expect("an id").to_owned();
    control(&system, "start", &id);
    let paused = eventually(&system, "the pause", || Some(funnel(&system, &id, 300)).filter(|shown| shown["state"] == "paused"));
    let reason = paused["pause_reason"].as_str().unwrap_or_default();
    assert!(reason.contains("by itself") && reason.contains("131026") && reason.contains("undeliverable"), "{reason}");
    // What had left before the pause fails after it, and would count after a resume.
    eventually(&system, "the last answer", || (funnel(&system, &id, 300)["funnel"]["in_flight"] == 0).then_some(()));
    system.meta_delete("/_sim/faults").expect("no fault");
    control(&system, "resume", &id);
    let over = eventually(&system, "its end", || Some(funnel(&system, &id, 300)).filter(|shown| shown["state"] == "completed"));
    let count = |state: &str| over["funnel"][state].as_i64().unwrap_or_default();
    assert!(count("failed") >= 50 && count("failed") + count("accepted") == 300, "{over}");
    assert_eq!(received(&system, "1555016").len() as i64, count("accepted"), "and nobody twice");
    system.stop().expect("ends in its own way");
}

#[test]
fn a_dry_run_says_whom_it_passes_over_and_when_it_is_over_and_sends_nothing() {
    let (system, gone, wanted) = (calm(), "15550170001", "15550170003");
    system.sluice(&["opt-outs", "add", gone, "--tenant", "acme", "--reason", "asked for it"]).expect("noted");
    let known = || system.sluice(&["opt-outs", "list", "--tenant", "acme"]).is_ok_and(|list| list.contains(gone));
    eventually(system, "the opt-out", || known().then_some(()));
    let csv = format!("phone,name,discount,code\n+{gone},Ana,5 %,a\n+{wanted},Eva,5 %,c\n");
    let made = campaign(system, "dry", &csv, 1);
    let id = made["id"].as_str().expect("an id").to_owned();
    let dry = |more: &[&str]| system.sluice_json(&[&["campaign", "dry-run", "--tenant", "acme", &id][..], more].concat());
    let found = dry(&[]).expect("a dry run").swap_remove(0);
    let counts = [&found["recipients"], &found["messages"], &found["passed_over"]["opted_out"]];
    assert_eq!(counts, [&json!(2), &json!(1), &json!(1)], "{found}");
    let shown = system.api_get(&format!("/api/v1/campaigns/{id}/forecast?at=2100-01-01T00:00:00Z")).expect("a forecast");
    let facts = [&shown["messages"], &shown["recipients"], &shown["passed_over"][0]["reason"], &shown["costs"][0]["country"]];
    assert_eq!(facts, [&json!(1), &json!(2), &json!("want no offers"), &json!("US")], "{shown}");
    assert!(shown["remarks"].as_array().is_some_and(|said| said.iter().any(|said| said.to_string().contains("no price"))), "{shown}");
    let at_once = dry(&["--at", "2100-01-01T00:00:00Z", "--finish-by", "2100-01-01T00:00:01Z"]);
    assert!(at_once.is_ok(), "one message is over at once");
    let missed = dry(&["--at", "2100-01-01T00:00:01Z", "--finish-by", "2100-01-01T00:00:00Z"]).expect_err("too late").to_string();
    assert!(missed.contains("after 2100-01-01T00:00:00Z"), "{missed}");
    assert_eq!(received(system, "1555017"), [].into(), "a dry run sends nothing");

    control(system, "start", &id);
    let over = eventually(system, "its end", || Some(funnel(system, &id, 2)).filter(|shown| shown["state"] == "completed"));
    assert_eq!([&over["funnel"]["accepted"], &over["funnel"]["suppressed"]], [&json!(1), &json!(1)], "{over}");
    let refused = dry(&[]).expect_err("it is over").to_string();
    assert!(refused.contains("completed"), "{refused}");
}

#[test]
fn an_export_says_what_became_of_each_and_what_failed_is_tried_again_once() {
    let (system, prefix) = (calm(), "1555031");
    let made = campaign(system, "again", &audience(prefix, 30), 0);
    let id = made["id"].as_str().expect("an id");
    let verb = |verb: &str, id: &str, more: &[&str]| system.sluice_json(&[&["campaign", verb, "--tenant", "acme", id][..], more].concat());
    let early = verb("retry", id, &["--code", "131026"]).expect_err("a draft").to_string();
    assert!(early.contains("is draft: cannot retry it before it is over"), "{early}");
    control(system, "start", id);
    eventually(system, "its end", || {
        let shown = funnel(system, id, 30);
        (shown["state"] == "completed" && shown["funnel"]["read"] == 29).then_some(())
    });
    // The simulated Meta cannot reach numbers that end in 0026.
    let rows = eventually(system, "the end in the archive", || {
        let rows = verb("export", id, &[]).ok()?;
        let count = |state: &str| rows.iter().filter(|row| row["state"] == state).count();
        ((count("read"), count("failed")) == (29, 1)).then_some(rows)
    });
    let failed = rows.iter().find(|row| row["state"] == "failed").expect("one");
    let facts = [&failed["recipient"], &failed["code"], &failed["variables"]["name"]];
    assert_eq!(facts, [&json!(format!("{prefix}0026")), &json!(131_026), &json!("Customer 26")]);

    let csv = system.sluice(&["campaign", "export", "--tenant", "acme", id, "--state", "failed"]).expect("a file");
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].starts_with("recipient,state,since,code,meaning,remedy,detail,wamid,send_id"), "{csv}");
    assert!(lines.len() == 2 && lines[1].contains("undeliverable") && lines[1].contains("Customer 26"), "{csv}");
    let page = |query: &str| system.api_get(&format!("/api/v1/campaigns/{id}/recipients?{query}")).expect("a page");
    let (mut told, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = page(&format!("limit=7&cursor={cursor}"));
        told.extend(page["data"].as_array().into_iter().flatten().map(|row| row["recipient"].clone()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        next.clone_into(&mut cursor);
    }
    let in_order: Vec<Value> = (0..30).map(|i| json!(format!("{prefix}{i:04}"))).collect();
    assert_eq!(told, in_order);
    assert_eq!(page("state=failed")["data"].as_array().map(Vec::len), Some(1));
    let wrong = system.api_get(&format!("/api/v1/campaigns/{id}/recipients?state=lost")).expect_err("no state").to_string();
    assert!(wrong.contains("use pending, suppressed"), "{wrong}");

    let never = verb("retry", id, &[]).expect_err("a number without WhatsApp").to_string();
    assert!(never.contains("none of these classes or codes failed"), "{never}");
    let again = verb("retry", id, &["--code", "131026"]).expect("a draft").swap_remove(0);
    assert_eq!([&again["accepted_lines"], &again["state"], &again["retry_of"]], [&json!(1), &json!("draft"), &json!(id)], "{again}");
    let twice = verb("retry", id, &["--code", "131026"]).expect_err("it has one").to_string();
    assert!(twice.contains("an earlier retry has them all"), "{twice}");
    let second = again["id"].as_str().expect("an id");
    control(system, "start", second);
    // Meta takes it, and says later that it failed again.
    eventually(system, "its end", || (funnel(system, second, 1)["funnel"]["failed"] == 1).then_some(()));
    assert!(received(system, prefix).values().filter(|times| **times == 2).count() <= 1, "and nobody else twice");
}
