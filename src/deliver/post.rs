//! All parties of a delivery at one table: sender, agents, recipient.

use bitcoin::{
    Amount,
    secp256k1::{PublicKey, Secp256k1, SecretKey},
};
use narthex_base::codec::Message as _;
use narthex_contracts::{
    deliver::{
        Agent, Assignment, Conditions, Consent, DeliverError, Delivery, Found, MAX_AGENTS, Plan,
        Recipient, Scanner, Sender,
    },
    depth::Depth,
    terms::{FeeRate, Fees},
};
use narthex_regtest::Chain;

use super::PostError;
use crate::table::{
    MINED, MOST_BLOCKS, MOST_SAT, ONE_COIN, Table, TableOptions, TableOutcome, TableReporter,
    playable,
};

/// What agents and recipient wait for in a play, unless another depth is asked for.
pub const DEPTH: Depth = match Depth::new(3) {
    Ok(depth) => depth,
    Err(_) => Depth::LEAST,
};

/// Figures of a delivery.
#[derive(Debug, Clone)]
pub struct PostOptions {
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
    /// Fee rate of funding, claim and refund.
    pub rate: FeeRate,
    /// Everything random follows from it.
    pub seed: [u8; 32],
}

impl Default for PostOptions {
    fn default() -> Self {
        PostOptions {
            agents: 3,
            message: b"Meet me in the narthex at noon.".to_vec(),
            amount: Amount::from_sat(20_000),
            refund_blocks: 60,
            claim_blocks: 12,
            depth: DEPTH,
            alone: false,
            rate: FeeRate::from_sat_per_kwu(500),
            seed: [0; 32],
        }
    }
}

/// Blocks that stories need beside those of the claim and of the funding's depth.
const STORY_BLOCKS: u64 = 9;

impl PostOptions {
    /// Whether every story can be played with these figures. What terms refuse is left to them.
    pub(super) fn check(&self) -> Result<(), PostError> {
        let (depth, claim) = (u64::from(self.depth.blocks()), u64::from(self.claim_blocks));
        let room = MOST_BLOCKS / 2 - STORY_BLOCKS;
        playable("--depth", depth, Depth::LEAST.blocks().into()..=room, MINED)?;
        playable("--claim-blocks", claim, 0..=room, MINED)?;
        let why = "the claim-blocks, the depth and 9 more, lest a claim be too late, and at most what can be mined";
        let least = claim + depth + STORY_BLOCKS;
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

/// A delivery between its parties, on a chain. The sender sits first, then the agents; the recipient has no coins.
pub struct Post<'c> {
    pub(super) table: Table<'c>,
    pub(super) options: PostOptions,
    pub(super) sender: Sender,
    pub(super) agents: Vec<Agent>,
    pub(super) recipient_key: SecretKey,
    pub(super) scanner: Scanner,
    /// The next block that the recipient looks at.
    pub(super) scanned: u32,
    pub(super) found: Option<Found>,
    pub(super) recipient: Option<Recipient>,
    pub(super) read: Option<Vec<u8>>,
}

impl<'c> Post<'c> {
    /// Wallets with coins, terms, every agent's copy and consent; nothing is funded.
    pub fn prepare(
        chain: &'c mut dyn Chain,
        options: &PostOptions,
        reporter: &'c mut dyn TableReporter,
    ) -> Result<Post<'c>, PostError> {
        let count = options.agents;
        // Before wallets are made for them.
        if usize::from(count) > MAX_AGENTS {
            return Err(PostError::Deliver(DeliverError::Terms {
                field: "agents",
                problem: format!("{count} of them; 1 to {MAX_AGENTS} are taken"),
            }));
        }
        let names = (0..=count).map(|seat| match seat {
            0 => "sender".to_owned(),
            _ => format!("agent {seat}"),
        });
        let names = names.collect::<Vec<_>>();
        let names = names.iter().map(String::as_str).collect::<Vec<_>>();
        let common = TableOptions {
            rate: options.rate,
            seed: options.seed,
        };
        let mut table = Table::new(chain, &names, common, reporter)?;
        let recipient_key = recipient_key(&mut table)?;
        let scanned = table.chain().height()?.saturating_add(1);
        let plan = plan(&mut table, options, &recipient_key, count)?;
        let key = table.key(0, 0)?;
        let (bindings, rng) = table.draws(0)?;
        let mut sender = Sender::new(plan, key, &options.message, bindings, rng)?;
        // Stories claim at once, where nothing presses yet: a claim that is mostly fee is no delivery.
        let fee = table.fee(&sender.delivery().claim_plan(0)?)?;
        Fees::from(options.rate).check_share(fee, options.amount)?;
        let agents = (0..count).map(|agent| agree(&mut table, options, &mut sender, agent));
        let agents = agents.collect::<Result<Vec<_>, _>>()?;
        let copy = sender.delivery().terms().copy_bytes();
        let what = format!("gives each of {count} agents a copy of {copy} bytes, and all agree");
        table.step("sender", what, "each opens to the same envelope")?;
        Ok(Post {
            table,
            options: options.clone(),
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

    /// The table that sender and agents sit at.
    pub fn table(&mut self) -> &mut Table<'c> {
        &mut self.table
    }

    /// The chain.
    pub fn chain(&mut self) -> &mut dyn Chain {
        self.table.chain()
    }

    /// The sender.
    pub fn sender(&mut self) -> &mut Sender {
        &mut self.sender
    }

    /// The delivery.
    pub fn delivery(&self) -> &Delivery {
        self.sender.delivery()
    }

    /// An agent by index.
    pub fn agent(&mut self, agent: u8) -> Result<&mut Agent, PostError> {
        let found = self.agents.get_mut(usize::from(agent));
        found.ok_or_else(|| PostError::broken(format!("there is no agent {agent}")))
    }

    /// The recipient, once it has heard of the terms.
    pub fn recipient(&mut self) -> Result<&mut Recipient, PostError> {
        let known = self.recipient.as_mut();
        known.ok_or_else(|| PostError::broken("the recipient knows no terms"))
    }

    /// Key of the recipient.
    pub fn recipient_key(&self) -> SecretKey {
        self.recipient_key
    }

    /// Balances and figures of the delivery so far.
    pub fn outcome(&self, story: &str) -> TableOutcome {
        let delivered = self.read.as_deref() == Some(&self.options.message[..]);
        (self.table.outcome(story))
            .with("agents", self.agents.len())
            .with("message_bytes", self.options.message.len())
            .with("copy_bytes", self.delivery().terms().copy_bytes())
            .with("candidates", self.scanner.candidates())
            .with("delivered", delivered)
    }

    /// Reports the end.
    pub(super) fn end(&mut self, story: &str) -> TableOutcome {
        let outcome = self.outcome(story);
        self.table.end(outcome)
    }
}

/// Where an agent sits.
pub(super) fn seat(agent: u8) -> usize {
    usize::from(agent) + 1
}

/// A hash is no key once in 2¹²⁸.
fn recipient_key(table: &mut Table<'_>) -> Result<SecretKey, PostError> {
    let key = SecretKey::from_slice(&table.random());
    key.map_err(|e| PostError::broken(e.to_string()))
}

fn plan(
    table: &mut Table<'_>,
    options: &PostOptions,
    recipient: &SecretKey,
    count: u8,
) -> Result<Plan, PostError> {
    let secp = Secp256k1::signing_only();
    let height = table.chain().height()?;
    let mut agents = Vec::with_capacity(count.into());
    for agent in 0..count {
        let key = table.key(seat(agent), 0)?;
        let script = table.seat(seat(agent))?.script.clone();
        agents.push((PublicKey::from_secret_key(&secp, &key), script));
    }
    let deposit = Plan::deposit(options.amount, options.rate);
    let deposit = deposit.ok_or_else(|| PostError::broken("a delivery for more than there is"))?;
    let policy = table.policy().clone();
    let sender = table.seat(0)?;
    let sender_script = sender.script.clone();
    let (contribution, _) = sender.wallet.contribute(deposit, options.rate, &policy)?;
    Ok(Plan {
        recipient: PublicKey::from_secret_key(&secp, recipient),
        agents,
        amount: options.amount,
        refund_height: height.saturating_add(options.refund_blocks),
        claim_blocks: options.claim_blocks,
        sender_script,
        contribution,
        rate: options.rate,
    })
}

/// The sender gives an agent its copy, and the agent agrees.
pub(super) fn agree(
    table: &mut Table<'_>,
    options: &PostOptions,
    sender: &mut Sender,
    agent: u8,
) -> Result<Agent, PostError> {
    let tip = table.chain().height()?;
    let conditions = Conditions {
        least: options.amount,
        most_bytes: u64::MAX,
        latest_height: tip.saturating_add(options.refund_blocks),
        claim_blocks: options.claim_blocks,
        script: table.seat(seat(agent))?.script.clone(),
        depth: options.depth,
        alone: options.alone,
    };
    let wire = |e| PostError::Deliver(narthex_contracts::deliver::DeliverError::Wire(e));
    let bytes = sender.assignment(agent)?.to_bytes();
    let assignment = Assignment::from_bytes(&bytes).map_err(wire)?;
    let key = table.key(seat(agent), 0)?;
    let (own, consent) = Agent::new(assignment, key, &conditions, tip)?;
    let consent = Consent::from_bytes(&consent.to_bytes()).map_err(wire)?;
    sender.agreed(&consent)?;
    Ok(own)
}
