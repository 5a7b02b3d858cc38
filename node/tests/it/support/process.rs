//! A node in a process of its own. It does what it reads, a line each, and says what happens, a line each.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, mpsc},
};

use narthex_base::tagged::tagged_hash;
use narthex_node::{
    NodeKey,
    bitcoin::secp256k1::PublicKey,
    transport::{Event, Transport},
};
use tokio::sync::Notify;

use super::{limits, pattern, run};

/// Set in the other process: where its key is.
const KEY: &str = "NARTHEX_TEST_NODE";

/// Begins the lines that the other process says.
const SAYS: &str = "node: ";

/// What of a message is said.
fn brief(bytes: &[u8]) -> String {
    let hash = tagged_hash("test/message", bytes);
    format!(
        "{} {:02x}{:02x}{:02x}{:02x}",
        bytes.len(),
        hash[0],
        hash[1],
        hash[2],
        hash[3]
    )
}

/// A line for a message that [`Node::send`] sends.
pub fn sent(from: &PublicKey, number: u64, length: usize) -> String {
    format!("message {from} {}", brief(&pattern(number, length)))
}

/// The other process.
#[test]
fn node() {
    let Some(key) = env::var_os(KEY) else {
        return;
    };
    let (say, said) = mpsc::channel::<String>();
    std::thread::spawn(move || {
        for line in said {
            println!("{SAYS}{line}");
        }
    });
    run(async move {
        let key = NodeKey::load_or_draw(Path::new(&key)).unwrap();
        let limits = match env::var_os("NARTHEX_TEST_WATCHFUL") {
            Some(_) => limits::watchful(),
            None => limits::quick(),
        };
        let (transport, mut events) = Transport::start(key, limits).unwrap();
        let transport = Arc::new(transport);
        say.send(format!("id {}", transport.id())).unwrap();
        let reading = Arc::new(Notify::new());
        let (read, tell) = (reading.clone(), say.clone());
        tokio::spawn(async move {
            read.notified().await;
            let mut bytes_read = 0;
            while let Some(event) = events.next().await {
                let line = match event {
                    Event::Connected { node, inbound } => format!("connected {node} {inbound}"),
                    Event::Disconnected { node, reason } => {
                        format!("disconnected {node} {reason:?}")
                    }
                    Event::Unreachable { node, reason } => format!("unreachable {node} {reason:?}"),
                    Event::Message {
                        from,
                        bytes,
                        kind: 33_020,
                    } => {
                        // One of many: only the sum is said, when the last is there.
                        bytes_read += bytes.len();
                        match bytes.first() {
                            Some(1) => format!("read {bytes_read} from {from}"),
                            _ => continue,
                        }
                    }
                    Event::Message { from, bytes, .. } => {
                        format!("message {from} {}", brief(&bytes))
                    }
                };
                tell.send(line).unwrap();
            }
        });
        let (lines, mut orders) = tokio::sync::mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in std::io::stdin().lines() {
                if lines.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        while let Some(line) = orders.recv().await {
            let words: Vec<_> = line.split(' ').collect();
            match *words.as_slice() {
                ["listen", at] => {
                    let address = transport.listen(at).await.unwrap();
                    say.send(format!("listening {address}")).unwrap();
                }
                ["read"] => reading.notify_one(),
                ["know", node] => {
                    transport.know(node.parse().unwrap());
                    say.send(format!("known {node}")).unwrap();
                }
                ["connect", address] => transport.connect(address.parse().unwrap()),
                ["send", to, number, length] => {
                    let bytes = pattern(number.parse().unwrap(), length.parse().unwrap());
                    let to: PublicKey = to.parse().unwrap();
                    transport.connected(&to).await;
                    if let Err(error) = transport.send(&to, 33_010, bytes).await {
                        say.send(format!("not sent: {error}")).unwrap();
                    }
                }
                ["fill", to, length] => {
                    let to: PublicKey = to.parse().unwrap();
                    transport.connected(&to).await;
                    let bytes = || vec![0; length.parse().unwrap()];
                    let mut count = 0_usize;
                    let full = loop {
                        match transport.try_send(&to, 33_020, bytes()) {
                            Ok(()) => count += 1,
                            Err(full) => break full,
                        }
                    };
                    say.send(format!("filled {} {full}", count * bytes().len()))
                        .unwrap();
                }
                ["stream", to, count, length] => {
                    let (to, count): (PublicKey, u64) =
                        (to.parse().unwrap(), count.parse().unwrap());
                    let length: usize = length.parse().unwrap();
                    transport.connected(&to).await;
                    let (transport, say) = (transport.clone(), say.clone());
                    tokio::spawn(async move {
                        for number in 1..=count {
                            let mut bytes = vec![0; length];
                            bytes[0] = u8::from(number == count);
                            transport.send(&to, 33_020, bytes).await.unwrap();
                        }
                        say.send("streamed".into()).unwrap();
                    });
                }
                ["memory"] => {
                    let status = std::fs::read_to_string("/proc/self/status").unwrap();
                    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
                    let kib = peak.unwrap().trim().trim_end_matches(" kB");
                    say.send(format!("memory {kib}")).unwrap();
                }
                _ => panic!("{line}"),
            }
        }
    });
}

/// A node in another process, killed when dropped.
pub struct Node {
    child: Child,
    orders: ChildStdin,
    said: std::io::Lines<BufReader<ChildStdout>>,
    pub id: PublicKey,
}

impl Node {
    /// Starts one with the key in this file.
    pub fn start(key: &Path) -> Node {
        let mut node = Node::mute(key, false);
        node.order("read");
        node
    }

    /// One that finds silent peers soon.
    pub fn watchful(key: &Path) -> Node {
        let mut node = Node::mute(key, true);
        node.order("read");
        node
    }

    /// One that reads no event until it is told to.
    pub fn mute(key: &Path, watchful: bool) -> Node {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args([
                "--exact",
                "support::process::node",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(KEY, key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if watchful {
            command.env("NARTHEX_TEST_WATCHFUL", "1");
        }
        let mut child = command.spawn().unwrap();
        let orders = child.stdin.take().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let id = wait(&mut said, "id ").parse().unwrap();
        Node {
            child,
            orders,
            said,
            id,
        }
    }

    pub fn order(&mut self, line: impl AsRef<str>) {
        writeln!(self.orders, "{}", line.as_ref()).unwrap();
        self.orders.flush().unwrap();
    }

    /// Waits for a line that begins so, and gives the rest of it.
    pub fn wait(&mut self, start: &str) -> String {
        wait(&mut self.said, start)
    }

    /// The next line that tells of a message.
    pub fn message(&mut self) -> String {
        format!("message {}", self.wait("message "))
    }

    /// Has it listen, and gives `ID@ADDRESS`.
    pub fn listen(&mut self, at: &str) -> String {
        self.order(format!("listen {at}"));
        let address = self.wait("listening ");
        format!("{}@{address}", self.id)
    }

    /// Has it know another, and waits until it does.
    pub fn know(&mut self, node: &PublicKey) {
        self.order(format!("know {node}"));
        assert_eq!(self.wait("known "), node.to_string());
    }

    pub fn send(&mut self, to: &PublicKey, number: u64, length: usize) {
        self.order(format!("send {to} {number} {length}"));
    }

    /// Most memory that it ever had, in KiB.
    pub fn memory(&mut self) -> u64 {
        self.order("memory");
        self.wait("memory ").parse().unwrap()
    }

    /// As `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// `STOP` or `CONT`.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(status.unwrap().success());
    }
}

fn wait(said: &mut std::io::Lines<BufReader<ChildStdout>>, start: &str) -> String {
    let start = format!("{SAYS}{start}");
    for line in said {
        let line = line.unwrap();
        // Whatever the harness prints may stand before it.
        if let Some((_, rest)) = line.split_once(&start) {
            return rest.to_owned();
        }
    }
    panic!("the process ended before it said {start:?}");
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
