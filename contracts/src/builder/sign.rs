//! Signatures of a small contract's transactions: by one party at a leaf, and by two together. All of it is the
//! engine's MuSig2; a party alone is a key set of one.

use bitcoin::secp256k1::{
    PublicKey, Secp256k1, SecretKey,
    rand::{CryptoRng, RngCore},
};
use narthex_base::tagged::tagged_hash_parts;
use zeroize::Zeroizing;

use super::BuilderError;
use crate::{
    graph::{NodeId, TxGraph},
    musig::{
        AdaptorPoint, AdaptorSignature, KeySet, MusigKeypair, PartialSignature, PointTerm,
        PublicNonce, SecretNonce, Session,
    },
    party::PartyName,
};

/// What is signed, and under which keys.
#[derive(Debug, Clone)]
pub struct Task {
    keys: KeySet,
    message: [u8; 32],
}

impl Task {
    /// This message under these keys, where no graph says it.
    pub(crate) const fn of(keys: KeySet, message: [u8; 32]) -> Task {
        Task { keys, message }
    }

    /// The signature number `position` of a transaction's one input; a leaf's releasers come after its signers.
    pub fn new(graph: &TxGraph, node: NodeId, position: usize) -> Result<Task, BuilderError> {
        let missing = || BuilderError::Missing("signature to make");
        let slots = graph.node(node).and_then(|node| graph.slots(node));
        let mut slots = slots.ok_or_else(missing)?.into_iter();
        let slot = slots.find(|slot| slot.input == 0 && usize::from(slot.place) == position);
        let slot = slot.ok_or_else(missing)?;
        let messages = match slot.release {
            true => graph.release_hashes(node),
            false => graph.sighashes(node),
        };
        let messages = messages.ok_or_else(missing)?;
        Ok(Task {
            keys: graph.key_set(slot.keys).ok_or_else(missing)?.clone(),
            message: *messages.first().ok_or_else(missing)?,
        })
    }

    /// The signature of the one signer of this task, under `point` if there is one.
    pub fn sign_alone<R: RngCore + CryptoRng>(
        &self,
        (party, key): (PartyName, &SecretKey),
        point: Option<&AdaptorPoint>,
        rng: &mut R,
    ) -> Result<AdaptorSignature, BuilderError> {
        let mut seed = Zeroizing::new([0u8; 32]);
        rng.fill_bytes(&mut *seed);
        self.sign_seeded((party, key), point, &seed)
    }

    /// As [`Task::sign_alone`] with a nonce that is a hash of key, point and message, as BIP340's own is without
    /// auxiliary randomness: the signer makes the same signature again at any time, and keeps none. Two points or two
    /// messages have two nonces, and so has a signature under none.
    pub fn sign_again(
        &self,
        (party, key): (PartyName, &SecretKey),
        point: Option<&AdaptorPoint>,
    ) -> Result<AdaptorSignature, BuilderError> {
        let secret = Zeroizing::new(key.secret_bytes());
        let in_hash = match point {
            Some(point) => point.to_public_key()?.serialize(),
            None => [0; 33],
        };
        let parts: [&[u8]; 4] = [
            &*secret,
            &self.keys.output_key().serialize(),
            &in_hash,
            &self.message,
        ];
        let seed = Zeroizing::new(tagged_hash_parts("narthex/nonce-again", &parts));
        self.sign_seeded((party, key), point, &seed)
    }

    fn sign_seeded(
        &self,
        (party, key): (PartyName, &SecretKey),
        point: Option<&AdaptorPoint>,
        seed: &[u8; 32],
    ) -> Result<AdaptorSignature, BuilderError> {
        let pair = MusigKeypair::new(key).ok_or(BuilderError::WrongKey { party })?;
        let (secret, public) = PublicNonce::generate(seed, &pair, &self.keys, &self.message)
            .ok_or(BuilderError::Randomness)?;
        let point_term = point.map(PointTerm::new).transpose()?;
        let (nonces, term) = ([&public], point_term.as_ref());
        let session = Session::of_checked(&self.keys, &nonces, term, &self.message)?;
        let share = session.sign(&self.keys, party, &pair, secret)?;
        let signature = session.aggregate(&self.keys, &[share])?;
        self.verify(&signature, point)?;
        Ok(signature)
    }

    /// The secret that completed `signature`, of this task under `point`, into what was published.
    pub fn extract(
        &self,
        signature: &AdaptorSignature,
        published: &[u8; 64],
        point: &AdaptorPoint,
    ) -> Result<SecretKey, BuilderError> {
        let secp = Secp256k1::signing_only();
        let published = AdaptorSignature(*published).into_signature()?;
        Ok(signature.extract(&secp, &published, &point.to_public_key()?)?)
    }

    /// Checks a signature of this task, under `point` if there is one.
    pub fn verify(
        &self,
        signature: &AdaptorSignature,
        point: Option<&AdaptorPoint>,
    ) -> Result<(), BuilderError> {
        Ok(signature.verify(&self.keys.output_key(), &self.message, point)?)
    }

    /// Completes an adaptor signature of this task.
    pub fn complete(
        &self,
        signature: &AdaptorSignature,
        secret: &SecretKey,
    ) -> Result<[u8; 64], BuilderError> {
        let secp = narthex_base::context::verifying();
        let complete = signature.complete(secp, &self.keys.output_key(), &self.message, secret)?;
        Ok(complete.serialize())
    }

    fn nonce<R: RngCore + CryptoRng>(
        &self,
        pair: &MusigKeypair,
        rng: &mut R,
    ) -> Result<(SecretNonce, PublicNonce), BuilderError> {
        let mut seed = Zeroizing::new([0u8; 32]);
        rng.fill_bytes(&mut *seed);
        let pair = PublicNonce::generate(&seed, pair, &self.keys, &self.message);
        let (secret, public) = pair.ok_or(BuilderError::Randomness)?;
        Ok((secret, public.to_public()))
    }
}

/// Checks that `key` is the secret of `public`.
///
/// # Errors
/// [`BuilderError::WrongKey`]: the caller's fault.
pub fn check_key(key: &SecretKey, public: PublicKey, party: PartyName) -> Result<(), BuilderError> {
    match PublicKey::from_secret_key(&Secp256k1::signing_only(), key) == public {
        true => Ok(()),
        false => Err(BuilderError::WrongKey { party }),
    }
}

/// One signature of both parties, after the nonces were drawn: [`Cosigner`] → [`Cosigned`] → 64 bytes.
///
/// No adaptor point is involved, so whoever gets the last share first gains nothing that the other did not agree to.
pub struct Cosigner {
    task: Task,
    party: PartyName,
    pair: MusigKeypair,
    secret: SecretNonce,
    own: PublicNonce,
}

/// One signature of both parties, of which the own share is made.
pub struct Cosigned {
    task: Task,
    party: PartyName,
    session: Session,
    own: PartialSignature,
    peer_nonce: PublicNonce,
}

impl Cosigner {
    /// Draws a nonce for the one input of a transaction that both parties' key spends.
    pub fn new<R: RngCore + CryptoRng>(
        graph: &TxGraph,
        node: NodeId,
        (party, key): (PartyName, &SecretKey),
        rng: &mut R,
    ) -> Result<(Cosigner, PublicNonce), BuilderError> {
        let task = Task::new(graph, node, 0)?;
        let pair = MusigKeypair::new(key).ok_or(BuilderError::WrongKey { party })?;
        let (secret, own) = task.nonce(&pair, rng)?;
        let cosigner = Cosigner {
            task,
            party,
            pair,
            secret,
            own,
        };
        Ok((cosigner, own))
    }

    /// Makes the own share. The secret nonce is gone afterwards, also if it fails.
    pub fn sign(
        self,
        peer_nonce: PublicNonce,
    ) -> Result<(Cosigned, PartialSignature), BuilderError> {
        let Cosigner {
            task,
            party,
            pair,
            secret,
            own,
        } = self;
        let nonces = ordered(&task.keys, party, own, peer_nonce);
        let session = Session::new(&task.keys, &nonces, None, &task.message)?;
        let own = session.sign(&task.keys, party, &pair, secret)?;
        let cosigned = Cosigned {
            task,
            party,
            session,
            own,
            peer_nonce,
        };
        Ok((cosigned, own))
    }
}

impl Cosigned {
    /// Adds the peer's share. A false one names the peer.
    pub fn finish(self, share: PartialSignature) -> Result<[u8; 64], BuilderError> {
        let keys = &self.task.keys;
        let signer = keys
            .names()
            .find(|signer| *signer != self.party)
            .ok_or(BuilderError::Missing("peer"))?;
        let false_share = BuilderError::Signature {
            signer,
            what: "a transaction of both",
        };
        if !(self.session).verify_share(keys, signer, &self.peer_nonce, &share)? {
            return Err(false_share);
        }
        let shares = ordered(keys, self.party, self.own, share);
        let signature = self.session.aggregate(keys, &shares)?;
        self.task
            .verify(&signature, None)
            .map_err(|_| false_share)?;
        Ok(signature.0)
    }
}

/// What is one's own and the peer's in the order of the two signers.
fn ordered<T: Copy>(keys: &KeySet, party: PartyName, own: T, peer: T) -> [T; 2] {
    match keys.position(party) {
        Some(0) => [own, peer],
        _ => [peer, own],
    }
}
