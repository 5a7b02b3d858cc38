//! What is printed: lines for people, or JSON.

use std::{
    fmt::Display,
    io::{self, IsTerminal as _, Write},
};

use super::run::LogFormat;
use narthex_node::{
    bitcoin::hex::DisplayHex as _,
    party::{
        ArchiveStatus, ArchivedStatus, ContractStatus, DueStatus, EndingStatus, EvidenceStatus,
        JobStatus, NamedBond, NewEnding, NodeStatus, OnChain, PeerStatus, Reply,
    },
    shell::Said,
};
use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// A line for the operator, on standard error. Nobody may be reading.
pub(crate) fn note(words: impl Display) {
    let _ = writeln!(io::stderr(), "{words}");
}

/// From now on what this program logs is written to standard error, from this level on; of libraries warnings alone.
pub(crate) fn log(level: LevelFilter, format: LogFormat) {
    let libraries = level.min(LevelFilter::WARN);
    let targets = Targets::new()
        .with_default(libraries)
        .with_target("narthex", level)
        .with_target("narthex_node", level);
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match format {
        LogFormat::Json => lines.json().boxed(),
        LogFormat::Text => lines
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .boxed(),
    };
    // A second time in one process it stays as it is.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(targets))
        .try_init();
}

/// What a running node says.
pub(crate) fn said(said: Said<'_>, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match said {
        Said::Ready {
            id,
            at,
            address,
            api,
        } if json => {
            let line =
                serde_json::json!({ "node": id, "listens": at, "address": address, "api": api });
            writeln!(out, "{line}")
        }
        Said::Ready {
            id,
            at,
            address,
            api,
        } => {
            match at {
                Some(_) => writeln!(out, "{id}@{address}"),
                None => writeln!(out, "{id}"),
            }?;
            match api {
                Some(api) => writeln!(out, "http://{api}/ takes the token in api.token"),
                None => Ok(()),
            }
        }
        Said::StandsBy { id, api, words } if json => {
            let line = serde_json::json!({ "node": id, "stands_by": words, "api": api });
            writeln!(out, "{line}")
        }
        Said::StandsBy { words, .. } => {
            tracing::info!("{words}");
            Ok(())
        }
        Said::Note(note) => {
            let contract = note.contract.map(|id| id.to_lower_hex_string());
            match json {
                true => {
                    let line = serde_json::json!({ "note": note.words, "contract": contract });
                    writeln!(out, "{line}")
                }
                false => {
                    tracing::info!(contract, "{note}");
                    Ok(())
                }
            }
        }
    }?;
    io::stdout().flush()
}

/// A page of contracts that are put away.
fn archive(out: &mut impl Write, page: &ArchiveStatus) -> io::Result<()> {
    let ArchiveStatus {
        all,
        contracts,
        next,
    } = page;
    writeln!(out, "{all} contracts are put away")?;
    for ArchivedStatus {
        number,
        contract: ContractStatus { id, role, path, .. },
        ..
    } in contracts
    {
        let end = path.last();
        let end = end.map(|last| format!("{} at {}", last.name, last.height));
        writeln!(
            out,
            "{number:>8}  {id}  {role:10} {}",
            end.unwrap_or_default()
        )?;
    }
    match next {
        Some(next) => writeln!(out, "more: --before {next}"),
        None => Ok(()),
    }
}

/// An answer.
pub(crate) fn reply(reply: &Reply, json: bool) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string(reply)?)?;
        return Ok(());
    }
    match reply {
        Reply::Node(status) => node(&mut out, status)?,
        Reply::Address(address) => writeln!(out, "{address}")?,
        Reply::Contract(status) => contract(&mut out, status)?,
        Reply::Graph(graph) => writeln!(out, "{}", serde_json::to_string_pretty(graph)?)?,
        Reply::Contracts(all) => {
            for status in all {
                let ContractStatus {
                    id, role, state, ..
                } = status;
                writeln!(out, "{id}  {role:<9} {state}")?;
            }
        }
        Reply::Archive(page) => archive(&mut out, page)?,
        Reply::Peers(all) => {
            for status in all {
                peer(&mut out, status)?;
            }
        }
        Reply::Result(status) => match &status.file {
            Some(file) => writeln!(out, "{}  {}", status.sha256, file.display())?,
            None => writeln!(out, "{}", status.sha256)?,
        },
        Reply::Bundle(bundle) => {
            let (role, names) = (&bundle.role, bundle.transactions.join(", "));
            writeln!(out, "for the {role}: {names}")?;
        }
        Reply::Evidence(all) => {
            for piece in all {
                let EvidenceStatus {
                    id,
                    kind,
                    what,
                    bytes,
                    ..
                } = piece;
                writeln!(out, "{id}  {kind:<11} {bytes} bytes  {what}")?;
            }
        }
        Reply::EvidenceText(piece) => writeln!(out, "{}", piece.text)?,
        Reply::Ready(status) if status.ready => writeln!(out, "ready")?,
        Reply::Ready(status) => {
            for reason in &status.reasons {
                writeln!(out, "{}: {}", reason.code, reason.message)?;
            }
        }
        Reply::Arbiter(status) => super::arbiter::show(&mut out, status)?,
        Reply::Identity(identity) => super::arbiter::identity(&mut out, identity)?,
        Reply::Metrics(text) => write!(out, "{text}")?,
        Reply::Small(status) => super::small::show(&mut out, status)?,
        Reply::Smalls(all) => super::small::list(&mut out, all)?,
        Reply::SmallDelivered(delivered) => super::small::delivered(&mut out, delivered)?,
        Reply::Job(status) => super::job::show(&mut out, status)?,
        Reply::Jobs(all) => super::job::list(&mut out, all)?,
        Reply::Tower(status) => super::tower::show(&mut out, status)?,
        Reply::Towers(all) => super::tower::list(&mut out, all)?,
        Reply::TowerClients(all) => super::tower::clients(&mut out, all)?,
        Reply::Done => writeln!(out, "done")?,
    }
    Ok(())
}

fn node(out: &mut impl Write, status: &NodeStatus) -> io::Result<()> {
    let NodeStatus {
        node,
        address,
        delivery_key,
        tip,
        balance_sat,
        spare_sat,
        reserve_sat,
        contracts,
        commits,
        archived,
        draining,
    } = status;
    match address.as_str() {
        "" => writeln!(out, "node       {node}")?,
        address => writeln!(out, "node       {node}@{address}")?,
    }
    if let Some(key) = delivery_key {
        writeln!(out, "delivered  to {key}")?;
    }
    match tip {
        Some(tip) => writeln!(out, "tip        {tip}")?,
        None => writeln!(out, "tip        not seen yet")?,
    }
    writeln!(
        out,
        "balance    {balance_sat} sat, {spare_sat} of them free, {reserve_sat} kept back for fees"
    )?;
    writeln!(out, "contracts  {contracts}, and {archived} put away")?;
    writeln!(out, "commits    {commits} since it started")?;
    match draining {
        true => writeln!(
            out,
            "draining   no new contract is taken; what runs goes on"
        ),
        false => Ok(()),
    }
}

fn peer(out: &mut impl Write, status: &PeerStatus) -> io::Result<()> {
    let PeerStatus {
        node,
        connected,
        link,
        contracts,
    } = status;
    let there = if *connected { "connected" } else { "away" };
    writeln!(out, "{node}  {there:<9} {link:<11} {contracts} contracts")
}

fn contract(out: &mut impl Write, status: &ContractStatus) -> io::Result<()> {
    let ContractStatus {
        id,
        contract,
        role,
        state,
        deposit_sat,
        accepted,
        arbiter_bond_sat,
        bonds,
        job,
        attempt,
        awaits,
        cause,
        funding,
        live_at,
        standing,
        path,
        due,
        agreed,
        result,
        trouble,
        expires_s,
        funding_deadline,
    } = status;
    writeln!(out, "offer      {id}")?;
    writeln!(out, "as         {role}, with {deposit_sat} sat")?;
    writeln!(out, "state      {state}")?;
    writeln!(out, "accepted   {}", accepted.join(", "))?;
    if *arbiter_bond_sat > 0 {
        writeln!(
            out,
            "bonds      at least {arbiter_bond_sat} sat behind each arbiter's rulings"
        )?;
    }
    for NamedBond {
        arbiter,
        outpoint,
        value_sat,
        end_height,
        ..
    } in bonds
    {
        writeln!(
            out,
            "bond       {arbiter}: {value_sat} sat until {end_height}, {outpoint}"
        )?;
    }
    let JobStatus {
        state,
        bytes,
        here_bytes,
    } = job;
    writeln!(out, "job        {state}, {here_bytes} of {bytes} bytes")?;
    let lines = [
        ("contract  ", contract.clone()),
        ("attempt   ", attempt.map(|attempt| attempt.to_string())),
        (
            "awaits    ",
            (!awaits.is_empty()).then(|| awaits.join(", ")),
        ),
        ("cause     ", cause.clone()),
        ("funding   ", funding.clone()),
        ("live at   ", live_at.map(|height| height.to_string())),
        ("stands    ", standing.clone()),
        (
            "result    ",
            result.as_ref().map(|result| result.sha256.clone()),
        ),
        ("trouble   ", trouble.clone()),
    ];
    for (name, value) in lines {
        if let Some(value) = value {
            writeln!(out, "{name} {value}")?;
        }
    }
    for OnChain { name, txid, height } in path {
        writeln!(out, "on chain   {name} at {height}, {txid}")?;
    }
    for DueStatus { name, until } in due {
        let until = until.map(|until| format!(", in a block by {until}"));
        writeln!(out, "publishes  {name}{}", until.unwrap_or_default())?;
    }
    for EndingStatus { by, spends, ending } in agreed {
        let NewEnding {
            client_sat,
            worker_sat,
            verifier_sat,
            reveals_result,
            until_height,
        } = ending;
        let reveals = if *reveals_result {
            ", shows the key"
        } else {
            ""
        };
        writeln!(
            out,
            "agreed     {by}: {client_sat} sat to the client, {worker_sat} to the worker, {verifier_sat} to the verifier, of {spends}{reveals}, until {until_height}"
        )?;
    }
    writeln!(
        out,
        "expires    {expires_s} (seconds since 1970); funded up to height {funding_deadline}"
    )
}
