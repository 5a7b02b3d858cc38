//! One rule at a time, each on both chains.

mod bench;
mod blocks;
mod mining;
mod policy;
mod replacement;
mod truc;

/// Runs each rule on the embedded chain and on a bitcoind.
macro_rules! on_both {
    ($($module:ident :: $rule:ident),* $(,)?) => {
        mod embedded {
            $(#[test] fn $rule() { super::$module::$rule(super::bench::Bench::new(narthex_regtest::Embedded::new())); })*
        }
        mod bitcoind {
            $(#[test] fn $rule() {
                super::$module::$rule(super::bench::Bench::new(narthex_regtest::Bitcoind::start().unwrap()));
            })*
        }
    };
}

on_both!(
    blocks::a_spoilt_block_is_refused_and_changes_nothing,
    blocks::the_subsidy_halves_at_block_150,
    blocks::a_block_may_not_exceed_its_weight,
    blocks::callers_are_told_what_they_did_wrong,
    mining::a_child_pulls_its_parent_into_the_block,
    mining::a_full_block_takes_the_best_and_leaves_the_rest,
    mining::an_immature_coinbase_leaves_the_mempool_with_its_spenders,
    mining::only_ten_disconnected_blocks_come_back,
    policy::dust_must_be_alone_without_fee_and_spent,
    policy::anyone_spends_an_anchor_but_without_witness,
    policy::output_scripts_are_of_known_kinds,
    policy::data_is_limited_in_sum_only_by_weight,
    policy::a_cluster_holds_64_transactions,
    policy::the_smallest_transaction_has_65_bytes,
    replacement::a_replacement_pays_more_and_for_itself,
    replacement::a_replacement_must_earn_a_miner_more,
    replacement::a_package_replaces_as_one,
    replacement::nothing_spends_what_it_replaces,
    truc::versions_do_not_mix,
    truc::a_family_has_two_members,
    truc::sizes_are_limited,
    truc::a_sibling_is_evicted_for_a_better_fee,
);
