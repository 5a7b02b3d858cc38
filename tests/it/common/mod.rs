//! Helpers of the end-to-end tests: chains, scenes that stop where a test wants to attack, honest arithmetic.

// Its macros are for those below.
#[macro_use]
pub mod through;

pub mod at;
pub mod bonds;
pub mod cli;
pub mod company;
pub mod forge;
pub mod leaves;
pub mod rival;
pub mod rough;
pub mod shaky;
pub mod sources;
pub mod table;
pub mod tree;

use std::{path::PathBuf, sync::OnceLock};

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Transaction,
    hex::{DisplayHex, FromHex},
    secp256k1::rand,
};
use narthex::{
    contracts::{
        attest::{Attestation, AttestationNonce},
        fixtures::attest_without_record,
        graph::{NodeId, NodeName, TxGraph},
        template::{ContractSecret, Exit},
        terms::{Role, Terms, token_secret},
    },
    game_model::{
        Ruling, Template,
        workload::digits::{Labelled, REFERENCE_ROWS},
    },
    harness::HarnessOptions,
    play::{ContractPlay, PlayOptions},
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

/// What all plays have, with a seed that is drawn and printed with `what` is played; `NARTHEX_TEST_SEED` (64 hex digits)
/// repeats one.
pub fn seeded(what: &str) -> HarnessOptions {
    let given = std::env::var("NARTHEX_TEST_SEED").ok();
    let seed = match given {
        Some(hex) => <[u8; 32]>::from_hex(&hex).unwrap(),
        None => rand::random(),
    };
    println!("{what}: NARTHEX_TEST_SEED={}", seed.to_lower_hex_string());
    HarnessOptions::seeded(seed)
}

/// A play of the example's figures.
pub fn options(template: Template, scenario: &str, (k, n): (u8, u8)) -> PlayOptions {
    let mut options = PlayOptions::default();
    options.template = template;
    (options.quorum, options.arbiters) = (k, n);
    options.common = seeded(&format!("{template:?} {scenario} {k}-of-{n}"));
    // What stands around the seal is tried here; the contract's own cost is tried once, in `token`.
    options.seal_cost = narthex::game_model::token::SealCost::TRIFLING;
    options.research = template == Template::Paper;
    options
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
pub fn funded(chain: &mut dyn Chain) -> ContractPlay<'_> {
    play(chain, Template::Hardened, (2, 3))
}

/// A contract that has just been funded.
pub fn play(chain: &mut dyn Chain, template: Template, panel: (u8, u8)) -> ContractPlay<'_> {
    // Nothing is reported, so that the reporter need not live as long as the play.
    let silent: &'static mut () = Box::leak(Box::new(()));
    ContractPlay::prepare(chain, &options(template, "made by the test", panel), silent).unwrap()
}

/// The moves from funding to rejection and appeal, for tests that begin there.
pub fn deliver(play: &mut ContractPlay<'_>) {
    play.publish(Role::Worker, Exit::DELIVERED, "test").unwrap();
}

pub fn reject(play: &mut ContractPlay<'_>) {
    deliver(play);
    play.publish(Role::Verifier, Exit::REJECTED, "test")
        .unwrap();
}

pub fn appeal(play: &mut ContractPlay<'_>) {
    reject(play);
    play.publish(Role::Worker, Exit::APPEALED, "test").unwrap();
}

/// An arbiter's attestation, which it makes whatever the case is, and as often as it is asked: a cheat without a record.
pub fn attestation(play: &ContractPlay<'_>, arbiter: u8, ruling: Ruling) -> Attestation {
    let identity = play
        .participant(Role::Arbiter(arbiter))
        .unwrap()
        .identity()
        .unwrap()
        .secret_key();
    let id = play.terms().contract_id();
    let nonce = AttestationNonce::derive(&identity, id).unwrap();
    attest_without_record(nonce, id, &identity, arbiter, ruling).unwrap()
}

/// These arbiters attest `ruling` to everybody.
pub fn rule(play: &mut ContractPlay<'_>, arbiters: impl IntoIterator<Item = u8>, ruling: Ruling) {
    for arbiter in arbiters {
        let attestation = attestation(play, arbiter, ruling);
        for role in roles(play) {
            let known = &mut play.participant_mut(role).unwrap().secrets;
            known.attest(&attestation);
        }
    }
}

pub fn roles(play: &ContractPlay<'_>) -> Vec<Role> {
    play.terms().roles().collect()
}

pub fn node(play: &ContractPlay<'_>, name: NodeName) -> NodeId {
    play.find(name).unwrap()
}

/// Delivered and approved on chain: the settlement, whole, which the worker has Δ_W to confirm, and the height of the approval.
pub fn approved(play: &mut ContractPlay<'_>) -> (Transaction, u32) {
    token_shown(play);
    deliver(play);
    play.publish(Role::Verifier, Exit::APPROVED, "test")
        .unwrap();
    let height = play.chain().height().unwrap();
    let settlement = node(play, Exit::NORMAL_LONG);
    (play.complete(Role::Worker, settlement).unwrap(), height)
}

/// Where the miner of these tests is paid: to anybody.
pub fn miner() -> ScriptBuf {
    ScriptBuf::new_p2a()
}

/// What the consensus rules say against a block of just this transaction; a miner's help is assumed, so that no
/// policy protects.
pub fn refused(play: &mut ContractPlay<'_>, tx: &Transaction) -> String {
    let before = play.chain().height().unwrap();
    let answer = play
        .chain()
        .mine_exactly(std::slice::from_ref(tx), &miner());
    let after = play.chain().height().unwrap();
    match answer {
        Err(Error::BlockRejected { reason }) if before == after => reason,
        other => panic!("{} was not refused: {other:?}", tx.compute_txid()),
    }
}

/// A miner takes this transaction without any fee, or the test fails.
pub fn mined(play: &mut ContractPlay<'_>, tx: &Transaction) -> u32 {
    play.chain()
        .mine_exactly(std::slice::from_ref(tx), &miner())
        .unwrap();
    play.sync().unwrap();
    play.chain().height().unwrap()
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
pub fn gain(play: &ContractPlay<'_>, role: Role) -> i64 {
    let participant = play.participant(role).unwrap();
    let sat = |a: Amount| i64::try_from(a.to_sat()).unwrap();
    sat(participant.wallet.balance()) + sat(participant.fees) - sat(participant.before)
}

/// What client, worker and verifier have gained.
pub fn gains(play: &ContractPlay<'_>) -> [i64; 3] {
    Role::PRINCIPALS.map(|role| gain(play, role))
}

/// The first output of a transaction of the graph: the contract's, where it goes on.
pub fn output_of(graph: &TxGraph, id: NodeId, vout: u32) -> OutPoint {
    OutPoint {
        txid: graph.txid(id).unwrap(),
        vout,
    }
}

/// Mines until the next block is at `height`.
pub fn before(play: &mut ContractPlay<'_>, height: u32) {
    let next = play.chain().height().unwrap() + 1;
    assert!(
        next <= height,
        "height {height} has passed, the next is {next}"
    );
    play.mine(height - next).unwrap();
}

pub fn deliver_height(terms: &Terms) -> u32 {
    terms.params().deliver_height()
}

/// The worker's token, shown to the verifier, whose wallet watches what it will be paid.
pub fn token_shown(play: &mut narthex::play::ContractPlay<'_>) -> bitcoin::secp256k1::SecretKey {
    let worker = play.participant(Role::Worker).unwrap();
    let token = worker.secrets.get(ContractSecret::Token).unwrap();
    let verifier = play.participant_mut(Role::Verifier).unwrap();
    verifier.secrets.insert(ContractSecret::Token, token);
    let key = token_secret(&verifier.key().unwrap(), &token).unwrap();
    verifier.wallet.import(&key).unwrap();
    token
}

/// The verifier approves off chain: its share goes to the client, and the whole signature to the worker.
pub fn approve(play: &mut narthex::play::ContractPlay<'_>) {
    let id = node(play, Exit::NORMAL);
    let verifier = play.participant(Role::Verifier).unwrap();
    let known = verifier.secrets.get(ContractSecret::Token);
    let held = verifier.holdings.as_ref().unwrap();
    let releases = held.release(id, known.as_ref()).unwrap();
    let client = play.participant_mut(Role::Client).unwrap();
    let held = client.holdings.as_mut().unwrap();
    releases.iter().for_each(|r| held.accept(r).unwrap());
    handed_to_the_worker(play);
}

/// The client hands the worker what it has verified.
pub fn handed_to_the_worker(play: &mut narthex::play::ContractPlay<'_>) {
    let id = node(play, Exit::NORMAL);
    let client = play.participant(Role::Client).unwrap();
    let whole = client.holdings.as_ref().unwrap().hand_over(id).unwrap();
    let worker = play.participant_mut(Role::Worker).unwrap();
    let held = worker.holdings.as_mut().unwrap();
    whole.iter().for_each(|handed| held.take(handed).unwrap());
}
