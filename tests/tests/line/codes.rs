//! Every error code of Meta's table, refused by the simulated Meta and told later in a failed status: what it costs the message, what
//! waits with it, and what goes on.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_local::System;
use sluice_local::system::Setup;
use sluice_local::system::seed::PHONE_NUMBER_ID;
use sluice_schemas::meta::Channel;
use sluice_schemas::meta::codes::{self, Class, Row, Scope, TABLE};

use super::harness::{accepted, eventually, received, seeded, stack, write};

/// In no table of Meta.
const UNLISTED: i64 = 777_777;
/// Meta reports it for messages that it may have sent.
const SENT_ANYWAY: (i64, Option<i64>) = (1, Some(1_357_046));
/// With a server error's status they do not prove that nothing was sent.
const VAGUE: [i64; 3] = [1, 2, 131_000];
/// Meta chose not to deliver now.
const NOT_NOW: i64 = 131_049;
/// A person alone lifts it.
const SPAM: i64 = 131_048;
/// The first pause after a throttle.
const SLOWED: Duration = Duration::from_secs(4);

/// A code as the table lists it.
#[derive(Debug, Clone, Copy)]
struct Refusal {
    code: i64,
    subcode: Option<i64>,
    class: Class,
    slows: Option<Scope>,
}

impl Refusal {
    fn of(row: &Row) -> Self {
        let (code, subcode) = (*row.codes.start(), row.subcode);
        let verdict = codes::classify(Some(Channel::Whatsapp), Some(code), subcode, None);
        Self { code, subcode, class: verdict.class, slows: verdict.slows }
    }

    fn all() -> Vec<Self> {
        let unlisted = Self { code: UNLISTED, subcode: None, class: Class::Permanent, slows: None };
        TABLE.iter().map(Self::of).chain([unlisted]).collect()
    }

    fn place(&self) -> (i64, Option<i64>) {
        (self.code, self.subcode)
    }

    /// Whether nobody can tell from it what became of the message.
    fn is_doubtful(&self) -> bool {
        self.place() == SENT_ANYWAY || (self.subcode.is_none() && VAGUE.contains(&self.code))
    }

    fn is_flow(&self) -> bool {
        self.slows == Some(Scope::Flow)
    }
}

/// A system with numbers for people who have not been used yet.
struct Line {
    system: System,
    people: u32,
}

/// A send under way.
#[derive(Debug, Clone)]
struct Send {
    to: String,
    id: String,
}

impl Line {
    fn person(&mut self) -> String {
        self.people += 1;
        format!("1555010{:04}", self.people)
    }

    /// The next call to this person ends with this code, once.
    fn refuse(&self, to: &str, kind: &str, refusal: &Refusal) {
        let mut fault = json!({"kind": kind, "code": refusal.code, "count": 1, "to": to, "path": "/messages"});
        if let Some(subcode) = refusal.subcode {
            fault["subcode"] = json!(subcode);
        }
        self.system.meta_post("/_sim/faults", &fault).expect("a fault");
    }

    fn post(&self, to: &str, message: Value) -> Send {
        let mut body = json!({"account": PHONE_NUMBER_ID, "to": to});
        body.as_object_mut().expect("an object").extend(message.as_object().cloned().expect("an object"));
        let sent = self.system.api_post("/api/v1/messages", to, &body).unwrap_or_else(|e| panic!("{body}: {e}"));
        Send { to: to.to_owned(), id: sent["id"].as_str().expect("an id").to_owned() }
    }

    fn template(&self, to: &str) -> Send {
        self.post(to, json!({"type": "template", "template": {"name": "hello_world", "language": {"code": "en_US"}}}))
    }

    /// One to somebody new, who is refused this way first.
    fn refused(&mut self, refusal: &Refusal) -> Send {
        let to = self.person();
        self.refuse(&to, "code", refusal);
        self.template(&to)
    }

    fn other(&mut self) -> Send {
        let to = self.person();
        self.template(&to)
    }

    fn course(&self, send: &Send) -> Value {
        self.system.api_get(&format!("/api/v1/messages/{}", send.id)).unwrap_or(Value::Null)
    }

    fn reaches(&self, send: &Send, status: &str) -> Value {
        eventually(&self.system, &format!("{status} of {send:?}"), || {
            let course = self.course(send);
            (course["status"] == status).then_some(course)
        })
    }

    /// The step by which the refusal was noted, once it is.
    fn noted(&self, send: &Send, code: i64) -> Value {
        eventually(&self.system, &format!("code {code} on {send:?}"), || {
            let course = self.course(send);
            course["steps"].as_array()?.iter().find(|step| step["code"] == code).cloned()
        })
    }

    /// When Meta accepted it; that it did so once is compared at the end.
    fn accepted(&self, send: &Send) -> jiff::Timestamp {
        let entry = eventually(&self.system, &format!("the acceptance of {send:?}"), || {
            accepted(&self.system).into_iter().find(|entry| entry["to"] == send.to.as_str())
        });
        time(&entry["time"])
    }

    fn holds(&self) -> Vec<Value> {
        self.system.api_get("/api/v1/holds").expect("a list")["data"].as_array().expect("rows").clone()
    }

    fn hold(&self, code: i64) -> Value {
        eventually(&self.system, &format!("the hold by {code}"), || self.holds().into_iter().find(|hold| hold["code"] == code))
    }

    fn lift(&self, hold: &Value) {
        let lift = json!({"scope": hold["scope"], "name": hold["name"], "reason": "the cause is mended"});
        let key = format!("{}-{}", hold["code"], hold["since"]);
        self.system.api_post("/api/v1/holds/lift", &key, &lift).expect("is recorded");
        eventually(&self.system, "no hold", || self.holds().is_empty().then_some(()));
    }
}

fn time(value: &Value) -> jiff::Timestamp {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no time: {value}"))
}

fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::Number => "number",
        Scope::Account => "account",
        Scope::Template => "template",
        Scope::Flow => "flow",
        other => panic!("no hold of {other:?}"),
    }
}

#[test]
fn every_error_code_of_meta_has_its_effect_and_nothing_is_lost_or_sent_twice() {
    let system = seeded(stack(), &Setup::test().meta(&["--read-rate", "1"]));
    let mut line = Line { system, people: 0 };
    permanent(&mut line);
    retried(&mut line);
    told_later(&mut line);
    not_now(&mut line);
    perhaps_sent(&mut line);
    throttled(&mut line);
    holding(&mut line);
    flows(&mut line);
    let twice: Vec<_> = received(&line.system, "1555010").into_iter().filter(|(_, times)| *times > 1).collect();
    assert!(twice.is_empty(), "sent twice: {twice:?}");
    line.system.stop().expect("ends in its own way");
}

/// The send fails with its code; nothing else waits.
fn permanent(line: &mut Line) {
    let codes: Vec<_> = Refusal::all().into_iter().filter(|refusal| refusal.class == Class::Permanent).collect();
    let sends: Vec<_> = codes.iter().map(|refusal| (*refusal, line.refused(refusal))).collect();
    for (refusal, send) in &sends {
        let course = line.reaches(send, "failed");
        let step = course["steps"].as_array().and_then(|steps| steps.last().cloned()).unwrap_or_default();
        assert_eq!(step["code"], refusal.code, "{course}");
    }
    let other = line.other();
    line.accepted(&other);
    let sent = received(&line.system, "1555010");
    assert!(sends.iter().all(|(_, send)| !sent.contains_key(&send.to)), "one was tried again: {sent:?}");
    assert_eq!(line.holds(), [Value::Null; 0]);
}

/// The same again, after a while.
fn retried(line: &mut Line) {
    let codes: Vec<_> = Refusal::all().into_iter().filter(|refusal| refusal.class == Class::Retry && !refusal.is_doubtful()).collect();
    let sends: Vec<_> = codes.iter().map(|refusal| (*refusal, line.refused(refusal))).collect();
    for (refusal, send) in &sends {
        let noted = line.noted(send, refusal.code);
        assert_eq!(noted["status"], "planned", "{refusal:?}");
        line.accepted(send);
    }
}

/// Accepted at first, and failed by a status: the code stands in its course, whatever its class.
fn told_later(line: &mut Line) {
    let codes: Vec<_> = Refusal::all().into_iter().filter(|refusal| refusal.subcode.is_none()).collect();
    let mut sends = Vec::new();
    for refusal in codes {
        let to = line.person();
        line.refuse(&to, "fail", &refusal);
        sends.push((refusal, line.template(&to)));
    }
    for (refusal, send) in &sends {
        let course = line.reaches(send, "failed");
        let step = course["steps"].as_array().and_then(|steps| steps.last().cloned()).unwrap_or_default();
        assert_eq!(step["code"], refusal.code, "{course}");
    }
}

/// Not before a day is over; others are not concerned.
fn not_now(line: &mut Line) {
    let refusal = TABLE.iter().map(Refusal::of).find(|refusal| refusal.code == NOT_NOW).expect("a row");
    let send = line.refused(&refusal);
    assert_eq!(line.noted(&send, NOT_NOW)["status"], "planned");
    let other = line.other();
    line.accepted(&other);
    assert_eq!(line.course(&send)["status"], "planned");
    assert_eq!(line.holds(), [Value::Null; 0]);
}

/// Nobody knows whether it went out, so nothing is sent again.
fn perhaps_sent(line: &mut Line) {
    let codes: Vec<_> = Refusal::all().into_iter().filter(Refusal::is_doubtful).collect();
    assert_eq!(codes.len(), 1 + VAGUE.len());
    let sends: Vec<_> = codes.iter().map(|refusal| line.refused(refusal)).collect();
    for send in &sends {
        line.reaches(send, "unknown");
    }
    let other = line.other();
    line.accepted(&other);
    let sent = received(&line.system, "1555010");
    assert!(sends.iter().all(|send| !sent.contains_key(&send.to)), "{sent:?}");
}

/// What the code names goes slower and nothing else: a pair alone, or all of the number.
fn throttled(line: &mut Line) {
    let codes: Vec<_> = Refusal::all().into_iter().filter(|refusal| refusal.class == Class::Throttle && !refusal.is_flow()).collect();
    for refusal in codes {
        let send = line.refused(&refusal);
        let noted = line.noted(&send, refusal.code);
        assert_eq!(noted["status"], "planned", "{refusal:?}");
        let other = line.other();
        let open = time(&noted["at"]) + SLOWED;
        let (again, meanwhile) = (line.accepted(&send), line.accepted(&other));
        assert!(again >= open, "{refusal:?}: tried again at {again}, before {open}");
        match refusal.slows {
            Some(Scope::Pair) => assert!(meanwhile < again, "{refusal:?}: somebody else waited"),
            _ => assert!(meanwhile >= open, "{refusal:?}: the number was not slowed"),
        }
    }
}

/// A number, an account or a template waits, visibly, until its cause is mended; then all that waited goes out.
fn holding(line: &mut Line) {
    let holds = |refusal: &Refusal| match refusal.class {
        Class::Account => true,
        Class::Hold => matches!(refusal.slows, Some(Scope::Number | Scope::Template)),
        _ => false,
    };
    for refusal in Refusal::all().into_iter().filter(holds) {
        let send = line.refused(&refusal);
        let hold = line.hold(refusal.code);
        assert_eq!(hold["scope"], scope_name(refusal.slows.expect("a scope")), "{hold}");
        assert!(hold["cause"].is_string() && hold["remedy"].is_string(), "a hold without cause or remedy: {hold}");
        assert_eq!(hold["until"].is_null(), refusal.code == SPAM, "{hold}");
        let other = line.other();
        let planned = line.reaches(&other, "planned");
        assert_eq!(line.course(&send)["status"], "planned", "{planned}");
        let sent = received(&line.system, "1555010");
        assert!(!sent.contains_key(&send.to) && !sent.contains_key(&other.to), "{refusal:?} holds nothing");
        line.lift(&hold);
        line.accepted(&send);
        line.accepted(&other);
    }
}

/// A flow waits, and nothing else of its number.
fn flows(line: &mut Line) {
    for refusal in Refusal::all().into_iter().filter(Refusal::is_flow) {
        let to = line.person();
        write(&line.system, &to, "hello");
        let action = json!({"name": "flow", "parameters": {
            "flow_message_version": "3", "flow_id": "15550300001", "flow_cta": "Book", "flow_token": "t",
        }});
        let flow = json!({"type": "interactive", "interactive": {"type": "flow", "body": {"text": "Book here"}, "action": action}});
        eventually(&line.system, "an open window", || {
            let conversations = line.system.api_get("/api/v1/conversations").ok()?;
            conversations.to_string().contains(&to).then_some(())
        });
        line.refuse(&to, "code", &refusal);
        let send = line.post(&to, flow);
        let hold = line.hold(refusal.code);
        assert_eq!((&hold["scope"], &hold["name"]), (&json!("flow"), &json!("15550300001")), "{hold}");
        let other = line.other();
        line.accepted(&other);
        assert!(!received(&line.system, "1555010").contains_key(&to));
        line.lift(&hold);
        line.accepted(&send);
    }
}
