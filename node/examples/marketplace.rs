//! A market of processes: a seller is paid for a buyer's job when the result is right. URL and COOKIE are those of a regtest node.
//!
//! * `marketplace market DIR URL COOKIE`: a verifier and three arbiters that serve anybody, and a block a second.
//! * `marketplace seller DIR URL COOKIE`: does the work, until it is paid.
//! * `marketplace buyer DIR URL COOKIE JOB RESULT`: offers a job, until its result is written.
//!
//! Whoever is killed goes on when it is started again. A Unix socket `NAME-ID` in DIR for each party believes who writes to it.

use std::{collections::BTreeMap, fs, os::unix::net::UnixDatagram, path::Path, sync::mpsc, thread};

use anyhow::{Result, bail};
use narthex::bitcoin::{Amount, Network, secp256k1::PublicKey};
use narthex::regtest::Node;
use narthex_node::party::{Action, Command, Core, Event, NewOffer, Now, Part};
use narthex_node::shell::{Clock, Folder};
use serde_json::{Value, json};

const OTHERS: [&str; 5] = ["seller", "verifier", "arbiter0", "arbiter1", "arbiter2"];

/// Who is connected, with its socket; and what the owner of a party does, until it says that all is over.
type There = BTreeMap<PublicKey, Box<Path>>;
type Owner<'a> = &'a dyn Fn(&mut Core, &There, Now) -> Result<bool>;

fn main() -> Result<()> {
    run(&std::env::args().skip(1).collect::<Vec<_>>())
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    let [who, dir, url, cookie, files @ ..] = args else {
        bail!("market, seller or buyer; DIR URL COOKIE");
    };
    let live = |name: &str, owner: Owner<'_>| live([dir, url, cookie], name, owner);
    match (who.as_str(), files) {
        ("market", []) => thread::scope(|all| {
            for name in &OTHERS[1..] {
                all.spawn(move || println!("{name}: {:?}", live(name, &|_, _, _| Ok(false))));
            }
            let chain = Node::connect(url, cookie.as_ref())?;
            loop {
                mine(dir, &chain, 1, "raw(51)")?;
                thread::sleep(std::time::Duration::from_secs(1));
            }
        }),
        ("seller", []) => live(who, &|core, _, _| {
            let own = core.contracts().pop();
            Ok(own.is_some_and(|own| own.standing.as_deref() == Some("settled")))
        }),
        ("buyer", [job, result]) => live(who, &|core, there, now| match core.contracts().pop() {
            None => offer(core, there, job.as_ref(), now),
            Some(own) => {
                let file = own.result.and_then(|result| result.file);
                file.map_or(Ok(false), |file| Ok(fs::copy(file, result)? > 0))
            }
        }),
        _ => bail!("a buyer has JOB and RESULT, the others have not"),
    }
}

/// Mines, one after the other: of blocks that are made at once one counts.
fn mine(dir: &str, chain: &Node, blocks: u32, to: &str) -> Result<Value> {
    let turn = fs::File::create(Path::new(dir).join("turn"))?;
    turn.lock()?;
    Ok(chain.call("generatetodescriptor", &[json!(blocks), json!(to)])?)
}

/// `NAME-ID`, as a socket is called.
fn called(socket: &Path) -> Option<(&str, &str)> {
    socket.file_name()?.to_str()?.split_once('-')
}

/// The buyer's offer, once everybody is there.
fn offer(core: &mut Core, there: &There, job: &Path, now: Now) -> Result<bool> {
    let ids: BTreeMap<_, _> = there.values().filter_map(|socket| called(socket)).collect();
    let place = |name| Some(format!("{}@market:1", ids.get(name)?));
    let all: Option<Vec<_>> = OTHERS.into_iter().map(place).collect();
    if let (Some([seller, verifier, arbiters @ ..]), Some(tip)) = (all.as_deref(), core.tip()) {
        let others = [seller.clone(), verifier.clone()];
        let offer = NewOffer::example(job, tip + 120, others, arbiters.to_vec())?;
        core.command(Command::Offer(Box::new(offer)), now)??;
    }
    Ok(false)
}

/// A party's life: frames, blocks and orders in; frames, transactions and dates out.
fn live([dir, url, cookie]: [&String; 3], name: &str, owner: Owner<'_>) -> Result<()> {
    let (mut chain, time) = (Node::connect(url, cookie.as_ref())?, Clock::start());
    let folder = Folder::open(&Path::new(dir).join(name))?;
    let (mut parts, _) = folder.parts(Network::Regtest, &mut chain, &[])?;
    parts.policy.accept = [Part::Worker, Part::Verifier, Part::Arbiter].into();
    parts.policy.max_stake = Amount::MAX_MONEY;
    let mut core = Core::open(parts, time.now())?;
    core.poll(&mut chain, time.now())?;
    if core.status().balance_sat == 0 {
        mine(dir, &chain, 4, &format!("addr({})", core.fresh_address()?))?;
        mine(dir, &chain, 100, "raw(51)")?;
        core.poll(&mut chain, time.now())?;
    }
    let own = Path::new(dir).join(format!("{name}-{}", core.id()));
    fs::remove_file(&own).ok();
    let socket = UnixDatagram::bind(&own)?;
    let (hearing, (heard, inbox)) = (socket.try_clone()?, mpsc::channel());
    thread::spawn(move || {
        let mut bytes = vec![0; 1 << 16];
        while let Ok((length, from)) = hearing.recv_from(&mut bytes) {
            heard.send((from, bytes[..length].to_vec())).ok();
        }
    });
    // No byte: "I begin." One: "I know." A frame has two, and more.
    for other in fs::read_dir(dir)?.flatten().filter(|at| at.path() != own) {
        socket.send_to(&[], other.path()).ok();
    }
    let (mut there, mut said) = (There::new(), Vec::new());
    loop {
        for action in core.turn(&mut chain, time.now())? {
            match action {
                Action::Send { to, bytes } | Action::Serve { to, bytes } => {
                    // Whoever is gone begins anew, and is told again.
                    let _ = there.get(&to).map(|at| socket.send_to(&bytes, at));
                }
                Action::Look(look) => core.take(look.done(), time.now())?,
                Action::Note(note) => println!("{name}: {note}"),
                Action::Close { node, .. } => drop(there.remove(&node)),
                Action::Know(_) | Action::Connect(_) => {}
            }
        }
        let next = core.next_moves();
        if next != said {
            next.iter().for_each(|next| println!("{name} is to {next}"));
            said = next;
        }
        if owner(&mut core, &there, time.now())? {
            return Ok(());
        }
        let Ok((from, bytes)) = inbox.recv_timeout(std::time::Duration::from_millis(200)) else {
            core.take(Event::Tick, time.now())?;
            continue;
        };
        let at = from.as_pathname().unwrap_or(Path::new(""));
        match called(at).and_then(|(_, id)| id.parse().ok()) {
            Some(from) if bytes.len() > 1 => core.take(Event::Frame { from, bytes }, time.now())?,
            Some(from) if there.insert(from, at.into()).is_none() || bytes.is_empty() => {
                socket.send_to(&[1], at).ok();
                core.take(Event::Connected(from), time.now())?;
            }
            _ => {}
        }
    }
}
