//! What redrive and drop have in common: plan → confirm → progress → report.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::anyhow;
use serde_json::{Value, json};
use sluice_connectors::kafka::producer::Producer;
use sluice_connectors::letters::{Bench, Command, Filter, Plan, Report, Source};
use sluice_connectors::registry;

use super::input::confirmed;
use super::output::{Form, notice};
use super::tap::timestamp;
use super::{actor, connect};
use crate::config::Config;
use crate::exit::{DATA, Failure};

/// A record that no broker takes within this time is refused.
const PRODUCE: Duration = Duration::from_secs(30);

/// How it is confirmed, and why it is done.
#[derive(clap::Args)]
pub struct Act {
    /// Why, for the audit log
    #[arg(long, default_value = "")]
    pub reason: String,
    /// Do it without asking; without a terminal and this, only the plan is shown
    #[arg(long)]
    pub yes: bool,
}

/// The workbench with the workers' login.
pub async fn bench(config: &Config) -> Result<Bench, Failure> {
    Ok(Bench {
        options: config.kafka.clone(),
        codecs: registry::load(&config.registry()).await?,
        producer: Producer::new(&config.kafka, PRODUCE)?,
        pool: connect(config).await?,
        within: None,
    })
}

/// Plans, asks, does and reports.
pub async fn act(config: &Config, form: Form, act: &Act, sources: &[Source], filter: &Filter, command: Command) -> Result<(), Failure> {
    let bench = bench(config).await?;
    let plan = bench.plan(sources, filter).await?;
    if plan.records() == 0 {
        return Err(Failure { code: DATA, error: anyhow!("{}", nothing(&plan, filter)) });
    }
    for line in lines(&plan, command) {
        notice(&line);
    }
    if !confirmed(act.yes)? {
        return form.one(&shown(&plan), "nothing was done");
    }
    let report = run(&bench, &plan, filter, command, &act.reason).await?;
    let text = said(&report, command);
    form.one(&json!(report), &text)?;
    if report.stopped { Err(anyhow!("stopped before the end; what is left stays open")).map_err(Failure::from) } else { Ok(()) }
}

/// Does what was planned, with progress on stderr; a signal stops it between two batches.
pub async fn run(bench: &Bench, plan: &Plan, filter: &Filter, command: Command, reason: &str) -> Result<Report, Failure> {
    let (stop, total) = (Arc::new(AtomicBool::new(false)), plan.records());
    let flag = Arc::clone(&stop);
    let watch = tokio::spawn(async move {
        crate::run::signal().await;
        flag.store(true, Ordering::Release);
    });
    let who = actor();
    let report = bench.run(plan, filter, command, (&who, reason), &stop, |done| notice(&format!("{done} of {total}"))).await;
    watch.abort();
    Ok(report?)
}

/// Why there is nothing to do, and what is still there.
pub fn nothing(plan: &Plan, filter: &Filter) -> String {
    let settled = match plan.settled {
        0 => String::new(),
        n => format!("; {n} that fit were redriven or dropped before"),
    };
    let there = match plan.oldest_ms.and_then(timestamp) {
        None => "; there are no records at all".to_owned(),
        Some(oldest) if filter.to_ms.is_some_and(|to| plan.oldest_ms.is_some_and(|oldest| to <= oldest)) => {
            format!("; the range lies before what is still there: the oldest record is of {oldest}")
        }
        Some(oldest) => format!("; the oldest record still there is of {oldest}"),
    };
    format!("nothing open fits{settled}{there}")
}

/// The plan for people.
pub fn lines(plan: &Plan, command: Command) -> Vec<String> {
    let span = |ms: i64| timestamp(ms).unwrap_or_default();
    let mut lines: Vec<String> = plan
        .groups
        .iter()
        .map(|group| {
            let (from, to) = (span(group.first_ms), span(group.last_ms));
            format!("{:>9}  {} {} of tenant {}, {from} to {to}", group.records, group.stage, group.kind, group.tenant)
        })
        .collect();
    if let Command::Redrive { answer_late } = command {
        lines.extend(plan.resent.iter().map(|(topic, n)| format!("{n:>9}  go to {topic}: {}", effect(topic, answer_late))));
        lines.extend(plan.refused.iter().map(|(reason, n)| format!("{n:>9}  stay open: {reason}")));
        lines.push(format!("           about {} s", plan.expected_seconds()));
    }
    if plan.settled > 0 {
        lines.push(format!("{:>9}  were redriven or dropped before and are passed over", plan.settled));
    }
    lines
}

/// What a record of this topic does when it is redriven.
fn effect(topic: &str, answer_late: bool) -> &'static str {
    use sluice_schemas::topics as t;
    match topic {
        t::EVENTS_RAW if answer_late => {
            "stored and answered, late ones too while their window is open; what was taken before changes nothing"
        }
        t::EVENTS_RAW => "stored and shown; answered unless the conversation moved on over 60 s or its window closed",
        t::OUTBOUND_REPLY | t::OUTBOUND_TRANSACTIONAL | t::OUTBOUND_BULK => "planned and sent, unless the ledger knows the send already",
        t::CONVERSATION_COMMANDS => "carried out, as if decided now",
        _ => "taken once by the role that failed; nothing is sent by itself",
    }
}

/// The plan for programs.
pub fn shown(plan: &Plan) -> Value {
    json!({
        "records": plan.records(), "groups": plan.groups, "resent": plan.resent, "refused": plan.refused, "settled": plan.settled,
        "expected_seconds": plan.expected_seconds(),
    })
}

/// The report for people.
pub fn said(report: &Report, command: Command) -> String {
    let done = if matches!(command, Command::Drop) { "dropped" } else { "redriven" };
    let refused: u64 = report.refused.values().sum();
    let open = if refused > 0 { format!(", {refused} stay open") } else { String::new() };
    format!("{} {done}{open}", report.done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_range_says_what_is_still_there() {
        let filter = Filter { to_ms: Some(1_000), ..Filter::default() };
        let plan = Plan { oldest_ms: Some(86_400_000), ..Plan::default() };
        assert!(nothing(&plan, &filter).contains("lies before what is still there: the oldest record is of 1970-01-02"));
        assert!(nothing(&Plan { settled: 3, ..Plan::default() }, &filter).contains("3 that fit were redriven or dropped before"));
        assert!(nothing(&Plan::default(), &filter).ends_with("no records at all"));
    }

    #[test]
    fn a_plan_says_what_is_sent_and_what_is_not() {
        let mut plan = Plan::default();
        plan.resent.insert(sluice_schemas::topics::EVENTS_RAW, 2);
        plan.refused.insert("because".into(), 1);
        let text = lines(&plan, Command::Redrive { answer_late: false }).join("\n");
        assert!(
            text.contains("2  go to events.raw: stored and shown; answered unless") && text.contains("1  stay open: because"),
            "{text}"
        );
        assert!(lines(&plan, Command::Drop).is_empty());
    }
}
