//! The process: one thread decides ([`Core`]), sockets and clock are around it.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
};

use bitcoin::secp256k1::{
    PublicKey,
    rand::{RngCore, rngs::OsRng},
};
use narthex::{channel::log::LogError, regtest::Node};
use tokio::sync::{
    mpsc::{self, Receiver, Sender, UnboundedSender},
    oneshot,
};

use super::{
    Clock, Folder, RunError, RunOptions,
    about::contract_of,
    clock::unix_s,
    control,
    database::{Entered, enter},
    judge::probed,
    links::{act, read},
    process::Process,
    standby::stands_by,
    store::TimedStore,
};
use crate::{
    api::{Bound, EventLog, OrderWay, Tickets},
    meters::Meters,
    party::{
        Command, CommandError, Core, Event as Told, Fatal, Look, Note, Once, Reply, Uploads,
        follow_anew,
    },
    transport::Transport,
};

/// What comes to the thread that decides.
pub(super) enum Input {
    /// The queue of a connection that stands.
    Connected(PublicKey, UnboundedSender<Vec<u8>>),
    Disconnected(PublicKey),
    Frame(PublicKey, Vec<u8>),
    /// A job was looked at.
    Looked(Told),
    Tick,
    /// With the key that it was given under, if it was.
    Order(Option<Once>, Command, oneshot::Sender<Answer>),
}

pub(super) type Answer = Result<Reply, CommandError>;

/// The way of orders to the thread that decides.
fn order_way(inputs: &Sender<Input>) -> OrderWay {
    let inputs = inputs.clone();
    OrderWay::new(move |once, command| {
        let inputs = inputs.clone();
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let order = Input::Order(once, command, answer);
            inputs.send(order).await.ok()?;
            answered.await.ok()
        })
    })
}

/// Inputs that may wait for the thread that decides. Then sockets are not read.
const MOST_INPUTS: usize = 256;

/// Inputs that are taken before what they have changed is made durable.
const BATCH: usize = 64;

/// Runs a node until it is told to stop. `tell` is told once where it listens, and then what the operator may want to read.
///
/// # Errors
/// [`RunError`].
pub fn run(
    options: RunOptions,
    tell: impl Fn(Said<'_>) + Send + Clone + 'static,
) -> Result<(), RunError> {
    let io = |what: &'static str| {
        move |error| RunError::Io {
            what: what.into(),
            error,
        }
    };
    let folder = Folder::open(&options.dir)?;
    let key = folder.key()?;
    let chain = Node::connect(&options.node, &options.cookie)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(io("the runtime"))?;
    runtime.block_on(async move {
        let id = key.id();
        let (transport, events) =
            Transport::start(key, options.limits.clone()).map_err(io("the transport"))?;
        let transport = Arc::new(transport);
        // Whoever waits for its turn is reached by nobody.
        let at = match options.database {
            None => listen(&options, &transport).await?,
            Some(_) => None,
        };
        let bound = match &options.api {
            None => None,
            Some(api) => {
                let bound = Bound::new(api).await.map_err(|error| RunError::Io {
                    what: format!("cannot take HTTP at {}", api.listen),
                    error,
                });
                Some(bound?)
            }
        };
        let api_at = bound.as_ref().map(Bound::at);
        let (inputs, mut taken) = mpsc::channel(MOST_INPUTS);
        let (orders, dir) = (inputs.clone(), folder.path().to_owned());
        let answering = control::listen(&dir, move |command| {
            let (answer, answered) = oneshot::channel();
            orders
                .blocking_send(Input::Order(None, command, answer))
                .ok()?;
            answered.blocking_recv().ok()
        })
        .map_err(io("the control socket"))?;
        // Numbers of events are of one start of the node.
        let log = Arc::new(EventLog::new(format!("{:016x}", OsRng.next_u64())));
        let tickets = Arc::new(Tickets::default());
        let meters = Arc::new(Meters::default());
        let uploads = Uploads::open(folder.uploads(), options.policy.max_jobs_bytes);
        let uploads = uploads.map_err(io("the folder of uploads"))?;
        let api = match bound {
            None => None,
            Some(bound) => {
                let [(secret, text), (reading, reads)] = folder.api();
                let tokens = [(&*secret, &*text), (&*reading, &*reads)];
                let known = (log.clone(), tickets.clone(), meters.clone());
                let uploads = Arc::new(uploads.clone());
                let api = bound.serve(tokens, (order_way(&inputs), uploads), known);
                Some(api.map_err(io("the token of the API"))?)
            }
        };
        let watching = api_at.map(|_| (log.clone(), tickets));
        let (over, ended) = oneshot::channel();
        let counted = meters.clone();
        let (ticks, tick) = (inputs.clone(), options.tick);
        let looks = looker(inputs.clone()).map_err(io("a thread"))?;
        let handle = tokio::runtime::Handle::current();
        let deciding = transport.clone();
        std::thread::Builder::new()
            .name("decides".into())
            .spawn(move || {
                let entered = (|| {
                    let Some(database) = &options.database else {
                        return Ok(Some((at, None)));
                    };
                    let says = |words: &str, is_new| {
                        if is_new {
                            let api = api_at;
                            tell(Said::StandsBy { id, api, words });
                        }
                    };
                    let mut wait = stands_by(&handle, &mut taken, &says);
                    let Some(entered) = enter(&folder, &id, database, &mut wait)? else {
                        return Ok(None);
                    };
                    let at = handle.block_on(listen(&options, &deciding))?;
                    Ok(Some((at, Some(entered))))
                })();
                let (at, entered) = match entered {
                    Ok(Some(entered)) => entered,
                    Ok(None) => return drop(over.send(Ok(()))),
                    Err(error) => return drop(over.send(Err(error))),
                };
                let address = address(&options, at);
                tell(Said::Ready {
                    id,
                    at,
                    address: &address,
                    api: api_at,
                });
                let tell = |said: Said<'_>| {
                    if let (Said::Note(note), Some((events, _))) = (&said, &watching) {
                        events.note(unix_s(), note);
                    }
                    tell(said);
                };
                let done = decide(
                    (&folder, uploads, &meters, entered),
                    chain,
                    &options,
                    address,
                    (taken, &deciding, &handle, &looks),
                    (&tell, watching.as_ref()),
                );
                // Nobody waits for it any more where the runtime is gone.
                let _ = over.send(done);
            })
            .map_err(io("a thread"))?;
        tokio::spawn(async move {
            while ticks.send(Input::Tick).await.is_ok() {
                tokio::time::sleep(tick).await;
            }
        });
        tokio::spawn(read(events, transport.clone(), (inputs, counted)));
        let done = ended.await.unwrap_or_else(|_| {
            let why = "a defect of this program; see what it printed".to_owned();
            Err(Fatal::Step(why).into())
        });
        if let Some(api) = api {
            api.end().await;
        }
        answering.end();
        done
    })
}

/// Who is told it.
pub(super) type Teller<'a> = &'a dyn Fn(Said<'_>);

/// What a node tells its operator.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// It runs.
    Ready {
        /// Its id.
        id: PublicKey,
        /// Where it listens.
        at: Option<SocketAddr>,
        /// Where others reach it; empty if they do not.
        address: &'a str,
        /// Where it takes HTTP.
        api: Option<SocketAddr>,
    },
    /// Another replica of it runs, and this one waits for its turn.
    StandsBy {
        /// The id of both.
        id: PublicKey,
        /// Where it says so over HTTP.
        api: Option<SocketAddr>,
        /// Which one it is, for people.
        words: &'a str,
    },
    /// Something happened.
    Note(&'a Note),
}

/// Takes connections, if it is to.
async fn listen(
    options: &RunOptions,
    transport: &Transport,
) -> Result<Option<SocketAddr>, RunError> {
    let Some(at) = &options.listen else {
        return Ok(None);
    };
    let listened = transport.listen(at.as_str()).await;
    listened.map(Some).map_err(|error| RunError::Io {
        what: format!("cannot listen at {at}"),
        error,
    })
}

fn address(options: &RunOptions, at: Option<SocketAddr>) -> String {
    match (&options.address, at) {
        (Some(address), _) => address.clone(),
        (None, Some(at)) => at.to_string(),
        (None, None) => String::new(),
    }
}

/// A thread that looks at jobs, one after the other: that takes as long as a job is, and the node hears others meanwhile.
fn looker(found: Sender<Input>) -> io::Result<std::sync::mpsc::Sender<Look>> {
    let (looks, due) = std::sync::mpsc::channel::<Look>();
    let looking = move || {
        for look in due {
            if found.blocking_send(Input::Looked(look.done())).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("looks".into())
        .spawn(looking)?;
    Ok(looks)
}

/// Who looks over HTTP, and whose tickets are known there.
type Watching = (Arc<EventLog>, Arc<Tickets>);

/// The thread that decides, until it is told to stop.
fn decide(
    (folder, uploads, meters, entered): (&Folder, Uploads, &Arc<Meters>, Option<Entered>),
    mut chain: Node,
    options: &RunOptions,
    address: String,
    (mut inputs, transport, handle, looks): (
        Receiver<Input>,
        &Transport,
        &tokio::runtime::Handle,
        &std::sync::mpsc::Sender<Look>,
    ),
    (tell, watching): (Teller<'_>, Option<&Watching>),
) -> Result<(), RunError> {
    let network = options.network;
    let (store, is_superseded) = match entered {
        None => (None, Arc::default()),
        Some(entered) => {
            let note = entered.note.map(Note::from);
            note.iter().for_each(|note| tell(Said::Note(note)));
            (Some(entered.store), entered.is_superseded)
        }
    };
    let jobs = (&*options.jobs, store);
    let (mut parts, troubles) = folder.parts_with(network, &mut chain, jobs)?;
    for trouble in troubles {
        tell(Said::Note(&trouble.to_string().into()));
    }
    parts.policy = options.policy.clone();
    parts.address = address;
    parts.jobs = parts.jobs.with_uploads(uploads);
    tracing::info!(%network, id = %parts.own.node.id(), "starts");
    let (mut holds, mut found) = (true, None);
    if let Some(judge) = parts.policy.judge.take() {
        let (words, is_tight) = probed(&judge);
        tell(Said::Note(&words.clone().into()));
        (holds, found) = (is_tight, Some(words));
        let meters = meters.clone();
        let judge = judge.watched(move |took, found| meters.judged(took, found));
        parts.policy.judge = Some(judge);
    }
    parts.store = Box::new(TimedStore::new(parts.store, meters.clone()));
    let mut process = Process::new(folder.path(), meters.clone(), holds);
    if options.follow_anew {
        follow_anew(&mut *parts.store).map_err(Fatal::from)?;
    }
    let clock = Clock::start();
    let mut core = Core::open(parts, clock.now())?;
    core.was_probed(found);
    core.poll(&mut chain, clock.now())?;
    if let Some((_, tickets)) = watching {
        tickets.set(core.tickets());
    }
    let mut queues: BTreeMap<PublicKey, UnboundedSender<Vec<u8>>> = BTreeMap::new();
    loop {
        // Connecting is for the runtime.
        let entered = handle.enter();
        for action in core.actions()? {
            act(action, transport, (&queues, looks), tell);
        }
        drop(entered);
        let Some(first) = inputs.blocking_recv() else {
            return Ok(());
        };
        let mut next = Some(first);
        let (mut count, mut answers, mut is_tick) = (0, Vec::new(), false);
        while let Some(input) = next.take() {
            match input {
                Input::Connected(node, queue) => {
                    tracing::info!(%node, "connected");
                    queues.insert(node, queue);
                    core.take(Told::Connected(node), clock.now())?;
                }
                Input::Disconnected(node) => {
                    tracing::info!(%node, "disconnected");
                    queues.remove(&node);
                    core.take(Told::Disconnected(node), clock.now())?;
                }
                Input::Frame(from, bytes) => {
                    let kind = bytes.first_chunk().map(|kind| u16::from_be_bytes(*kind));
                    let contract = contract_of(&bytes);
                    tracing::debug!(%from, kind, bytes = bytes.len(), contract, "message");
                    core.take(Told::Frame { from, bytes }, clock.now())?;
                }
                Input::Looked(looked) => core.take(looked, clock.now())?,
                Input::Tick => {
                    core.take(Told::Tick, clock.now())?;
                    is_tick = true;
                }
                Input::Order(once, Command::Stop, answer) => {
                    if let Some(once) = once {
                        let was_done = core.has_done(&once)?;
                        let answered = core.command_once(&once, Command::Stop, clock.now())?;
                        if was_done {
                            // It has ended and was started again since.
                            answers.push((answer, answered));
                            continue;
                        }
                    }
                    core.all_actions()?;
                    // Whoever asked may be gone.
                    let _ = answer.send(Ok(Reply::Done));
                    return Ok(());
                }
                Input::Order(once, command, answer) => {
                    let (order, contract) = (command.name(), command.contract());
                    match command.only_asks() {
                        true => tracing::debug!(order, contract, "order"),
                        false => tracing::info!(order, contract, "order"),
                    }
                    let answered = match &once {
                        Some(once) => core.command_once(once, command, clock.now())?,
                        None => core.command(command, clock.now())?,
                    };
                    let answered = answered.map(|reply| process.completes(reply, &core));
                    answers.push((answer, answered));
                }
            }
            count += 1;
            // What is there already is taken with one write.
            if count < BATCH {
                next = inputs.try_recv().ok();
            }
        }
        // An answer leaves once what was ordered is durable, as everything else. How it stands is said as it stands.
        let actions = core.turn(&mut chain, clock.now())?;
        if is_superseded.load(Ordering::SeqCst) {
            let name = "the database".to_owned();
            return Err(Fatal::Log(LogError::Superseded { name }).into());
        }
        if let Some((events, _)) = watching.filter(|_| is_tick)
            && let Ok(Reply::Contracts(all)) = core.command(Command::List, clock.now())?
        {
            events.look(unix_s(), &all);
        }
        let entered = handle.enter();
        for action in actions {
            act(action, transport, (&queues, looks), tell);
        }
        drop(entered);
        // Whoever is admitted is known before that is answered, and after it is durable.
        if let Some((_, tickets)) = watching.filter(|_| !answers.is_empty()) {
            tickets.set(core.tickets());
        }
        for (answer, answered) in answers {
            let _ = answer.send(answered);
        }
    }
}
