//! Fees when blocks are full, and attacks on a child in the mempool: replacement, cycling, pinning.

use crate::common;

use bitcoin::{Amount, ScriptBuf, Transaction, Weight, script::PushBytesBuf};
use common::{before, gains, rival};
use narthex::{
    contracts::terms::{FeeRate, FeeRules, Role},
    play::ContractPlay,
    regtest::{Bitcoind, Chain, mine_coins},
    wallet::{ChildRequest, PartyWallet, WalletError},
};

use Role::{Client, Verifier, Worker};

/// 1.2, 1.4, 4, 20 and 100 sat/vB.
const LOW: FeeRate = FeeRate::from_sat_per_kwu(300);
const PIN: FeeRate = FeeRate::from_sat_per_kwu(350);
const MEDIUM: FeeRate = FeeRate::from_sat_per_kwu(1_000);
const TRAFFIC: FeeRate = FeeRate::from_sat_per_kwu(5_000);
const HIGH: FeeRate = FeeRate::from_sat_per_kwu(25_000);

on_both_chains!(
    replaced_and_cycled_out,
    pinned_by_a_large_child,
    bumped_by_another_party
);

/// Approved on chain; the worker has Δ_W to confirm S3'.
fn approved(chain: &mut dyn Chain) -> (ContractPlay<'_>, Transaction, u32) {
    let mut play = common::funded(chain);
    let (s3, height) = common::approved(&mut play);
    (play, s3, height)
}

fn fee(play: &ContractPlay<'_>, who: Role, child: &Transaction) -> Amount {
    let (sent, received) = play
        .participant(who)
        .unwrap()
        .wallet
        .sent_and_received(child);
    sent - received
}

/// What a replacement must pay at least: more than what it replaces, and the relay fee for itself.
fn outbid(paid: Amount) -> Amount {
    paid + Amount::from_sat(500)
}

/// The verifier replaces the worker's child by its own and takes that out again by spending its other coin elsewhere:
/// the settlement is left without a fee. The worker sees it and sends its child again. Each round costs the verifier
/// a confirmed fee above the worker's, and nothing is gained but a block at most.
fn replaced_and_cycled_out(chain: &mut dyn Chain) {
    let (mut play, s3, approved) = approved(chain);
    let own = rival::offer(&mut play, Worker, &s3, LOW).unwrap();
    let mut cost = Amount::ZERO;
    for round in 0..2 {
        assert!(rival::waits(&mut play, &own), "round {round}");
        let least = outbid(fee(&play, Worker, &own));
        let stolen = rival::child(&mut play, Verifier, &s3, LOW, least);
        play.chain().submit(&stolen).unwrap();
        assert!(!rival::waits(&mut play, &own), "replaced");
        let verifier = &mut play.participant_mut(Verifier).unwrap().wallet;
        let away = verifier
            .pay(&[(ScriptBuf::new_p2a(), Amount::from_sat(1_000))], HIGH)
            .unwrap();
        assert!(away.input.iter().any(|i| {
            stolen
                .input
                .iter()
                .any(|s| s.previous_output == i.previous_output)
        }));
        play.chain().submit(&away).unwrap();
        assert!(!rival::waits(&mut play, &stolen), "and out again");
        cost += fee(&play, Verifier, &away);
        play.mine(1).unwrap();
        assert!(rival::is_confirmed(&mut play, &away));
        assert!(
            !rival::is_confirmed(&mut play, &s3),
            "nobody pays for the settlement"
        );
        // The worker's node still has, or takes again, what pays.
        play.chain()
            .submit_package(&[s3.clone(), own.clone()])
            .unwrap();
    }
    let honest = fee(&play, Worker, &own);
    println!("two rounds cost the attacker {cost}, the worker's child {honest}");
    assert!(cost > honest * 10);
    play.mine(1).unwrap();
    rival::pay(&mut play, Worker, &own);
    let confirmed = play.height_of(&s3).unwrap();
    assert!(confirmed < approved + 6, "before the window of S1' opens");
    assert_eq!(gains(&play)[..2], [-100_000, 80_000]);
}

/// A rival's child may be as large as version 3 allows, 1,000 vB, at a rate that no miner takes, if only
/// it is better than the worker's own. Replacing it costs the
/// worker what those 1,000 vB pay, and no more.
fn pinned_by_a_large_child(chain: &mut dyn Chain) {
    let (mut play, s3, approved) = approved(chain);
    let own = rival::offer(&mut play, Worker, &s3, LOW).unwrap();
    let data = |bytes: usize| {
        Some(ScriptBuf::new_op_return(
            PushBytesBuf::try_from(vec![0; bytes]).unwrap(),
        ))
    };
    let least_fee = outbid(fee(&play, Worker, &own));
    let mut pin = |bytes| {
        let wallet = &mut play.participant_mut(Client).unwrap().wallet;
        wallet.child(ChildRequest {
            parent: &s3,
            coins: Vec::new(),
            data: data(bytes),
            rate: PIN,
            least_fee,
        })
    };
    assert!(
        matches!(pin(2_000), Err(WalletError::Child(_))),
        "larger is refused"
    );
    let large = pin(800).unwrap();
    assert!(
        (950..=1_000).contains(&large.vsize()),
        "{} vB",
        large.vsize()
    );
    play.chain().submit(&large).unwrap();
    let pinned = fee(&play, Client, &large);
    let bump = rival::child(&mut play, Worker, &s3, MEDIUM, outbid(pinned));
    play.chain().submit(&bump).unwrap();
    assert!(!rival::waits(&mut play, &large));
    let paid = fee(&play, Worker, &bump);
    println!(
        "the pin paid {pinned} for {} vB, its removal {paid}",
        large.vsize()
    );
    // At one rate, a full-sized pin of a package of this parent costs its remover at most 1,000 vB and its own size.
    let bound = PIN
        .fee(Weight::from_vb_unchecked(1_000 + s3.vsize() as u64))
        .unwrap();
    assert!(paid <= outbid(bound).max(MEDIUM.fee(Weight::from_vb_unchecked(500)).unwrap()));
    play.mine(1).unwrap();
    rival::pay(&mut play, Worker, &bump);
    assert!(play.height_of(&s3).unwrap() < approved + 6);
    assert_eq!(gains(&play), [-100_000, 80_000, 20_000]);
}

/// Who gains by a settlement can pay for it: the verifier's child replaces the worker's too low one.
fn bumped_by_another_party(chain: &mut dyn Chain) {
    let (mut play, s3, _) = approved(chain);
    let own = rival::offer(&mut play, Worker, &s3, LOW).unwrap();
    let least = outbid(fee(&play, Worker, &own));
    let help = rival::child(&mut play, Verifier, &s3, HIGH, least);
    play.chain().submit(&help).unwrap();
    play.mine(1).unwrap();
    rival::pay(&mut play, Verifier, &help);
    assert!(rival::is_confirmed(&mut play, &s3));
    assert_eq!(gains(&play), [-100_000, 80_000, 20_000]);
}

/// Transactions of 112 outputs, each of which fills a block of this daemon.
fn traffic(chain: &mut dyn Chain, blocks: u32) -> Vec<Transaction> {
    let mut wallet = PartyWallet::new("traffic", &[9; 32]).unwrap();
    let script = wallet.fresh_script();
    mine_coins(chain, blocks, &script, &common::miner()).unwrap();
    wallet.sync(chain).unwrap();
    let payments = vec![(script, Amount::from_sat(1_000)); 112];
    (0..blocks)
        .map(|_| wallet.pay(&payments, TRAFFIC).unwrap())
        .collect()
}

/// Blocks are full of better paid transactions when the worker settles. It waits two blocks in vain, replaces its
/// child, and is confirmed before the window closes.
#[test]
fn spike_bitcoind() {
    let small = ["-blockreservedweight=2000", "-blockmaxweight=22000"].map(String::from);
    let mut chain = Bitcoind::start_with(&small).unwrap();
    let traffic = traffic(&mut chain, 8);
    let (mut play, s3, approved) = approved(&mut chain);
    for tx in &traffic {
        play.chain().submit(tx).unwrap();
    }
    let own = rival::offer(&mut play, Worker, &s3, LOW).unwrap();
    before(&mut play, approved + 3);
    assert!(!rival::is_confirmed(&mut play, &s3), "blocks are full");
    let full = play.chain().block(approved + 2).unwrap();
    assert_eq!(full.txdata.len(), 2, "one transaction fills a block");
    let low = fee(&play, Worker, &own);
    let bump = rival::child(&mut play, Worker, &s3, HIGH, outbid(low));
    play.chain().submit(&bump).unwrap();
    assert!(!rival::waits(&mut play, &own));
    play.mine(1).unwrap();
    rival::pay(&mut play, Worker, &bump);
    println!("low {low}, in the spike {}", fee(&play, Worker, &bump));
    assert_eq!(play.height_of(&s3).unwrap(), approved + 3);
    assert!(
        !play.chain().mempool().unwrap().is_empty(),
        "traffic waits on"
    );
    assert_eq!(gains(&play), [-100_000, 80_000, 20_000]);
}
