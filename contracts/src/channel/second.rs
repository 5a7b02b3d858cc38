//! What follows a commitment for each pending payment, signed ahead by the counterparty.
//!
//! | on the commitment of | payment | transaction | counterparty's signature |
//! |---|---|---|---|
//! | its offerer | any | [`SecondKind::Timeout`] by the offerer, from the expiry on, revocable and delayed | plain |
//! | its offerer | point | [`SecondKind::Claim`] by the claimant, paid at once | adaptor |
//! | its claimant | point | [`SecondKind::Success`] by the claimant, revocable and delayed | adaptor |
//! | its claimant | hash | the same | plain |
//!
//! The counterparty signs its own input and output alone (`SIGHASH_SINGLE|ANYONECANPAY`), so that coins for the fee can be added; who
//! publishes signs the whole. None pays a fee by itself, and all are of version 3.

use bitcoin::{
    OutPoint, ScriptBuf, Sequence, TapLeafHash, Transaction, TxIn, TxOut, Witness,
    absolute::LockTime,
    hashes::Hash,
    secp256k1::SecretKey,
    sighash::{Prevouts, SighashCache, TapSighashType},
    taproot::{ControlBlock, LeafVersion},
    transaction::Version,
};

use super::{
    Channel, ChannelError, ChannelKeys, Commitment, Lock, Payment, Proof, Purpose, Side,
    output::{Leaves, delayed_output},
};
use crate::{
    builder::Task,
    musig::{AdaptorPoint, AdaptorSignature, KeySet},
};

const SINGLE: TapSighashType = TapSighashType::SinglePlusAnyoneCanPay;

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecondKind {
    /// The offerer takes the payment back on its own commitment.
    Timeout,
    /// The claimant takes it on its own commitment.
    Success,
    /// The claimant takes it on the offerer's commitment.
    Claim,
}

/// A transaction that claims a payment or takes it back, without signatures and without fee.
#[derive(Debug, Clone)]
pub struct SecondLevel {
    kind: SecondKind,
    payment: Payment,
    publisher: Side,
    coin: TxOut,
    leaf: ScriptBuf,
    control: ControlBlock,
    tx: Transaction,
    keys: [KeySet; 2],
    message: [u8; 32],
}

impl Channel {
    /// Everything that the counterparty of the publisher signs ahead for a commitment, of these kinds and in the order of outputs.
    ///
    /// # Errors
    /// [`ChannelError`]: unreachable for a commitment of this channel.
    pub fn second_levels(
        &self,
        commitment: &Commitment,
        kinds: &[SecondKind],
    ) -> Result<Vec<SecondLevel>, ChannelError> {
        let mut found = Vec::new();
        for (at, output) in commitment.placed() {
            let Purpose::Payment(payment) = &output.purpose else {
                continue;
            };
            for kind in kinds {
                let is_offered = payment.id.offerer == commitment.owner();
                let is_point = matches!(payment.lock, Lock::Point(_));
                let fits = match kind {
                    SecondKind::Timeout => is_offered,
                    SecondKind::Claim => is_offered && is_point,
                    SecondKind::Success => !is_offered,
                };
                if fits {
                    let place = (at, output.output.clone());
                    found.push(self.second_level(commitment, *kind, payment, place)?);
                }
            }
        }
        Ok(found)
    }

    fn second_level(
        &self,
        commitment: &Commitment,
        kind: SecondKind,
        payment: &Payment,
        (outpoint, coin): (OutPoint, TxOut),
    ) -> Result<SecondLevel, ChannelError> {
        let owner = commitment.owner();
        let (offerer, claimant) = (payment.id.offerer, payment.id.offerer.other());
        let leaves = Leaves::new(self, owner, payment);
        let (leaf, publisher) = match kind {
            SecondKind::Timeout => (leaves.timeout, offerer),
            SecondKind::Success | SecondKind::Claim => (leaves.success, claimant),
        };
        let both = [offerer, claimant];
        let keys = match kind {
            SecondKind::Timeout => both.map(|side| self.timeout_keys(side).clone()),
            _ => both.map(|side| self.success_keys(side).clone()),
        };
        let lock_time = match kind {
            SecondKind::Timeout => {
                LockTime::from_height(payment.expiry).map_err(|_| ChannelError::Script("expiry"))?
            }
            _ => LockTime::ZERO,
        };
        let script_pubkey = match kind {
            // What is claimed on another's commitment nobody can punish, so nobody waits.
            SecondKind::Claim => self.payout_script(claimant),
            _ => {
                let revocation = self.revocation(owner, commitment.point())?;
                let info = delayed_output(revocation, &self.delayed(owner))?;
                ScriptBuf::new_p2tr_tweaked(info.output_key())
            }
        };
        let tx = Transaction {
            version: Version(3),
            lock_time,
            input: vec![input(outpoint)],
            output: vec![TxOut {
                value: payment.amount,
                script_pubkey,
            }],
        };
        let (_, output, _) = commitment.payment(payment.id)?;
        let info = output.spend.as_ref();
        let control =
            info.and_then(|info| info.control_block(&(leaf.clone(), LeafVersion::TapScript)));
        let at = TapLeafHash::from_script(&leaf, LeafVersion::TapScript);
        let message = SighashCache::new(&tx)
            .taproot_script_spend_signature_hash(0, &Prevouts::One(0, &coin), at, SINGLE)
            .map_err(|_| ChannelError::Script("sighash"))?;
        Ok(SecondLevel {
            kind,
            payment: *payment,
            publisher,
            control: control.ok_or(ChannelError::Missing("leaf"))?,
            message: message.to_byte_array(),
            coin,
            leaf,
            tx,
            keys,
        })
    }
}

fn input(previous_output: OutPoint) -> TxIn {
    TxIn {
        previous_output,
        script_sig: ScriptBuf::new(),
        // The lock time counts, and a claim may be replaced by one that pays more.
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        witness: Witness::new(),
    }
}

impl SecondLevel {
    /// What it does.
    pub const fn kind(&self) -> SecondKind {
        self.kind
    }

    /// Which payment.
    pub const fn payment(&self) -> &Payment {
        &self.payment
    }

    /// Who may publish it.
    pub const fn publisher(&self) -> Side {
        self.publisher
    }

    /// Without signatures and fee.
    pub const fn tx(&self) -> &Transaction {
        &self.tx
    }

    /// The output that it spends.
    pub fn outpoint(&self) -> OutPoint {
        self.tx
            .input
            .first()
            .map(|input| input.previous_output)
            .unwrap_or_default()
    }

    /// That output.
    pub const fn coin(&self) -> &TxOut {
        &self.coin
    }

    /// Who signs it ahead.
    pub const fn signer(&self) -> Side {
        self.publisher.other()
    }

    /// What the counterparty's signature is under.
    fn adaptor(&self) -> Result<Option<AdaptorPoint>, ChannelError> {
        match (self.kind, self.payment.lock) {
            (SecondKind::Timeout, _) | (_, Lock::Hash(_)) => Ok(None),
            (_, Lock::Point(point)) => Ok(Some(AdaptorPoint::try_from(point)?)),
        }
    }

    fn keys_of(&self, side: Side) -> &KeySet {
        // The offerer's key is the first that every such leaf asks for.
        &self.keys[usize::from(side != self.payment.id.offerer)]
    }

    fn ahead(&self) -> Task {
        Task::of(self.keys_of(self.signer()).clone(), self.message)
    }

    /// Checks what the counterparty signed ahead.
    ///
    /// # Errors
    /// [`ChannelError::Signature`].
    pub fn check(&self, signature: &AdaptorSignature) -> Result<(), ChannelError> {
        let point = self.adaptor()?;
        let verified = self.ahead().verify(signature, point.as_ref());
        verified.map_err(|_| ChannelError::Signature {
            side: self.signer(),
            what: match self.kind {
                SecondKind::Timeout => "a timeout",
                SecondKind::Success => "a success",
                SecondKind::Claim => "a claim",
            },
        })
    }

    /// With coins for the fee and their change behind it; the coins are signed by their owner, before or after. `coins` are confirmed: a claim
    /// has no unconfirmed parent.
    #[must_use]
    pub fn with_fee(&self, coins: &[OutPoint], change: Option<TxOut>) -> Transaction {
        let mut tx = self.tx.clone();
        tx.input.extend(coins.iter().map(|coin| input(*coin)));
        tx.output.extend(change);
        tx
    }

    /// The witness of its first input in `tx`, which is this with coins for the fee; `coins` are their outputs.
    fn witness(
        &self,
        keys: &ChannelKeys,
        tx: &Transaction,
        coins: &[TxOut],
        counterparty: [u8; 64],
        preimage: Option<&[u8; 32]>,
    ) -> Result<Witness, ChannelError> {
        let mut spent = vec![self.coin.clone()];
        spent.extend_from_slice(coins);
        let leaf = TapLeafHash::from_script(&self.leaf, LeafVersion::TapScript);
        let all = TapSighashType::Default;
        let message = SighashCache::new(tx)
            .taproot_script_spend_signature_hash(0, &Prevouts::All(&spent), leaf, all)
            .map_err(|_| ChannelError::Missing("output of a fee coin"))?;
        let task = Task::of(
            self.keys_of(self.publisher).clone(),
            message.to_byte_array(),
        );
        let who = (self.publisher.party(), &keys.payment_key());
        let own = task.sign_again(who, None)?.0;
        let mut single = counterparty.to_vec();
        single.push(SINGLE as u8);
        let is_offerer = self.publisher == self.payment.id.offerer;
        let (first, second) = match is_offerer {
            true => (own.to_vec(), single),
            false => (single, own.to_vec()),
        };
        let mut witness = Witness::new();
        witness.push(second);
        witness.push(first);
        if let Some(preimage) = preimage {
            witness.push(preimage);
        }
        witness.push(self.leaf.as_bytes());
        witness.push(self.control.serialize());
        Ok(witness)
    }

    /// The secret that a claim of this payment shows, as it was published or only sent: by the signature in `tx` that was
    /// completed from `ahead`, or by the preimage. `None` if `tx` does not spend the output by this way.
    ///
    /// Mempool and chain are read by this one function; what a counterparty stages is checked by [`Lock::opens`] alike.
    pub fn secret(&self, ahead: &AdaptorSignature, tx: &Transaction) -> Option<Proof> {
        let at = self.outpoint();
        let input = tx.input.iter().find(|input| input.previous_output == at)?;
        let leaf = input.witness.taproot_leaf_script();
        if leaf.is_none_or(|leaf| leaf.script != self.leaf.as_script()) {
            return None;
        }
        let items: Vec<&[u8]> = input.witness.iter().collect();
        let proof = match self.payment.lock {
            Lock::Hash(_) => Proof::Preimage(items.get(2)?.to_vec().try_into().ok()?),
            Lock::Point(point) => {
                let completed: [u8; 64] = items.get(1)?.get(..64)?.try_into().ok()?;
                let point = AdaptorPoint::try_from(point).ok()?;
                let secret = self.ahead().extract(ahead, &completed, &point);
                Proof::Secret(secret.ok()?)
            }
        };
        self.payment.lock.opens(&proof).then_some(proof)
    }
}

impl ChannelKeys {
    /// Signs ahead what the counterparty may publish: the same bytes each time, since the nonce is a hash of key, point and message.
    ///
    /// # Errors
    /// [`ChannelError::Builder`] for another's.
    pub fn sign_ahead(&self, second: &SecondLevel) -> Result<AdaptorSignature, ChannelError> {
        let who = (second.signer().party(), &self.payment_key());
        let point = second.adaptor()?;
        Ok(second.ahead().sign_again(who, point.as_ref())?)
    }

    /// Completes a claim or a timeout: the counterparty's signature, the secret if it takes one, and one's own over the whole. `tx` is
    /// [`SecondLevel::with_fee`], `coins` the outputs of its other inputs in order.
    ///
    /// # Errors
    /// [`ChannelError::Adaptor`] for a secret that does not fit; [`ChannelError::Missing`] if it takes one that is not given.
    pub fn complete(
        &self,
        second: &SecondLevel,
        (mut tx, coins): (Transaction, &[TxOut]),
        ahead: &AdaptorSignature,
        proof: Option<&Proof>,
    ) -> Result<Transaction, ChannelError> {
        let needs_proof = second.kind != SecondKind::Timeout;
        let (counterparty, preimage) = match proof {
            Some(Proof::Secret(secret)) if needs_proof => {
                (second.ahead().complete(ahead, secret)?, None)
            }
            Some(Proof::Preimage(preimage)) if needs_proof => (ahead.0, Some(preimage)),
            _ if needs_proof => return Err(ChannelError::Missing("secret")),
            _ => (ahead.0, None),
        };
        let witness = second.witness(self, &tx, coins, counterparty, preimage)?;
        let input = tx.input.first_mut().ok_or(ChannelError::Missing("input"))?;
        input.witness = witness;
        Ok(tx)
    }

    /// The secret key for coins of this channel that are paid to one side at once.
    pub fn payout_secret(&self) -> SecretKey {
        self.payout_key()
    }
}
