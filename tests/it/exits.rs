//! Every ending on both chains: who gets what to the satoshi, after how many transactions, at which height, and not
//! one block before, not even with a miner's help.

use crate::common;
use crate::common::table;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{LazyLock, Mutex},
};

use common::options;
use narthex::{
    game_model::Template,
    harness::{Playable as _, Scenario, TransactionEvent, play_on},
    play::{DecryptedResult, Event, Outcome, PlayOptions},
    regtest::{Bitcoind, Chain, Embedded},
};
use table::{Expected, expected};

/// Blocks that a play mines before its parameters are agreed on: coins for the miner, and for the parties.
const BLOCKS_BEFORE_TERMS: u32 = 101 + 1;
/// From then to the delivery deadline.
const BLOCKS_TO_DELIVER: u32 = 40;

/// How much of the job is done.
#[derive(Clone, Copy, PartialEq)]
enum Job {
    Whole,
    Few,
}

fn ends_as_it_must(
    chain: &mut dyn Chain,
    scenario: &Scenario<PlayOptions>,
    panel: (u8, u8),
    job: Job,
) -> Outcome {
    let mut options = options(scenario.needs, scenario.name, panel);
    options.probe_early = true;
    options.input = (job == Job::Few).then(common::few_images);
    let start = chain.height().unwrap();
    let mut events: Vec<Event> = Vec::new();
    let outcome = play_on(chain, scenario.name, &options, &mut events).unwrap();
    let deadline = start + BLOCKS_BEFORE_TERMS + BLOCKS_TO_DELIVER;
    let expected = expected(scenario.needs, scenario.name, panel);
    check_money(&outcome, &expected);
    check_transactions(&outcome, &events, &expected, deadline);
    check_result(&outcome, &expected, job);
    on_chain_as_told(chain, &outcome);
    outcome
}

/// What was lived undisturbed with three arbiters and checked here, by template and name of the scenario.
static CALM: LazyLock<Mutex<HashMap<(Template, &str), Outcome>>> = LazyLock::new(Mutex::default);

/// A life of three arbiters and a small job that nothing disturbs, for tests that disturb it; lived once by all of them.
pub fn calm(scenario: &'static Scenario<PlayOptions>) -> Outcome {
    let key = (scenario.needs, scenario.name);
    if let Some(outcome) = CALM.lock().unwrap().get(&key) {
        return outcome.clone();
    }
    let outcome = ends_as_it_must(&mut Embedded::new(), scenario, (2, 3), Job::Few);
    CALM.lock().unwrap().insert(key, outcome.clone());
    outcome
}

fn check_money(outcome: &Outcome, expected: &Expected) {
    let (mut before, mut after, mut fees, mut sum) = (0, 0, 0, 0);
    for balance in &outcome.balances {
        let name = &balance.party;
        assert!(balance.is_exact(), "{name}: {balance:?}");
        assert_eq!(
            balance.settlement_sat,
            expected.change_of(name),
            "{name} in {}",
            outcome.scenario
        );
        before += balance.before_sat;
        after += balance.after_sat;
        fees += balance.fees_sat;
        sum += balance.settlement_sat;
    }
    let nobody = usize::from(expected.nobody > 0);
    assert_eq!(outcome.balances.len(), expected.arbiters.len() + 4 + nobody);
    assert_eq!(sum, 0, "a settlement makes no money");
    assert_eq!(before, after + fees, "what is gone is fees");
    // In the paper's template stake coins are made before the contract, whose fees it does not count.
    match outcome.figures.template.as_str() {
        "hardened" | "audited" => assert_eq!(fees, outcome.figures.fees_sat),
        _ => assert!(fees > outcome.figures.fees_sat),
    }
    assert_eq!(outcome.figures.scheme, expected.scheme);
    let told = outcome.figures.ruling_row.as_deref();
    assert_eq!(told, expected.row, "{}", outcome.scenario);
}

fn check_transactions(outcome: &Outcome, events: &[Event], expected: &Expected, deadline: u32) {
    assert_eq!(
        outcome.transactions.len(),
        expected.transactions,
        "{:?}",
        outcome.transactions
    );
    let confirmed: BTreeMap<&str, &TransactionEvent> = events
        .iter()
        .filter_map(|e| match e {
            Event::Transaction(t) => Some((t.name.as_str(), t)),
            _ => None,
        })
        .collect();
    let last = outcome.transactions.last().unwrap().as_str();
    let height = confirmed[last].height;
    assert_eq!(outcome.figures.settled_at, height);
    match expected.timing {
        table::Timing::Free => {}
        table::Timing::Deadline(blocks) => {
            let first = deadline.checked_add_signed(blocks).unwrap() + 1;
            assert_eq!(height, first, "{last}: first block above the lock");
        }
        table::Timing::After(parent, blocks) => {
            // Whoever shows the result waits until the block before is two deep.
            let least = if expected.reveals { 2 } else { 1 };
            assert_eq!(
                height,
                confirmed[parent].height + blocks.max(least),
                "{last} after {parent}"
            );
        }
    }
}

fn check_result(outcome: &Outcome, expected: &Expected, job: Job) {
    match (&outcome.figures.result, expected.reveals) {
        (None, false) => {}
        (Some(DecryptedResult::Digits(result)), true) => {
            assert!(result.matches_commitment);
            let (images, labelled) = match job {
                Job::Whole => (table::IMAGES, true),
                Job::Few => (common::FEW_IMAGES, false),
            };
            assert_eq!(result.steps, images as u64);
            assert_eq!(result.agreeing_with_labels.is_some(), labelled);
            if expected.honest {
                assert_eq!(
                    result.first_digits,
                    table::digits(result.first_digits.len())
                );
                assert!(result.agreeing_with_labels.is_none_or(|share| share > 0.9));
            }
        }
        (found, wanted) => panic!(
            "{}: revealed {wanted}, decrypted {found:?}",
            outcome.scenario
        ),
    }
}

/// The chain itself holds what the outcome tells, in order.
fn on_chain_as_told(chain: &mut dyn Chain, outcome: &Outcome) {
    let mut last = 0;
    for txid in &outcome.figures.txids {
        let (_, height) = chain.transaction(txid.parse().unwrap()).unwrap().unwrap();
        assert!(height.unwrap() > last, "{txid} is not after its parent");
        last = height.unwrap();
    }
    assert_eq!(chain.mempool().unwrap(), [], "nothing is left waiting");
}

fn scenarios(template: Template) -> impl Iterator<Item = &'static Scenario<PlayOptions>> {
    PlayOptions::SCENARIOS
        .iter()
        .filter(move |s| s.needs == template)
}

/// Every ending by itself.
fn endings() -> impl Iterator<Item = &'static Scenario<PlayOptions>> {
    scenarios(Template::Hardened).filter(|s| !table::is_of_rulings(s.name))
}

/// What rulings and tokens are for.
fn of_rulings() -> impl Iterator<Item = &'static Scenario<PlayOptions>> {
    scenarios(Template::Hardened).filter(|s| table::is_of_rulings(s.name))
}

fn disputes() -> impl Iterator<Item = &'static Scenario<PlayOptions>> {
    endings().filter(|s| expected(s.needs, s.name, (2, 3)).scheme >= Some(5))
}

/// Those in which a larger panel makes a difference to consensus rules: somebody is missing.
fn incomplete_panels() -> impl Iterator<Item = &'static Scenario<PlayOptions>> {
    disputes().filter(|s| !s.name.ends_with("fault"))
}

/// A daemon serves a few plays: the subsidy, from which everybody is paid, halves every 150 blocks.
fn on_bitcoind<'a>(scenarios: impl Iterator<Item = &'a Scenario<PlayOptions>>, panel: (u8, u8)) {
    let scenarios: Vec<_> = scenarios.collect();
    for few in scenarios.chunks(3) {
        let mut chain = Bitcoind::start().unwrap();
        for scenario in few {
            ends_as_it_must(&mut chain, scenario, panel, Job::Few);
        }
    }
}

fn on_embedded(
    scenarios: impl Iterator<Item = &'static Scenario<PlayOptions>>,
    panel: (u8, u8),
    job: Job,
) {
    for scenario in scenarios {
        match (panel, job) {
            ((2, 3), Job::Few) => calm(scenario),
            _ => ends_as_it_must(&mut Embedded::new(), scenario, panel, job),
        };
    }
}

/// The whole job where it is decrypted off chain, where it is on chain, and where one of its steps is judged; what a job of a
/// hundred images leaves out is its length.
#[test]
fn hardened_embedded() {
    let whole = ["normal", "normal-long", "worker-at-fault"];
    let (whole, few): (Vec<_>, Vec<_>) = endings().partition(|s| whole.contains(&s.name));
    assert_eq!(whole.len(), 3);
    on_embedded(whole.into_iter(), (2, 3), Job::Whole);
    on_embedded(few.into_iter(), (2, 3), Job::Few);
}

#[test]
fn hardened_bitcoind() {
    on_bitcoind(endings(), (2, 3));
}

#[test]
fn rulings_embedded() {
    on_embedded(of_rulings(), (2, 3), Job::Few);
}

/// The chain is what some rows read: what is not there, what comes too late, and what nobody can spend.
#[test]
fn rulings_bitcoind() {
    let few = ["withheld-nonce", "false-seal", "unearned-approval"];
    on_bitcoind(of_rulings().filter(|s| few.contains(&s.name)), (2, 3));
}

#[test]
fn audited_embedded() {
    on_embedded(scenarios(Template::Audited), (2, 3), Job::Few);
}

#[test]
fn audited_bitcoind() {
    on_bitcoind(scenarios(Template::Audited), (2, 3));
}

/// With a majority short of the whole panel, and a hung one.
#[test]
fn challenges_of_five_embedded() {
    let challenges = scenarios(Template::Audited).filter(|s| s.name.starts_with("challenge"));
    on_embedded(challenges, (3, 5), Job::Few);
}

#[test]
fn paper_embedded() {
    on_embedded(scenarios(Template::Paper), (2, 3), Job::Few);
}

#[test]
fn paper_bitcoind() {
    on_bitcoind(scenarios(Template::Paper), (2, 3));
}

#[test]
fn disputes_of_five_embedded() {
    on_embedded(disputes(), (3, 5), Job::Few);
}

#[test]
fn disputes_of_five_bitcoind() {
    on_bitcoind(incomplete_panels().step_by(3), (3, 5));
}

#[test]
fn disputes_of_seven_embedded() {
    on_embedded(incomplete_panels().step_by(3), (4, 7), Job::Few);
}

#[test]
fn the_table_names_every_scenario() {
    for scenario in PlayOptions::SCENARIOS {
        expected(scenario.needs, scenario.name, (2, 3));
    }
}

/// The scenarios that a page's table names, each with its row.
fn rows_of(table: &str) -> BTreeMap<String, String> {
    let mut named = BTreeMap::new();
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        for name in cells[2].split(", ").filter(|name| name.starts_with('`')) {
            let again = named.insert(name.trim_matches('`').to_owned(), cells[1].to_owned());
            assert_eq!(again, None, "{name} has one row");
        }
    }
    named
}

/// The page names for each row what tells of it, and nothing else.
#[test]
fn the_page_has_the_row_of_every_scenario() {
    let page = include_str!("../../docs/rulings.md");
    let (_, played) = page.split_once("## Played").unwrap();
    let named = rows_of(played);
    for scenario in scenarios(Template::Hardened) {
        let row = expected(scenario.needs, scenario.name, (2, 3)).row;
        // The same with arbiters missing.
        let name = scenario.name.trim_end_matches("-long");
        let told = named.get(name).map(String::as_str);
        assert_eq!(told.filter(|_| row.is_some()), row, "{}", scenario.name);
    }
    for (name, row) in named {
        let options = common::options(Template::Hardened, &name, (2, 3));
        let scenario = options.scenario(&name).unwrap();
        let expected = expected(scenario.needs, scenario.name, (2, 3)).row;
        assert_eq!(expected, Some(row.as_str()), "{name}");
    }
}

/// And that of the audited template for each challenge.
#[test]
fn the_page_has_the_row_of_every_challenge() {
    let page = include_str!("../../docs/contracts/audited.md");
    let (_, played) = page.split_once("| row | scenario |").unwrap();
    let (played, _) = played.split_once("## ").unwrap();
    let challenges = scenarios(Template::Audited).filter(|s| s.name.starts_with("challenge"));
    let rows = challenges.map(|s| (s.name.to_owned(), expected(s.needs, s.name, (2, 3)).row));
    let rows: BTreeMap<_, _> = rows
        .map(|(name, row)| (name, row.unwrap().to_owned()))
        .collect();
    assert_eq!(rows_of(played), rows);
}
