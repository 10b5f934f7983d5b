//! What happens in the demonstration: customers write, one order waits for a person, a campaign goes to 1,000 people.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use sluice_local::System;
use sluice_local::system::seed::{INSTAGRAM_ID, PHONE_NUMBER_ID, SLUG};

use super::Show;

/// Also the mark that the play was played.
const CAMPAIGN: &str = "Spring offer";
const RECIPIENTS: u32 = 1_000;
/// How long the answers to the customers may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A customer's message, and whether an answer is due without a person.
struct Line {
    from: &'static str,
    name: &'static str,
    account: &'static str,
    text: &'static str,
    answered: bool,
}

const fn whatsapp(from: &'static str, name: &'static str, text: &'static str, answered: bool) -> Line {
    Line { from, name, account: PHONE_NUMBER_ID, text, answered }
}

const LINES: [Line; 7] = [
    whatsapp("15550110001", "Ana", "3 bags of cement and 2 m³ of sand to 01310-100?", true),
    whatsapp("15550110002", "Bruno", "Bom dia! Quanto fica 500 tijolos e 10 sacos de cal para 04538-132?", true),
    whatsapp("15550110003", "Carla", "200 bags of cement and 12 m³ of sand to 13010-111, please", true),
    whatsapp("15550110004", "Diego", "Necesito 30 bolsas de cemento y 4 m3 de grava", true),
    whatsapp("15550110005", "Eva", "Hi, are you open on Saturdays?", false),
    whatsapp("15550110005", "Eva", "Thanks!", false),
    Line { from: "17840000000501", name: "fred", account: INSTAGRAM_ID, text: "how much are 40 porcelain tiles?", answered: true },
];

/// The running campaign, as far as it was told.
pub struct Campaign {
    id: Option<String>,
    told: i64,
    asked: Instant,
}

/// Plays once; a second run only says what became of it.
pub fn run(system: &System, show: &Show) -> Result<Campaign> {
    // A draft was left by a run that ended in between: it is started now.
    if let Some(campaign) = find(system)?.filter(|campaign| campaign["state"] != "draft") {
        show.say(&format!("the demonstration was played in an earlier run; {}", words(&campaign)));
        let done = campaign["state"] == "completed";
        return Ok(Campaign::of(&campaign, !done));
    }
    customers(system, show)?;
    let campaign = campaign(system, show)?;
    Ok(Campaign::of(&campaign, true))
}

fn customers(system: &System, show: &Show) -> Result<()> {
    let seen = last(system)?;
    for line in LINES {
        let written = json!({"phone_number_id": line.account, "from": line.from, "name": line.name, "text": line.text});
        system.meta_post("/_sim/inbound", &written)?;
        show.say(&format!("{} writes: {}", line.name, line.text));
    }
    let mut due: BTreeSet<&str> = LINES.iter().filter(|line| line.answered).map(|line| line.from).collect();
    let (mut seen, begun) = (seen, Instant::now());
    while !due.is_empty() {
        if begun.elapsed() > PATIENCE {
            bail!("no answer to {} after {} s; see the log of sluice", due.into_iter().collect::<Vec<_>>().join(", "), PATIENCE.as_secs());
        }
        show.pause(Duration::from_millis(100))?;
        system.check()?;
        let answer = system.meta_get(&format!("/_sim/ledger?after={seen}&limit=1000"))?;
        for entry in answer["data"].as_array().into_iter().flatten() {
            seen = entry["seq"].as_u64().unwrap_or(seen);
            let to = entry["to"].as_str().unwrap_or_default();
            due.remove(to);
            let name = LINES.iter().find(|line| line.from == to).map_or(to, |line| line.name);
            let text = entry["body"]["text"]["body"].as_str().or_else(|| entry["body"]["message"]["text"].as_str()).unwrap_or_default();
            show.say(&format!("{name} gets: {}", text.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
    }
    waiting(system, show)
}

/// The big order is written to the table of quotes a moment after it was priced.
fn waiting(system: &System, show: &Show) -> Result<()> {
    let begun = Instant::now();
    loop {
        let quotes = system.api_get("/api/v1/quotes?status=awaiting_approval")?;
        let big = quotes["data"].as_array().and_then(|quotes| quotes.iter().find(|quote| quote["request"] == LINES[2].text));
        if let Some(quote) = big {
            let reasons: Vec<&str> = quote["reasons"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let (total, currency) = (&quote["total"]["amount"], &quote["total"]["currency"]);
            let (total, currency) = (total.as_str().unwrap_or_default(), currency.as_str().unwrap_or_default());
            show.say(&format!("a quote over {currency} {total} waits for an approval: {}", reasons.join(", ")));
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            bail!("no quote waits for an approval after {} s; see the log of sluice", PATIENCE.as_secs());
        }
        show.pause(Duration::from_millis(100))?;
    }
}

fn campaign(system: &System, show: &Show) -> Result<Value> {
    let file = system.keep("audience.csv", &audience())?;
    let refused = system.dir().join("refused.csv").display().to_string();
    let which = ["campaign", "create", "--tenant", SLUG, "--name", CAMPAIGN, "--account", PHONE_NUMBER_ID, "--if-missing"];
    let what = ["--template", "spring_offer", "--language", "en_US", "--map", "1=name", "--map", "2=discount", "--map", "button.0=code"];
    let made = system.sluice_json(&[&which[..], &what, &["--csv", &file, "--refused", &refused]].concat())?;
    let campaign = made.first().context("`sluice campaign create` printed nothing")?;
    let id = campaign["id"].as_str().context("a campaign without an id")?;
    let (good, twice, bad) = (&campaign["accepted_lines"], &campaign["duplicate_lines"], &campaign["refused_lines"]);
    show.say(&format!("campaign \"{CAMPAIGN}\" is made: {good} recipients, {twice} twice, {bad} lines refused (refused.csv)"));
    if campaign["state"] == "draft" {
        system.sluice(&["campaign", "start", "--tenant", SLUG, id])?;
    }
    show.say("the campaign is started");
    Ok(system.api_get(&format!("/api/v1/campaigns/{id}"))?)
}

/// 1,000 good lines, and some that a real file has too: no number, a short one, one twice.
fn audience() -> String {
    let mut csv = String::from("phone,name,discount,code\n");
    for n in 0..RECIPIENTS {
        // Writing to a String cannot fail.
        let _ = writeln!(csv, "+1555012{n:04},Customer {n},{} %,spring-{n}", 5 + n % 10);
        match n {
            100 => csv.push_str(",Without number,5 %,spring\n"),
            200 => csv.push_str("12345,Short number,5 %,spring\n"),
            300 => csv.push_str("not a number,Text,5 %,spring\n"),
            400 => csv.push_str("+15550120007,Twice,5 %,spring-7\n"),
            _ => {}
        }
    }
    csv
}

fn last(system: &System) -> Result<u64> {
    Ok(system.meta_get("/_sim/summary")?["accepted"].as_u64().unwrap_or_default())
}

fn find(system: &System) -> Result<Option<Value>> {
    let campaigns = system.api_get("/api/v1/campaigns?limit=200")?;
    Ok(campaigns["data"].as_array().and_then(|all| all.iter().find(|campaign| campaign["name"] == CAMPAIGN)).cloned())
}

fn words(campaign: &Value) -> String {
    let funnel = |key: &str| campaign["funnel"][key].as_i64().unwrap_or_default();
    let state = campaign["state"].as_str().unwrap_or_default();
    let (audience, accepted, delivered) = (funnel("audience"), funnel("accepted"), funnel("delivered"));
    format!(
        "campaign {state}: {accepted} of {audience} accepted, {delivered} delivered, {} read, {} failed",
        funnel("read"),
        funnel("failed")
    )
}

impl Campaign {
    fn of(campaign: &Value, follow: bool) -> Self {
        Self { id: campaign["id"].as_str().filter(|_| follow).map(str::to_owned), told: -1, asked: Instant::now() }
    }

    /// A line for each fifth of the campaign, until it is over.
    pub fn tell(&mut self, system: &System, show: &Show) {
        let Some(id) = &self.id else { return };
        if self.asked.elapsed() < Duration::from_secs(2) {
            return;
        }
        self.asked = Instant::now();
        // A failed look-up is tried again; what ended is found by the system's own check.
        let Ok(campaign) = system.api_get(&format!("/api/v1/campaigns/{id}")) else { return };
        let accepted = campaign["funnel"]["accepted"].as_i64().unwrap_or_default();
        let over = campaign["state"] == "completed";
        let fifth = accepted * 5 / i64::from(RECIPIENTS);
        if fifth > self.told || over {
            self.told = fifth;
            show.say(&words(&campaign));
        }
        if over {
            self.id = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audience_has_good_lines_and_bad_ones() {
        let csv = audience();
        assert_eq!(csv.lines().count(), 1 + 1_000 + 4);
        assert_eq!(csv.lines().filter(|line| line.starts_with("+1555012")).count(), 1_001);
    }

    #[test]
    fn a_campaign_is_told_in_words() {
        let funnel = json!({"audience": 1000, "accepted": 400, "delivered": 390, "read": 12, "failed": 1});
        let campaign = json!({"state": "running", "funnel": funnel});
        assert_eq!(words(&campaign), "campaign running: 400 of 1000 accepted, 390 delivered, 12 read, 1 failed");
    }
}
