//! What parties agree on before they draw: three of them a panel, client and worker a verifier.

use bitcoin::{Amount, hashes::sha256, key::XOnlyPublicKey, secp256k1::PublicKey};
use narthex_base::codec::Writer;
use narthex_base::kinds::{self};
use narthex_base::tagged::tagged_hash_parts;
use narthex_game_model::Params;

use super::{OfferRole, OfferTerms, SnapshotRules, Unacceptable, acceptable::Times};
use crate::{depth::Depth, terms::Role};

/// When things happen in a draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrawTiming {
    /// Height at which the pool is looked at.
    pub snapshot_height: u32,
    /// Blocks from the snapshot to the block that goes into the seed; at least 1. Commitments must be exchanged
    /// before that block, and the snapshot is buried by so many blocks when it is used.
    pub delay_blocks: u32,
    /// Blocks that must lie on the seed's block before nonces are revealed: whoever mines a competing block after
    /// the nonces are known could choose among seeds. At least 1, as [`Depth::LEAST`] counts the block itself.
    pub burial_blocks: u32,
}

/// Why a draw cannot be set up. The proposer's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaseError {
    /// No offer terms are named: nobody could be drawn.
    #[error("a draw needs at least one record of offer terms")]
    NoTerms,
    /// Offers are drawn for what they are offers of.
    #[error("offer terms {index} are for the role of {found}, the draw is for that of {wanted}")]
    Role {
        /// Position in the list.
        index: usize,
        /// Of the terms.
        found: OfferRole,
        /// Of the draw.
        wanted: OfferRole,
    },
    /// The contract breaks the terms of offers that it wants to draw from.
    #[error("offer terms {index}: {error}")]
    Unacceptable {
        /// Position in the list.
        index: usize,
        /// What does not fit.
        error: Unacceptable,
    },
    /// The seed's block would not be later than the snapshot, or a reorganisation of one block replaces it, or heights
    /// overflow.
    #[error(
        "a delay of {delay_blocks} and a burial of {burial_blocks} blocks after {snapshot_height}"
    )]
    Timing {
        /// Height of the snapshot.
        snapshot_height: u32,
        /// Delay asked for.
        delay_blocks: u32,
        /// Burial asked for.
        burial_blocks: u32,
    },
}

/// One draw of one contract's panel, or of its verifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawCase {
    params_hash: [u8; 32],
    role: OfferRole,
    /// Keys of those who draw, in canonical order.
    principals: Vec<PublicKey>,
    /// Identity of a verifier that was drawn before.
    verifier: Option<XOnlyPublicKey>,
    seats: u8,
    offers: Vec<OfferTerms>,
    rules: SnapshotRules,
    seed_height: u32,
    reveal_height: u32,
    id: [u8; 32],
}

impl DrawCase {
    /// A draw for a contract with these parameters between the owners of these contract keys (client, worker,
    /// verifier), among offers of at least `min_bond` that commit to one of `terms`.
    ///
    /// # Errors
    /// [`CaseError`]; whoever proposed the draw is at fault.
    pub fn new(
        params: &Params,
        principals: [PublicKey; 3],
        terms: &[OfferTerms],
        min_bond: Amount,
        timing: DrawTiming,
    ) -> Result<DrawCase, CaseError> {
        let role = OfferRole::Arbiter;
        DrawCase::of(role, params, &principals, terms, (min_bond, timing))
    }

    /// A draw of the verifier for a contract with these parameters between the owners of these contract keys (client,
    /// worker), among offers of at least `min_bond` that commit to one of `terms`. It comes before the panel's, which leaves out
    /// who was drawn ([`DrawCase::without`]).
    ///
    /// # Errors
    /// [`CaseError`]; whoever proposed the draw is at fault.
    pub fn for_verifier(
        params: &Params,
        principals: [PublicKey; 2],
        terms: &[OfferTerms],
        min_bond: Amount,
        timing: DrawTiming,
    ) -> Result<DrawCase, CaseError> {
        let role = OfferRole::Verifier;
        DrawCase::of(role, params, &principals, terms, (min_bond, timing))
    }

    fn of(
        role: OfferRole,
        params: &Params,
        principals: &[PublicKey],
        terms: &[OfferTerms],
        (min_bond, timing): (Amount, DrawTiming),
    ) -> Result<DrawCase, CaseError> {
        if terms.is_empty() {
            return Err(CaseError::NoTerms);
        }
        for (index, record) in terms.iter().enumerate() {
            if record.role != role {
                return Err(CaseError::Role {
                    index,
                    found: record.role,
                    wanted: role,
                });
            }
            record
                .accepts(params)
                .map_err(|error| CaseError::Unacceptable { index, error })?;
        }
        let DrawTiming {
            snapshot_height,
            delay_blocks,
            burial_blocks,
        } = timing;
        let timing_error = CaseError::Timing {
            snapshot_height,
            delay_blocks,
            burial_blocks,
        };
        let seed_height = snapshot_height
            .checked_add(delay_blocks)
            .filter(|height| *height > snapshot_height)
            .ok_or(timing_error.clone())?;
        let reveal_height = seed_height
            .checked_add(burial_blocks)
            .filter(|_| Depth::new(burial_blocks.saturating_add(1)).is_ok())
            .ok_or(timing_error)?;
        let rules = SnapshotRules {
            height: snapshot_height,
            min_expiry_height: Times::of(params).end_height,
            min_bond_sat: min_bond,
            terms_hashes: terms.iter().map(OfferTerms::hash).collect(),
        };
        let seats = match role {
            OfferRole::Arbiter => params.arbiters(),
            OfferRole::Verifier => 1,
        };
        let case = DrawCase {
            params_hash: params.hash(),
            role,
            principals: principals.to_vec(),
            verifier: None,
            seats,
            offers: terms.to_vec(),
            rules,
            seed_height,
            reveal_height,
            id: [0; 32],
        };
        Ok(case.identified())
    }

    /// The same draw, in which nobody with this identity takes a seat: the verifier that was drawn for the contract. Who
    /// has offers of both kinds serves in one role of a contract.
    pub fn without(self, verifier: XOnlyPublicKey) -> DrawCase {
        let verifier = Some(verifier);
        DrawCase { verifier, ..self }.identified()
    }

    fn identified(self) -> DrawCase {
        let mut w = Writer::new(kinds::DRAW_CASE);
        w.fixed(&self.params_hash);
        self.role.write(&mut w);
        w.list(&self.principals, |w, key| {
            w.point(key);
        });
        w.optional(self.verifier.as_ref(), |w, verifier| {
            w.key(verifier);
        });
        w.u32(self.seed_height).u32(self.reveal_height);
        w.message(&self.rules);
        let id = tagged_hash_parts("narthex/panel-case", &[&w.finish()]);
        DrawCase { id, ..self }
    }

    /// What is drawn.
    pub fn role(&self) -> OfferRole {
        self.role
    }

    /// Identity of the verifier that takes no seat.
    pub fn verifier(&self) -> Option<&XOnlyPublicKey> {
        self.verifier.as_ref()
    }

    /// Terms that offers of this draw commit to, by their hash.
    pub fn offer(&self, hash: &sha256::Hash) -> Option<&OfferTerms> {
        self.offers.iter().find(|terms| terms.hash() == *hash)
    }

    /// Identifies the draw: tagged hash of everything that the parties agreed on.
    pub fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// Hash of the contract's parameters.
    pub fn params_hash(&self) -> &[u8; 32] {
        &self.params_hash
    }

    /// Contract key of client or worker, or of the verifier where it draws.
    pub fn principal(&self, role: Role) -> Option<&PublicKey> {
        self.principals.get(role.index())
    }

    /// The number wanted: n arbiters, or one verifier.
    pub fn seats(&self) -> u8 {
        self.seats
    }

    /// Which offers count, and at which height.
    pub fn rules(&self) -> &SnapshotRules {
        &self.rules
    }

    /// Height of the block that goes into the seed.
    pub fn seed_height(&self) -> u32 {
        self.seed_height
    }

    /// Tip from which nonces are revealed.
    pub fn reveal_height(&self) -> u32 {
        self.reveal_height
    }
}
