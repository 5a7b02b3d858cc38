//! A real daemon: it starts, obeys, ends with its handle, and several run at once.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bitcoin::ScriptBuf;
use narthex_regtest::{Bitcoind, ChainSource, Miner, mine_coins};

/// Gone, or a zombie that nobody will talk to again.
fn has_ended(process_id: u32) -> bool {
    !PathBuf::from(format!("/proc/{process_id}")).exists()
}

fn anyone() -> ScriptBuf {
    ScriptBuf::new_p2a()
}

#[test]
fn coins_can_be_mined_and_the_clock_is_simulated() {
    let mut chain = Bitcoind::start().unwrap();
    let genesis = chain.block(0).unwrap();
    let coins = mine_coins(&mut chain, 2, &anyone(), &anyone()).unwrap();
    assert_eq!(chain.height().unwrap(), 101);
    assert_eq!(coins.len(), 2);
    assert_eq!(
        chain.utxo(coins[1].0).unwrap().unwrap(),
        (coins[1].1.clone(), 2)
    );
    assert_eq!(
        chain.block(101).unwrap().header.time,
        genesis.header.time + 101 * 600
    );
}

#[test]
fn two_nodes_run_at_once_and_follow_each_other_when_connected() {
    let (mut a, mut b) = (Bitcoind::start().unwrap(), Bitcoind::start().unwrap());
    a.mine(3, &anyone()).unwrap();
    assert_eq!((a.height().unwrap(), b.height().unwrap()), (3, 0));
    b.connect(&a).unwrap();
    a.sync(&b).unwrap();
    assert_eq!(b.height().unwrap(), 3);
}

#[test]
fn the_daemon_ends_when_its_handle_is_dropped() {
    let chain = Bitcoind::start().unwrap();
    let id = chain.process_id();
    assert!(!has_ended(id));
    drop(chain);
    assert!(has_ended(id));
}

#[test]
fn the_daemon_ends_when_its_owner_panics() {
    let (send, receive) = std::sync::mpsc::channel();
    let owner = std::thread::spawn(move || {
        let chain = Bitcoind::start().unwrap();
        send.send(chain.process_id()).unwrap();
        panic!("on purpose");
    });
    assert!(owner.join().is_err());
    assert!(has_ended(receive.recv().unwrap()));
}

/// Not a test by itself: the process that the next test kills.
#[test]
#[ignore = "waits to be killed; run by another test"]
fn helper_that_owns_a_daemon_and_waits() {
    let chain = Bitcoind::start().unwrap();
    println!("daemon {}", chain.process_id());
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn the_daemon_and_its_directory_go_when_its_owner_is_killed() {
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "bitcoind::helper_that_owns_a_daemon_and_waits",
            "--ignored",
            "--nocapture",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let id = lines
        .map_while(Result::ok)
        .find_map(|line| Some(line.split_once("daemon ")?.1.parse::<u32>().unwrap()));
    let id = id.unwrap();
    let command = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap();
    let directory = command
        .split('\0')
        .find_map(|argument| argument.strip_prefix("-datadir="))
        .unwrap();
    let directory = PathBuf::from(directory);
    assert!(directory.exists());

    owner.kill().unwrap();
    owner.wait().unwrap();
    let killed = Instant::now();
    while !has_ended(id) || directory.exists() {
        assert!(
            killed.elapsed() < Duration::from_secs(20),
            "daemon {id} or {} is left",
            directory.display()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
