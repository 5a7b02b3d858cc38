//! Bitcoin contracts for computation games: pay strangers for a computation exactly when the result is right.
//!
//! A client locks a reward, a worker and a verifier lock stakes, arbiters stand by with stakes of their own; a graph of
//! pre-signed Taproot transactions holds every way in which the contract can end. When nobody misbehaves there are two:
//! funding and settlement.
//!
//! - [`game_model`] rules and payoffs, commitments, workloads; knows nothing of Bitcoin
//! - [`contracts`] terms → transaction graph → signatures
//! - [`regtest`] chains to run on: embedded, and bitcoind
//! - [`wallet`] a party's wallet; [`mod@bond`] fidelity bonds on a chain; [`play`] whole contracts from funding to their end; [`mod@bench`] measurements
//! - [`job`] computations on disk: run, commit, verify, audit; [`job_dispute`] disputes inside a step of theirs
//! - [`arbiter`] cases as bundles that anybody rules on again; [`judging`] the engines of this build
//! - [`market`] ledgers of audits of recomputers, in files
//! - [`setup`] a party's signer in a set-up, and all parties of one in a process
//! - [`small`] one side of a small contract between two nodes
//! - [`simulate`] games by strategies, beside theory
//! - [`harness`] what scenarios are played on; [`bank`] penny banks; [`mod@slice`] gated slices
//!
//! Terms, graph, signatures, funding and settlement of a contract, with the library alone:
//!
//! ```
//! use narthex::{contracts::{funding::{combine_witnesses, funding_witnesses}, fixtures::Fixtures, setup::ceremony, template::Exit},
//!     contracts::terms::{deposit, FeeRate, Role}, game_model::Template, regtest::{Broadcaster, ChainSource, Embedded, Miner, mine_coins},
//!     wallet::{ChildRequest, PartyWallet}};
//! use std::{collections::BTreeMap, sync::Arc};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A chain, and a wallet with coins for each of client, worker, verifier and three arbiters.
//! let (mut chain, rate) = (Embedded::new(), FeeRate::from_sat_per_kwu(500));
//! let mut wallets = BTreeMap::new();
//! for role in Role::all(3) {
//!     let mut wallet = PartyWallet::new(&role.to_string(), &[role.index() as u8 + 1; 32])?;
//!     let script = wallet.fresh_script();
//!     mine_coins(&mut chain, 2, &script, &script)?;
//!     wallet.sync(&mut chain)?;
//!     wallets.insert(role, wallet);
//! }
//! // Terms: parameters for a panel of 2 of 3, everybody's keys, announcements, coins and change.
//! let deliver_height = chain.height()? + 100;
//! let fixtures = Fixtures::example(Template::Hardened, 3, 2, deliver_height, [7; 32])?;
//! let (mut funding, mut payouts, mut contributed) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
//! // Does the node take what the contract ends with? Who has not asked cannot fund.
//! let policy = wallets[&Role::Client].probe(&mut chain, rate)?;
//! for (role, wallet) in &mut wallets {
//!     let (contribution, psbt) = wallet.contribute(deposit(fixtures.params(), *role), rate, &policy)?;
//!     funding.insert(*role, contribution);
//!     payouts.insert(*role, wallet.fresh_script());
//!     contributed.push((*role, psbt));
//! }
//! let terms = Arc::new(fixtures.terms_with(funding, payouts, rate)?);
//! // Everybody derives the same graph alone and signs all of it before anybody funds.
//! let parties = fixtures.parties(&terms)?;
//! let mut held = BTreeMap::new();
//! for holdings in ceremony::run(parties, &mut bitcoin::secp256k1::rand::thread_rng(), |_| ())? {
//!     held.insert(holdings.role(), holdings);
//! }
//! let mut signed = Vec::new();
//! for (role, own) in &contributed {
//!     let mut psbt = held[role].funding_psbt(&policy)?;
//!     narthex::contracts::funding::merge_wallet_data(&mut psbt, own);
//!     wallets[role].sign(&mut psbt)?;
//!     signed.push(funding_witnesses(&held[role], &psbt)?);
//! }
//! chain.submit(&combine_witnesses(&held[&Role::Client], signed)?)?;
//! chain.mine(1, terms.payout(Role::Client).ok_or("no client")?)?;
//! // The verifier approves, with the token that its digests of the sample opened; the client has the whole signature then and
//! // hands it on; the worker completes S3 with its secret and pays for it by a child.
//! let s3 = held[&Role::Client].graph().find(Exit::NORMAL).ok_or("no S3")?;
//! for release in held[&Role::Verifier].release(s3, Some(&fixtures.token()))? {
//!     held.get_mut(&Role::Client).ok_or("no client")?.accept(&release)?;
//! }
//! for whole in held[&Role::Client].hand_over(s3)? {
//!     held.get_mut(&Role::Worker).ok_or("no worker")?.take(&whole)?;
//! }
//! let settlement = held[&Role::Worker].complete(s3, &fixtures.worker_secrets())?;
//! let request = ChildRequest { parent: &settlement, coins: vec![], data: None, rate, least_fee: bitcoin::Amount::ZERO };
//! let worker = wallets.get_mut(&Role::Worker).ok_or("no worker")?;
//! let child = worker.child(request)?;
//! chain.submit_package(&[settlement.clone(), child])?;
//! // Its signature gives the client the key to the result.
//! let secret = held[&Role::Client].extract_result(s3, &settlement, &Default::default())?;
//! assert_eq!(secret, fixtures.result());
//! # Ok(()) }
//! ```

pub mod bank;
pub mod bench;
pub mod bindings;
pub mod bond;
pub mod bounty;
pub mod deliver;
pub mod game;
pub mod harness;
pub mod job;
pub mod job_dispute;
pub mod judging;
pub mod life;
pub mod market;
pub mod play;
pub mod ruling;
pub mod schedules;
pub mod setup;
pub mod simulate;
pub mod slice;
pub mod small;
pub mod threads;
pub mod wallet;

use narthex_disk as disk;

/// Of the version whose types stand in the signatures of all crates here.
pub use narthex_contracts::bitcoin;

pub use narthex_arbiter as arbiter;
pub use narthex_channel as channel;
pub use narthex_contracts as contracts;
pub use narthex_game_model as game_model;
pub use narthex_regtest as regtest;
