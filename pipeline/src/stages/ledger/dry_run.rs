//! Dry run: a campaign on the ledger's own schedule, with a clock that jumps from one event to the next.
//!
//! It knows what is planned now: the number's throughput, the campaign's throttle, the campaigns that run beside it. What customers write
//! meanwhile, and how long Meta takes to answer, it takes as given.

use std::collections::BTreeSet;

use sluice_schemas::forecast::{Forecast, Plan, Share};
use sluice_schemas::ids::{SendId, TenantId};
use sluice_schemas::record::Lane;
use sluice_schemas::time::Millis;

use super::schedule::{Item, Schedule};

/// Messages of a campaign that wait in the schedule at most; the others wait in the audience, as they do live.
const WAITING: i64 = 5_000;
/// Points of the curve at most.
const POINTS: i64 = 100;

/// Plays the plan to its end.
pub fn forecast(plan: &Plan) -> Forecast {
    let mut run = Run::new(plan);
    while run.sent[0] < plan.share.messages.max(0) {
        run.fill();
        run.claim();
        run.wait();
    }
    Forecast { finish: run.finish, curve: run.curve }
}

const NUMBER: &str = "-";

struct Run<'a> {
    answer_ms: i64,
    shares: Vec<&'a Share>,
    schedule: Schedule,
    now: Millis,
    order: i64,
    /// By share: put into the schedule, and taken from it.
    planned: Vec<i64>,
    sent: Vec<i64>,
    /// Answers that are on their way.
    answers: BTreeSet<(Millis, String)>,
    finish: Millis,
    curve: Vec<(Millis, i64)>,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan) -> Self {
        let shares: Vec<&Share> = std::iter::once(&plan.share).chain(&plan.beside).collect();
        let mut schedule = Schedule::default();
        schedule.rate(NUMBER, plan.rate);
        for share in &shares {
            schedule.run(share.campaign, share.throttle);
        }
        let none = vec![0; shares.len()];
        Self {
            answer_ms: plan.answer_ms,
            shares,
            schedule,
            now: plan.start,
            order: 0,
            planned: none.clone(),
            sent: none,
            answers: BTreeSet::new(),
            finish: plan.start,
            curve: Vec::new(),
        }
    }

    fn fill(&mut self) {
        for (n, share) in self.shares.iter().enumerate() {
            let waiting = self.planned[n] - self.sent[n];
            if waiting > WAITING / 2 {
                continue;
            }
            for _ in 0..(WAITING - waiting).min(share.messages - self.planned[n]) {
                self.order += 1;
                self.planned[n] += 1;
                self.schedule.add(Item {
                    id: SendId::default(),
                    tenant: TenantId::UNKNOWN,
                    order: self.order,
                    not_before: self.now,
                    ready: self.now,
                    lane: Lane::Bulk,
                    account: NUMBER.to_owned(),
                    to: self.order.to_string(),
                    campaign: Some(share.campaign),
                });
            }
        }
    }

    fn claim(&mut self) {
        while let Some((item, slot)) = self.schedule.next(self.now) {
            self.answers.insert((slot.plus(self.answer_ms), item.to));
            let Some(n) = self.shares.iter().position(|share| Some(share.campaign) == item.campaign) else { continue };
            self.sent[n] += 1;
            if n == 0 {
                self.left(slot);
            }
        }
    }

    fn left(&mut self, slot: Millis) {
        self.finish = self.finish.max(slot);
        let (sent, all) = (self.sent[0], self.shares[0].messages);
        if sent == all || sent % (all / POINTS + 1) == 0 {
            self.curve.push((slot, sent));
        }
    }

    /// Jumps to the next event and takes in the answers that have come by then.
    fn wait(&mut self) {
        let due = self.schedule.due().into_iter().chain(self.answers.first().map(|(at, _)| *at)).min();
        // Without anything due the schedule has all it was given, and the next look fills it.
        self.now = due.unwrap_or(self.now).max(self.now.plus(1));
        while self.answers.first().is_some_and(|(at, _)| *at <= self.now) {
            if let Some((at, to)) = self.answers.pop_first() {
                self.schedule.release(NUMBER, &to, at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_schemas::ids::CampaignId;

    use super::*;

    fn share(n: u8, messages: i64, throttle: i32) -> Share {
        Share { campaign: CampaignId::from_bytes([n; 16]), messages, throttle }
    }

    fn seconds(rate: i64, asked: Share, beside: Vec<Share>) -> f64 {
        let start = Millis(1_790_000_000_000);
        let forecast = forecast(&Plan { rate, start, answer_ms: 300, share: asked, beside });
        assert!(forecast.curve.windows(2).all(|two| two[0].1 < two[1].1) && forecast.curve.len() <= 101);
        forecast.finish.since(start) as f64 / 1_000.0
    }

    fn near(found: f64, wanted: f64) -> bool {
        (found - wanted).abs() <= wanted * 0.02 + 0.3
    }

    #[test]
    fn it_takes_what_the_slowest_of_its_limits_allows() {
        // Campaigns may use 80 % of a number.
        assert!(near(seconds(80, share(1, 6_400, 0), vec![]), 100.0));
        assert!(near(seconds(1_000, share(1, 80_000, 0), vec![]), 100.0));
        assert!(near(seconds(80, share(1, 1_000, 10), vec![]), 100.0));
    }

    #[test]
    fn campaigns_on_one_number_take_turns_until_the_shorter_one_is_over() {
        assert!(near(seconds(80, share(1, 3_200, 0), vec![share(2, 3_200, 0)]), 100.0));
        assert!(near(seconds(80, share(1, 6_400, 0), vec![share(2, 640, 0)]), 110.0));
        assert!(near(seconds(80, share(1, 640, 0), vec![share(2, 64_000, 0)]), 20.0));
    }

    #[test]
    fn nobody_to_send_to_is_over_at_the_start() {
        assert!(seconds(80, share(1, 0, 0), vec![]).abs() < f64::EPSILON);
        assert!(seconds(80, share(1, -1, 0), vec![share(2, 5, 0)]).abs() < f64::EPSILON);
    }
}
