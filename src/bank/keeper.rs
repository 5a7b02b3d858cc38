//! The one way to drive both sides of a bank: orders go into the machines, what they have pending is carried out.
//!
//! Banks in a folder and banks that are played are driven by the same code; they differ in where logs, seeds, wallets and
//! blocks come from, which is what a [`Keeper`] says.

use bitcoin::{
    Amount, Psbt, Transaction, Txid, Weight,
    hashes::{Hash, sha256},
    secp256k1::{
        SecretKey,
        rand::{CryptoRng, RngCore},
    },
};
use narthex_base::codec::Message;
use narthex_channel::{
    StepError,
    bank::{BankEffect, BankInput, CoinAt, Leaving, Lineage, Payer, SideError},
    log::Log,
};
use narthex_contracts::{
    bank::{
        AdaptorCommitments, BankError, BankFunding, ChainSeed, FreshChain, PAYER, PROVIDER,
        PayerOpening, ProviderOpening, REFUND, SignedPayer, TIMEOUT_REFUND, finish_both,
    },
    builder::{Cosigner, Task, finish},
    graph::{NodeId, TxGraph},
    musig::PublicNonce,
};
use narthex_regtest::{AcceptedPolicy, ChainSource};

use super::{
    KeptError,
    sides::{Sides, Who},
};
use crate::bindings::FileBindings;

/// Commitments of one batch.
const BATCH: usize = 8;

/// Logs, seeds, keys, wallets and blocks of both sides of a bank.
pub(super) trait Keeper {
    /// Where changes are written.
    type Log: Log;
    /// What nonces and seeds are drawn from.
    type Rng: RngCore + CryptoRng;

    /// The machines of the bank in use.
    fn sides(&self) -> &Sides<Self::Log>;
    /// The same, to give them inputs.
    fn sides_mut(&mut self) -> &mut Sides<Self::Log>;
    /// The machines of the bank behind it, new ones if there is none.
    fn next(&mut self) -> Result<Sides<Self::Log>, KeptError>;
    /// Goes on to the bank behind the one in use, if the coin went there.
    fn go_to_next(&mut self) -> Result<bool, KeptError>;
    /// The chain.
    fn chain(&mut self) -> &mut dyn ChainSource;
    /// What the chain shows goes into machines and wallets.
    fn look(&mut self) -> Result<(), KeptError>;
    /// The fee of a transaction of this weight at the rate in force.
    fn fee(&self, weight: Weight) -> Result<Amount, KeptError>;
    /// A party's key in the bank.
    fn key(&self, who: Who) -> Result<SecretKey, KeptError>;
    /// A party's record of what it has bound.
    fn bindings(&mut self, who: Who) -> Result<&mut FileBindings, KeptError>;
    /// For one call.
    fn rng(&mut self) -> Self::Rng;
    /// Keeps the seed of a bank's chain, before anything hangs on it.
    fn keep_seed(&mut self, is_next: bool, seed: &ChainSeed) -> Result<(), KeptError>;
    /// The payer that signed a force close; its signer can be made anew from key and seed.
    fn keep_payer(&mut self, _is_next: bool, _payer: SignedPayer) {}
    /// Does something with the payer's signer.
    fn with_payer<T>(
        &mut self,
        act: impl FnOnce(&mut Payer, &mut Self::Rng) -> Result<T, KeptError>,
    ) -> Result<T, KeptError>;
    /// The payer's node, asked.
    fn asked(&mut self) -> Result<AcceptedPolicy, KeptError>;
    /// The payer's wallet signs the funding.
    fn sign_funding(&mut self, psbt: Psbt) -> Result<Transaction, KeptError>;
    /// What one side sends the other, as it is read.
    fn carry<M: Message>(&mut self, message: M) -> Result<M, KeptError> {
        Ok(message)
    }
    /// Commitments that the provider is about to take.
    fn taking(&mut self, _: &AdaptorCommitments) -> Result<(), KeptError> {
        Ok(())
    }
    /// Publishes a transaction, with a child of this party's if it needs one.
    fn put_out(&mut self, tx: &Transaction, child_of: Option<Who>) -> Result<(), KeptError>;
    /// Something was published: blocks, where the keeper makes them.
    fn confirm(&mut self) -> Result<(), KeptError>;

    /// Carries out what is pending on both sides, again as long as something follows, in the bank behind it too.
    fn settle(&mut self) -> Result<(), KeptError> {
        self.settle_one()?;
        if !matches!(self.sides().coin(), CoinAt::Spent { .. }) || !self.go_to_next()? {
            return Ok(());
        }
        self.look()?;
        self.settle_one()
    }

    /// Tries everything, and fails with what did not go through first.
    fn settle_one(&mut self) -> Result<(), KeptError> {
        loop {
            let of = |sides: &Sides<Self::Log>| (sides.payer.changes(), sides.provider.changes());
            let changes = of(self.sides());
            let (mut published, mut failed) = (0, Ok(()));
            for who in [Who::Payer, Who::Provider] {
                for effect in self.sides().pending(who) {
                    match self.act(who, effect) {
                        Ok(is_published) => published += usize::from(is_published),
                        Err(error) => failed = failed.and(Err(error)),
                    }
                }
            }
            if published > 0 {
                self.confirm()?;
            }
            self.look()?;
            if of(self.sides()) == changes {
                return failed;
            }
        }
    }

    /// Carries out one effect; whether a transaction waits for a block then.
    fn act(&mut self, who: Who, effect: BankEffect) -> Result<bool, KeptError> {
        match effect {
            // Only what opens a bank signs a force close, in one go.
            BankEffect::Cosign => Ok(false),
            BankEffect::Fund => {
                let node = self.asked()?;
                let psbt = self.with_payer(|payer, _| Ok(payer.funding_psbt(&node)?))?;
                let tx = self.sign_funding(psbt)?;
                self.sides_mut().payer(&BankInput::Funded(tx))?;
                Ok(false)
            }
            BankEffect::Give { to } => self.give(to).map(|()| false),
            BankEffect::Sign(how) => self.sign(how).map(|()| false),
            BankEffect::Publish(tx) => self.publish(&tx, None),
            BankEffect::PublishWithChild(tx) => self.publish(&tx, Some(who)),
        }
    }

    /// The penny, and the commitments that the provider asks for before it takes it.
    fn give(&mut self, to: u32) -> Result<(), KeptError> {
        let provider = self.sides().provider.machine();
        // One that stops takes none: they stay the payer's to give, or not.
        if provider.pennies() >= to || provider.standing() != "open" {
            return Ok(());
        }
        let penny = self.with_payer(|payer, _| {
            let behind = to.saturating_sub(payer.record().revealed);
            Ok(match behind {
                0 => payer.last_penny(),
                behind => Some(payer.pay(behind)?),
            })
        })?;
        let Some(penny) = penny else {
            return Ok(());
        };
        let penny = BankInput::Penny(self.carry(penny)?);
        for _ in 0..3 {
            match self.sides_mut().provider.step(&penny) {
                Err(StepError::Refused(SideError::Bank(BankError::Unenforceable { .. }))) => {
                    self.give_commitments(BATCH)?;
                }
                Err(error) => {
                    let who = "provider";
                    return Err(KeptError::Side { who, error });
                }
                Ok(_) => return Ok(()),
            }
        }
        self.sides_mut().provider(&penny)
    }

    /// The next commitments, signed by the payer and taken by the provider.
    fn give_commitments(&mut self, count: usize) -> Result<(), KeptError> {
        let signed = self.with_payer(|payer, rng| Ok(payer.commitments(count, rng)?))?;
        self.take_commitments(signed)
    }

    /// The provider gets commitments.
    fn take_commitments(&mut self, signed: AdaptorCommitments) -> Result<(), KeptError> {
        let signed = self.carry(signed)?;
        self.taking(&signed)?;
        self.sides_mut()
            .provider(&BankInput::AdaptorCommitments(signed))
    }

    /// The signer's answer to what a side leaves by.
    fn sign(&mut self, how: Leaving) -> Result<(), KeptError> {
        let mut rng = self.rng();
        let lineage = self.sides().lineage()?;
        let bank = lineage.bank();
        match how {
            Leaving::Refund | Leaving::TimeoutRefund => {
                // By the key alone: who lost the chain of its pennies has not lost its coin.
                let node = match how {
                    Leaving::Refund => REFUND,
                    _ => TIMEOUT_REFUND,
                };
                let (task, key) = (Task::new(bank.graph(), node, 0)?, self.key(Who::Payer)?);
                let signature = task.sign_alone((PAYER, &key), None, &mut rng)?;
                let tx = finish(bank.graph(), node, &[signature.0], &[])?;
                self.sides_mut().payer(&BankInput::Left(tx))
            }
            Leaving::Claim { commitment } => {
                let signer = self.sides().provider_signer(self.key(Who::Provider)?)?;
                let tx = signer.claim(commitment, &mut rng)?;
                self.sides_mut().provider(&BankInput::Left(tx))
            }
            Leaving::Close {
                paid,
                fee_sat,
                force_closed,
            } => {
                self.agree(how)?;
                let graph = bank.close(paid, Amount::from_sat(fee_sat), force_closed)?;
                self.cosign(&graph, NodeId(0))
            }
            Leaving::Resume { txid, .. } => {
                self.agree(how)?;
                let missing = || KeptError::State("the bank that goes on is not there".into());
                let next = self.next()?.payer.machine().lineage().cloned();
                let next = next.ok_or_else(missing)?;
                // Neither makes a nonce for anything but what was agreed to.
                let agreed = Some(Txid::from_byte_array(txid));
                if next.bank().graph().txid(TxGraph::FUNDING) != agreed {
                    return Err(missing());
                }
                self.cosign(next.bank().graph(), TxGraph::FUNDING)
            }
        }
    }

    /// Both have the agreement in their logs before either makes a nonce for it.
    fn agree(&mut self, how: Leaving) -> Result<(), KeptError> {
        let tip = self.chain().height()?;
        self.sides_mut().both(&BankInput::Leave { tip, how })
    }

    /// Both sign in one session of fresh nonces. What it gives is the same transaction as any session before it.
    fn cosign(&mut self, graph: &TxGraph, node: NodeId) -> Result<(), KeptError> {
        let mut rng = self.rng();
        let (ours, theirs) = (self.key(Who::Payer)?, self.key(Who::Provider)?);
        let ours = Cosigner::new(graph, node, (PAYER, &ours), &mut rng)?;
        let theirs = Cosigner::new(graph, node, (PROVIDER, &theirs), &mut rng)?;
        let tx = sign_both(graph, node, ours, theirs)?;
        self.sides_mut().both(&BankInput::Left(tx))
    }

    /// Publishes what is not known to the chain yet; whether it waits for a block then.
    fn publish(&mut self, tx: &Transaction, child_of: Option<Who>) -> Result<bool, KeptError> {
        let txid = tx.compute_txid();
        let found = self.chain().transaction(txid)?;
        if found.is_some_and(|(_, height)| height.is_some()) {
            return Ok(false);
        }
        if !self.chain().mempool()?.contains(&txid) {
            self.put_out(tx, child_of)?;
        }
        Ok(true)
    }

    /// Terms are written first, then bound, then a nonce leaves. A session that died has left terms without a signature:
    /// they are dropped on both sides, and others take their place. `next` are the machines of the bank behind.
    fn sign_force_close(
        &mut self,
        lineage: &Lineage,
        fresh: FreshChain,
        mut next: Option<&mut Sides<Self::Log>>,
    ) -> Result<(), KeptError> {
        let is_next = next.is_some();
        next.as_deref_mut()
            .unwrap_or(self.sides_mut())
            .both(&BankInput::Abandon)?;
        // The seed is there before anything hangs on it.
        self.keep_seed(is_next, fresh.seed())?;
        let proposal = BankInput::Propose(lineage.clone());
        next.as_deref_mut()
            .unwrap_or(self.sides_mut())
            .both(&proposal)?;
        let (ours, theirs) = (lineage.derive()?, lineage.derive()?);
        let (payer, provider) = (self.key(Who::Payer)?, self.key(Who::Provider)?);
        let rng = &mut self.rng();
        let (ours, nonce) = PayerOpening::new(ours, payer, fresh, self.bindings(Who::Payer)?, rng)?;
        let bindings = self.bindings(Who::Provider)?;
        let (_theirs, answer, share) =
            ProviderOpening::new(theirs, provider, nonce, bindings, rng)?;
        let (ours, _share) = ours.finish(answer, share)?;
        // The provider takes the whole signature: it can be shown again at any time, the share only now.
        let force_close = ours.force_close;
        self.keep_payer(is_next, ours);
        let signed = BankInput::Signed { force_close };
        next.unwrap_or(self.sides_mut()).both(&signed)
    }

    /// Order: either side stops the bank.
    fn order_force_close(&mut self, who: Who) -> Result<(), KeptError> {
        self.sides_mut().side(who, &BankInput::ForceClose)
    }

    /// Order: the provider claims by its best commitment, if there is one.
    fn order_claim(&mut self) -> Result<(), KeptError> {
        let machine = self.sides().provider.machine();
        // An end that was agreed to and does not confirm keeps nobody from it.
        if matches!(machine.leaving(), Some(Leaving::Claim { .. })) {
            return Ok(());
        }
        let commitment = machine.book().map_or(0, |book| book.enforceable());
        let (tip, how) = (self.chain().height()?, Leaving::Claim { commitment });
        self.sides_mut().provider(&BankInput::Leave { tip, how })
    }

    /// Order: the payer takes back what is its own, above T, or D blocks after a force close that nobody claimed from.
    fn order_refund(&mut self) -> Result<(), KeptError> {
        let how = match self.sides().coin() {
            CoinAt::ForceClosed { .. } => Leaving::TimeoutRefund,
            _ => Leaving::Refund,
        };
        let tip = self.chain().height()?;
        self.sides_mut().payer(&BankInput::Leave { tip, how })
    }

    /// Whether both have agreed on an end of the coin where it is, or where it was until it was spent.
    fn is_agreed(&self) -> bool {
        let coin = self.sides().coin();
        let is_spent = matches!(coin, CoinAt::Spent { .. });
        let leaving = self.sides().payer.machine().leaving();
        leaving.is_some_and(|how| how.is_agreed() && (is_spent || how.is_of(coin)))
    }

    /// Order: both agree on the end.
    fn order_close(&mut self) -> Result<(), KeptError> {
        if self.is_agreed() {
            return Ok(());
        }
        let force_closed = matches!(self.sides().coin(), CoinAt::ForceClosed { .. });
        let paid = self.sides().provider.machine().pennies();
        let plan = self
            .sides()
            .lineage()?
            .bank()
            .close_plan(paid, force_closed)?;
        let fee_sat = self.fee(plan.weight)?.to_sat();
        self.agree(Leaving::Close {
            paid,
            fee_sat,
            force_closed,
        })
    }

    /// Order: the force-closed coin goes on in another bank of what is left. Its force close is signed before the coin
    /// moves.
    fn order_resume(&mut self, refund_blocks: u32) -> Result<(), KeptError> {
        if self.is_agreed() {
            return Ok(());
        }
        if !matches!(self.sides().coin(), CoinAt::ForceClosed { .. }) {
            let why = "only a force-closed bank goes on in another; `narthex bank force-close` force-closes it";
            return Err(KeptError::State(why.into()));
        }
        let (paid, txid) = self.next_bank(refund_blocks)?;
        self.agree(Leaving::Resume { paid, txid })
    }

    /// The bank that goes on, with its force close signed: pennies that the provider gets first, and what moves the coin.
    fn next_bank(&mut self, refund_blocks: u32) -> Result<(u32, [u8; 32]), KeptError> {
        let paid = self.sides().provider.machine().pennies();
        let mut next = self.next()?;
        next.share()?;
        let lineage = self.sides().lineage()?;
        let funding = BankFunding::ForceClosed {
            prior: sha256::Hash::from_byte_array(lineage.bank().terms().id()),
            paid,
        };
        if next.payer.machine().force_close_signature().is_none() {
            let terms = lineage.bank().terms();
            let mut record = terms.record().clone();
            record.pennies = record.pennies.saturating_sub(paid);
            let rest = record.capacity_sat.checked_sub(terms.worth(paid));
            let more = || KeptError::State("more was paid than is there".into());
            record.capacity_sat = rest.ok_or_else(more)?;
            record.refund_height = (self.chain().height()?).saturating_add(refund_blocks);
            record.funding = funding.clone();
            let fresh = FreshChain::draw(&mut self.rng());
            let resumed = lineage.resumed(fresh.name(record)?.check()?)?;
            self.sign_force_close(&resumed, fresh, Some(&mut next))?;
        }
        let lineage = next.payer.machine().lineage();
        // One that was signed earlier and not agreed to: a reorganisation let more be paid since.
        if lineage.is_some_and(|next| next.bank().terms().record().funding != funding) {
            let why = format!(
                "a bank that goes on was signed when fewer than {paid} pennies were paid; `narthex bank close` or `claim` ends this one"
            );
            return Err(KeptError::State(why));
        }
        let txid = lineage.and_then(|lineage| lineage.bank().graph().txid(TxGraph::FUNDING));
        let txid = txid.ok_or_else(|| KeptError::State("no bank goes on".into()))?;
        Ok((paid, txid.to_byte_array()))
    }
}

/// Both sign, each from its own graph; the transaction is complete.
pub(super) fn sign_both(
    graph: &TxGraph,
    node: NodeId,
    (ours, nonce): (Cosigner, PublicNonce),
    (theirs, answer): (Cosigner, PublicNonce),
) -> Result<Transaction, BankError> {
    let (ours, _) = ours.sign(answer)?;
    let (_, share) = theirs.sign(nonce)?;
    finish_both(graph, node, ours.finish(share)?)
}
