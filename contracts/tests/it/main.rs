//! The library from outside: ceremonies, laws, golden files, faults. One program, so that it is linked once. What measures
//! its own process stands apart (`decoders_mutated`).
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod arbitration_attestations;
mod arbitration_decoders;
mod arbitration_majorities;
mod arbitration_rogue;
mod arbitration_support;
mod bad_input_decoders;
mod bad_input_messages;
mod bad_input_terms;
mod bank_support;
mod binding;
mod bond_bip46;
mod bond_claim;
mod bond_laws;
mod bond_select;
mod bond_value;
mod bounty_envelope;
mod bounty_laws;
mod bounty_life;
mod bounty_random;
mod bounty_support;
mod bounty_withheld;
mod ceremony;
mod channel_chain;
mod channel_support;
mod channel_vectors;
mod channel_weights;
mod coop;
mod deliver_attacks;
mod deliver_decoders;
mod deliver_laws;
mod deliver_recipient;
mod deliver_support;
mod derive;
mod enrolment;
mod fee_bump;
mod funding_child;
mod funding_psbt;
mod given;
mod golden_graphs;
mod golden_json;
mod golden_weights;
mod hosted;
mod laws_exits;
mod laws_graph;
mod laws_support;
mod laws_terms;
mod musig_faults;
mod once;
mod panel_agree;
mod panel_draw;
mod panel_offer;
mod panel_pool;
mod panel_seed;
mod panel_shared_secret;
mod panel_support;
mod panel_verifier;
mod parts;
mod party_names;
mod pictures;
mod resumed;
mod setup_acceptance;
mod signed_once;
mod slice_laws;
mod slice_play;
mod slice_setup;
mod slice_support;
mod token;
mod tower_bundle;
