//! What a wallet has learned, kept and given back: the same coins, no address twice, nothing read again, and no other wallet's.

use narthex::{
    bitcoin::{Amount, Network},
    contracts::terms::FeeRate,
    regtest::{Broadcaster, ChainSource, Embedded, Miner, mine_coins},
    wallet::{Learned, PartyWallet, WalletError},
};

use crate::common;

const SEED: [u8; 32] = [5; 32];

/// Keeps what a wallet says, as its owner does.
#[derive(Default)]
struct Kept(Vec<Vec<u8>>);

impl Kept {
    fn keep(&mut self, wallet: &mut PartyWallet) -> Option<Learned> {
        let learned = wallet.learned().unwrap();
        match &learned {
            None => {}
            Some(Learned::More(bytes)) => self.0.push(bytes.clone()),
            Some(Learned::All(bytes)) => self.0 = vec![bytes.clone()],
        }
        learned
    }

    fn give_back(&self, wallet: &mut PartyWallet) -> Result<(), WalletError> {
        wallet.remember(self.0.iter().map(Vec::as_slice))
    }

    fn restored(&self) -> PartyWallet {
        let mut wallet = PartyWallet::new("own", &SEED).unwrap();
        self.give_back(&mut wallet).unwrap();
        wallet
    }
}

/// A wallet with two coins, and what it has said.
fn with_coins(chain: &mut Embedded) -> (PartyWallet, Kept) {
    let mut wallet = PartyWallet::new("own", &SEED).unwrap();
    let mut kept = Kept::default();
    let script = wallet.fresh_script();
    kept.keep(&mut wallet).unwrap();
    mine_coins(chain, 2, &script, &common::miner()).unwrap();
    wallet.sync(chain).unwrap();
    kept.keep(&mut wallet).unwrap();
    (wallet, kept)
}

#[test]
fn what_is_kept_is_the_wallet() {
    let mut chain = Embedded::new();
    let (mut wallet, mut kept) = with_coins(&mut chain);
    assert!(wallet.balance() > Amount::ZERO);
    assert_eq!(kept.keep(&mut wallet), None, "nothing new");
    let mut restored = kept.restored();
    assert_eq!(restored.balance(), wallet.balance());
    // An address that was shown is not shown again.
    let (next, again) = (wallet.fresh_script(), restored.fresh_script());
    assert_eq!(next, again);
    assert_ne!(PartyWallet::new("own", &SEED).unwrap().fresh_script(), next);
    // It signs, and what it spends is spent.
    restored.sync(&mut chain).unwrap();
    let payment = (common::miner(), Amount::from_sat(10_000));
    let rate = FeeRate::from_sat_per_kwu(500);
    let tx = restored.pay(&[payment], rate).unwrap();
    chain.submit(&tx).unwrap();
    chain.mine(1, &common::miner()).unwrap();
    for wallet in [&mut wallet, &mut restored] {
        wallet.sync(&mut chain).unwrap();
    }
    assert_eq!(restored.balance(), wallet.balance());
}

#[test]
fn blocks_that_were_read_are_not_read_again() {
    let mut chain = Embedded::new();
    let (_, kept) = with_coins(&mut chain);
    let mut restored = kept.restored();
    let before = restored.balance();
    restored.sync(&mut chain).unwrap();
    assert_eq!(restored.balance(), before);
    assert_eq!(restored.learned().unwrap(), None, "no block was new");
}

#[test]
fn what_a_reorganisation_takes_back_is_forgotten() {
    let mut chain = Embedded::new();
    let (mut wallet, mut kept) = with_coins(&mut chain);
    let script = wallet.fresh_script();
    let payment = (script, Amount::from_sat(20_000));
    let tx = wallet
        .pay(&[payment], FeeRate::from_sat_per_kwu(500))
        .unwrap();
    chain.submit(&tx).unwrap();
    chain.mine(1, &common::miner()).unwrap();
    wallet.sync(&mut chain).unwrap();
    kept.keep(&mut wallet).unwrap();
    assert_eq!(
        kept.restored().confirmed_at(tx.compute_txid()),
        chain.height().ok()
    );
    chain.reorg(1, &common::miner()).unwrap();
    wallet.sync(&mut chain).unwrap();
    assert!(matches!(kept.keep(&mut wallet), Some(Learned::All(_))));
    assert_eq!(kept.0.len(), 1);
    let restored = kept.restored();
    assert_eq!(restored.confirmed_at(tx.compute_txid()), None);
    assert_eq!(restored.balance(), wallet.balance());
}

#[test]
fn what_is_anothers_is_refused_and_changes_nothing() {
    let mut chain = Embedded::new();
    let (_, kept) = with_coins(&mut chain);
    let mut other = PartyWallet::new("other", &[6; 32]).unwrap();
    let before = other.balance();
    assert!(matches!(
        kept.give_back(&mut other),
        Err(WalletError::Setup { .. })
    ));
    assert_eq!(other.balance(), before);
    let mut elsewhere = PartyWallet::on(Network::Signet, "own", &SEED).unwrap();
    assert!(kept.give_back(&mut elsewhere).is_err());
    let garbage = Kept(vec![b"{\"descriptor\": 7}".to_vec()]);
    assert!(garbage.give_back(&mut other).is_err());
    assert!(Kept(vec![b"{".to_vec()]).give_back(&mut other).is_err());
    // In what is kept there is no secret.
    let all = String::from_utf8(kept.0.concat()).unwrap();
    assert!(all.contains("tpub") && !all.contains("tprv"), "{all}");
}

#[test]
fn a_wallet_that_is_born_reads_on_from_there() {
    let mut chain = Embedded::new();
    let mut wallet = PartyWallet::new("own", &SEED).unwrap();
    let script = wallet.fresh_script();
    mine_coins(&mut chain, 1, &script, &common::miner()).unwrap();
    let height = chain.height().unwrap();
    let mut born = PartyWallet::new("own", &SEED).unwrap();
    born.begin_at(height, chain.block_hash(height).unwrap())
        .unwrap();
    let script = born.fresh_script();
    mine_coins(&mut chain, 1, &script, &common::miner()).unwrap();
    for wallet in [&mut wallet, &mut born] {
        wallet.sync(&mut chain).unwrap();
    }
    assert!(born.balance() > Amount::ZERO);
    assert!(born.balance() < wallet.balance(), "a coin before its birth");
}

/// Whoever kept a coin for a use frees it; a process that was killed does not, so its lock goes with it.
#[test]
fn a_coin_that_was_kept_for_a_use_is_free_for_the_next_process() {
    let mut chain = Embedded::new();
    let (mut wallet, mut kept) = with_coins(&mut chain);
    let spare = wallet.spare();
    let coin = wallet.spare_coins().first().unwrap().outpoint;
    assert!(wallet.reserve(coin));
    assert!(wallet.spare() < spare);
    kept.keep(&mut wallet);
    assert_eq!(kept.restored().spare(), spare);
    // Nor by what stands in the place of all.
    kept.0 = vec![wallet.all_learned().unwrap()];
    let mut restored = kept.restored();
    assert_eq!(restored.spare(), spare);
    assert!(restored.reserve(coin), "its owner keeps it again");
}
