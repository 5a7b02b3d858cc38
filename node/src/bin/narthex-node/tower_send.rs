//! What a party gives a watchtower over HTTP: bundles of all its contracts that live, with the rulings that are known, again and again.

use std::{
    io::{self, Write},
    net::IpAddr,
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, value_parser};
use narthex::bitcoin::hashes::{Hash as _, sha256};
use narthex_node::{
    party::{Command, CommandError, ContractStatus, Reply, TowerStatus},
    shell::{self, ControlError},
};
use serde::{Deserialize, Serialize};
use ureq::{
    Agent,
    http::{Uri, uri::Scheme},
};
use zeroize::Zeroizing;

use super::{
    args::{Dir, bounded},
    tower,
};

/// Bytes of a ticket's file: 64 hex digits, and an end of the line.
const MAX_TICKET: u64 = 66;

/// Longest answer of a tower, in bytes.
const MAX_ANSWER: u64 = 1 << 20;

/// Time for a tower to verify a bundle, and for the way.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Args)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    dir: Dir,
    /// The tower's API: http://HOST:PORT.
    #[arg(long, value_name = "URL")]
    to: Uri,
    /// The ticket that `tower ticket` has drawn, and that the tower's operator has admitted.
    #[arg(long, value_name = "FILE")]
    ticket: PathBuf,
    /// This contract; again for others. Without it all that live and have something for a tower.
    #[arg(long = "contract", value_name = "ID")]
    contracts: Vec<String>,
    /// Goes on until it is ended, and gives what is new each time that so many seconds have passed.
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..))]
    every: Option<u64>,
    /// Sends to another machine, though nothing is encrypted on the way: for a network, or a tunnel, that is yours alone.
    #[arg(long)]
    elsewhere: bool,
}

/// What came of giving one contract's bundle.
#[derive(Serialize)]
struct Given {
    contract: String,
    /// How the tower has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    tower: Option<TowerStatus>,
    /// Why it has it not.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What a tower says that it does not take.
#[derive(Deserialize)]
struct Refused {
    code: String,
    message: String,
    #[serde(default)]
    next: String,
}

/// A tower, by its API and by the ticket of this party.
struct Tower {
    agent: Agent,
    bundles: String,
    bearer: Zeroizing<String>,
}

impl SendArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let tower = self.tower()?;
        let Some(seconds) = self.every else {
            let given = self.give(&tower)?;
            self.show(&given)?;
            let failed = given.iter().filter(|given| given.error.is_some()).count();
            ensure!(
                failed == 0,
                "the tower has not all of them: {failed} are missing; see above, and send again"
            );
            return Ok(());
        };
        // What was said last, so that nothing is said twice. That neither answers now is no reason to stop: it is what a tower is for.
        let mut said = String::new();
        loop {
            match self.give(&tower) {
                Ok(given) => {
                    let now = serde_json::to_string(&given)?;
                    if now != said {
                        self.show(&given)?;
                        said = now;
                    }
                }
                Err(error) => {
                    let now = format!("{error:#}");
                    if now != said {
                        writeln!(io::stderr(), "narthex-node: {now}; it is tried again")?;
                        said = now;
                    }
                }
            }
            std::thread::sleep(Duration::from_secs(seconds));
        }
    }

    fn tower(&self) -> anyhow::Result<Tower> {
        let to = &self.to;
        ensure!(
            to.scheme() == Some(&Scheme::HTTP)
                && matches!(to.path(), "" | "/")
                && to.query().is_none(),
            "{to} is no http://HOST:PORT: this program has no TLS; a tunnel to the tower's machine ends at an address of this one"
        );
        let authority = to.authority().context("an address without a host")?;
        ensure!(
            !authority.as_str().contains('@'),
            "an address takes no user or password; a tower knows you by --ticket"
        );
        let host = authority.host().trim_matches(['[', ']']);
        let is_here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        ensure!(
            is_here || self.elsewhere,
            "{host} is another machine, and nothing is encrypted on the way: make a tunnel to it, or say --elsewhere where the network is yours alone"
        );
        let words = Zeroizing::new(bounded(&self.ticket, MAX_TICKET)?);
        let ticket = std::str::from_utf8(&words).unwrap_or_default().trim_end();
        let is_ticket = ticket.len() == 64 && ticket.bytes().all(|byte| byte.is_ascii_hexdigit());
        ensure!(
            is_ticket,
            "{} is no ticket: draw one with `tower ticket`",
            self.ticket.display()
        );
        let config = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            // An address that a tower sends us on to is not the one that the ticket is for; nor is a proxy of the environment.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .proxy(None)
            .build();
        Ok(Tower {
            agent: config.into(),
            bundles: format!("http://{authority}/v1/tower/bundles"),
            bearer: Zeroizing::new(format!("Bearer {ticket}")),
        })
    }

    /// Gives the tower what there is now.
    fn give(&self, tower: &Tower) -> anyhow::Result<Vec<Given>> {
        let all = match self.contracts.is_empty() {
            false => self.contracts.clone(),
            true => {
                let Reply::Contracts(all) = shell::ask(&self.dir.dir, &Command::List)? else {
                    bail!("the node's answer is another one");
                };
                let live = |status: &ContractStatus| status.state == "live";
                all.into_iter()
                    .filter(live)
                    .map(|status| status.id)
                    .collect()
            }
        };
        let mut given = Vec::new();
        for id in all {
            let reply = shell::ask(&self.dir.dir, &Command::Bundle { id: id.clone() });
            let bundle = match reply {
                Ok(Reply::Bundle(status)) => status.bundle,
                Ok(_) => bail!("the node's answer is another one"),
                // It was not asked for by name: it has nothing for a tower, or is not ready.
                Err(ControlError::Refused(CommandError { code, .. }))
                    if code == "none" && self.contracts.is_empty() =>
                {
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let (tower, error) = match tower.take(&bundle)? {
                Ok(status) => (Some(status), None),
                Err(Refused {
                    code,
                    message,
                    next,
                }) => (None, Some(format!("{message} ({code}): {next}"))),
            };
            given.push(Given {
                contract: id,
                tower,
                error,
            });
        }
        Ok(given)
    }

    fn show(&self, given: &[Given]) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        if self.dir.json {
            writeln!(
                out,
                "{}",
                serde_json::to_string(&serde_json::json!({ "given": given }))?
            )?;
            return Ok(());
        }
        if given.is_empty() {
            writeln!(out, "no contract lives that a tower could do anything in")?;
        }
        for Given {
            contract,
            tower,
            error,
        } in given
        {
            match (tower, error) {
                (Some(status), _) => tower::show(&mut out, status)?,
                (None, error) => writeln!(
                    out,
                    "not watched {contract}: {}",
                    error.as_deref().unwrap_or_default()
                )?,
            }
        }
        Ok(())
    }
}

impl Tower {
    /// Gives it a bundle. The same again is done once: its key follows from its bytes.
    fn take(&self, bundle: &str) -> anyhow::Result<Result<TowerStatus, Refused>> {
        let key = sha256::Hash::hash(bundle.as_bytes()).to_string();
        let asked = self
            .agent
            .post(&self.bundles)
            .header("Authorization", self.bearer.as_str())
            .header("Idempotency-Key", key)
            .header("Content-Type", "application/json")
            .send(serde_json::json!({ "bundle": bundle }).to_string());
        let mut answer =
            asked.with_context(|| format!("the tower does not answer ({})", self.bundles))?;
        let body = answer
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_vec();
        let body = body.context("the tower's answer")?;
        let other = || format!("no answer of a tower, status {}", answer.status());
        match answer.status().as_u16() {
            200 => Ok(Ok(serde_json::from_slice(&body).with_context(other)?)),
            _ => Ok(Err(serde_json::from_slice(&body).with_context(other)?)),
        }
    }
}
