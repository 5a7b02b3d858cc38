//! Signatures on commitments: the counterparty's share, made with a nonce drawn for it, and the publisher's own, last.

use bitcoin::{
    Transaction, Witness,
    secp256k1::rand::{CryptoRng, RngCore},
};
use narthex_base::codec::{DecodeError, Reader, Writer};
use zeroize::Zeroizing;

use super::{Channel, ChannelError, ChannelKeys, Commitment, Side};
use crate::musig::{PartialSignature, PublicNonce, SecretNonce, Session};

/// What the counterparty gives for one's commitment: its share of the signature, with the nonce that it drew for it.
///
/// It is made over one's verification nonce of the commitment's number. Whoever has it completes the signature alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitmentShare {
    /// The signer's nonce.
    pub nonce: PublicNonce,
    /// Its share.
    pub share: PartialSignature,
}

impl CommitmentShare {
    /// Writes it, in 98 bytes.
    pub fn write(&self, w: &mut Writer) {
        w.fixed(&self.nonce.0).fixed(&self.share.0);
    }

    /// Reads it; whether it is any good [`Channel::check_share`] says.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn read(r: &mut Reader<'_>) -> Result<CommitmentShare, DecodeError> {
        Ok(CommitmentShare {
            nonce: PublicNonce(r.array("nonce")?),
            share: PartialSignature(r.array("share")?),
        })
    }
}

impl Channel {
    pub(super) fn session(
        &self,
        message: &[u8; 32],
        (side, own): (Side, PublicNonce),
        peer: PublicNonce,
    ) -> Result<Session, ChannelError> {
        let nonces = self.ordered(side, own, peer);
        Ok(Session::new(self.funding_keys(), &nonces, None, message)?)
    }

    /// What is of `side` and of the other in the order of the funding key.
    pub(super) fn ordered<T>(&self, side: Side, own: T, peer: T) -> [T; 2] {
        match self.funding_keys().position(side.party()) {
            Some(0) => [own, peer],
            _ => [peer, own],
        }
    }

    /// Checks the counterparty's share of a commitment, over the publisher's verification nonce of that number.
    ///
    /// # Errors
    /// [`ChannelError::Signature`], [`ChannelError::Session`]: the fault of the counterparty of the commitment's owner.
    pub fn check_share(
        &self,
        commitment: &Commitment,
        verification: &PublicNonce,
        given: &CommitmentShare,
    ) -> Result<(), ChannelError> {
        self.check_partial(
            commitment.message(),
            commitment.owner(),
            verification,
            given,
        )
    }

    pub(super) fn check_partial(
        &self,
        message: &[u8; 32],
        owner: Side,
        verification: &PublicNonce,
        given: &CommitmentShare,
    ) -> Result<(), ChannelError> {
        let signer = owner.other();
        let session = self.session(message, (owner, *verification), given.nonce)?;
        let is_good = session.verify_share(
            self.funding_keys(),
            signer.party(),
            &given.nonce,
            &given.share,
        )?;
        match is_good {
            true => Ok(()),
            false => Err(ChannelError::Signature {
                side: signer,
                what: "a commitment",
            }),
        }
    }
}

impl ChannelKeys {
    /// A share of the counterparty's commitment, over its verification nonce. The nonce is drawn here and gone when this returns.
    ///
    /// # Errors
    /// [`ChannelError::Session`] for a nonce that is none; [`ChannelError::Randomness`].
    pub fn share<R: RngCore + CryptoRng>(
        &self,
        channel: &Channel,
        commitment: &Commitment,
        verification: &PublicNonce,
        rng: &mut R,
    ) -> Result<CommitmentShare, ChannelError> {
        let signer = commitment.owner().other();
        self.share_of(channel, commitment.message(), signer, verification, rng)
    }

    pub(super) fn share_of<R: RngCore + CryptoRng>(
        &self,
        channel: &Channel,
        message: &[u8; 32],
        signer: Side,
        peer: &PublicNonce,
        rng: &mut R,
    ) -> Result<CommitmentShare, ChannelError> {
        let (secret, nonce) = self.drawn_nonce(channel, Some(message), rng)?;
        let session = channel.session(message, (signer, nonce), *peer)?;
        let pair = self.funding_pair()?;
        let share = session.sign(channel.funding_keys(), signer.party(), &pair, secret)?;
        Ok(CommitmentShare { nonce, share })
    }

    pub(super) fn drawn_nonce<R: RngCore + CryptoRng>(
        &self,
        channel: &Channel,
        message: Option<&[u8; 32]>,
        rng: &mut R,
    ) -> Result<(SecretNonce, PublicNonce), ChannelError> {
        let mut seed = Zeroizing::new([0u8; 32]);
        rng.fill_bytes(&mut *seed);
        let (pair, keys) = (self.funding_pair()?, channel.funding_keys());
        let drawn = match message {
            Some(message) => PublicNonce::generate(&seed, &pair, keys, message),
            None => PublicNonce::generate_ahead(&seed, &pair, keys),
        };
        let (secret, public) = drawn.ok_or(ChannelError::Randomness)?;
        Ok((secret, public.to_public()))
    }

    /// The whole commitment of one's own, to publish. The verification nonce of its number makes one share by it: the caller has one commitment
    /// and one counterparty's share for each number, and keeps them.
    ///
    /// # Errors
    /// [`ChannelError::Signature`] for a false share, before the own one is made.
    pub fn whole(
        &self,
        channel: &Channel,
        commitment: &Commitment,
        given: &CommitmentShare,
    ) -> Result<Transaction, ChannelError> {
        let (owner, message) = (commitment.owner(), commitment.message());
        let (secret, nonce) = self.verification(channel, commitment.number())?;
        channel.check_share(commitment, &nonce, given)?;
        let signature = self.aggregate(channel, message, (owner, nonce, secret), given)?;
        let mut tx = commitment.tx().clone();
        if let Some(input) = tx.input.first_mut() {
            input.witness = Witness::from_slice(&[signature]);
        }
        Ok(tx)
    }

    pub(super) fn aggregate(
        &self,
        channel: &Channel,
        message: &[u8; 32],
        (owner, nonce, secret): (Side, PublicNonce, SecretNonce),
        given: &CommitmentShare,
    ) -> Result<[u8; 64], ChannelError> {
        let keys = channel.funding_keys();
        let session = channel.session(message, (owner, nonce), given.nonce)?;
        let own = session.sign(keys, owner.party(), &self.funding_pair()?, secret)?;
        let shares = channel.ordered(owner, own, given.share);
        let signature = session.aggregate(keys, &shares)?;
        signature.verify(&keys.output_key(), message, None)?;
        Ok(signature.0)
    }
}
