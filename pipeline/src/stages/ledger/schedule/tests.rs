use proptest::prelude::*;

use super::number::{OPEN_MS, PAIR_INTERVAL_MS};
use super::*;

const TENANT: TenantId = TenantId::from_bytes([1; 16]);

fn item(order: i64, lane: Lane, to: &str) -> Item {
    Item {
        id: SendId::from_bytes([order as u8; 16]),
        tenant: TENANT,
        order,
        not_before: Millis(0),
        ready: Millis(0),
        lane,
        account: "1".into(),
        to: to.into(),
        campaign: (lane == Lane::Bulk).then(|| CampaignId::from_bytes([1; 16])),
    }
}

#[test]
fn replies_go_before_transactional_before_bulk() {
    let mut schedule = Schedule::default();
    schedule.run(CampaignId::from_bytes([1; 16]), 0);
    for (order, lane, to) in [(1, Lane::Bulk, "a"), (2, Lane::Transactional, "b"), (3, Lane::Reply, "c")] {
        schedule.add(item(order, lane, to));
    }
    let orders: Vec<i64> = std::iter::from_fn(|| schedule.next(Millis(0))).map(|(item, _)| item.order).collect();
    assert_eq!(orders, [3, 2, 1]);
}

#[test]
fn one_message_is_in_flight_per_pair_and_order_is_kept() {
    let mut schedule = Schedule::default();
    for order in 1..=3 {
        schedule.add(item(order, Lane::Reply, "a"));
    }
    for order in 1..=3 {
        let (got, _) = schedule.next(Millis(0)).expect("one is ready");
        assert_eq!(got.order, order);
        assert!(schedule.next(Millis(0)).is_none());
        schedule.release("1", "a", Millis(0));
    }
}

#[test]
fn a_paused_campaign_holds_what_is_planned() {
    let mut schedule = Schedule::default();
    schedule.add(item(1, Lane::Bulk, "a"));
    assert!(schedule.next(Millis(0)).is_none());
    assert_eq!(schedule.due(), None);
    schedule.run(CampaignId::from_bytes([1; 16]), 0);
    assert!(schedule.next(Millis(0)).is_some());
}

#[test]
fn the_forty_sixth_message_to_one_person_waits_until_the_burst_is_paid_back() {
    let mut schedule = Schedule::default();
    let mut at = Vec::new();
    for order in 0..46 {
        schedule.add(item(order, Lane::Reply, "a"));
    }
    let mut now = Millis(1_000_000);
    while at.len() < 46 {
        match schedule.next(now) {
            Some((_, slot)) => {
                at.push(slot.0);
                schedule.release("1", "a", now);
            }
            None => now = schedule.due().expect("something waits").max(now.plus(1)),
        }
    }
    assert!(at[44] - at[0] < 1_000);
    assert!(at[45] - at[0] >= 45 * 6_000);
}

#[test]
fn a_throttled_campaign_keeps_its_pace_and_leaves_the_number_to_others() {
    let mut schedule = Schedule::default();
    schedule.run(CampaignId::from_bytes([1; 16]), 5);
    for order in 0..20 {
        schedule.add(item(order, Lane::Bulk, &order.to_string()));
    }
    let mut slots = Vec::new();
    let mut now = Millis(1_000);
    while slots.len() < 20 {
        match schedule.next(now) {
            Some((item, slot)) => {
                slots.push(slot.0);
                schedule.release("1", &item.to, now);
            }
            None => now = schedule.due().expect("something waits").max(now.plus(1)),
        }
    }
    assert!(slots.windows(2).all(|pair| pair[1] - pair[0] >= 199), "{slots:?}");
    assert!(slots[19] - slots[0] <= 19 * 201);
}

#[test]
fn while_no_answer_comes_few_claims_are_open() {
    let mut schedule = Schedule::default();
    for order in 0..1_000 {
        schedule.add(item(order, Lane::Reply, &order.to_string()));
    }
    let mut claimed = 0;
    for second in 0..60 {
        while schedule.next(Millis(second * 1_000)).is_some() {
            claimed += 1;
        }
    }
    assert_eq!(claimed, DEFAULT_RATE * OPEN_MS / 1000);
    schedule.release("1", "0", Millis(60_000));
    assert!(schedule.next(Millis(60_000)).is_some());
}

#[test]
fn a_person_is_forgotten_when_what_they_borrowed_is_paid_back() {
    let mut schedule = Schedule::default();
    schedule.run(CampaignId::from_bytes([1; 16]), 0);
    let (mut now, mut most) = (Millis(1_000_000), 0);
    for order in 0..5_000 {
        schedule.add(item(order, Lane::Bulk, &order.to_string()));
    }
    while let Some(due) = schedule.due() {
        now = now.max(due).plus(1);
        while let Some((item, _)) = schedule.next(now) {
            schedule.release("1", &item.to, now);
            most = most.max(schedule.numbers["1"].remembers("").0);
        }
    }
    assert!(most as i64 <= DEFAULT_RATE * PAIR_INTERVAL_MS / 1000, "{most} of 5000 people are remembered");
    schedule.hold_pair("1", "x", now.plus(9_000));
    schedule.hold_pair("1", "0", now.plus(90_000));
    for (later, known) in [(0, true), (60_000, true), (91_000, false)] {
        schedule.release("1", "y", now.plus(later));
        assert_eq!(schedule.numbers["1"].remembers("0").1, known, "{later}");
    }
    assert_eq!(schedule.numbers["1"].remembers("").0, 0);
}

fn of(tenant: u8, order: i64, lane: Lane) -> Item {
    let tenant = TenantId::from_bytes([tenant; 16]);
    Item {
        tenant,
        account: tenant.to_string(),
        campaign: (lane == Lane::Bulk).then_some(CampaignId(tenant.0)),
        ..item(order, lane, &order.to_string())
    }
}

/// Takes `n` decisions at one moment and counts them by tenant.
fn decide(schedule: &mut Schedule, now: Millis, n: usize) -> BTreeMap<TenantId, usize> {
    let mut taken = BTreeMap::new();
    for (item, _) in std::iter::from_fn(|| schedule.next(now)).take(n) {
        *taken.entry(item.tenant).or_default() += 1;
    }
    taken
}

#[test]
fn tenants_whose_backlogs_compete_get_equal_shares_whatever_they_have_waiting() {
    let mut schedule = Schedule::default();
    for tenant in 1..=50u8 {
        let id = TenantId::from_bytes([tenant; 16]);
        schedule.rate(&id.to_string(), 1_000);
        schedule.run(CampaignId(id.0), 0);
        // The first has a hundred times as much as the last.
        for order in 0..i64::from(if tenant == 1 { 10_000 } else { 100 + u16::from(tenant) }) {
            schedule.add(of(tenant, order, Lane::Bulk));
        }
    }
    let taken = decide(&mut schedule, Millis(1_000), 1_000);
    assert_eq!(taken.values().copied().collect::<Vec<_>>(), [20; 50]);
}

#[test]
fn a_reply_of_a_light_tenant_is_the_next_decision_beside_a_backlog_of_another() {
    let mut schedule = Schedule::default();
    for tenant in [1, 2] {
        schedule.rate(&TenantId::from_bytes([tenant; 16]).to_string(), 1_000);
    }
    schedule.run(CampaignId::from_bytes([1; 16]), 0);
    (0..5_000).for_each(|order| schedule.add(of(1, order, Lane::Bulk)));
    assert_eq!(decide(&mut schedule, Millis(1_000), 50).len(), 1);
    schedule.add(of(2, 0, Lane::Reply));
    let (next, slot) = schedule.next(Millis(1_000)).expect("a decision");
    assert_eq!((next.lane, slot), (Lane::Reply, Millis(1_000)));
}

#[test]
fn a_plan_bounds_all_numbers_of_a_tenant_together_and_leaves_a_fifth_to_replies() {
    let mut schedule = Schedule::default();
    schedule.plan(TENANT, 10);
    schedule.run(CampaignId::from_bytes([1; 16]), 0);
    for account in ["1", "2", "3"] {
        for order in 0..200 {
            schedule.add(Item { account: account.into(), ..item(order, Lane::Bulk, &format!("{account}/{order}")) });
        }
    }
    let (start, mut now, mut slots) = (Millis(1_000_000), Millis(1_000_000), Vec::new());
    while now < start.plus(60_000) {
        while let Some((item, slot)) = schedule.next(now) {
            slots.push(slot);
            schedule.release(&item.account, &item.to, slot);
        }
        now = schedule.due().expect("something waits").max(now.plus(1));
    }
    // 80 % of 10 a second for a minute.
    assert!((475..=485).contains(&slots.len()), "{}", slots.len());
    schedule.add(Item { account: "3".into(), ..item(999, Lane::Reply, "a person") });
    let (reply, slot) = schedule.next(now).expect("a decision");
    assert!(reply.lane == Lane::Reply && slot.since(now) <= HORIZON_MS + 100, "{}", slot.since(now));
}

#[test]
fn a_late_look_loses_no_slot_and_an_idle_number_saves_none_up() {
    let mut schedule = Schedule::default();
    schedule.rate("1", 80);
    schedule.run(CampaignId::from_bytes([1; 16]), 0);
    (0..6_000).for_each(|n| schedule.add(item(n, Lane::Bulk, &n.to_string())));
    let look = |schedule: &mut Schedule, now: Millis| {
        let mut n = 0;
        while let Some((item, slot)) = schedule.next(now) {
            assert!(slot >= now);
            schedule.release(&item.account, &item.to, now);
            n += 1;
        }
        n
    };
    // Each look 290 ms after the one before: beyond the slots that were given ahead.
    let sent: usize = (0..207).map(|n| look(&mut schedule, Millis(1_000_000 + n * 290))).sum();
    assert!((64 * 60 - 20..=64 * 60 + 30).contains(&sent), "{sent}");

    let mut schedule = Schedule::default();
    schedule.rate("1", 80);
    schedule.add(item(1, Lane::Reply, "a"));
    assert_eq!(look(&mut schedule, Millis(1_000)), 1);
    (2..50).for_each(|n| schedule.add(Item { ready: Millis(60_000), ..item(n, Lane::Reply, &n.to_string()) }));
    // From 0 to 200 ms ahead, an interval apart.
    assert_eq!(look(&mut schedule, Millis(60_000)), 17);
}

#[test]
fn what_is_woken_is_due_and_what_has_nothing_rests() {
    let mut schedule = Schedule::default();
    assert_eq!(schedule.due(), None);
    schedule.gate("1", Millis(5_000));
    schedule.add(item(1, Lane::Reply, "a"));
    assert_eq!(schedule.due(), Some(Millis(5_000)));
    assert!(schedule.next(Millis(4_999)).is_none());
    schedule.gate("1", Millis(0));
    assert!(schedule.due().is_some_and(|due| due <= Millis(4_999)), "an opened gate wakes");
    assert!(schedule.next(Millis(4_999)).is_some());
    assert!(schedule.next(Millis(4_999)).is_none());
    assert_eq!(schedule.due(), None);
}

proptest! {
    #[test]
    fn slots_of_a_number_are_an_interval_apart(rate in 1i64..1000, steps in proptest::collection::vec((0i64..50, 0u8..4), 1..200)) {
        let mut schedule = Schedule::default();
        schedule.rate("1", rate);
        schedule.run(CampaignId::from_bytes([1; 16]), 0);
        let (mut now, mut order, mut slots) = (Millis(1_000), 0, Vec::new());
        for (ms, what) in steps {
            now = now.plus(ms);
            if what == 3 {
                schedule.inbound("1", now);
            } else {
                order += 1;
                schedule.add(item(order, [Lane::Reply, Lane::Transactional, Lane::Bulk][what as usize], &order.to_string()));
            }
            while let Some((item, slot)) = schedule.next(now) {
                schedule.release("1", &item.to, now);
                prop_assert!(slot >= now && slot.since(now) <= HORIZON_MS + 1_000 / rate + 1);
                slots.push(slot.0);
            }
        }
        slots.sort_unstable();
        // In any second there are at most `rate` slots, and one for the edge's rounding.
        for (i, start) in slots.iter().enumerate() {
            let within = slots[i..].iter().take_while(|s| **s < start + 1000).count() as i64;
            prop_assert!(within <= rate + 1 + rate * HORIZON_MS / 1000, "{within} of {rate}");
        }
    }
}
