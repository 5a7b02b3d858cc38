//! `narthex-node demo`: six nodes as processes, with a chain of their own, from an offer to the result, paid for and
//! decrypted. The client alone has the job.

use std::{collections::BTreeMap, io::Write};

use anyhow::{Context, bail};
use clap::Args;
use narthex::{bitcoin::Amount, contracts::terms::Role};
use narthex_node::party::{ArbiterStatus, Command, ContractStatus, Reply};

use super::six::{ARBITERS, DELIVERY_BLOCKS, LOOK, Six, gave_up, is_everybody, pause};

/// Coins of each node: one to stake, two that pay fees, and one to spare.
const COINS: u32 = 4;

/// What each arbiter gets for standing by, where the panel is needed.
const RETAINER: Amount = Amount::from_sat(2_000);

/// Looks without news after which the next block comes.
const QUIET_LOOKS: u32 = 20;

/// Options of `narthex-node demo`.
#[derive(Args)]
pub(crate) struct DemoArgs {
    /// Kills nodes, and starts them again: the worker while what it has drawn is in its memory alone (if it had not signed, the attempt is void, and comes again), the verifier once the contract is funded, the client before it has passed the settlement on.
    #[arg(long)]
    kill: bool,
    /// The verifier is cut off before the contract is funded, and rejects what it does not get; the worker appeals, and three arbiters rule, whose
    /// folders `arbiter init` has made.
    #[arg(long, conflicts_with = "kill")]
    appeal: bool,
    /// At the end the arbiters' pages are there to be looked at, until standard input says something or ends.
    #[arg(long, requires = "appeal")]
    stay: bool,
    /// As JSON: an object for each contract as a node knows it, whenever it changes.
    #[arg(long)]
    json: bool,
}

/// The nodes, with what was shown of each.
struct Demo {
    json: bool,
    six: Six,
    shown: BTreeMap<Role, String>,
}

impl DemoArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut demo = Demo {
            json: self.json,
            six: Six::new()?,
            shown: BTreeMap::new(),
        };
        for role in Role::all(ARBITERS) {
            if self.appeal && role == Role::Verifier {
                demo.six.retainer = RETAINER;
                demo.six.make_panel()?;
            }
            let place = demo.six.begin(role, COINS)?.place.clone();
            demo.say(&format!("{:<9} {place}", role.to_string()))?;
        }
        demo.six.see_coins()?;
        let id = demo.six.offer()?;
        demo.say(&format!("offer     {id}"))?;
        if self.kill {
            demo.until(&id, |states| states.iter().any(is_signing))?;
            demo.kill(Role::Worker)?;
        }
        let states = demo.until(&id, |states| is_everybody(states, "committed"))?;
        let funding = states.first().and_then(|status| status.funding.clone());
        demo.say(&format!("funding   {}", funding.unwrap_or_default()))?;
        if self.appeal {
            demo.six.cut_off(Role::Verifier)?;
            demo.say("verifier  is started again where nobody finds it")?;
        }
        demo.six.mine()?;
        let states = demo.until(&id, |states| is_everybody(states, "live"))?;
        let contract = states.first().and_then(|status| status.contract.clone());
        demo.say(&format!("contract  {}", contract.unwrap_or_default()))?;
        if self.appeal {
            return demo.appealed(&id, self.stay);
        }
        if self.kill {
            // Whatever it has computed is gone, and is computed again, to the same.
            demo.kill(Role::Verifier)?;
        }
        let result = demo.live(&id, self.kill)?;
        demo.say(&format!("result    {result}"))
    }
}

/// Whether it is the worker, with something drawn for an attempt that is not signed yet.
fn is_signing(status: &ContractStatus) -> bool {
    status.role == "worker"
        && matches!(status.state.as_str(), "proposing" | "agreed" | "announcing")
}

impl Demo {
    fn say(&self, words: &str) -> anyhow::Result<()> {
        if !self.json {
            writeln!(std::io::stdout(), "{words}")?;
        }
        Ok(())
    }

    /// Shows what changes, until something is so.
    fn until(
        &mut self,
        id: &str,
        is_so: impl Fn(&[ContractStatus]) -> bool,
    ) -> anyhow::Result<Vec<ContractStatus>> {
        let start = std::time::Instant::now();
        loop {
            let states = self.six.states(id);
            for (role, status) in &states {
                self.show(*role, status)?;
            }
            let states: Vec<_> = states.into_iter().map(|(_, status)| status).collect();
            if is_so(&states) {
                return Ok(states);
            }
            gave_up(&states)?;
            pause(start)?;
        }
    }

    fn show(&mut self, role: Role, status: &ContractStatus) -> anyhow::Result<()> {
        let line = match self.json {
            true => serde_json::to_string(status)?,
            false => {
                let attempt = status.attempt.filter(|attempt| *attempt > 0);
                let attempt = attempt.map(|attempt| format!(", attempt {attempt}"));
                // Once it lives: where it stands in it, and which of its transactions is on chain.
                let state = status.standing.clone();
                let state = state.unwrap_or_else(|| status.state.clone());
                // The client alone has the job's files; the others fetch them before they take part.
                let job = (status.state == "asked")
                    .then(|| format!(", job {} ({} bytes)", status.job.state, status.job.bytes));
                let last = status.path.last().filter(|last| last.name != "Tx0");
                let last = last.map(|last| format!(", {} in block {}", last.name, last.height));
                format!(
                    "{:<9} {state}{}{}{}",
                    status.role,
                    job.unwrap_or_default(),
                    attempt.unwrap_or_default(),
                    last.unwrap_or_default(),
                )
            }
        };
        if self.shown.get(&role) != Some(&line) {
            writeln!(std::io::stdout(), "{line}")?;
            self.shown.insert(role, line);
        }
        Ok(())
    }

    /// Mines until the client has its result, and everybody has what it is paid; what the result says.
    fn live(&mut self, id: &str, kills: bool) -> anyhow::Result<String> {
        let mut kills = kills;
        for _ in 0..DELIVERY_BLOCKS {
            let states = self.quiet(id)?;
            let client = states.iter().find(|status| status.role == "client");
            if let Some(result) = client.and_then(|status| status.result.as_ref()) {
                let file = result.file.as_ref().context("a result in no file")?;
                let bytes = std::fs::read(file)?;
                return Ok(format!("{} bytes, sha256 {}", bytes.len(), result.sha256));
            }
            let is_served = |status: &ContractStatus| status.standing.as_deref() == Some("served");
            if kills && client.is_some_and(is_served) {
                self.kill(Role::Client)?;
                kills = false;
            }
            self.six.mine()?;
        }
        bail!("no result after {DELIVERY_BLOCKS} blocks")
    }

    /// Mines until the panel has ruled and is paid; what each arbiter has ruled, and what that has brought it.
    fn appealed(&mut self, id: &str, stays: bool) -> anyhow::Result<()> {
        let deliver = Command::Deliver { id: id.to_owned() };
        let mut is_delivered = false;
        for _ in 0..DELIVERY_BLOCKS {
            self.quiet(id)?;
            // It is refused while the worker works; nothing is waited for behind it.
            let worker = self.six.nodes.get(1).context("no worker")?;
            is_delivered = is_delivered || worker.ask(&deliver).is_ok();
            let panel = self.panel()?;
            let is_over =
                |status: &ArbiterStatus| status.cases.iter().all(|case| case.ended.is_some());
            if !panel.iter().all(|(_, status)| is_over(status)) {
                self.six.mine()?;
                continue;
            }
            for (role, status) in panel {
                self.brought(role, &status)?;
            }
            return match stays {
                true => self.stay(),
                false => Ok(()),
            };
        }
        bail!("no ruling after {DELIVERY_BLOCKS} blocks")
    }

    fn panel(&self) -> anyhow::Result<Vec<(Role, ArbiterStatus)>> {
        let mut all = Vec::new();
        for node in self.six.nodes.iter().filter(|node| node.api.is_some()) {
            match node.ask(&Command::Arbiter)? {
                Reply::Arbiter(status) => all.push((node.role, *status)),
                _ => bail!("{} does not say how it stands", node.role),
            }
        }
        Ok(all)
    }

    fn brought(&self, role: Role, status: &ArbiterStatus) -> anyhow::Result<()> {
        if self.json {
            return Ok(writeln!(
                std::io::stdout(),
                "{}",
                serde_json::to_string(status)?
            )?);
        }
        let money = status.money;
        for case in &status.cases {
            let ruling = case.ruling.as_deref().unwrap_or("nobody");
            let ended = case
                .ended
                .as_ref()
                .map(|end| format!("; {} in block {}", end.by, end.height));
            self.say(&format!(
                "{:<9} ruled: the {ruling} is at fault{}; {} sat: {} retainer, {} earned",
                role.to_string(),
                ended.unwrap_or_default(),
                money.net_sat,
                money.retainers_sat,
                money.earned_sat,
            ))?;
        }
        Ok(())
    }

    /// Says where the arbiters' pages are, and waits for a line.
    fn stay(&self) -> anyhow::Result<()> {
        for node in &self.six.nodes {
            let Some(api) = &node.api else { continue };
            let token = std::fs::read_to_string(node.dir.join("api.token"))?;
            self.say(&format!(
                "look      http://{api}/arbiter#token={}",
                token.trim()
            ))?;
        }
        self.say("Enter ends it")?;
        std::io::stdin().read_line(&mut String::new())?;
        Ok(())
    }

    /// Shows what changes until nobody has anything more to say about the last block.
    fn quiet(&mut self, id: &str) -> anyhow::Result<Vec<ContractStatus>> {
        let everybody = Role::all(ARBITERS).count();
        let (mut last, mut quiet) = (self.shown.clone(), 0);
        loop {
            let states = self.until(id, |states| states.len() == everybody)?;
            quiet = match self.shown == last {
                true => quiet + 1,
                false => 0,
            };
            if quiet >= QUIET_LOOKS {
                return Ok(states);
            }
            last = self.shown.clone();
            std::thread::park_timeout(LOOK);
        }
    }

    fn kill(&mut self, role: Role) -> anyhow::Result<()> {
        self.six.kill(role)?;
        self.say(&format!(
            "{:<9} was killed, and is started again",
            role.to_string()
        ))
    }
}
