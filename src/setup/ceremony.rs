//! The ceremony of a contract of computation, as a set-up asks for it.

use std::sync::Arc;

use bitcoin::consensus;
use narthex_base::codec::Message;
use narthex_channel::setup::{Lengths, SetupInput, SetupMachine};
use narthex_contracts::{
    attest::Announcement,
    funding::{FundingWitnesses, check_witnesses, combine_witnesses, funding_witnesses},
    graph::Stage,
    party::PartyId,
    setup::{ContractSignatures, Party, Plan, SetupError, Signing},
    template::stage,
    terms::{Role, Terms, TermsDraft},
};

use narthex_regtest::AcceptedPolicy;

use super::{SignerError, signer::ComputationSigner};
use crate::wallet::PartyWallet;

/// How long every message to `me` is.
pub(super) fn lengths(plan: &Plan, draft: &TermsDraft, me: PartyId) -> Lengths {
    let others = || draft.roles().map(PartyId::from).filter(move |id| *id != me);
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    let nonces = others()
        .filter(|from| plan.signed_by(*from).next().is_some())
        .map(|from| (from, length(plan.nonce_bytes(from))));
    let shares = stage::ALL.iter().map(|stage| {
        others()
            .filter(|from| plan.sent(*stage, *from, me).next().is_some())
            .map(|from| (from, length(plan.share_bytes(*stage, from, me))))
            .collect()
    });
    Lengths {
        nonces: nonces.collect(),
        shares: shares.collect(),
    }
}

/// What is wrong with what a party sent, as an input.
pub(super) fn faulty(
    attempt: u8,
    party: impl Into<PartyId>,
    reason: impl std::fmt::Display,
) -> SetupInput {
    SetupInput::Faulty {
        attempt,
        party: party.into(),
        reason: reason.to_string(),
    }
}

/// The same of an error of the ceremony; an own fault as an error.
fn whose(attempt: u8, error: SetupError) -> Result<SetupInput, SignerError> {
    let differ = |party: PartyId| SetupInput::Differ { attempt, party };
    Ok(match (&error, error.at_fault()) {
        // Its announcements or nonces are not those that came here: not by its fault alone.
        (SetupError::ForeignContract { from } | SetupError::Transcript { from }, _) => {
            differ(from.id)
        }
        (_, Some(party)) => faulty(attempt, party, error),
        _ => return Err(error.into()),
    })
}

impl ComputationSigner<'_> {
    /// Everybody's announcements in order of the panel; else whose is wrong.
    fn announcements(
        draft: &TermsDraft,
        machine: &SetupMachine,
    ) -> Result<Vec<Announcement>, (PartyId, String)> {
        let mut announcements = Vec::new();
        for seat in 0..draft.panel_size() {
            let party = PartyId::from(Role::Arbiter(seat));
            let bytes = machine.announcements().find(|(from, _)| *from == party);
            let (_, bytes) = bytes.ok_or((party, "it announced nothing".to_owned()))?;
            let fault = |error: &dyn std::fmt::Display| (party, error.to_string());
            let announcement = Announcement::from_bytes(bytes).map_err(|error| fault(&error))?;
            let checked = draft.check_announcement(seat, &announcement);
            checked.map_err(|error| fault(&error))?;
            announcements.push(announcement);
        }
        Ok(announcements)
    }

    pub(super) fn announce(
        &mut self,
        attempt: u8,
        machine: &SetupMachine,
    ) -> Result<SetupInput, SignerError> {
        let bound = self
            .drawn
            .bound
            .take()
            .ok_or(SignerError::Order("a nonce"))?;
        let announcements = match Self::announcements(bound.draft(), machine) {
            Ok(announcements) => announcements,
            Err((party, reason)) => return Ok(faulty(attempt, party, reason)),
        };
        let accepted = self.drawn.accepted.take();
        let accepted = accepted.ok_or(SignerError::Order("a nonce"))?;
        let bound = match bound.complete(announcements) {
            Ok(bound) => bound,
            Err(error) => match error.at_fault().filter(|role| *role != self.own.role) {
                Some(role) => return Ok(faulty(attempt, role, error)),
                None => return Err(error.into()),
            },
        };
        let party = Party::new(bound, &self.own.key, &accepted)?;
        let (announced, nonces) = party.announce(&mut self.own.rng)?;
        self.drawn.announced = Some(announced);
        Ok(SetupInput::Announced {
            attempt,
            nonces: nonces.to_bytes(),
        })
    }

    pub(super) fn sign(
        &mut self,
        attempt: u8,
        machine: &SetupMachine,
    ) -> Result<SetupInput, SignerError> {
        // Whatever comes of it, these nonces are used up.
        let announced = self.drawn.announced.take();
        let mut announced = announced.ok_or(SignerError::Order("a signature"))?;
        for (from, bytes) in machine.nonces().filter(|(from, _)| *from != self.me()) {
            if let Err(error) = announced.accept_bytes(from, bytes) {
                return whose(attempt, error);
            }
        }
        let signing = announced.sign()?;
        let bytes = signing.to_bytes();
        self.drawn.signing = Some(signing);
        Ok(SetupInput::Signed {
            attempt,
            signing: bytes,
        })
    }

    pub(super) fn close(
        &mut self,
        attempt: u8,
        stage: u8,
        machine: &SetupMachine,
    ) -> Result<SetupInput, SignerError> {
        let signing = self.signing(machine)?;
        if let Err(error) = close_stage(signing, stage, machine) {
            return whose(attempt, error);
        }
        let is_last = usize::from(stage) + 1 == stage::ALL.len();
        let signatures = match is_last {
            false => None,
            true => {
                let signing = self.drawn.signing.take();
                let signing = signing.ok_or(SignerError::Order("a stage"))?;
                let signatures = signing.finish()?;
                let bytes = signatures.to_bytes();
                self.signatures = Some(signatures);
                Some(bytes)
            }
        };
        Ok(SetupInput::Closed {
            attempt,
            stage,
            signatures,
        })
    }

    pub(super) fn shares_of(
        &mut self,
        stage: u8,
        to: PartyId,
        machine: &SetupMachine,
    ) -> Result<Option<Vec<u8>>, SignerError> {
        let message = self.signing(machine)?.shares_for(Stage(stage), to)?;
        Ok((!message.shares.is_empty()).then(|| message.to_bytes()))
    }

    /// The ceremony since everything was signed: as it stands in memory, or read back with what came since.
    fn signing(&mut self, machine: &SetupMachine) -> Result<&mut Signing<Terms>, SignerError> {
        if self.drawn.signing.is_none() {
            let bytes = machine.signing().ok_or(SignerError::Order("a share"))?;
            let terms = self.terms(machine)?;
            let mut signing = Signing::<Terms>::from_bytes(terms, bytes)?;
            for stage in 0..machine.closed() {
                close_stage(&mut signing, stage, machine)?;
            }
            self.drawn.signing = Some(signing);
        }
        let signing = self.drawn.signing.as_mut();
        signing.ok_or(SignerError::Order("a share"))
    }

    /// The terms as everybody has bound itself to and announced for them.
    pub(super) fn terms(&self, machine: &SetupMachine) -> Result<Arc<Terms>, SignerError> {
        let order = || SignerError::Order("the terms");
        let draft = self.draft(machine).map_err(|_| order())?;
        let announcements = Self::announcements(&draft, machine).map_err(|_| order())?;
        Ok(Arc::new(Terms::new(draft.record().clone(), announcements)?))
    }
}

fn close_stage(
    signing: &mut Signing<Terms>,
    stage: u8,
    machine: &SetupMachine,
) -> Result<(), SetupError> {
    for (from, bytes) in machine.shares(stage) {
        signing.accept_bytes(from, Stage(stage), bytes)?;
    }
    signing.close(Stage(stage))
}

/// Own witnesses; the lead's whole transaction. Else whose witnesses are wrong.
pub(super) fn funded(
    signatures: &ContractSignatures<Terms>,
    (wallet, node): (&PartyWallet, &AcceptedPolicy),
    machine: &SetupMachine,
) -> Result<Result<Vec<u8>, (PartyId, String)>, SignerError> {
    let mut given = Vec::new();
    for (party, bytes) in machine.witnesses() {
        let witnesses = match FundingWitnesses::from_bytes(bytes) {
            Ok(witnesses) if witnesses.from == party => witnesses,
            Ok(_) => return Ok(Err((party, "witnesses of another party".to_owned()))),
            Err(error) => return Ok(Err((party, error.to_string()))),
        };
        if let Err(error) = check_witnesses(signatures, &witnesses) {
            return Ok(Err((party, error.to_string())));
        }
        given.push(witnesses);
    }
    let mut psbt = signatures.funding_psbt(node)?;
    wallet.sign_own(&mut psbt)?;
    let own = funding_witnesses(signatures, &psbt)?;
    if !machine.about().is_lead() {
        return Ok(Ok(own.to_bytes()));
    }
    given.push(own);
    let whole = combine_witnesses(signatures, given)?;
    Ok(Ok(consensus::serialize(&whole)))
}
