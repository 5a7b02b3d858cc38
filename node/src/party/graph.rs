//! The transactions of a contract, with those that are on chain, and its dates.

use std::collections::{BTreeMap, BTreeSet};

use narthex::{
    channel::offer::Offer,
    contracts::{
        graph::{Node, NodeId, NodeName, Purpose, Source, TxGraph},
        template::Exit,
        terms::Role,
    },
    game_model::schedule::{ChallengeSchedule, Schedule, stake_unlock_height},
};
use serde::{Deserialize, Serialize};

use super::{
    Core, DueStatus, Fatal,
    command::{Answer, Reply, id_of, refused},
};

/// How a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Chance {
    /// It may still come.
    Open,
    /// It is in a block.
    Confirmed,
    /// What it spends was spent otherwise.
    Closed,
}

/// What somebody has of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PayStatus {
    /// Who.
    pub to: String,
    /// The least of all variants.
    pub least_sat: u64,
    /// The most of them.
    pub most_sat: u64,
}

/// A transaction that a contract may need, or all of one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TxStatus {
    /// Such as `Tx0`, `TxD`, `S6`.
    pub name: String,
    /// How many there are of this name.
    pub variants: usize,
    /// What happened if it confirms.
    pub meaning: String,
    /// Names of those that it spends.
    pub parents: Vec<String>,
    /// Who may publish it; nobody for the funding, which wallets sign.
    pub broadcasters: Vec<String>,
    /// Least height that must have passed, if there is one.
    pub lock_height: Option<u32>,
    /// Least number of blocks after what it spends, if there is one.
    pub lock_blocks: Option<u32>,
    /// Who is paid.
    pub pays: Vec<PayStatus>,
    /// How it stands.
    pub state: Chance,
    /// Id of the one that is in a block; of the only one, if there is one.
    pub txid: Option<String>,
    /// Height of its block.
    pub height: Option<u32>,
}

/// A date: a height or a time, never both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DateStatus {
    /// What is so at that date.
    pub what: String,
    /// The height of the chain.
    pub height: Option<u32>,
    /// Seconds since 1970.
    pub unix_s: Option<u64>,
    /// Of a height that is ahead: when that is in seconds since 1970, by an estimate of ten minutes a block.
    pub about_s: Option<u64>,
    /// Whether it is behind.
    pub is_past: bool,
}

/// The transactions of a contract and its dates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GraphStatus {
    /// Id of the negotiation.
    pub id: String,
    /// Height of the chain, if it was seen.
    pub tip: Option<u32>,
    /// Parents first; empty before everything is signed.
    pub transactions: Vec<TxStatus>,
    /// In their order.
    pub dates: Vec<DateStatus>,
}

/// Where a contract stands on chain: transactions of its graph, each with the height of its block.
type Path = BTreeMap<NodeId, u32>;

/// Those that nothing can bring any more.
fn closed(graph: &TxGraph, path: &Path) -> BTreeSet<NodeId> {
    let mut taken = BTreeMap::new();
    for id in path.keys() {
        for input in graph.node(*id).into_iter().flat_map(|node| &node.inputs) {
            if let Source::Output { node, vout } = input.source {
                taken.insert((node, vout), *id);
            }
        }
    }
    let mut closed = BTreeSet::new();
    // Parents come first.
    for (id, node) in graph.nodes() {
        let is_closed = node.inputs.iter().any(|input| match input.source {
            Source::Output { node: parent, vout } => {
                let by = taken.get(&(parent, vout));
                by.is_some_and(|by| *by != id) || closed.contains(&parent)
            }
            Source::External { .. } => false,
        });
        if is_closed && !path.contains_key(&id) {
            closed.insert(id);
        }
    }
    closed
}

fn pays(graph: &TxGraph, members: &[(NodeId, &Node)]) -> Vec<PayStatus> {
    let mut sums: BTreeMap<_, Vec<u64>> = BTreeMap::new();
    for (at, (_, node)) in members.iter().enumerate() {
        for output in &node.outputs {
            if let Purpose::Payout(party) = output.purpose {
                let all = sums.entry(party).or_insert_with(|| vec![0; members.len()]);
                if let Some(sum) = all.get_mut(at) {
                    *sum = sum.saturating_add(output.value.to_sat());
                }
            }
        }
    }
    let pay = |(party, sums): (_, Vec<u64>)| PayStatus {
        to: graph.party(party).to_string(),
        least_sat: sums.iter().copied().min().unwrap_or(0),
        most_sat: sums.iter().copied().max().unwrap_or(0),
    };
    sums.into_iter().map(pay).collect()
}

fn transactions(graph: &TxGraph, path: &Path) -> Vec<TxStatus> {
    let closed = closed(graph, path);
    let mut bases: Vec<(&str, Vec<(NodeId, &Node)>)> = Vec::new();
    let mut place = BTreeMap::new();
    for (id, node) in graph.nodes() {
        let at = *place.entry(node.name.base).or_insert(bases.len());
        match bases.get_mut(at) {
            Some((_, members)) => members.push((id, node)),
            None => bases.push((node.name.base, vec![(id, node)])),
        }
    }
    let status = |(base, members): (&str, Vec<(NodeId, &Node)>)| {
        let nodes = || members.iter().map(|(_, node)| *node);
        let inputs = nodes().flat_map(|node| &node.inputs);
        let parents: BTreeSet<_> = inputs
            .filter_map(|input| match input.source {
                Source::Output { node, .. } => graph.node(node),
                Source::External { .. } => None,
            })
            .map(|parent| parent.name.base.to_owned())
            .collect();
        let broadcasters = nodes().filter_map(|node| node.signing.as_ref());
        let broadcasters: BTreeSet<_> = broadcasters
            .flat_map(|signing| signing.broadcasters.iter())
            .collect();
        let least = |locks: &mut dyn Iterator<Item = u32>| locks.min().filter(|lock| *lock > 0);
        let on_chain = members.iter().find(|(id, _)| path.contains_key(id));
        let only = members.first().filter(|_| members.len() == 1);
        TxStatus {
            name: base.to_owned(),
            variants: members.len(),
            meaning: nodes().next().map_or("", |node| node.meaning).to_owned(),
            parents: parents.into_iter().collect(),
            broadcasters: broadcasters
                .into_iter()
                .map(|party| graph.party(party).to_string())
                .collect(),
            lock_height: least(&mut nodes().map(|node| node.lock_height)),
            lock_blocks: least(
                &mut nodes().map(|node| u32::from(TxGraph::relative_lock_blocks(node))),
            ),
            pays: pays(graph, &members),
            state: match on_chain {
                Some(_) => Chance::Confirmed,
                None if members.iter().all(|(id, _)| closed.contains(id)) => Chance::Closed,
                None => Chance::Open,
            },
            txid: (on_chain.or(only))
                .and_then(|(id, _)| graph.txid(*id))
                .map(|txid| txid.to_string()),
            height: on_chain.and_then(|(id, _)| path.get(id)).copied(),
        }
    };
    bases.into_iter().map(status).collect()
}

/// Seconds between two blocks, on an average of the main chain.
const BLOCK_S: u64 = 600;

/// When a height that is ahead comes, if blocks come as they do on an average.
pub(super) fn about(height: u32, tip: u32, unix_s: u64) -> Option<u64> {
    let ahead = height.checked_sub(tip).filter(|blocks| *blocks > 0)?;
    Some(unix_s.saturating_add(u64::from(ahead).saturating_mul(BLOCK_S)))
}

/// Dates of an offer, and what follows from where its contract stands.
fn dates(
    offer: &Offer,
    (funded, delivered, approved): (Option<u32>, Option<u32>, Option<u32>),
    (tip, unix_s): (Option<u32>, u64),
    (due, ended, is_arbiter): (&[DueStatus], Option<(u32, String)>, bool),
) -> Vec<DateStatus> {
    let params = &offer.params;
    let mut heights = [
        (offer.timing.funding_deadline, "last height for the funding"),
        (params.deliver_height(), "the worker's delivery is due"),
        (stake_unlock_height(params), "arbiters' stakes unlock"),
    ]
    .map(|(height, what)| (height, what.to_owned()))
    .to_vec();
    for due in due {
        if let Some(until) = due.until {
            heights.push((until, format!("this node's {} is surely in time", due.name)));
        }
    }
    if let Some(height) = funded {
        // It has come.
        heights.retain(|(_, what)| what != "last height for the funding");
        heights.push((height, "funded".to_owned()));
        let work = u32::from(params.windows().work_blocks);
        heights.push((
            height.saturating_add(work),
            "the worker has had its time since the funding".to_owned(),
        ));
    }
    if let Some(height) = delivered {
        let schedule = Schedule::of(params, height);
        let dated = [
            (schedule.delivered, "delivered on chain (TxD)"),
            (schedule.record, "worker: root of record, boxes"),
            (schedule.nonce, "verifier: nonce of the sample"),
            (schedule.token, "worker: token"),
            (schedule.reply, "verifier: reply to the token"),
            (schedule.opening, "worker: opening of the sample"),
            (schedule.verdict, "verifier: verdict"),
        ];
        heights.extend(dated.map(|(height, what)| (height, what.to_owned())));
    }
    if let (Some(height), Some(_)) = (approved, params.audit()) {
        let schedule = ChallengeSchedule::of(params, height);
        let dated = [
            (schedule.approved, "approved on chain (TxV1)"),
            (
                schedule.served,
                "worker: boxes and opening to the client; from here on it can challenge",
            ),
            (schedule.claimed, "worker: the result is shown (S3')"),
        ];
        heights.extend(dated.map(|(height, what)| (height, what.to_owned())));
    }
    if let Some((ended, name)) = &ended {
        // What is over is over: what has come stays, and of what is ahead what concerns coins that are still locked.
        let unlock = stake_unlock_height(params);
        let is_done = |what: &str| what == "funded" || what.contains("on chain");
        heights.retain(|(height, what)| is_done(what) || (is_arbiter && *height == unlock));
        heights.push((*ended, format!("ended by {name}")));
    }
    heights.sort_by_key(|(height, _)| *height);
    let expiry = DateStatus {
        what: "the offer may be accepted until then".to_owned(),
        height: None,
        unix_s: Some(offer.expires_s),
        about_s: None,
        is_past: unix_s > offer.expires_s,
    };
    let dated = heights.into_iter().map(|(height, what)| DateStatus {
        what,
        height: Some(height),
        unix_s: None,
        about_s: tip.and_then(|tip| about(height, tip, unix_s)),
        is_past: tip.is_some_and(|tip| tip >= height),
    });
    let expiry = Some(expiry).filter(|_| ended.is_none());
    expiry.into_iter().chain(dated).collect()
}

impl Core {
    pub(super) fn graph(&mut self, id: &str) -> Result<Answer, Fatal> {
        let id = match id_of(id) {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        let (tip, unix_s) = (self.tip, self.now.unix_s);
        let contract = self.contracts.get_mut(&id);
        let known = contract.and_then(|c| Some((c.offer.machine().offer()?.clone(), c)));
        let Some((offer, contract)) = known else {
            return Ok(Err(refused("unknown", "there is no such contract")));
        };
        let (mut path, mut all, mut due) = (Path::new(), Vec::new(), Vec::new());
        let mut ended = None;
        if let Some(life) = &contract.life {
            let book = life.party.book();
            path.extend(book.facts().path.iter().copied());
            all = transactions(book.contract().graph(), &path);
            due = life.due();
            // If that block is lost, they are all there again.
            let last = life.path().pop().filter(|_| book.ended().is_some());
            ended = last.map(|last| (last.height, last.name));
        } else if let Some(seat) = contract.seat.as_mut() {
            let funded = seat.machine().live();
            path.extend(funded.map(|height| (TxGraph::FUNDING, height)));
            let machine = seat.machine().clone();
            match seat.signer_mut().signatures(&machine) {
                Ok(Some(signatures)) => all = transactions(signatures.graph(), &path),
                Ok(None) => {}
                Err(error) => return Ok(Err(refused("own-signatures", error))),
            }
        }
        let height = |name: NodeName| {
            let found = all.iter().find(|tx: &&TxStatus| tx.name == name.base);
            found.and_then(|tx| tx.height)
        };
        let funded = path.get(&TxGraph::FUNDING).copied();
        let dates = dates(
            &offer,
            (funded, height(Exit::DELIVERED), height(Exit::APPROVED)),
            (tip, unix_s),
            (&due, ended, matches!(contract.me(), Some(Role::Arbiter(_)))),
        );
        Ok(Ok(Reply::Graph(Box::new(GraphStatus {
            id: narthex::bitcoin::hex::DisplayHex::to_lower_hex_string(&id),
            tip,
            transactions: all,
            dates,
        }))))
    }
}
