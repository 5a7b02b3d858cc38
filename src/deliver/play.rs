//! All parties of a delivery on one harness: sender, agents, recipient.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{
    Amount,
    secp256k1::{PublicKey, Secp256k1, SecretKey},
};
use narthex_channel::delivery::{
    AgentEffect, AgentInput, AgentMachine, AgentStart, RecipientMachine, SenderEffect, SenderInput,
    SenderMachine, SenderStart,
};
use narthex_contracts::{
    deliver::{
        Agent, AgentRecord, Assignment, Conditions, DeliverError, Delivery, DeliverySeed, Found,
        MAX_AGENTS, Plan, Recipient, RecipientRecord, Scanner, Sender, SenderRecord, UnsealingKey,
    },
    depth::Depth,
    terms::Fees,
};
use narthex_regtest::Chain;

use super::moves::name;
use crate::harness::{
    Harness, HarnessOptions, MINED, MOST_BLOCKS, MOST_SAT, ONE_COIN, Outcome, Reporter,
    ScenarioError, Side, playable,
};

/// What agents and recipient wait for in a play, unless another depth is asked for.
pub const DEPTH: Depth = match Depth::new(3) {
    Ok(depth) => depth,
    Err(_) => Depth::LEAST,
};

/// Figures of a delivery.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeliveryOptions {
    /// Number of agents.
    pub agents: u8,
    /// What is delivered.
    pub message: Vec<u8>,
    /// What the agent that claims gets, less the fee of its claim.
    pub amount: Amount,
    /// Blocks from the terms until T.
    pub refund_blocks: u32,
    /// Blocks before T in which nobody is accepted.
    pub claim_blocks: u16,
    /// How deep the funding must be for agents and recipient.
    pub depth: Depth,
    /// Whether agents serve only while no other was accepted.
    pub alone: bool,
    /// Fee rate and seed.
    pub common: HarnessOptions,
}

impl Default for DeliveryOptions {
    fn default() -> Self {
        DeliveryOptions {
            agents: 3,
            message: b"Meet me in the narthex at noon.".to_vec(),
            amount: Amount::from_sat(20_000),
            refund_blocks: 60,
            claim_blocks: 12,
            depth: DEPTH,
            alone: false,
            common: HarnessOptions::default(),
        }
    }
}

/// Blocks that scenarios need beside those of the claim and of the funding's depth.
const SCENARIO_BLOCKS: u64 = 9;

impl DeliveryOptions {
    /// Whether every scenario can be played with these figures. What terms refuse is left to them.
    pub(super) fn check_figures(&self) -> Result<(), ScenarioError> {
        let (depth, claim) = (u64::from(self.depth.blocks()), u64::from(self.claim_blocks));
        let room = MOST_BLOCKS / 2 - SCENARIO_BLOCKS;
        playable("--depth", depth, Depth::LEAST.blocks().into()..=room, MINED)?;
        playable("--claim-blocks", claim, 0..=room, MINED)?;
        let why = "the claim-blocks, the depth and 9 more, lest a claim be too late, and at most what can be mined";
        let least = claim + depth + SCENARIO_BLOCKS;
        playable(
            "--refund-blocks",
            self.refund_blocks,
            least..=MOST_BLOCKS,
            why,
        )?;
        playable("--amount", self.amount.to_sat(), 0..=MOST_SAT, ONE_COIN)?;
        Ok(())
    }
}

/// A delivery between its parties, on a chain: each is a machine, with what its signer keeps beside it. The sender sits first,
/// then the agents; the recipient has no coins.
pub struct DeliveryPlay<'c> {
    pub(super) harness: Harness<'c>,
    pub(super) options: DeliveryOptions,
    pub(super) delivery: Arc<Delivery>,
    pub(super) sender: SenderSide,
    pub(super) agents: Vec<AgentSide>,
    pub(super) recipient_key: SecretKey,
    pub(super) scanner: Scanner,
    /// The next block that the recipient looks at.
    pub(super) scanned: u32,
    pub(super) found: Option<Found>,
    pub(super) recipient: Option<RecipientSide>,
    pub(super) read: Option<Vec<u8>>,
}

/// The sender's machine; its seed and the encrypted message, kept apart.
pub(super) struct SenderSide {
    pub(super) side: Side<SenderMachine>,
    pub(super) seed: DeliverySeed,
    pub(super) envelope: Vec<u8>,
}

/// An agent's machine; the key of its copy, and that, kept apart.
pub(super) struct AgentSide {
    pub(super) side: Side<AgentMachine>,
    pub(super) key: UnsealingKey,
    pub(super) copy: Vec<u8>,
}

/// The recipient's machine, and the copies, kept apart.
pub(super) struct RecipientSide {
    pub(super) side: Side<RecipientMachine>,
    pub(super) copies: BTreeMap<u8, Vec<u8>>,
}

impl SenderSide {
    /// A sender that has made its terms.
    pub(super) fn new(sender: &Sender, depth: Depth) -> Result<SenderSide, ScenarioError> {
        let delivery = sender.delivery().clone();
        let mut side = Side::<SenderMachine>::new(delivery.terms().id())?;
        side.step(&SenderInput::Made(Box::new(SenderStart {
            delivery,
            depth,
        })))?;
        Ok(SenderSide {
            side,
            seed: sender.record().seed,
            envelope: sender.envelope().to_vec(),
        })
    }

    /// The signer, as the machine stands.
    pub(super) fn signer(&self, key: SecretKey) -> Result<Sender, ScenarioError> {
        let machine = self.side.machine();
        let start = machine.start();
        let start = start.ok_or_else(|| ScenarioError::broken("a sender without terms"))?;
        let (terms, consents) = (start.delivery.terms(), machine.consents());
        let record = SenderRecord {
            terms: terms.record().clone(),
            seed: self.seed.clone(),
            consents: (0..terms.agents())
                .map(|agent| consents.get(&agent).copied())
                .collect(),
        };
        Ok(Sender::restore(record, key, self.envelope.clone())?)
    }
}

impl AgentSide {
    /// The signer, as the machine stands.
    fn signer(&self, key: SecretKey) -> Result<Agent, ScenarioError> {
        let machine = self.side.machine();
        let start = machine.start();
        let start = start.ok_or_else(|| ScenarioError::broken("an agent without terms"))?;
        let record = AgentRecord {
            terms: start.delivery.terms().record().clone(),
            agent: start.agent,
            branch: start.branch.clone(),
            key: self.key.clone(),
            depth: start.depth,
            alone: start.alone,
            accepted: machine.accepted().copied(),
        };
        Ok(Agent::restore(record, self.copy.clone(), key)?)
    }
}

impl RecipientSide {
    /// The signer, as the machine stands.
    fn signer(&self, key: &SecretKey) -> Result<Recipient, ScenarioError> {
        let machine = self.side.machine();
        let start = machine.start();
        let start = start.ok_or_else(|| ScenarioError::broken("the recipient knows no terms"))?;
        let record = RecipientRecord {
            terms: start.delivery.terms().record().clone(),
            depth: start.depth,
            kept: machine.kept().clone(),
            handed: machine.handed().clone(),
        };
        Ok(Recipient::restore(record, self.copies.clone(), key)?)
    }
}

impl<'c> DeliveryPlay<'c> {
    /// Wallets with coins, terms, every agent's copy and consent; nothing is funded.
    pub fn prepare(
        chain: &'c mut dyn Chain,
        options: &DeliveryOptions,
        reporter: &'c mut dyn Reporter,
    ) -> Result<DeliveryPlay<'c>, ScenarioError> {
        let count = options.agents;
        // Before wallets are made for them.
        if usize::from(count) > MAX_AGENTS {
            let problem = format!("{count} of them; 1 to {MAX_AGENTS} are taken");
            let field = "agents";
            return Err(DeliverError::Terms { field, problem }.into());
        }
        let names = (0..count).map(name);
        let names = std::iter::once("sender".into()).chain(names);
        let mut harness = Harness::new(chain, names, &options.common, reporter)?;
        let recipient_key = recipient_key(&mut harness)?;
        let scanned = harness.chain().height()?.saturating_add(1);
        let plan = plan(&mut harness, options, &recipient_key, count)?;
        let key = harness.key(0, 0)?;
        let (bindings, rng) = harness.draws(0)?;
        let sender = Sender::new(plan, key, &options.message, bindings, rng)?;
        // Scenarios claim at once, where nothing presses yet: a claim that is mostly fee is no delivery.
        let fee = harness.fee(&sender.delivery().claim_plan(0)?)?;
        Fees::from(options.common.rate).check_share(fee, options.amount)?;
        let delivery = sender.delivery().clone();
        let mut sender = SenderSide::new(&sender, options.depth)?;
        let agents = agree_all(&mut harness, options, &mut sender)?;
        let copy = delivery.terms().copy_bytes();
        let what = format!("gives each of {count} agents a copy of {copy} bytes, and all agree");
        harness.step("sender", what, "each opens to the same envelope")?;
        Ok(DeliveryPlay {
            harness,
            options: options.clone(),
            delivery,
            sender,
            agents,
            scanner: Scanner::new(recipient_key),
            recipient_key,
            scanned,
            found: None,
            recipient: None,
            read: None,
        })
    }

    /// The harness.
    pub fn harness(&mut self) -> &mut Harness<'c> {
        &mut self.harness
    }

    /// The chain.
    pub fn chain(&mut self) -> &mut dyn Chain {
        self.harness.chain()
    }

    /// The sender's signer, as its machine stands.
    pub fn sender(&self) -> Result<Sender, ScenarioError> {
        self.sender.signer(self.harness.key(0, 0)?)
    }

    /// The delivery.
    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    pub(super) fn agent_side(&mut self, agent: u8) -> Result<&mut AgentSide, ScenarioError> {
        let found = self.agents.get_mut(usize::from(agent));
        found.ok_or_else(|| ScenarioError::broken(format!("there is no agent {agent}")))
    }

    /// An agent's signer, by index, as its machine stands.
    pub fn agent(&mut self, agent: u8) -> Result<Agent, ScenarioError> {
        let key = self.harness.key(participant(agent), 0)?;
        self.agent_side(agent)?.signer(key)
    }

    pub(super) fn recipient_side(&mut self) -> Result<&mut RecipientSide, ScenarioError> {
        let known = self.recipient.as_mut();
        known.ok_or_else(|| ScenarioError::broken("the recipient knows no terms"))
    }

    /// The recipient's signer, as its machine stands, once it has heard of the terms.
    pub fn recipient(&mut self) -> Result<Recipient, ScenarioError> {
        let key = self.recipient_key;
        self.recipient_side()?.signer(&key)
    }

    /// Key of the recipient.
    pub fn recipient_key(&self) -> SecretKey {
        self.recipient_key
    }

    /// Balances and figures of the delivery so far.
    pub fn outcome(&self, scenario: &str) -> Outcome {
        let delivered = self.read.as_deref() == Some(&self.options.message[..]);
        (self.harness.outcome(scenario))
            .with("agents", self.agents.len())
            .with("message_bytes", self.options.message.len())
            .with("copy_bytes", self.delivery().terms().copy_bytes())
            .with("candidates", self.scanner.candidates())
            .with("delivered", delivered)
    }
}

/// Where an agent sits.
pub(super) fn participant(agent: u8) -> usize {
    usize::from(agent) + 1
}

/// A hash is no key once in 2¹²⁸.
fn recipient_key(harness: &mut Harness<'_>) -> Result<SecretKey, ScenarioError> {
    let key = SecretKey::from_slice(&harness.random());
    key.map_err(|e| ScenarioError::broken(e.to_string()))
}

fn plan(
    harness: &mut Harness<'_>,
    options: &DeliveryOptions,
    recipient: &SecretKey,
    count: u8,
) -> Result<Plan, ScenarioError> {
    let secp = Secp256k1::signing_only();
    let height = harness.chain().height()?;
    let mut agents = Vec::with_capacity(count.into());
    for agent in 0..count {
        let key = harness.key(participant(agent), 0)?;
        let script = harness.participant(participant(agent))?.script.clone();
        agents.push((PublicKey::from_secret_key(&secp, &key), script));
    }
    let deposit = Plan::deposit(options.amount, options.common.rate);
    let deposit =
        deposit.ok_or_else(|| ScenarioError::broken("a delivery for more than there is"))?;
    let policy = harness.policy().clone();
    let sender = harness.participant(0)?;
    let sender_script = sender.script.clone();
    let (contribution, _) = sender
        .wallet
        .contribute(deposit, options.common.rate, &policy)?;
    Ok(Plan {
        recipient: PublicKey::from_secret_key(&secp, recipient),
        agents,
        amount: options.amount,
        refund_height: height.saturating_add(options.refund_blocks),
        claim_blocks: options.claim_blocks,
        sender_script,
        contribution,
        rate: options.common.rate,
    })
}

/// The sender gives each agent that has not agreed its copy, and they agree.
pub(super) fn agree_all(
    harness: &mut Harness<'_>,
    options: &DeliveryOptions,
    sender: &mut SenderSide,
) -> Result<Vec<AgentSide>, ScenarioError> {
    // One signer for all: it encrypts every copy when it comes back.
    let signer = sender.signer(harness.key(0, 0)?)?;
    let mut agents = Vec::new();
    for effect in sender.side.pending() {
        if let SenderEffect::Assign { agent } = effect {
            let given = signer.assignment(agent)?;
            agents.push(agree(harness, options, sender, (agent, given))?);
        }
    }
    Ok(agents)
}

/// The sender gives an agent its copy, and the agent agrees.
fn agree(
    harness: &mut Harness<'_>,
    options: &DeliveryOptions,
    sender: &mut SenderSide,
    (agent, given): (u8, Assignment),
) -> Result<AgentSide, ScenarioError> {
    let tip = harness.chain().height()?;
    let conditions = Conditions {
        least: options.amount,
        most_bytes: u64::MAX,
        latest_height: tip.saturating_add(options.refund_blocks),
        claim_blocks: options.claim_blocks,
        script: harness.participant(participant(agent))?.script.clone(),
        depth: options.depth,
        alone: options.alone,
    };
    let who = name(agent);
    let assignment = harness.send("sender", &who, &given)?;
    let key = harness.key(participant(agent), 0)?;
    let (own, consent) = Agent::new(assignment, key, &conditions, tip)?;
    let record = own.record().clone();
    let delivery = own.delivery().clone();
    let mut side = Side::<AgentMachine>::new(delivery.terms().id())?;
    let due = side.step(&AgentInput::Agreed(Box::new(AgentStart {
        delivery,
        agent: record.agent,
        branch: record.branch,
        depth: record.depth,
        alone: record.alone,
    })))?;
    if due.contains(&AgentEffect::Consent) {
        let consent = harness.send(&who, "sender", &consent)?;
        sender.side.step(&SenderInput::Consent(consent))?;
    }
    Ok(AgentSide {
        side,
        key: record.key,
        copy: own.copy().to_vec(),
    })
}
