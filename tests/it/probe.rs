//! A node that refuses what contracts end with: nothing is funded, and the error says which setting is missing.

use std::process::Command;

use narthex::{
    bank::{Desk, DeskOptions},
    play::{PlayError, PlayOptions, Scene},
    regtest::{Bitcoind, ChainSource, PolicyGap, ProbeError},
    table::{Table, TableError, TableOptions},
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
    let error = Scene::prepare(&mut chain, &PlayOptions::default(), &mut ()).err();
    match error.expect("refused") {
        PlayError::Probe(error) => is_named(&error),
        other => panic!("{other}"),
    }
    nothing_was_sent(&mut chain);
}

#[test]
fn no_small_contract_is_funded() {
    let mut chain = refusing();
    let options = TableOptions {
        rate: DeskOptions::default().rate,
        seed: [7; 32],
    };
    let error = Table::new(&mut chain, &["one", "other"], options, &mut ()).err();
    match error.expect("refused") {
        TableError::Probe(error) => is_named(&error),
        other => panic!("{other}"),
    }
    let error = Desk::prepare(&mut chain, &DeskOptions::default(), &mut ()).err();
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
    let options = || TableOptions {
        rate: DeskOptions::default().rate,
        seed: [7; 32],
    };
    let mut good = Bitcoind::start().unwrap();
    let (fine, _, err) = check(&good);
    assert!(
        !fine && err.contains("nothing to ask the node with"),
        "{err}"
    );
    drop(Table::new(&mut good, &["one"], options(), &mut ()).unwrap());
    let (fine, out, err) = check(&good);
    assert!(fine, "{err}");
    let said: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(said["accepts"], true);
    assert!(said["agent"].as_str().unwrap().contains("Satoshi"), "{out}");

    let mut bad = refusing();
    assert!(Table::new(&mut bad, &["one"], options(), &mut ()).is_err());
    let (fine, out, err) = check(&bad);
    assert!(!fine && out.is_empty(), "{out}");
    assert!(err.contains("-limitclustercount"), "{err}");
    nothing_was_sent(&mut bad);
}
