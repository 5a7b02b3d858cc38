//! Helpers of the end-to-end tests: chains, scenes that stop where a test wants to attack, honest arithmetic.

pub mod at;
pub mod bonds;
pub mod cli;
pub mod company;
pub mod forge;
pub mod leaves;
pub mod rival;
pub mod shaky;
pub mod sources;
pub mod table;
pub mod tree;

use std::{path::PathBuf, sync::OnceLock};

use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction, secp256k1::rand};
use narthex::{
    contracts::{
        attest::{Attestation, AttestationNonce},
        fixtures::attest_without_record,
        graph::{NodeId, NodeName, TxGraph},
        template::Exit,
        terms::{Role, Terms},
    },
    game_model::{
        Ruling, Template,
        workload::digits::{Labelled, REFERENCE_ROWS},
    },
    play::{PlayOptions, Scene},
    regtest::{Chain, Error},
};

/// One test for each chain, of a function that takes a fresh one.
#[macro_export]
macro_rules! on_both_chains {
    ($($name:ident),* $(,)?) => {
        mod embedded {
            $(#[test] fn $name() { super::$name(&mut narthex::regtest::Embedded::new()); })*
        }
        mod bitcoind {
            $(#[test] fn $name() { super::$name(&mut narthex::regtest::Bitcoind::start().unwrap()); })*
        }
    };
}

/// A play of the example's figures; `NARTHEX_TEST_SEED` (64 hex digits) repeats one.
pub fn options(template: Template, story: &str, (k, n): (u8, u8)) -> PlayOptions {
    let given = std::env::var("NARTHEX_TEST_SEED").ok().map(|hex| {
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
    });
    let seed: [u8; 32] = given.unwrap_or_else(rand::random);
    let hex: String = seed.iter().map(|b| format!("{b:02x}")).collect();
    println!("{template:?} {story} {k}-of-{n}: NARTHEX_TEST_SEED={hex}");
    PlayOptions {
        story: story.into(),
        template,
        quorum: k,
        arbiters: n,
        seed: Some(seed),
        research: template == Template::Paper,
        ..PlayOptions::default()
    }
}

/// Images of the small job.
pub const FEW_IMAGES: usize = 100;

/// The first images of the shipped job, as a user's own: most plays need no more.
pub fn few_images() -> PathBuf {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    let write = || {
        let (_, rest) = Labelled::shipped().unwrap().split(REFERENCE_ROWS);
        let rows = rest.images().unwrap();
        let line = |row: &[u8]| row.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
        let text = rows
            .iter()
            .take(FEW_IMAGES)
            .map(line)
            .collect::<Vec<_>>()
            .join("\n");
        let name = format!("images-{}.csv", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    FILE.get_or_init(write).clone()
}

/// A hardened contract of the example's figures, just funded; nothing else has happened.
pub fn funded(chain: &mut dyn Chain) -> Scene<'_> {
    scene(chain, Template::Hardened, (2, 3))
}

/// A contract that has just been funded.
pub fn scene(chain: &mut dyn Chain, template: Template, panel: (u8, u8)) -> Scene<'_> {
    // Nothing is reported, so that the reporter need not live as long as the scene.
    let silent: &'static mut () = Box::leak(Box::new(()));
    Scene::prepare(chain, &options(template, "made by the test", panel), silent).unwrap()
}

/// The moves from funding to rejection and appeal, for tests that begin there.
pub fn deliver(scene: &mut Scene<'_>) {
    scene
        .publish(Role::Worker, Exit::DELIVERED, "test")
        .unwrap();
}

pub fn reject(scene: &mut Scene<'_>) {
    deliver(scene);
    scene
        .publish(Role::Verifier, Exit::REJECTED, "test")
        .unwrap();
}

pub fn appeal(scene: &mut Scene<'_>) {
    reject(scene);
    scene.publish(Role::Worker, Exit::APPEALED, "test").unwrap();
}

/// An arbiter's attestation, which it makes whatever the case is, and as often as it is asked: a cheat without a record.
pub fn attestation(scene: &Scene<'_>, arbiter: u8, ruling: Ruling) -> Attestation {
    let identity = scene
        .actor(Role::Arbiter(arbiter))
        .unwrap()
        .identity()
        .unwrap()
        .secret_key();
    let id = scene.terms().contract_id();
    let nonce = AttestationNonce::derive(&identity, id).unwrap();
    attest_without_record(nonce, id, &identity, arbiter, ruling).unwrap()
}

/// These arbiters attest `ruling` to everybody.
pub fn rule(scene: &mut Scene<'_>, arbiters: impl IntoIterator<Item = u8>, ruling: Ruling) {
    for arbiter in arbiters {
        let attestation = attestation(scene, arbiter, ruling);
        for role in roles(scene) {
            let known = &mut scene.actor_mut(role).unwrap().secrets;
            known.attest(&attestation);
        }
    }
}

pub fn roles(scene: &Scene<'_>) -> Vec<Role> {
    scene.terms().roles().collect()
}

pub fn node(scene: &Scene<'_>, name: NodeName) -> NodeId {
    scene.find(name).unwrap()
}

/// Where the miner of these tests is paid: to anybody.
pub fn miner() -> ScriptBuf {
    ScriptBuf::new_p2a()
}

/// What the consensus rules say against a block of just this transaction; a miner's help is assumed, so that no
/// policy protects.
pub fn refused(scene: &mut Scene<'_>, tx: &Transaction) -> String {
    let before = scene.chain().height().unwrap();
    let answer = scene
        .chain()
        .mine_exactly(std::slice::from_ref(tx), &miner());
    let after = scene.chain().height().unwrap();
    match answer {
        Err(Error::BlockRejected { reason }) if before == after => reason,
        other => panic!("{} was not refused: {other:?}", tx.compute_txid()),
    }
}

/// A miner takes this transaction without any fee, or the test fails.
pub fn mined(scene: &mut Scene<'_>, tx: &Transaction) -> u32 {
    scene
        .chain()
        .mine_exactly(std::slice::from_ref(tx), &miner())
        .unwrap();
    scene.sync().unwrap();
    scene.chain().height().unwrap()
}

/// The words by which the chains refuse a signature; the embedded one says only that the script failed.
pub fn is_bad_signature(reason: &str) -> bool {
    is_bad_script(reason) && !reason.contains("Locktime")
}

/// The words by which both chains refuse what a script does not allow.
pub fn is_bad_script(reason: &str) -> bool {
    reason.starts_with("block-script-verify-flag-failed")
}

/// The words by which both chains refuse what its timelocks forbid.
pub fn is_too_early(reason: &str) -> bool {
    reason.contains("bad-txns-nonfinal") || reason.contains("non-BIP68-final")
}

/// The words by which both chains refuse a coin that is not there any more.
pub fn is_spent(reason: &str) -> bool {
    reason.contains("bad-txns-inputs-missingorspent")
}

/// What a party has gained since before the funding, its own fees not counted.
pub fn gain(scene: &Scene<'_>, role: Role) -> i64 {
    let actor = scene.actor(role).unwrap();
    let sat = |a: Amount| i64::try_from(a.to_sat()).unwrap();
    sat(actor.wallet.balance()) + sat(actor.fees) - sat(actor.before)
}

/// What client, worker and verifier have gained.
pub fn gains(scene: &Scene<'_>) -> [i64; 3] {
    Role::PRINCIPALS.map(|role| gain(scene, role))
}

/// The first output of a transaction of the graph: the contract's, where it goes on.
pub fn output_of(graph: &TxGraph, id: NodeId, vout: u32) -> OutPoint {
    OutPoint {
        txid: graph.txid(id).unwrap(),
        vout,
    }
}

/// Mines until the next block is at `height`.
pub fn before(scene: &mut Scene<'_>, height: u32) {
    let next = scene.chain().height().unwrap() + 1;
    assert!(
        next <= height,
        "height {height} has passed, the next is {next}"
    );
    scene.mine(height - next).unwrap();
}

pub fn deliver_height(terms: &Terms) -> u32 {
    terms.params().deliver_height()
}
