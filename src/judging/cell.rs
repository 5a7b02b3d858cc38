//! The box from inside: what a judge gives up before it reads anything.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    os::unix::net::UnixListener,
    process::Command,
    time::Duration,
};

use bitcoin::hex::DisplayHex as _;
use narthex_arbiter::{Answer, MAX_BUNDLE_BYTES, Question, Silence, Silent};
use narthex_base::codec::Message as _;
use narthex_disk as disk;
use nix::{
    errno::Errno,
    sys::resource::{Resource, setrlimit},
};
use serde::{Deserialize, Serialize};

use super::judge_here;

/// Standard input, standard output, standard error: more are not opened.
const OPEN_FILES: u64 = 3;

/// An address that leads nowhere (RFC 5737): asking for the way there sends nothing.
const NOWHERE: &str = "192.0.2.1:9";

/// How long a probe waits for an answer, where the way is open.
const PROBE: Duration = Duration::from_millis(200);

/// What a judge may take at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellLimits {
    /// Bytes of address space.
    pub memory_bytes: u64,
    /// Seconds of a processor.
    pub cpu_seconds: u64,
}

/// Whether the judge has a network of its own, which is empty, or why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Network {
    /// A namespace of its own, without a way out.
    Own,
    /// The system permits none. No socket is opened all the same: there is no file left for one.
    Shared {
        /// What the system said.
        why: String,
    },
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("no network"),
            Self::Shared { why } => write!(
                f,
                "the system permits no network of its own ({why}): that no socket is opened rests on the limit of open files alone"
            ),
        }
    }
}

/// Something that must not succeed in the box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// What was tried.
    pub tried: String,
    /// Whether the box held.
    pub held: bool,
    /// What the system said.
    pub said: String,
}

/// What came of trying to get out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probed {
    /// How far the network is shut off.
    pub network: Network,
    /// What was tried, before and after the last file was taken away.
    pub probes: Vec<Probe>,
}

impl Probed {
    /// Whether the box held against all of it.
    pub fn holds(&self) -> bool {
        !self.probes.is_empty() && self.probes.iter().all(|probe| probe.held)
    }
}

fn system(error: Errno) -> io::Error {
    io::Error::from_raw_os_error(error as i32)
}

fn limit(what: Resource, most: u64) -> io::Result<()> {
    setrlimit(what, most, most).map_err(system)
}

/// Closes what the parent may have left open.
fn close_inherited() -> io::Result<()> {
    // Where the system does not list them, the limit keeps new ones away, and old ones are none of a parent that has none to give.
    let Ok(listed) = fs::read_dir("/proc/self/fd") else {
        return Ok(());
    };
    let numbers = listed.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let numbers: Vec<i32> = numbers.filter(|number| *number > 2).collect();
    for number in numbers {
        match nix::unistd::close(number) {
            // The list itself was one of them.
            Ok(()) | Err(Errno::EBADF) => {}
            Err(error) => return Err(system(error)),
        }
    }
    Ok(())
}

/// Gives up privileges, and goes to a network with nobody in it.
#[cfg(target_os = "linux")]
fn apart() -> io::Result<()> {
    use nix::sched::{CloneFlags, unshare};
    nix::sys::prctl::set_no_new_privs().map_err(system)?;
    let apart = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC;
    unshare(apart).map_err(system)
}

#[cfg(not(target_os = "linux"))]
fn apart() -> io::Result<()> {
    Err(io::Error::other("this system has no namespaces"))
}

/// Takes everything away but three files; before the last is taken, `open` may try what a namespace alone must hold against.
fn enter(limits: CellLimits, open: impl FnOnce(&Network)) -> io::Result<Network> {
    close_inherited()?;
    // A namespace needs that this process has one thread: it has read nothing and started nothing yet.
    let network = match apart() {
        Ok(()) => Network::Own,
        Err(error) => Network::Shared {
            why: error.to_string(),
        },
    };
    limit(Resource::RLIMIT_CORE, 0)?;
    limit(Resource::RLIMIT_CPU, limits.cpu_seconds)?;
    limit(Resource::RLIMIT_AS, limits.memory_bytes)?;
    open(&network);
    limit(Resource::RLIMIT_NOFILE, OPEN_FILES)?;
    Ok(network)
}

/// Answers one question on standard input, from inside of the box, by a line of hexadecimal. What is no question is answered by nothing.
///
/// # Errors
/// [`io::Error`]: the box cannot be entered, or what came is no question.
pub fn judge_in_cell(
    limits: CellLimits,
    input: impl Read,
    output: &mut impl Write,
) -> io::Result<()> {
    enter(limits, |_| ())?;
    let bytes = disk::bounded(input, MAX_BUNDLE_BYTES)?;
    let bytes = bytes.ok_or_else(|| io::Error::other("the question is too long"))?;
    let question = Question::from_bytes(&bytes).map_err(io::Error::other)?;
    drop(bytes);
    let answer = Answer {
        question: question.id(),
        found: judge_here(&question, None),
    };
    writeln!(output, "{}", answer.to_bytes().to_lower_hex_string())?;
    output.flush()
}

/// Tries to get out of the very box that judges are in. `listener` is somebody who listens on this machine, and would hear.
///
/// # Errors
/// [`io::Error`]: the box cannot be entered.
pub fn probe_cell(limits: CellLimits, listener: Option<SocketAddr>) -> io::Result<Probed> {
    let mut probes = Vec::new();
    let network = enter(limits, |network| {
        // With files left: only the namespace holds.
        if *network == Network::Own {
            let way = UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.connect(NOWHERE));
            probes.push(tried("a way out, with a socket left", way));
            if let Some(listener) = listener {
                let heard = TcpStream::connect_timeout(&listener, PROBE);
                probes.push(tried("this machine, with a socket left", heard));
            }
        }
    })?;
    let way = UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.connect(NOWHERE));
    probes.push(tried("a way out", way));
    if let Some(listener) = listener {
        let heard = TcpStream::connect_timeout(&listener, PROBE);
        probes.push(tried("this machine", heard));
    }
    let path = std::env::temp_dir().join(format!("narthex-probe-{}", std::process::id()));
    probes.push(tried("a socket of the system", UnixListener::bind(&path)));
    probes.push(tried("reading a file", File::open("/etc/passwd")));
    probes.push(tried("another program", another_program()));
    let more = limit(Resource::RLIMIT_NOFILE, 64);
    probes.push(tried("more files than it was left", more));
    let more = limit(Resource::RLIMIT_AS, u64::MAX);
    probes.push(tried("more memory than it was left", more));
    let more = limit(Resource::RLIMIT_CPU, u64::MAX);
    probes.push(tried("more time than it was left", more));
    Ok(Probed { network, probes })
}

/// Another program begins in the same box, and has nothing to load its libraries from.
fn another_program() -> io::Result<()> {
    let ended = Command::new("/bin/true").status()?;
    match ended.success() {
        true => Ok(()),
        false => Err(io::Error::other(ended.to_string())),
    }
}

fn tried<T>(what: &str, came: io::Result<T>) -> Probe {
    Probe {
        tried: what.to_owned(),
        held: came.is_err(),
        said: came
            .err()
            .map_or_else(|| "it succeeded".into(), |e| e.to_string()),
    }
}

/// Nothing is ruled, because of this machine.
pub(super) fn machine(why: impl ToString) -> Silent {
    Silent::new(Silence::Machine, why)
}
