//! `narthex-node arbiter`: a folder for an arbiter, and the node that sits on panels with it.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use narthex::{
    bitcoin::{Amount, Network, secp256k1::PublicKey},
    game_model::game::Economics,
    regtest::Node,
};
use narthex_node::{
    NodeKey,
    party::{
        ArbiterPolicy, ArbiterStatus, BurnedStatus, CaseStatus, Command, Core, IdentityStatus,
        MoneyStatus, Policy,
    },
    shell::{Clock, Folder},
};

use super::{
    args::{Dir, json_file, save_new},
    bond::{self, BondArgs, OfferOrder},
    config::{FILE, options},
    database::DatabaseArgs,
    run::{MoneyArgs, RunArgs, usual_pace},
};

/// Bounds within which a node sits as an arbiter.
#[derive(Args)]
pub(crate) struct BoundsArgs {
    /// As an arbiter: the least retainer in satoshi. Offers of less are turned away; without it none is asked for.
    #[arg(long, value_name = "SAT")]
    min_retainer: Option<u64>,
    /// As an arbiter: most contracts at once, from its word on until their end is deep; 256 without it.
    #[arg(long, value_name = "COUNT")]
    max_cases: Option<u32>,
    /// As an arbiter: most bytes of evidence that one party of a contract may have to bring.
    #[arg(long, value_name = "BYTES")]
    max_evidence_bytes: Option<u64>,
    /// As an arbiter: most bytes of one contract that it may have to keep for others to fetch.
    #[arg(long, value_name = "BYTES")]
    max_blob_bytes: Option<u64>,
    /// As an arbiter: most fuel of a step that it may have to run again.
    #[arg(long, value_name = "UNITS")]
    max_step_fuel: Option<u64>,
}

impl BoundsArgs {
    /// Those that were given, and otherwise these.
    pub(crate) fn within(&self, others: ArbiterPolicy) -> ArbiterPolicy {
        ArbiterPolicy {
            min_retainer: self
                .min_retainer
                .map_or(others.min_retainer, Amount::from_sat),
            max_cases: self.max_cases.unwrap_or(others.max_cases),
            max_evidence_bytes: self.max_evidence_bytes.unwrap_or(others.max_evidence_bytes),
            max_blob_bytes: self.max_blob_bytes.unwrap_or(others.max_blob_bytes),
            max_step_fuel: self.max_step_fuel.unwrap_or(others.max_step_fuel),
        }
    }
}

/// For whoever sits on panels.
#[derive(Subcommand)]
pub(crate) enum ArbiterOrder {
    /// Makes an arbiter's folder: its keys and its wallet, and node.toml with its bounds; says where to pay what it stakes. Where a node.toml is it changes nothing.
    Init(Box<InitArgs>),
    /// Runs the node of such a folder, with the options in its node.toml before those of the command line: `run --config DIR/node.toml --dir DIR`.
    #[command(args_override_self = true)]
    Serve(Box<RunArgs>),
    /// Says how the node stands as an arbiter: cases, dates, what they have brought. The page /arbiter shows the same.
    Status(Dir),
    /// About its offers on chain, and their bonds.
    #[command(subcommand)]
    Offer(OfferOrder),
    /// About the key by which it is known.
    #[command(subcommand)]
    Key(KeyOrder),
}

/// About an arbiter's key.
#[derive(Subcommand)]
pub(crate) enum KeyOrder {
    /// Says whether it may be summoned; with its signed word if not.
    Status(Dir),
    /// Says under the key that it is not to be summoned any more: it takes no new case from now on, for ever. Its cases go on.
    Burn(BurnArgs),
}

#[derive(Args)]
pub(crate) struct BurnArgs {
    #[command(flatten)]
    dir: Dir,
    /// Why, for everybody to read; up to 200 characters.
    #[arg(long)]
    reason: String,
    /// There is no way back.
    #[arg(long, required = true)]
    for_ever: bool,
}

#[derive(Args)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    dir: Dir,
    #[command(flatten)]
    money: MoneyArgs,
    /// JSON-RPC of an own Bitcoin node, such as http://127.0.0.1:18443.
    #[arg(long)]
    node: String,
    /// The file that opens it: the node's .cookie, or one with user:password.
    #[arg(long)]
    cookie: PathBuf,
    /// Where to take connections of other nodes, HOST:PORT.
    #[arg(long, value_name = "HOST:PORT", default_value = "0.0.0.0:9735")]
    listen: String,
    /// Where others reach it, if that is elsewhere.
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// Where it takes orders over HTTP and serves its pages, HOST:PORT on this machine.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9880")]
    api: String,
    /// Own costs and values (JSON, as of `narthex game`): terms are signed only if honest play is the only equilibrium with them.
    #[arg(long, value_name = "FILE", required_unless_present = "research")]
    economics: Option<PathBuf>,
    /// Signs whether honest play pays or not: for research, on coins that may be lost.
    #[arg(long, conflicts_with = "economics")]
    research: bool,
    /// Most that is staked in a contract, in satoshi.
    #[arg(long, default_value_t = 1_000_000, value_name = "SAT")]
    max_stake: u64,
    #[command(flatten)]
    bounds: BoundsArgs,
    #[command(flatten)]
    bond: BondArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// What an arbiter begins with that says nothing else.
const USUAL: ArbiterPolicy = ArbiterPolicy {
    min_retainer: Amount::from_sat(1_000),
    max_cases: 16,
    max_evidence_bytes: 64 << 20,
    max_blob_bytes: 256 << 20,
    max_step_fuel: 1_000_000_000,
};

impl ArbiterOrder {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self {
            ArbiterOrder::Init(args) => args.run(),
            ArbiterOrder::Serve(args) => args.run(),
            ArbiterOrder::Status(dir) => dir.ask(&Command::Arbiter),
            ArbiterOrder::Offer(order) => order.run(),
            ArbiterOrder::Key(KeyOrder::Status(dir)) => dir.ask(&Command::Identity),
            ArbiterOrder::Key(KeyOrder::Burn(BurnArgs { dir, reason, .. })) => {
                dir.ask(&Command::Burn { reason })
            }
        }
    }
}

impl InitArgs {
    fn run(self) -> anyhow::Result<()> {
        let file = self.dir.dir.join(FILE);
        if file.try_exists()? {
            return self.is_there(&file);
        }
        self.money.check()?;
        // What is wrong with what was said is found before anything is made.
        ensure!(
            !self.node.contains('@'),
            "no password in --node: it would stand in {FILE}; --cookie names the file that has it"
        );
        if let Some(path) = &self.economics {
            json_file::<Economics>(path)?;
        }
        let policy = Policy {
            arbiter: self.bounds.within(USUAL),
            bond: self.bond.policy(self.max_stake),
            ..Policy::default()
        };
        bond::check(&policy.paced(usual_pace(self.money.network())))?;
        options(&self.text(&self.dir.dir, ("", ""))?)?;
        let mut chain = Node::connect(&self.node, &self.cookie)?;
        let folder = Folder::open(&self.dir.dir)?;
        let network = self.money.network();
        let (parts, _) = match self.database.options() {
            None => folder.parts(network, &mut chain, &[])?,
            Some(database) => folder.parts_in(&database, network, &mut chain)?,
        };
        let mut core = Core::open(parts, Clock::start().now())?;
        let address = core.fresh_address()?;
        // No address is shown that could be shown again.
        core.all_actions()?;
        let (id, place) = (core.id(), folder.path());
        let text = self.text(place, (&id.to_string(), &address))?;
        // Last: a folder without it is made to its end by the next `init`.
        save_new(&place.join(FILE), text.as_bytes())?;
        self.say(place, id, Some(&address))
    }

    /// Nothing is changed where an arbiter is.
    fn is_there(&self, file: &Path) -> anyhow::Result<()> {
        let key = NodeKey::load(&self.dir.dir.join(Folder::KEY))?;
        let key = key.with_context(|| {
            let shown = file.display();
            format!("{shown} is there, and no node's key beside it: nothing is changed; take the file away, or name another folder")
        })?;
        self.say(&self.dir.dir, key.id(), None)
    }

    /// Its file of options.
    fn text(&self, dir: &Path, (id, address): (&str, &str)) -> anyhow::Result<String> {
        // What JSON escapes TOML does, in the same way.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let path = |path: &Path| {
            let path = std::path::absolute(path)?;
            let text = path.to_str();
            let text = text.with_context(|| format!("{} is no UTF-8", path.display()));
            anyhow::Ok(quoted(text?))
        };
        let (dir, cookie) = (path(dir)?, path(&self.cookie)?);
        let (network, node) = (self.money.network(), quoted(&self.node));
        let (listen, api) = (quoted(&self.listen), quoted(&self.api));
        let address_line = match &self.address {
            Some(address) => format!("address = {}", quoted(address)),
            None => "# address = \"arbiter.example:9735\"".to_owned(),
        };
        let values = match &self.economics {
            Some(economics) => format!("economics = {}", path(economics)?),
            None => "research = true".to_owned(),
        };
        let bounds = self.bounds.within(USUAL);
        let ArbiterPolicy {
            min_retainer,
            max_cases,
            max_evidence_bytes,
            max_blob_bytes,
            max_step_fuel,
        } = bounds;
        let database = self.database.text(quoted)?;
        let (min_retainer, max_stake) = (min_retainer.to_sat(), self.max_stake);
        let bond = self.bond.text();
        Ok(format!(
            "# Options of `narthex-node arbiter serve --dir DIR`; `narthex-node config` prints all that may stand here. Nothing in this file is
# secret. What is lies beside it: whoever has node.key and seed has the stakes, and rules in this arbiter's name.
#
# Node {id}
# First address of its wallet: {address}

dir = {dir}

# The network, an own Bitcoin node on it, and the file that opens that.
network = \"{network}\"
node = {node}
cookie = {cookie}

# Where other nodes connect, and where they find this if that is elsewhere.
listen = {listen}
{address_line}

# Orders over HTTP and the pages, /arbiter among them. The token that opens them is in api.token of the folder.
api = {api}

# Own costs and values (economics), or whatever is offered, for research.
{values}

# It sits on panels without asking, up to this stake in satoshi.
accept-role = [\"arbiter\"]
max-stake = {max_stake}

# Whatever is beyond these is turned away. The least retainer in satoshi:
min-retainer = {min_retainer}
# Contracts at once, from its word on until their end is deep:
max-cases = {max_cases}
# Bytes of evidence that one party of a contract may bring:
max-evidence-bytes = {max_evidence_bytes}
# Bytes of one contract that are kept for others to fetch:
max-blob-bytes = {max_blob_bytes}
# Fuel of a step that may have to be run again:
max-step-fuel = {max_step_fuel}

# Offers on chain: what is locked for each in satoshi, the blocks that it stands, and the longest that it lets a stake be locked after a
# delivery. Each is renewed before it ends; twice as much as one bond is locked at times.
{bond}
{database}"
        ))
    }

    /// What there is, and what is to be done next.
    fn say(&self, dir: &Path, id: PublicKey, made: Option<&str>) -> anyhow::Result<()> {
        let (file, shown) = (dir.join(FILE), dir.display());
        // It stands in no file: it is said each time.
        let money = match self.money.network() {
            Network::Bitcoin => " --real-money",
            _ => "",
        };
        let pay = match made {
            Some(address) => format!(
                "pay {address}: for each contract at once one coin of up to {} sat, which is staked, and two small ones for fees{}",
                self.max_stake,
                self.bond.coins()
            ),
            None => format!(
                "`narthex-node address --dir {shown}` gives an address of its wallet while it runs"
            ),
        };
        let next = [
            pay,
            format!("look through {}", file.display()),
            format!("run it: narthex-node arbiter serve --dir {shown}{money}"),
            "give clients ID@HOST:PORT, as it says when it runs".to_owned(),
        ];
        let mut out = io::stdout().lock();
        if self.dir.json {
            let line = serde_json::json!({
                "made": made.is_some(), "node": id, "pay_to": made, "file": file, "next": next,
            });
            writeln!(out, "{line}")?;
            return Ok(());
        }
        match made {
            Some(_) => writeln!(out, "{shown} is an arbiter's folder now")?,
            None => writeln!(
                out,
                "{shown} is an arbiter's folder already: nothing is changed"
            )?,
        }
        writeln!(out, "node      {id}")?;
        if let Some(address) = made {
            writeln!(out, "pay to    {address}")?;
        }
        writeln!(out, "options   {}", file.display())?;
        for (number, next) in (1..).zip(&next) {
            writeln!(out, "next {number}    {next}")?;
        }
        Ok(())
    }
}

/// Who a node is.
pub(super) fn identity(out: &mut impl Write, identity: &IdentityStatus) -> io::Result<()> {
    let IdentityStatus {
        node,
        address,
        burned,
        offer,
    } = identity;
    match address.as_str() {
        "" => writeln!(out, "node      {node}")?,
        address => writeln!(out, "node      {node}@{address}")?,
    }
    if let Some(offer) = offer {
        bond::posted(out, offer)?;
    }
    match burned {
        None => writeln!(out, "summoned  by whoever keeps its bounds"),
        Some(BurnedStatus {
            unix_s,
            reason,
            signature,
        }) => writeln!(
            out,
            "summoned  no more, since {unix_s} (seconds since 1970): {reason}\nsignature {signature}"
        ),
    }
}

/// How a node stands as an arbiter.
pub(super) fn show(out: &mut impl Write, status: &ArbiterStatus) -> io::Result<()> {
    let ArbiterStatus {
        node,
        tip,
        judge,
        bounds,
        open_cases,
        money,
        cases,
        offering,
        ..
    } = status;
    writeln!(out, "node      {node}")?;
    if let Some(tip) = tip {
        writeln!(out, "tip       {tip}")?;
    }
    match (&judge.found, judge.is_boxed) {
        (Some(found), _) => writeln!(out, "judges    {found}")?,
        (None, is_boxed) => writeln!(out, "judges    in a box: {is_boxed}")?,
    }
    writeln!(
        out,
        "cases     {open_cases} open, of at most {}",
        bounds.max_cases
    )?;
    let MoneyStatus {
        locked_sat,
        retainers_sat,
        earned_sat,
        lost_sat,
        fees_sat,
        net_sat,
    } = money;
    writeln!(
        out,
        "money     {locked_sat} sat staked; {net_sat} net: {retainers_sat} retainers, {earned_sat} earned, {lost_sat} lost, {fees_sat} fees"
    )?;
    if let Some(offering) = offering {
        bond::show(out, offering)?;
    }
    for case in cases {
        let CaseStatus {
            id,
            seat,
            state,
            ruling,
            silent,
            dates,
            ..
        } = case;
        writeln!(out, "{id}  arbiter{seat}  {state}")?;
        if let Some(ruling) = ruling {
            writeln!(out, "    ruled: the {ruling} is at fault")?;
        }
        if let Some(silent) = silent {
            writeln!(out, "    SILENT: {silent}")?;
        }
        if let Some(date) = dates.first() {
            let height = date.height.map(|height| format!("at {height}: "));
            writeln!(out, "    {}{}", height.unwrap_or_default(), date.what)?;
        }
    }
    Ok(())
}
