//! The command, plays and contracts on both chains, from outside. One program, so that it is linked once.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

#[macro_use]
mod common;

mod any_wallet;
mod arbitration;
mod authority;
mod bank;
mod bank_endings;
mod bank_support;
mod bankers;
mod bindings;
mod bond;
mod bond_cli;
mod bond_counts;
mod bond_draw;
mod bond_node;
mod bounty;
mod bundles;
mod circles;
mod cli_fuzz;
mod contracts;
mod crash;
mod credentials;
mod deliver;
mod deliver_attacks;
mod deliver_support;
mod disputes;
mod docs;
mod docs_text;
mod effects;
mod engine;
mod engine_channel;
mod exits;
mod fees;
mod game;
mod hosted;
mod house;
mod job;
mod job_bundle;
mod job_contracts;
mod job_faults;
mod job_folder;
mod job_limits;
mod judge_box;
mod kept_banks;
mod kill;
mod late_funding;
mod lives;
mod lives_flawed;
mod lives_killed;
mod lives_paper;
mod manual;
mod market;
mod monitor;
mod one_writer;
mod output;
mod packages;
mod play_job;
mod probe;
mod races;
mod races_audited;
mod refused;
mod reorg;
mod repeat;
mod root;
mod schedules;
mod setup_attacks;
mod setup_killed;
mod setup_leave;
mod signed_once;
mod slice;
mod small;
mod small_bounty;
mod small_bounty_lies;
mod small_bounty_support;
mod small_delivery;
mod small_delivery_fees;
mod small_delivery_lies;
mod small_delivery_support;
mod small_several_support;
mod small_slices;
mod small_slices_chain;
mod small_slices_lies;
mod small_slices_support;
mod small_stream;
mod small_stream_support;
mod small_support;
mod store;
mod theft;
mod token;
mod tower;
mod unknown_fields;
mod wallet;
mod wallet_memory;
