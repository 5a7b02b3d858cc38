//! `narthex job dispute`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use narthex::{
    channel::log::SqliteLog,
    game_model::dispute::{MAX_FAN_OUT, MoveCost, Side, Standing},
    job_dispute::{Account, DemoOptions, DisputeFile, account, demonstrate, keep, log_of},
};

use narthex_disk::{self as disk, Readers};

use super::{EngineArgs, print};

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum SideArg {
    /// The worker committed to a wrong output.
    Worker,
    /// The worker is right, and the challenger disputes it nonetheless.
    Challenger,
}

/// Options of `narthex job dispute`.
#[derive(Args)]
pub(crate) struct DisputeArgs {
    /// The job, as agreed on; its program must have units (`narthex job example digits-units` or `digits-model`).
    #[arg(long)]
    job: PathBuf,
    #[command(flatten)]
    engine: EngineArgs,
    /// Replays a dispute from a file instead of playing one. Heights, keys and contract in it are for you to compare with
    /// the record.
    #[arg(long)]
    replay: Option<PathBuf>,
    /// Height of the tip of the chain as you see it: a dispute that speaks of blocks above it is refused.
    #[arg(long, requires = "replay")]
    tip: Option<u32>,
    /// The disputed step.
    #[arg(long, default_value_t = 0, conflicts_with = "replay")]
    step: u64,
    /// Who is wrong.
    #[arg(long, value_enum, default_value = "worker", conflicts_with = "replay")]
    liar: SideArg,
    /// Unit from which on the liar's states are made up, the one behind the last for the output alone; without it, half way.
    #[arg(long, conflicts_with = "replay")]
    from_unit: Option<u64>,
    /// The liar makes no move from this one on; refused if the dispute is over before.
    #[arg(long, conflicts_with = "replay")]
    silent_from: Option<u32>,
    /// Into how many parts each round cuts; without it, the cheapest number for the costs below.
    #[arg(long, conflicts_with = "replay", value_parser = clap::value_parser!(u32).range(2..=i64::from(MAX_FAN_OUT)))]
    fan_out: Option<u32>,
    /// What recording a move costs, beside its bytes.
    #[arg(long, default_value_t = 150, conflicts_with_all = ["replay", "fan_out"])]
    cost_per_move: u64,
    /// What recording a byte costs.
    #[arg(long, default_value_t = 1, conflicts_with_all = ["replay", "fan_out"])]
    cost_per_byte: u64,
    /// Blocks for each answer; more than twice --date-depth.
    #[arg(long, default_value_t = 6, conflicts_with = "replay", value_parser = clap::value_parser!(u16).range(1..))]
    response_blocks: u16,
    /// How many blocks must lie above a height before it counts for a ruling: reorganisations of so many blocks cost
    /// nobody the dispute.
    #[arg(long, default_value_t = 2, conflicts_with = "replay", value_parser = clap::value_parser!(u16).range(1..))]
    date_depth: u16,
    /// Writes terms and transcript.
    #[arg(long, conflicts_with = "replay")]
    out: Option<PathBuf>,
    /// Keeps the dispute in this log (SQLite), entry by entry, each durable before the next: killed anywhere, the same
    /// command goes on. A log of another dispute is refused.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

impl DisputeArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let plan = self.engine.load(&self.job, false)?;
        let job = plan.first();
        let file = match &self.replay {
            Some(path) => DisputeFile::read(path)?,
            None => demonstrate(job, &self.options())?,
        };
        if let Some(tip) = self.tip {
            file.transcript.ends_by(tip)?;
        }
        let account = account(job, &file)?;
        if let Some(path) = &self.log {
            keep(job, &file, SqliteLog::open(path, &log_of(&file)?)?)?;
        }
        if let Some(path) = &self.out {
            let json = serde_json::to_vec_pretty(&file)?;
            disk::save(path, &json, Readers::Umask)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        match self.json {
            true => print(&serde_json::to_string(&account)?),
            false => show(&account),
        }
    }

    fn options(&self) -> DemoOptions {
        let liar = match self.liar {
            SideArg::Worker => Side::Worker,
            SideArg::Challenger => Side::Challenger,
        };
        let mut options = DemoOptions::new(self.step, liar);
        options.from_unit = self.from_unit;
        options.silent_from = self.silent_from;
        options.fan_out = self.fan_out;
        options.cost = MoveCost {
            per_move: self.cost_per_move,
            per_byte: self.cost_per_byte,
        };
        options.response_blocks = self.response_blocks;
        options.date_depth = self.date_depth;
        options
    }
}

fn show(account: &Account) -> anyhow::Result<()> {
    let plan = &account.plan;
    print(&format!(
        "dispute {}\nstep {}, at most {} units, intervals cut into {} parts: at most {} rounds, {} moves, {} blocks\nheights count for a ruling once {} blocks lie above them",
        account.dispute,
        account.step,
        account.max_units,
        plan.fan_out,
        plan.rounds,
        plan.moves,
        account.most_blocks,
        account.date_depth
    ))?;
    for m in &account.moves {
        let (agreed, disputed) = m.interval;
        print(&format!(
            "{:3}  {:10} {:36} {:6} bytes  height {} (until {})  points {agreed} to {disputed}",
            m.number, m.side, m.says, m.bytes, m.height, m.deadline
        ))?;
    }
    let bytes: usize = account.moves.iter().map(|m| m.bytes).sum();
    print(&format!("{} moves, {bytes} bytes", account.moves.len()))?;
    match &account.standing {
        Standing::Ruled(finding) => {
            print(&format!("ruling: {} ({})", finding.ruling, finding.reason))
        }
        Standing::Shallow {
            finding,
            date,
            depth,
        } => print(&format!(
            "no ruling yet: once {depth} blocks lie above height {date}, {} ({})",
            finding.ruling, finding.reason
        )),
        Standing::Pending {
            side,
            number,
            deadline,
        } => print(&format!(
            "pending: the {side} is to make move {number} until height {deadline}"
        )),
    }
}
