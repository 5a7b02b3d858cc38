//! How what a tower watches stands.

use narthex::bitcoin::hex::DisplayHex;
use serde::{Deserialize, Serialize};

use super::Charge;
use crate::party::{Core, DueStatus, OnChain};

/// A contract that is watched for one of its parties.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TowerStatus {
    /// By what it is known here.
    pub id: String,
    /// Id of the contract.
    pub contract: String,
    /// For which of its parties.
    pub role: String,
    /// Who gave it; nobody if the operator did.
    pub client: Option<String>,
    /// `waits` for its funding, `watches`, `publishes`, or `over`: so deep that nothing takes its end back.
    pub state: String,
    /// Bytes of what was given.
    pub bytes: u64,
    /// Names of the transactions that it has.
    pub transactions: Vec<String>,
    /// Rulings that are known.
    pub rulings: usize,
    /// The last transaction of the contract that is in a block.
    pub last: Option<OnChain>,
    /// What is published as it stands.
    pub due: Option<DueStatus>,
    /// What was paid since the node started.
    pub paid: Vec<TowerPaid>,
    /// What failed on this computer.
    pub trouble: Option<String>,
}

/// A payment of a tower.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TowerPaid {
    /// Name of the transaction that it pays for.
    pub name: String,
    /// Id of the transaction.
    pub txid: String,
    /// Id of the child that pays; of those for one transaction one confirms at most.
    pub by: String,
    /// The fee.
    pub fee_sat: u64,
}

/// Whom a tower serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TowerClientStatus {
    /// Its name.
    pub name: String,
    /// SHA-256 of its ticket; none if it is not served any more.
    pub ticket_sha256: Option<String>,
    /// Contracts that are watched for it.
    pub bundles: usize,
    /// Bytes of what it has given.
    pub bytes: u64,
}

impl Core {
    /// How all stand.
    pub(in crate::party) fn tower_statuses(&self) -> Vec<TowerStatus> {
        let all = self.towers.charges.keys();
        all.map(|id| self.tower_status(id)).collect()
    }

    /// How one stands; an empty status for none.
    pub(super) fn tower_status(&self, id: &[u8; 32]) -> TowerStatus {
        let mut status = TowerStatus {
            id: id.to_lower_hex_string(),
            contract: String::new(),
            role: String::new(),
            client: None,
            state: "over".to_owned(),
            bytes: 0,
            transactions: Vec::new(),
            rulings: 0,
            last: None,
            due: None,
            paid: Vec::new(),
            trouble: None,
        };
        let Some(charge) = self.towers.charges.get(id) else {
            return status;
        };
        let (tower, record) = (&charge.tower, charge.kept.machine());
        let (contract, graph) = (tower.contract(), tower.contract().graph());
        let named = |node| tower.name(node).map(|name| name.to_string());
        status.contract = contract.id().to_lower_hex_string();
        status.role = contract.role().to_string();
        status.client = charge.client().map(str::to_owned);
        status.bytes = record.bundle.len() as u64;
        status.transactions = tower.transactions().filter_map(named).collect();
        status.rulings = tower.rulings();
        status.last = tower.last().and_then(|(node, height)| {
            Some(OnChain {
                name: named(node)?,
                txid: graph.txid(node)?.to_string(),
                height,
            })
        });
        let due = tower.due().filter(|_| !tower.is_past());
        status.due = due.and_then(|(node, until, _)| {
            let name = named(node)?;
            Some(DueStatus { name, until })
        });
        let paid = tower.publisher().paid.iter();
        let paid = paid.filter_map(|paid| {
            Some(TowerPaid {
                name: named(paid.node?)?,
                txid: paid.tx.compute_txid().to_string(),
                by: paid.by().compute_txid().to_string(),
                fee_sat: paid.fee.to_sat(),
            })
        });
        status.paid = paid.collect();
        status.trouble.clone_from(&charge.trouble);
        let state = match (tower.is_past(), &status.last, &status.due) {
            (true, ..) => "over",
            (_, None, _) => "waits",
            (_, _, Some(_)) => "publishes",
            (_, Some(_), None) => "watches",
        };
        status.state = state.to_owned();
        status
    }
}

impl Charge {
    /// Who gave it, if the operator did not.
    pub(super) fn client(&self) -> Option<&str> {
        let client = self.kept.machine().client.as_str();
        (!client.is_empty()).then_some(client)
    }

    /// Whether it is what this client may see; the operator sees all.
    pub(super) fn is_of(&self, client: Option<&str>) -> bool {
        client.is_none_or(|client| self.client() == Some(client))
    }
}
