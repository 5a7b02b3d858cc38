//! How each transaction of a bank is put into a graph.

use bitcoin::{Amount, Sequence};

use super::{
    Bank, BankError, BankFunding, BankTerms, FORCE_CLOSE, PAYER, PROVIDER,
    vault::{REFUND_LEAF, TIMEOUT_REFUND_LEAF, claim_leaf},
};
use crate::{
    builder::{BuilderError, Draft as Plain, PresignedTransaction, UNLOCKED, Vault, by},
    graph::{NodeId, NodeInput, NodeName, NodeOutput, Source, Spend, SpendPlan, TxGraph},
    party::PartyName,
};

/// A graph under construction.
pub(super) struct Draft<'a> {
    terms: &'a BankTerms,
    plain: Plain,
}

impl<'a> Draft<'a> {
    pub(super) fn new(terms: &'a BankTerms) -> Draft<'a> {
        Draft {
            terms,
            plain: Plain::new([PAYER, PROVIDER]),
        }
    }

    pub(super) fn finish(self) -> TxGraph {
        self.plain.graph.finish()
    }

    /// Funding, force close, refund and take the timeout refund.
    pub(super) fn whole(
        terms: &'a BankTerms,
        [bank, force_closed]: [&Vault; 2],
        prior: Option<(&Bank, u32)>,
    ) -> Result<Draft<'a>, BankError> {
        let record = terms.record();
        let mut draft = Draft::new(terms);
        let (banked, stopped) = (draft.plain.vault(bank), draft.plain.vault(force_closed));
        draft.funding(banked.output(record.capacity_sat), prior)?;
        let coin = |node| Source::Output { node, vout: 0 };
        let force_close = PresignedTransaction {
            outputs: vec![stopped.output(record.capacity_sat)],
            ..step(
                ("ForceClose", "stopped, to be claimed"),
                (coin(TxGraph::FUNDING), banked.key_path()?),
                &[PAYER, PROVIDER],
            )
        };
        draft.plain.step(force_close).map_err(BuilderError::from)?;
        let back = draft.payout(PAYER, record.capacity_sat);
        let refund = PresignedTransaction {
            lock_height: record.refund_height,
            outputs: vec![back.clone()],
            ..step(
                ("Refund", "never force-closed, all back to the payer"),
                (coin(TxGraph::FUNDING), banked.leaf(REFUND_LEAF)?),
                &[PAYER],
            )
        };
        draft.plain.step(refund).map_err(BuilderError::from)?;
        let timeout_refund = PresignedTransaction {
            outputs: vec![back],
            inputs: vec![NodeInput {
                source: coin(FORCE_CLOSE),
                sequence: Sequence::from_height(record.claim_blocks),
                spend: stopped.leaf(TIMEOUT_REFUND_LEAF)?,
            }],
            ..step(
                (
                    "TimeoutRefund",
                    "force-closed, not claimed, all back to the payer",
                ),
                (coin(FORCE_CLOSE), stopped.leaf(TIMEOUT_REFUND_LEAF)?),
                &[PAYER],
            )
        };
        draft
            .plain
            .step(timeout_refund)
            .map_err(BuilderError::from)?;
        Ok(draft)
    }

    pub(super) fn claim(
        &mut self,
        force_closed: &Vault,
        coin: Source,
        (commitment, secrets): (u32, usize),
    ) -> Result<NodeId, BankError> {
        let terms = self.terms;
        if !terms.has_commitment(commitment) {
            let problem = "the bank has no such commitment";
            return Err(BankError::AdaptorCommitment {
                commitment,
                problem,
            });
        }
        let leaf = self.plain.vault(force_closed).leaf(claim_leaf(secrets))?;
        let claim = PresignedTransaction {
            outputs: self.split(terms.worth(commitment), Amount::ZERO)?,
            ..step(
                ("Claim", "the provider claims its best commitment"),
                (coin, leaf),
                &[PROVIDER],
            )
        };
        Ok(self.plain.step(claim).map_err(BuilderError::from)?)
    }

    pub(super) fn close(
        &mut self,
        vault: &Vault,
        coin: Source,
        paid: u32,
        fee: Amount,
    ) -> Result<NodeId, BankError> {
        let close = self.close_step(vault, coin, paid, fee)?;
        Ok(self.plain.own_fee(close).map_err(BuilderError::from)?)
    }

    /// What a close takes, before its fee is known.
    pub(super) fn close_plan(
        &mut self,
        vault: &Vault,
        coin: Source,
        paid: u32,
    ) -> Result<SpendPlan, BankError> {
        let close = self.close_step(vault, coin, paid, Amount::ZERO)?;
        Ok(self.plain.plan(close)?)
    }

    fn close_step(
        &mut self,
        vault: &Vault,
        coin: Source,
        paid: u32,
        fee: Amount,
    ) -> Result<PresignedTransaction, BankError> {
        let terms = self.terms;
        let refused = |problem| BankError::Ending { paid, fee, problem };
        if paid > terms.record().pennies || (paid > 0 && !terms.has_commitment(paid)) {
            return Err(refused("it pays the provider dust, or too much"));
        }
        let all = self.plain.vault(vault).key_path()?;
        Ok(PresignedTransaction {
            outputs: self
                .split(terms.worth(paid), fee)
                .map_err(|_| refused("it leaves the payer nothing"))?,
            ..step(
                ("Close", "payer and provider agree"),
                (coin, all),
                &[PAYER, PROVIDER],
            )
        })
    }

    fn payout(&mut self, party: PartyName, value: Amount) -> NodeOutput {
        let record = self.terms.record();
        let script = match party {
            PROVIDER => &record.provider_script,
            _ => &record.payer_script,
        };
        self.plain.payout(party, script, value)
    }

    /// `earned` to the provider and the rest, less a fee, to the payer.
    fn split(&mut self, earned: Amount, fee: Amount) -> Result<Vec<NodeOutput>, BankError> {
        let capacity = self.terms.record().capacity_sat;
        let missing = BuilderError::Missing("rest for the payer");
        let rest = capacity
            .checked_sub(earned)
            .and_then(|rest| rest.checked_sub(fee))
            .ok_or(missing.clone())?;
        if rest < self.terms.record().payer_script.minimal_non_dust() {
            return Err(missing.into());
        }
        let mut outputs = Vec::new();
        if earned > Amount::ZERO {
            outputs.push(self.payout(PROVIDER, earned));
        }
        outputs.push(self.payout(PAYER, rest));
        Ok(outputs)
    }

    fn funding(
        &mut self,
        output: NodeOutput,
        prior: Option<(&Bank, u32)>,
    ) -> Result<NodeId, BankError> {
        if let Some((prior, paid)) = prior {
            let keys = self.plain.vault(&prior.force_closed).key_path()?;
            let mut outputs = vec![output];
            if paid > 0 {
                outputs.push(self.payout(PROVIDER, prior.terms.worth(paid)));
            }
            let resume = PresignedTransaction {
                outputs,
                ..step(
                    ("Resume", "the force-closed coin goes on in a new bank"),
                    (prior.external(true)?, keys),
                    &[PAYER, PROVIDER],
                )
            };
            return Ok(self.plain.step(resume).map_err(BuilderError::from)?);
        }
        let BankFunding::Wallet { contribution, .. } = &self.terms.record().funding else {
            return Err(BuilderError::Missing("earlier bank").into());
        };
        let name = ("Bank", "pennies locked");
        Ok(self
            .plain
            .funding(name, [(PAYER, contribution)], vec![output])
            .map_err(BuilderError::from)?)
    }
}

/// A transaction without timelocks that pays nobody yet.
fn step(
    (base, meaning): (&'static str, &'static str),
    (source, spend): (Source, Spend),
    broadcasters: &[PartyName],
) -> PresignedTransaction {
    PresignedTransaction {
        name: NodeName::plain(base),
        meaning,
        inputs: vec![NodeInput {
            source,
            sequence: UNLOCKED,
            spend,
        }],
        lock_height: 0,
        plan: by(broadcasters),
        outputs: Vec::new(),
    }
}
