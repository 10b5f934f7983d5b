//! The course of an accepted message: sent → delivered → read, or failed, and perhaps a reply (contract §4).

use std::sync::Arc;

use crate::book::Entry;
use crate::config::{Behaviour, Span};
use crate::limits::Millis;
use crate::random::Draw;
use crate::state::{Number, State};
use crate::timeline::Event;
use crate::webhook::{Pricing, Status, Update};

/// One status of a course.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    /// When its webhook leaves.
    due: Millis,
    /// Its timestamp.
    at: Millis,
    status: &'static str,
    priced: bool,
    error: Option<u32>,
}

/// What is going to happen to one message.
#[derive(Debug, PartialEq, Eq)]
struct Course {
    steps: Vec<Step>,
    reply: Option<(Millis, String)>,
}

/// Puts the course of an accepted message on the timeline. The same seed, number, recipient and `occasion` (how many
/// messages the pair had before) always meet the same fate, whatever the wamid.
pub(crate) fn begin(state: &State, number: &Arc<Number>, entry: &Entry, occasion: u32) {
    let draw = Draw::new(state.seed, &format!("{}/{}", number.id, entry.to), occasion.into());
    let category = entry.category.as_deref().unwrap_or("service");
    let course = course(&state.behaviour, draw, entry.time.as_millisecond(), entry.late_code, category != "service");
    let billable = match category {
        "service" => false,
        // Utility templates are free inside the window (contract §8).
        "utility" => entry.outside_window,
        _ => true,
    };
    let events = course.steps.into_iter().map(|step| {
        let status = Status {
            wamid: entry.wamid.clone(),
            step: step.status,
            at: step.at,
            recipient: entry.to.clone(),
            callback_data: entry.callback_data.clone(),
            pricing: step.priced.then(|| Pricing { category: category.into(), billable }),
            error: step.error,
        };
        (step.due, Event::Update(Update::Status(number.clone(), Arc::new(status))))
    });
    state.timeline.plan(events);
    if let Some((at, text)) = course.reply {
        state.timeline.plan([(at, Event::Reply { number: number.clone(), from: entry.to.clone(), text: text.into() })]);
    }
}

fn course(behaviour: &Behaviour, draw: Draw, accepted: Millis, late_code: Option<u32>, template: bool) -> Course {
    let after = |purpose: &str, span: Span| draw.between(purpose, span.low, span.high);
    let step = |at, status, priced, error| Step { due: at, at, status, priced, error };
    let sent = accepted + after("sent after", behaviour.sent_after);
    if let Some(code) = late_code.or_else(|| failure(behaviour, draw)) {
        return Course { steps: repeated(behaviour, draw, vec![step(sent, "failed", false, Some(code))]), reply: None };
    }
    let mut steps = vec![step(sent, "sent", true, None)];
    let mut reply = None;
    if draw.chance("delivered", behaviour.delivered_rate) {
        let delivered = sent + after("delivered after", behaviour.delivered_after);
        let read = draw.chance("read", behaviour.read_rate);
        let skipped = read && draw.chance("skip delivered", behaviour.skip_delivered_rate);
        if !skipped {
            steps.push(step(delivered, "delivered", true, None));
        }
        if read {
            steps.push(step(delivered + after("read after", behaviour.read_after), "read", skipped, None));
        }
        if template && !behaviour.replies.is_empty() && draw.chance("reply", behaviour.reply_rate) {
            let text = &behaviour.replies[draw.bits("reply text") as usize % behaviour.replies.len()];
            reply = Some((delivered + after("reply after", behaviour.reply_after), text.clone()));
        }
    }
    if draw.chance("out of order", behaviour.out_of_order_rate) {
        // The webhooks change places; each keeps its own timestamp.
        let dues: Vec<_> = steps.iter().rev().map(|step| step.due).collect();
        steps.iter_mut().zip(dues).for_each(|(step, due)| step.due = due);
    }
    Course { steps: repeated(behaviour, draw, steps), reply }
}

fn failure(behaviour: &Behaviour, draw: Draw) -> Option<u32> {
    let mut choice = draw.unit("failure");
    behaviour.failures.iter().find_map(|(code, share)| {
        choice -= share;
        (choice < 0.0).then_some(*code)
    })
}

fn repeated(behaviour: &Behaviour, draw: Draw, mut steps: Vec<Step>) -> Vec<Step> {
    for index in 0..steps.len() {
        let step = steps[index];
        if draw.chance(&format!("repeat {}", step.status), behaviour.duplicate_rate) {
            steps.push(Step { due: step.due + draw.between("repeat after", 0, 2_000), ..step });
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(behaviour: &Behaviour, count: u64) -> Vec<Course> {
        (0..count).map(|n| course(behaviour, Draw::new(5, "1/15550142", n), 1_000, None, true)).collect()
    }

    fn statuses(course: &Course) -> Vec<&'static str> {
        course.steps.iter().map(|step| step.status).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_fates() {
        let behaviour = Behaviour { duplicate_rate: 0.3, reply_rate: 0.3, ..Behaviour::default() };
        assert_eq!(all(&behaviour, 50), all(&behaviour, 50));
    }

    #[test]
    fn a_message_is_sent_then_delivered_then_read() {
        let courses = all(&Behaviour { read_rate: 1.0, ..Behaviour::default() }, 50);
        for course in courses {
            assert_eq!(statuses(&course), ["sent", "delivered", "read"]);
            assert!(course.steps.is_sorted_by_key(|step| step.due));
            assert_eq!(course.steps.iter().map(|step| step.priced).collect::<Vec<_>>(), [true, true, false]);
        }
    }

    #[test]
    fn read_alone_implies_delivered_and_carries_its_price() {
        let behaviour = Behaviour { read_rate: 1.0, skip_delivered_rate: 1.0, ..Behaviour::default() };
        assert!(all(&behaviour, 5).iter().all(|course| statuses(course) == ["sent", "read"] && course.steps[1].priced));
    }

    #[test]
    fn failures_are_terminal_and_as_frequent_as_asked() {
        let behaviour = Behaviour { failures: vec![(131_026, 0.2), (131_049, 0.1)], ..Behaviour::default() };
        let courses = all(&behaviour, 2_000);
        let failed = |code| courses.iter().filter(|course| course.steps[0].error == Some(code)).count();
        assert!((340..460).contains(&failed(131_026)), "{}", failed(131_026));
        assert!((150..250).contains(&failed(131_049)), "{}", failed(131_049));
        assert!(courses.iter().filter(|course| course.steps[0].error.is_some()).all(|course| course.steps.len() == 1));
    }

    #[test]
    fn out_of_order_webhooks_keep_their_timestamps() {
        let behaviour = Behaviour { read_rate: 1.0, out_of_order_rate: 1.0, ..Behaviour::default() };
        let course = &all(&behaviour, 1)[0];
        assert!(course.steps.is_sorted_by_key(|step| step.at));
        assert!(course.steps.is_sorted_by_key(|step| std::cmp::Reverse(step.due)));
    }

    #[test]
    fn only_templates_are_answered() {
        let behaviour = Behaviour { reply_rate: 1.0, replies: vec!["STOP".into()], ..Behaviour::default() };
        assert!(all(&behaviour, 5).iter().all(|course| course.reply.as_ref().is_some_and(|(_, text)| text == "STOP")));
        assert_eq!(course(&behaviour, Draw::new(1, "a", 0), 0, None, false).reply, None);
    }
}
