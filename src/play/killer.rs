//! Processes of a play that are killed.

use std::collections::BTreeMap;

use bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng};
use narthex_channel::log::{Identity, MemoryDisk, MemoryLog};
use narthex_contracts::{
    setup::ContractSignatures,
    terms::{Role, Terms},
};

use crate::life::{LifeError, LifeParty, LifeSigner, Own, Room};

/// Kills processes: now and then whoever has just written something down, before it has sent what follows.
pub(super) struct Killer {
    rng: StdRng,
    /// What every process begins with.
    known: BTreeMap<Role, (MemoryDisk, ContractSignatures<Terms>)>,
}

impl Killer {
    pub(super) fn new(seed: u64) -> Killer {
        Killer {
            rng: StdRng::seed_from_u64(seed),
            known: BTreeMap::new(),
        }
    }

    fn log(role: Role, disk: &MemoryDisk) -> Result<MemoryLog, LifeError> {
        let id = u8::try_from(role.index()).unwrap_or(u8::MAX);
        Ok(disk.open(&Identity::new("contract", [id; 32]))?)
    }

    pub(super) fn know(
        &mut self,
        role: Role,
        disk: &MemoryDisk,
        signatures: &ContractSignatures<Terms>,
    ) -> Result<MemoryLog, LifeError> {
        let known = (disk.clone(), signatures.clone());
        self.known.insert(role, known);
        Self::log(role, disk)
    }

    /// As [`Room::round`], with kills.
    pub(super) fn round<'a>(
        &mut self,
        room: &mut Room<'a>,
        chain: &mut dyn narthex_regtest::Chain,
    ) -> Result<(), LifeError> {
        loop {
            let before = room.changes();
            room.look(chain)?;
            loop {
                let is_killed = self.rng.gen_ratio(1, 8);
                let Some(to) = room.deliver_one(is_killed)? else {
                    break;
                };
                if is_killed {
                    self.kill(room, to)?;
                }
            }
            if room.changes() == before {
                break;
            }
        }
        let roles: Vec<_> = self.known.keys().copied().collect();
        for role in roles {
            if self.rng.gen_ratio(1, 4) {
                self.kill(room, role)?;
            }
        }
        room.look(chain)?;
        room.deliver()?;
        room.publish(chain)
    }

    fn kill<'a>(&mut self, room: &mut Room<'a>, role: Role) -> Result<(), LifeError> {
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
            signer: LifeSigner::new(work, blobs),
            publisher,
        };
        room.join(LifeParty::open(contract, own)?);
        Ok(())
    }
}
