//! What parties publish: the honest what their machines ask for, adversaries also what they hold.

use bitcoin::{Amount, OutPoint, Transaction, secp256k1::rand::Rng};
use narthex_channel::contract::ContractErrand;
use narthex_contracts::{
    graph::{NodeId, anchor_script},
    party::PartyName,
    setup::Secrets,
    template::ContractSecret,
    terms::Role,
};
use narthex_regtest::{Broadcaster as _, ChainSource as _};

use super::{
    node::{Took, took},
    world::World,
};
use crate::{
    life::{LifeError, LifeParty, Offered},
    play::attack::rival_child,
    schedules::Violation,
};

/// Rounds in which a duty may be missing where it ought to be: in one it may have been refused for what goes with the next block.
const MOST_MISSED: u32 = 3;

impl World<'_> {
    /// Everybody publishes what is due.
    pub(super) fn publish(&mut self) {
        for role in self.shuffled() {
            let node = self.nodes.get(&role);
            let villain = node.and_then(|node| node.villain.clone());
            if villain
                .is_some_and(|villain| villain.is_idle(&mut self.rng) || villain.has_quit(self.tip))
            {
                continue;
            }
            let chain = &mut self.chain;
            let node = self.nodes.get_mut(&role);
            let Some(party) = node.and_then(|node| node.party.as_mut()) else {
                continue;
            };
            let resolved = party.resolve(chain);
            match took(resolved.and_then(|resolved| resolved.publish(chain))) {
                Took::Done(true) => self.event(format!("{role} publishes")),
                Took::Done(false) => {}
                Took::Killed => self.killed(role),
                Took::Failed(reason) => self.defect(role, reason),
            }
        }
        let waiting = self.chain.mempool().unwrap_or_default();
        let tip = self.tip;
        self.waiting.retain(|txid, _| waiting.contains(txid));
        for txid in waiting {
            self.waiting.entry(txid).or_insert(tip);
        }
    }

    /// What adversaries do on chain beside their machines.
    pub(super) fn adversaries(&mut self) {
        for role in self.shuffled() {
            let node = self.nodes.get(&role);
            let Some(villain) = node.and_then(|node| node.villain.clone()) else {
                continue;
            };
            self.begin_anew(role);
            if villain.grabs(&mut self.rng) {
                let bribes = villain.bribes(&mut self.rng);
                self.grab(role, bribes);
            }
            if villain.pins(&mut self.rng) {
                self.pin(role);
            }
        }
    }

    /// A worker that begins anew where its machine stands, as it drew: it works otherwise, and is told what the others have.
    fn begin_anew(&mut self, role: Role) {
        let Some(node) = self.nodes.get_mut(&role) else {
            return;
        };
        let standing = node.party.as_ref().map(LifeParty::standing);
        let villain = node.villain.as_mut();
        if !standing.is_some_and(|at| villain.is_some_and(|villain| villain.begins_anew(at))) {
            return;
        }
        node.begin_anew();
        self.event(format!("{role} begins anew"));
        self.restart_told(role, 0);
    }

    /// An adversary publishes something that it holds, as soon as a block may hold it.
    fn grab(&mut self, role: Role, bribes: bool) {
        let next = self.tip.saturating_add(1);
        let node = self.nodes.get(&role);
        let Some(party) = node.and_then(|node| node.party.as_ref()) else {
            return;
        };
        let (book, signer) = (party.book(), party.signer());
        let coin = book.facts().coin(book.contract().graph());
        let secrets = signer.secrets(book);
        let known = self.with_ally(role, secrets.clone());
        let mut held = Vec::new();
        for node in signer.signatures().complete_nodes() {
            if book.earliest(node).is_none_or(|first| next < first) {
                continue;
            }
            let (tx, is_own) = match signer.signatures().complete(node, &secrets) {
                Ok(tx) => (tx, true),
                Err(_) => match signer.signatures().complete(node, &known) {
                    Ok(tx) => (tx, false),
                    Err(_) => continue,
                },
            };
            if tx.input.first().map(|input| input.previous_output) == coin {
                held.push((node, tx, is_own));
            }
        }
        if held.is_empty() {
            return;
        }
        let (node, tx, is_own) = held.swap_remove(self.rng.gen_range(0..held.len()));
        let name = self.name(node);
        if bribes || !is_own {
            self.event(format!("{role} has the miner take {name}"));
            self.bribed.push(tx);
            return;
        }
        let chain = &mut self.chain;
        let party = self
            .nodes
            .get_mut(&role)
            .and_then(|node| node.party.as_mut());
        let published = party.map(|party| party.publish_unasked(chain, node));
        if matches!(published, Some(Ok(true))) {
            self.event(format!("{role} publishes {name} unasked"));
        }
    }

    /// What an adversary knows with what its ally knows.
    fn with_ally(&self, role: Role, mut known: Secrets) -> Secrets {
        let node = self.nodes.get(&role);
        let villain = node.and_then(|node| node.villain.as_ref());
        let ally = villain.and_then(|villain| self.nodes.get(&villain.partner?));
        let Some(party) = ally.and_then(|ally| ally.party.as_ref()) else {
            return known;
        };
        let others = party.signer().secrets(party.book());
        for secret in [ContractSecret::Result, ContractSecret::Token] {
            if let Some(other) = others.get(secret) {
                known.insert(secret, other);
            }
        }
        for attestation in party.book().attestations() {
            known.attest(attestation);
        }
        known
    }

    pub(super) fn name(&self, node: NodeId) -> String {
        let contract = self.ready.contracts.values().next();
        let node = contract.and_then(|contract| contract.graph().node(node));
        node.map(|node| node.name.to_string()).unwrap_or_default()
    }

    /// Its child takes the place of another's on whatever waits of the contract.
    fn pin(&mut self, role: Role) {
        let Some((parent, child, fee)) = self.paid_for() else {
            return;
        };
        let party = self
            .nodes
            .get_mut(&role)
            .and_then(|node| node.party.as_mut());
        let Some(party) = party else {
            return;
        };
        let rival = rival_child(party.publisher_mut(), &parent, (&child, fee));
        if let Ok((rival, _)) = rival
            && self.chain.submit(&rival).is_ok()
        {
            self.event(format!("{role} pins {}", parent.compute_txid()));
        }
    }

    /// A transaction that waits with a child, the child, and what that pays.
    fn paid_for(&mut self) -> Option<(Transaction, Transaction, Amount)> {
        for txid in self.chain.mempool().ok()? {
            let (parent, _) = self.chain.transaction(txid).ok()??;
            let anchor = anchor_script();
            let mut outputs = (0u32..).zip(&parent.output);
            let anchor = outputs.find(|(_, out)| out.script_pubkey == anchor);
            let Some((vout, _)) = anchor else {
                continue;
            };
            let spender = self.chain.waiting_spender(OutPoint { txid, vout }).ok()?;
            let Some(spender) = spender else {
                continue;
            };
            let (child, _) = self.chain.transaction(spender).ok()??;
            let mut coins = Amount::ZERO;
            for input in &child.input {
                let coin = self.chain.utxo(input.previous_output).ok()?;
                let value = coin.map_or(Amount::ZERO, |(out, _)| out.value);
                coins = coins.checked_add(value)?;
            }
            let out: Amount = child.output.iter().map(|out| out.value).sum();
            let fee = coins.checked_sub(out)?;
            return Some((parent, child, fee));
        }
        None
    }

    /// What is due in a window is on its way, or its rival is.
    pub(super) fn watch_duties(&mut self) {
        let mut found = Vec::new();
        for role in &self.roles {
            let node = self.nodes.get(role).filter(|node| node.is_bound());
            let Some(party) = node.and_then(|node| node.party.as_ref()) else {
                continue;
            };
            for errand in party.on_chain() {
                let ContractErrand::Publish { node, until } = errand else {
                    continue;
                };
                match on_its_way(&mut self.chain, party, node) {
                    Ok(true) => {
                        self.missed.remove(&(*role, node));
                    }
                    Ok(false) => {
                        let missed = self.missed.entry((*role, node)).or_default();
                        *missed += 1;
                        if *missed == MOST_MISSED {
                            let mut refused = party.publisher().refused.iter();
                            let why = refused.find(|refused| refused.node == Some(node));
                            let why = why.map(|refused| refused.why.to_string());
                            // Whoever cannot be outbid is outbid.
                            let is_outbid = party.publisher().refused.iter().any(|refused| {
                                matches!(refused.why, Offered::Outbid { .. } | Offered::Held)
                            });
                            if !is_outbid {
                                found.push((*role, node, until, why));
                            }
                        }
                    }
                    Err(error) => found.push((*role, node, until, Some(error.to_string()))),
                }
            }
        }
        for (role, node, until, why) in found {
            let (party, what) = (PartyName::from(role), self.name(node));
            let why = why.unwrap_or_default();
            self.violation(Violation::Duty {
                party,
                what,
                until,
                why,
            });
        }
    }
}

/// Whether a transaction waits or has confirmed, or another one on its coin.
fn on_its_way(
    chain: &mut narthex_regtest::Embedded,
    party: &LifeParty<'_>,
    node: NodeId,
) -> Result<bool, LifeError> {
    let graph = party.book().contract().graph();
    let Some(tx) = graph.assemble(node) else {
        return Ok(true);
    };
    if chain.transaction(tx.compute_txid())?.is_some() {
        return Ok(true);
    }
    let Some(coin) = tx.input.first().map(|input| input.previous_output) else {
        return Ok(true);
    };
    let is_spent = chain.utxo(coin)?.is_none();
    Ok(is_spent || chain.waiting_spender(coin)?.is_some())
}
