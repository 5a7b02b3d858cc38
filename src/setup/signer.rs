//! The signer of one party: keys, wallet, and what it draws for an attempt.

use bitcoin::{
    OutPoint, Transaction, Txid, consensus,
    hashes::{Hash, sha256},
    secp256k1::{PublicKey, Secp256k1, SecretKey},
};
use narthex_base::codec::Message;
use narthex_channel::setup::{
    Bound, Negotiation, SetupEffect, SetupInput, SetupMachine, SetupSigner,
};
use narthex_contracts::{
    binding::FreshSalt,
    graph::TxGraph,
    party::PartyId,
    setup::{Announced, ContractSignatures, Signing},
    template::{self, ContractSecret},
    terms::{
        AcceptancePolicy, Assembly, BoundDraft, Part, Proposal, Role, SecretPoint, Terms,
        TermsDraft,
    },
};
use narthex_game_model::{Template, sample};

use super::{
    SignerError,
    ceremony::{faulty, funded, lengths},
    standing::{Accord, Stake, Standing},
};
use crate::wallet::PartyWallet;

/// What was drawn for one attempt: in memory alone, and gone with the process.
#[derive(Default)]
pub(super) struct Drawn {
    pub(super) proposal: Option<Proposal>,
    pub(super) bound: Option<BoundDraft>,
    pub(super) accepted: Option<AcceptancePolicy>,
    pub(super) announced: Option<Announced<Terms>>,
    pub(super) signing: Option<Signing<Terms>>,
}

/// What a signer has in memory between two pieces of its work: what it drew, what it reserved, what it computed. Whoever has a
/// wallet for several contracts takes it apart and puts it together for each.
#[derive(Default)]
pub struct SignerMemory {
    drawn: Drawn,
    reserved: Vec<OutPoint>,
    signatures: Option<ContractSignatures<Terms>>,
}

impl std::fmt::Debug for SignerMemory {
    /// Nothing of what was drawn.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignerMemory({} coins reserved)", self.reserved.len())
    }
}

impl SignerMemory {
    /// Every signature, once it was computed or read back.
    pub const fn signatures(&self) -> Option<&ContractSignatures<Terms>> {
        self.signatures.as_ref()
    }

    /// The same, to go on with.
    pub fn into_signatures(self) -> Option<ContractSignatures<Terms>> {
        self.signatures
    }
}

/// One party's signer in the set-up of a contract of computation.
pub struct ComputationSigner<'a> {
    pub(super) own: Standing<'a>,
    pub(super) accord: &'a Accord<'a>,
    pub(super) drawn: Drawn,
    /// Coins of its wallet that serve this attempt.
    reserved: Vec<OutPoint>,
    pub(super) signatures: Option<ContractSignatures<Terms>>,
}

impl<'a> ComputationSigner<'a> {
    /// A signer that has drawn nothing.
    pub fn new(own: Standing<'a>, accord: &'a Accord<'a>) -> ComputationSigner<'a> {
        ComputationSigner {
            own,
            accord,
            drawn: Drawn::default(),
            reserved: Vec::new(),
            signatures: None,
        }
    }

    /// A signer that goes on with what another one had in memory.
    pub fn with_memory(
        own: Standing<'a>,
        accord: &'a Accord<'a>,
        memory: SignerMemory,
    ) -> ComputationSigner<'a> {
        ComputationSigner {
            own,
            accord,
            drawn: memory.drawn,
            reserved: memory.reserved,
            signatures: memory.signatures,
        }
    }

    /// What it has in memory, for [`ComputationSigner::with_memory`]. Coins stay reserved.
    pub fn into_memory(self) -> SignerMemory {
        SignerMemory {
            drawn: self.drawn,
            reserved: self.reserved,
            signatures: self.signatures,
        }
    }

    /// Frees the coins of its attempt: this signer ends, and another one takes its place.
    pub fn free(&mut self) {
        self.own.wallet.free(self.reserved.drain(..));
    }

    /// Every signature, once it was computed or read back.
    pub fn into_signatures(self) -> Option<ContractSignatures<Terms>> {
        self.signatures
    }

    /// What outlives a process: everything but what it drew, and what it reserved ([`SetupSigner::resume`]).
    pub fn into_standing(mut self) -> Standing<'a> {
        self.free();
        self.own
    }

    pub(super) fn me(&self) -> PartyId {
        self.own.role.into()
    }

    fn propose(&mut self, attempt: u8) -> Result<SetupInput, SignerError> {
        let Accord { params, rate, .. } = self.accord;
        let deposit = narthex_contracts::terms::deposit(params, self.own.role);
        let funding = match &self.own.stake {
            Stake::Coin(contribution) => contribution.clone(),
            Stake::Wallet => {
                let node = self.accord.node;
                let reserve = &self.accord.reserve;
                let wallet = &mut *self.own.wallet;
                let (funding, _) = wallet.contribute_keeping(deposit, *rate, node, reserve)?;
                self.reserved = funding.coins.iter().map(|coin| coin.outpoint).collect();
                funding
            }
        };
        let secp = Secp256k1::new();
        let key = PublicKey::from_secret_key(&secp, &self.own.key);
        let hash = params.hash();
        let template = params.template();
        let role = self.own.role;
        type Prove = fn(
            &Secp256k1<bitcoin::secp256k1::All>,
            &SecretKey,
            &PublicKey,
            &[u8; 32],
        ) -> SecretPoint;
        let secrets = self.own.secrets;
        let salt = FreshSalt::draw(&mut self.own.rng);
        let attempts = salt.value().to_byte_array();
        let point =
            |which, is_wanted: bool, prove: Prove| -> Result<Option<SecretPoint>, SignerError> {
                if role != Role::Worker || !is_wanted {
                    return Ok(None);
                }
                let secret = secrets
                    .secret(which, &attempts)
                    .ok_or(SignerError::Order("a worker's secret"))?;
                Ok(Some(prove(&secp, &secret, &key, &hash)))
            };
        let result = point(ContractSecret::Result, true, SecretPoint::result)?;
        let token = point(
            ContractSecret::Token,
            template.has_delivery(),
            SecretPoint::token,
        )?;
        let is_paper = template == Template::Paper;
        let appeal = point(ContractSecret::Appeal, is_paper, SecretPoint::appeal)?;
        let nonce = self.own.sample_nonce;
        let nonce = nonce.or_else(|| secrets.sample_nonce(&attempts));
        let nonce = nonce.filter(|_| role == Role::Verifier);
        let nonce = nonce.map(|nonce| sample::nonce_commitment(&nonce));
        let identity = self.own.identity.map(|pair| pair.x_only_public_key().0);
        let proposal = Proposal {
            role,
            key,
            salt,
            payout: self.own.payout.clone(),
            funding,
            params_hash: hash,
            job: self.accord.job,
            funding_rate: *rate,
            identity,
            result: result.map(|point| point.point),
            token: token.map(|point| point.point),
            appeal: appeal.map(|point| point.point),
            sample_nonce: nonce.map(sha256::Hash::from_byte_array),
        };
        let part = Part {
            role,
            record: proposal.record(),
            identity,
            result,
            token,
            appeal,
            sample_nonce: proposal.sample_nonce,
        };
        self.drawn = Drawn {
            proposal: Some(proposal),
            ..Drawn::default()
        };
        Ok(SetupInput::Proposed {
            attempt,
            proposal: part.to_bytes(),
        })
    }

    fn assemble(&self, attempt: u8, machine: &SetupMachine) -> Result<SetupInput, SignerError> {
        let mut parts = Vec::new();
        for (party, bytes) in machine.proposals() {
            match Part::from_bytes(bytes) {
                Ok(part) if party == part.role => parts.push(part),
                Ok(part) => {
                    return Ok(faulty(attempt, party, format!("a part of {}", part.role)));
                }
                Err(error) => return Ok(faulty(attempt, party, error)),
            }
        }
        let assembly = Assembly {
            params_hash: self.accord.params.hash(),
            job: sha256::Hash::from_byte_array(self.accord.job.id()),
            funding_rate: self.accord.rate,
            panel: self.accord.panel,
            parts,
        };
        let record = match assembly.record(self.accord.params) {
            Ok(record) => record,
            Err(error) => match error.at_fault() {
                Some(role) => return Ok(faulty(attempt, role, error)),
                None => return Err(error.into()),
            },
        };
        match TermsDraft::new(record) {
            Ok(_) => Ok(SetupInput::Assembled {
                attempt,
                terms: assembly.to_bytes(),
            }),
            Err(error) => Ok(
                match error.at_fault().filter(|role| *role != self.own.role) {
                    Some(role) => faulty(attempt, role, error),
                    // Two parts that do not go together: whose is wrong does not show.
                    None => SetupInput::Declined {
                        reason: error.to_string(),
                    },
                },
            ),
        }
    }

    /// The draft that the lead's terms make; else what is wrong with them.
    pub(super) fn draft(&self, machine: &SetupMachine) -> Result<TermsDraft, String> {
        let terms = machine.terms().ok_or("there are no terms")?;
        let assembly = Assembly::from_bytes(terms).map_err(|error| error.to_string())?;
        let record = assembly.record(self.accord.params);
        let record = record.map_err(|error| error.to_string())?;
        TermsDraft::new(record).map_err(|error| error.to_string())
    }

    fn bind(&mut self, attempt: u8, machine: &SetupMachine) -> Result<SetupInput, SignerError> {
        let lead = machine.about().lead().id;
        let leads = lead == self.me();
        let by_lead = |reason: String| match leads {
            // One has put them together oneself, out of what others sent.
            true => SetupInput::Declined { reason },
            false => faulty(attempt, lead, reason),
        };
        let draft = match self.draft(machine) {
            Ok(draft) => draft,
            Err(reason) => return Ok(by_lead(reason)),
        };
        let proposal = self.drawn.proposal.take();
        let proposal = proposal.ok_or(SignerError::Order("a bind"))?;
        if let Err(error) = draft.check_proposal(&proposal) {
            return Ok(by_lead(error.to_string()));
        }
        if let Err(reason) = (self.accord.is_panel)(&draft) {
            return Ok(by_lead(reason));
        }
        if let Some(role) = self.brings_my_coin(&draft) {
            let party = PartyId::from(role);
            return Ok(match leads || party == lead {
                true => faulty(attempt, party, "it brings a coin of somebody else's"),
                // It proposed so, or the lead has put it into its part.
                false => SetupInput::Differ { attempt, party },
            });
        }
        if let Some(reason) = self.too_late(machine.about()) {
            return Ok(SetupInput::Declined { reason });
        }
        match (self.accord.accepts)(&draft) {
            Ok(policy) => self.drawn.accepted = Some(policy),
            Err(reason) => return Ok(SetupInput::Declined { reason }),
        }
        let plan = match draft.plan() {
            Ok(plan) => plan,
            // Terms without a graph: the lead could see it.
            Err(error) => return Ok(by_lead(error.to_string())),
        };
        let agreement = *draft.contract_id();
        let mut bound = draft.bind(proposal, &mut *self.own.bindings)?;
        let announcement = match &self.own.identity {
            Some(identity) if matches!(self.own.role, Role::Arbiter(_)) => {
                bound.announce(&Secp256k1::new(), identity)?.to_bytes()
            }
            _ => Vec::new(),
        };
        let lengths = lengths(&plan, bound.draft(), self.me());
        self.drawn.bound = Some(bound);
        Ok(SetupInput::Bound {
            attempt,
            bound: Bound {
                agreement,
                announcement,
                lengths,
            },
        })
    }

    /// Why a funding at the last moment would come too late for the worker, who could then lose its stake without a chance to
    /// do the work: the lead may keep the whole funding to itself until then.
    fn too_late(&self, about: &Negotiation) -> Option<String> {
        let params = self.accord.params;
        let (deadline, work) = (about.deadline(), params.windows().work_blocks);
        let last = params.deliver_height().saturating_sub(work.into());
        (deadline > last).then(|| {
            format!("a funding in block {deadline} leaves less than {work} blocks for the work; one in {last} would not")
        })
    }

    /// Whose part names a coin of this party's.
    fn brings_my_coin(&self, draft: &TermsDraft) -> Option<Role> {
        draft
            .roles()
            .filter(|role| *role != self.own.role)
            .find(|role| {
                let coins = draft.record().funding(*role).into_iter();
                let mut coins = coins.flat_map(|funding| &funding.coins);
                coins.any(|coin| self.own.wallet.coin(coin.outpoint).is_some())
            })
    }

    fn fund(&mut self, attempt: u8, machine: &SetupMachine) -> Result<SetupInput, SignerError> {
        self.restore(machine)?;
        let signatures = self.signatures.as_ref();
        let signatures = signatures.ok_or(SignerError::Order("a funding"))?;
        let by = (&mut *self.own.wallet, self.own.role);
        keep_root_coin(by, signatures);
        let tip = self.own.wallet.tip();
        let by = (&*self.own.wallet, self.accord.node);
        Ok(match funded(signatures, by, machine)? {
            Ok(funding) => SetupInput::Funded {
                attempt,
                funding,
                tip,
            },
            Err((party, reason)) => faulty(attempt, party, reason),
        })
    }

    /// All signatures: as they were computed, or read back.
    pub(super) fn held(
        &mut self,
        machine: &SetupMachine,
    ) -> Result<&ContractSignatures<Terms>, SignerError> {
        if self.signatures.is_none() {
            let bytes = machine
                .signatures()
                .ok_or(SignerError::Order("a funding"))?;
            let terms = self.terms(machine)?;
            self.signatures = Some(ContractSignatures::<Terms>::from_bytes(terms, bytes)?);
        }
        self.signatures
            .as_ref()
            .ok_or(SignerError::Order("a funding"))
    }

    /// Id of the funding transaction, as soon as everybody's announcements are there: also for whoever has lost what was signed since.
    pub fn funding_txid(&self, machine: &SetupMachine) -> Option<Txid> {
        match &self.signatures {
            Some(signatures) => signatures.graph().txid(TxGraph::FUNDING),
            None => {
                let terms = self.terms(machine).ok()?;
                template::derive(&terms).ok()?.txid(TxGraph::FUNDING)
            }
        }
    }

    /// The signatures of a contract that was read back from its log, where nothing else asked for them.
    ///
    /// # Errors
    /// [`SignerError::Order`] if there are none yet; [`SignerError::Restore`].
    pub fn restore(&mut self, machine: &SetupMachine) -> Result<(), SignerError> {
        self.held(machine).map(drop)
    }
}

/// From before the funding on, the coin by which a worker's root goes on record serves nothing else: no other contract may stake it.
fn keep_root_coin(
    (wallet, role): (&mut PartyWallet, Role),
    signatures: &ContractSignatures<Terms>,
) {
    let coin = template::root_coin(signatures.terms(), signatures.graph());
    if let Some(coin) = coin.filter(|_| role == Role::Worker) {
        wallet.reserve(coin);
    }
}

impl SetupSigner for ComputationSigner<'_> {
    type Error = SignerError;

    fn resume(&mut self, machine: &SetupMachine) -> Result<(), SignerError> {
        let own = machine.proposals().find(|(party, _)| *party == self.me());
        let (Some((_, bytes)), Stake::Wallet) = (own, &self.own.stake) else {
            return Ok(());
        };
        let coins = Part::from_bytes(bytes)?.record.funding.coins;
        for outpoint in coins.into_iter().map(|coin| coin.outpoint) {
            // What serves something else already is not this signer's to free.
            if self.own.wallet.reserve(outpoint) {
                self.reserved.push(outpoint);
            }
        }
        if machine.signatures().is_some() && self.held(machine).is_ok() {
            let by = (&mut *self.own.wallet, self.own.role);
            if let Some(signatures) = &self.signatures {
                keep_root_coin(by, signatures);
            }
        }
        Ok(())
    }

    fn is_funding(&mut self, whole: &[u8], machine: &SetupMachine) -> Result<bool, SignerError> {
        let graph = self.held(machine)?.graph();
        let whole = consensus::deserialize::<Transaction>(whole);
        Ok(whole.is_ok_and(|whole| Some(whole.compute_txid()) == graph.txid(TxGraph::FUNDING)))
    }

    fn work(
        &mut self,
        effect: SetupEffect,
        machine: &SetupMachine,
    ) -> Result<Option<SetupInput>, SignerError> {
        Ok(Some(match effect {
            SetupEffect::Propose { attempt } => self.propose(attempt)?,
            SetupEffect::Assemble { attempt } => self.assemble(attempt, machine)?,
            SetupEffect::Bind { attempt } => self.bind(attempt, machine)?,
            SetupEffect::Announce { attempt } => self.announce(attempt, machine)?,
            SetupEffect::Sign { attempt } => self.sign(attempt, machine)?,
            SetupEffect::Close { attempt, stage } => self.close(attempt, stage, machine)?,
            SetupEffect::Fund { attempt } => self.fund(attempt, machine)?,
            SetupEffect::Forget { .. } => {
                self.drawn = Drawn::default();
                self.signatures = None;
                self.own.wallet.free(self.reserved.drain(..));
                return Ok(None);
            }
            _ => return Ok(None),
        }))
    }

    fn shares(
        &mut self,
        stage: u8,
        to: PartyId,
        machine: &SetupMachine,
    ) -> Result<Option<Vec<u8>>, SignerError> {
        self.shares_of(stage, to, machine)
    }
}
