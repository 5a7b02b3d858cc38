//! A node that refuses what contracts end with: nothing is funded, and the error says which setting is missing.

use std::process::Command;

use narthex::{
    bank::{BankOptions, BankPlay},
    harness::{Harness, HarnessOptions, ScenarioError},
    play::{ContractPlay, PlayError, PlayOptions},
    regtest::{Bitcoind, ChainSource, PolicyGap, ProbeError},
};

/// Core, started with a policy that lets no child wait with its parent.
fn refusing() -> Bitcoind {
    Bitcoind::start_with(&["-limitclustercount=1".into()]).unwrap()
}

fn is_named(error: &ProbeError) {
    let setting = "-limitclustercount";
    let ProbeError::Refused { gap, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(*gap, PolicyGap::Chains { setting });
    assert!(error.to_string().contains(setting), "{error}");
}

/// Blocks hold coinbases alone, and nothing waits: no transaction left any wallet.
fn nothing_was_sent(chain: &mut Bitcoind) {
    assert_eq!(chain.mempool().unwrap(), []);
    for height in 0..=chain.height().unwrap() {
        assert_eq!(chain.block(height).unwrap().txdata.len(), 1, "{height}");
    }
}

#[test]
fn no_computational_contract_is_funded() {
    let mut chain = refusing();
    let error = ContractPlay::prepare(&mut chain, &PlayOptions::default(), &mut ()).err();
    match error.expect("refused") {
        PlayError::Probe(error) => is_named(&error),
        other => panic!("{other}"),
    }
    nothing_was_sent(&mut chain);
}

#[test]
fn no_small_contract_is_funded() {
    let mut chain = refusing();
    let options = HarnessOptions::seeded([7; 32]);
    let error = Harness::new(&mut chain, ["one", "other"], &options, &mut ()).err();
    match error.expect("refused") {
        ScenarioError::Probe(error) => is_named(&error),
        other => panic!("{other}"),
    }
    let error = BankPlay::prepare(&mut chain, &BankOptions::default(), &mut ()).err();
    let error = error.expect("refused").to_string();
    assert!(error.contains("-limitclustercount"), "{error}");
    nothing_was_sent(&mut chain);
}

#[test]
fn the_command_asks_a_node_of_ones_own() {
    let check = |chain: &Bitcoind| {
        let (url, cookie) = chain.rpc();
        let output = Command::new(env!("CARGO_BIN_EXE_narthex"))
            .args(["node", "check", "--json", "--node", &url, "--cookie"])
            .arg(cookie)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.success(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let options = || HarnessOptions::seeded([7; 32]);
    let mut good = Bitcoind::start().unwrap();
    let (fine, _, err) = check(&good);
    assert!(
        !fine && err.contains("nothing to ask the node with"),
        "{err}"
    );
    drop(Harness::new(&mut good, ["one"], &options(), &mut ()).unwrap());
    let (fine, out, err) = check(&good);
    assert!(fine, "{err}");
    let said: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(said["accepts"], true);
    assert!(said["agent"].as_str().unwrap().contains("Satoshi"), "{out}");

    let mut bad = refusing();
    assert!(Harness::new(&mut bad, ["one"], &options(), &mut ()).is_err());
    let (fine, out, err) = check(&bad);
    assert!(!fine && out.is_empty(), "{out}");
    assert!(err.contains("-limitclustercount"), "{err}");
    nothing_was_sent(&mut bad);
}
