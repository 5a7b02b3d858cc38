//! Plays of parameters that the user brings.
//!
//! Everything in a case is played as it stands, but for what belongs to a chain: the heights, which are moved to that of
//! the chain that is played on, and the script of the common fund, which is that of a wallet of the play.

use bitcoin::Amount;
use narthex_contracts::terms::{Role, deposit};
use narthex_game_model::{
    PaperLocks, Params, ParamsRecord,
    game::{Economics, HonestPlay, Unprofitable},
    workload::{Records, digits},
};

use super::{PlayError, PlayOptions};
use crate::game::Case;

/// Most steps: one process computes the job for worker, verifier and arbiters.
pub(super) const MAX_STEPS: u64 = 20_000;

/// A party's first coin without a case; deposits of the example's stakes fit in.
const USUAL_COIN: Amount = Amount::from_sat(800_000);

/// What a first coin holds beyond the deposit, for the funding's fee and its change.
const SPARE: Amount = Amount::from_sat(200_000);

/// What one party may need at most, so that the first blocks of a regtest chain can pay for all.
const MOST_PER_PARTY: Amount = Amount::from_int_btc(50);

impl PlayOptions {
    /// Plays this case: its template and its panel, too.
    ///
    /// # Errors
    /// [`PlayError::Params`] with every bound that its parameters break, [`PlayError::Case`] for what cannot be played.
    pub fn with_case(self, case: Case) -> Result<PlayOptions, PlayError> {
        let params = Params::new(case.params.clone())?;
        if params.steps() > MAX_STEPS {
            let steps = params.steps();
            return Err(PlayError::Case(format!(
                "its job has {steps} steps, and at most {MAX_STEPS} are played"
            )));
        }
        let needed = most_needed(&params);
        if needed > MOST_PER_PARTY {
            return Err(PlayError::Case(format!(
                "a party needs {needed}, and a play gives each at most {MOST_PER_PARTY}"
            )));
        }
        Ok(PlayOptions {
            template: params.template(),
            quorum: params.quorum(),
            arbiters: params.arbiters(),
            case: Some(case),
            ..self
        })
    }

    /// Each party's first coin.
    pub(super) fn first_coin(&self) -> Result<Amount, PlayError> {
        let Some(case) = &self.case else {
            return Ok(USUAL_COIN);
        };
        let params = Params::new(case.params.clone())?;
        Ok(most_needed(&params).max(USUAL_COIN))
    }

    /// Costs and values that the parties go by, for a job of so many steps.
    pub(super) fn economics(&self, steps: u64) -> Economics {
        match &self.case {
            Some(case) => case.economics.clone(),
            None => Economics {
                // A result with a hundredth of its steps wrong is what a cheat could sell.
                bad_steps: (steps / 100).max(1),
                ..Economics::example()
            },
        }
    }

    /// Whether honest play pays under these parameters, asked for research too where figures were brought.
    pub(super) fn is_honest_play_best(
        &self,
        params: &Params,
    ) -> Option<Result<HonestPlay, Unprofitable>> {
        let asked = self.case.is_some() || !self.research;
        asked.then(|| HonestPlay::prove(params, &self.economics(params.steps())))
    }
}

/// The largest deposit, and something for fees.
fn most_needed(params: &Params) -> Amount {
    let deposits = Role::all(params.arbiters()).map(|role| deposit(params, role));
    let most = deposits.max().unwrap_or(Amount::ZERO);
    // Both are below 21 million bitcoin.
    most.checked_add(SPARE).unwrap_or(Amount::MAX_MONEY)
}

/// The case's record with its heights moved so that delivery is due at `deliver_height`.
pub(super) fn at_height(case: &Case, deliver_height: u32) -> Result<ParamsRecord, PlayError> {
    let given = &case.params;
    let moved = |height: u32| {
        let moved = i64::from(height) - i64::from(given.deliver_height) + i64::from(deliver_height);
        u32::try_from(moved).map_err(|_| {
            PlayError::Case(format!(
                "its lock at height {height} is too far from its t_deliver {}",
                given.deliver_height
            ))
        })
    };
    let paper_locks = match &given.paper_locks {
        None => None,
        Some(locks) => Some(PaperLocks {
            t1: moved(locks.t1)?,
            t2: moved(locks.t2)?,
            t3: moved(locks.t3)?,
            t4: moved(locks.t4)?,
        }),
    };
    Ok(ParamsRecord {
        deliver_height,
        paper_locks,
        ..given.clone()
    })
}

/// Shipped images, over and over, as many as a case has steps.
pub(super) fn images(
    shipped: &digits::Labelled,
    steps: u64,
) -> Result<(Vec<u8>, Records), PlayError> {
    let job = |e: &dyn std::error::Error| PlayError::Job(e.to_string());
    let images = shipped.images().map_err(|e| job(&e))?;
    let count = usize::try_from(steps).unwrap_or(usize::MAX);
    let labels = shipped.labels().collect::<Vec<_>>();
    let labels = labels.into_iter().cycle().take(count).collect();
    let numbers = (0..steps).map(|step| step % images.len());
    let bytes = numbers.filter_map(|number| images.get(number)).flatten();
    let bytes = bytes.copied().collect();
    let records = Records::from_bytes(digits::PIXELS, bytes).map_err(|e| job(&e))?;
    Ok((labels, records))
}

/// Whether the input is as large as the case says.
pub(super) fn check_rows(options: &PlayOptions, rows: u64) -> Result<(), PlayError> {
    match &options.case {
        Some(case) if case.params.steps != rows => Err(PlayError::Case(format!(
            "its job has {} steps, and the input {rows} rows",
            case.params.steps
        ))),
        _ => Ok(()),
    }
}
