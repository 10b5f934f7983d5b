//! What must hold after a run: nothing lost (L), at most one acceptance per send (D), order per conversation (O), tenants
//! apart (T). Progress (P) is that all of it holds before patience ends. The books do the accounts; here is what only a run knows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::checker::{Books, Fault};

/// A customer's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Meta's id of the message.
    pub id: String,
    /// The customer.
    pub person: String,
    /// The number written to.
    pub account: String,
    /// The sum that a right answer names.
    pub sum: String,
}

/// A message of ours at Meta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Recipient.
    pub to: String,
    /// The number that it came from.
    pub account: String,
    /// Text of a reply.
    pub text: Option<String>,
    /// Send id and attempt, of its callback data.
    pub attempt: (String, i32),
    /// When Meta accepted it, milliseconds.
    pub at_ms: i64,
}

/// A record of one of our topics, as far as these checks look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Topic.
    pub topic: &'static str,
    /// Partition.
    pub partition: i32,
    /// Tenant.
    pub tenant: String,
    /// The number that it is about.
    pub account: String,
}

/// Everything that was seen from the outside.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The accounts.
    pub books: Books,
    /// Requests.
    pub asked: Vec<Asked>,
    /// Meta's side.
    pub delivered: Vec<Delivered>,
    /// Recipient and account of each send of ours, by its id.
    pub sends: BTreeMap<String, (String, String)>,
    /// Where records of ours lie.
    pub places: Vec<Place>,
    /// Ids of requests in the order of the raw log, by partition; repeats included.
    pub arrived: BTreeMap<i32, Vec<String>>,
    /// Ids of requests in the order of `events`, by conversation.
    pub heard: BTreeMap<String, Vec<String>>,
    /// Versions of each conversation in the order of its topic.
    pub versions: BTreeMap<String, Vec<i64>>,
    /// End of each attempt's lease, milliseconds.
    pub leases: BTreeMap<(String, i32), i64>,
    /// Conversations whose history does not show what was said, with the difference.
    pub unarchived: Vec<String>,
    /// Campaigns whose page does not say what the topics say.
    pub miscounted: Vec<String>,
}

/// A promise that is not kept.
#[allow(missing_docs, reason = "the words of each variant name its fields")]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// The accounts do not agree.
    Books(Fault),
    /// L: a customer has not as many answers planned as questions asked.
    Unanswered { person: String, account: String, asked: usize, sends: usize },
    /// D: a customer has more.
    Overanswered { person: String, account: String, asked: usize, sends: usize },
    /// T, O: somebody got an answer to what they did not ask of this number.
    WrongAnswer { to: String, account: String, text: String },
    /// O: a conversation heard its messages in another order than they arrived.
    Disordered { conversation: String, arrived: Vec<String>, heard: Vec<String> },
    /// O: a change of a conversation was not made on the state that the one before it left.
    Skipped { conversation: String, versions: Vec<i64> },
    /// O: a person's messages fell into several conversations.
    Split { person: String, conversations: usize },
    /// T: a tenant's records lie in several partitions.
    Astray { tenant: String, topics: Vec<String> },
    /// T: a number's records name several tenants.
    Mixed { account: String, tenants: Vec<String> },
    /// D: Meta got an attempt after its lease.
    Late { send: String, attempt: i32, late_ms: i64 },
    /// L: Meta got an attempt that nobody claimed.
    Unclaimed { send: String, attempt: i32 },
    /// L: the history lacks something.
    Unarchived { what: String },
    /// L: counters lack something.
    Miscounted { what: String },
    /// P: the program does not go on.
    Stuck { why: String },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Violation {
    /// Whether time may heal it.
    pub const fn may_heal(&self) -> bool {
        match self {
            Self::Books(fault) => fault.may_heal(),
            Self::Unanswered { .. } | Self::Unclaimed { .. } | Self::Unarchived { .. } | Self::Miscounted { .. } | Self::Stuck { .. } => {
                true
            }
            _ => false,
        }
    }
}

/// A question changes its conversation twice at once: it is heard, and answered.
const CHANGES: i64 = 2;
/// Longest way of a request that left within its lease: Meta's time-out in these runs, clocks that are off, a busy machine.
const ON_ITS_WAY_MS: i64 = 6_000;

impl Facts {
    /// Every violation, in a stable order.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found: BTreeSet<Violation> = self.books.faults().into_iter().map(Violation::Books).collect();
        self.answers(&mut found);
        self.order(&mut found);
        self.tenants(&mut found);
        self.leases(&mut found);
        found.extend(self.unarchived.iter().map(|what| Violation::Unarchived { what: what.clone() }));
        found.extend(self.miscounted.iter().map(|what| Violation::Miscounted { what: what.clone() }));
        found.into_iter().collect()
    }

    fn answers(&self, found: &mut BTreeSet<Violation>) {
        let mut asked: BTreeMap<(&str, &str), Vec<&Asked>> = BTreeMap::new();
        for one in &self.asked {
            asked.entry((&one.person, &one.account)).or_default().push(one);
        }
        for ((person, account), requests) in &asked {
            let sends = self.sends.values().filter(|(to, from)| to == person && from == account).count();
            let (person, account, asked) = ((*person).to_owned(), (*account).to_owned(), requests.len());
            match sends.cmp(&asked) {
                std::cmp::Ordering::Less => found.insert(Violation::Unanswered { person, account, asked, sends }),
                std::cmp::Ordering::Equal => false,
                std::cmp::Ordering::Greater => found.insert(Violation::Overanswered { person, account, asked, sends }),
            };
        }
        for message in &self.delivered {
            let Some(text) = &message.text else { continue };
            let requests = asked.get(&(message.to.as_str(), message.account.as_str()));
            if !requests.is_some_and(|requests| requests.iter().any(|request| text.contains(&request.sum))) {
                found.insert(Violation::WrongAnswer { to: message.to.clone(), account: message.account.clone(), text: text.clone() });
            }
        }
    }

    fn order(&self, found: &mut BTreeSet<Violation>) {
        for (conversation, heard) in &self.heard {
            let own: BTreeSet<&String> = heard.iter().collect();
            let mut seen = BTreeSet::new();
            let first = self.arrived.values().flatten().filter(|id| own.contains(id) && seen.insert(*id));
            let arrived: Vec<String> = first.cloned().collect();
            // Who was heard twice is in the books already.
            if own.len() == heard.len() && arrived != *heard {
                found.insert(Violation::Disordered { conversation: conversation.clone(), arrived, heard: heard.clone() });
            }
        }
        for (conversation, versions) in &self.versions {
            if versions.windows(2).any(|pair| pair[1] != pair[0] + CHANGES) {
                found.insert(Violation::Skipped { conversation: conversation.clone(), versions: versions.clone() });
            }
        }
        let mut conversations: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
        for (conversation, heard) in &self.heard {
            for one in self.asked.iter().filter(|one| heard.contains(&one.id)) {
                conversations.entry((&one.person, &one.account)).or_default().insert(conversation);
            }
        }
        for ((person, _), conversations) in conversations.into_iter().filter(|(_, conversations)| conversations.len() > 1) {
            found.insert(Violation::Split { person: person.to_owned(), conversations: conversations.len() });
        }
    }

    fn tenants(&self, found: &mut BTreeSet<Violation>) {
        let mut homes: BTreeMap<&str, BTreeMap<i32, &str>> = BTreeMap::new();
        let mut owners: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for place in &self.places {
            homes.entry(&place.tenant).or_default().insert(place.partition, place.topic);
            owners.entry(&place.account).or_default().insert(&place.tenant);
        }
        for (tenant, homes) in homes.into_iter().filter(|(_, homes)| homes.len() > 1) {
            let topics = homes.iter().map(|(partition, topic)| format!("{topic}[{partition}]")).collect();
            found.insert(Violation::Astray { tenant: tenant.to_owned(), topics });
        }
        for (account, tenants) in owners.into_iter().filter(|(_, tenants)| tenants.len() > 1) {
            let tenants = tenants.into_iter().map(str::to_owned).collect();
            found.insert(Violation::Mixed { account: account.to_owned(), tenants });
        }
    }

    fn leases(&self, found: &mut BTreeSet<Violation>) {
        for message in &self.delivered {
            let (send, attempt) = message.attempt.clone();
            match self.leases.get(&message.attempt) {
                None => found.insert(Violation::Unclaimed { send, attempt }),
                Some(end) if message.at_ms > end + ON_ITS_WAY_MS => {
                    found.insert(Violation::Late { send, attempt, late_ms: message.at_ms - end })
                }
                Some(_) => false,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::{Acceptance, Step};

    /// One customer of each of two tenants asked once and was answered.
    fn good() -> Facts {
        let mut facts = Facts::default();
        for (n, (person, account, sum)) in [("anna", "1", "38.90"), ("bert", "2", "48.90")].into_iter().enumerate() {
            let (id, send) = (format!("w{n}"), format!("s{n}"));
            facts.asked.push(Asked { id: id.clone(), person: person.into(), account: account.into(), sum: sum.into() });
            facts.books.written.insert(id.clone());
            facts.books.heard.push(id.clone());
            facts.books.acceptances.push(Acceptance { wamid: format!("m{n}"), to: person.into(), send: send.clone() });
            let step = |from: Option<&str>, to: &str, wamid: Option<String>| Step {
                send: send.clone(),
                recipient: person.into(),
                from: from.map(str::to_owned),
                to: to.into(),
                wamid,
            };
            facts.books.steps.extend([step(None, "planned", None), step(Some("planned"), "accepted", Some(format!("m{n}")))]);
            let text = Some(format!("In total {sum}"));
            facts.delivered.push(Delivered { to: person.into(), account: account.into(), text, attempt: (send.clone(), 1), at_ms: 5 });
            facts.sends.insert(send.clone(), (person.into(), account.into()));
            let place = |topic| Place { topic, partition: n as i32, tenant: format!("t{n}"), account: account.into() };
            facts.places.extend([place("events"), place("messages")]);
            facts.arrived.insert(n as i32, vec![id.clone(), id.clone()]);
            facts.heard.insert(format!("c{n}"), vec![id]);
            facts.versions.insert(format!("c{n}"), vec![2, 4]);
            facts.leases.insert((send, 1), 4);
        }
        facts
    }

    fn planted(change: impl FnOnce(&mut Facts)) -> Vec<String> {
        let mut facts = good();
        change(&mut facts);
        facts.violations().iter().map(|found| format!("{found:?}").split([' ', '(']).next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn facts_that_agree_violate_nothing() {
        assert_eq!(good().violations(), []);
    }

    #[test]
    fn a_missing_and_a_further_answer_are_found() {
        assert_eq!(planted(|facts| drop(facts.sends.remove("s0"))), ["Unanswered"]);
        let further = |facts: &mut Facts| drop(facts.sends.insert("s9".into(), ("anna".into(), "1".into())));
        assert_eq!(planted(further), ["Overanswered"]);
    }

    #[test]
    fn the_other_tenants_price_is_found() {
        assert_eq!(planted(|facts| facts.delivered[0].text = Some("In total 48.90".into())), ["WrongAnswer"]);
        assert_eq!(planted(|facts| facts.delivered[0].account = "2".into()), ["WrongAnswer"]);
    }

    #[test]
    fn another_order_is_found() {
        let swapped = |facts: &mut Facts| {
            facts.arrived.insert(0, vec!["w0".into(), "w5".into()]);
            facts.heard.insert("c0".into(), vec!["w5".into(), "w0".into()]);
        };
        assert_eq!(planted(swapped), ["Disordered"]);
        assert_eq!(planted(|facts| drop(facts.versions.insert("c0".into(), vec![2, 6]))), ["Skipped"]);
        assert_eq!(planted(|facts| drop(facts.versions.insert("c0".into(), vec![2, 2]))), ["Skipped"]);
    }

    #[test]
    fn a_person_in_two_conversations_is_found() {
        let split = |facts: &mut Facts| {
            facts.asked.push(Asked { id: "w5".into(), ..facts.asked[0].clone() });
            facts.sends.insert("s5".into(), ("anna".into(), "1".into()));
            facts.arrived.insert(0, vec!["w0".into(), "w5".into()]);
            facts.heard.insert("c5".into(), vec!["w5".into()]);
        };
        assert_eq!(planted(split), ["Split"]);
    }

    #[test]
    fn tenants_that_are_not_apart_are_found() {
        assert_eq!(planted(|facts| facts.places[0].partition = 5), ["Astray"]);
        assert_eq!(planted(|facts| facts.places[3].tenant = "t9".into()), ["Mixed"]);
    }

    #[test]
    fn a_send_beyond_its_lease_or_without_one_is_found() {
        assert_eq!(planted(|facts| facts.delivered[0].at_ms = 4 + ON_ITS_WAY_MS + 1), ["Late"]);
        assert_eq!(planted(|facts| facts.leases.clear()), ["Unclaimed", "Unclaimed"]);
    }

    #[test]
    fn what_the_books_find_is_found() {
        assert_eq!(planted(|facts| facts.books.heard.clear()), ["Books", "Books"]);
    }
}
