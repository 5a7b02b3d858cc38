//! Random parameter records for the property tests.

pub mod games;

use narthex_game_model::params::Audit;
use narthex_game_model::{Amount, PaperLocks, Params, ParamsRecord, Ratio, Template, Windows};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

/// 21 million bitcoin in satoshi, split over the deposits of the largest panel.
const LARGEST_DEPOSIT_SAT: u64 = 2_100_000_000_000_000 / 18;

/// `NARTHEX_SEED`, or another with every run: a test says it, so that a run can be had again.
pub fn seed() -> u64 {
    match std::env::var("NARTHEX_SEED") {
        Ok(seed) => seed.parse().expect("NARTHEX_SEED is a number below 2^64"),
        Err(_) => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(0, |now| now.as_nanos() as u64)
        }
    }
}

/// Draws from the strategies of a test, by [`seed`].
/// So many times is tried what is random, and as many times more as `NARTHEX_EFFORT` says: by default as much as a run of all
/// tests has time for.
pub fn times(usual: u32) -> u32 {
    let effort = std::env::var("NARTHEX_EFFORT").ok();
    effort.and_then(|times| times.parse().ok()).unwrap_or(1) * usual
}

pub fn runner() -> TestRunner {
    let seed = seed();
    println!("NARTHEX_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    TestRunner::new_with_rng(ProptestConfig::default(), rng)
}

pub fn ratio(num: u32, den: u32) -> Ratio {
    Ratio::new(num, den).unwrap()
}

/// A fraction in (0, 1], with denominators up to the largest there is.
fn share() -> impl Strategy<Value = Ratio> {
    prop_oneof![
        4 => 1u32..=100,
        1 => 1u32..=u32::MAX,
    ]
    .prop_flat_map(|den| (1..=den).prop_map(move |num| ratio(num, den)))
}

/// Amounts from tiny to the whole supply, each order of magnitude alike.
fn deposit() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => (9u32..47).prop_flat_map(|bits| (1u64 << bits)..(1u64 << (bits + 1))),
        1 => Just(LARGEST_DEPOSIT_SAT),
        1 => 1u64..2_000,
    ]
    .prop_map(|sat| sat.min(LARGEST_DEPOSIT_SAT))
}

/// Records of both templates that hold the relations between fields; their values may still make
/// dust, so not all are valid.
pub fn record() -> impl Strategy<Value = ParamsRecord> {
    let sums = (deposit(), deposit(), deposit(), deposit(), 0u64..100_000);
    let shares = (
        share(),
        share(),
        share(),
        share(),
        share(),
        share(),
        share(),
    );
    let panel = (3u8..=15, any::<proptest::sample::Index>(), any::<bool>());
    let others = (0u64..=100, 1u64..1 << 40, 1u32..499_000_000, 0u64..=1_000);
    (sums, shares, panel, others).prop_map(build)
}

type Sums = (u64, u64, u64, u64, u64);
type Shares = (Ratio, Ratio, Ratio, Ratio, Ratio, Ratio, Ratio);
type Panel = (u8, proptest::sample::Index, bool);
type Others = (u64, u64, u32, u64);

fn build((sums, shares, panel, others): (Sums, Shares, Panel, Others)) -> ParamsRecord {
    let (c, x, y, z, retainer) = sums;
    let (alpha, beta, gamma, delta, epsilon, rho, sigma) = shares;
    let (n, quorum, hardened) = panel;
    let (bounty_percent, steps, deliver_height, dust) = others;

    let mut stakes = [x, y, z];
    stakes.sort_unstable();
    let [w, v, a] = stakes;
    let quorums: Vec<u8> = (n / 2 + 1..=n).collect();
    let k = *quorum.get(&quorums);
    // γ below ε, and in the paper template γ + ε at most 1.
    let epsilon = if hardened {
        epsilon
    } else {
        epsilon.min(ratio(1, 2))
    };
    let gamma = if gamma < epsilon {
        gamma
    } else {
        ratio(epsilon.numerator(), epsilon.denominator().saturating_mul(2))
    };
    let base = ParamsRecord::example(n, k, deliver_height);
    let sat = Amount::from_sat;
    // A reward whose verifier's part the admission can pay.
    let phi_room = delta.floor_of(sat(w)).to_sat();
    let rest = rho.complement().unwrap();
    let c = if rest.floor_of(sat(c)).to_sat() > phi_room {
        phi_room.max(1)
    } else {
        c
    };
    let phi = rest.floor_of(sat(c)).to_sat();
    let bounty = (phi_room - phi.min(phi_room)) / 100 * bounty_percent;
    // A sample is at most 2^14 steps.
    let fewest = u32::try_from(steps >> 14).unwrap() + 1;
    let sigma = sigma.min(ratio(1, fewest.max(1_000)));
    let record = ParamsRecord {
        reward: sat(c),
        worker_stake: sat(w),
        verifier_stake: sat(v),
        arbiter_stake: sat(a),
        alpha,
        beta,
        gamma,
        delta,
        epsilon,
        mu: ratio(k.into(), n.into()),
        sigma,
        rho,
        bounty: sat(bounty),
        retainer: sat(retainer),
        steps,
        sample: u32::try_from(sigma.ceil_of_u64(steps)).unwrap(),
        dust_limit: sat(dust),
        windows: Windows {
            work_blocks: 1 + (deliver_height % 5_000) as u16,
            verdict_blocks: 6 + (steps % 60_000) as u16,
            ..base.windows
        },
        ..base
    };
    if hardened && deliver_height % 3 > 0 {
        return record;
    }
    if hardened {
        // A bond that the two stakes can pay, and a compensation that the worker's can beside φ.
        let bond = (steps % w).max(1);
        return ParamsRecord {
            template: Template::Audited,
            audit: Some(Audit {
                bond: sat(bond),
                compensation: sat(u64::from(deliver_height) % (w - phi + 1)),
                steps: record.sample,
                challenge_blocks: record.windows.verdict_blocks.saturating_add(3),
            }),
            ..record
        };
    }
    ParamsRecord {
        template: Template::Paper,
        bounty: Amount::ZERO,
        retainer: Amount::ZERO,
        delta: delta.min(ratio(1, 2)),
        paper_locks: Some(PaperLocks {
            t1: deliver_height,
            t2: deliver_height + 1,
            t3: deliver_height + 2,
            t4: deliver_height + 3,
        }),
        ..record
    }
}

/// Valid parameters of all templates.
pub fn params() -> impl Strategy<Value = Params> {
    record().prop_filter_map("breaks a bound", |record| Params::new(record).ok())
}
