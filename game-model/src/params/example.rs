//! Records with sane figures for demonstrations and tests.

use bitcoin_units::Amount;

use super::{Audit, JobBounds, P2TR_DUST_SAT, PaperLocks, ParamsRecord, Template, Windows};
use crate::ratio::{Ratio, RatioError};

/// `OP_RETURN "narthex"`: a fund that burns what it takes.
const BURN_SCRIPT: &[u8] = b"\x6a\x07narthex";

impl ParamsRecord {
    /// A hardened contract over 100,000 sat with a panel of `k` of `n`.
    ///
    /// With costs z ≤ 5,000, y ≤ 500, g ≤ 1,000 sat, an outside gain B ≤ 20,000 sat of an accepted
    /// wrong result, a sample that hits a cheat with p ≥ 7/10, and arbiters that err in at most one
    /// case of a hundred, honest play satisfies the sufficient inequalities of the game. α is above δ, so that a worker
    /// that was found out admits it rather than wait until its time is out. The windows
    /// are short, for chains that are mined on demand; μ is `k/n` (nothing is checked here, and
    /// `n = 0` gives μ = 0).
    pub fn example(n: u8, k: u8, deliver_height: u32) -> Self {
        let sat = Amount::from_sat;
        let ratio = |num, den| Ratio::new(num, den).unwrap_or(Ratio::ZERO);
        let missing = u16::from(n.saturating_sub(k));
        Self {
            template: Template::Hardened,
            reward: sat(100_000),
            worker_stake: sat(200_000),
            verifier_stake: sat(220_000),
            arbiters: n,
            arbiter_stake: sat(250_000),
            fund: BURN_SCRIPT.to_vec(),
            alpha: ratio(9, 10),
            beta: ratio(1, 4),
            gamma: ratio(1, 10),
            delta: ratio(3, 4),
            epsilon: ratio(1, 2),
            mu: ratio(k.into(), n.into()),
            sigma: ratio(1, 10),
            rho: ratio(4, 5),
            bounty: sat(30_000),
            retainer: Amount::ZERO,
            steps: 1_000,
            sample: 100,
            deliver_height,
            windows: Windows {
                work_blocks: 12,
                verdict_blocks: 6,
                appeal_blocks: 6,
                complete_blocks: 6,
                // Leaves the smallest majority of any panel more than the appeal window; 12 for 2-of-3.
                decide_blocks: 10 + 2 * missing,
                per_missing_blocks: 2,
            },
            job_bounds: JobBounds::default(),
            paper_locks: None,
            audit: None,
            dust_limit: sat(P2TR_DUST_SAT),
        }
    }

    /// The same figures in the paper's template, which has neither bounty nor retainer; the locks
    /// follow each other at 12 blocks, the worker's time-out t3 at `deliver_height`. α is 1/2: there a worker that was
    /// rejected cannot wait for its time-out, since t2 is before t3.
    pub fn paper_example(n: u8, k: u8, deliver_height: u32) -> Self {
        let t3 = deliver_height;
        Self {
            template: Template::Paper,
            bounty: Amount::ZERO,
            alpha: Ratio::HALF,
            paper_locks: Some(PaperLocks {
                t1: t3.saturating_sub(24),
                t2: t3.saturating_sub(12),
                t3,
                t4: t3.saturating_add(12),
            }),
            ..Self::example(n, k, deliver_height)
        }
    }

    /// The same figures in the audited template: a bond of 60,000 sat, which is what three arbiters share for a challenge,
    /// a compensation of 100,000 sat, 100 steps and 12 blocks
    /// for the client to look at the work.
    pub fn audited_example(n: u8, k: u8, deliver_height: u32) -> Self {
        Self {
            template: Template::Audited,
            audit: Some(Audit {
                bond: Amount::from_sat(60_000),
                compensation: Amount::from_sat(100_000),
                steps: 100,
                challenge_blocks: 12,
            }),
            ..Self::example(n, k, deliver_height)
        }
    }

    /// The example of a template: [`Self::example`], [`Self::paper_example`] or [`Self::audited_example`].
    pub fn example_of(template: Template, n: u8, k: u8, deliver_height: u32) -> Self {
        match template {
            Template::Hardened => Self::example(n, k, deliver_height),
            Template::Paper => Self::paper_example(n, k, deliver_height),
            Template::Audited => Self::audited_example(n, k, deliver_height),
        }
    }

    /// The same record for a job of `steps` steps of which `sample` are sampled: σ is set to
    /// `sample / steps`, and a client that can challenge looks at no more than all.
    ///
    /// # Errors
    /// [`RatioError`] if `steps` is 0 or the fraction's lowest terms do not fit 32 bits.
    pub fn for_job(self, steps: u64, sample: u32) -> Result<Self, RatioError> {
        let most = u32::try_from(steps).unwrap_or(u32::MAX);
        let audit = self.audit.map(|audit| Audit {
            steps: audit.steps.min(most),
            ..audit
        });
        Ok(Self {
            sigma: Ratio::from_u64(sample.into(), steps)?,
            steps,
            sample,
            audit,
            ..self
        })
    }
}
