//! The transactions of a delivery, as a graph of the engine: the funding, and each as a graph of its own, a claim for
//! every agent and the refund.
//!
//! A claim is signed by its agent when it is published, and the refund by the sender; what the recipient signs covers
//! the coin and the agent's leaf alone ([`crate::graph::Leaf::releasers`]). So each pays its own fee out of the coin
//! (version 2): an agent needs no other coin, nobody can hang a child on an anchor, and a higher fee is a new signature
//! (BIP125).

use bitcoin::{
    Amount, OutPoint, Transaction, TxOut,
    secp256k1::{
        PublicKey, SecretKey,
        rand::{CryptoRng, RngCore},
        schnorr,
    },
};

use super::{DeliverError, DeliverTerms, UnsealingKey};
use crate::{
    builder::{
        BuilderError, Draft, LeafPlan, Placed, PresignedTransaction, Task, UNLOCKED, Vault, by,
        finish, place_key,
    },
    graph::{LeafId, NodeId, NodeInput, NodeName, NodeOutput, Purpose, Source, SpendPlan, TxGraph},
    musig::AdaptorSignature,
    party::{PartyId, PartyName},
};

/// Who pays for the delivery.
pub const SENDER: PartyName = PartyName::new(PartyId(0), "sender");

/// Whom it is for.
pub const RECIPIENT: PartyName = PartyName::new(PartyId(2), "recipient");

/// The agent with this index, from 0; people count from 1.
pub const fn agent_name(index: u8) -> PartyName {
    let id = PartyId(3u8.saturating_add(index));
    PartyName::numbered(id, "agent ", index as u16 + 1)
}

const CLAIMS: [&str; super::MAX_AGENTS] = [
    "Claim 1", "Claim 2", "Claim 3", "Claim 4", "Claim 5", "Claim 6", "Claim 7", "Claim 8",
    "Claim 9", "Claim 10", "Claim 11", "Claim 12", "Claim 13", "Claim 14", "Claim 15",
];

/// Output of the funding that holds the coin.
const COIN_VOUT: u32 = 0;

/// The one transaction of a claim's or refund's own graph.
const ONLY: NodeId = NodeId(0);

/// A delivery: its terms and the transactions that everybody derives from them alone.
#[derive(Debug)]
pub struct Delivery {
    terms: DeliverTerms,
    graph: TxGraph,
    vault: Vault,
}

// All else follows from the terms.
impl PartialEq for Delivery {
    fn eq(&self, other: &Self) -> bool {
        self.terms == other.terms
    }
}

impl Eq for Delivery {}

/// What a claim shows to everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Which agent is paid, by index.
    pub agent: u8,
    /// u_i, which opens its copy.
    pub key: UnsealingKey,
}

impl Delivery {
    /// Derives the transactions.
    pub fn new(terms: DeliverTerms) -> Result<Delivery, DeliverError> {
        let vault = vault(&terms)?;
        let mut draft = draft(&terms);
        fund(&terms, &mut draft, &vault)?;
        Ok(Delivery {
            graph: draft.graph.finish(),
            terms,
            vault,
        })
    }

    /// The terms.
    pub fn terms(&self) -> &DeliverTerms {
        &self.terms
    }

    /// The funding.
    pub fn graph(&self) -> &TxGraph {
        &self.graph
    }

    /// All of it in one graph, to look at, each claim and the refund with this fee.
    pub fn picture(&self, fee: Amount) -> Result<TxGraph, DeliverError> {
        let mut draft = draft(&self.terms);
        let placed = fund(&self.terms, &mut draft, &self.vault)?;
        let coin = || Source::Output {
            node: TxGraph::FUNDING,
            vout: COIN_VOUT,
        };
        for agent in 0..self.terms.agents() {
            self.put_claim(&mut draft, (&placed, coin()), agent, fee)?;
        }
        self.put_refund(&mut draft, (&placed, coin()), fee)?;
        Ok(draft.graph.finish())
    }

    /// The coin that agents claim.
    pub fn coin(&self) -> Result<(OutPoint, TxOut), DeliverError> {
        let txid = self.graph.txid(TxGraph::FUNDING);
        let txid = txid.ok_or(BuilderError::Missing("funding"))?;
        let prevout = TxOut {
            value: self.terms.record().amount_sat,
            script_pubkey: self.vault.script(),
        };
        let vout = COIN_VOUT;
        Ok((OutPoint { txid, vout }, prevout))
    }

    /// An agent's claim with this fee; the one transaction of its graph.
    pub fn claim(&self, agent: u8, fee: Amount) -> Result<TxGraph, DeliverError> {
        self.alone(|draft, at| self.put_claim(draft, at, agent, fee))
    }

    /// The sender's refund with this fee, valid above T; the one transaction of its graph.
    pub fn refund(&self, fee: Amount) -> Result<TxGraph, DeliverError> {
        self.alone(|draft, at| self.put_refund(draft, at, fee))
    }

    /// The claim in a transaction, confirmed or not; `None` if it claims nothing of this delivery.
    pub fn claimed_by(&self, tx: &Transaction) -> Option<Claimed> {
        let (outpoint, _) = self.coin().ok()?;
        let mut inputs = tx.input.iter();
        let input = inputs.find(|input| input.previous_output == outpoint)?;
        // The stack of a leaf's spend: u_i, the recipient's signature, the agent's, script, control block.
        let mut stack = input.witness.iter().collect::<Vec<_>>();
        // An annex (BIP341) is no part of it; a miner may take a claim that has one.
        if stack.len() > 1 && stack.last().is_some_and(|item| item.first() == Some(&0x50)) {
            stack.pop();
        }
        let [key, _, _, script, _] = stack.as_slice() else {
            return None;
        };
        let agent = (0..self.terms.agents()).find(|agent| {
            let leaf = self.graph.leaf(LeafId((*agent).into()));
            leaf.is_some_and(|leaf| leaf.script.as_bytes() == *script)
        })?;
        let claimed = Claimed {
            agent,
            key: UnsealingKey::from_bytes((*key).try_into().ok()?),
        };
        let terms = self.terms.agent(agent).ok()?;
        // A transaction that no node checked may say anything.
        (claimed.key.hash() == terms.unseal_hash).then_some(claimed)
    }

    /// An agent's claim with this fee, signed by it and with the recipient's acceptance.
    pub(super) fn signed_claim<R: RngCore + CryptoRng>(
        &self,
        (agent, key): (u8, &SecretKey),
        (accepted, unseal): (&schnorr::Signature, &UnsealingKey),
        fee: Amount,
        rng: &mut R,
    ) -> Result<Transaction, DeliverError> {
        let graph = self.claim(agent, fee)?;
        let own = Task::new(&graph, ONLY, 0)?.sign_alone((agent_name(agent), key), None, rng)?;
        let signatures = [own.0, accepted.serialize()];
        Ok(finish(&graph, ONLY, &signatures, &[*unseal.expose()])?)
    }

    /// The refund with this fee, signed.
    pub(super) fn signed_refund<R: RngCore + CryptoRng>(
        &self,
        key: &SecretKey,
        fee: Amount,
        rng: &mut R,
    ) -> Result<Transaction, DeliverError> {
        let graph = self.refund(fee)?;
        let own = Task::new(&graph, ONLY, 0)?.sign_alone((SENDER, key), None, rng)?;
        Ok(finish(&graph, ONLY, &[own.0], &[])?)
    }

    /// The recipient's acceptance of an agent: its signature of the coin and the agent's leaf, whatever the claim pays.
    pub(super) fn accept<R: RngCore + CryptoRng>(
        &self,
        agent: u8,
        one_time: &SecretKey,
        rng: &mut R,
    ) -> Result<schnorr::Signature, DeliverError> {
        let signature = self
            .acceptance(agent)?
            .sign_alone((RECIPIENT, one_time), None, rng)?;
        Ok(signature.into_signature().map_err(BuilderError::from)?)
    }

    /// Whether a signature is the recipient's acceptance of this agent.
    pub fn accepts(&self, agent: u8, signature: &schnorr::Signature) -> Result<bool, DeliverError> {
        let signature = AdaptorSignature(signature.serialize());
        Ok(self.acceptance(agent)?.verify(&signature, None).is_ok())
    }

    /// What the recipient signs; it does not depend on the fee.
    fn acceptance(&self, agent: u8) -> Result<Task, DeliverError> {
        let graph = self.claim(agent, Amount::ONE_SAT)?;
        Ok(Task::new(&graph, ONLY, 1)?)
    }

    fn alone(
        &self,
        put: impl FnOnce(&mut Draft, (&Placed, Source)) -> Result<(), DeliverError>,
    ) -> Result<TxGraph, DeliverError> {
        let (outpoint, prevout) = self.coin()?;
        let mut draft = draft(&self.terms);
        let placed = draft.vault(&self.vault);
        put(
            &mut draft,
            (&placed, Source::External { outpoint, prevout }),
        )?;
        Ok(draft.graph.finish())
    }

    fn put_claim(
        &self,
        draft: &mut Draft,
        at: (&Placed, Source),
        agent: u8,
        fee: Amount,
    ) -> Result<(), DeliverError> {
        let rest = self.rest(fee, self.terms.agent(agent)?.script.minimal_non_dust())?;
        let step = self.claim_step(draft, at, agent, rest)?;
        draft.own_fee(step).map_err(BuilderError::from)?;
        Ok(())
    }

    fn put_refund(
        &self,
        draft: &mut Draft,
        at: (&Placed, Source),
        fee: Amount,
    ) -> Result<(), DeliverError> {
        let rest = self.rest(fee, self.terms.record().sender_script.minimal_non_dust())?;
        let step = self.refund_step(draft, at, rest)?;
        draft.own_fee(step).map_err(BuilderError::from)?;
        Ok(())
    }

    /// What an agent's claim takes, before its fee is known.
    pub fn claim_plan(&self, agent: u8) -> Result<SpendPlan, DeliverError> {
        let all = self.terms.record().amount_sat;
        self.planned(|draft, at| self.claim_step(draft, at, agent, all))
    }

    /// What the refund takes, before its fee is known.
    pub fn refund_plan(&self) -> Result<SpendPlan, DeliverError> {
        let all = self.terms.record().amount_sat;
        self.planned(|draft, at| self.refund_step(draft, at, all))
    }

    fn planned(
        &self,
        step: impl FnOnce(&mut Draft, (&Placed, Source)) -> Result<PresignedTransaction, DeliverError>,
    ) -> Result<SpendPlan, DeliverError> {
        let (outpoint, prevout) = self.coin()?;
        let mut draft = draft(&self.terms);
        let placed = draft.vault(&self.vault);
        let step = step(
            &mut draft,
            (&placed, Source::External { outpoint, prevout }),
        )?;
        Ok(draft.plan(step)?)
    }

    /// An agent's claim that pays it so much.
    fn claim_step(
        &self,
        draft: &mut Draft,
        (placed, source): (&Placed, Source),
        agent: u8,
        pays: Amount,
    ) -> Result<PresignedTransaction, DeliverError> {
        let name = CLAIMS.get(usize::from(agent)).copied();
        let party = agent_name(agent);
        let payout = draft.payout(party, &self.terms.agent(agent)?.script, pays);
        Ok(PresignedTransaction {
            name: NodeName::plain(name.ok_or(BuilderError::Missing("claim"))?),
            meaning: "claimed, and the key of the copy published",
            inputs: vec![NodeInput {
                source,
                sequence: UNLOCKED,
                spend: placed.leaf(agent.into())?,
            }],
            lock_height: 0,
            plan: by(&[party]),
            outputs: vec![payout],
        })
    }

    /// The refund, paying so much.
    fn refund_step(
        &self,
        draft: &mut Draft,
        (placed, source): (&Placed, Source),
        pays: Amount,
    ) -> Result<PresignedTransaction, DeliverError> {
        let record = self.terms.record();
        let payout = draft.payout(SENDER, &record.sender_script, pays);
        Ok(PresignedTransaction {
            name: NodeName::plain("Refund"),
            meaning: "nobody claimed, all back to the sender",
            inputs: vec![NodeInput {
                source,
                sequence: UNLOCKED,
                spend: placed.leaf(record.agents.len())?,
            }],
            lock_height: record.refund_height,
            plan: by(&[SENDER]),
            outputs: vec![payout],
        })
    }

    fn rest(&self, fee: Amount, least: Amount) -> Result<Amount, DeliverError> {
        let amount = self.terms.record().amount_sat;
        let rest = amount.checked_sub(fee).filter(|rest| *rest >= least);
        rest.filter(|_| fee > Amount::ZERO)
            .ok_or(DeliverError::Fee { fee, amount })
    }
}

/// `tr(NUMS,{…,and_v(v:pk(G_i),and_v(v:pk(R),sha256(H(u_i)))),…,and_v(v:pk(S),after(T))})`, each key tweaked by the
/// terms and its place.
fn vault(terms: &DeliverTerms) -> Result<Vault, DeliverError> {
    let id = terms.id();
    let lone = |place: &str, party, key: PublicKey| place_key(&id, place, (party, key));
    let record = terms.record();
    let mut leaves = Vec::with_capacity(record.agents.len() + 1);
    for (index, agent) in (0..).zip(&record.agents) {
        let signer = lone("claim", agent_name(index), agent.key)?;
        let recipient = lone(&format!("accept-{index}"), RECIPIENT, record.recipient)?;
        let (key, u) = (signer.output_key(), agent.unseal_hash);
        let accepts = recipient.output_key();
        leaves.push(LeafPlan {
            script: format!("and_v(v:pk({key}),and_v(v:pk({accepts}),sha256({u})))"),
            signers: vec![signer],
            releasers: vec![recipient],
            hashes: vec![u],
        });
    }
    let sender = lone("refund", SENDER, record.sender)?;
    let (key, t) = (sender.output_key(), record.refund_height);
    leaves.push(LeafPlan {
        script: format!("and_v(v:pk({key}),after({t}))"),
        signers: vec![sender],
        releasers: Vec::new(),
        hashes: Vec::new(),
    });
    Ok(Vault::new(&[], leaves)?)
}

fn draft(terms: &DeliverTerms) -> Draft {
    let agents = (0..terms.agents()).map(agent_name);
    Draft::new([SENDER, RECIPIENT].into_iter().chain(agents))
}

fn fund(terms: &DeliverTerms, draft: &mut Draft, vault: &Vault) -> Result<Placed, DeliverError> {
    let record = terms.record();
    let placed = draft.vault(vault);
    let data = record.announcement().script();
    let data = NodeOutput {
        value: Amount::ZERO,
        script: draft.graph.script(&data, || format!("raw({data:x})")),
        purpose: Purpose::Data,
    };
    let name = ("Delivery", "announced, and one agent's to claim");
    let outputs = vec![placed.output(record.amount_sat), data];
    let contributions = [(SENDER, &record.contribution)];
    draft
        .funding(name, contributions, outputs)
        .map_err(BuilderError::from)?;
    Ok(placed)
}
