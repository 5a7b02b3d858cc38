//! Processes of a play that are killed.

use std::collections::BTreeMap;

use bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng};
use narthex_channel::log::{Identity, MemoryDisk, MemoryLog};
use narthex_contracts::{
    setup::ContractSignatures,
    terms::{Role, Terms},
};

use super::cheat::{SharedCheats, seat};
use crate::life::{LifeError, LifeSigner, Own, Room};

/// Most kills between two blocks.
const KILLS_A_BLOCK: u32 = 40;

/// Kills processes: now and then whoever has just written something down, before it has sent what follows.
pub(super) struct Killer {
    rng: StdRng,
    /// How many that hear something are killed before the next block. Each says again all that nobody has acknowledged: where a cheat keeps
    /// others from acknowledging it, letters would have no end.
    left: u32,
    /// What every process begins with.
    known: BTreeMap<Role, (MemoryDisk, ContractSignatures<Terms>)>,
}

impl Killer {
    pub(super) fn new(seed: u64) -> Killer {
        Killer {
            rng: StdRng::seed_from_u64(seed),
            left: KILLS_A_BLOCK,
            known: BTreeMap::new(),
        }
    }

    fn log(role: Role, disk: &MemoryDisk) -> Result<MemoryLog, LifeError> {
        let id = u8::try_from(role.index()).unwrap_or(u8::MAX);
        Ok(disk.open(&Identity::new("contract", [id; 32]))?)
    }

    /// What a process of this party begins with: nothing on its disk, and what it holds since the set-up.
    pub(super) fn know(
        &mut self,
        role: Role,
        signatures: &ContractSignatures<Terms>,
    ) -> Result<MemoryLog, LifeError> {
        let disk = MemoryDisk::default();
        let log = Self::log(role, &disk)?;
        self.known.insert(role, (disk, signatures.clone()));
        Ok(log)
    }

    /// Whether the next process that hears something is killed.
    pub(super) fn strikes(&mut self) -> bool {
        let strikes = self.left > 0 && self.rng.gen_ratio(1, 8);
        self.left -= u32::from(strikes);
        strikes
    }

    /// Kills some processes while nothing is on its way.
    pub(super) fn kill_some(
        &mut self,
        room: &mut Room<'_>,
        cheats: &SharedCheats,
    ) -> Result<(), LifeError> {
        self.left = KILLS_A_BLOCK;
        let roles: Vec<_> = self.known.keys().copied().collect();
        for role in roles {
            if self.rng.gen_ratio(1, 4) {
                self.kill(room, role, cheats)?;
            }
        }
        Ok(())
    }

    pub(super) fn kill(
        &mut self,
        room: &mut Room<'_>,
        role: Role,
        cheats: &SharedCheats,
    ) -> Result<(), LifeError> {
        let Some((disk, signatures)) = self.known.get(&role) else {
            return Ok(());
        };
        let Some(party) = room.leave(role) else {
            return Ok(());
        };
        let contract = party.book().contract().clone();
        let (signer, publisher) = party.leave();
        let (mut work, blobs) = signer.into_work();
        work.signatures = signatures.clone();
        let own = Own {
            log: Self::log(role, disk)?,
            signer: LifeSigner::new(work, blobs)?,
            publisher,
        };
        seat(room, contract, own, cheats)
    }
}
