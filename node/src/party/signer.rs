//! A party's signer with a wallet, a record of bindings and a seed that all its contracts share.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use narthex::{
    bitcoin::{
        Amount, OutPoint, ScriptBuf, Txid,
        hashes::Hash as _,
        key::Keypair,
        secp256k1::{
            Secp256k1, SecretKey,
            rand::{SeedableRng, rngs::OsRng, rngs::StdRng},
        },
    },
    channel::{
        offer::{Accept, Offer},
        setup::{SetupEffect, SetupInput, SetupMachine, SetupSigner},
    },
    contracts::{
        binding::Bindings,
        derive::{OwnSalt, Salted, contract_key, offer_identity},
        graph::TxGraph,
        party::PartyId,
        setup::ContractSignatures,
        template::{ContractSecret, Reserve},
        terms::{AcceptancePolicy, Assembly, Part, Role, Terms, TermsDraft},
    },
    game_model::{game::Economics, params::AcceptedJob},
    regtest::AcceptedPolicy,
    setup::{Accord, ComputationSigner, OwnSecrets, SignerError, SignerMemory, Stake, Standing},
    wallet::{PartyWallet, WalletError},
};
use narthex_base::{codec::Message as _, secret::Secret};

use crate::NodeKey;

/// What a node has once, and every contract of it uses.
pub struct Own {
    /// Everything that is derived follows from it.
    pub seed: Secret,
    /// By which it is known, and an arbiter without a bond attests.
    pub node: NodeKey,
    /// Its coins.
    pub wallet: PartyWallet,
    /// What it has bound, for ever.
    pub bindings: Box<dyn Bindings>,
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Own({})", self.node.id())
    }
}

impl Own {
    /// Its key pair as a node.
    pub(super) fn node_pair(&self) -> Option<Keypair> {
        let pair = |key: &SecretKey| Keypair::from_secret_key(&Secp256k1::new(), key);
        self.node.lend(pair)
    }

    /// By which it attests in a contract, as an arbiter that has answered so: its bond's key, or that of its node.
    pub(super) fn identity(&self, accept: &Accept) -> Option<Keypair> {
        let pair = match accept.bonded_until() {
            None => self.node_pair()?,
            Some(end) => {
                Keypair::from_secret_key(&Secp256k1::new(), &offer_identity(&self.seed, end)?)
            }
        };
        // Another seed than it was answered with has other keys.
        (pair.x_only_public_key().0 == accept.identity()).then_some(pair)
    }

    /// Its key in a negotiation.
    pub(super) fn contract_key(&self, negotiation: &[u8; 32]) -> Option<SecretKey> {
        contract_key(&self.seed, negotiation)
    }
}

/// What the party knows of a contract whose set-up begins.
#[derive(Debug)]
pub(super) struct About {
    pub(super) offer: Offer,
    pub(super) id: [u8; 32],
    pub(super) role: Role,
    pub(super) accepts: BTreeMap<PartyId, Accept>,
    /// Which arbiter's bond is not on this party's chain as it has said, and why: of the first of them.
    pub(super) unbonded: Option<String>,
    pub(super) job: AcceptedJob,
    pub(super) asked: AcceptedPolicy,
    /// What is kept back for fees, of this contract and of all others that are not over.
    pub(super) reserve: Reserve,
    pub(super) economics: Option<Economics>,
}

/// Secrets by seed and the salt of the attempt's own part, which stands in the terms: whoever has the seed has them again.
struct Derived<'a>(&'a Secret);

impl OwnSecrets for Derived<'_> {
    fn secret(&self, which: ContractSecret, salt: &[u8; 32]) -> Option<SecretKey> {
        let salted = Salted::new(self.0, OwnSalt::from_bytes(*salt));
        match which {
            ContractSecret::Result => SecretKey::from_slice(salted.result()?.expose()).ok(),
            ContractSecret::Token => SecretKey::from_slice(salted.token()?.expose()).ok(),
            _ => None,
        }
    }

    fn sample_nonce(&self, salt: &[u8; 32]) -> Option<[u8; 32]> {
        let salted = Salted::new(self.0, OwnSalt::from_bytes(*salt));
        Some(*salted.sample_nonce().expose())
    }
}

/// Id of the funding transaction, as far as it is known, and the coins that it spends.
pub(super) type Funding = (Option<Txid>, Vec<OutPoint>);

/// The signer of one contract.
#[derive(Debug)]
pub(super) struct NodeSigner {
    own: Rc<RefCell<Own>>,
    about: Rc<About>,
    /// Where it is paid.
    payout: ScriptBuf,
    memory: SignerMemory,
}

impl NodeSigner {
    pub(super) fn new(own: Rc<RefCell<Own>>, about: Rc<About>) -> NodeSigner {
        let payout = own.borrow_mut().wallet.fresh_script();
        NodeSigner {
            own,
            about,
            payout,
            memory: SignerMemory::default(),
        }
    }

    /// Does something as the signer of the set-up.
    fn with<T>(
        &mut self,
        act: impl FnOnce(&mut ComputationSigner<'_>) -> Result<T, SignerError>,
    ) -> Result<T, SignerError> {
        let Self {
            own,
            about,
            payout,
            memory,
        } = self;
        let mut own = own.borrow_mut();
        let key = own.contract_key(&about.id);
        let key = key.ok_or(SignerError::Order("a contract key"))?;
        let accept = about.accepts.get(&about.role.into());
        let is_arbiter = matches!(about.role, Role::Arbiter(_));
        let accept = accept.filter(|_| is_arbiter);
        let identity = accept.and_then(|accept| own.identity(accept));
        let Own {
            seed,
            wallet,
            bindings,
            ..
        } = &mut *own;
        let rng = StdRng::from_rng(OsRng);
        let accord = Accord {
            params: &about.offer.params,
            job: about.job,
            rate: about.offer.rate,
            reserve: about.reserve,
            node: &about.asked,
            panel: None,
            is_panel: &|draft| about.is_panel(draft),
            accepts: &|draft| about.accepts(draft),
        };
        let secrets = Derived(seed);
        let standing = Standing {
            role: about.role,
            key,
            identity,
            payout: payout.clone(),
            wallet,
            stake: Stake::Wallet,
            secrets: &secrets,
            sample_nonce: None,
            bindings: bindings.as_mut(),
            rng: rng.map_err(|_| SignerError::Order("the system's source"))?,
        };
        let memory_was = std::mem::take(memory);
        let mut signer = ComputationSigner::with_memory(standing, &accord, memory_was);
        let done = act(&mut signer);
        *memory = signer.into_memory();
        done
    }

    /// Ends: the coins of its attempt are free, until another one goes on.
    pub(super) fn leave(mut self) {
        // Without a key it has reserved nothing.
        let _ = self.with(|signer| {
            signer.free();
            Ok(())
        });
    }

    /// The signatures, once the set-up has them.
    pub(super) fn signatures(
        &mut self,
        machine: &SetupMachine,
    ) -> Result<Option<&ContractSignatures<Terms>>, SignerError> {
        if machine.signatures().is_some() && self.memory.signatures().is_none() {
            self.with(|signer| signer.restore(machine))?;
        }
        Ok(self.memory.signatures())
    }

    /// Ids of the contract and of its funding, once everything is signed and was looked at.
    pub(super) fn known(&self) -> Option<([u8; 32], Option<Txid>)> {
        let all = self.memory.signatures()?;
        let funding = all.graph().txid(TxGraph::FUNDING);
        Some((*all.terms().contract_id(), funding))
    }

    /// What the funding pays to miners, once everything is signed: whoever replaces it pays more.
    pub(super) fn funding_fee(&mut self, machine: &SetupMachine) -> Result<Amount, SignerError> {
        let parts = machine
            .terms()
            .and_then(|terms| Assembly::from_bytes(terms).ok());
        let parts = parts.into_iter().flat_map(|assembly| assembly.parts);
        let coins = parts.flat_map(|part| part.record.funding.coins);
        let coins: Amount = coins.map(|coin| coin.value_sat).sum();
        let signatures = self.signatures(machine)?;
        let funding = signatures.and_then(|all| all.graph().assemble(TxGraph::FUNDING));
        let paid = funding.into_iter().flat_map(|tx| tx.output);
        let paid: Amount = paid.map(|output| output.value).sum();
        Ok(coins.checked_sub(paid).unwrap_or_default())
    }

    /// The funding transaction's id, and the coins that it spends, as far as there are terms.
    pub(super) fn funding(
        &mut self,
        machine: &SetupMachine,
    ) -> Result<Option<Funding>, SignerError> {
        let Some(terms) = machine.terms().map(Assembly::from_bytes) else {
            return Ok(None);
        };
        let Ok(assembly) = terms else {
            return Ok(None);
        };
        let parts = assembly.parts.iter();
        let coins = parts.flat_map(|part| &part.record.funding.coins);
        let coins = coins.map(|coin| coin.outpoint).collect();
        self.signatures(machine)?;
        let txid = self.with(|signer| Ok(signer.funding_txid(machine)))?;
        Ok(Some((txid, coins)))
    }
}

/// The coins of this party in its running attempt.
pub(super) fn own_coins(machine: &SetupMachine) -> Vec<OutPoint> {
    let me = machine.about().me().id;
    let own = machine.proposals().find(|(party, _)| *party == me);
    let part = own.and_then(|(_, bytes)| Part::from_bytes(bytes).ok());
    let coins = part.map(|part| part.record.funding.coins);
    let coins = coins.into_iter().flatten();
    coins.map(|coin| coin.outpoint).collect()
}

impl About {
    /// Whether the terms name, in each role, the key that the node of that role has enrolled, and as arbiters' identities those
    /// of the nodes that were asked to be arbiters: of their bonds, if they have any.
    fn is_panel(&self, draft: &TermsDraft) -> Result<(), String> {
        for accept in self.accepts.values() {
            let checked = accept.enrolment.check_terms(draft);
            checked.map_err(|error| error.to_string())?;
            if let Role::Arbiter(seat) = accept.enrolment.role
                && draft.identity(seat) != Some(&accept.identity())
            {
                return Err(format!(
                    "the terms name another arbiter{seat} than was asked"
                ));
            }
        }
        Ok(())
    }

    fn accepts(&self, draft: &TermsDraft) -> Result<AcceptancePolicy, String> {
        match &self.economics {
            None => Ok(AcceptancePolicy::Research),
            Some(own) => AcceptancePolicy::of(draft, own).map_err(|error| error.to_string()),
        }
    }

    /// Whose part is not that of the node that enrolled for it, for the lead: its fault, before it shows in the terms.
    fn other_part(&self, machine: &SetupMachine) -> Option<(PartyId, &'static str)> {
        machine.proposals().find_map(|(party, bytes)| {
            // What cannot be read is found elsewhere.
            let part = Part::from_bytes(bytes).ok()?;
            let accept = self.accepts.get(&party)?;
            let (enrolment, identity) = (&accept.enrolment, Some(accept.identity()));
            let is_arbiter = matches!(enrolment.role, Role::Arbiter(_));
            match () {
                () if part.record.key != enrolment.key => {
                    Some((party, "another contract key than it has enrolled"))
                }
                () if is_arbiter && part.identity != identity => {
                    Some((party, "another identity than its bond's, or its node's"))
                }
                () => None,
            }
        })
    }
}

impl SetupSigner for NodeSigner {
    type Error = SignerError;

    fn resume(&mut self, machine: &SetupMachine) -> Result<(), SignerError> {
        self.with(|signer| signer.resume(machine))
    }

    fn is_funding(&mut self, whole: &[u8], machine: &SetupMachine) -> Result<bool, SignerError> {
        self.with(|signer| signer.is_funding(whole, machine))
    }

    fn work(
        &mut self,
        effect: SetupEffect,
        machine: &SetupMachine,
    ) -> Result<Option<SetupInput>, SignerError> {
        if let SetupEffect::Assemble { attempt } = effect
            && let Some((party, reason)) = self.about.other_part(machine)
        {
            let reason = reason.to_owned();
            return Ok(Some(SetupInput::Faulty {
                attempt,
                party,
                reason,
            }));
        }
        // Nothing is drawn or set aside for a panel whose bonds are not there; no further attempt would find them.
        if matches!(effect, SetupEffect::Propose { .. })
            && let Some(reason) = self.about.unbonded.clone()
        {
            return Ok(Some(SetupInput::Declined { reason }));
        }
        match self.with(|signer| signer.work(effect, machine)) {
            // It has not the coins for it: the others need not wait.
            Err(SignerError::Wallet(WalletError::Funds { .. } | WalletError::Reserve { .. }))
                if matches!(effect, SetupEffect::Propose { .. }) =>
            {
                Ok(Some(SetupInput::Declined {
                    reason: "not enough coins".to_owned(),
                }))
            }
            done => done,
        }
    }

    fn shares(
        &mut self,
        stage: u8,
        to: PartyId,
        machine: &SetupMachine,
    ) -> Result<Option<Vec<u8>>, SignerError> {
        self.with(|signer| signer.shares(stage, to, machine))
    }
}

/// The own salt of an attempt, in its proposal.
pub(super) fn salt_of(proposal: &[u8]) -> Option<[u8; 32]> {
    let part = Part::from_bytes(proposal).ok()?;
    Some(part.record.salt.to_byte_array())
}
