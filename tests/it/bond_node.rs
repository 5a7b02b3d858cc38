//! `narthex bond` asking a running node: what counts, what does not, and a draw from it.

use crate::common;
use narthex_base::codec::Message as _;

use std::{path::Path, process::Command};

use bitcoin::hex::DisplayHex;
use common::{
    bonds::{RATE, certify, confirmed, funded, script, spend, x},
    miner,
};
use narthex::{
    bond::BondForm,
    contracts::bond::Certificate,
    regtest::{Bitcoind, Broadcaster, ChainSource, Error, Miner, Node},
};
use serde_json::Value;

fn bond(node: (&str, &Path), args: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_narthex"))
        .arg("bond")
        .args(args)
        .args(["--node", node.0, "--cookie"])
        .arg(node.1)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.success(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn hex(certificate: &Certificate) -> String {
    certificate.to_bytes().to_lower_hex_string()
}

#[test]
fn a_node_of_ones_own_is_asked() {
    let mut chain = Bitcoind::start().unwrap();
    let (url, cookie) = chain.rpc();
    let node = (url.as_str(), cookie.as_path());
    let mut wallet = funded(&mut chain);
    let locked = script(&mut chain, BondForm::Taproot, 40);
    let claim = confirmed(&mut chain, &mut wallet, &locked);
    let height = chain.height().unwrap();
    let good = certify(claim, height + 30);

    let (fine, _, err) = bond(node, &["check", &hex(&good)]);
    assert!(
        !fine && err.contains("1 confirmations; 6 are wanted"),
        "{err}"
    );
    let (fine, out, err) = bond(node, &["check", &hex(&good), "--depth", "1", "--json"]);
    assert!(fine, "{err}");
    let value: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["counts"], true);
    assert_eq!(value["tip_height"], height);
    let weight: u128 = value["weight"].as_str().unwrap().parse().unwrap();
    assert!(weight > 0);

    // One that lies about its height, one for a coin that is not there, and the good one.
    let lie = certify(
        narthex::contracts::bond::Claim {
            confirmed_height: height - 1,
            ..claim
        },
        height + 30,
    );
    let mut elsewhere = claim;
    elsewhere.outpoint.vout = 7;
    let missing = certify(elsewhere, height + 30);
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (list, free, taken) = (path("certificates"), path("bondless"), path("snapshot"));
    let all = [&lie, &missing, &good].map(hex).join("\n");
    std::fs::write(&list, all).unwrap();
    std::fs::write(&free, format!("{}\n\n", x("nobody"))).unwrap();
    let arguments = ["snapshot", &list, "--bondless", &free, "--depth", "1"];
    let (fine, out, err) = bond(node, &arguments);
    assert!(fine, "{err}");
    assert_eq!(err.lines().count(), 2, "{err}");
    assert!(
        err.contains("confirmed at height") && err.contains("no output"),
        "{err}"
    );
    std::fs::write(&taken, &out).unwrap();
    let drawn = Command::new(env!("CARGO_BIN_EXE_narthex"))
        .args(["bond", "select", &taken, "--json", "--seats", "2", "--seed"])
        .arg("07".repeat(32))
        .output()
        .unwrap();
    let drawn = String::from_utf8(drawn.stdout).unwrap();
    assert_eq!(drawn.lines().count(), 2, "{drawn}");
    assert!(drawn.contains(&claim.outpoint.to_string()), "{drawn}");

    // Over, and spent: it counts nothing any more.
    chain.mine(40, &miner()).unwrap();
    let (fine, _, err) = bond(node, &["check", &hex(&certify(claim, height + 90))]);
    assert!(!fine && err.contains("was locked until"), "{err}");
    let (fine, _, err) = bond(node, &["check", &hex(&good)]);
    assert!(!fine && err.contains("holds below height"), "{err}");
    let tx = spend(&claim, wallet.fresh_script(), RATE);
    chain.submit(&tx).unwrap();
    chain.mine(1, &miner()).unwrap();
    let (fine, _, err) = bond(node, &["check", &hex(&certify(claim, height + 90))]);
    assert!(!fine && err.contains("is spent"), "{err}");
}

#[test]
fn a_node_that_is_not_there_or_not_ours() {
    let mut chain = Bitcoind::start().unwrap();
    chain.mine(2, &miner()).unwrap();
    let (url, cookie) = chain.rpc();
    let mut node = Node::connect(&url, &cookie).unwrap();
    assert_eq!(node.height().unwrap(), 2);
    assert_eq!(
        node.header(2).unwrap(),
        chain.block(2).unwrap().header,
        "the same by either call"
    );
    assert_eq!(chain.height().unwrap(), 2);
    let wrong = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(wrong.path(), "user:password").unwrap();
    assert!(Node::connect(&url, wrong.path()).is_err());
    assert!(Node::connect("nonsense", &cookie).is_err());
    drop(chain);
    for args in [
        ["check", "00", "--depth", "1"],
        ["snapshot", "/dev/null", "--depth", "1"],
    ] {
        let (fine, out, err) = bond((&url, &cookie), &args);
        assert!(!fine && out.is_empty());
        assert!(!err.is_empty() && !err.contains("panicked"), "{err}");
    }
}

/// Every descriptor that is printed is one that Bitcoin Core takes, up to the last; and the next Core takes as little as
/// the command does.
#[test]
fn core_takes_every_descriptor_that_is_printed() {
    let chain = Bitcoind::start().unwrap();
    let key = x("owner").to_string();
    let address = |until: &str| {
        Command::new(env!("CARGO_BIN_EXE_narthex"))
            .args(["bond", "address", "--json", "--key", &key, "--until", until])
            .output()
            .unwrap()
    };
    let taken = |descriptor: &str| -> Result<Value, Error> {
        chain.call("getdescriptorinfo", &[descriptor.into()])
    };
    let mut last = String::new();
    for until in [
        "1",
        "17",
        "128",
        "32768",
        "800000",
        "height:2030",
        "499999999",
        "500000000",
        "2020-01",
        "2038-01",
        "2147483647",
    ] {
        let output = address(until);
        assert!(output.status.success(), "{until}: {output:?}");
        let line: Value = serde_json::from_slice(&output.stdout).unwrap();
        last = line["descriptor"].as_str().unwrap().to_owned();
        let info = taken(&last).unwrap_or_else(|error| panic!("{until}: {error}"));
        assert_eq!(
            (&info["issolvable"], &info["isrange"]),
            (&true.into(), &false.into())
        );
        let derived: Vec<String> = chain
            .call("deriveaddresses", &[info["descriptor"].clone()])
            .unwrap();
        assert_eq!(derived, [line["address"].as_str().unwrap()], "{until}");
    }
    let (bare, _) = last.split_once('#').unwrap();
    let next = bare.replace("after(2147483647)", "after(2147483648)");
    assert_ne!(next, bare);
    assert!(taken(&next).is_err(), "Core takes more: so may we");
    for until in ["2147483648", "2038-02", "4294967295"] {
        assert!(!address(until).status.success(), "{until}");
    }
}
