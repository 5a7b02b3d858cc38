//! What a requester calls for, and what a recomputer answers: keys, amount, and the points of its secrets.

use bitcoin::{
    Amount, ScriptBuf,
    hashes::{Hash, sha256},
    key::XOnlyPublicKey,
    secp256k1::{
        PublicKey, Secp256k1, SecretKey, Verification,
        rand::{CryptoRng, RngCore},
        schnorr,
    },
};
use narthex_base::codec::Writer;
use narthex_base::tagged::tagged_hash_parts;
use narthex_base::{secret, statement};
use narthex_game_model::market::{LayerSet, MAX_LAYERS, payable};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::BountyError;
use crate::{binding::Mark, depth::Depth, terms::SecretPoint};

/// What recomputers are asked for before the terms are whole. The requester draws a fresh salt for each, and signs with it
/// once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Key that the requester signs seals and closings with.
    pub requester: XOnlyPublicKey,
    /// The job, by its id.
    pub job: sha256::Hash,
    /// [`FreshSalt::value`](crate::binding::FreshSalt::value) of the requester's.
    pub salt: sha256::Hash,
    /// Recomputers in the line-up, 1 to 6.
    pub recomputers: u8,
    /// Least number of equal layers that are paid.
    pub quorum: u8,
}

impl Call {
    /// Whether there can be such a line-up. The requester's fault if not.
    pub fn check(&self) -> Result<(), BountyError> {
        let bad = |field, given: u8| BountyError::Terms {
            field,
            problem: format!("{given}; a line-up has 1 to {MAX_LAYERS}, a quorum 1 to all of them"),
        };
        if !(1..=MAX_LAYERS).contains(&usize::from(self.recomputers)) {
            return Err(bad("recomputers", self.recomputers));
        }
        if self.quorum == 0 || self.quorum > self.recomputers {
            return Err(bad("quorum", self.quorum));
        }
        Ok(())
    }

    /// The sets that a recomputer has a secret for: the empty one, which cancels, and each that may be paid and has it.
    pub fn sets(&self, seat: u8) -> impl Iterator<Item = LayerSet> + use<> {
        let paid = payable(usize::from(self.recomputers), self.quorum);
        std::iter::once(LayerSet::empty()).chain(paid.filter(move |set| set.contains(seat.into())))
    }

    /// What a seat's offer is bound to: no proof for one place counts in another.
    pub(super) fn context(&self, seat: u8) -> [u8; 32] {
        let parts: [&[u8]; 4] = [
            &self.requester.serialize(),
            self.job.as_byte_array(),
            self.salt.as_byte_array(),
            &[self.recomputers, self.quorum, seat],
        ];
        tagged_hash_parts("narthex/bounty-call", &parts)
    }
}

secret! {
    serde
    /// What all secrets of a recomputer in one bounty follow from, kept until the bounty is over. Bytes are taken from the
    /// recomputer's record alone; a new one is drawn.
    RecomputerSeed
}

/// A seed that is bound to the terms of one bounty: [`recomputer_party`](super::recomputer_party) makes it, and nothing else does.
#[derive(Debug)]
pub struct BoundSeed {
    pub(super) seed: RecomputerSeed,
    /// How deep the funding must be for this recomputer.
    pub(super) depth: Depth,
}

impl RecomputerSeed {
    /// Draws a seed.
    pub fn draw<R: RngCore + CryptoRng>(rng: &mut R) -> RecomputerSeed {
        RecomputerSeed::drawn(|bytes| rng.fill_bytes(bytes))
    }

    /// What is bound to the terms that it serves.
    pub(super) fn mark(&self) -> Mark {
        Mark::of("bounty seed", self.expose())
    }

    /// The secret for one set. One hash in 2¹²⁸ is none: then the recomputer takes another seed.
    pub(super) fn secret(
        &self,
        context: &[u8; 32],
        set: LayerSet,
    ) -> Result<SecretKey, BountyError> {
        let parts: [&[u8]; 3] = [self.expose(), context, &[set.mask()]];
        let hash = Zeroizing::new(tagged_hash_parts("narthex/bounty-secret", &parts));
        SecretKey::from_slice(&*hash).map_err(|_| BountyError::Seed)
    }

    /// The salt of the layer's commitment.
    pub(super) fn layer_salt(&self, context: &[u8; 32]) -> [u8; 32] {
        tagged_hash_parts("narthex/bounty-salt", &[self.expose(), context])
    }

    /// The key of one encryption: it follows from what is encrypted, so that no key encrypts two things.
    pub(super) fn ephemeral(
        &self,
        context: &[u8; 32],
        plaintext: &[u8],
    ) -> Result<SecretKey, BountyError> {
        let hash = tagged_hash_parts("narthex/bounty-plaintext", &[plaintext]);
        let parts: [&[u8]; 3] = [self.expose(), context, &hash];
        let hash = Zeroizing::new(tagged_hash_parts("narthex/bounty-ephemeral", &parts));
        SecretKey::from_slice(&*hash).map_err(|_| BountyError::Seed)
    }
}

/// A recomputer's answer to a call for one seat.
///
/// Each set has a secret of its own, so that what a recomputer gives towards one settlement helps towards no other; and
/// each point comes with proof that its secret is known, so that none is chosen to cancel another's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecomputerOffer {
    /// Key that the recomputer is known by in ledgers; it signs the layer and everything that the recomputer says.
    pub identity: XOnlyPublicKey,
    /// The recomputer's key in this contract.
    pub key: PublicKey,
    /// Where it is paid, hex of the script.
    pub script: ScriptBuf,
    /// What it is paid, in sat.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub amount_sat: Amount,
    /// Points of its secrets, in the order of [`Call::sets`].
    pub points: Vec<SecretPoint>,
    /// By the identity, over all of it.
    pub signature: schnorr::Signature,
}

impl RecomputerOffer {
    /// An offer for a seat, signed. `key` is the contract key's secret.
    pub fn new(
        call: &Call,
        seat: u8,
        (identity, key): (&SecretKey, &SecretKey),
        seed: &RecomputerSeed,
        (script, amount_sat): (ScriptBuf, Amount),
    ) -> Result<RecomputerOffer, BountyError> {
        call.check()?;
        let secp = Secp256k1::signing_only();
        let context = call.context(seat);
        let owner = PublicKey::from_secret_key(&secp, key);
        let point = |set: LayerSet| {
            let secret = seed.secret(&context, set)?;
            Ok(SecretPoint::new(
                &secp,
                &secret,
                &place(set),
                &owner,
                &context,
            ))
        };
        let points = call.sets(seat).map(point);
        let points = points.collect::<Result<Vec<_>, BountyError>>()?;
        let digest = digest(&context, &owner, &script, (amount_sat, &points));
        Ok(RecomputerOffer {
            identity: identity.x_only_public_key(&secp).0,
            key: owner,
            script,
            amount_sat,
            points,
            signature: statement::sign_by(&digest, identity),
        })
    }

    /// Whether all of it holds for this seat. The recomputer's fault if not.
    pub(super) fn check<C: Verification>(
        &self,
        secp: &Secp256k1<C>,
        call: &Call,
        seat: u8,
    ) -> Result<(), BountyError> {
        let bad = |problem| Err(BountyError::Offer { seat, problem });
        if !self.script.is_p2tr() && !self.script.is_p2wpkh() {
            return bad("is paid to neither P2TR nor P2WPKH");
        }
        let context = call.context(seat);
        let offered = (self.amount_sat, &self.points[..]);
        let digest = digest(&context, &self.key, &self.script, offered);
        if statement::verify(&digest, &self.signature, &self.identity).is_err() {
            return bad("is not signed by its identity for this call and seat");
        }
        let mut points = self.points.iter();
        for set in call.sets(seat) {
            let Some(point) = points.next() else {
                return bad("has too few points");
            };
            if !point.verify(secp, &place(set), &self.key, &context) {
                return bad("has a point whose secret it does not prove to know");
            }
        }
        match points.next() {
            None => Ok(()),
            Some(_) => bad("has too many points"),
        }
    }
}

/// What a secret is for, in the proof of its point.
fn place(set: LayerSet) -> String {
    format!("bounty {}", set.mask())
}

/// What key, script, price and points come to, in the hashes that cover them.
pub(super) fn body(
    key: &PublicKey,
    script: &ScriptBuf,
    amount: Amount,
    points: &[SecretPoint],
) -> Vec<u8> {
    let mut w = Writer::default();
    w.point(key)
        .bytes(script.as_bytes())
        .amount(amount)
        .list(points, |w, point| {
            w.point(&point.point);
        })
        .finish()
}

/// What a recomputer signs to offer.
fn digest(
    context: &[u8; 32],
    key: &PublicKey,
    script: &ScriptBuf,
    (amount, points): (Amount, &[SecretPoint]),
) -> [u8; 32] {
    let body = body(key, script, amount, points);
    tagged_hash_parts("narthex/bounty-offer", &[context, &body])
}
