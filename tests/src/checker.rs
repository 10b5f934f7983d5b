//! Nothing lost, nothing twice: compares what a Meta has seen with what our topics say.
//!
//! Meta's side is its ledger of acceptances and the messages that customers wrote. Our side is every step in `messages` and every
//! end that an inbound message reached (`events`, `events.dead-letter`, `events.unrouted`). Neither side is derived from the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A message that Meta accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// Meta's message id.
    pub wamid: String,
    /// Recipient.
    pub to: String,
    /// The send's id, as its callback data names it.
    pub send: String,
}

/// One step of one send, in the order of the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The send's id.
    pub send: String,
    /// Recipient.
    pub recipient: String,
    /// Where it stood; absent at its first step.
    pub from: Option<String>,
    /// Where it stands.
    pub to: String,
    /// Meta's message id, once known.
    pub wamid: Option<String>,
}

/// Both sides, and what was asked for.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// Who is to get exactly one message.
    pub recipients: BTreeSet<String>,
    /// Ids of the messages that customers wrote.
    pub written: BTreeSet<String>,
    /// Meta's ledger.
    pub acceptances: Vec<Acceptance>,
    /// Our steps.
    pub steps: Vec<Step>,
    /// The id of each inbound message that reached an end, once for each time.
    pub heard: Vec<String>,
}

/// A promise that is not kept.
#[allow(missing_docs, reason = "the words of each variant name its fields")]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Meta accepted one send several times.
    SentTwice { send: String, wamids: Vec<String> },
    /// Somebody got several messages instead of one, under different sends.
    ReceivedTwice { recipient: String, sends: usize },
    /// Somebody is to get a message, and our books have no send for them.
    Lost { recipient: String },
    /// A send has not reached an end.
    Open { send: String, state: String },
    /// Meta accepted a send that our books do not have.
    Unbooked { send: String, wamid: String },
    /// Meta accepted a send, and our books say that it did not.
    Disowned { send: String, state: String },
    /// Our books name an acceptance that Meta does not have.
    Invented { send: String, wamid: String },
    /// A step does not begin where the one before it ended.
    Jump { send: String, stood: Option<String>, from: Option<String> },
    /// A send goes on that was never planned: the beginning of its life is lost.
    Unplanned { send: String, state: String },
    /// A customer's message reached no end.
    Unheard { id: String },
    /// A customer's message reached an end several times.
    HeardTwice { id: String },
}

/// How a send's life begins: planned, or ended at once.
const BEGINNINGS: [&str; 4] = ["planned", "suppressed", "failed", "cancelled"];

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Fault {
    /// Whether time may heal it: work that is still on its way looks like this too.
    pub const fn may_heal(&self) -> bool {
        matches!(
            self,
            Self::Lost { .. }
                | Self::Open { .. }
                | Self::Unbooked { .. }
                | Self::Disowned { .. }
                | Self::Unheard { .. }
                | Self::Invented { .. }
        )
    }
}

/// Where a send stands after its last step.
struct Stand<'a> {
    recipient: &'a str,
    state: &'a str,
    wamid: Option<&'a str>,
}

impl Books {
    /// Every fault, in a stable order; none when all promises are kept.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = BTreeSet::new();
        let stands = self.stands(&mut faults);
        self.sent(&stands, &mut faults);
        self.booked(&stands, &mut faults);
        self.received(&stands, &mut faults);
        self.heard(&mut faults);
        faults.into_iter().collect()
    }

    /// How many sends stand in each state, of those to recipients that begin with `prefix`.
    pub fn states(&self, prefix: &str) -> BTreeMap<String, usize> {
        let mut states = BTreeMap::new();
        for stand in self.stands(&mut BTreeSet::new()).values().filter(|stand| stand.recipient.starts_with(prefix)) {
            *states.entry(stand.state.to_owned()).or_default() += 1;
        }
        states
    }

    fn stands(&self, faults: &mut BTreeSet<Fault>) -> BTreeMap<&str, Stand<'_>> {
        let mut stands: BTreeMap<&str, Stand<'_>> = BTreeMap::new();
        for step in &self.steps {
            let known = stands.get(step.send.as_str());
            let stood = known.map(|stand| stand.state);
            if stood != step.from.as_deref() {
                let stood = stood.map(str::to_owned);
                faults.insert(Fault::Jump { send: step.send.clone(), stood, from: step.from.clone() });
            }
            if known.is_none() && !BEGINNINGS.contains(&step.to.as_str()) {
                faults.insert(Fault::Unplanned { send: step.send.clone(), state: step.to.clone() });
            }
            let wamid = step.wamid.as_deref().or_else(|| known.and_then(|stand| stand.wamid));
            stands.insert(&step.send, Stand { recipient: &step.recipient, state: &step.to, wamid });
        }
        stands
    }

    /// What Meta accepted must stand in our books, once.
    fn sent(&self, stands: &BTreeMap<&str, Stand<'_>>, faults: &mut BTreeSet<Fault>) {
        let mut wamids: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for acceptance in &self.acceptances {
            wamids.entry(&acceptance.send).or_default().push(&acceptance.wamid);
        }
        for (&send, wamids) in &wamids {
            if wamids.len() > 1 {
                faults.insert(Fault::SentTwice { send: send.to_owned(), wamids: wamids.iter().map(ToString::to_string).collect() });
            }
            match stands.get(send) {
                None => faults.insert(Fault::Unbooked { send: send.to_owned(), wamid: wamids[0].to_owned() }),
                Some(stand) if !owned(stand) => faults.insert(Fault::Disowned { send: send.to_owned(), state: stand.state.to_owned() }),
                Some(_) => false,
            };
        }
    }

    /// What our books say must be true at Meta, and settled.
    fn booked(&self, stands: &BTreeMap<&str, Stand<'_>>, faults: &mut BTreeSet<Fault>) {
        let accepted: BTreeSet<(&str, &str)> = self.acceptances.iter().map(|a| (a.send.as_str(), a.wamid.as_str())).collect();
        for (&send, stand) in stands {
            if ["planned", "in_flight", "unknown"].contains(&stand.state) {
                faults.insert(Fault::Open { send: send.to_owned(), state: stand.state.to_owned() });
            }
            match stand.wamid {
                Some(wamid) if !accepted.contains(&(send, wamid)) => {
                    faults.insert(Fault::Invented { send: send.to_owned(), wamid: wamid.to_owned() });
                }
                None if passed(stand.state) => {
                    faults.insert(Fault::Invented { send: send.to_owned(), wamid: String::new() });
                }
                _ => {}
            }
        }
    }

    fn received(&self, stands: &BTreeMap<&str, Stand<'_>>, faults: &mut BTreeSet<Fault>) {
        let planned: BTreeSet<&str> = stands.values().map(|stand| stand.recipient).collect();
        let mut sends: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for acceptance in &self.acceptances {
            sends.entry(&acceptance.to).or_default().insert(&acceptance.send);
        }
        for recipient in &self.recipients {
            if !planned.contains(recipient.as_str()) {
                faults.insert(Fault::Lost { recipient: recipient.clone() });
            }
            let sends = sends.get(recipient.as_str()).map_or(0, BTreeSet::len);
            if sends > 1 {
                faults.insert(Fault::ReceivedTwice { recipient: recipient.clone(), sends });
            }
        }
    }

    fn heard(&self, faults: &mut BTreeSet<Fault>) {
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for id in &self.heard {
            *times.entry(id).or_default() += 1;
        }
        for id in &self.written {
            match times.get(id.as_str()) {
                None => faults.insert(Fault::Unheard { id: id.clone() }),
                Some(1) => false,
                Some(_) => faults.insert(Fault::HeardTwice { id: id.clone() }),
            };
        }
    }
}

/// States that only an accepted message can be in.
fn passed(state: &str) -> bool {
    ["accepted", "sent", "delivered", "read", "played"].contains(&state)
}

/// Whether the books know of the acceptance. A message that failed after it was accepted keeps its id.
fn owned(stand: &Stand<'_>) -> bool {
    passed(stand.state) || (stand.state == "failed" && stand.wamid.is_some()) || stand.state == "unknown"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(send: &str, from: Option<&str>, to: &str, wamid: Option<&str>) -> Step {
        let text = |value: Option<&str>| value.map(str::to_owned);
        Step { send: send.into(), recipient: format!("to-{send}"), from: text(from), to: to.into(), wamid: text(wamid) }
    }

    fn acceptance(send: &str, wamid: &str) -> Acceptance {
        Acceptance { wamid: wamid.into(), to: format!("to-{send}"), send: send.into() }
    }

    /// Two sends, one delivered, one quarantined; one customer wrote and was heard.
    fn good() -> Books {
        Books {
            recipients: ["to-a", "to-b"].map(str::to_owned).into(),
            written: ["w1".to_owned()].into(),
            acceptances: vec![acceptance("a", "m1")],
            steps: vec![
                step("a", None, "planned", None),
                step("b", None, "planned", None),
                step("a", Some("planned"), "in_flight", None),
                step("b", Some("planned"), "in_flight", None),
                step("a", Some("in_flight"), "accepted", Some("m1")),
                step("b", Some("in_flight"), "unknown", None),
                step("a", Some("accepted"), "delivered", Some("m1")),
                step("b", Some("unknown"), "quarantined", None),
            ],
            heard: vec!["w1".into()],
        }
    }

    fn kinds(books: &Books) -> Vec<String> {
        let name = |fault: &Fault| format!("{fault:?}").split(' ').next().unwrap_or_default().to_owned();
        books.faults().iter().map(name).collect()
    }

    fn planted(change: impl FnOnce(&mut Books)) -> Vec<String> {
        let mut books = good();
        change(&mut books);
        kinds(&books)
    }

    #[test]
    fn books_that_agree_have_no_fault() {
        assert_eq!(good().faults(), []);
        assert_eq!(good().states(""), [("delivered".to_owned(), 1), ("quarantined".to_owned(), 1)].into());
        assert_eq!(good().states("to-b"), [("quarantined".to_owned(), 1)].into());
    }

    #[test]
    fn a_duplicate_acceptance_is_found() {
        assert_eq!(planted(|books| books.acceptances.push(acceptance("a", "m2"))), ["SentTwice"]);
    }

    #[test]
    fn a_second_send_to_the_same_person_is_found() {
        let other = |books: &mut Books| {
            books.acceptances.push(Acceptance { to: "to-a".into(), ..acceptance("c", "m3") });
            books.steps.push(step("c", None, "planned", None));
            books.steps.push(step("c", Some("planned"), "accepted", Some("m3")));
        };
        assert_eq!(planted(other), ["ReceivedTwice"]);
    }

    #[test]
    fn a_lost_recipient_is_found() {
        assert_eq!(planted(|books| books.steps.retain(|step| step.send != "b")), ["Lost"]);
    }

    #[test]
    fn a_send_that_is_not_at_an_end_is_found() {
        assert_eq!(planted(|books| drop(books.steps.pop())), ["Open"]);
    }

    #[test]
    fn an_acceptance_that_our_books_do_not_have_is_found() {
        assert_eq!(planted(|books| books.acceptances.push(acceptance("x", "m9"))), ["Unbooked"]);
        assert_eq!(planted(|books| books.acceptances.push(acceptance("b", "m9"))), ["Disowned"]);
    }

    #[test]
    fn an_acceptance_that_meta_does_not_have_is_found() {
        assert_eq!(planted(|books| books.acceptances.clear()), ["Invented"]);
        assert_eq!(planted(|books| books.steps.push(step("b", Some("quarantined"), "accepted", None))), ["Invented"]);
    }

    #[test]
    fn a_failure_before_acceptance_and_one_after_it_are_told_apart() {
        let failed = |wamid: Option<&'static str>| move |books: &mut Books| books.steps[6] = step("a", Some("accepted"), "failed", wamid);
        assert_eq!(planted(failed(Some("m1"))), Vec::<String>::new());
        let never = |books: &mut Books| {
            books.steps[4] = step("a", Some("in_flight"), "failed", None);
            books.steps.remove(6);
        };
        assert_eq!(planted(never), ["Disowned"]);
    }

    #[test]
    fn a_step_that_does_not_follow_the_one_before_it_is_found() {
        assert_eq!(planted(|books| drop(books.steps.remove(2))), ["Jump"]);
        assert_eq!(planted(|books| books.steps.push(books.steps[6].clone())), ["Jump"]);
    }

    #[test]
    fn a_send_whose_beginning_is_lost_is_found() {
        let lost = |books: &mut Books| {
            books.steps.retain(|step| step.send != "b" || ["unknown", "quarantined"].contains(&step.to.as_str()));
            books.steps.iter_mut().filter(|step| step.send == "b" && step.to == "unknown").for_each(|step| step.from = None);
        };
        assert_eq!(planted(lost), ["Unplanned"]);
    }

    #[test]
    fn a_message_that_was_not_heard_once_is_found() {
        assert_eq!(planted(|books| books.heard.clear()), ["Unheard"]);
        assert_eq!(planted(|books| books.heard.push("w1".into())), ["HeardTwice"]);
    }
}
