//! A daemon process that never outlives the process that started it.
//!
//! Two mechanisms, because each covers what the other can't:
//! * [`Process`] kills and reaps the daemon when it is dropped, which unwinding from a panic does too;
//! * a *watchdog*, a shell that reads from a pipe whose other end only this process holds. When this process dies
//!   without unwinding (SIGKILL, abort), the kernel closes the pipe, the shell wakes up, ends the daemon and removes
//!   its directory. No unsafe code and nothing Linux-specific, unlike `PR_SET_PDEATHSIG`.
//!
//! The watchdog is ended before the daemon is reaped, so it can't hit a stranger that got the same process id.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use narthex_disk::TempDir;

use super::rpc::Rpc;
use crate::Error;

/// Longest wait for a daemon to answer its first call.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// A free port can be taken by somebody else before the daemon binds it; so many times is no coincidence.
const START_ATTEMPTS: u32 = 5;

/// A running daemon and the directory that goes with it.
pub(crate) struct Process {
    child: Child,
    watchdog: Child,
    directory: TempDir,
    pub(crate) p2p_port: u16,
    pub(crate) rpc_port: u16,
}

impl Process {
    /// Starts `executable` on free ports and waits until it answers.
    pub(crate) fn start(executable: &Path, extra_args: &[String]) -> Result<(Self, Rpc), Error> {
        let mut attempt = 1;
        loop {
            match Self::start_once(executable, extra_args) {
                Err(Error::Daemon { what })
                    if attempt < START_ATTEMPTS && what.contains("Unable to bind") =>
                {
                    attempt += 1
                }
                result => return result,
            }
        }
    }

    fn start_once(executable: &Path, extra_args: &[String]) -> Result<(Self, Rpc), Error> {
        let directory = narthex_disk::temporary_folder("narthex-bitcoind-", None)
            .map_err(Error::io("creating the daemon's directory"))?;
        let (rpc_port, p2p_port) = free_ports()?;
        let mut child = Command::new(executable)
            .args(arguments(directory.path(), rpc_port, p2p_port))
            .args(extra_args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Its own group: Ctrl-C in a terminal ends us, and we (or the watchdog) end the daemon.
            .process_group(0)
            .spawn()
            .map_err(Error::io(format!("starting {}", executable.display())))?;
        let watchdog = match watch(child.id(), directory.path()) {
            Ok(watchdog) => watchdog,
            Err(error) => {
                end(&mut child);
                return Err(error);
            }
        };
        let mut process = Self {
            child,
            watchdog,
            directory,
            p2p_port,
            rpc_port,
        };
        let rpc = process.wait_until_ready(rpc_port)?;
        Ok((process, rpc))
    }

    /// Process id of the daemon.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The file whose content opens the JSON-RPC.
    pub(crate) fn cookie(&self) -> PathBuf {
        self.directory.path().join("regtest/.cookie")
    }

    fn wait_until_ready(&mut self, rpc_port: u16) -> Result<Rpc, Error> {
        let cookie = self.cookie();
        let started = Instant::now();
        loop {
            if let Some(status) = self
                .child
                .try_wait()
                .map_err(Error::io("asking for bitcoind's state"))?
            {
                return Err(Error::Daemon {
                    what: format!("it ended with {status}; {}", self.log_tail()),
                });
            }
            if cookie.exists() {
                let rpc = Rpc::new(&format!("http://127.0.0.1:{rpc_port}"), &cookie)?;
                if rpc.call::<u32>("getblockcount", &[]).is_ok() {
                    return Ok(rpc);
                }
            }
            if started.elapsed() > START_TIMEOUT {
                let seconds = START_TIMEOUT.as_secs();
                return Err(Error::Daemon {
                    what: format!("no answer after {seconds} s; {}", self.log_tail()),
                });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(self.directory.path().join("regtest/debug.log"))
            .unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(8).collect();
        let tail: Vec<_> = lines.into_iter().rev().collect();
        format!("its log ends: {}", tail.join(" | "))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        end(&mut self.watchdog);
        // Not asked to stop: nothing of it is kept, and a clean shutdown takes longer than most tests.
        end(&mut self.child);
    }
}

/// Kills and reaps. Failing means that it is gone already.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn watch(daemon: u32, directory: &Path) -> Result<Child, Error> {
    const SCRIPT: &str = "cat >/dev/null; kill -9 \"$1\"; while kill -0 \"$1\" 2>/dev/null; do sleep 0.1; done; rm -rf \"$2\"";
    Command::new("sh")
        .args(["-c", SCRIPT, "sh", &daemon.to_string()])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(Error::io("starting sh, which watches over bitcoind"))
}

fn free_ports() -> Result<(u16, u16), Error> {
    // Both are held at once, so that they differ.
    let bind = || {
        std::net::TcpListener::bind(("127.0.0.1", 0))
            .and_then(|l| l.local_addr().map(|a| (a.port(), l)))
    };
    let (rpc, _rpc_listener) = bind().map_err(Error::io("looking for a free port"))?;
    let (p2p, _p2p_listener) = bind().map_err(Error::io("looking for a free port"))?;
    Ok((rpc, p2p))
}

fn arguments(directory: &Path, rpc_port: u16, p2p_port: u16) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "-regtest",
        "-server=1",
        "-listenonion=0",
        "-discover=0",
        "-dnsseed=0",
        "-fixedseeds=0",
        "-natpmp=0",
        "-printtoconsole=0",
        "-shrinkdebugfile=0",
        "-dbcache=16",
        "-par=1",
        // Time is simulated and jumps by 600 s per block: nothing may expire or time out by it.
        "-mempoolexpiry=1000000",
        "-peertimeout=999999999",
        // Relay to peers at once instead of after a random delay that is measured in simulated time.
        "-whitelist=noban,in,out@127.0.0.1",
    ]
    .map(String::from)
    .to_vec();
    arguments.push(format!("-datadir={}", directory.display()));
    arguments.push(format!("-rpcport={rpc_port}"));
    arguments.push(format!("-bind=127.0.0.1:{p2p_port}"));
    arguments.push(format!("-mocktime={}", super::GENESIS_TIME));
    arguments
}
