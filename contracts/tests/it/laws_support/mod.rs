//! Random contracts, and the settlement that a transaction of a template stands for.

use std::{ops::RangeInclusive, sync::Arc};

use bitcoin::Amount;
use narthex_contracts::{
    fixtures::Fixtures,
    graph::{Node, NodeId, Purpose, Source, TxGraph},
    template,
    template::Rulings,
    terms::Terms,
};
use narthex_game_model::{
    ArbiterSet, Outcome, PaperLocks, Params, ParamsRecord, Ratio, Template, Windows, params::Audit,
};
use proptest::prelude::*;

/// All templates.
pub const TEMPLATES: [Template; 3] = [Template::Hardened, Template::Audited, Template::Paper];

/// A contract made of random parameters.
pub struct Sample {
    pub fixtures: Fixtures,
    pub terms: Arc<Terms>,
    pub graph: TxGraph,
}

impl Sample {
    pub fn new(record: ParamsRecord, seed: [u8; 32]) -> Sample {
        let fixtures = Fixtures::new(Params::new(record).unwrap(), seed);
        let terms = Arc::new(fixtures.terms().unwrap());
        let graph = template::derive(&terms).unwrap();
        Sample {
            fixtures,
            terms,
            graph,
        }
    }

    pub fn example(template: Template, n: u8, k: u8) -> Sample {
        Sample::new(example(template, n, k), [1; 32])
    }

    pub fn params(&self) -> &Params {
        self.terms.params()
    }
}

/// Example parameters of a template.
pub fn example(template: Template, n: u8, k: u8) -> ParamsRecord {
    ParamsRecord::example_of(template, n, k, 800_000)
}

prop_compose! {
    /// Fractions with a denominator of 97: products with them do not come out even.
    fn ratio(range: RangeInclusive<u32>)(num in range) -> Ratio {
        Ratio::new(num, 97).unwrap()
    }
}

fn fund() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"\x6a\x07narthex".to_vec()),
        any::<[u8; 20]>().prop_map(|hash| [&[0, 20][..], &hash].concat()),
        Just([&[0x51, 32][..], &GENERATOR_X].concat()),
    ]
}

/// x coordinate of the generator: a Taproot program that is a point.
const GENERATOR_X: [u8; 32] = [
    0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac, 0x55, 0xa0, 0x62, 0x95, 0xce, 0x87, 0x0b, 0x07,
    0x02, 0x9b, 0xfc, 0xdb, 0x2d, 0xce, 0x28, 0xd9, 0x59, 0xf2, 0x81, 0x5b, 0x16, 0xf8, 0x17, 0x98,
];

prop_compose! {
    fn windows()(
        (work_blocks, verdict_blocks) in (1u16..2000, 6u16..2000),
        (appeal_blocks, complete_blocks) in (2u16..2000, 2u16..2000),
        per_missing_blocks in 1u16..500,
        extra in 0u16..15_000,
    ) -> Windows {
        // Leaves the slowest majority of six its window, and all within BIP68.
        let decide_blocks = 3 * per_missing_blocks + appeal_blocks + extra;
        Windows { work_blocks, verdict_blocks, appeal_blocks, complete_blocks, decide_blocks, per_missing_blocks }
    }
}

prop_compose! {
    /// Parameters of a template with a panel of 3 to `largest`, on both sides of every rounding.
    pub fn records(template: Template, largest: u8)(
        (n, majority) in (3..=largest).prop_flat_map(|n| (Just(n), n / 2 + 1..=n)),
        (reward, stake, over, above) in (20_000u64..3_000_000, 50_000u64..3_000_000, 0u64..100_000, 0u64..100_000),
        (alpha, beta, delta, epsilon) in (ratio(30..=97), ratio(5..=97), ratio(80..=97), ratio(20..=70)),
        (gamma, rho, sigma) in (ratio(2..=19), ratio(70..=95), ratio(1..=97)),
        (bounty, retainer, steps) in (0u64..5_000, 0u64..5_000, 1u64..100_000),
        (fund, windows) in (fund(), windows()),
        (deliver_height, gaps) in (3_000u32..900_000, (1u32..900, 1u32..900, 1u32..900)),
        (bond, compensation, challenge_blocks) in (5_000u64..300_000, 0u64..100_000, 1u16..1000),
    ) -> ParamsRecord {
        let sat = Amount::from_sat;
        let paper = template == Template::Paper;
        // The stake covers the verifier's reward whatever the fractions are.
        let stake = stake + reward;
        ParamsRecord {
            reward: sat(reward),
            worker_stake: sat(stake),
            verifier_stake: sat(stake + over),
            arbiters: n,
            arbiter_stake: sat(stake + over + above),
            fund,
            alpha, beta, gamma, delta, epsilon, rho, sigma,
            mu: Ratio::new(majority.into(), n.into()).unwrap(),
            bounty: sat(if paper { 0 } else { bounty }),
            retainer: sat(if paper { 0 } else { retainer }),
            steps,
            sample: u32::try_from(sigma.ceil_of_u64(steps)).unwrap(),
            deliver_height,
            windows,
            paper_locks: paper.then(|| PaperLocks {
                t1: deliver_height - gaps.0 - gaps.1,
                t2: deliver_height - gaps.1,
                t3: deliver_height,
                t4: deliver_height + gaps.2,
            }),
            audit: (template == Template::Audited).then(|| Audit {
                bond: sat(bond.min(stake)),
                compensation: sat(compensation.min(stake)),
                steps: u32::try_from(steps.min(50)).unwrap(),
                // Its third is longer than the verdict window's.
                challenge_blocks: windows.verdict_blocks + 2 + challenge_blocks,
            }),
            ..example(template, n, majority)
        }
    }
}

/// Random contracts; parameters that break a bound are drawn again.
pub fn samples(template: Template, largest: u8) -> impl Strategy<Value = (ParamsRecord, [u8; 32])> {
    let valid = records(template, largest).prop_filter("a bound is broken", |record| {
        Params::new(record.clone()).is_ok()
    });
    (valid, any::<[u8; 32]>())
}

/// Few cases, since each is a whole contract; nothing is written to disk: the failing input is printed.
pub fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// The settlement that a transaction is; `None` for steps.
pub fn outcome(node: &Node) -> Option<Outcome> {
    let majority = |verifier: bool| {
        let rulings = node.name.variant.expect("the variant names its majority");
        let rulings = Rulings::from(rulings);
        if verifier {
            rulings.verifier
        } else {
            rulings.worker
        }
    };
    Some(match node.name.base {
        "S1" | "S1''" | "Tx1" | "Tx2" => Outcome::WorkerTimedOut,
        "S1'" => Outcome::WorkerWithheld,
        "S2" | "Tx3" => Outcome::VerifierTimedOut,
        "S5'" | "S5any'" => Outcome::ChallengeUndecided {
            ruled: (node.name.variant).map_or(ArbiterSet::empty(), |variant| {
                Rulings::from(variant).ruled()
            }),
        },
        "S6'" => Outcome::ChallengeUpheld {
            majority: majority(false),
        },
        "S7'" => Outcome::ChallengeDismissed {
            majority: majority(true),
        },
        "S3" | "S3'" | "Tx4" => Outcome::Normal,
        "S4" | "S4'" | "Tx5" => Outcome::FaultyUnappealed,
        "S5" | "S5any" | "Tx6" => Outcome::ArbitrationFailed {
            ruled: (node.name.variant).map_or(ArbiterSet::empty(), |variant| {
                Rulings::from(variant).ruled()
            }),
        },
        "S6" | "Tx7" => Outcome::WorkerAtFault {
            majority: majority(false),
        },
        "S7" => Outcome::VerifierAtFault {
            majority: majority(true),
        },
        "Tx8" => Outcome::VerifierAtFault {
            majority: majority(true),
        },
        _ => return None,
    })
}

/// Whether the contract goes on behind this transaction.
pub fn goes_on(node: &Node) -> bool {
    node.outputs
        .iter()
        .any(|o| matches!(o.purpose, Purpose::Contract(_)))
}

/// The transactions that spend the contract output of `parent`.
pub fn children(graph: &TxGraph, parent: NodeId) -> impl Iterator<Item = (NodeId, &Node)> {
    graph.nodes().filter(move |(_, node)| {
        node.inputs.iter().any(|input| {
            input.source
                == Source::Output {
                    node: parent,
                    vout: 0,
                }
        })
    })
}
