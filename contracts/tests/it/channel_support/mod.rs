//! Two sides of a channel with made-up keys, on a chain of their own.

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Transaction, TxOut,
    hashes::{Hash, sha256},
    secp256k1::{Secp256k1, SecretKey, rand::SeedableRng, rand::rngs::StdRng},
};
use narthex_contracts::{
    channel::{
        Channel, ChannelKeys, ChannelTerms, Commitment, Lock, Payment, PaymentId, Proof,
        SecondLevel, Side, State, Update,
    },
    funding::{FeeRate, Fees},
};
use narthex_regtest::{
    Broadcaster, ChainSource, Embedded, Miner, mine_coins,
    suite::{Signer, pay, spend},
};

pub const CAPACITY: u64 = 1_000_000;

/// The 2 sat/vB that everything pays here.
pub fn fees() -> Fees {
    FeeRate::from_sat_per_kwu(500).into()
}

pub fn secret(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).unwrap()
}

pub fn keys() -> [ChannelKeys; 2] {
    [ChannelKeys::new([0x11; 32]), ChannelKeys::new([0x22; 32])]
}

pub fn terms() -> ChannelTerms {
    let points = keys().map(|keys| keys.basepoints());
    ChannelTerms::usual(Amount::from_sat(CAPACITY), points)
}

pub struct Fixture {
    pub keys: [ChannelKeys; 2],
    pub channel: Channel,
    pub chain: Embedded,
    pub signer: Signer,
    coins: Vec<(OutPoint, TxOut)>,
    pub rng: StdRng,
}

/// A payment of so many satoshi under a point or a hash of this byte.
pub fn payment(offerer: Side, number: u64, sat: u64, lock: Lock, expiry: u32) -> Payment {
    Payment {
        id: PaymentId { offerer, number },
        amount: Amount::from_sat(sat),
        lock,
        expiry,
    }
}

pub fn point(byte: u8) -> Lock {
    Lock::Point(secret(byte).public_key(&Secp256k1::new()))
}

pub fn hash(byte: u8) -> Lock {
    Lock::Hash(sha256::Hash::hash(&[byte; 32]))
}

pub fn proof(lock: &Lock, byte: u8) -> Proof {
    match lock {
        Lock::Point(_) => Proof::Secret(secret(byte)),
        Lock::Hash(_) => Proof::Preimage([byte; 32]),
    }
}

impl Fixture {
    /// A channel whose coin is confirmed, with coins for fees beside it.
    pub fn new() -> Fixture {
        let (mut chain, signer) = (Embedded::new(), Signer::new(7).unwrap());
        let script = signer.script();
        let filler = ScriptBuf::new_p2a();
        let mut coins = mine_coins(&mut chain, 12, &script, &filler).unwrap();
        let unplaced = Channel::new(terms(), OutPoint::null()).unwrap();
        let (coin, output) = coins.pop().unwrap();
        let rest = output.value.to_sat() - CAPACITY - 1_000;
        let outputs = vec![unplaced.funding_output(), pay(rest, &script)];
        let mut funding = spend(&[coin], outputs);
        signer.sign(&mut funding, &[output]).unwrap();
        chain.mine_exactly(&[funding.clone()], &filler).unwrap();
        let at = OutPoint {
            txid: funding.compute_txid(),
            vout: 0,
        };
        Fixture {
            keys: keys(),
            channel: Channel::new(terms(), at).unwrap(),
            chain,
            signer,
            coins,
            rng: StdRng::seed_from_u64(5),
        }
    }

    /// The opener has 700,000 sat less what it offers, the accepter the rest.
    pub fn state(&self, payments: &[Payment]) -> State {
        let first = State::first(&self.channel, Amount::from_sat(300_000)).unwrap();
        let add = |payment: &Payment| (payment.id.offerer, Update::Add(*payment));
        let updates: Vec<_> = payments.iter().map(add).collect();
        first.next(&self.channel, &updates).unwrap()
    }

    pub fn of(&self, side: Side) -> &ChannelKeys {
        &self.keys[side.index()]
    }

    pub fn commitment(&self, owner: Side, state: &State) -> Commitment {
        let point = self.of(owner).point(state.number);
        self.channel.commitment(owner, state, &point).unwrap()
    }

    /// The same with its signature.
    pub fn whole(&mut self, owner: Side, state: &State) -> (Commitment, Transaction) {
        let commitment = self.commitment(owner, state);
        let (own, other) = (owner.index(), owner.other().index());
        let nonce = self.keys[own].verification_nonce(&self.channel, state.number);
        let nonce = nonce.unwrap();
        let share = self.keys[other]
            .share(&self.channel, &commitment, &nonce, &mut self.rng)
            .unwrap();
        self.channel
            .check_share(&commitment, &nonce, &share)
            .unwrap();
        let tx = self.keys[own]
            .whole(&self.channel, &commitment, &share)
            .unwrap();
        (commitment, tx)
    }

    pub fn mine(&mut self, txs: &[Transaction]) -> Result<(), String> {
        let mined = self.chain.mine_exactly(txs, &ScriptBuf::new_p2a());
        mined.map(|_| ()).map_err(|e| e.to_string())
    }

    pub fn mine_to(&mut self, height: u32) {
        let now = self.chain.height().unwrap();
        self.chain
            .mine(height - now, &ScriptBuf::new_p2a())
            .unwrap();
        assert_eq!(self.chain.height().unwrap(), height);
    }

    /// A confirmed coin of its own for a fee.
    pub fn coin(&mut self) -> (OutPoint, TxOut) {
        self.coins.pop().unwrap()
    }

    /// A claim or a timeout with a coin for its fee, signed by all.
    pub fn finish(&mut self, second: &SecondLevel, proof: Option<&Proof>) -> Transaction {
        let ahead = self.of(second.signer()).sign_ahead(second).unwrap();
        second.check(&ahead).unwrap();
        let (coin, output) = self.coin();
        let change = pay(output.value.to_sat() - 2_000, &self.signer.script());
        let tx = second.with_fee(&[coin], Some(change));
        let coins = [output.clone()];
        let publisher = self.of(second.publisher());
        let mut tx = publisher
            .complete(second, (tx, &coins), &ahead, proof)
            .unwrap();
        let spent = [second.coin().clone(), output];
        let witness = tx.input[0].witness.clone();
        self.signer.sign(&mut tx, &spent).unwrap();
        assert_eq!(tx.input[0].witness, witness);
        tx
    }

    /// Takes it by relay and in the next block.
    pub fn relay(&mut self, tx: &Transaction) -> Result<(), String> {
        self.chain.submit(tx).map_err(|e| e.to_string())?;
        self.mine(std::slice::from_ref(tx))
    }
}
