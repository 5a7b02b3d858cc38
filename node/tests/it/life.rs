//! What nodes do once a contract is funded, without sockets: to its end, killed at any moment, and with parties that are gone.

use narthex::bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng};
use narthex::game_model::Template;
use narthex_node::party::{Command, MemoryStore, OnChain, Reply, Store as _};

use crate::support::town::Town;

/// Blocks after which a contract is given up: more than all its windows.
const MOST_BLOCKS: u32 = 700;

/// An offer, taken by all and funded.
pub fn funded(town: &mut Town) -> [u8; 32] {
    let id = town.offer();
    town.pump();
    assert!(town.all(&id, "committed"), "{}", town.notes());
    town.mine(1);
    assert!(town.all(&id, "live"), "{}", town.notes());
    id
}

fn stand(town: &Town, id: &[u8; 32]) -> Vec<String> {
    (0..6).map(|at| town.standing(at, id)).collect()
}

pub fn is_over(standing: &str) -> bool {
    matches!(standing, "decrypted" | "settled" | "over")
}

/// Blocks come until everybody who is there has an end, and as many more as bury it.
pub fn lived(town: &mut Town, id: &[u8; 32]) {
    for _ in 0..MOST_BLOCKS {
        let there = (0..6).filter(|at| town.nodes[*at].core.is_some());
        let there: Vec<_> = there.collect();
        if there.iter().all(|at| is_over(&town.standing(*at, id))) {
            town.mine(2);
            return;
        }
        town.mine(1);
    }
    panic!("{:?}\n{}", stand(town, id), town.notes());
}

/// Names of the contract's transactions on chain, the same for everybody who is there.
pub fn path(town: &Town, id: &[u8; 32]) -> Vec<String> {
    let there = (0..6).filter_map(|at| Some(town.show(at, id)?.path));
    let there: Vec<Vec<OnChain>> = there.collect();
    assert!(there.iter().all(|path| *path == there[0]), "{there:?}");
    there[0].iter().map(|tx| tx.name.clone()).collect()
}

/// What the client has decrypted.
pub fn result(town: &mut Town, id: &[u8; 32]) -> Vec<u8> {
    use narthex::bitcoin::hex::{DisplayHex as _, FromHex as _};
    let order = Command::Result {
        id: id.to_lower_hex_string(),
    };
    let Ok(Reply::Result(status)) = town.ask(0, order) else {
        panic!("no result\n{}", town.notes());
    };
    let hash = <[u8; 32]>::from_hex(&status.sha256).unwrap();
    let blobs = town.nodes[0].store.blobs(id).unwrap();
    blobs.kept(&hash).unwrap()
}

/// Confirmed coins of each.
pub fn balances(town: &mut Town) -> Vec<u64> {
    let balance = |at: usize| match town.ask(at, Command::Node) {
        Ok(Reply::Node(status)) => status.balance_sat,
        other => panic!("{other:?}"),
    };
    (0..6).map(balance).collect()
}

/// Blocks come until the panel has its stakes.
fn stakes_back(town: &mut Town, id: &[u8; 32]) {
    for _ in 0..MOST_BLOCKS {
        let has = |at: usize| town.show(at, id).unwrap().due.is_empty();
        if (3..6).all(has) {
            return;
        }
        town.mine(1);
    }
    panic!("{:?}\n{}", stand(town, id), town.notes());
}

/// More than a party pays in fees, and less than any deposit.
const FEES: u64 = 5_000;

#[test]
fn a_contract_comes_to_its_result() {
    let mut town = Town::new();
    let before = balances(&mut town);
    let id = funded(&mut town);
    lived(&mut town, &id);
    assert_eq!(path(&town, &id), ["Tx0", "S3"], "{}", town.notes());
    assert_eq!(town.standing(0, &id), "decrypted");
    let found = result(&mut town, &id);
    assert_eq!(found, town.right(), "{}", town.notes());
    // The stakes are free once no story could need them; arbiters take them back.
    stakes_back(&mut town, &id);
    // Who did something was paid for it by the client; the panel has its stakes.
    let after = balances(&mut town);
    assert!(after[0] < before[0], "{before:?} {after:?}");
    for at in 1..3 {
        assert!(after[at] > before[at], "{at}: {before:?} {after:?}");
    }
    for at in 3..6 {
        assert!(after[at] + FEES > before[at], "{at}: {before:?} {after:?}");
    }
    // It is what it was after a start.
    for at in 0..6 {
        town.restart(at);
    }
    // Its job is looked at first; then it goes on, and the wallet reads what it asks for.
    town.pass(1);
    town.pass(1);
    assert!(is_over(&town.standing(0, &id)));
    assert_eq!(result(&mut town, &id), found);
    assert_eq!(balances(&mut town), after);
}

/// Another contract of the node's that staked it, or paid a fee by it, would cost the worker this one.
#[test]
fn the_coin_of_the_root_serves_nothing_else() {
    let mut town = Town::new();
    let id = funded(&mut town);
    let kept = |town: &mut Town, at: usize| match town.ask(at, Command::Node) {
        Ok(Reply::Node(status)) => status.balance_sat - status.spare_sat,
        other => panic!("{other:?}"),
    };
    assert!(kept(&mut town, 1) > 0);
    assert_eq!([kept(&mut town, 0), kept(&mut town, 2)], [0, 0]);
    town.restart(1);
    town.pass(1);
    assert!(!is_over(&town.standing(1, &id)));
    assert!(kept(&mut town, 1) > 0);
}

/// The same, with what a node's disk was like before it was.
fn funded_after(town: &mut Town, at: usize) -> ([u8; 32], MemoryStore) {
    let id = town.offer();
    town.pump();
    let old = town.nodes[at].snapshot();
    town.mine(1);
    assert!(town.all(&id, "live"), "{}", town.notes());
    (id, old)
}

/// A node's disk is from now on as it was before its contract was funded, long things too.
fn forgets_its_life(town: &mut Town, at: usize, old: &MemoryStore) {
    town.kill(at);
    town.nodes[at].store = old.clone();
    town.start(at);
    for other in (0..6).filter(|other| *other != at) {
        if town.nodes[other].core.is_some() {
            town.connect(at, other);
        }
    }
    town.pass(1);
}

/// Links keep no boxes, openings and evidence: whoever has handed them over hands them over again to one that lost them with its disk.
#[test]
fn whoever_has_lost_what_it_was_handed_is_given_it_again() {
    // The client has paid, and decrypts what it has lost.
    let mut town = Town::new();
    let (id, old) = funded_after(&mut town, 0);
    lived(&mut town, &id);
    let found = result(&mut town, &id);
    forgets_its_life(&mut town, 0, &old);
    lived(&mut town, &id);
    assert_eq!(town.standing(0, &id), "decrypted", "{}", town.notes());
    assert_eq!(result(&mut town, &id), found);

    // The verifier has answered, and compares what it has lost. The worker was started again meanwhile, and is not ready at once.
    let mut town = Town::new();
    let (id, old) = funded_after(&mut town, 2);
    let mut rng = StdRng::seed_from_u64(3);
    let has_opened = |town: &Town| town.standing(1, &id) == "opened";
    for _ in 0..MOST_BLOCKS {
        town.mine_only(1);
        for node in &mut town.nodes {
            let core = node.core.as_mut().unwrap();
            core.poll(&mut town.chain, town.now).unwrap();
        }
        // Step by step, to stop before the verifier answers.
        for _ in 0..200 {
            if !has_opened(&town) {
                town.some(1, &mut rng);
            }
        }
        if has_opened(&town) {
            break;
        }
        town.pass(1);
    }
    assert!(has_opened(&town), "{}", town.notes());
    town.kill(1);
    forgets_its_life(&mut town, 2, &old);
    town.start(1);
    town.connect_all(1);
    town.pass(1);
    lived(&mut town, &id);
    assert_eq!(path(&town, &id), ["Tx0", "S3"], "{}", town.notes());
    assert_eq!(result(&mut town, &id), town.right());
    assert!(!town.notes().contains("refused"), "{}", town.notes());
}

/// Somebody is killed now and then, until everybody has an end.
pub fn killed_until_over(town: &mut Town, id: &[u8; 32], rng: &mut StdRng) {
    for _ in 0..MOST_BLOCKS {
        if (0..6).all(|at| is_over(&town.standing(at, id))) {
            break;
        }
        // In the middle of what a block brings about, and before anything that was not said is.
        town.mine_only(1);
        for _ in 0..rng.gen_range(0..3) {
            town.some(rng.gen_range(0..40), rng);
            let at = rng.gen_range(0..6);
            town.kill(at);
            town.some(rng.gen_range(0..10), rng);
            town.start(at);
            town.connect_all(at);
        }
        town.pass(1);
    }
    town.mine(2);
}

#[test]
fn whoever_is_killed_in_its_life_goes_on() {
    for seed in 0..4 {
        println!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        let mut town = Town::new();
        let id = funded(&mut town);
        killed_until_over(&mut town, &id, &mut rng);
        assert_eq!(path(&town, &id), ["Tx0", "S3"], "{}", town.notes());
        assert_eq!(result(&mut town, &id), town.right());
    }
}

#[test]
fn a_worker_that_is_gone_costs_the_client_nothing() {
    let mut town = Town::new();
    let before = balances(&mut town);
    let id = funded(&mut town);
    town.kill(1);
    lived(&mut town, &id);
    assert_eq!(path(&town, &id), ["Tx0", "S1"], "{}", town.notes());
    town.start(1);
    let after = balances(&mut town);
    assert!(after[0] + FEES > before[0], "{before:?} {after:?}");
    assert!(after[1] + FEES < before[1], "{before:?} {after:?}");
}

#[test]
fn a_verifier_that_is_gone_does_not_keep_the_worker_from_its_pay() {
    let mut town = Town::new();
    let before = balances(&mut town);
    let id = funded(&mut town);
    town.kill(2);
    lived(&mut town, &id);
    let path = path(&town, &id);
    assert_eq!(path.first().map(String::as_str), Some("Tx0"));
    assert_eq!(
        path.get(1).map(String::as_str),
        Some("TxD"),
        "{}",
        town.notes()
    );
    town.start(2);
    let after = balances(&mut town);
    assert!(after[1] > before[1], "{before:?} {after:?}");
    assert!(after[2] + FEES < before[2], "{before:?} {after:?}");
    assert_eq!(result(&mut town, &id), town.right());
}

#[test]
fn a_block_that_is_taken_back_is_nothing_that_happened() {
    let mut town = Town::new();
    let id = funded(&mut town);
    for _ in 0..MOST_BLOCKS {
        if path(&town, &id).len() == 2 {
            break;
        }
        town.mine(1);
    }
    assert_eq!(path(&town, &id), ["Tx0", "S3"]);
    // The block of the settlement goes, and with it what it has shown; it comes again.
    town.take_back(1);
    town.pass(1);
    assert_eq!(path(&town, &id), ["Tx0"], "{}", town.notes());
    lived(&mut town, &id);
    assert_eq!(path(&town, &id), ["Tx0", "S3"]);
    assert_eq!(result(&mut town, &id), town.right());
}

fn reserve(town: &mut Town, at: usize) -> u64 {
    match town.ask(at, Command::Node) {
        Ok(Reply::Node(status)) => status.reserve_sat,
        other => panic!("{other:?}"),
    }
}

/// A block may take the end back, and then a party pays for its exits again: what it has kept for that stays until the end is deep.
#[test]
fn a_reserve_is_kept_until_the_end_is_deep() {
    let mut town = Town::new();
    assert_eq!(reserve(&mut town, 0), 0);
    let id = funded(&mut town);
    let kept = reserve(&mut town, 1);
    assert!(kept > 0);
    for _ in 0..MOST_BLOCKS {
        if is_over(&town.standing(1, &id)) {
            break;
        }
        town.mine(1);
    }
    assert!(is_over(&town.standing(1, &id)), "{}", town.notes());
    // One block has the end; two make it deep.
    assert_eq!(reserve(&mut town, 1), kept, "{}", town.notes());
    // It is taken back, and comes again.
    town.take_back(1);
    town.pass(1);
    assert_eq!(reserve(&mut town, 1), kept, "{}", town.notes());
    town.mine(1);
    assert_eq!(path(&town, &id), ["Tx0", "S3"], "{}", town.notes());
    assert_eq!(reserve(&mut town, 1), kept);
    town.mine(1);
    for at in 0..6 {
        assert_eq!(reserve(&mut town, at), 0, "{at}");
    }
    // Whoever starts again comes to the same.
    town.kill(1);
    town.start(1);
    // Its job is looked at first, and until then it holds what a contract that lives needs.
    town.pass(1);
    assert_eq!(reserve(&mut town, 1), 0);
}

/// A node that starts again reads the chain from where it was, and not from the funding on.
#[test]
fn a_chain_is_followed_on_from_where_it_was() {
    let mut town = Town::new();
    let id = funded(&mut town);
    town.mine(3);
    let entries = |town: &Town| {
        let written = town.nodes[1].written.borrow();
        written.iter().filter(|(log, _)| log == "followed").count()
    };
    let before = entries(&town);
    assert!(before >= 4, "a block each: {before}");
    town.restart(1);
    town.pass(1);
    assert_eq!(entries(&town), before, "nothing is read twice");
    // Blocks that came while it was away, on another branch.
    town.kill(1);
    town.take_back(2);
    town.start(1);
    town.connect_all(1);
    town.pass(1);
    // One says that two blocks are gone, and three came.
    assert_eq!(entries(&town), before + 4);
    lived(&mut town, &id);
    assert_eq!(path(&town, &id), ["Tx0", "S3"], "{}", town.notes());
}

/// The client has given a tower what it may have, and is gone, and so is the worker. The tower gives the client back what is its own.
#[test]
fn a_client_that_is_gone_has_a_tower() {
    use narthex::{
        bitcoin::hex::{DisplayHex as _, FromHex as _},
        channel::log::{Identity, Log, MemoryDisk},
        contracts::{template::TowerBundle, terms::FeeRate},
        life::{Publisher, Watchtower},
        regtest::mine_coins,
        wallet::PartyWallet,
    };
    use narthex_base::codec::Message as _;

    let mut town = Town::new();
    let before = balances(&mut town);
    let id = town.offer();
    let order = Command::Bundle {
        id: id.to_lower_hex_string(),
    };
    assert!(town.ask(0, order.clone()).is_err(), "not funded yet");
    town.pump();
    town.mine(1);
    assert!(town.all(&id, "live"), "{}", town.notes());
    let given = match town.ask(0, order) {
        Ok(Reply::Bundle(given)) => given,
        other => panic!("{other:?}"),
    };
    assert_eq!(given.role, "client");
    assert!(given.transactions.contains(&"S1".to_owned()));
    assert!(!given.transactions.iter().any(|name| name.starts_with("S3")));
    let bundle = Vec::<u8>::from_hex(&given.bundle).unwrap();
    let bundle = TowerBundle::from_bytes(&bundle).unwrap();
    // Only panel and verifier are left, and they have given no verdict on nothing.
    town.kill(0);
    town.kill(1);
    let mut wallet = PartyWallet::new("tower", &[9; 32]).unwrap();
    let script = wallet.fresh_script();
    mine_coins(&mut town.chain, 3, &script, &script).unwrap();
    wallet.sync(&mut town.chain).unwrap();
    let log = MemoryDisk::default().open(&Identity::new("watched", id));
    let publisher = Publisher::new(&mut wallet, FeeRate::from_sat_per_kwu(500));
    let log = || Ok::<Box<dyn Log>, _>(Box::new(log?));
    let mut tower = Watchtower::open(&bundle, log, publisher).unwrap();
    for _ in 0..MOST_BLOCKS {
        tower.look(&mut town.chain).unwrap();
        if tower.is_past() {
            break;
        }
        tower.publish(&mut town.chain).unwrap();
        town.mine_only(1);
    }
    assert!(tower.is_past());
    assert_eq!(
        tower.standing().map(|(name, _)| name.to_string()),
        Some("S1".to_owned())
    );
    assert_eq!(tower.publisher().paid.len(), 1);
    drop(tower);
    town.start(0);
    town.start(1);
    let after = balances(&mut town);
    assert!(after[0] + FEES > before[0], "{before:?} {after:?}");
}

/// A party of a pace takes part only where it could keep every deadline at that pace, and that is before a coin of it is locked.
#[test]
fn windows_that_are_too_short_are_not_taken() {
    use narthex::game_model::{ParamsRecord, schedule::Pace};

    let mut town = Town::new();
    let paced = |town: &mut Town, change: fn(&mut ParamsRecord)| {
        let mut order = town.order();
        let params = (*order.params).clone().paced(&Pace::REGTEST, 0).unwrap();
        order.params = Box::new(params);
        change(&mut order.params);
        order
    };
    for at in 0..6 {
        town.pace(at, Pace::REGTEST);
        town.restart(at);
    }
    town.pump();
    // The example's own windows are for a chain that is mined on demand: its verdict has six blocks.
    let short = Box::new(town.order());
    let refused = town.ask(0, Command::Offer(short)).unwrap_err();
    assert!(refused.contains("verdict"), "{refused}");
    // 2b + r is three here.
    let order = paced(&mut town, |params| params.windows.appeal_blocks = 2);
    let refused = town.ask(0, Command::Offer(Box::new(order))).unwrap_err();
    assert!(refused.contains("2 * b + r = 3"), "{refused}");
    let order = paced(&mut town, |params| {
        assert_eq!(params.windows.appeal_blocks, 3)
    });
    let made = town.ask(0, Command::Offer(Box::new(order)));
    assert!(made.is_ok(), "{made:?}");
}

/// The paper's template is lived for research alone: nobody locks coins in it.
#[test]
fn a_contract_of_the_paper_is_not_offered() {
    let mut town = Town::new();
    town.template = Template::Paper;
    town.pump();
    let order = Box::new(town.order());
    let refused = town.ask(0, Command::Offer(order)).unwrap_err();
    assert!(refused.contains("research alone"), "{refused}");
}

fn audited() -> Town {
    let mut town = Town::new();
    town.template = Template::Audited;
    town
}

/// How often somebody has told of it.
fn told(town: &Town, what: &str) -> usize {
    town.notes().matches(what).count()
}

#[test]
fn an_audited_contract_comes_to_its_result_when_the_client_has_looked_for_itself() {
    let mut town = audited();
    let id = funded(&mut town);
    lived(&mut town, &id);
    assert_eq!(path(&town, &id), ["Tx0", "S3"], "{}", town.notes());
    assert_eq!(result(&mut town, &id), town.right());
    assert_eq!(told(&town, "what was drawn by oneself was looked at"), 1);
}

#[test]
fn an_audited_contract_is_settled_on_chain_when_the_time_to_challenge_is_over() {
    use narthex::bitcoin::hex::DisplayHex as _;
    let mut town = audited();
    let id = funded(&mut town);
    for _ in 0..MOST_BLOCKS {
        let order = Command::Deliver {
            id: id.to_lower_hex_string(),
        };
        if town.ask(1, order).is_ok() {
            break;
        }
        town.pass(1);
    }
    lived(&mut town, &id);
    let path = path(&town, &id);
    assert_eq!(path, ["Tx0", "TxD", "TxV1", "S3'"], "{}", town.notes());
    assert_eq!(result(&mut town, &id), town.right());
}

#[test]
fn whoever_is_killed_around_an_audit_goes_on() {
    for seed in 0..2 {
        println!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        let mut town = audited();
        let id = funded(&mut town);
        killed_until_over(&mut town, &id, &mut rng);
        assert_eq!(path(&town, &id), ["Tx0", "S3"], "{}", town.notes());
        assert_eq!(result(&mut town, &id), town.right());
    }
}
