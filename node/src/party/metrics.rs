//! Figures of a node, for whoever watches it, in Prometheus' text format. Names carry their units.

mod cases;

use std::{collections::BTreeMap, fmt::Display, fmt::Write};

use narthex::{
    channel::{setup::Phase, wire::links::LinkPhase},
    contracts::terms::{Role, deposit},
};

use super::{Core, fetch::Travelling};

pub(super) use cases::Tally;

/// Figures as text.
#[derive(Clone, Debug, Default)]
pub struct Figures(String);

impl From<String> for Figures {
    fn from(text: String) -> Figures {
        Figures(text)
    }
}

impl Figures {
    /// What samples of this name are: `gauge`, `counter` or `histogram`, and in words.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One sample. Values of labels are written so that they end where they end.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels = labels.iter().map(|(label, text)| {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"");
            format!("{label}=\"{}\"", text.replace('\n', "\\n"))
        });
        let labels: Vec<_> = labels.collect();
        let _ = match labels.is_empty() {
            true => writeln!(self.0, "{name} {value}"),
            false => writeln!(self.0, "{name}{{{}}} {value}", labels.join(",")),
        };
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    /// Counts by one label.
    fn by(&mut self, name: &str, label: &str, help: &str, counts: &BTreeMap<String, u64>) {
        self.family(name, "gauge", help);
        for (value, count) in counts {
            self.sample(name, &[(label, value)], *count);
        }
    }

    /// As text.
    pub fn into_text(self) -> String {
        self.0
    }
}

/// Of which kind a role is: arbiters of a panel are one.
pub(super) const fn kind(role: Role) -> &'static str {
    match role {
        Role::Client => "client",
        Role::Worker => "worker",
        Role::Verifier => "verifier",
        Role::Arbiter(_) => "arbiter",
    }
}

/// As it is written in files.
fn label(value: &impl serde::Serialize) -> String {
    let written = serde_json::to_value(value).unwrap_or_default();
    written.as_str().unwrap_or_default().to_owned()
}

impl Core {
    /// Figures of this node.
    pub(super) fn figures(&self) -> String {
        let mut out = Figures::default();
        let (status, version) = (self.status(), env!("CARGO_PKG_VERSION"));
        out.family("narthex_info", "gauge", "Which node, and of which version.");
        let labels = [("node", &*status.node.to_string()), ("version", version)];
        out.sample("narthex_info", &labels, 1);
        self.chain_figures(&mut out);
        out.one(
            "narthex_wallet_balance_satoshis",
            "gauge",
            "Confirmed coins.",
            status.balance_sat,
        );
        out.one(
            "narthex_wallet_spare_satoshis",
            "gauge",
            "Confirmed coins that nothing is planned with.",
            status.spare_sat,
        );
        out.one(
            "narthex_wallet_reserve_satoshis",
            "gauge",
            "What is kept back for the fees of contracts that are not over.",
            status.reserve_sat,
        );
        self.contract_figures(&mut out);
        self.case_figures(&mut out);
        self.bond_figures(&mut out);
        self.peer_figures(&mut out);
        out.one(
            "narthex_store_commits_total",
            "counter",
            "How often something was made durable since the node started.",
            self.commits(),
        );
        out.one(
            "narthex_sent_bytes_total",
            "counter",
            "Bytes of what was given out to be sent to peers since the node started, before the transport encrypts it.",
            self.tally.sent_bytes,
        );
        let bytes = self.travelling.values().map(Travelling::here).sum();
        out.one(
            "narthex_jobs_bytes",
            "gauge",
            "Jobs that are on the disk to travel.",
            bytes,
        );
        self.tower_figures(&mut out);
        out.into_text()
    }

    fn chain_figures(&self, out: &mut Figures) {
        if let Some(tip) = self.tip {
            let help = "Height of the chain that the wallet has seen.";
            out.one("narthex_chain_tip_height_blocks", "gauge", help, tip.into());
        }
        if let Some(looked_s) = self.looked_s {
            let help = "When the Bitcoin node has answered last, since 1970.";
            out.one(
                "narthex_chain_look_timestamp_seconds",
                "gauge",
                help,
                looked_s,
            );
        }
    }

    fn contract_figures(&self, out: &mut Figures) {
        let all = self
            .contracts
            .keys()
            .filter_map(|id| self.contract_status(id));
        let all: Vec<_> = all.collect();
        let archived = self.archived_counts();
        let live = Phase::Live.name().to_owned();
        let roles = archived.roles.iter();
        let roles = roles.map(|(role, count)| ((role.clone(), live.clone()), *count));
        let mut counts: BTreeMap<(String, String), u64> = roles.collect();
        let (mut ends, mut troubles) = (archived.ends.clone(), 0);
        for status in &all {
            // Arbiters of a panel are one kind of role.
            let role = status.role.trim_end_matches(|c: char| c.is_ascii_digit());
            let role = role.to_owned();
            *counts.entry((role, status.state.clone())).or_default() += 1;
            troubles += u64::from(status.trouble.is_some());
        }
        let mut staked = 0_u64;
        for contract in self.contracts.values() {
            let ended = contract
                .life
                .as_ref()
                .filter(|life| life.party.book().ended().is_some());
            if let Some(last) = ended.and_then(|life| life.path().pop()) {
                *ends.entry(last.name).or_default() += 1;
            }
            let machine = contract.offer.machine();
            if contract.may_publish()
                && let (Some(offer), Some(role)) = (machine.offer(), machine.me())
            {
                staked = staked.saturating_add(deposit(&offer.params, role).to_sat());
            }
        }
        let name = "narthex_contracts";
        out.family(name, "gauge", "Contracts by role and state.");
        for ((role, state), count) in counts {
            out.sample(name, &[("role", &role), ("state", &state)], count);
        }
        out.one(
            "narthex_contract_deposits_satoshis",
            "gauge",
            "What this node deposits in contracts that are not over.",
            staked,
        );
        out.by(
            "narthex_contract_ends",
            "transaction",
            "Contracts that have ended, by the transaction that ended them.",
            &ends,
        );
        out.one(
            "narthex_archived_contracts",
            "gauge",
            "Contracts that are over, and put away: they are among those by role and state.",
            archived.rows,
        );
        out.one(
            "narthex_contract_troubles",
            "gauge",
            "Contracts in which something of this computer fails.",
            troubles,
        );
        let name = "narthex_contract_due_blocks";
        let help = "Blocks left in which something that this node publishes is surely in time.";
        out.family(name, "gauge", help);
        for status in &all {
            let dated = status.due.iter().filter_map(|due| Some((due, due.until?)));
            for (due, until) in dated {
                let left = until.saturating_sub(self.tip.unwrap_or_default());
                let labels = [("contract", &*status.id), ("transaction", &*due.name)];
                out.sample(name, &labels, left);
            }
        }
        let small = self.small.len() as u64;
        out.one(
            "narthex_small_contracts",
            "gauge",
            "Small contracts that are known.",
            small,
        );
    }

    fn peer_figures(&self, out: &mut Figures) {
        let mut there = BTreeMap::from([("away".to_owned(), 0), ("connected".to_owned(), 0)]);
        let mut alarms = 0;
        for peer in self.peers.values() {
            let state = if peer.is_connected {
                "connected"
            } else {
                "away"
            };
            *there.entry(state.to_owned()).or_default() += 1;
            let phase = peer.link.machine().phase();
            alarms += u64::from(matches!(phase, LinkPhase::RolledBack | LinkPhase::Forked));
        }
        out.by(
            "narthex_peers",
            "state",
            "Other nodes with which this one has a link.",
            &there,
        );
        out.one(
            "narthex_rolled_back",
            "gauge",
            "Links that wait for the operator: a disk that went back, or a node that runs twice.",
            alarms,
        );
    }

    fn tower_figures(&self, out: &mut Figures) {
        let all = self.tower_statuses();
        let (mut states, mut bytes, mut fees) = (BTreeMap::new(), 0, 0);
        for status in &all {
            *states.entry(status.state.clone()).or_default() += 1;
            bytes += status.bytes;
            fees += status.paid.iter().map(|paid| paid.fee_sat).sum::<u64>();
        }
        let name = "narthex_tower_contracts";
        out.by(
            name,
            "state",
            "Contracts that are watched for others.",
            &states,
        );
        out.one(
            "narthex_tower_bundles_bytes",
            "gauge",
            "What was given for them.",
            bytes,
        );
        out.one(
            "narthex_tower_offered_fees_satoshis",
            "gauge",
            "What was offered for them since the node started; of those for one transaction one is paid at most.",
            fees,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_ends_where_it_ends() {
        let mut out = Figures::default();
        out.sample("a_bytes", &[("b", "x\"} 1\ny\\"), ("c", "")], 7);
        assert_eq!(
            out.into_text(),
            "a_bytes{b=\"x\\\"} 1\\ny\\\\\",c=\"\"} 7\n"
        );
    }
}
