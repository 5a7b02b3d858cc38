//! A watchtower does for a party that is away what that would do itself: each transaction in its window, a block early not, through
//! reorganisations and beside rivals, and at its own cost.

use crate::common;

use bitcoin::{Amount, Transaction};
use common::{gains, is_too_early, rival};
use narthex::{
    channel::log::{Identity, Log, MemoryDisk},
    contracts::{
        graph::NodeName,
        template::{Exit, RootRecord, Rulings, TowerBundle, TowerPace, root_coin},
        terms::{FeeRate, Role},
    },
    game_model::{Accusation, ArbiterSet, Ruling, Template},
    life::{Publisher, Watchtower},
    play::ContractPlay,
    regtest::{Chain, mine_coins},
    wallet::{ChildRequest, PartyWallet},
};
use narthex_base::codec::Message as _;

use Role::{Client, Verifier, Worker};

/// 1.2 and 30 sat/vB.
const LOW: FeeRate = FeeRate::from_sat_per_kwu(300);
const HIGH: FeeRate = FeeRate::from_sat_per_kwu(7_500);

/// More than all windows of an example.
const MOST_BLOCKS: u32 = 400;

const PACE: TowerPace = TowerPace {
    since: 1,
    depth: 2,
    confirm: 1,
    message: 1,
};

on_both_chains!(
    a_client_that_is_away,
    a_client_of_an_audit_that_is_away,
    a_worker_that_is_away,
    a_verifier_that_is_away,
    what_a_panel_has_ruled,
    what_a_panel_has_ruled_on_a_challenge,
    a_rival_is_outbid,
    a_tower_that_is_killed_goes_on,
);

/// A contract, and a tower with some coins of its own.
fn begun(chain: &mut dyn Chain) -> (ContractPlay<'_>, PartyWallet) {
    begun_as(chain, Template::Hardened)
}

fn begun_as(chain: &mut dyn Chain, template: Template) -> (ContractPlay<'_>, PartyWallet) {
    let mut wallet = PartyWallet::new("tower", &[77; 32]).unwrap();
    mine_coins(chain, 4, &wallet.fresh_script(), &common::miner()).unwrap();
    wallet.sync(chain).unwrap();
    (common::play(chain, template, (2, 3)), wallet)
}

/// What a party gives, as bytes there and back.
fn bundle(play: &ContractPlay<'_>, who: Role) -> TowerBundle {
    let participant = play.participant(who).unwrap();
    let held = participant.holdings.as_ref().unwrap();
    let bundle = TowerBundle::of(held, PACE, &[]).unwrap();
    TowerBundle::from_bytes(&bundle.to_bytes()).unwrap()
}

fn tower<'a>(play: &ContractPlay<'_>, who: Role, wallet: &'a mut PartyWallet) -> Watchtower<'a> {
    let log = MemoryDisk::default().open(&Identity::new("watched", [1; 32]));
    let publisher = Publisher::new(wallet, LOW);
    let log = || Ok::<Box<dyn Log>, _>(Box::new(log?));
    Watchtower::open(&bundle(play, who), log, publisher).unwrap()
}

/// One look, and what follows; whether something was sent.
fn round(play: &mut ContractPlay<'_>, tower: &mut Watchtower<'_>) -> bool {
    tower.look(play.chain()).unwrap();
    let sent = tower.publish(play.chain()).unwrap();
    let refused = &tower.publisher().refused;
    assert!(refused.is_empty(), "{refused:?}");
    sent
}

fn empty_block(play: &mut ContractPlay<'_>) {
    let reward = common::miner();
    play.chain().mine_exactly(&[], &reward).unwrap();
}

/// Blocks come, and the tower publishes nothing until this transaction's window begins: a block early nobody's block may hold it, if it
/// has a lock. Then it publishes it, pays for it, and the next block has it; when that block is lost, again.
fn in_its_window(
    play: &mut ContractPlay<'_>,
    tower: &mut Watchtower<'_>,
    name: NodeName,
    is_locked: bool,
) -> Transaction {
    let node = common::node(play, name);
    for _ in 0..MOST_BLOCKS {
        tower.look(play.chain()).unwrap();
        if tower.due().is_some() {
            break;
        }
        assert!(!tower.publish(play.chain()).unwrap(), "{name}: too early");
        assert!(play.chain().mempool().unwrap().is_empty());
        empty_block(play);
    }
    let (found, until, tx) = tower.due().unwrap_or_else(|| panic!("{name} never comes"));
    assert_eq!(found, node, "{name}");
    if is_locked {
        // Its window begins with the next block, and not with the one before that.
        play.chain().disconnect(1).unwrap();
        let early = common::refused(play, &tx);
        assert!(is_too_early(&early), "{name}: {early}");
        tower.look(play.chain()).unwrap();
        assert!(tower.due().is_none(), "{name}: a block early");
        empty_block(play);
    }
    assert!(round(play, tower), "{name} is sent");
    assert!(!round(play, tower), "{name} is paid for once");
    assert!(rival::waits(play, &tx));
    play.chain().mine(1, &common::miner()).unwrap();
    assert!(rival::is_confirmed(play, &tx), "{name}");
    let height = play.chain().height().unwrap();
    assert!(until.is_none_or(|until| height <= until), "{name}: late");
    tower.look(play.chain()).unwrap();
    assert_eq!(tower.standing(), Some((name, height)));
    // That block is lost, and with it what waits by itself no longer.
    play.chain().reorg(1, &common::miner()).unwrap();
    assert!(!rival::is_confirmed(play, &tx));
    round(play, tower);
    play.chain().mine(1, &common::miner()).unwrap();
    assert!(rival::is_confirmed(play, &tx), "{name}: again");
    tower.look(play.chain()).unwrap();
    play.sync().unwrap();
    tx
}

/// Whether the tower has nothing more to do, and knows it.
fn is_over(play: &mut ContractPlay<'_>, tower: &mut Watchtower<'_>) {
    assert!(!tower.is_past(), "one block may be lost");
    empty_block(play);
    tower.look(play.chain()).unwrap();
    assert!(tower.is_past());
    assert!(!tower.publish(play.chain()).unwrap());
}

type Moves = fn(&mut ContractPlay<'_>);

fn approve(play: &mut ContractPlay<'_>) {
    common::approved(play);
}

fn a_client_that_is_away(chain: &mut dyn Chain) {
    let (mut play, mut wallet) = begun(chain);
    let mut watch = tower(&play, Client, &mut wallet);
    in_its_window(&mut play, &mut watch, Exit::WORKER_TIMEOUT, true);
    is_over(&mut play, &mut watch);
    // The tower has paid, and the client is whole to the satoshi.
    assert_eq!(gains(&play), [0, -180_000, 0]);
    drop(watch);
    let ways: [(NodeName, Moves); 3] = [
        (Exit::ABANDONED, common::deliver),
        (Exit::WITHHELD, approve),
        (Exit::UNAPPEALED, common::reject),
    ];
    let chain = play.chain();
    for (name, moves) in ways {
        let (mut play, mut wallet) = begun(chain);
        moves(&mut play);
        let mut watch = tower(&play, Client, &mut wallet);
        in_its_window(&mut play, &mut watch, name, true);
        is_over(&mut play, &mut watch);
    }
}

fn a_client_of_an_audit_that_is_away(chain: &mut dyn Chain) {
    let ways: [(NodeName, Moves); 3] = [
        (Exit::ABANDONED, common::deliver),
        (Exit::WITHHELD, approve),
        (Exit::UNAPPEALED, common::reject),
    ];
    for (name, moves) in ways {
        let (mut play, mut wallet) = begun_as(chain, Template::Audited);
        moves(&mut play);
        let mut watch = tower(&play, Client, &mut wallet);
        in_its_window(&mut play, &mut watch, name, true);
        is_over(&mut play, &mut watch);
    }
}

/// Delivered with a root on record, and rejected in the next block.
fn rejected_with_root(play: &mut ContractPlay<'_>) {
    let txd = play.complete(Worker, common::node(play, Exit::DELIVERED));
    let txd = txd.unwrap();
    let coin = root_coin(play.terms(), play.graph()).unwrap();
    let worker = &mut play.participant_mut(Worker).unwrap().wallet;
    let request = ChildRequest {
        parent: &txd,
        coins: vec![worker.coin(coin).unwrap()],
        data: Some(RootRecord { root: [5; 32] }.script()),
        rate: LOW,
        least_fee: Amount::ZERO,
    };
    let child = worker.child(request).unwrap();
    play.chain().submit_package(&[txd, child]).unwrap();
    play.mine(1).unwrap();
    let txv0 = play.complete(Verifier, common::node(play, Exit::REJECTED));
    rival::offer(play, Verifier, &txv0.unwrap(), LOW).unwrap();
    play.mine(1).unwrap();
}

/// TxD is nobody's lock but its worker's time: the tower waits for the worker as long as that may come back. TxA needs a root on record.
fn a_worker_that_is_away(chain: &mut dyn Chain) {
    let (mut play, mut wallet) = begun(chain);
    let mut watch = tower(&play, Worker, &mut wallet);
    let before = play.chain().height().unwrap();
    in_its_window(&mut play, &mut watch, Exit::DELIVERED, false);
    assert!(play.chain().height().unwrap() > before + 2, "not at once");
    // It is no tower's to take the verifier's silence: that shows the secret.
    for _ in 0..12 {
        assert!(!round(&mut play, &mut watch));
        empty_block(&mut play);
    }
    drop(watch);
    let (mut play, mut wallet) = begun(play.chain());
    rejected_with_root(&mut play);
    let mut watch = tower(&play, Worker, &mut wallet);
    in_its_window(&mut play, &mut watch, Exit::APPEALED, false);
    // Acquitted, it is its own to show what it is paid for.
    let rulings = [0, 1].map(|i| common::attestation(&play, i, Ruling::VerifierAtFault));
    for ruling in &rulings {
        assert_eq!(watch.attest(ruling), Ok(true));
    }
    for _ in 0..MOST_BLOCKS {
        assert!(!round(&mut play, &mut watch));
        empty_block(&mut play);
    }
}

fn a_verifier_that_is_away(chain: &mut dyn Chain) {
    let (mut play, mut wallet) = begun(chain);
    let mut watch = tower(&play, Verifier, &mut wallet);
    common::deliver(&mut play);
    // A verdict is a judgement: none comes of a tower.
    for _ in 0..3 {
        assert!(!round(&mut play, &mut watch));
        empty_block(&mut play);
    }
    play.publish(Verifier, Exit::REJECTED, "test").unwrap();
    in_its_window(&mut play, &mut watch, Exit::UNAPPEALED, true);
    is_over(&mut play, &mut watch);
    drop(watch);
    let (mut play, mut wallet) = begun(play.chain());
    common::approved(&mut play);
    let mut watch = tower(&play, Verifier, &mut wallet);
    in_its_window(&mut play, &mut watch, Exit::WITHHELD, true);
    is_over(&mut play, &mut watch);
}

/// Rulings are public once they are made; the tower learns them from whoever brings them.
fn what_a_panel_has_ruled(chain: &mut dyn Chain) {
    let (mut play, mut wallet) = begun(chain);
    common::appeal(&mut play);
    let mut watch = tower(&play, Client, &mut wallet);
    let set: ArbiterSet = [0, 2].into_iter().collect();
    let rulings = [0, 2].map(|i| common::attestation(&play, i, Ruling::WorkerAtFault));
    for ruling in &rulings {
        assert_eq!(watch.attest(ruling), Ok(true));
        assert_eq!(watch.attest(ruling), Ok(false), "known");
    }
    let mut forged = rulings[0];
    forged.arbiter = 1;
    assert!(watch.attest(&forged).is_err());
    let convicted = Exit::ruled(Ruling::WorkerAtFault, set);
    in_its_window(&mut play, &mut watch, convicted, true);
    is_over(&mut play, &mut watch);
    drop(watch);
    // Nobody has ruled.
    let (mut play, mut wallet) = begun(play.chain());
    common::appeal(&mut play);
    let mut watch = tower(&play, Verifier, &mut wallet);
    let none = Rulings {
        worker: ArbiterSet::empty(),
        verifier: ArbiterSet::empty(),
    };
    let failed = Exit::failed(Some(none), true);
    in_its_window(&mut play, &mut watch, failed, true);
    is_over(&mut play, &mut watch);
}

/// Delivered, approved and challenged, by one way of rulings each.
fn what_a_panel_has_ruled_on_a_challenge(chain: &mut dyn Chain) {
    let (mut play, mut wallet) = challenged(chain);
    let mut watch = tower(&play, Client, &mut wallet);
    let set: ArbiterSet = [0, 2].into_iter().collect();
    let rulings = [0, 2].map(|i| common::attestation(&play, i, Ruling::WorkerAtFault));
    for ruling in &rulings {
        assert_eq!(watch.attest(ruling), Ok(true));
    }
    let upheld = Exit::ruled_on(Accusation::Challenge, Ruling::WorkerAtFault, set);
    in_its_window(&mut play, &mut watch, upheld, true);
    is_over(&mut play, &mut watch);
    drop(watch);
    // A verifier that has approved loses by it: its tower leaves it to the others.
    let (mut play, mut wallet) = challenged(play.chain());
    let mut watch = tower(&play, Verifier, &mut wallet);
    for i in [0, 2] {
        let ruling = common::attestation(&play, i, Ruling::WorkerAtFault);
        assert_eq!(watch.attest(&ruling), Ok(true));
    }
    for _ in 0..MOST_BLOCKS {
        assert!(!round(&mut play, &mut watch));
        empty_block(&mut play);
    }
    drop(watch);
    // Nobody has ruled.
    let (mut play, mut wallet) = challenged(play.chain());
    let mut watch = tower(&play, Verifier, &mut wallet);
    let none = Rulings {
        worker: ArbiterSet::empty(),
        verifier: ArbiterSet::empty(),
    };
    let failed = Exit::failed_on(Accusation::Challenge, Some(none), true);
    in_its_window(&mut play, &mut watch, failed, true);
    is_over(&mut play, &mut watch);
}

/// What is due before a challenge is due in an audited contract too, and the challenge itself is no tower's.
fn challenged(chain: &mut dyn Chain) -> (ContractPlay<'_>, PartyWallet) {
    let (mut play, mut wallet) = begun_as(chain, Template::Audited);
    common::approved(&mut play);
    {
        let mut watch = tower(&play, Client, &mut wallet);
        for _ in 0..4 {
            assert!(!round(&mut play, &mut watch));
            empty_block(&mut play);
        }
    }
    play.publish(Client, Exit::CHALLENGED, "test").unwrap();
    (play, wallet)
}

/// The worker's late delivery waits when S1's window begins. The tower pays for its removal, and no more than is at stake.
fn a_rival_is_outbid(chain: &mut dyn Chain) {
    let (mut play, mut wallet) = begun(chain);
    let mut watch = tower(&play, Client, &mut wallet);
    let node = common::node(&play, Exit::DELIVERED);
    let txd = play.complete(Worker, node).unwrap();
    let deadline = common::deliver_height(play.terms());
    common::before(&mut play, deadline + 1);
    let late = rival::offer(&mut play, Worker, &txd, HIGH).unwrap();
    assert!(round(&mut play, &mut watch));
    let s1 = watch.due().unwrap().2;
    assert!(rival::waits(&mut play, &s1));
    assert!(!rival::waits(&mut play, &txd) && !rival::waits(&mut play, &late));
    let paid = watch.publisher().paid.last().unwrap().fee;
    assert!(
        paid > Amount::from_sat(8_000) && paid < Amount::from_sat(180_000 / 2),
        "{paid}"
    );
    play.chain().mine(1, &common::miner()).unwrap();
    assert!(rival::is_confirmed(&mut play, &s1));
    play.sync().unwrap();
    assert_eq!(gains(&play), [0, -180_000, 0]);
}

/// What it has read of the chain is on its disk, and what it has sent is in the mempool: nothing else is needed.
fn a_tower_that_is_killed_goes_on(chain: &mut dyn Chain) {
    let (mut play, mut wallet) = begun(chain);
    let disk = MemoryDisk::default();
    let bundle = bundle(&play, Client);
    let mut last = None;
    for _ in 0..MOST_BLOCKS {
        let log = disk.open(&Identity::new("watched", [1; 32]));
        let log = || Ok::<Box<dyn Log>, _>(Box::new(log?));
        let publisher = Publisher::new(&mut wallet, LOW);
        let mut watch = Watchtower::open(&bundle, log, publisher).unwrap();
        round(&mut play, &mut watch);
        if watch.is_past() {
            last = watch.standing();
            break;
        }
        drop(watch);
        play.chain().mine(1, &common::miner()).unwrap();
    }
    assert_eq!(last.map(|(name, _)| name), Some(Exit::WORKER_TIMEOUT));
    play.sync().unwrap();
    assert_eq!(gains(&play), [0, -180_000, 0]);
}
