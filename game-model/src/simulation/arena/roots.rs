//! What another root is worth to a worker that was found out.

use secp256k1::{Keypair, Secp256k1};

use super::delivery::Delivery;
use super::verdict::Checked;
use super::{Arena, SimulationError};
use crate::arbiters::Accusation;
use crate::arbiters::Ruling;
use crate::computation::StepProgram;
use crate::params::settlement::Outcome;
use crate::play::Appeal;
use crate::ruling::{
    Brought, Case, CaseTerms, ChainFacts, Item, Litigant, Rerun, RootOfRecord, Row, rule,
};
use crate::sample;
use crate::schedule::Schedule;
use crate::simulation::{Dice, arbitrate};
use crate::token::SealCost;

impl<P: StepProgram> Arena<'_, P> {
    /// The verifier has the first root signed, and is shown another: it rejects. What the panel would find is asked of the
    /// table of rulings.
    pub(super) fn another_root_shown(
        &self,
        (first, other): (&Delivery, &Delivery),
        dice: &Dice,
    ) -> Result<Checked, SimulationError> {
        let (row, ruling) = self.ruling_on_roots(first, other, dice)?;
        let by_record = row == Row::Record && ruling == Ruling::WorkerAtFault;
        let checked = match self.setup.appeal {
            Appeal::Always => {
                let quorum = self.setup.params.quorum();
                let arbitration = arbitrate(&self.setup.arbiters, quorum, ruling, dice);
                Checked {
                    equivocations: arbitration.equivocated.len(),
                    arbiters_that_checked: arbitration.checked.len(),
                    ..Checked::ended(arbitration.outcome)
                }
            }
            Appeal::Idle => Checked::ended(Outcome::WorkerTimedOut),
            // It knows that it is not right.
            Appeal::Never | Appeal::WhenRight => Checked::ended(Outcome::FaultyUnappealed),
        };
        Ok(Checked {
            sampled: true,
            detected: true,
            by_record,
            ..checked
        })
    }

    /// The case in which the other root is on record, and the verifier brings the first one as the worker signed it.
    fn ruling_on_roots(
        &self,
        first: &Delivery,
        other: &Delivery,
        dice: &Dice,
    ) -> Result<(Row, Ruling), SimulationError> {
        const DELIVERED: u32 = 1_000;
        let secp = Secp256k1::signing_only();
        let key = |number: u64| {
            let bytes = dice.bytes("word key", number);
            Keypair::from_seckey_slice(&secp, &bytes)
                .map_err(|_| SimulationError::Broken("a hash that is no key"))
        };
        let point = first.secret.point();
        let point = point.ok_or(SimulationError::Broken("a result secret without a point"))?;
        let params = &self.setup.params;
        let public = |number| key(number).map(|key| key.x_only_public_key().0);
        let contract = dice.bytes("contract", 0);
        let arbiters = (0..params.arbiters()).map(|arbiter| public(3 + u64::from(arbiter)));
        let terms = CaseTerms {
            contract,
            params: params.clone(),
            job: *self.job.spec(),
            result: point,
            // No row that is asked here looks at the token.
            token: point,
            sample_nonce: sample::nonce_commitment(&dice.bytes("nonce", 0)),
            client: public(0)?,
            worker: public(1)?,
            verifier: public(2)?,
            arbiters: arbiters.collect::<Result<_, _>>()?,
        };
        let schedule = Schedule::of(params, DELIVERED);
        let chain = ChainFacts {
            accusation: Accusation::Appeal,
            funded: DELIVERED,
            delivered: DELIVERED,
            record: Some(RootOfRecord {
                height: DELIVERED,
                root: other.commitment.id(),
            }),
            verdict: schedule.verdict,
            accused: schedule.verdict.saturating_add(1),
            blocks: Default::default(),
        };
        let signed = Item::Commitment(Box::new(first.commitment)).signed(&contract, &key(1)?);
        let brought = Brought {
            items: vec![signed],
            commitment: Some(other.commitment),
            ..Brought::by(Litigant::Verifier)
        };
        let case = Case { terms, chain };
        let found = rule(&case, &[brought], Rerun::None, SealCost::TRIFLING);
        let found =
            found.map_err(|_| SimulationError::Broken("a case of two roots without a ruling"))?;
        Ok((found.row, found.ruling))
    }
}
