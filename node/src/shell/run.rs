//! The process: one thread decides ([`Core`]), sockets and clock are around it.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bitcoin::{
    BlockHash, Network,
    hashes::Hash as _,
    secp256k1::{
        PublicKey,
        rand::{RngCore, rngs::OsRng},
    },
};
use narthex::{
    channel::follow::MAX_REORG_BLOCKS,
    job::{JobError, Looked},
    regtest::{self, ChainSource, Node},
};
use tokio::sync::{
    mpsc::{self, Receiver, Sender, UnboundedSender},
    oneshot,
};

use super::{Folder, FolderError, control};
use crate::{
    api::{ApiOptions, Bound, EventLog, OrderWay, Tickets},
    party::{
        Action, Birth, Command, CommandError, Core, Event as Told, Fatal, Jobs, Look, Now, Once,
        Parts, Policy, Reply, Uploads, follow_anew,
    },
    transport::{Event, Limits, Transport},
};

/// How a node is run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Its folder.
    pub dir: PathBuf,
    /// Where it listens, `HOST:PORT`; not at all without.
    pub listen: Option<String>,
    /// Where others reach it, if that is elsewhere than where it listens.
    pub address: Option<String>,
    /// JSON-RPC of its Bitcoin node.
    pub node: String,
    /// The file that opens it.
    pub cookie: PathBuf,
    /// The network that its Bitcoin node is to be on.
    pub network: Network,
    /// Job files that it has.
    pub jobs: Vec<PathBuf>,
    /// Whether the chain is read again from before each contract's funding, whatever was read of it.
    pub follow_anew: bool,
    /// What its operator has said.
    pub policy: Policy,
    /// Between two looks at the clock and the chain.
    pub tick: Duration,
    /// Bounds of its transport.
    pub limits: Limits,
    /// How it is asked over HTTP; not at all without.
    pub api: Option<ApiOptions>,
}

/// Why a node ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Its folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Its Bitcoin node, when it starts. Later it is waited for.
    #[error("the Bitcoin node: {0}")]
    Chain(#[from] regtest::Error),
    /// The Bitcoin node is on another chain than the wallet.
    #[error(
        "the Bitcoin node is not on {network}: its first block is {genesis}; name its network with --network"
    )]
    OtherChain {
        /// What was named.
        network: Network,
        /// Its first block.
        genesis: BlockHash,
    },
    /// A job file.
    #[error(transparent)]
    Job(#[from] JobError),
    /// A socket or the runtime.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// What it knows may not be durable, or is not ours.
    #[error("the node ends: {0}; it goes on from what is durable when it is started again")]
    Fatal(#[from] Fatal),
}

/// What comes to the thread that decides.
enum Input {
    /// The queue of a connection that stands.
    Connected(PublicKey, UnboundedSender<Vec<u8>>),
    Disconnected(PublicKey),
    Frame(PublicKey, Vec<u8>),
    /// A job was looked at.
    Looked([u8; 32], Looked),
    Tick,
    /// With the key that it was given under, if it was.
    Order(Option<Once>, Command, oneshot::Sender<Answer>),
}

type Answer = Result<Reply, CommandError>;

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
        let at = match &options.listen {
            None => None,
            Some(at) => {
                let listened = transport.listen(at.as_str()).await;
                let listened = listened.map_err(|error| RunError::Io {
                    what: format!("cannot listen at {at}"),
                    error,
                });
                Some(listened?)
            }
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
        let (inputs, taken) = mpsc::channel(MOST_INPUTS);
        let (orders, dir) = (inputs.clone(), folder.path().to_owned());
        control::listen(&dir, move |command| {
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
        let uploads = Uploads::open(folder.uploads(), options.policy.max_jobs_bytes);
        let uploads = uploads.map_err(io("the folder of uploads"))?;
        let api = match bound {
            None => None,
            Some(bound) => {
                let [(secret, text), (reading, reads)] = folder.api();
                let tokens = [(&*secret, &*text), (&*reading, &*reads)];
                let known = (log.clone(), tickets.clone());
                let uploads = Arc::new(uploads.clone());
                let api = bound.serve(tokens, (order_way(&inputs), uploads), known);
                Some(api.map_err(io("the token of the API"))?)
            }
        };
        let watching = api_at.map(|_| (log.clone(), tickets));
        let (over, ended) = oneshot::channel();
        let (ticks, tick) = (inputs.clone(), options.tick);
        let looks = looker(inputs.clone()).map_err(io("a thread"))?;
        let handle = tokio::runtime::Handle::current();
        let deciding = transport.clone();
        std::thread::Builder::new()
            .name("decides".into())
            .spawn(move || {
                let address = address(&options, at);
                tell(Said::Ready {
                    id,
                    at,
                    address: &address,
                    api: api_at,
                });
                let tell = |said: Said<'_>| {
                    if let (Said::Note(words), Some((events, _))) = (&said, &watching) {
                        events.note(unix_s(), words);
                    }
                    tell(said);
                };
                let done = decide(
                    (&folder, uploads),
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
        tokio::spawn(read(events, transport.clone(), inputs));
        let done = ended.await.unwrap_or_else(|_| {
            let why = "a defect of this program; see what it printed".to_owned();
            Err(Fatal::Step(why).into())
        });
        if let Some(api) = api {
            api.end().await;
        }
        done
    })
}

/// Who is told it.
type Teller<'a> = &'a dyn Fn(Said<'_>);

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
    /// Something happened.
    Note(&'a str),
}

fn unix_s() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed();
    since.map_or(0, |since| since.as_secs())
}

fn address(options: &RunOptions, at: Option<SocketAddr>) -> String {
    match (&options.address, at) {
        (Some(address), _) => address.clone(),
        (None, Some(at)) => at.to_string(),
        (None, None) => String::new(),
    }
}

/// Gives what the transport tells to the thread that decides. A connection has a queue of its own, so that nothing of one before
/// it leaves on it.
async fn read(
    mut events: crate::transport::Events,
    transport: Arc<Transport>,
    inputs: Sender<Input>,
) {
    let mut queues = BTreeMap::new();
    while let Some(event) = events.next().await {
        let input = match event {
            Event::Connected { node, .. } => {
                let (queue, mut waiting) = mpsc::unbounded_channel::<Vec<u8>>();
                let transport = transport.clone();
                let sending = tokio::spawn(async move {
                    while let Some(frame) = waiting.recv().await {
                        let Some((kind, bytes)) = frame.split_first_chunk::<2>() else {
                            continue;
                        };
                        let kind = u16::from_be_bytes(*kind);
                        if transport.send(&node, kind, bytes.to_vec()).await.is_err() {
                            return;
                        }
                    }
                });
                let before = queues.insert(node, sending);
                before.inspect(|sending| sending.abort());
                Input::Connected(node, queue)
            }
            Event::Disconnected { node, .. } => {
                let before = queues.remove(&node);
                before.inspect(tokio::task::JoinHandle::abort);
                Input::Disconnected(node)
            }
            Event::Message { from, kind, bytes } => {
                let frame = [&kind.to_be_bytes()[..], &bytes].concat();
                Input::Frame(from, frame)
            }
            // It is tried again.
            Event::Unreachable { .. } => continue,
        };
        if inputs.send(input).await.is_err() {
            return;
        }
    }
}

/// A thread that looks at jobs, one after the other: that takes as long as a job is, and the node hears others meanwhile.
fn looker(found: Sender<Input>) -> io::Result<std::sync::mpsc::Sender<Look>> {
    let (looks, due) = std::sync::mpsc::channel::<Look>();
    let looking = move || {
        for look in due {
            let (id, looked) = (look.id, look.look());
            if found.blocking_send(Input::Looked(id, looked)).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("looks".into())
        .spawn(looking)?;
    Ok(looks)
}

/// The thread that decides, until it is told to stop.
fn decide(
    (folder, uploads): (&Folder, Uploads),
    mut chain: Node,
    options: &RunOptions,
    address: String,
    (mut inputs, transport, handle, looks): (
        Receiver<Input>,
        &Transport,
        &tokio::runtime::Handle,
        &std::sync::mpsc::Sender<Look>,
    ),
    (tell, watching): (Teller<'_>, Option<&(Arc<EventLog>, Arc<Tickets>)>),
) -> Result<(), RunError> {
    let genesis = chain.block_hash(0)?;
    let network = options.network;
    if genesis != bitcoin::constants::genesis_block(network).block_hash() {
        return Err(RunError::OtherChain { network, genesis });
    }
    // Deep enough that its block is there to stay.
    let birth = match (
        folder.is_new()?,
        chain.height()?.saturating_sub(MAX_REORG_BLOCKS),
    ) {
        (true, height) if height > 0 => Some(Birth {
            height,
            hash: chain.block_hash(height)?,
        }),
        _ => None,
    };
    // Before a seed is made: whoever ends here begins anew.
    let mut jobs = Jobs::new(folder.bundles()).with_uploads(uploads);
    for path in options.jobs.iter().cloned().chain(folder.jobs()?) {
        // One that was given before may be gone; whoever names it now is to know.
        match jobs.load(&path) {
            Ok(_) => {}
            Err(error) if options.jobs.contains(&path) => return Err(error.into()),
            Err(error) => tell(Said::Note(&error.to_string())),
        }
    }
    let own = folder.own(network)?;
    tracing::info!(%network, id = %own.node.id(), "starts");
    folder.keep_jobs(jobs.paths())?;
    let mut store = folder.store(&own.node)?;
    if options.follow_anew {
        follow_anew(&mut store).map_err(Fatal::from)?;
    }
    let start = Instant::now();
    let now = || Now {
        ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
        unix_s: unix_s(),
    };
    let parts = Parts {
        own,
        store: Box::new(store),
        jobs,
        policy: options.policy.clone(),
        chain: genesis.to_byte_array(),
        birth,
        address,
    };
    let mut core = Core::open(parts, now())?;
    core.poll(&mut chain, now())?;
    if let Some((_, tickets)) = watching {
        tickets.set(core.tickets()?);
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
        let (mut count, mut answers, mut polls) = (0, Vec::new(), false);
        while let Some(input) = next.take() {
            match input {
                Input::Connected(node, queue) => {
                    tracing::info!(%node, "connected");
                    queues.insert(node, queue);
                    core.take(Told::Connected(node), now())?;
                }
                Input::Disconnected(node) => {
                    tracing::info!(%node, "disconnected");
                    queues.remove(&node);
                    core.take(Told::Disconnected(node), now())?;
                }
                Input::Frame(from, bytes) => {
                    let kind = bytes.first_chunk().map(|kind| u16::from_be_bytes(*kind));
                    tracing::debug!(%from, kind, bytes = bytes.len(), "message");
                    core.take(Told::Frame { from, bytes }, now())?;
                }
                Input::Looked(bundle, looked) => {
                    core.take(Told::Looked { bundle, looked }, now())?;
                }
                Input::Tick => {
                    core.take(Told::Tick, now())?;
                    polls = true;
                }
                Input::Order(once, Command::Stop, answer) => {
                    if let Some(once) = once {
                        let was_done = core.has_done(&once)?;
                        let answered = core.command_once(&once, Command::Stop, now())?;
                        if was_done {
                            // It has ended and was started again since.
                            answers.push((answer, answered));
                            continue;
                        }
                    }
                    core.actions()?;
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
                        Some(once) => core.command_once(once, command, now())?,
                        None => core.command(command, now())?,
                    };
                    answers.push((answer, answered));
                }
            }
            count += 1;
            // What is there already is taken with one write.
            if count < BATCH {
                next = inputs.try_recv().ok();
            }
        }
        if polls || core.wants_poll() {
            core.poll(&mut chain, now())?;
        }
        if let Some((events, _)) = watching.filter(|_| polls)
            && let Ok(Reply::Contracts(all)) = core.command(Command::List, now())?
        {
            events.look(unix_s(), &all);
        }
        // An answer leaves once it is durable, as everything else.
        let entered = handle.enter();
        for action in core.actions()? {
            act(action, transport, (&queues, looks), tell);
        }
        drop(entered);
        // Whoever is admitted is known before that is answered, and after it is durable.
        if let Some((_, tickets)) = watching {
            tickets.set(core.tickets()?);
        }
        for (answer, answered) in answers {
            let _ = answer.send(answered);
        }
    }
}

fn act(
    action: Action,
    transport: &Transport,
    (queues, looks): (
        &BTreeMap<PublicKey, UnboundedSender<Vec<u8>>>,
        &std::sync::mpsc::Sender<Look>,
    ),
    tell: Teller<'_>,
) {
    match action {
        // Of a connection that has ended nothing is sent: it begins anew on the next.
        Action::Send { to, bytes } => {
            if let Some(queue) = queues.get(&to) {
                tracing::debug!(%to, bytes = bytes.len(), "sends");
                let _ = queue.send(bytes);
            }
        }
        Action::Serve { to, bytes } => {
            if let Some((kind, payload)) = bytes.split_first_chunk::<2>() {
                // Where there is no room, or nobody there, it is asked for again.
                let _ = transport.try_send(&to, u16::from_be_bytes(*kind), payload.to_vec());
            }
        }
        Action::Look(look) => {
            // One after the other: each has a job in memory.
            if looks.send(look).is_err() {
                tell(Said::Note(
                    "jobs are not looked at any more: a defect of this program; start it again",
                ));
            }
        }
        Action::Close { node, why } => {
            tell(Said::Note(&format!(
                "the connection with {node} is closed: {why}"
            )));
            transport.disconnect(&node);
        }
        Action::Know(node) => transport.know(node),
        Action::Connect(peer) => {
            tracing::debug!(node = %peer.node, "connects");
            transport.connect(peer);
        }
        Action::Note(words) => tell(Said::Note(&words)),
    }
}
