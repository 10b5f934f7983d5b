//! The books, proved from the topics: every raw event reached exactly one end, every planned send is in exactly one state.
//!
//! Facts of one partition are brought together by id (what dedup remembers of an event; the send) and judged group by group. The
//! judge knows no topic and no order but that of offsets, so facts may come in any order.

use std::collections::BTreeMap;

use sluice_schemas::record::SendState;

/// What a topic says about an id. 32 bytes with its id and place: a billion facts would take 32 GB, so a caller takes the ids of a
/// partition in as many turns as its memory asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// Hash of tenant and dedup key, or the send.
    pub id: [u8; 16],
    /// What.
    pub fact: Fact,
    /// Offset in its topic.
    pub offset: i64,
}

/// A fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// A raw event.
    Raw(Standing),
    /// It was processed.
    Event,
    /// A send was planned.
    Outbound(Standing),
    /// The ledger took a step; with the attempt, where it is an acceptance.
    Entry(Option<u8>, Standing),
    /// The message took a step.
    Step(Option<State>, State),
}

/// A send's state by its place in [`SendState::ALL`].
pub type State = u8;

/// The place of a state.
pub fn state(state: SendState) -> State {
    SendState::ALL.iter().position(|known| *known == state).unwrap_or_default() as State
}

/// What is to be expected of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It was read: it must have an end.
    Due,
    /// It became a dead letter.
    Lettered,
    /// Its reader has not come that far.
    Waiting,
    /// What became of it has been forgotten by the topic that would say it.
    Forgotten,
    /// Outside of what is asked for; it explains others.
    Aside,
}

/// What the books say.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Books {
    /// Raw events asked for.
    pub raw: u64,
    /// Of these, processed.
    pub processed: u64,
    /// Of these, the same fact as another.
    pub duplicates: u64,
    /// Of these, and of sends, dead letters.
    pub dead_letters: u64,
    /// Of these, and of sends, not yet read.
    pub waiting: u64,
    /// Of these, and of sends, older than what the topics still tell.
    pub forgotten: u64,
    /// Sends planned.
    pub sends: u64,
    /// Sends by their state now.
    pub states: BTreeMap<&'static str, u64>,
}

/// A row that does not add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub what: &'static str,
    /// About which id.
    pub id: [u8; 16],
    /// Topic of the offending record.
    pub topic: &'static str,
    /// Its offset.
    pub offset: i64,
}

/// Judges `lines`, which hold every fact about each id that is among them.
pub fn judge(lines: &mut [Line], books: &mut Books, mut report: impl FnMut(Fault)) {
    lines.sort_unstable();
    for group in lines.chunk_by(|a, b| a.id == b.id) {
        events(group, books, &mut report);
        sends(group, books, &mut report);
    }
}

fn events(group: &[Line], books: &mut Books, report: &mut impl FnMut(Fault)) {
    use sluice_schemas::topics::{EVENTS, EVENTS_RAW};
    let raws = || group.iter().filter_map(|line| if let Fact::Raw(standing) = line.fact { Some((standing, line.offset)) } else { None });
    let mut events = group.iter().filter(|line| line.fact == Fact::Event);
    let first = events.next();
    let fault = |what, topic, offset| Fault { what, id: group[0].id, topic, offset };
    for second in events {
        report(fault("processed twice", EVENTS, second.offset));
    }
    if let (Some(event), None) = (first, raws().next()) {
        report(fault("processed, and never received", EVENTS, event.offset));
    }
    let forgotten = raws().any(|(standing, _)| standing == Standing::Forgotten);
    let mut taken = false;
    for (standing, offset) in raws().filter(|(standing, _)| *standing != Standing::Aside) {
        books.raw += 1;
        match (standing, first) {
            (Standing::Lettered, _) => books.dead_letters += 1,
            (Standing::Waiting, _) => books.waiting += 1,
            (_, Some(_)) if !std::mem::replace(&mut taken, true) => books.processed += 1,
            (_, Some(_)) => books.duplicates += 1,
            (_, None) if forgotten => books.forgotten += 1,
            (_, None) => report(fault("lost: no event, no dead letter", EVENTS_RAW, offset)),
        }
    }
}

fn sends(group: &[Line], books: &mut Books, report: &mut impl FnMut(Fault)) {
    use sluice_schemas::topics::{MESSAGES, SEND_LEDGER};
    let fault = |what, topic, offset| Fault { what, id: group[0].id, topic, offset };
    let plan = group.iter().find_map(|line| if let Fact::Outbound(standing) = line.fact { Some((standing, line.offset)) } else { None });
    let entries: Vec<(Option<u8>, Standing, i64)> = group
        .iter()
        .filter_map(|line| if let Fact::Entry(accepted, standing) = line.fact { Some((accepted, standing, line.offset)) } else { None })
        .collect();
    let mut steps: Vec<(i64, Option<State>, State)> =
        group.iter().filter_map(|line| if let Fact::Step(from, to) = line.fact { Some((line.offset, from, to)) } else { None }).collect();
    steps.sort_unstable();
    match (plan, entries.first()) {
        (None, None) | (Some((Standing::Aside, _)), _) => {}
        (Some((standing, offset)), None) => match standing {
            Standing::Due => report(fault("planned, and in no state", "outbound", offset)),
            Standing::Waiting => books.waiting += 1,
            Standing::Lettered => books.dead_letters += 1,
            Standing::Forgotten | Standing::Aside => books.forgotten += 1,
        },
        (None, Some((_, Standing::Forgotten, _))) => books.forgotten += 1,
        (None, Some((.., offset))) => report(fault("in a state, and never planned", SEND_LEDGER, *offset)),
        (Some(_), Some((_, standing, offset))) => {
            books.sends += 1;
            match steps.last() {
                Some((.., to)) => *books.states.entry(SendState::ALL[usize::from(*to)].name()).or_default() += 1,
                None if *standing == Standing::Due => report(fault("in the ledger, and without a message", SEND_LEDGER, *offset)),
                None => books.waiting += 1,
            }
        }
    }
    let mut accepted: Vec<(u8, i64)> =
        entries.iter().filter_map(|(accepted, _, offset)| accepted.map(|attempt| (attempt, *offset))).collect();
    accepted.sort_unstable();
    accepted.dedup_by_key(|(attempt, _)| *attempt);
    for (_, offset) in accepted.iter().skip(1) {
        report(fault("accepted twice", SEND_LEDGER, *offset));
    }
    for pair in steps.windows(2) {
        if pair[1].1 != Some(pair[0].2) {
            report(fault("in two states: a step does not begin where the one before it ended", MESSAGES, pair[1].0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Standing::{Aside, Due, Forgotten, Lettered, Waiting};

    fn told(facts: &[(u8, Fact)]) -> (Books, Vec<&'static str>) {
        let mut lines: Vec<Line> = (0..).zip(facts).map(|(offset, (id, fact))| Line { id: [*id; 16], fact: *fact, offset }).collect();
        lines.reverse();
        let (mut books, mut faults) = (Books::default(), Vec::new());
        judge(&mut lines, &mut books, |fault| faults.push(fault.what));
        (books, faults)
    }

    #[test]
    fn every_raw_event_has_one_end() {
        let (books, faults) = told(&[
            (1, Fact::Raw(Due)),
            (1, Fact::Raw(Due)),
            (1, Fact::Event),
            (2, Fact::Raw(Lettered)),
            (3, Fact::Raw(Waiting)),
            // Redriven: the letter's record and the one written again are the same fact.
            (4, Fact::Raw(Lettered)),
            (4, Fact::Raw(Due)),
            (4, Fact::Event),
            // A repeat of what was processed before the topic of events begins.
            (5, Fact::Raw(Forgotten)),
            (5, Fact::Raw(Due)),
            // Of another span: it explains the event and is not asked for.
            (6, Fact::Raw(Aside)),
            (6, Fact::Event),
        ]);
        assert_eq!(faults, [""; 0]);
        assert_eq!((books.raw, books.processed, books.duplicates), (8, 2, 1));
        assert_eq!((books.dead_letters, books.waiting, books.forgotten), (2, 1, 2));
    }

    #[test]
    fn a_lost_a_doubled_and_an_invented_event_are_found() {
        assert_eq!(told(&[(1, Fact::Raw(Due))]).1, ["lost: no event, no dead letter"]);
        assert_eq!(told(&[(1, Fact::Raw(Due)), (1, Fact::Event), (1, Fact::Event)]).1, ["processed twice"]);
        assert_eq!(told(&[(1, Fact::Event)]).1, ["processed, and never received"]);
    }

    fn step(from: Option<SendState>, to: SendState) -> Fact {
        Fact::Step(from.map(state), state(to))
    }

    #[test]
    fn every_planned_send_is_in_one_state() {
        use SendState::{Accepted, InFlight, Planned};
        let (books, faults) = told(&[
            (1, Fact::Outbound(Due)),
            (1, Fact::Outbound(Due)),
            (1, Fact::Entry(None, Due)),
            (1, Fact::Entry(Some(1), Due)),
            (1, step(None, Planned)),
            (1, step(Some(Planned), InFlight)),
            (1, step(Some(InFlight), Accepted)),
            (2, Fact::Outbound(Waiting)),
            (3, Fact::Outbound(Due)),
            (3, Fact::Entry(None, Waiting)),
        ]);
        assert_eq!(faults, [""; 0]);
        assert_eq!((books.sends, books.waiting, books.states["accepted"]), (2, 2, 1));
    }

    #[test]
    fn a_send_without_a_state_without_a_plan_accepted_twice_or_in_two_states_is_found() {
        use SendState::{Accepted, Failed, Planned};
        assert_eq!(told(&[(1, Fact::Outbound(Due))]).1, ["planned, and in no state"]);
        assert_eq!(told(&[(1, Fact::Entry(None, Due))]).1, ["in a state, and never planned"]);
        assert_eq!(told(&[(1, Fact::Outbound(Due)), (1, Fact::Entry(None, Due))]).1, ["in the ledger, and without a message"]);
        let sound = [(1, Fact::Outbound(Due)), (1, step(None, Planned)), (1, Fact::Entry(Some(1), Due))];
        let with = |more: &[(u8, Fact)]| told(&[&sound, more].concat()).1;
        assert_eq!(with(&[(1, Fact::Entry(Some(1), Due))]), [""; 0], "a status confirms the same attempt");
        assert_eq!(with(&[(1, Fact::Entry(Some(2), Due))]), ["accepted twice"]);
        let twice = with(&[(1, step(Some(Planned), Accepted)), (1, step(Some(Planned), Failed))]);
        assert_eq!(twice.len(), 1, "{twice:?}");
    }

    #[test]
    fn a_fact_takes_32_bytes() {
        assert_eq!(size_of::<Line>(), 32);
    }
}
