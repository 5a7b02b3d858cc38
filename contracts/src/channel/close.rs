//! The end that both agree on: one ordinary transaction that says nothing of the channel.
//!
//! The opener begins an attempt with a nonce from the system's source, the accepter answers with a nonce and its share at once, and the
//! opener completes it. No secret nonce outlives the process that drew it: an attempt whose nonce is gone is begun anew with another.

use bitcoin::{
    Amount, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Weight, Witness,
    absolute::LockTime,
    hashes::Hash,
    secp256k1::rand::{CryptoRng, RngCore},
    sighash::{Prevouts, SighashCache, TapSighashType},
    transaction::Version,
};

use super::{Channel, ChannelError, ChannelKeys, CommitmentShare, Side, State};
use crate::{
    funding::Fees,
    graph::{satisfaction_weight, signed_weight},
    musig::{PublicNonce, SecretNonce},
};

/// A closing transaction, unsigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    tx: Transaction,
    message: [u8; 32],
}

/// The accepter's answer: a nonce and its share.
pub type CloseShare = CommitmentShare;

/// The opener's nonce of one attempt. Neither cloned nor written: what is dropped is an attempt that failed.
#[derive(Debug)]
pub struct CloseNonce {
    secret: SecretNonce,
    public: PublicNonce,
}

impl CloseNonce {
    /// What the accepter is told.
    pub const fn public(&self) -> PublicNonce {
        self.public
    }
}

impl Channel {
    /// The transaction that pays both balances to these scripts, the opener's and the accepter's; the opener pays the fee. A state with pending
    /// payments is not closed so: they end first.
    ///
    /// # Errors
    /// [`ChannelError::Sum`] with payments pending; [`ChannelError::Fee`]; [`ChannelError::Short`] if the opener cannot pay it.
    pub fn close(
        &self,
        state: &State,
        scripts: &[ScriptBuf; 2],
        fees: Fees,
    ) -> Result<Close, ChannelError> {
        if !state.payments.is_empty() || state.sum() != Some(self.terms().capacity) {
            return Err(ChannelError::Sum);
        }
        let coin = self.funding_output();
        let mut tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: *self.funding(),
                script_sig: ScriptBuf::new(),
                sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                witness: Witness::new(),
            }],
            output: Vec::new(),
        };
        let output = |side: Side, value| TxOut {
            value,
            script_pubkey: scripts[side.index()].clone(),
        };
        // The fee is that of both outputs, also where one is dust and left to the fee.
        tx.output = Side::BOTH.map(|side| output(side, Amount::ZERO)).to_vec();
        let witness = satisfaction_weight(&coin.script_pubkey).unwrap_or(Weight::ZERO);
        let fee = fees.in_time(signed_weight(&tx, [witness]), Amount::ZERO)?;
        let short = ChannelError::Short {
            outpoint: *self.funding(),
            fee_sat: fee.to_sat(),
        };
        let [opener, accepter] = state.balances;
        let opener = opener.checked_sub(fee).ok_or(short.clone())?;
        let outputs = [(Side::Opener, opener), (Side::Accepter, accepter)];
        let outputs = outputs.map(|(side, value)| output(side, value));
        let worth = |output: &TxOut| output.value >= output.script_pubkey.minimal_non_dust();
        tx.output = outputs.into_iter().filter(worth).collect();
        if tx.output.is_empty() {
            return Err(short);
        }
        tx.output.sort_by(|a, b| {
            let key = |output: &TxOut| (output.value, output.script_pubkey.clone());
            key(a).cmp(&key(b))
        });
        let message = SighashCache::new(&tx)
            .taproot_key_spend_signature_hash(0, &Prevouts::All(&[coin]), TapSighashType::Default)
            .map_err(|_| ChannelError::Script("sighash"))?;
        let message = message.to_byte_array();
        Ok(Close { tx, message })
    }
}

impl Close {
    /// Without witness.
    pub const fn tx(&self) -> &Transaction {
        &self.tx
    }
}

impl ChannelKeys {
    /// The opener begins an attempt.
    ///
    /// # Errors
    /// [`ChannelError::Randomness`].
    pub fn close_nonce<R: RngCore + CryptoRng>(
        &self,
        channel: &Channel,
        rng: &mut R,
    ) -> Result<CloseNonce, ChannelError> {
        let (secret, public) = self.drawn_nonce(channel, None, rng)?;
        Ok(CloseNonce { secret, public })
    }

    /// The accepter answers it.
    ///
    /// # Errors
    /// [`ChannelError::Session`] for a nonce that is none.
    pub fn close_share<R: RngCore + CryptoRng>(
        &self,
        channel: &Channel,
        close: &Close,
        opener: &PublicNonce,
        rng: &mut R,
    ) -> Result<CloseShare, ChannelError> {
        self.share_of(channel, &close.message, Side::Accepter, opener, rng)
    }

    /// The opener completes it; the nonce is used up, also if the share is false.
    ///
    /// # Errors
    /// [`ChannelError::Signature`] for a false share, before the own one is made.
    pub fn close_whole(
        &self,
        channel: &Channel,
        close: &Close,
        nonce: CloseNonce,
        given: &CloseShare,
    ) -> Result<Transaction, ChannelError> {
        channel.check_partial(&close.message, Side::Opener, &nonce.public, given)?;
        let own = (Side::Opener, nonce.public, nonce.secret);
        let signature = self.aggregate(channel, &close.message, own, given)?;
        let mut tx = close.tx.clone();
        if let Some(input) = tx.input.first_mut() {
            input.witness = Witness::from_slice(&[signature]);
        }
        Ok(tx)
    }
}
