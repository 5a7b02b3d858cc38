//! How small contracts stand, for their operator.

use std::collections::BTreeMap;

use narthex::{
    bitcoin::{hex::DisplayHex, secp256k1::PublicKey},
    channel::small::{AskFault, AtFault, SmallAnswer},
    small::{family_of, named_at},
};
use serde::{Deserialize, Serialize};

use super::Small;
use crate::party::{Core, OnChain};

/// How a small contract stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SmallStatus {
    /// Its id.
    pub id: String,
    /// Its family: `bank`, `delivery`, `bounty`, `slice`.
    pub family: String,
    /// `asked`, `waiting`, `joined`, `declined` or `over`.
    pub state: String,
    /// The other node; the first of them, if several are asked.
    #[schema(value_type = String, pattern = "^0[23][0-9a-f]{64}$")]
    pub peer: PublicKey,
    /// All of them, in their places; of a bounty's recomputer the other recomputers too, of a slice's provider the other providers.
    #[schema(value_type = Vec<String>)]
    pub peers: Vec<PublicKey>,
    /// Of an ask that names several nodes, where it tells the others that this one listens. If that is wrong they may not reach it: it is not
    /// to be taken.
    pub named_at: Option<String>,
    /// Why it was declined, by the first that did.
    pub reason: Option<String>,
    /// Of an own ask: whose fault that is: `asker`, `asked` or `nobody`.
    pub at_fault: Option<String>,
    /// Of an own ask: what may be done about it.
    pub next: Option<String>,
    /// Once it is joined: which side this node is.
    pub role: Option<String>,
    /// Once it is joined: where that side stands, in a word of its machine.
    pub standing: Option<String>,
    /// Of a bank that has paid or served a stream: where the last one stands, in a word of its machine; its figures begin with `stream_`.
    pub stream: Option<String>,
    /// Why that stream goes no further, if either side has said so.
    pub stream_stopped: Option<String>,
    /// Figures of that side.
    pub figures: BTreeMap<String, u64>,
    /// The first height at which it acts by itself if nothing else happens.
    pub acts_at: Option<u32>,
    /// Its transactions that are in blocks, in order.
    pub path: Vec<OnChain>,
    /// What this side publishes as it stands.
    pub due: Vec<String>,
    /// What failed on this computer.
    pub trouble: Option<String>,
    /// Until when it may be taken, in seconds since 1970.
    pub expires_s: u64,
}

/// What a contract brought this node: a delivery its recipient, a bounty its requester, a slice its client, a stream its payer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SmallDelivered {
    /// The contract's id.
    pub id: String,
    /// Of a delivery `message`, or `evidence` that its sender committed to none, which anybody can judge; of a bounty, and of the
    /// slices of a stream that are open, `result`; of a gated slice `result`, or `evidence` that somebody sealed none, or lied to this node.
    pub what: String,
    /// That, in hex.
    pub hex: String,
}

impl Small {
    /// What was delivered to this node, once it has it.
    pub(super) fn delivered(&self, id: &[u8; 32]) -> Option<SmallDelivered> {
        let delivered = self.side.as_ref()?.delivered()?;
        Some(SmallDelivered {
            id: id.to_lower_hex_string(),
            what: delivered.what.to_owned(),
            hex: delivered.bytes.to_lower_hex_string(),
        })
    }

    fn status(&self, id: &[u8; 32], me: &PublicKey) -> Option<SmallStatus> {
        let begun = self.begun()?;
        let side = self.side.as_ref();
        let family = family_of(&begun.ask.figures).unwrap_or("unknown");
        let found = self
            .reader
            .iter()
            .flat_map(|reader| reader.follower().found());
        let path = found.map(|(height, tx)| OnChain {
            name: side.map_or("", |side| side.name_of(tx)).to_owned(),
            txid: tx.compute_txid().to_string(),
            height,
        });
        let due = side.map(|side| side.publications()).unwrap_or_default();
        let spends = side.map(|side| side.spends()).unwrap_or_default();
        let due = due.into_iter().map(|one| one.name);
        let due = due.chain(spends.into_iter().map(|one| one.name));
        let mut answers = self.asked.machine().answers().values();
        let declined = answers.find_map(|answer| match answer {
            SmallAnswer::Takes(_) => None,
            SmallAnswer::Declines(decline) => {
                let next = "its owner does not want it: ask for something else, or another node";
                Some((decline, AtFault::Nobody, next))
            }
            SmallAnswer::Declined(declined) => {
                let fault = declined.fault;
                Some((&declined.decline, fault.at_fault(), next_of(fault)))
            }
        });
        // Of what others ask the owner has decided, or this node has.
        let told = declined.filter(|_| begun.is_own);
        let members = self.members.iter().map(|member| member.peer.node);
        let peers = self.peers().map(|(_, node)| node);
        let peers: Vec<_> = peers.chain(members).collect();
        let role = match self.is_guest() {
            true => Some("guest".to_owned()),
            false => side.map(|side| side.role().to_owned()),
        };
        let streamed = side.and_then(|side| side.stream());
        Some(SmallStatus {
            id: id.to_lower_hex_string(),
            family: family.to_owned(),
            state: self.standing().to_owned(),
            peer: *peers.first()?,
            peers,
            named_at: named_at(&begun.ask.figures, me),
            reason: declined.map(|(decline, ..)| decline.reason.clone()),
            at_fault: told.map(|(_, at_fault, _)| at_fault.as_str().to_owned()),
            next: told.map(|(.., next)| next.to_owned()),
            role,
            standing: side.map(|side| side.standing().to_owned()),
            stream: streamed.as_ref().map(|of| of.standing.to_owned()),
            stream_stopped: streamed.and_then(|of| of.why),
            figures: side.map(|side| side.figures()).unwrap_or_default(),
            acts_at: side.and_then(|side| side.acts_at()),
            path: path.collect(),
            due: due.map(str::to_owned).collect(),
            trouble: self.trouble.clone(),
            expires_s: begun.ask.expires_s,
        })
    }
}

/// What whoever asked may do about it.
const fn next_of(fault: AskFault) -> &'static str {
    match fault {
        AskFault::Malformed => "the node that asked is at fault, or too new: report it",
        AskFault::Figures => "mend what the reason names, and ask again",
        AskFault::Expiry => {
            "ask again with another --open, and compare the clocks of both computers"
        }
        AskFault::Unknown => {
            "compare the funding with what its sender said; if it is right, the agent does not have it yet: collect it again in a few minutes"
        }
        AskFault::Late => "the agent serves nobody in it any more: ask another agent",
        AskFault::Full => "ask again later, or another node",
        AskFault::Unready => "ask again in a minute: the other node has just begun",
        AskFault::Other(_) => "read the reason; a newer program would say more",
        // What only a newer library knows.
        _ => "read the reason",
    }
}

impl Core {
    pub(super) fn small_status(&self, id: &[u8; 32]) -> Option<SmallStatus> {
        self.small.get(id)?.status(id, &self.me)
    }

    pub(super) fn small_statuses(&self) -> Vec<SmallStatus> {
        let all = self.small.iter();
        all.filter_map(|(id, small)| small.status(id, &self.me))
            .collect()
    }
}
