//! What the engine's numbers stand for in a contract of computation: its secrets, stages and variants.

pub use narthex_game_model::Accusation;
use narthex_game_model::{ArbiterSet, Ruling};

use crate::{
    attest::Attestation,
    graph::{SecretId, SecretName, Variant},
    setup::Secrets,
    terms::MAX_ARBITERS,
};

/// The order in which its signatures are exchanged.
pub mod stage {
    use crate::graph::{Stage, StageName};

    /// The appeal and everything behind it.
    pub const ARBITRATION: StageName = StageName::new(Stage(0), "Arbitration");
    /// Delivery, verdicts and what follows them without appeal.
    pub const DELIVERY: StageName = StageName::new(Stage(1), "Delivery");
    /// Settlements that spend the funding output.
    pub const SETTLEMENT: StageName = StageName::new(Stage(2), "Settlement");
    /// All of them in order.
    pub const ALL: [StageName; 3] = [ARBITRATION, DELIVERY, SETTLEMENT];
}

/// A secret that completes transactions of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContractSecret {
    /// The worker's result secret t.
    Result,
    /// The worker's appeal secret (`paper` template).
    Appeal,
    /// The panel's one shared secret (`paper` template).
    Panel,
    /// The worker's token x: no transaction is under it, the verifier's payment for an approval is.
    Token,
    /// What an arbiter gives away by attesting a ruling.
    Attestation(Ruling, u8),
}

impl ContractSecret {
    /// All that a contract with a panel of `n` may have.
    pub fn all(n: u8) -> impl Iterator<Item = ContractSecret> {
        let attested = (0..n).flat_map(|arbiter| {
            Ruling::ALL.map(|ruling| ContractSecret::Attestation(ruling, arbiter))
        });
        let own = [Self::Result, Self::Appeal, Self::Panel, Self::Token];
        own.into_iter().chain(attested)
    }
}

impl From<ContractSecret> for SecretId {
    fn from(secret: ContractSecret) -> SecretId {
        SecretId(match secret {
            ContractSecret::Result => 0,
            ContractSecret::Appeal => 1,
            ContractSecret::Panel => 2,
            // Behind those of the largest panel.
            ContractSecret::Token => 3 + 2 * u16::from(MAX_ARBITERS),
            ContractSecret::Attestation(Ruling::WorkerAtFault, i) => 3 + 2 * u16::from(i),
            ContractSecret::Attestation(Ruling::VerifierAtFault, i) => 4 + 2 * u16::from(i),
        })
    }
}

impl From<ContractSecret> for SecretName {
    fn from(secret: ContractSecret) -> SecretName {
        let id = secret.into();
        match secret {
            ContractSecret::Result => SecretName::new(id, "the result secret"),
            ContractSecret::Appeal => SecretName::new(id, "the appeal secret"),
            ContractSecret::Panel => SecretName::new(id, "the panel's secret"),
            ContractSecret::Token => SecretName::new(id, "the token"),
            ContractSecret::Attestation(_, arbiter) => {
                SecretName::numbered(id, "the attestation of arbiter", arbiter.into())
            }
        }
    }
}

impl Secrets {
    /// Takes what an attestation gives away. It has been verified before ([`Attestation::check`]). The first of an
    /// arbiter and ruling counts.
    pub fn attest(&mut self, attestation: &Attestation) {
        let id = ContractSecret::Attestation(attestation.ruling, attestation.arbiter);
        if let (None, Some(secret)) = (self.get(id), attestation.secret()) {
            self.insert(id, secret);
        }
    }
}

/// Which arbiters attested which ruling; no arbiter is in both sets. Tells variants of a transaction apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rulings {
    /// Those who found the worker at fault.
    pub worker: ArbiterSet,
    /// Those who found the verifier at fault.
    pub verifier: ArbiterSet,
}

impl Rulings {
    /// `set` attested `ruling`, the others nothing.
    pub fn of(ruling: Ruling, set: ArbiterSet) -> Rulings {
        match ruling {
            Ruling::WorkerAtFault => Rulings {
                worker: set,
                verifier: ArbiterSet::empty(),
            },
            Ruling::VerifierAtFault => Rulings {
                worker: ArbiterSet::empty(),
                verifier: set,
            },
        }
    }

    /// Everyone who attested something.
    pub fn ruled(self) -> ArbiterSet {
        self.worker.union(self.verifier)
    }

    /// The secrets that these attestations give away.
    pub(super) fn secrets(self) -> impl Iterator<Item = SecretId> {
        let of = |ruling, set: ArbiterSet| {
            set.iter()
                .filter_map(|i| u8::try_from(i).ok())
                .map(move |i| ContractSecret::Attestation(ruling, i).into())
        };
        of(Ruling::WorkerAtFault, self.worker).chain(of(Ruling::VerifierAtFault, self.verifier))
    }
}

impl From<Rulings> for Variant {
    fn from(rulings: Rulings) -> Variant {
        Variant::sides(rulings.worker.mask().into(), rulings.verifier.mask().into())
    }
}

impl From<Variant> for Rulings {
    fn from(variant: Variant) -> Rulings {
        let set = |mask: u32| {
            let mask = u16::try_from(mask).ok();
            mask.and_then(ArbiterSet::new)
                .unwrap_or(ArbiterSet::empty())
        };
        let (worker, verifier) = variant.masks();
        Rulings {
            worker: set(worker),
            verifier: set(verifier),
        }
    }
}
