//! Banks that are kept in a folder: the real binary, killed at every write, on the folder's own chain and on bitcoind.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Command, Output},
};

use bitcoin::Transaction;
use narthex::regtest::{Bitcoind, ChainSource, Miner};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    common::tree::copy,
    kill::{When, doom, killer},
};

struct JobFolder {
    folder: TempDir,
    killer: PathBuf,
    /// `--node` and `--cookie`, if it is on a node's chain.
    node: Vec<String>,
}

impl JobFolder {
    fn new(node: Vec<String>) -> JobFolder {
        let folder = TempDir::new().unwrap();
        let killer = killer(folder.path());
        JobFolder {
            folder,
            killer,
            node,
        }
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("bank")
    }

    fn run(&self, words: &str, kill_at: Option<u32>) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_narthex"));
        command.arg("bank").args(words.split_whitespace());
        command
            .args(["--json", "--dir"])
            .arg(self.dir())
            .args(&self.node);
        if let Some(at) = kill_at {
            doom(&mut command, &self.killer, at, When::Before);
        }
        command.output().unwrap()
    }

    /// The command as a person reads it.
    fn run_plainly(&self, words: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_narthex"));
        command.arg("bank").args(words.split_whitespace());
        command.arg("--dir").arg(self.dir()).args(&self.node);
        command.output().unwrap()
    }

    fn done(&self, words: &str) -> Value {
        let output = self.run(words, None);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words}: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The command, killed at its first write, at its second, and so on, each time from where the last kill left it, until
    /// it comes through; how often it was killed.
    fn killed_onwards(&self, words: &str) -> (Value, u32) {
        for at in 1..200 {
            let output = self.run(words, Some(at));
            if output.status.signal() != Some(9) {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(
                    output.status.success(),
                    "{words}, killed {at} times: {said}"
                );
                return (serde_json::from_slice(&output.stdout).unwrap(), at - 1);
            }
        }
        panic!("{words} never comes through");
    }

    /// The command from the same folder again and again, killed at each of its writes and then gone on with: by what
    /// was pending, or else by the same command.
    fn killed_everywhere(&self, words: &str, is_done: impl Fn(&Value) -> bool) -> u32 {
        let before = self.folder.path().join("before");
        copy(&self.dir(), &before);
        for at in 1..200 {
            let output = self.run(words, Some(at));
            let is_killed = output.status.signal() == Some(9);
            let mut found = self.done("status");
            if !is_done(&found) {
                found = self.done(words);
            }
            assert!(is_done(&found), "{words}, killed at write {at}: {found}");
            if !is_killed {
                let _ = fs::remove_dir_all(&before);
                return at - 1;
            }
            fs::remove_dir_all(self.dir()).unwrap();
            copy(&before, &self.dir());
        }
        panic!("{words} never comes through");
    }
}

const OPEN: &str = "open --pennies 10000 --claim-blocks 6 --refund-blocks 40";

#[test]
fn a_life_killed_at_every_write() {
    let job_folder = JobFolder::new(Vec::new());
    let states = |payer: &'static str, coin: &'static str| {
        move |found: &Value| found["payer"] == payer && found["coin"] == coin
    };
    let mut kills = job_folder.killed_everywhere(OPEN, states("open", "shallow"));
    kills += job_folder.killed_everywhere("pay --to 1700", |found| {
        found["given"] == 1_700 && found["taken"] == 1_700
    });
    kills += job_folder.killed_everywhere("force-close", states("force_closed", "force_closed"));
    kills += job_folder.killed_everywhere("resume", |found| {
        found["bank"] == 1 && found["payer"] == "open" && found["provider"] == "open"
    });
    kills += job_folder.killed_everywhere("pay --to 900", |found| found["taken"] == 900);
    kills += job_folder.killed_everywhere("close", |found| found["coin"] == "spent");
    assert!(kills > 40, "{kills} kills");
}

#[test]
fn a_claim_and_a_refund_killed_at_every_write() {
    let job_folder = JobFolder::new(Vec::new());
    job_folder.done(OPEN);
    job_folder.done("pay --to 1700");
    let opened = job_folder.folder.path().join("opened");
    copy(&job_folder.dir(), &opened);
    job_folder.done("force-close");
    let force_closed = job_folder.folder.path().join("force_closed");
    copy(&job_folder.dir(), &force_closed);
    let before = job_folder.done("status");
    assert!(job_folder.killed_everywhere("claim", |found| found["coin"] == "spent") > 3);
    let after = job_folder.done("status");
    let sat = |standing: &Value| standing["provider_sat"].as_u64().unwrap();
    assert!(sat(&after) > sat(&before), "{before} {after}");

    // Not claimed in time.
    fs::remove_dir_all(job_folder.dir()).unwrap();
    copy(&force_closed, &job_folder.dir());
    let early = job_folder.run("refund", None);
    assert!(String::from_utf8_lossy(&early.stderr).contains("not before height"));
    job_folder.done("status --mine 6");
    assert!(job_folder.killed_everywhere("refund", |found| found["coin"] == "spent") > 3);

    // Never force-closed.
    fs::remove_dir_all(job_folder.dir()).unwrap();
    copy(&opened, &job_folder.dir());
    job_folder.done("status --mine 45");
    assert!(job_folder.killed_everywhere("refund", |found| found["coin"] == "spent") > 3);
}

#[test]
fn a_life_on_a_node_killed_onwards() {
    let mut chain = Bitcoind::start().unwrap();
    let (url, cookie) = chain.rpc();
    let cookie = cookie.display().to_string();
    let node = vec!["--node".into(), url, "--cookie".into(), cookie];
    let job_folder = JobFolder::new(node);
    let found = job_folder.done("status");
    let script = |name: &str| {
        let address: bitcoin::Address<bitcoin::address::NetworkUnchecked> =
            found[name].as_str().unwrap().parse().unwrap();
        address.assume_checked().script_pubkey()
    };
    let anyone = bitcoin::ScriptBuf::new_p2a();
    for name in ["payer_address", "provider_address"] {
        chain.mine(3, &script(name)).unwrap();
    }
    chain.mine(100, &anyone).unwrap();
    let before = job_folder.done("status");
    let mut kills = 0;
    let mut next = |words: &str, chain: &mut Bitcoind| {
        let (_, killed) = job_folder.killed_onwards(words);
        kills += killed;
        chain.mine(1, &anyone).unwrap();
        job_folder.done("status")
    };
    let opened = next(OPEN, &mut chain);
    assert_eq!(
        (&opened["payer"], &opened["coin"]),
        (&"open".into(), &"shallow".into())
    );
    // No penny for a coin that a reorganisation of five blocks takes away.
    next("status", &mut chain);
    let early = job_folder.run("pay --to 1700", None);
    assert!(String::from_utf8_lossy(&early.stderr).contains("not so deep yet"));
    for _ in 0..3 {
        assert_eq!(next("status", &mut chain)["coin"], "shallow");
    }
    assert_eq!(next("status", &mut chain)["coin"], "banked");
    assert_eq!(next("pay --to 1700", &mut chain)["taken"], 1_700);
    assert_eq!(next("force-close", &mut chain)["coin"], "force_closed");
    let resumed = next("resume", &mut chain);
    assert_eq!(
        (&resumed["bank"], &resumed["payer"]),
        (&1.into(), &"open".into())
    );
    for _ in 0..5 {
        next("status", &mut chain);
    }
    assert_eq!(next("pay --to 900", &mut chain)["taken"], 900);
    assert_eq!(
        next("force-close --by payer", &mut chain)["coin"],
        "force_closed"
    );
    let after = next("claim", &mut chain);
    assert_eq!(after["coin"], "spent");
    assert!(kills > 15, "{kills} kills");
    // To the satoshi: nothing is lost but what miners got.
    let sat = |standing: &Value, who: &str| standing[who].as_u64().unwrap();
    let all = |standing: &Value| sat(standing, "payer_sat") + sat(standing, "provider_sat");
    let mut paid = 0;
    for height in sat(&before, "height") + 1..=sat(&after, "height") {
        let block = chain.block(height as u32).unwrap();
        let reward: u64 = block.txdata[0]
            .output
            .iter()
            .map(|o| o.value.to_sat())
            .sum();
        paid += reward - narthex::regtest::subsidy(height as u32).to_sat();
    }
    assert_eq!(
        all(&before) - all(&after),
        paid,
        "money is lost but for fees"
    );
}

/// What one command said of the depth holds for all that come: a later one asks for more, or for nothing.
#[test]
fn the_depth_is_the_folders_and_is_only_raised() {
    let job_folder = JobFolder::new(Vec::new());
    assert_eq!(job_folder.done(OPEN)["depth"], 6);
    let less = job_folder.run("status --depth 2", None);
    let said = String::from_utf8_lossy(&less.stderr).into_owned();
    assert!(
        !less.status.success() && said.contains("leave out --depth"),
        "{said}"
    );
    assert_eq!(job_folder.done("status")["depth"], 6);
    assert_eq!(job_folder.done("status --depth 9")["depth"], 9);
    assert_eq!(
        job_folder.done("pay 5")["depth"],
        9,
        "nobody asked for another"
    );
    for wrong in ["", "1", "six", "99999999999", "-3"] {
        fs::write(job_folder.dir().join("depth"), wrong).unwrap();
        let refused = job_folder.run("status", None);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && said.contains("depth"),
            "{wrong:?}: {said}"
        );
    }
}

/// Logs that grew are replaced by summaries on the way, and the bank goes on as if nothing had been: pennies, commitments, the
/// claim. A command that is killed while it does that leaves either.
#[test]
fn logs_do_not_grow_with_the_payments() {
    let job_folder = JobFolder::new(Vec::new());
    job_folder.done(OPEN);
    let mut found = Value::Null;
    for paid in 1..=40 {
        let words = format!("pay --to {}", paid * 50);
        // The summaries are written by one of these.
        found = match (26..=38).contains(&paid) {
            true => job_folder.killed_onwards(&words).0,
            false => job_folder.done(&words),
        };
        for known in ["given", "taken"] {
            assert_eq!(found[known], paid * 50, "{known}");
        }
    }
    let enforceable = found["enforceable"].as_u64().unwrap();
    assert!(enforceable > 0);
    assert_eq!(job_folder.done("pay 50")["taken"], 2_050);
    job_folder.done("force-close");
    assert_eq!(job_folder.done("claim")["coin"], "spent");
}

/// Nothing of a kept bank acts by itself: `status` says what a side loses by if it orders it too late.
#[test]
fn status_says_what_is_due_and_until_when() {
    let job_folder = JobFolder::new(Vec::new());
    let due = |found: &Value| {
        let due = found["due"].as_array().unwrap().iter();
        let words = |due: &Value| format!("{} {} {}", due["who"], due["command"], due["until"]);
        due.map(words)
            .collect::<Vec<_>>()
            .join("; ")
            .replace('"', "")
    };
    assert_eq!(due(&job_folder.done(OPEN)), "");
    let paid = job_folder.done("pay --to 1700");
    assert_eq!(due(&paid), "");
    // T is 40 blocks above the tip at which it was opened, and the provider stops 6 blocks before it.
    let height = paid["height"].as_u64().unwrap();
    // The next move and its deadline are said long before: they come nearer with each block, and 6 blocks before it is
    // due it is near.
    let next = |found: &Value, who: &str| {
        let mut moves = found["next"].as_array().unwrap().iter();
        moves.find(|next| next["who"] == who).cloned().unwrap()
    };
    let of = |next: &Value| next["in_blocks"].as_u64().unwrap();
    let first = next(&paid, "provider");
    assert_eq!(first["command"], "force-close");
    assert_eq!(first["from"].as_u64().unwrap(), height + 1 + of(&first));
    assert!(of(&first) > 6 && first["is_near"] == false, "{first}");
    let refund = next(&paid, "payer");
    assert_eq!(
        (&refund["until"], &refund["is_near"]),
        (&Value::Null, &Value::from(false))
    );
    assert_eq!(refund["from"], first["until"]);
    let mut found = paid;
    let mut blocks = of(&first);
    for _ in 0..40 {
        if !due(&found).is_empty() {
            break;
        }
        found = job_folder.done("status --mine 1");
        blocks -= 1;
        let next = next(&found, "provider");
        assert_eq!(of(&next), blocks);
        assert_eq!(next["is_near"].as_bool().unwrap(), blocks <= 6, "{next}");
        assert_eq!(next["until"], first["until"]);
    }
    assert_eq!(blocks, 0, "due when it was said to be");
    let said = String::from_utf8(job_folder.run_plainly("status").stdout).unwrap();
    assert!(
        said.contains("SOON: next for the provider: `narthex bank force-close` now"),
        "{said}"
    );
    let (at, said) = (found["height"].as_u64().unwrap(), due(&found));
    assert!(said.starts_with("provider force-close "), "{said}");
    let until: u64 = said.rsplit(' ').next().unwrap().parse().unwrap();
    // The block after the tip is T − D; the payer's refund is valid above T.
    assert_eq!((at + 1) + 6 + 1, until, "from {height}");
    let found = job_folder.done("force-close");
    let closed_at = found["height"].as_u64().unwrap();
    assert_eq!(due(&found), format!("provider claim {}", closed_at + 6));
    let claim = next(&found, "provider");
    assert_eq!((&claim["command"], of(&claim)), (&Value::from("claim"), 0));
    assert_eq!(
        claim["blocks_left"], 5,
        "the timeout refund is valid with the sixth"
    );
    assert_eq!(next(&found, "payer")["from"], closed_at + 6);
    let late = job_folder.done("status --mine 6");
    assert!(due(&late).ends_with("payer refund null"), "{}", due(&late));
    assert_eq!(due(&job_folder.done("claim")), "");
}

/// A job_folder on a node's chain, whose parties have coins.
fn on_a_node() -> (Bitcoind, JobFolder) {
    let mut chain = Bitcoind::start().unwrap();
    let (url, cookie) = chain.rpc();
    let cookie = cookie.display().to_string();
    let job_folder = JobFolder::new(vec!["--node".into(), url, "--cookie".into(), cookie]);
    let found = job_folder.done("status");
    for name in ["payer_address", "provider_address"] {
        let address: bitcoin::Address<bitcoin::address::NetworkUnchecked> =
            found[name].as_str().unwrap().parse().unwrap();
        chain
            .mine(3, &address.assume_checked().script_pubkey())
            .unwrap();
    }
    chain.mine(100, &anyone()).unwrap();
    job_folder.done(OPEN);
    chain.mine(6, &anyone()).unwrap();
    (chain, job_folder)
}

fn anyone() -> bitcoin::ScriptBuf {
    bitcoin::ScriptBuf::new_p2a()
}

/// The force close, which the other side publishes: the folder knows nothing of it.
fn others_force_close(chain: &mut Bitcoind, job_folder: &JobFolder) -> Transaction {
    let before = job_folder.folder.path().join("not_force_closed");
    copy(&job_folder.dir(), &before);
    job_folder.done("force-close");
    fs::remove_dir_all(job_folder.dir()).unwrap();
    copy(&before, &job_folder.dir());
    let waiting = chain.mempool().unwrap();
    let txs = waiting
        .iter()
        .map(|txid| chain.transaction(*txid).unwrap().unwrap().0);
    let txs: Vec<Transaction> = txs.collect();
    // It has no fee, and a child.
    let is_spent = |tx: &&Transaction| {
        let txid = tx.compute_txid();
        let mut inputs = txs.iter().flat_map(|tx| &tx.input);
        inputs.any(|input| input.previous_output.txid == txid)
    };
    txs.iter().find(is_spent).unwrap().clone()
}

/// A close that both signed, and a force close that a miner takes before it: the provider claims all the same, and the bank is
/// over when that is deep.
#[test]
fn a_close_that_a_force_close_outran_keeps_nobody_from_the_claim() {
    let (mut chain, job_folder) = on_a_node();
    job_folder.done("pay --to 1700");
    let force_close = others_force_close(&mut chain, &job_folder);
    // Whether the node takes it beside the force close is the node's to say.
    job_folder.run("close", None);
    chain.mine_exactly(&[force_close], &anyone()).unwrap();
    chain.mine(1, &anyone()).unwrap();
    let found = job_folder.done("status");
    assert_eq!(
        (&found["coin"], &found["waits"]),
        (&"force_closed".into(), &false.into())
    );
    job_folder.done("claim");
    chain.mine(1, &anyone()).unwrap();
    assert_eq!(job_folder.done("status")["coin"], "spent");
    chain.mine(6, &anyone()).unwrap();
    let found = job_folder.done("status");
    assert_eq!(
        (&found["payer"], &found["provider"]),
        (&"over".into(), &"over".into())
    );
}

/// A refund, and a force close that a miner takes before it: the payer has its coin back D blocks later.
#[test]
fn a_refund_that_a_force_close_outran_is_a_timeout_refund() {
    let (mut chain, job_folder) = on_a_node();
    chain.mine(45, &anyone()).unwrap();
    let force_close = others_force_close(&mut chain, &job_folder);
    job_folder.run("refund", None);
    chain.mine_exactly(&[force_close], &anyone()).unwrap();
    chain.mine(1, &anyone()).unwrap();
    assert_eq!(job_folder.done("status")["coin"], "force_closed");
    chain.mine(6, &anyone()).unwrap();
    let before = job_folder.done("status");
    job_folder.done("refund");
    chain.mine(1, &anyone()).unwrap();
    let after = job_folder.done("status");
    assert_eq!(after["coin"], "spent");
    let sat = |standing: &Value| standing["payer_sat"].as_u64().unwrap();
    assert!(sat(&after) > sat(&before), "{before} {after}");
}

/// One party's folder put back from before a resume: what the other has in the bank that goes on is not touched.
#[test]
fn an_old_copy_of_one_side_costs_the_other_nothing() {
    let job_folder = JobFolder::new(Vec::new());
    job_folder.done(OPEN);
    job_folder.done("pay --to 1700");
    job_folder.done("force-close");
    let old = job_folder.folder.path().join("old");
    copy(&job_folder.dir(), &old);
    job_folder.done("resume");
    job_folder.done("pay --to 900");
    let now = job_folder.folder.path().join("now");
    copy(&job_folder.dir(), &now);
    let put_back = |who: &str| {
        fs::remove_dir_all(job_folder.dir()).unwrap();
        copy(&now, &job_folder.dir());
        fs::remove_dir_all(job_folder.dir().join(who)).unwrap();
        copy(&old.join(who), &job_folder.dir().join(who));
        job_folder.done("status")
    };
    // The payer gives its last penny again.
    let found = put_back("provider");
    assert_eq!((&found["bank"], &found["taken"]), (&1.into(), &900.into()));
    // A payer without the chain of its pennies gives no more; the provider claims what it has.
    let found = put_back("payer");
    assert_eq!((&found["bank"], &found["taken"]), (&1.into(), &900.into()));
    assert!(!job_folder.run("pay --to 950", None).status.success());
    let force_closed = job_folder.done("force-close --by provider");
    let claimed = job_folder.done("claim");
    assert_eq!(claimed["coin"], "spent");
    let sat = |standing: &Value, who: &str| standing[who].as_u64().unwrap();
    assert!(sat(&claimed, "provider_sat") > sat(&force_closed, "provider_sat"));
    // And it takes its own back, if the provider does not.
    put_back("payer");
    job_folder.done("force-close --by provider");
    let before = job_folder.done("status --mine 6");
    let after = job_folder.done("refund");
    assert_eq!(after["coin"], "spent");
    assert!(sat(&after, "payer_sat") > sat(&before, "payer_sat"));
}

#[test]
fn a_bank_that_is_over_is_still_shown() {
    let job_folder = JobFolder::new(Vec::new());
    job_folder.done(OPEN);
    job_folder.done("pay --to 1700");
    job_folder.done("close");
    let found = job_folder.done("status --mine 8");
    assert_eq!(
        (&found["payer"], &found["provider"]),
        (&"over".into(), &"over".into())
    );
    assert_eq!(job_folder.done("status")["done"], Value::Array(Vec::new()));
    let late = job_folder.run("claim", None);
    assert!(String::from_utf8_lossy(&late.stderr).contains("over"));
}
