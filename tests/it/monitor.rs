//! What a party publishes until it confirms: offered again when it is lost, paid more for as its deadline comes near, and for
//! no more than is at stake; against those who replace it, pin it, or take its child away.

use crate::common;

use Role::{Client, Verifier, Worker};
use bitcoin::{Amount, ScriptBuf, Transaction, script::PushBytesBuf};
use common::{gains, rival, rough::Rough, table};
use narthex::{
    channel::{
        contract::{Contract, Policy},
        log::{Identity, MemoryDisk, MemoryLog},
    },
    contracts::{
        depth::Depth,
        template::{Exit, Reserve, RootRecord, root_coin},
        terms::{FeeRate, FeeRules, Role},
    },
    game_model::{Template, play::Strategy, token::SealCost},
    harness::play_on,
    life::{
        Bumper, Due, LifeParty, LifeSigner, LifeWork, MemoryBlobs, Offered, Own, PaperWork,
        Publisher, Secrecy,
    },
    play::ContractPlay,
    regtest::{Broadcaster as _, Chain, Embedded, Miner as _, mine_coins},
    wallet::{ChildRequest, PartyWallet, WalletError},
};

/// 1.2, 1.4 and 100 sat/vB.
const LOW: FeeRate = FeeRate::from_sat_per_kwu(300);
const PIN: FeeRate = FeeRate::from_sat_per_kwu(350);
const HIGH: FeeRate = FeeRate::from_sat_per_kwu(25_000);

/// What the worker of the example loses by S1' behind an approval.
const STAKE: Amount = Amount::from_sat(100_000);

on_both_chains!(
    it_rises_until_it_confirms,
    a_crash_forgets_nothing_that_counts,
    a_coin_that_waits_elsewhere_is_not_spent_twice,
    whole_lives_on_a_rough_chain,
    who_was_away_catches_up,
    a_kill_between_writing_and_showing_a_secret,
    a_rival_that_nobody_mines_is_not_waited_for,
    cycled_out_and_offered_again,
    a_pin_is_replaced_when_the_deadline_needs_it,
    anothers_good_child_stays,
    a_secret_is_not_shown_beside_a_rival,
    a_rival_is_outbid_up_to_the_stake,
    a_root_is_bumped_too,
    a_root_comes_again_with_its_delivery_and_without,
    through_a_reorganisation,
);

/// Approved on chain; the worker has Δ_W to confirm S3', which shows its secret.
struct Approved<'c> {
    play: ContractPlay<'c>,
    s3: Transaction,
    due: Due,
    bumper: Bumper,
}

fn approved(chain: &mut dyn Chain) -> Approved<'_> {
    let mut play = common::funded(chain);
    split(&mut play, Worker);
    let (s3, height) = common::approved(&mut play);
    // S1' may be in the sixth block.
    let due = Due {
        until: Some(height + 5),
        confirm: 1,
        at_stake: STAKE,
        secret: Secrecy::Written,
    };
    let bumper = Bumper::new(LOW, FeeRate::MOST);
    Approved {
        play,
        s3,
        due,
        bumper,
    }
}

/// Makes two coins of one, since a play leaves each party one of 200,000 sat for fees.
fn split(play: &mut ContractPlay<'_>, who: Role) {
    let wallet = &mut play.participant_mut(who).unwrap().wallet;
    let payments = [(wallet.fresh_script(), STAKE)];
    let tx = wallet.pay(&payments, LOW).unwrap();
    play.chain().submit(&tx).unwrap();
    play.mine(1).unwrap();
    rival::pay(play, who, &tx);
}

impl Approved<'_> {
    fn offer(&mut self) -> Offered {
        let due = self.due;
        self.offer_as(Worker, &due)
    }

    fn offer_as(&mut self, who: Role, due: &Due) -> Offered {
        offer(&mut self.play, &mut self.bumper, who, &self.s3, due)
    }

    fn sent(&mut self) -> (Transaction, Amount) {
        taken(self.offer())
    }

    /// A block that has no room for it.
    fn full_block(&mut self) {
        self.play
            .chain()
            .mine_exactly(&[], &common::miner())
            .unwrap();
        self.play.sync().unwrap();
    }

    /// Confirms, is paid by the worker's child, and everybody has what is due to the satoshi.
    fn ends_with(&mut self, who: Role, child: &Transaction) {
        self.play.mine(1).unwrap();
        assert!(rival::is_confirmed(&mut self.play, &self.s3));
        assert!(rival::is_confirmed(&mut self.play, child));
        rival::pay(&mut self.play, who, child);
        assert_eq!(gains(&self.play), [-100_000, 80_000, 20_000]);
    }
}

fn offer(
    play: &mut ContractPlay<'_>,
    bumper: &mut Bumper,
    who: Role,
    parent: &Transaction,
    due: &Due,
) -> Offered {
    // A wallet beside its play: the same seed, the same coins, and no borrow of the chain.
    let participant = play.participant_mut(who).unwrap();
    let apart = PartyWallet::new("apart", &[0; 32]).unwrap();
    let mut wallet = std::mem::replace(&mut participant.wallet, apart);
    let offered = bumper
        .offer((play.chain(), &mut wallet), parent, None, due)
        .unwrap();
    play.participant_mut(who).unwrap().wallet = wallet;
    offered
}

fn taken(offered: Offered) -> (Transaction, Amount) {
    match offered {
        Offered::Taken { by, fee } => (by, fee),
        other => panic!("{other:?}"),
    }
}

fn fee(play: &ContractPlay<'_>, who: Role, child: &Transaction) -> Amount {
    let (sent, received) = play
        .participant(who)
        .unwrap()
        .wallet
        .sent_and_received(child);
    sent - received
}

/// Five blocks are full. In each the worker's child pays more than before, by the same coin and to the same script, and never more
/// than half of what it would lose; asked twice in a block, it pays once.
fn it_rises_until_it_confirms(chain: &mut dyn Chain) {
    let mut at = approved(chain);
    let (first, mut paid) = at.sent();
    let usual = LOW.fee(at.s3.weight() + first.weight()).unwrap();
    assert!(
        paid.to_sat().abs_diff(usual.to_sat()) < 10,
        "{paid}, {usual}"
    );
    let mut last = first.clone();
    for block in 1..5 {
        assert_eq!(at.offer(), Offered::Waits, "once a block");
        at.full_block();
        let (child, fee) = at.sent();
        println!("block {block}: {fee}");
        assert!(fee >= paid + Amount::from_sat(child.vsize() as u64));
        assert!(!rival::waits(&mut at.play, &last) && rival::waits(&mut at.play, &child));
        assert_eq!(
            child.input[1].previous_output,
            first.input[1].previous_output
        );
        assert_eq!(child.output[0].script_pubkey, first.output[0].script_pubkey);
        assert!(fee <= STAKE / 2);
        (last, paid) = (child, fee);
    }
    assert!(
        paid > STAKE / 3,
        "the last block in time is worth it: {paid}"
    );
    at.ends_with(Worker, &last);
}

/// The same, but the process is killed after each block: the mempool is all that it goes by.
fn a_crash_forgets_nothing_that_counts(chain: &mut dyn Chain) {
    let mut at = approved(chain);
    let (mut last, mut paid) = at.sent();
    for _ in 0..4 {
        at.bumper = Bumper::new(LOW, FeeRate::MOST);
        assert_eq!(at.offer(), Offered::Waits, "nothing is paid twice");
        at.full_block();
        match at.offer() {
            Offered::Waits => {}
            offered => {
                let (child, fee) = taken(offered);
                assert!(fee > paid && fee <= STAKE / 2);
                (last, paid) = (child, fee);
            }
        }
    }
    assert!(paid > STAKE / 3, "{paid}");
    at.ends_with(Worker, &last);
}

/// What else of the party waits, of another contract say, keeps its coin, and the child is made anew from another one.
fn a_coin_that_waits_elsewhere_is_not_spent_twice(chain: &mut dyn Chain) {
    let mut at = approved(chain);
    let (child, fee) = at.sent();
    let wallet = &mut at.play.participant_mut(Worker).unwrap().wallet;
    let busy = child.input[1].previous_output;
    let away = wallet.take_back(busy, HIGH).unwrap();
    at.play.chain().submit(&away).unwrap();
    assert!(!rival::waits(&mut at.play, &child));
    let (again, paid) = at.sent();
    assert!(
        again
            .input
            .iter()
            .all(|input| input.previous_output != busy)
    );
    assert!(paid > fee, "nodes that have the first take it in its place");
    assert!(rival::waits(&mut at.play, &away) && rival::waits(&mut at.play, &again));
    at.play.mine(1).unwrap();
    rival::pay(&mut at.play, Worker, &away);
    rival::pay(&mut at.play, Worker, &again);
    assert!(rival::is_confirmed(&mut at.play, &at.s3));
    assert_eq!(gains(&at.play), [-100_000, 80_000, 20_000]);
}

/// Replacement cycling: the verifier replaces the worker's child and then takes its own away. With the next block the worker's is
/// there again, at no loss but the block.
fn cycled_out_and_offered_again(chain: &mut dyn Chain) {
    let mut at = approved(chain);
    let (mut own, mut paid) = at.sent();
    for round in 0..2 {
        let least = paid + Amount::from_sat(1_000);
        let stolen = rival::child(&mut at.play, Verifier, &at.s3, LOW, least);
        at.play.chain().submit(&stolen).unwrap();
        let verifier = &mut at.play.participant_mut(Verifier).unwrap().wallet;
        let away = verifier.take_back(stolen.input[1].previous_output, HIGH);
        let away = away.unwrap();
        at.play.chain().submit(&away).unwrap();
        assert!(!rival::waits(&mut at.play, &stolen) && !rival::waits(&mut at.play, &own));
        at.play.mine(1).unwrap();
        assert!(!rival::is_confirmed(&mut at.play, &at.s3), "round {round}");
        rival::pay(&mut at.play, Verifier, &away);
        let (child, fee) = at.sent();
        assert!(fee > paid && fee <= STAKE / 2);
        (own, paid) = (child, fee);
    }
    at.ends_with(Worker, &own);
}

/// As large as version 3 allows, at a rate that no miner takes. The worker leaves it for a block, and then pays for its removal.
fn a_pin_is_replaced_when_the_deadline_needs_it(chain: &mut dyn Chain) {
    let mut at = approved(chain);
    at.due.secret = Secrecy::None;
    let data = PushBytesBuf::try_from(vec![0; 800]).unwrap();
    let client = &mut at.play.participant_mut(Client).unwrap().wallet;
    let pin = client
        .child(ChildRequest {
            parent: &at.s3,
            coins: Vec::new(),
            data: Some(ScriptBuf::new_op_return(data)),
            rate: PIN,
            least_fee: Amount::ZERO,
        })
        .unwrap();
    assert!((950..=1_000).contains(&pin.vsize()));
    let package = [at.s3.clone(), pin.clone()];
    at.play.chain().submit_package(&package).unwrap();
    assert_eq!(at.offer(), Offered::Waits, "it may confirm");
    let pinned = fee(&at.play, Client, &pin);
    let mut blocks = 0;
    let own = loop {
        at.full_block();
        blocks += 1;
        match at.offer() {
            Offered::Waits => assert!(rival::waits(&mut at.play, &pin)),
            offered => break taken(offered),
        }
    };
    println!(
        "the pin paid {pinned}; after {blocks} blocks its removal {}",
        own.1
    );
    assert!(blocks < 5 && own.1 > pinned && own.1 <= STAKE / 2);
    assert!(!rival::waits(&mut at.play, &pin));
    at.ends_with(Worker, &own.0);
}

/// Who pays for it is all the same: the worker pays nothing beside a child that is good enough.
fn anothers_good_child_stays(chain: &mut dyn Chain) {
    let mut at = approved(chain);
    let help = rival::offer(&mut at.play, Verifier, &at.s3, HIGH).unwrap();
    for _ in 0..2 {
        assert_eq!(at.offer(), Offered::Waits);
        at.full_block();
    }
    at.ends_with(Verifier, &help);
}

/// S1' waits already when the worker comes with S3': the block could hold the one while the mempool shows the secret of the other.
fn a_secret_is_not_shown_beside_a_rival(chain: &mut dyn Chain) {
    let (mut at, s1) = late(chain);
    let waiting = rival::offer(&mut at.play, Client, &s1, LOW).unwrap();
    assert_eq!(at.offer(), Offered::Held);
    assert!(rival::waits(&mut at.play, &s1) && rival::waits(&mut at.play, &waiting));
    assert!(!rival::waits(&mut at.play, &at.s3));
}

/// Approved, and so late that S1' can be in the next block too.
fn late(chain: &mut dyn Chain) -> (Approved<'_>, Transaction) {
    let mut at = approved(chain);
    let id = common::node(&at.play, Exit::WITHHELD);
    let s1 = at.play.complete(Client, id).unwrap();
    for _ in 0..5 {
        at.full_block();
    }
    (at, s1)
}

/// The worker has shown its secret; S1' takes the place of its settlement in the mempool. Now nothing is left to hide, and it pays up to
/// half of what it loses, and not a satoshi more.
fn a_rival_is_outbid_up_to_the_stake(chain: &mut dyn Chain) {
    let (mut at, s1) = late(chain);
    let (_, paid) = at.sent();
    let least = |play: &mut ContractPlay<'_>, sat: u64| {
        let child = rival::child(play, Client, &s1, LOW, Amount::from_sat(sat));
        play.chain().submit_package(&[s1.clone(), child]).map(drop)
    };
    // It cannot pay more than half of its stake for the place. S1' is larger than S3' and must pay a better rate, too.
    let far = STAKE.to_sat() * 3 / 4;
    assert!(far > paid.to_sat());
    least(&mut at.play, far).unwrap();
    assert!(!rival::waits(&mut at.play, &at.s3));
    let offered = at.offer();
    assert!(
        matches!(offered, Offered::Outbid { least } if least > STAKE / 2),
        "{offered:?}"
    );
    // Were more at stake, it would.
    at.due.at_stake = STAKE * 2;
    let (own, fee) = at.sent();
    assert!(fee > Amount::from_sat(far) && fee <= STAKE);
    assert!(!rival::waits(&mut at.play, &s1));
    at.ends_with(Worker, &own);
}

/// Another's child has paid for the delivery: the root goes on record by itself, and is bumped until it is in a block.
fn a_root_is_bumped_too(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    let id = common::node(&play, Exit::DELIVERED);
    let delivery = play.complete(Worker, id).unwrap();
    let help = rival::offer(&mut play, Client, &delivery, HIGH).unwrap();
    play.mine(1).unwrap();
    rival::pay(&mut play, Client, &help);
    let height = play.height_of(&delivery).unwrap();
    let root = RootRecord { root: [7; 32] };
    let graph = play.participant(Worker).unwrap().holdings.as_ref().unwrap();
    let coin = root_coin(play.terms(), graph.graph()).unwrap();
    let due = Due {
        until: Some(height + 3),
        confirm: 1,
        at_stake: STAKE,
        secret: Secrecy::None,
    };
    let mut bumper = Bumper::new(LOW, FeeRate::MOST);
    let mut record = |play: &mut ContractPlay<'_>| {
        let apart = PartyWallet::new("apart", &[0; 32]).unwrap();
        let worker = play.participant_mut(Worker).unwrap();
        let mut wallet = std::mem::replace(&mut worker.wallet, apart);
        let coin = wallet.coin(coin).unwrap();
        let offered = bumper.record((play.chain(), &mut wallet), &coin, &root, &due);
        play.participant_mut(Worker).unwrap().wallet = wallet;
        offered.unwrap()
    };
    let (_, mut paid) = taken(record(&mut play));
    for _ in 0..2 {
        assert_eq!(record(&mut play), Offered::Waits);
        play.chain().mine_exactly(&[], &common::miner()).unwrap();
        play.sync().unwrap();
        let (by, fee) = taken(record(&mut play));
        assert!(fee >= paid + Amount::from_sat(by.vsize() as u64) && fee <= STAKE / 2);
        assert_eq!(RootRecord::find(&by, coin), Some(root));
        paid = fee;
    }
    play.mine(1).unwrap();
    let spender = play.chain().spender(coin).unwrap().unwrap();
    assert_eq!(spender.height, Some(height + 3));
    assert_eq!(RootRecord::find(&spender.tx, coin), Some(root));
}

/// The delivery's block is lost with the child that carried the root. Where the delivery is to be sent again, its child carries the root
/// again; where it came into another block alone, the root goes on record with the next one.
fn a_root_comes_again_with_its_delivery_and_without(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    let delivery = common::node(&play, Exit::DELIVERED);
    let delivery = play.complete(Worker, delivery).unwrap();
    let holdings = play.participant(Worker).unwrap().holdings.as_ref().unwrap();
    let coin = root_coin(play.terms(), holdings.graph()).unwrap();
    let root = RootRecord { root: [7; 32] };
    let due = Due {
        until: Some(common::deliver_height(play.terms())),
        confirm: 1,
        at_stake: STAKE,
        secret: Secrecy::None,
    };
    let mut bumper = Bumper::new(LOW, FeeRate::MOST);
    let mut publish = |play: &mut ContractPlay<'_>, is_alone: bool| {
        let apart = PartyWallet::new("apart", &[0; 32]).unwrap();
        let worker = play.participant_mut(Worker).unwrap();
        let mut wallet = std::mem::replace(&mut worker.wallet, apart);
        let root_coin = wallet.coin(coin).expect("a lost block has spent nothing");
        let by = (play.chain() as &mut dyn Chain, &mut wallet);
        let offered = match is_alone {
            true => bumper.record((by.0, by.1), &root_coin, &root, &due),
            false => {
                let carries = Some((root_coin, root.script()));
                bumper.offer((by.0, by.1), &delivery, carries, &due)
            }
        };
        play.participant_mut(Worker).unwrap().wallet = wallet;
        offered.unwrap()
    };
    let recorded = |play: &mut ContractPlay<'_>| {
        let spender = play.chain().spender(coin).unwrap()?;
        let found = RootRecord::find(&spender.tx, coin);
        assert_eq!(found, Some(root));
        spender.height
    };
    taken(publish(&mut play, false));
    play.mine(1).unwrap();
    assert_eq!(recorded(&mut play), play.height_of(&delivery).ok());
    // Its block is lost, and the next has no room.
    play.chain().disconnect(1).unwrap();
    play.chain().mine_exactly(&[], &common::miner()).unwrap();
    play.chain().mine_exactly(&[], &common::miner()).unwrap();
    play.sync().unwrap();
    publish(&mut play, false);
    play.mine(1).unwrap();
    assert_eq!(recorded(&mut play), play.height_of(&delivery).ok());
    // It is lost again, and the delivery comes alone.
    play.chain().disconnect(1).unwrap();
    common::mined(&mut play, &delivery);
    let delivered = play.height_of(&delivery).unwrap();
    publish(&mut play, true);
    play.mine(1).unwrap();
    assert_eq!(recorded(&mut play), Some(delivered + 1));
}

/// The block that confirmed it is lost with the one before: it is offered again, at the new height, and confirms again.
fn through_a_reorganisation(chain: &mut dyn Chain) {
    let mut at = approved(chain);
    let (child, _) = at.sent();
    at.play.mine(1).unwrap();
    assert_eq!(at.offer(), Offered::Waits, "it has confirmed");
    at.play.chain().disconnect(1).unwrap();
    at.full_block();
    at.full_block();
    let own = match at.offer() {
        Offered::Waits => child,
        offered => taken(offered).0,
    };
    at.ends_with(Worker, &own);
}

/// Whole contracts, lived by their machines, on a node that loses each package once and whose blocks are full now and then: they end as
/// they do undisturbed, and every account is right to the satoshi.
fn whole_lives_on_a_rough_chain(chain: &mut dyn Chain) {
    for scenario in [
        "normal",
        "normal-long",
        "timeout",
        "silent-verifier",
        "worker-at-fault",
    ] {
        let mut options = common::options(Template::Hardened, scenario, (2, 3));
        options.input = Some(common::few_images());
        let expected = table::expected(Template::Hardened, scenario, (2, 3));
        let (lost, full);
        let outcome = {
            let mut rough = Rough::new(chain);
            let outcome = play_on(&mut rough, scenario, &options, &mut ());
            (lost, full) = (rough.lost, rough.full);
            outcome.unwrap_or_else(|error| panic!("{scenario}: {error}"))
        };
        println!("{scenario}: {lost} packages lost, {full} blocks full");
        assert!(lost > 0 && lost + full >= expected.transactions as u32 - 1);
        assert_eq!(outcome.transactions.len(), expected.transactions);
        for balance in &outcome.balances {
            assert!(balance.is_exact(), "{scenario}: {balance:?}");
            assert_eq!(balance.settlement_sat, expected.change_of(&balance.party));
        }
    }
}

/// What a party lives a contract with, apart from its play.
fn work<'a>(play: &ContractPlay<'_>, who: Role) -> (Contract, LifeWork<'a>) {
    let policy = Policy {
        depth: Depth::LEAST,
        confirm: 1,
        message: 1,
    };
    let participant = play.participant(who).unwrap();
    let signatures = participant.holdings.clone().unwrap();
    let (terms, graph) = (signatures.terms().clone(), signatures.graph().clone());
    let contract = Contract::new(terms, graph, who, policy).unwrap();
    let work = LifeWork {
        seed: participant.seed().clone(),
        own_salt: participant.own_salt(),
        key: participant.key().unwrap(),
        identity: None,
        signatures,
        since: 1,
        job: play.job(),
        is_aside: false,
        strategy: Strategy::Honest,
        admits: true,
        seal_cost: SealCost::TRIFLING,
        judge: None,
        bindings: None,
        paper: PaperWork::default(),
        watch: None,
    };
    (contract, work)
}

/// Its wallet, taken out of the play.
fn wallet(play: &mut ContractPlay<'_>, who: Role) -> PartyWallet {
    let participant = play.participant_mut(who).unwrap();
    let other = PartyWallet::new("apart", &[0; 32]).unwrap();
    std::mem::replace(&mut participant.wallet, other)
}

/// A process of a party, with this log, and long things beside it.
fn process<'a>(
    play: &ContractPlay<'_>,
    who: Role,
    (log, blobs): (MemoryLog, &MemoryBlobs),
    wallet: &'a mut PartyWallet,
) -> LifeParty<'a> {
    let (contract, work) = work(play, who);
    let own = Own {
        log,
        signer: LifeSigner::new(work, Box::new(blobs.clone())).unwrap(),
        publisher: Publisher::new(wallet, LOW),
    };
    LifeParty::open(contract, own).unwrap().0
}

fn publish(party: &mut LifeParty<'_>, play: &mut ContractPlay<'_>) {
    let resolved = party.resolve(play.chain()).unwrap();
    resolved.publish(play.chain()).unwrap();
}

/// The worker's process is killed between writing that S3' is about to be shown and showing it. S1' waits when the next begins: what may
/// have been shown is fought for. One that has written nothing holds back, and so does one that knows that it has not shown it.
fn a_kill_between_writing_and_showing_a_secret(chain: &mut dyn Chain) {
    let mut at = approved(chain);
    at.full_block();
    let disk = MemoryDisk::default();
    let log = |id| disk.open(&Identity::new("contract", [id; 32])).unwrap();
    let blobs = [MemoryBlobs::default(), MemoryBlobs::default()];
    let mut coins = wallet(&mut at.play, Worker);
    let is_held = |party: &LifeParty<'_>| {
        let mut refused = party.publisher().refused.iter();
        refused.any(|refused| refused.why == Offered::Held)
    };

    let mut written = process(&at.play, Worker, (log(1), &blobs[0]), &mut coins);
    written.look(at.play.chain()).unwrap();
    assert!(!written.book().has_shown());
    let resolved = written.resolve(at.play.chain()).unwrap();
    drop(resolved);
    assert!(written.book().has_shown());
    assert!(!rival::waits(&mut at.play, &at.s3), "not shown yet");
    let id = common::node(&at.play, Exit::WITHHELD);
    let s1 = at.play.complete(Client, id).unwrap();
    for _ in 0..4 {
        let reward = common::miner();
        at.play.chain().mine_exactly(&[], &reward).unwrap();
    }
    at.play.sync().unwrap();
    rival::offer(&mut at.play, Client, &s1, LOW).unwrap();
    written.look(at.play.chain()).unwrap();
    publish(&mut written, &mut at.play);
    assert!(is_held(&written), "it knows that it has not shown it");
    drop(written);

    let mut silent = process(&at.play, Worker, (log(2), &blobs[1]), &mut coins);
    silent.look(at.play.chain()).unwrap();
    publish(&mut silent, &mut at.play);
    assert!(is_held(&silent) && !silent.book().has_shown());
    assert!(rival::waits(&mut at.play, &s1) && !rival::waits(&mut at.play, &at.s3));
    drop(silent);

    let mut again = process(&at.play, Worker, (log(1), &blobs[0]), &mut coins);
    again.look(at.play.chain()).unwrap();
    publish(&mut again, &mut at.play);
    assert!(!is_held(&again), "{:?}", again.publisher().refused);
    assert!(!rival::waits(&mut at.play, &s1) && rival::waits(&mut at.play, &at.s3));
}

/// S1' waits, and nobody mines it: the worker holds S3' back for b blocks, as long as they may take it, and then fights.
fn a_rival_that_nobody_mines_is_not_waited_for(chain: &mut dyn Chain) {
    let mut at = approved(chain);
    let id = common::node(&at.play, Exit::WITHHELD);
    let s1 = at.play.complete(Client, id).unwrap();
    let empty = |at: &mut Approved<'_>| {
        let reward = common::miner();
        at.play.chain().mine_exactly(&[], &reward).unwrap();
    };
    for _ in 0..5 {
        empty(&mut at);
    }
    at.play.sync().unwrap();
    rival::offer(&mut at.play, Client, &s1, LOW).unwrap();
    let (blobs, mut coins) = (MemoryBlobs::default(), wallet(&mut at.play, Worker));
    let kept = (MemoryLog::forgetful(), &blobs);
    let mut worker = process(&at.play, Worker, kept, &mut coins);
    let confirm = worker.book().contract().policy().confirm;
    for _ in 0..confirm {
        worker.look(at.play.chain()).unwrap();
        publish(&mut worker, &mut at.play);
        let refused = &worker.publisher().refused;
        assert!(refused.iter().any(|refused| refused.why == Offered::Held));
        assert!(!worker.book().has_shown());
        empty(&mut at);
    }
    worker.look(at.play.chain()).unwrap();
    publish(&mut worker, &mut at.play);
    assert!(worker.book().has_shown());
    assert!(!rival::waits(&mut at.play, &s1) && rival::waits(&mut at.play, &at.s3));
}

/// A client's process that is started long after everything should have happened, behind a reorganisation, on a chain that has gone on:
/// it sees where the contract stands, takes what is due, and takes it again when that block is lost too.
fn who_was_away_catches_up(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    let funded = play.chain().height().unwrap();
    let away = common::deliver_height(play.terms()) + 30;
    common::before(&mut play, away);
    play.chain().disconnect(20).unwrap();
    while play.chain().height().unwrap() < away + 5 {
        play.chain().mine_exactly(&[], &common::miner()).unwrap();
    }
    play.sync().unwrap();
    let mut coins = wallet(&mut play, Client);
    let log = MemoryLog::forgetful();
    let kept = (log, &MemoryBlobs::default());
    let mut party = process(&play, Client, kept, &mut coins);
    for round in 0..2 {
        party.look(play.chain()).unwrap();
        assert_eq!(party.book().facts().path.len(), 1, "round {round}");
        assert!(party.book().facts().path[0].1 <= funded);
        publish(&mut party, &mut play);
        play.chain().mine(1, &common::miner()).unwrap();
        party.look(play.chain()).unwrap();
        assert_eq!(party.standing(), "settled");
        if round == 0 {
            play.chain().disconnect(1).unwrap();
            for _ in 0..2 {
                play.chain().mine_exactly(&[], &common::miner()).unwrap();
            }
        }
    }
    let s1 = party.publisher().paid.last().unwrap().clone();
    drop(party);
    play.participant_mut(Client).unwrap().wallet = coins;
    play.sync().unwrap();
    rival::pay(&mut play, Client, s1.by());
    assert_eq!(gains(&play), [0, -180_000, 0]);
}

/// A party without enough coins for its exits stakes nothing, and is told what it lacks; with them, they are not staked, and nor is what
/// pays a fee at the moment.
#[test]
fn a_stake_leaves_the_reserve_alone() {
    let mut chain = Embedded::new();
    let mut miner = PartyWallet::new("miner", &[1; 32]).unwrap();
    mine_coins(&mut chain, 1, &miner.fresh_script(), &common::miner()).unwrap();
    miner.sync(&mut chain).unwrap();
    let policy = miner.probe(&mut chain, LOW).unwrap();
    let mut wallet = PartyWallet::new("worker", &[2; 32]).unwrap();
    let sat = Amount::from_sat;
    let payments = [500_000, 60_000, 50_000, 10_000].map(|v| (wallet.fresh_script(), sat(v)));
    chain.submit(&miner.pay(&payments, LOW).unwrap()).unwrap();
    chain.mine(1, &common::miner()).unwrap();
    wallet.sync(&mut chain).unwrap();
    let reserve = |coins, each| Reserve {
        coins,
        each: sat(each),
    };
    // The two smallest that suffice stay behind, whatever is staked.
    let (contribution, _) = wallet
        .contribute_keeping(sat(400_000), LOW, &policy, &reserve(2, 50_000))
        .unwrap();
    let staked: Vec<_> = contribution.coins.iter().map(|c| c.value_sat).collect();
    assert_eq!(staked, [sat(500_000)]);
    let spare = wallet.spare();
    assert_eq!(spare, sat(120_000));
    let missing = wallet.contribute_keeping(sat(9_000), LOW, &policy, &reserve(3, 40_000));
    let Err(WalletError::Reserve { missing, .. }) = missing else {
        panic!("{missing:?}");
    };
    assert_eq!((missing.coins, missing.amount), (1, sat(30_000)));
    let said = missing.to_string();
    assert!(said.starts_with("1 of 3 confirmed coins"), "{said}");
    assert_eq!(wallet.spare(), spare, "nothing was locked");
    // What the reserve needs is not there for a stake.
    let short = wallet.contribute_keeping(sat(100_000), LOW, &policy, &reserve(2, 50_000));
    assert!(matches!(short, Err(WalletError::Funds { .. })), "{short:?}");
    assert_eq!(wallet.spare(), spare);
    // Nor is what pays for something that waits.
    let busy = wallet.spare_coins()[0].outpoint;
    wallet.set_paying(busy, vec![busy]);
    let left = wallet.stakeable(&Reserve::NONE).unwrap();
    assert_eq!(left, sat(60_000));
    let (contribution, _) = wallet.contribute(sat(55_000), LOW, &policy).unwrap();
    let staked: Vec<_> = contribution.coins.iter().map(|c| c.value_sat).collect();
    assert_eq!(staked, [sat(50_000), sat(10_000)]);
    wallet.set_paying(busy, Vec::new());
    assert_eq!(wallet.stakeable(&Reserve::NONE).unwrap(), sat(60_000));
}
