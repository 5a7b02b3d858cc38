//! The game model from outside. One program, so that it is linked once. What measures its own process stands apart
//! (`decoders_mutated`).
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod bundle;
mod commitment;
mod commitment_cases;
mod commitment_python;
mod commitment_receipts;
mod commitment_sealed;
mod commitment_state;
mod commitment_support;
mod commitment_vectors;
mod common;
mod dispute;
mod dispute_laws;
mod dispute_reorgs;
mod dispute_support;
mod dispute_transcripts;
mod game;
mod game_bribes;
mod game_gambit;
mod game_moves;
mod game_panels;
mod game_plans;
mod game_rejections;
mod machine_limits;
mod market_calibrate;
mod market_ledger;
mod market_price;
mod market_split;
mod params;
mod params_evidence;
mod params_job;
mod play;
mod play_cheats;
mod retrieval;
mod retrieval_cases;
mod retrieval_detection;
mod retrieval_faults;
mod ruling;
mod ruling_challenge;
mod ruling_challenge_fair;
mod ruling_fair;
mod ruling_hostile;
mod ruling_received;
mod ruling_support;
mod schedule;
mod settlement;
mod simulation;
mod simulation_closed;
mod simulation_leagues;
mod simulation_panels;
mod simulation_support;
mod token;
mod vectors;
mod wasm;
mod wasm_units;
mod workload_model;
mod workload_words;
