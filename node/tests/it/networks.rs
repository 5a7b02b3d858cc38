//! Other networks than regtest, and options from a file, with a Bitcoin node that is on signet.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use narthex::regtest::ensure_bitcoind;
use tempfile::TempDir;

use crate::support::house::PATIENCE;

/// A signet node that connects nobody: its chain is its first block.
struct Signet {
    child: Child,
    url: String,
    folder: TempDir,
}

impl Drop for Signet {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Signet {
    fn start() -> Signet {
        let folder = TempDir::new().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = port.local_addr().unwrap().port();
        let child = Command::new(ensure_bitcoind().unwrap())
            .args([
                "-signet",
                "-listen=0",
                "-connect=0",
                "-dnsseed=0",
                "-server=1",
            ])
            .arg(format!("-rpcport={port}"))
            .arg(format!("-datadir={}", folder.path().display()))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}");
        Signet { child, url, folder }
    }

    fn cookie(&self) -> String {
        let cookie = self.folder.path().join("signet/.cookie");
        cookie.to_str().unwrap().to_owned()
    }
}

fn node(words: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_narthex-node");
    Command::new(program).args(words).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Asks again until the answer is what it waits for.
fn until<T>(words: &[&str], is_it: impl Fn(&Output) -> Option<T>) -> T {
    let start = std::time::Instant::now();
    loop {
        let output = node(words);
        if let Some(found) = is_it(&output) {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "{words:?}: {}", said(&output));
        std::thread::yield_now();
    }
}

/// Tries until the Bitcoin node takes calls.
fn fails_with(file: &str, what: &str) {
    let output = until(&["run", "--config", file], |output| {
        said(output).contains(what).then(|| output.clone())
    });
    assert!(!output.status.success());
}

/// Runs on signet, whatever the file says.
fn start(file: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_narthex-node"))
        .args(["run", "--config", file, "--network", "signet"])
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// A fresh address, once the node takes orders.
fn address(place: &str) -> String {
    until(&["address", "--dir", place], |output| {
        let is_answer = output.status.success();
        is_answer.then(|| String::from_utf8(output.stdout.clone()).unwrap())
    })
}

fn write(path: &Path, text: &str) -> String {
    std::fs::write(path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_node_runs_on_signet_from_a_file() {
    let signet = Signet::start();
    let dir = signet.folder.path().join("node");
    let file = write(
        &signet.folder.path().join("node.toml"),
        &format!(
            "# On signet.\ndir = {:?}\nnode = \"{}\"\ncookie = {:?}\nnetwork = \"regtest\"\nresearch = true\ntick-ms = 50\n",
            dir,
            signet.url,
            signet.cookie()
        ),
    );
    // It is on another network than it was told.
    fails_with(&file, "the Bitcoin node is not on regtest");
    assert!(!dir.join("seed").exists(), "nothing was made for it");
    let place = dir.to_str().unwrap();
    let mut run = start(&file);
    let first = address(place);
    assert!(first.starts_with("tb1p"), "{first}");
    run.kill().unwrap();
    run.wait().unwrap();
    // Killed and started again it shows another.
    let mut run = start(&file);
    let second = address(place);
    assert_ne!(first, second, "no address twice");
    assert!(node(&["stop", "--dir", place]).status.success());
    assert!(run.wait().unwrap().success());
    // The folder is of signet from then on.
    let output = node(&["run", "--config", &file, "--network", "testnet4"]);
    assert!(
        said(&output).contains("not on testnet4"),
        "{}",
        said(&output)
    );
}

#[test]
fn money_must_be_asked_for() {
    let run = |more: &[&str]| {
        let words = [
            "run",
            "--dir",
            "d",
            "--node",
            "http://127.0.0.1:1",
            "--cookie",
            "c",
            "--research",
        ];
        said(&node(&[&words, more].concat()))
    };
    assert!(run(&["--network", "bitcoin"]).contains("say --real-money"));
    assert!(run(&["--real-money"]).contains("for --network bitcoin alone"));
    assert!(run(&["--network", "mainnet"]).contains("mainnet"));
    assert!(run(&["--config", "/nowhere"]).contains("cannot read /nowhere"));
}

/// systemd reads the units, and the program takes what they start.
#[test]
fn the_units_are_some() {
    is_unit("narthex-node.service", "cannot read /etc/narthex/node.toml");
    is_unit(
        "narthex-arbiter.service",
        "cannot read /var/lib/narthex/node.toml",
    );
}

fn is_unit(name: &str, missing: &str) {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("packaging")
        .join(name);
    let text = std::fs::read_to_string(unit).unwrap();
    let start = text
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let (program, words) = start.unwrap().split_once(' ').unwrap();
    assert!(program.ends_with("/narthex-node"));
    let said = said(&node(&words.split(' ').collect::<Vec<_>>()));
    assert!(said.contains(missing), "{said}");
    // Where there is no systemd, nobody installs its unit.
    let folder = TempDir::new().unwrap();
    let here = text.replace(program, env!("CARGO_BIN_EXE_narthex-node"));
    let copy = write(&folder.path().join(name), &here);
    match Command::new("systemd-analyze")
        .args(["verify", &copy])
        .output()
    {
        Ok(output) => {
            let found = String::from_utf8_lossy(&output.stderr);
            let ours = found.lines().filter(|line| line.contains(name));
            let wrong: Vec<_> = ours.filter(|line| !line.contains("User=narthex")).collect();
            assert!(wrong.is_empty(), "{wrong:?}");
        }
        Err(error) => println!("skipped: no systemd-analyze here ({error})"),
    }
}
