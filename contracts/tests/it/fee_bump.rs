//! Fees that rise towards a deadline, what a replacement pays, and the reserve for them.

use crate::laws_support;

use bitcoin::{Amount, Weight};
use laws_support::{Sample, TEMPLATES};
use narthex_contracts::{
    funding::{BUDGET, Evicted, FeeCurve, FeeError, FeeRate, FeeRules, RELAY, Urgency},
    graph::{NodeId, Source, TxGraph},
    template::Reserve,
    terms::Role,
};
use proptest::prelude::*;

fn rate(sat_kwu: u64) -> FeeRate {
    FeeRate::from_sat_per_kwu(sat_kwu)
}

fn urgency() -> impl Strategy<Value = Urgency> {
    let height = 0..800_000u32;
    let until = prop::option::of(0..2_000u32);
    (height, 0..1_500u32, until, 1..20u32).prop_map(|(since, waited, until, confirm)| Urgency {
        since,
        tip: since + waited,
        until: until.map(|blocks| since + blocks),
        confirm,
    })
}

prop_compose! {
    /// Curves of usual rates up to 400 sat/vB, ceilings and stakes of any size, packages up to what version 3 allows.
    fn curve()(
        first in 25..100_000u64,
        ceiling in 0..10_000_000u64,
        at_stake in 0..1_000_000_000_000u64,
        package in 400..44_000u64,
    ) -> (FeeCurve, FeeRate, FeeRate, Amount, Weight) {
        let (first, ceiling) = (rate(first), rate(ceiling));
        let (at_stake, package) = (Amount::from_sat(at_stake), Weight::from_wu(package));
        let curve = FeeCurve::new(first, ceiling, (at_stake, package)).unwrap();
        (curve, first, ceiling, at_stake, package)
    }
}

proptest! {
    /// Between the usual rate and the bound, whatever the heights are.
    #[test]
    fn a_rate_is_bounded((curve, first, ceiling, at_stake, package) in curve(), now in urgency()) {
        let now = curve.rate(&now);
        prop_assert!(now >= first && now <= curve.most());
        prop_assert!(now <= ceiling.max(first) && now <= FeeRate::MOST);
        let usual = first.fee(package).unwrap();
        let fee = now.fee(package).unwrap();
        prop_assert!(fee <= (at_stake / BUDGET).max(usual), "{fee} of {at_stake}");
        prop_assert!(curve.budget() >= usual && curve.budget() <= (at_stake / BUDGET).max(usual));
    }

    /// It never falls from one block to the next, begins with the usual rate where b blocks are left, and has reached the bound at
    /// the last moment.
    #[test]
    fn a_rate_rises((curve, first, ..) in curve(), now in urgency()) {
        let next = Urgency { tip: now.tip + 1, ..now };
        prop_assert!(curve.rate(&next) >= curve.rate(&now));
        let begun = Urgency { tip: now.since, ..now };
        let has_time = now.until.is_none_or(|until| until >= now.since + now.confirm);
        if has_time {
            prop_assert_eq!(curve.rate(&begun), first);
        }
        if let Some(until) = now.until.filter(|until| *until > now.since + 1) {
            let last = Urgency { tip: until - 1, ..now };
            prop_assert!(last.is_last());
            prop_assert_eq!(curve.rate(&last), curve.most());
        }
    }

    /// A nearer deadline is never paid less for.
    #[test]
    fn a_nearer_deadline_costs_more((curve, ..) in curve(), now in urgency()) {
        if let Some(until) = now.until.filter(|until| *until > 0) {
            let nearer = Urgency { until: Some(until - 1), ..now };
            prop_assert!(curve.rate(&nearer) >= curve.rate(&now));
        }
    }

    /// Who does not know how long it has waited begins anew and is at the bound in time too.
    #[test]
    fn forgetting_costs_time_alone((curve, ..) in curve(), now in urgency()) {
        let forgot = Urgency { since: now.tip, ..now };
        prop_assert!(curve.rate(&forgot) <= curve.rate(&now));
        if let Some(until) = now.until.filter(|until| *until > now.tip + 1) {
            let last = Urgency { tip: until - 1, ..forgot };
            prop_assert_eq!(curve.rate(&last), curve.most());
        }
    }

    /// BIP125 rules 3 and 4, and a better rate than each of what goes.
    #[test]
    fn a_replacement_pays_for_what_it_evicts(
        evicted in prop::collection::vec((0..100_000_000u64, 400..44_000u64), 1..4),
        (relayed, parent) in (400..4_000u64, 0..40_000u64),
    ) {
        let evicted = evicted.into_iter().map(|(fee, weight)| Evicted {
            fee: Amount::from_sat(fee),
            weight: Weight::from_wu(weight),
        });
        let evicted: Vec<_> = evicted.collect();
        let (relayed, package) = (Weight::from_wu(relayed), Weight::from_wu(relayed + parent));
        let least = Evicted::least_fee(&evicted, relayed, package).unwrap();
        let paid: Amount = evicted.iter().map(|one| one.fee).sum();
        let relay = Amount::from_sat(relayed.to_vbytes_ceil());
        prop_assert!(least >= paid + relay);
        for one in &evicted {
            let (new, old) = (least.to_sat() as u128, one.fee.to_sat() as u128);
            let weights = (package.to_wu() as u128, one.weight.to_wu() as u128);
            prop_assert!(new * weights.1 > old * weights.0);
        }
        // And not a satoshi more than one of the rules asks for.
        let less = least - Amount::from_sat(1);
        let is_enough = less >= paid + relay && evicted.iter().all(|one| {
            less.to_sat() as u128 * one.weight.to_wu() as u128
                > one.fee.to_sat() as u128 * package.to_wu() as u128
        });
        prop_assert!(!is_enough);
    }

    /// What is chosen suffices, is the cheapest that does, and what is missing is what makes it suffice.
    #[test]
    fn a_reserve_is_chosen_or_said_to_be_missing(
        values in prop::collection::vec(0..100_000u64, 0..8),
        coins in 0..5u32,
        each in 1..100_000u64,
    ) {
        let each = Amount::from_sat(each);
        let reserve = Reserve { coins, each };
        let held: Vec<_> = values.iter().map(|v| Amount::from_sat(*v)).enumerate().collect();
        match reserve.choose(&held) {
            Ok(chosen) => {
                prop_assert_eq!(chosen.len(), coins as usize);
                let most = chosen.iter().map(|i| held[*i].1).max().unwrap_or(each);
                for (i, value) in &held {
                    let is_chosen = chosen.contains(i);
                    prop_assert!(!is_chosen || *value >= each);
                    prop_assert!(is_chosen || *value < each || *value >= most);
                }
            }
            Err(missing) => {
                let fit = values.iter().filter(|v| **v >= each.to_sat()).count();
                prop_assert_eq!(missing.coins as usize + fit, coins as usize);
                prop_assert!(missing.amount > Amount::ZERO && missing.amount <= reserve.total());
                // Topped up by exactly that, largest first, they suffice.
                let mut sorted = values.clone();
                sorted.sort_unstable_by(|a, b| b.cmp(a));
                sorted.resize(sorted.len().max(coins as usize), 0);
                let mut left = missing.amount.to_sat();
                for value in sorted.iter_mut().take(coins as usize) {
                    let top = each.to_sat().saturating_sub(*value).min(left);
                    (*value, left) = (*value + top, left - top);
                }
                let topped: Vec<_> = sorted.iter().map(|v| ((), Amount::from_sat(*v))).collect();
                prop_assert!(left == 0 && reserve.choose(&topped).is_ok());
            }
        }
    }
}

#[test]
fn nothing_waits_and_nothing_is_owed() {
    let weight = Weight::from_wu(2_000);
    assert_eq!(Evicted::least_fee(&[], weight, weight), Some(Amount::ZERO));
    let all = Evicted {
        fee: Amount::MAX_MONEY,
        weight,
    };
    assert_eq!(Evicted::least_fee(&[all], weight, weight), None);
    assert_eq!(RELAY.fee(Weight::from_wu(400)), Some(Amount::from_sat(100)));
}

#[test]
fn a_mistake_is_refused() {
    let about = (Amount::from_sat(1_000_000), Weight::from_wu(1_000));
    for wrong in [0, 24, 2_500_001] {
        let refused = FeeCurve::new(rate(wrong), rate(5_000), about);
        let is_mistake = matches!(refused, Err(FeeError::Low { .. } | FeeError::High { .. }));
        assert!(is_mistake, "{refused:?}");
    }
}

/// The example's stakes: relaxed in the first half of its windows.
#[test]
fn it_is_relaxed_at_first() {
    let about = (Amount::from_sat(200_000), Weight::from_wu(2_000));
    let curve = FeeCurve::new(rate(500), rate(2_500_000), about).unwrap();
    let at = |tip| {
        let now = Urgency {
            since: 100,
            tip,
            until: Some(112),
            confirm: 1,
        };
        curve.rate(&now).to_sat_per_kwu()
    };
    assert_eq!(curve.most(), rate(50_000));
    assert_eq!(at(100), 500);
    assert_eq!([at(103), at(106), at(109)], [1_504, 8_533, 27_611]);
    assert_eq!([at(111), at(112), at(999)], [50_000; 3]);
}

/// No exit of any template is larger than a coin of the reserve pays for, and no party has more of them to publish, one after the
/// other, than there are coins.
#[test]
fn a_reserve_pays_for_every_exit() {
    let panels = [(3, 2), (5, 3)];
    let all = TEMPLATES
        .into_iter()
        .flat_map(|template| panels.map(|(n, k)| (template, n, k)));
    for (template, n, k) in all {
        let sample = Sample::example(template, n, k);
        let params = sample.terms.params();
        for role in sample.terms.roles() {
            let price = rate(1_000);
            let reserve = Reserve::of(params, role, price).unwrap();
            let (mut longest, mut largest) = (0, Amount::ZERO);
            for (id, _) in sample.graph.nodes().skip(1) {
                let fee = price.fee(sample.graph.weight(id).unwrap()).unwrap();
                assert!(
                    fee < reserve.each,
                    "{role} {:?}",
                    sample.graph.node(id).unwrap().name
                );
                largest = largest.max(fee);
                longest = longest.max(path(&sample.graph, role, id));
            }
            // The worker's root may need a transaction of its own.
            let all = longest + u32::from(role == Role::Worker);
            let together = reserve.total() - Amount::from_sat(330 * u64::from(reserve.coins));
            assert!(
                largest * u64::from(all) <= together,
                "{role}: {all} by {reserve:?}"
            );
            assert!(reserve.coins >= 2);
        }
    }
}

/// Transactions on the way to this one, itself included, that `role` may have to publish.
fn path(graph: &TxGraph, role: Role, id: NodeId) -> u32 {
    let node = graph.node(id).unwrap();
    let is_own = node
        .signing
        .is_some_and(|signing| signing.broadcasters.contains(role));
    let parents = node.inputs.iter().filter_map(|input| match input.source {
        Source::Output { node, .. } if node != TxGraph::FUNDING => Some(path(graph, role, node)),
        _ => None,
    });
    parents.max().unwrap_or(0) + u32::from(is_own)
}
