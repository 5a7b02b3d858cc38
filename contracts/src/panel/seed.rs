//! The seed of a draw: a nonce of each who draws, committed before, and the hash of a block mined after.
//!
//! Rounds are types: [`Committing`] → [`Committed`] → [`Revealing`] → [`Seed`]. Nonces are revealed only when the
//! block is known and buried, for two reasons: a miner that knows no nonce cannot tell a good block from a bad one,
//! and a party that refuses to reveal gains nothing over one that refuses to sign later, except that it is named.

use bitcoin::{
    BlockHash,
    hashes::Hash,
    secp256k1::rand::{CryptoRng, RngCore},
};
use narthex_base::tagged::tagged_hash_parts;
use zeroize::Zeroize;

use super::DrawCase;
use crate::terms::Role;

/// Why there is no seed, and by whose fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SeedError {
    /// Only client, worker and, for a panel, verifier bring nonces.
    #[error("{role} does not take part in this draw")]
    NotAPrincipal {
        /// Who tried.
        role: Role,
    },
    /// The commitment came when the block was known or could be: its sender may have chosen it for the block.
    #[error("{from} committed at height {tip}; the block at {seed_height} must come later")]
    TooLate {
        /// Sender.
        from: Role,
        /// Tip when the commitment came in.
        tip: u32,
        /// Height of the seed's block.
        seed_height: u32,
    },
    /// Another commitment or nonce came before. The sender's fault.
    #[error("{from} contradicts what it sent before")]
    Contradiction {
        /// Sender.
        from: Role,
    },
    /// A commitment is missing.
    #[error("{from} has not committed")]
    NotCommitted {
        /// Who is late.
        from: Role,
    },
    /// The block is not the one that was agreed on, so perhaps not later than the commitments. The caller's fault.
    #[error("a block at height {found} was given, the seed takes the one at {seed_height}")]
    OtherBlock {
        /// Height given.
        found: u32,
        /// Height agreed on.
        seed_height: u32,
    },
    /// The block may still be replaced.
    #[error("the tip is {tip}; nonces are revealed from {reveal_height} on")]
    NotBuried {
        /// The tip.
        tip: u32,
        /// Tip needed.
        reveal_height: u32,
    },
    /// The nonce does not open the commitment. The sender's fault.
    #[error("{from} revealed a nonce that does not open its commitment")]
    WrongReveal {
        /// Sender.
        from: Role,
    },
    /// A nonce is not revealed by the permission of another draw. The caller's fault.
    #[error("this nonce was drawn for another draw of a panel")]
    OtherDraw,
    /// A nonce is missing.
    #[error("{from} has not revealed its nonce")]
    NotRevealed {
        /// Who is late.
        from: Role,
    },
}

/// A party's nonce for one draw, before it is revealed. It is drawn inside and serves this draw and this party alone: a
/// nonce that was revealed in one draw and used in another would let the others choose theirs for it. Neither `Clone`
/// nor `Serialize`; whoever loses it before the reveal has not revealed, and the draw is made anew.
pub struct SeedNonce {
    bytes: [u8; 32],
    case_id: [u8; 32],
    own: Role,
}

impl SeedNonce {
    /// Draws the nonce of `own` for this draw. `rng` is the system's source.
    pub fn draw<R: RngCore + CryptoRng + ?Sized>(
        case: &DrawCase,
        own: Role,
        rng: &mut R,
    ) -> SeedNonce {
        let mut nonce = SeedNonce {
            bytes: [0; 32],
            case_id: *case.id(),
            own,
        };
        rng.fill_bytes(&mut nonce.bytes);
        nonce
    }

    /// The commitment that the other parties get.
    pub fn commitment(&self) -> Commitment {
        commitment(&self.case_id, self.own, &self.bytes)
    }

    /// The nonce. That it is time shows in the permission, which only [`Committed::open`] gives.
    ///
    /// # Errors
    /// [`SeedError::OtherDraw`] for the permission of another draw.
    pub fn reveal(&self, permission: &Revealing) -> Result<[u8; 32], SeedError> {
        match *permission.case.id() == self.case_id {
            true => Ok(self.bytes),
            false => Err(SeedError::OtherDraw),
        }
    }
}

impl Drop for SeedNonce {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl std::fmt::Debug for SeedNonce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SeedNonce(..)")
    }
}

/// Hash of a nonce with its draw and its owner, so that nobody can send another's commitment as its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commitment(pub [u8; 32]);

fn commitment(case_id: &[u8; 32], owner: Role, nonce: &[u8; 32]) -> Commitment {
    Commitment(tagged_hash_parts(
        "narthex/panel-commitment",
        &[case_id, &[owner.index() as u8], nonce],
    ))
}

/// Collects commitments.
#[derive(Debug, Clone)]
pub struct Committing {
    case: DrawCase,
    commitments: [Option<Commitment>; 3],
}

impl Committing {
    /// Nobody has committed yet.
    pub fn new(case: DrawCase) -> Committing {
        Committing {
            case,
            commitments: [None; 3],
        }
    }

    /// Takes a party's commitment, own included. `tip` is the height of the best chain when it came in.
    pub fn accept(
        &mut self,
        from: Role,
        commitment: Commitment,
        tip: u32,
    ) -> Result<(), SeedError> {
        let seed_height = self.case.seed_height();
        let slot = slot(&self.case, &mut self.commitments, from)?;
        match slot {
            Some(known) if *known == commitment => return Ok(()),
            Some(_) => return Err(SeedError::Contradiction { from }),
            None => {}
        }
        if tip >= seed_height {
            return Err(SeedError::TooLate {
                from,
                tip,
                seed_height,
            });
        }
        *slot = Some(commitment);
        Ok(())
    }

    /// When all have committed.
    pub fn close(&self) -> Result<Committed, SeedError> {
        complete(&self.case, &self.commitments, |from| {
            SeedError::NotCommitted { from }
        })?;
        Ok(Committed {
            case: self.case.clone(),
            commitments: self.commitments,
        })
    }
}

/// The block that goes into the seed, as the party's own node sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeedBlock {
    /// Its height.
    pub height: u32,
    /// Its hash.
    pub hash: BlockHash,
    /// Height of the best chain now.
    pub tip: u32,
}

/// All have committed; the block is awaited.
#[derive(Debug, Clone)]
pub struct Committed {
    case: DrawCase,
    commitments: [Option<Commitment>; 3],
}

impl Committed {
    /// Goes on with the block that was agreed on. After a reorganisation it is called again with the other block.
    pub fn open(&self, block: SeedBlock) -> Result<Revealing, SeedError> {
        let (seed_height, reveal_height) = (self.case.seed_height(), self.case.reveal_height());
        if block.height != seed_height {
            return Err(SeedError::OtherBlock {
                found: block.height,
                seed_height,
            });
        }
        if block.tip < reveal_height {
            return Err(SeedError::NotBuried {
                tip: block.tip,
                reveal_height,
            });
        }
        Ok(Revealing {
            case: self.case.clone(),
            commitments: self.commitments,
            block_hash: block.hash,
            nonces: [None; 3],
        })
    }
}

/// The block is known; nonces are revealed.
#[derive(Debug, Clone)]
pub struct Revealing {
    case: DrawCase,
    commitments: [Option<Commitment>; 3],
    block_hash: BlockHash,
    nonces: [Option<[u8; 32]>; 3],
}

impl Revealing {
    /// Takes a party's nonce, own included.
    pub fn accept(&mut self, from: Role, nonce: [u8; 32]) -> Result<(), SeedError> {
        let slot = slot(&self.case, &mut self.nonces, from)?;
        let own = commitment(self.case.id(), from, &nonce);
        if self.commitments.get(from.index()) != Some(&Some(own)) {
            return Err(SeedError::WrongReveal { from });
        }
        *slot = Some(nonce);
        Ok(())
    }

    /// When all have revealed.
    pub fn finish(&self) -> Result<Seed, SeedError> {
        let nonces = complete(&self.case, &self.nonces, |from| SeedError::NotRevealed {
            from,
        })?;
        Ok(Seed::of(&self.case, &nonces, &self.block_hash))
    }
}

/// What a draw follows from, with the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub(super) [u8; 32]);

impl Seed {
    /// What follows from revealed nonces, in canonical order, and the hash of the seed's block: for who took no part in the
    /// draw and checks it. That each nonce was committed to before that block, only those who drew have seen.
    pub fn of(case: &DrawCase, nonces: &[[u8; 32]], block: &BlockHash) -> Seed {
        let mut parts: Vec<&[u8]> = vec![case.id()];
        parts.extend(nonces.iter().map(<[u8; 32]>::as_slice));
        parts.push(block.as_byte_array());
        Seed(tagged_hash_parts("narthex/panel-seed", &parts))
    }

    /// A seed that was computed and stored before.
    pub fn from_bytes(bytes: [u8; 32]) -> Seed {
        Seed(bytes)
    }

    /// As bytes.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

fn slot<'a, T>(
    case: &DrawCase,
    slots: &'a mut [Option<T>; 3],
    role: Role,
) -> Result<&'a mut Option<T>, SeedError> {
    let draws = case.role().drawn_by().contains(&role);
    let slot = slots.get_mut(role.index()).filter(|_| draws);
    slot.ok_or(SeedError::NotAPrincipal { role })
}

/// What those who draw have brought, in canonical order.
fn complete<T: Copy>(
    case: &DrawCase,
    slots: &[Option<T>; 3],
    missing: impl Fn(Role) -> SeedError,
) -> Result<Vec<T>, SeedError> {
    let drawers = case.role().drawn_by().iter();
    let brought = drawers.map(|role| {
        let slot = slots.get(role.index()).copied().flatten();
        slot.ok_or_else(|| missing(*role))
    });
    brought.collect()
}
