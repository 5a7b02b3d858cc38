//! A mock: signatures of no security whatever, made of hashes, for simulations of what parties say and when they are
//! killed. It has what matters there: nonces that are drawn once, shares that rest on everybody's nonces, and a ledger
//! ([`ToyLedger`]) that sees what no party sees: which nonce signed what, and which salt serves which agreement.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use bitcoin::secp256k1::rand::{RngCore, SeedableRng, rngs::StdRng};
use narthex_base::tagged::tagged_hash_parts;
use narthex_contracts::party::PartyId;

use crate::setup::{Bound, Lengths, SetupEffect, SetupInput, SetupMachine, SetupSigner};

/// Stages of a toy ceremony.
pub const TOY_STAGES: u8 = 2;

/// Bytes of a hash.
const HASH: usize = 32;

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    tagged_hash_parts("narthex/toy", parts)
}

/// What must never happen, and did.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToyViolation {
    /// A nonce signed two things: its owner's key is public.
    #[error("party {} signed two things with one nonce", party.0)]
    NonceReused {
        /// Whose nonce.
        party: PartyId,
    },
    /// A salt serves two agreements.
    #[error("party {} bound one salt to two agreements", party.0)]
    SaltReused {
        /// Whose salt.
        party: PartyId,
    },
    /// A party's witnesses were made before everybody held everything.
    #[error("party {} parted with its witnesses before party {} held everything", party.0, before.0)]
    Barrier {
        /// Who parted with them.
        party: PartyId,
        /// Who did not hold everything.
        before: PartyId,
    },
}

/// What is known of all parties together, across their restarts.
#[derive(Debug, Default)]
pub struct ToyLedger {
    signed: BTreeMap<[u8; 32], [u8; 32]>,
    bound: BTreeMap<[u8; 32], [u8; 32]>,
    /// Who holds everything of an agreement's ceremony.
    held: BTreeMap<[u8; 32], Vec<PartyId>>,
    violations: Vec<ToyViolation>,
}

impl ToyLedger {
    /// All that must not have happened.
    pub fn violations(&self) -> &[ToyViolation] {
        &self.violations
    }

    fn sign(&mut self, party: PartyId, nonce: [u8; 32], message: [u8; 32]) {
        if *self.signed.entry(nonce).or_insert(message) != message {
            self.violations.push(ToyViolation::NonceReused { party });
        }
    }

    fn bind(&mut self, party: PartyId, salt: [u8; 32], agreement: [u8; 32]) {
        if *self.bound.entry(salt).or_insert(agreement) != agreement {
            self.violations.push(ToyViolation::SaltReused { party });
        }
    }
}

/// What a toy signer does wrong, once or each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToyFault {
    /// A share that does not verify, for this party.
    FalseShare(PartyId),
    /// Witnesses that are not taken.
    FalseWitness,
    /// A proposal that cannot be read.
    BadProposal,
    /// An announcement that does not verify (arbiters).
    BadAnnouncement,
    /// Terms without somebody's part (the lead).
    BadTerms,
}

/// A mock of one party's signer.
#[derive(Debug)]
pub struct ToySigner {
    me: PartyId,
    ledger: Rc<RefCell<ToyLedger>>,
    rng: StdRng,
    salt: Option<[u8; 32]>,
    nonce: Option<[u8; 32]>,
    tip: u32,
    fault: Option<ToyFault>,
}

impl ToySigner {
    /// A signer that has drawn nothing. A party that starts again gets another seed: the system's source gives nothing twice.
    pub fn new(
        me: PartyId,
        seed: [u8; 32],
        (ledger, tip): (Rc<RefCell<ToyLedger>>, u32),
    ) -> ToySigner {
        ToySigner {
            me,
            ledger,
            rng: StdRng::from_seed(seed),
            salt: None,
            nonce: None,
            tip,
            fault: None,
        }
    }

    /// The same, but for what it does wrong.
    #[must_use]
    pub fn with_fault(self, fault: Option<ToyFault>) -> ToySigner {
        ToySigner { fault, ..self }
    }

    /// Height of the tip as its wallet knows it.
    pub fn see(&mut self, tip: u32) {
        self.tip = tip;
    }

    fn draw(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// Salt (32) and number of the party.
    fn proposal(&mut self) -> Vec<u8> {
        let salt = self.draw();
        self.salt = Some(salt);
        match self.fault {
            Some(ToyFault::BadProposal) => salt.to_vec(),
            _ => [&salt[..], &[self.me.0]].concat(),
        }
    }

    fn bind(&mut self, attempt: u8, machine: &SetupMachine) -> Option<SetupInput> {
        let terms = machine.terms()?;
        let (lead, salt) = (machine.about().lead().id, self.salt?);
        let own = [&salt[..], &[self.me.0]].concat();
        let parts = terms.chunks(own.len()).collect::<Vec<_>>();
        let is_whole = parts.len() == machine.about().parties().len();
        if !is_whole || !parts.contains(&own.as_slice()) {
            let reason = "not what was proposed".to_owned();
            return Some(match lead == self.me {
                true => SetupInput::Declined { reason },
                false => SetupInput::Faulty {
                    attempt,
                    party: lead,
                    reason,
                },
            });
        }
        let agreement = agreed(machine)?;
        self.ledger.borrow_mut().bind(self.me, salt, agreement);
        let others = || machine.about().others().map(|name| name.id);
        let share = 2 * HASH as u32;
        let lengths = Lengths {
            nonces: others().map(|from| (from, HASH as u32)).collect(),
            shares: (0..TOY_STAGES)
                .map(|_| others().map(|from| (from, share)).collect())
                .collect(),
        };
        let announcement = match (self.me.0 >= 3, self.fault) {
            (false, _) => Vec::new(),
            (true, Some(ToyFault::BadAnnouncement)) => vec![0; HASH],
            (true, _) => announced(&agreement, self.me).to_vec(),
        };
        Some(SetupInput::Bound {
            attempt,
            bound: Bound {
                agreement,
                announcement,
                lengths,
            },
        })
    }

    fn announce(&mut self, attempt: u8, machine: &SetupMachine) -> Option<SetupInput> {
        let agreement = agreed(machine)?;
        for arbiter in machine.about().others().filter(|name| name.id.0 >= 3) {
            let given = machine
                .announcements()
                .find(|(from, _)| *from == arbiter.id);
            if given.map(|(_, bytes)| bytes) != Some(&announced(&agreement, arbiter.id)[..]) {
                return Some(SetupInput::Faulty {
                    attempt,
                    party: arbiter.id,
                    reason: "a false announcement".into(),
                });
            }
        }
        let nonce = self.draw();
        self.nonce = Some(nonce);
        Some(SetupInput::Announced {
            attempt,
            nonces: hash(&[b"public", &nonce]).to_vec(),
        })
    }

    fn sign(&mut self, attempt: u8, machine: &SetupMachine) -> Option<SetupInput> {
        // Used up, whatever comes of it.
        let nonce = self.nonce.take()?;
        let transcript = transcript(machine)?;
        self.ledger.borrow_mut().sign(self.me, nonce, transcript);
        Some(SetupInput::Signed {
            attempt,
            signing: transcript.to_vec(),
        })
    }

    fn close(&mut self, attempt: u8, stage: u8, machine: &SetupMachine) -> Option<SetupInput> {
        let own = machine.signing()?;
        for (party, bytes) in machine.shares(stage) {
            let (seen, tag) = bytes.split_at_checked(HASH)?;
            if seen != own {
                return Some(SetupInput::Differ { attempt, party });
            }
            if tag != share(own, party, stage, self.me) {
                return Some(SetupInput::Faulty {
                    attempt,
                    party,
                    reason: format!("a false share of stage {stage}"),
                });
            }
        }
        let is_last = stage + 1 == TOY_STAGES;
        if is_last {
            let mut ledger = self.ledger.borrow_mut();
            let held = ledger.held.entry(agreed(machine)?).or_default();
            held.push(self.me);
        }
        Some(SetupInput::Closed {
            attempt,
            stage,
            signatures: is_last.then(|| hash(&[b"signatures", own]).to_vec()),
        })
    }

    fn fund(&mut self, attempt: u8, machine: &SetupMachine) -> Option<SetupInput> {
        let agreement = agreed(machine)?;
        for (party, bytes) in machine.witnesses() {
            if bytes != witness(&agreement, party) {
                return Some(SetupInput::Faulty {
                    attempt,
                    party,
                    reason: "a false witness".into(),
                });
            }
        }
        let mut ledger = self.ledger.borrow_mut();
        let held = ledger.held.get(&agreement).cloned().unwrap_or_default();
        let parties = machine.about().parties().iter();
        let missing = parties
            .map(|name| name.id)
            .find(|party| !held.contains(party));
        if let Some(before) = missing {
            let party = self.me;
            ledger
                .violations
                .push(ToyViolation::Barrier { party, before });
        }
        let own = match self.fault {
            Some(ToyFault::FalseWitness) => hash(&[b"nothing"]),
            _ => witness(&agreement, self.me),
        };
        let funding = match machine.about().is_lead() {
            true => whole(machine, &agreement),
            false => own.to_vec(),
        };
        Some(SetupInput::Funded {
            attempt,
            funding,
            tip: self.tip,
        })
    }
}

/// The funding that a toy set-up of this machine's terms leads to.
pub fn toy_funding(machine: &SetupMachine) -> Option<Vec<u8>> {
    Some(whole(machine, &agreed(machine)?))
}

fn whole(machine: &SetupMachine, agreement: &[u8; 32]) -> Vec<u8> {
    let parties = machine.about().parties().iter();
    parties
        .flat_map(|name| witness(agreement, name.id))
        .collect()
}

fn agreed(machine: &SetupMachine) -> Option<[u8; 32]> {
    Some(hash(&[b"agreement", machine.terms()?]))
}

fn announced(agreement: &[u8; 32], arbiter: PartyId) -> [u8; 32] {
    hash(&[b"announcement", agreement, &[arbiter.0]])
}

fn transcript(machine: &SetupMachine) -> Option<[u8; 32]> {
    let nonces: Vec<u8> = machine
        .nonces()
        .flat_map(|(_, bytes)| bytes.to_vec())
        .collect();
    Some(hash(&[b"transcript", &agreed(machine)?, &nonces]))
}

fn share(transcript: &[u8], from: PartyId, stage: u8, to: PartyId) -> [u8; 32] {
    hash(&[b"share", transcript, &[from.0, stage, to.0]])
}

fn witness(agreement: &[u8; 32], party: PartyId) -> [u8; 32] {
    hash(&[b"witness", agreement, &[party.0]])
}

/// The machine asked for something that it had no ground for; a defect of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} was asked for before there was what it rests on")]
pub struct OutOfOrder(&'static str);

impl SetupSigner for ToySigner {
    type Error = OutOfOrder;

    fn resume(&mut self, _: &SetupMachine) -> Result<(), OutOfOrder> {
        Ok(())
    }

    fn is_funding(&mut self, funding: &[u8], machine: &SetupMachine) -> Result<bool, OutOfOrder> {
        Ok(toy_funding(machine).as_deref() == Some(funding))
    }

    fn work(
        &mut self,
        effect: SetupEffect,
        machine: &SetupMachine,
    ) -> Result<Option<SetupInput>, OutOfOrder> {
        let done = match effect {
            SetupEffect::Propose { attempt } => Some(SetupInput::Proposed {
                attempt,
                proposal: self.proposal(),
            }),
            SetupEffect::Assemble { attempt } => Some(self.assemble(attempt, machine)),
            SetupEffect::Bind { attempt } => self.bind(attempt, machine),
            SetupEffect::Announce { attempt } => self.announce(attempt, machine),
            SetupEffect::Sign { attempt } => self.sign(attempt, machine),
            SetupEffect::Close { attempt, stage } => self.close(attempt, stage, machine),
            SetupEffect::Fund { attempt } => self.fund(attempt, machine),
            SetupEffect::Forget { .. } => {
                (self.salt, self.nonce) = (None, None);
                return Ok(None);
            }
            _ => return Ok(None),
        };
        done.map(Some).ok_or(OutOfOrder("own work"))
    }

    fn shares(
        &mut self,
        stage: u8,
        to: PartyId,
        machine: &SetupMachine,
    ) -> Result<Option<Vec<u8>>, OutOfOrder> {
        let transcript = machine.signing().ok_or(OutOfOrder("a share"))?;
        let tag = match self.fault {
            Some(ToyFault::FalseShare(victim)) if victim == to => hash(&[b"nothing"]),
            _ => share(transcript, self.me, stage, to),
        };
        Ok(Some([transcript, &tag].concat()))
    }
}

impl ToySigner {
    /// Everybody's proposals behind each other; else whose is no proposal.
    fn assemble(&self, attempt: u8, machine: &SetupMachine) -> SetupInput {
        let mut terms = Vec::new();
        for (party, bytes) in machine.proposals() {
            if bytes.len() != HASH + 1 || bytes.last() != Some(&party.0) {
                return SetupInput::Faulty {
                    attempt,
                    party,
                    reason: "no proposal".into(),
                };
            }
            terms.extend_from_slice(bytes);
        }
        if self.fault == Some(ToyFault::BadTerms) {
            terms.truncate(terms.len() - HASH - 1);
        }
        SetupInput::Assembled { attempt, terms }
    }
}
