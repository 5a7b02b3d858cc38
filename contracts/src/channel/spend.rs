//! What one side takes with its own signature alone: penalties, its balance, what it takes back, what it claims by a preimage.
//!
//! Each is a transaction of its own with one input that pays its fee out of it. So no confirmation of the other side's makes more than one
//! of them invalid: a cheat that claims its payments at the second level while it is punished gains nothing by it.

use bitcoin::{
    OutPoint, ScriptBuf, Sequence, TapLeafHash, Transaction, TxIn, TxOut, Weight, Witness,
    absolute::LockTime,
    hashes::Hash,
    key::TapTweak,
    secp256k1::{Message, Secp256k1, SecretKey},
    sighash::{Prevouts, SighashCache, TapSighashType},
    taproot::{LeafVersion, TaprootSpendInfo},
    transaction::Version,
};
use narthex_base::context;

use super::{
    Channel, ChannelError, ChannelKeys, Commitment, Lock, PaymentId, Purpose, Side,
    output::{Leaves, delayed_output},
};
use crate::{
    funding::Fees,
    graph::{satisfaction_weight, signed_weight},
};

/// By which right an output is spent.
#[derive(Clone, PartialEq, Eq)]
pub enum SpendPath {
    /// Its owner has revoked it: with the secret that it showed.
    Penalty(SecretKey),
    /// It is paid to one's payout key.
    Payout,
    /// One's own, after the delay.
    Delayed,
    /// One's own payment on the counterparty's commitment, from its expiry on.
    Refund,
    /// A payment locked to a hash on its offerer's commitment, with the preimage.
    Preimage([u8; 32]),
}

impl std::fmt::Debug for SpendPath {
    /// Without secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Penalty(_) => "Penalty(..)",
            Self::Payout => "Payout",
            Self::Delayed => "Delayed",
            Self::Refund => "Refund",
            Self::Preimage(_) => "Preimage(..)",
        })
    }
}

/// An output and how one side spends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSpend {
    outpoint: OutPoint,
    coin: TxOut,
    info: TaprootSpendInfo,
    path: SpendPath,
    leaf: Option<ScriptBuf>,
    lock_time: LockTime,
    sequence: Sequence,
}

impl Channel {
    /// Takes an output of a revoked commitment. `secret` is what its owner showed when it revoked it.
    ///
    /// # Errors
    /// [`ChannelError::Missing`] for the anchor, the punisher's own output and outpoints elsewhere.
    pub fn penalty(
        &self,
        revoked: &Commitment,
        at: OutPoint,
        secret: &SecretKey,
    ) -> Result<ChannelSpend, ChannelError> {
        let (output, info) = spendable(revoked, at)?;
        let owned = |purpose: &Purpose| !matches!(purpose, Purpose::ToPeer | Purpose::Anchor);
        match owned(&output.purpose) {
            true => Ok(key_path(
                at,
                output.output.clone(),
                info,
                SpendPath::Penalty(*secret),
            )),
            false => Err(ChannelError::Missing("revocable output")),
        }
    }

    /// Takes everything that the owner of a revoked commitment has claimed from it in `tx`: whatever is put beside it there.
    ///
    /// # Errors
    /// [`ChannelError::Point`]: unreachable.
    pub fn second_penalties(
        &self,
        revoked: &Commitment,
        tx: &Transaction,
        secret: &SecretKey,
    ) -> Result<Vec<ChannelSpend>, ChannelError> {
        let found = self.second_outputs(revoked, tx)?.into_iter();
        let path = || SpendPath::Penalty(*secret);
        Ok(found
            .map(|(at, coin, info)| key_path(at, coin, info, path()))
            .collect())
    }

    /// The outputs of `tx` that are locked as what the owner of this commitment claims from it.
    fn second_outputs(
        &self,
        commitment: &Commitment,
        tx: &Transaction,
    ) -> Result<Vec<(OutPoint, TxOut, TaprootSpendInfo)>, ChannelError> {
        let owner = commitment.owner();
        let revocation = self.revocation(owner, commitment.point())?;
        let info = delayed_output(revocation, &self.delayed(owner))?;
        let script = ScriptBuf::new_p2tr_tweaked(info.output_key());
        let txid = tx.compute_txid();
        let outputs = (0u32..).zip(&tx.output);
        let found = outputs.filter(|(_, output)| output.script_pubkey == script);
        let found =
            found.map(|(vout, output)| (OutPoint { txid, vout }, output.clone(), info.clone()));
        Ok(found.collect())
    }

    /// What the owner of a commitment takes of its balance after the delay.
    ///
    /// # Errors
    /// [`ChannelError::Missing`] if it has none there.
    pub fn own_balance(&self, own: &Commitment) -> Result<ChannelSpend, ChannelError> {
        let (at, output) = of(own, &Purpose::ToOwner)?;
        let info = output
            .spend
            .clone()
            .ok_or(ChannelError::Missing("balance"))?;
        Ok(self.after_delay(own.owner(), at, output.output.clone(), info))
    }

    /// What the owner of a commitment has claimed from it in `tx`, after the delay.
    ///
    /// # Errors
    /// [`ChannelError::Point`]: unreachable.
    pub fn own_claims(
        &self,
        own: &Commitment,
        tx: &Transaction,
    ) -> Result<Vec<ChannelSpend>, ChannelError> {
        let found = self.second_outputs(own, tx)?.into_iter();
        let spend = |(at, coin, info)| self.after_delay(own.owner(), at, coin, info);
        Ok(found.map(spend).collect())
    }

    fn after_delay(
        &self,
        owner: Side,
        at: OutPoint,
        coin: TxOut,
        info: TaprootSpendInfo,
    ) -> ChannelSpend {
        let mut spend = key_path(at, coin, info, SpendPath::Delayed);
        spend.leaf = Some(self.delayed(owner));
        spend.sequence = Sequence::from_height(self.terms().delay[owner.index()]);
        spend
    }

    /// What the counterparty of a commitment's owner has there at once.
    ///
    /// # Errors
    /// [`ChannelError::Missing`] if it has nothing.
    pub fn peer_balance(&self, theirs: &Commitment) -> Result<ChannelSpend, ChannelError> {
        let (at, output) = of(theirs, &Purpose::ToPeer)?;
        Ok(self.paid_out(theirs.owner().other(), at, output.output.clone()))
    }

    /// A coin that `side` was paid to its payout key: by a commitment, or by a claim.
    pub fn paid_out(&self, side: Side, at: OutPoint, coin: TxOut) -> ChannelSpend {
        let key = self.basepoints(side).payout.x_only_public_key().0;
        let info = TaprootSpendInfo::new_key_spend(context::verifying(), key, None);
        key_path(at, coin, info, SpendPath::Payout)
    }

    /// Takes a payment back from the commitment of whom it was offered to.
    ///
    /// # Errors
    /// [`ChannelError::Missing`] if it is not there.
    pub fn refund(&self, theirs: &Commitment, id: PaymentId) -> Result<ChannelSpend, ChannelError> {
        let (at, output, payment) = theirs.payment(id)?;
        if id.offerer == theirs.owner() {
            return Err(ChannelError::Missing("payment to take back"));
        }
        let info = output.spend.clone().ok_or(ChannelError::Missing("leaf"))?;
        let mut spend = key_path(at, output.output.clone(), info, SpendPath::Refund);
        spend.leaf = Some(Leaves::new(self, theirs.owner(), payment).timeout);
        spend.lock_time =
            LockTime::from_height(payment.expiry).map_err(|_| ChannelError::Script("expiry"))?;
        Ok(spend)
    }

    /// Claims a payment that is locked to a hash from its offerer's commitment.
    ///
    /// # Errors
    /// [`ChannelError::Missing`] if it is not there or not such a one.
    pub fn preimage_claim(
        &self,
        theirs: &Commitment,
        id: PaymentId,
        preimage: [u8; 32],
    ) -> Result<ChannelSpend, ChannelError> {
        let (at, output, payment) = theirs.payment(id)?;
        if id.offerer != theirs.owner() || !matches!(payment.lock, Lock::Hash(_)) {
            return Err(ChannelError::Missing("payment to claim by a hash"));
        }
        let info = output.spend.clone().ok_or(ChannelError::Missing("leaf"))?;
        let path = SpendPath::Preimage(preimage);
        let mut spend = key_path(at, output.output.clone(), info, path);
        spend.leaf = Some(Leaves::new(self, theirs.owner(), payment).success);
        Ok(spend)
    }
}

fn of<'a>(
    commitment: &'a Commitment,
    purpose: &Purpose,
) -> Result<(OutPoint, &'a super::CommitmentOutput), ChannelError> {
    let mut placed = commitment.placed();
    let found = placed.find(|(_, output)| output.purpose == *purpose);
    found.ok_or(ChannelError::Missing("balance"))
}

fn spendable(
    commitment: &Commitment,
    at: OutPoint,
) -> Result<(&super::CommitmentOutput, TaprootSpendInfo), ChannelError> {
    let mut placed = commitment.placed();
    let found = placed
        .find(|(outpoint, _)| *outpoint == at)
        .map(|(_, output)| output);
    let found = found.and_then(|output| Some((output, output.spend.clone()?)));
    found.ok_or(ChannelError::Missing("revocable output"))
}

fn key_path(
    outpoint: OutPoint,
    coin: TxOut,
    info: TaprootSpendInfo,
    path: SpendPath,
) -> ChannelSpend {
    ChannelSpend {
        outpoint,
        coin,
        info,
        path,
        leaf: None,
        lock_time: LockTime::ZERO,
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
    }
}

impl ChannelSpend {
    /// The output.
    pub const fn outpoint(&self) -> OutPoint {
        self.outpoint
    }

    /// What it holds.
    pub const fn coin(&self) -> &TxOut {
        &self.coin
    }

    /// By which right.
    pub const fn path(&self) -> &SpendPath {
        &self.path
    }

    /// Weight of its witness.
    fn witness_weight(&self) -> Option<Weight> {
        let Some(leaf) = &self.leaf else {
            return satisfaction_weight(&self.coin.script_pubkey);
        };
        let control = self
            .info
            .control_block(&(leaf.clone(), LeafVersion::TapScript))?;
        let preimage = match self.path {
            SpendPath::Preimage(_) => 33,
            _ => 0,
        };
        let sized = |len: usize| bitcoin::VarInt::from(len).size() + len;
        let len = 1 + 65 + preimage + sized(leaf.len()) + sized(control.size());
        Some(Weight::from_wu(len as u64))
    }
}

impl ChannelKeys {
    /// Spends it to `script`, with the fee out of it. What must be in time is not held to a share of the coin.
    ///
    /// # Errors
    /// [`ChannelError::Fee`], [`ChannelError::Short`].
    pub fn spend(
        &self,
        spend: &ChannelSpend,
        script: ScriptBuf,
        fees: Fees,
    ) -> Result<Transaction, ChannelError> {
        let missing = || ChannelError::Missing("leaf");
        let mut tx = Transaction {
            version: Version::TWO,
            lock_time: spend.lock_time,
            input: vec![TxIn {
                previous_output: spend.outpoint,
                script_sig: ScriptBuf::new(),
                sequence: spend.sequence,
                witness: Witness::new(),
            }],
            output: vec![TxOut {
                value: spend.coin.value,
                script_pubkey: script,
            }],
        };
        let weight = signed_weight(&tx, [spend.witness_weight().ok_or_else(missing)?]);
        let fee = fees.in_time(weight, bitcoin::Amount::ZERO)?;
        let least = tx.output[0].script_pubkey.minimal_non_dust();
        let left = spend.coin.value.checked_sub(fee);
        let left = left.filter(|left| *left >= least);
        tx.output[0].value = left.ok_or(ChannelError::Short {
            outpoint: spend.outpoint,
            fee_sat: fee.to_sat(),
        })?;
        let witness = self.spend_witness(spend, &tx)?;
        tx.input[0].witness = witness;
        Ok(tx)
    }

    fn spend_witness(
        &self,
        spend: &ChannelSpend,
        tx: &Transaction,
    ) -> Result<Witness, ChannelError> {
        let secp = Secp256k1::signing_only();
        let coins = [spend.coin.clone()];
        let (all, default) = (Prevouts::All(&coins), TapSighashType::Default);
        let mut cache = SighashCache::new(tx);
        let sighash = |_| ChannelError::Script("sighash");
        let key = match &spend.path {
            SpendPath::Penalty(secret) => self.penalty_key(secret)?,
            SpendPath::Payout => self.payout_key(),
            SpendPath::Delayed => self.delayed_key(),
            SpendPath::Refund | SpendPath::Preimage(_) => self.payment_key(),
        };
        let pair = key.keypair(&secp);
        let Some(leaf) = &spend.leaf else {
            let hash = cache
                .taproot_key_spend_signature_hash(0, &all, default)
                .map_err(sighash)?;
            let secp = Secp256k1::new();
            let tweaked = pair.tap_tweak(&secp, spend.info.merkle_root()).to_keypair();
            let message = Message::from_digest(hash.to_byte_array());
            let signature = secp.sign_schnorr_no_aux_rand(&message, &tweaked);
            return Ok(Witness::from_slice(&[signature.serialize()]));
        };
        let at = (leaf.clone(), LeafVersion::TapScript);
        let control = spend
            .info
            .control_block(&at)
            .ok_or(ChannelError::Missing("leaf"))?;
        let at = TapLeafHash::from_script(leaf, LeafVersion::TapScript);
        let hash = cache
            .taproot_script_spend_signature_hash(0, &all, at, default)
            .map_err(sighash)?;
        let message = Message::from_digest(hash.to_byte_array());
        let mut witness = Witness::new();
        witness.push(secp.sign_schnorr_no_aux_rand(&message, &pair).serialize());
        if let SpendPath::Preimage(preimage) = &spend.path {
            witness.push(preimage);
        }
        witness.push(leaf.as_bytes());
        witness.push(control.serialize());
        Ok(witness)
    }
}
