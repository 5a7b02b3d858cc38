//! The settlement table against the laws it must obey and against an evaluation of its own.

use crate::common;

use common::ratio;
use narthex_game_model::{
    Amount, ArbiterSet, Outcome, Params, ParamsRecord, Party, Payout, Ratio, SettlementError,
    Template, settle,
};
use proptest::prelude::*;

fn sat(value: u64) -> Amount {
    Amount::from_sat(value)
}

fn sats(list: &[u64]) -> Vec<Amount> {
    list.iter().copied().map(Amount::from_sat).collect()
}

/// Any outcome of the template with arbitrary (for rulings: sufficient) arbiter sets.
fn outcome(params: &Params, pick: u16, mask: u16) -> Outcome {
    let panel = ArbiterSet::full(params.arbiters());
    let ruled = ArbiterSet::new(mask & panel.mask()).unwrap();
    let mut majority = ruled;
    for index in panel.iter() {
        if majority.len() < params.quorum() {
            majority.insert(index);
        }
    }
    let kinds = [
        Outcome::WorkerTimedOut,
        Outcome::VerifierTimedOut,
        Outcome::Normal,
        Outcome::FaultyUnappealed,
        Outcome::ArbitrationFailed { ruled },
        Outcome::WorkerAtFault { majority },
        Outcome::VerifierAtFault { majority },
        Outcome::WorkerWithheld,
        Outcome::ChallengeUndecided { ruled },
        Outcome::ChallengeUpheld { majority },
        Outcome::ChallengeDismissed { majority },
    ];
    let count = match params.template() {
        Template::Paper => 7,
        Template::Hardened => 8,
        Template::Audited => 11,
    };
    kinds[usize::from(pick) % count]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Sum out = sum in, nobody is paid dust, stakes appear exactly where they are spent.
    #[test]
    fn every_payout_conserves_and_has_no_dust(
        params in common::params(), pick in any::<u16>(), mask in any::<u16>(),
    ) {
        let outcome = outcome(&params, pick, mask);
        let payout = settle(&params, outcome).unwrap();
        let n = u64::from(params.arbiters());
        let stakes = if outcome.scheme() >= 5 { n } else { 0 };
        let locked = u128::from(params.contract_value().to_sat())
            + u128::from(stakes) * u128::from(params.stake_output_value().to_sat());
        let paid: u128 = payout.shares().map(|(_, share)| u128::from(share.to_sat())).sum();
        prop_assert_eq!(paid, locked);
        prop_assert_eq!(payout.arbiters.len() as u64, stakes);
        for (party, share) in payout.shares() {
            prop_assert!(
                share == Amount::ZERO || share >= params.dust_limit(),
                "{party} gets {share} in {outcome}"
            );
        }
    }

    /// Honesty is never paid less than the fault it is confused with.
    #[test]
    fn faults_cost_and_work_pays(params in common::params(), mask in any::<u16>()) {
        let payout = |pick| settle(&params, outcome(&params, pick, mask)).unwrap();
        let [late, silent, normal, admits, _, guilty, innocent] =
            std::array::from_fn(|i| payout(i as u16));
        prop_assert!(late.worker <= params.worker_stake());
        prop_assert!(silent.verifier <= params.verifier_stake());
        prop_assert!(normal.worker >= params.worker_stake());
        prop_assert!(normal.verifier >= params.verifier_stake());
        prop_assert!(guilty.worker <= admits.worker && admits.worker <= normal.worker);
        prop_assert!(innocent.worker >= normal.worker);
        prop_assert!(guilty.client >= params.reward());
        // Its bond stays the client's, with what flooring left over.
        let bond = params.challenge_bond().to_sat();
        let rounding = if bond == 0 { 0 } else { 16 };
        prop_assert!((bond..=bond + rounding).contains(&innocent.client.to_sat()));
        let majority = outcome(&params, 5, mask).named_arbiters().unwrap();
        for (index, share) in guilty.arbiters.iter().enumerate() {
            let own = params.stake_output_value();
            let right = if majority.contains(index) { *share >= own } else { *share <= own };
            prop_assert!(right, "arbiter {index} of {majority}: {share}");
        }
    }

    /// Each row equals the table as the specification writes it, in rational numbers, to within
    /// one satoshi per floor taken (here no merging: the dust limit is 0).
    #[test]
    fn rows_equal_the_written_table(
        record in small_denominators(), pick in any::<u16>(), mask in any::<u16>(),
    ) {
        let params = Params::new(ParamsRecord { dust_limit: Amount::ZERO, ..record }).unwrap();
        let outcome = outcome(&params, pick, mask);
        let payout = settle(&params, outcome).unwrap();
        let exact = table(&params, outcome);
        let n = i128::from(params.arbiters());
        for ((party, share), (_, exact)) in payout.shares().zip(exact.shares()) {
            let floors = match party {
                Party::Client | Party::Worker | Party::Fund => n + 2,
                Party::Verifier | Party::Arbiter(_) => 2,
            };
            let gap = exact.minus(Exact::whole(share)).abs();
            prop_assert!(gap.below(floors), "{party} in {outcome}: {share}, off by {gap:?}");
        }
    }

    /// With amounts that every denominator divides, nothing is rounded at all.
    #[test]
    fn divisible_rows_equal_the_written_table_exactly(
        n in 3u8..=15, unit in 1u64..1_000_000, tenths in 1u32..=9, deltas in 5u32..=10,
        pick in any::<u16>(), mask in any::<u16>(),
    ) {
        let lcm = 360_360 * unit; // divisible by 1 … 15
        let params = Params::new(ParamsRecord {
            reward: sat(10 * lcm),
            worker_stake: sat(40 * lcm),
            verifier_stake: sat(50 * lcm),
            arbiter_stake: sat(60 * lcm),
            bounty: sat(lcm),
            rho: ratio(tenths, 10),
            delta: ratio(deltas, 10),
            dust_limit: Amount::ZERO,
            ..ParamsRecord::example(n, n / 2 + 1, 500)
        }).unwrap();
        let outcome = outcome(&params, pick, mask);
        let payout = settle(&params, outcome).unwrap();
        for ((party, share), (_, exact)) in payout.shares().zip(table(&params, outcome).shares()) {
            prop_assert_eq!(exact, Exact::whole(share), "{} in {}", party, outcome);
        }
    }
}

/// Valid hardened and paper records whose exact sums fit 128-bit fractions.
fn small_denominators() -> impl Strategy<Value = ParamsRecord> {
    common::params()
        .prop_map(Params::into_record)
        .prop_filter("denominators above 100", |r| {
            [r.alpha, r.beta, r.gamma, r.delta, r.epsilon, r.rho]
                .iter()
                .all(|ratio| ratio.denominator() <= 200)
        })
}

/// A rational number of satoshi.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Exact(i128, i128);

impl Exact {
    fn new(num: i128, den: i128) -> Self {
        let (mut a, mut b) = (num.abs(), den);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let divisor = a.max(1);
        Self(num / divisor, den / divisor)
    }
    fn whole(amount: Amount) -> Self {
        Self(amount.to_sat().into(), 1)
    }
    fn plus(self, other: Self) -> Self {
        Self::new(self.0 * other.1 + other.0 * self.1, self.1 * other.1)
    }
    fn minus(self, other: Self) -> Self {
        self.plus(Self(-other.0, other.1))
    }
    fn times(self, ratio: Ratio) -> Self {
        Self::new(
            self.0 * i128::from(ratio.numerator()),
            self.1 * i128::from(ratio.denominator()),
        )
    }
    fn over(self, count: u8) -> Self {
        Self::new(self.0, self.1 * i128::from(count))
    }
    fn abs(self) -> Self {
        Self(self.0.abs(), self.1)
    }
    fn below(self, limit: i128) -> bool {
        self.0 < limit * self.1
    }
    fn min(self, other: Self) -> Self {
        if self.minus(other).0 < 0 { self } else { other }
    }
}

struct ExactPayout {
    client: Exact,
    worker: Exact,
    verifier: Exact,
    arbiters: Vec<Exact>,
    fund: Exact,
}

impl ExactPayout {
    fn shares(&self) -> Vec<(Party, Exact)> {
        let arbiters = self.arbiters.iter().enumerate();
        [
            (Party::Client, self.client),
            (Party::Worker, self.worker),
            (Party::Verifier, self.verifier),
        ]
        .into_iter()
        .chain(arbiters.map(|(index, share)| (Party::Arbiter(index), *share)))
        .chain([(Party::Fund, self.fund)])
        .collect()
    }
}

/// The two tables as the documents write them: changes of C, W, V, A⁺, A⁻, and the fund as what
/// makes the row sum to zero.
fn table(p: &Params, outcome: Outcome) -> ExactPayout {
    let zero = Exact(0, 1);
    let (x, kappa) = p.audit().map_or((zero, zero), |audit| {
        (Exact::whole(audit.bond), Exact::whole(audit.compensation))
    });
    let (c, w, v, a) = (
        Exact::whole(p.reward()),
        Exact::whole(p.worker_stake()),
        Exact::whole(p.verifier_stake()),
        Exact::whole(p.arbiter_stake()),
    );
    let (b, r) = (Exact::whole(p.bounty()), Exact::whole(p.retainer()));
    let rho_c = c.times(p.rho());
    let phi = c.minus(rho_c);
    let neg = |x: Exact| zero.minus(x);
    let paper = p.template() == Template::Paper;
    let alpha_w = w.times(p.alpha());
    let j = outcome.named_arbiters().map_or(0, ArbiterSet::len);
    let pot = if paper { w } else { w.minus(phi).minus(b) };
    // Changes of C, W, V, of arbiters in the set and of the others.
    let (dc, dw, dv, inside, outside) = match outcome {
        Outcome::WorkerTimedOut => (zero, neg(alpha_w), zero, zero, zero),
        Outcome::WorkerWithheld => (zero, neg(alpha_w), phi.min(alpha_w), zero, zero),
        Outcome::VerifierTimedOut => {
            let beta_v = v.times(p.beta());
            (beta_v.minus(rho_c), rho_c, neg(beta_v), zero, zero)
        }
        Outcome::Normal => (neg(c), rho_c, phi, zero, zero),
        Outcome::FaultyUnappealed if paper => {
            (zero, neg(phi.plus(w.times(p.delta()))), phi, zero, zero)
        }
        Outcome::FaultyUnappealed => (zero, neg(w.times(p.delta())), phi.plus(b), zero, zero),
        Outcome::ArbitrationFailed { .. } => {
            let (gamma_w, epsilon_w) = (w.times(p.gamma()), w.times(p.epsilon()));
            let epsilon_v = v.times(p.epsilon());
            if paper {
                (
                    gamma_w,
                    neg(gamma_w.plus(epsilon_w)),
                    neg(epsilon_v),
                    neg(a),
                    neg(a),
                )
            } else {
                let silent = neg(a.times(p.epsilon()));
                let ruled = if p.arbiters() <= 7 { zero } else { silent };
                (gamma_w, neg(epsilon_w), neg(epsilon_v), ruled, silent)
            }
        }
        Outcome::WorkerAtFault { .. } => {
            let dv = if paper { zero } else { phi.plus(b) };
            (zero, neg(w), dv, pot.over(j), neg(a))
        }
        Outcome::VerifierAtFault { .. } => (neg(c), c, neg(v), pot.over(j), neg(a)),
        Outcome::ChallengeUpheld { .. } => (kappa, neg(w), neg(v), x.over(j), neg(a)),
        Outcome::ChallengeDismissed { .. } => (neg(c.plus(x)), rho_c, phi, x.over(j), neg(a)),
        Outcome::ChallengeUndecided { .. } => {
            let part = |stake: Exact| neg(stake.times(p.epsilon()));
            let ruled = if p.arbiters() <= 7 { zero } else { part(a) };
            (part(x), part(w), part(v), ruled, part(a))
        }
    };
    let count = if outcome.scheme() >= 5 {
        usize::from(p.arbiters())
    } else {
        0
    };
    let set = outcome.named_arbiters().unwrap_or_default();
    let changes: Vec<Exact> = (0..count)
        .map(|i| if set.contains(i) { inside } else { outside })
        .collect();
    let sum = changes
        .iter()
        .fold(dc.plus(dw).plus(dv), |sum, change| sum.plus(*change));
    ExactPayout {
        client: c.plus(x).plus(dc),
        worker: w.plus(dw),
        verifier: v.plus(dv),
        arbiters: changes
            .into_iter()
            .map(|change| a.plus(r).plus(change))
            .collect(),
        fund: neg(sum),
    }
}

fn expect_row(params: &Params, outcome: Outcome, cwvf: [u64; 4], arbiters: &[u64]) {
    let expected = Payout {
        client: sat(cwvf[0]),
        worker: sat(cwvf[1]),
        verifier: sat(cwvf[2]),
        arbiters: sats(arbiters),
        fund: sat(cwvf[3]),
    };
    assert_eq!(settle(params, outcome).unwrap(), expected, "{outcome}");
}

/// The rows of a challenge, worked out by hand: x = 60,000, κ = 100,000.
#[test]
fn the_audited_example_by_hand() {
    let params = Params::new(ParamsRecord::audited_example(3, 2, 500)).unwrap();
    let row = |outcome, cwvf, arbiters: &[u64]| expect_row(&params, outcome, cwvf, arbiters);
    let set = |mask| ArbiterSet::new(mask).unwrap();
    row(Outcome::Normal, [60_000, 280_000, 240_000, 0], &[]);
    let (all, two) = (set(0b111), set(0b011));
    row(
        Outcome::ChallengeUpheld { majority: all },
        [260_000, 0, 0, 260_000],
        &[270_000; 3],
    );
    row(
        Outcome::ChallengeUpheld { majority: two },
        [260_000, 0, 0, 510_000],
        &[280_000, 280_000, 0],
    );
    row(
        Outcome::ChallengeDismissed { majority: all },
        [0, 280_000, 240_000, 0],
        &[270_000; 3],
    );
    row(
        Outcome::ChallengeUndecided { ruled: set(0) },
        [130_000, 100_000, 110_000, 615_000],
        &[125_000; 3],
    );
    let ruled = set(0b100);
    row(
        Outcome::ChallengeUndecided { ruled },
        [130_000, 100_000, 110_000, 490_000],
        &[125_000, 125_000, 250_000],
    );
    // Elsewhere nobody can challenge.
    let hardened = Params::new(ParamsRecord::example(3, 2, 500)).unwrap();
    let template = Template::Hardened;
    let outcome = Outcome::ChallengeUpheld { majority: all };
    let refused = SettlementError::NotInLayout { template, outcome };
    assert_eq!(settle(&hardened, outcome), Err(refused));
}

/// The example's rows, worked out by hand.
#[test]
fn the_example_by_hand() {
    let params = Params::new(ParamsRecord::example(3, 2, 500)).unwrap();
    let row = |outcome, cwvf, arbiters: &[u64]| expect_row(&params, outcome, cwvf, arbiters);
    let set = |mask| ArbiterSet::new(mask).unwrap();
    row(
        Outcome::WorkerTimedOut,
        [100_000, 20_000, 220_000, 180_000],
        &[],
    );
    row(
        Outcome::WorkerWithheld,
        [100_000, 20_000, 240_000, 160_000],
        &[],
    );
    row(
        Outcome::VerifierTimedOut,
        [75_000, 280_000, 165_000, 0],
        &[],
    );
    row(Outcome::Normal, [0, 280_000, 240_000, 0], &[]);
    row(
        Outcome::FaultyUnappealed,
        [100_000, 50_000, 270_000, 100_000],
        &[],
    );
    // εw = 100,000 of which γw = 20,000 to the client; εv = 110,000; two silent at 125,000.
    row(
        Outcome::ArbitrationFailed { ruled: set(0b100) },
        [120_000, 100_000, 110_000, 80_000 + 110_000 + 250_000],
        &[125_000, 125_000, 250_000],
    );
    // pot = 200,000 − 20,000 − 30,000 = 150,000.
    row(
        Outcome::WorkerAtFault {
            majority: set(0b111),
        },
        [100_000, 0, 270_000, 0],
        &[300_000; 3],
    );
    row(
        Outcome::VerifierAtFault {
            majority: set(0b110),
        },
        [0, 300_000, 0, 70_000 + 250_000],
        &[0, 325_000, 325_000],
    );
}

/// The paper's rows, worked out by hand.
#[test]
fn the_paper_example_by_hand() {
    let params = Params::new(ParamsRecord::paper_example(3, 2, 500)).unwrap();
    let majority = ArbiterSet::new(0b011).unwrap();
    let payout = |outcome| settle(&params, outcome).unwrap();

    let admits = payout(Outcome::FaultyUnappealed);
    assert_eq!(admits.worker, sat(200_000 - 20_000 - 150_000));
    assert_eq!((admits.verifier, admits.fund), (sat(240_000), sat(150_000)));
    let failed = payout(Outcome::ArbitrationFailed { ruled: majority });
    assert_eq!(
        failed.worker,
        sat(200_000 - 20_000 - 100_000),
        "γw on top of εw"
    );
    assert_eq!(failed.arbiters, sats(&[0, 0, 0]));
    assert_eq!(failed.fund, sat(100_000 + 110_000 + 750_000));
    let guilty = payout(Outcome::WorkerAtFault { majority });
    assert_eq!(
        guilty.verifier,
        sat(220_000),
        "a correct verifier earns nothing"
    );
    assert_eq!(guilty.arbiters, sats(&[350_000, 350_000, 0]));
    let innocent = payout(Outcome::VerifierAtFault { majority });
    assert_eq!(innocent.fund, sat(20_000 + 250_000));
    assert_eq!(
        settle(&params, Outcome::WorkerWithheld),
        Err(SettlementError::NotInLayout {
            template: Template::Paper,
            outcome: Outcome::WorkerWithheld
        })
    );
}

#[test]
fn retainers_are_paid_whatever_happens() {
    let retainer = sat(4_000);
    let params = Params::new(ParamsRecord {
        retainer,
        ..ParamsRecord::example(3, 2, 500)
    })
    .unwrap();
    let majority = ArbiterSet::new(0b011).unwrap();
    let failed = Outcome::ArbitrationFailed {
        ruled: ArbiterSet::empty(),
    };
    assert_eq!(
        settle(&params, failed).unwrap().arbiters,
        sats(&[129_000; 3])
    );
    let innocent = settle(&params, Outcome::VerifierAtFault { majority }).unwrap();
    assert_eq!(innocent.arbiters, sats(&[329_000, 329_000, 4_000]));
}

#[test]
fn rounding_goes_to_the_client_or_else_to_the_worker() {
    // c = 100,001: ⌊4c/5⌋ + ⌊c/5⌋ = c − 1; pot = 200,000 − 20,000 − 30,001 = 149,999 = 3·49,999 + 2.
    let params = Params::new(ParamsRecord {
        reward: sat(100_001),
        bounty: sat(30_001),
        ..ParamsRecord::example(3, 2, 500)
    })
    .unwrap();
    let majority = ArbiterSet::full(3);
    let normal = settle(&params, Outcome::Normal).unwrap();
    assert_eq!(
        (normal.client, normal.worker),
        (sat(0), sat(200_000 + 80_000 + 1))
    );
    let guilty = settle(&params, Outcome::WorkerAtFault { majority }).unwrap();
    assert_eq!((guilty.client, guilty.worker), (sat(100_001 + 2), sat(0)));
    let innocent = settle(&params, Outcome::VerifierAtFault { majority }).unwrap();
    assert_eq!(
        (innocent.client, innocent.worker),
        (sat(0), sat(300_001 + 2))
    );
}

#[test]
fn a_fund_share_of_dust_is_merged() {
    // δw − φ − b = 329 sat, one below the limit, and 330, at the limit.
    for rest in [329, 330] {
        let delta = ratio(50_000 + rest, 200_000);
        let record = ParamsRecord::example(3, 2, 500);
        let params = Params::new(ParamsRecord { delta, ..record }).unwrap();
        let admits = settle(&params, Outcome::FaultyUnappealed).unwrap();
        let (client, fund) = if rest < 330 {
            (100_329, 0)
        } else {
            (100_000, 330)
        };
        assert_eq!((admits.client, admits.fund), (sat(client), sat(fund)));
        assert_eq!(admits.worker, sat(150_000 - u64::from(rest)));
    }
}

#[test]
fn a_withheld_secret_pays_the_verifier_as_far_as_the_penalty_goes() {
    // αw = 200,000/20 = 10,000, half of φ = 20,000.
    let alpha = ratio(1, 20);
    let params = Params::new(ParamsRecord {
        alpha,
        ..ParamsRecord::example(3, 2, 500)
    })
    .unwrap();
    let payout = settle(&params, Outcome::WorkerWithheld).unwrap();
    assert_eq!(
        (payout.worker, payout.verifier),
        (sat(190_000), sat(230_000))
    );
    assert_eq!(payout.fund, Amount::ZERO);
}

#[test]
fn bad_sets_are_named() {
    let params = Params::new(ParamsRecord::example(3, 2, 500)).unwrap();
    let one = ArbiterSet::new(0b001).unwrap();
    let stranger = ArbiterSet::new(0b1001).unwrap();
    let set_error = |majority| settle(&params, Outcome::WorkerAtFault { majority }).unwrap_err();
    assert_eq!(
        set_error(one),
        SettlementError::NoMajority {
            set: one,
            quorum: 2
        }
    );
    assert_eq!(
        set_error(stranger),
        SettlementError::OutsidePanel {
            set: stranger,
            panel: 3
        }
    );
    assert_eq!(
        set_error(one).to_string(),
        "{0} is no majority: 1 arbiters, 2 needed"
    );
    let failed = Outcome::ArbitrationFailed { ruled: stranger };
    assert!(matches!(
        settle(&params, failed),
        Err(SettlementError::OutsidePanel { .. })
    ));
}

#[test]
fn large_panels_slash_silence_and_rulings_alike() {
    for (n, spared) in [(7, true), (8, false)] {
        let params = Params::new(ParamsRecord::example(n, n / 2 + 1, 500)).unwrap();
        let ruled = ArbiterSet::new(0b1).unwrap();
        let payout = settle(&params, Outcome::ArbitrationFailed { ruled }).unwrap();
        assert_eq!(payout.arbiters[0] == sat(250_000), spared);
        assert_eq!(payout.arbiters[1], sat(125_000));
    }
}
