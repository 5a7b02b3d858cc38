//! Two sides of a channel with their signers, logs and wallets, on a chain of their own.

use std::collections::BTreeMap;

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Transaction, TxOut,
    secp256k1::{Secp256k1, SecretKey, rand::SeedableRng, rand::rngs::StdRng},
};
use narthex_channel::{
    Logged, StepError,
    channel::{
        Ask, ChannelClaim, ChannelEffect, ChannelFault, ChannelInput, ChannelMachine,
        ChannelMessage, ChannelSigner, Order,
    },
    log::{Identity, MemoryDisk, MemoryLog},
};
use narthex_contracts::{
    channel::{ChannelKeys, Lock, Payment, PaymentId, Proof, Side},
    funding::FeeRate,
};
use narthex_regtest::{
    ChainSource, Embedded, Miner, mine_coins,
    suite::{Signer, pay, spend},
};

pub const CAPACITY: u64 = 1_000_000;
pub const PUSH: u64 = 400_000;

pub fn secret(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).unwrap()
}

pub fn point(byte: u8) -> Lock {
    Lock::Point(secret(byte).public_key(&Secp256k1::new()))
}

pub fn id(offerer: Side, number: u64) -> PaymentId {
    PaymentId { offerer, number }
}

pub type Kept = Logged<ChannelMachine, MemoryLog>;

/// What fails an input, without what its log could.
pub fn fault(result: Result<Vec<ChannelEffect>, StepError<ChannelFault>>) -> ChannelFault {
    match result {
        Err(StepError::Refused(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

pub struct Sides {
    pub machines: [Option<Kept>; 2],
    pub signers: [ChannelSigner; 2],
    disks: [MemoryDisk; 2],
    pub chain: Embedded,
    wallet: Signer,
    coins: Vec<(OutPoint, TxOut)>,
    funding: Option<Transaction>,
    pub rng: StdRng,
    /// Whether effects of a side are carried out.
    pub is_up: [bool; 2],
    /// What a side published of its own, by number.
    pub published: [BTreeMap<u64, Transaction>; 2],
    /// Crash a side after so many changes of both together, once.
    pub crash_at: Option<(u64, Side)>,
    /// Transactions that were mined for whom.
    pub taken: [u64; 2],
    /// What was said, by whom.
    pub said: Vec<(Side, ChannelMessage)>,
}

fn identity() -> Identity {
    Identity::new("channel", [7; 32])
}

fn open(disk: &MemoryDisk, side: Side) -> Kept {
    Logged::open(ChannelMachine::new(side), disk.open(&identity()).unwrap()).unwrap()
}

pub fn keys() -> [ChannelKeys; 2] {
    [ChannelKeys::new([0x11; 32]), ChannelKeys::new([0x22; 32])]
}

impl Sides {
    /// Nothing was said yet; there are coins.
    pub fn new(seed: u64) -> Sides {
        let (mut chain, wallet) = (Embedded::new(), Signer::new(7).unwrap());
        let coins = mine_coins(&mut chain, 40, &wallet.script(), &ScriptBuf::new_p2a()).unwrap();
        let disks = [MemoryDisk::default(), MemoryDisk::default()];
        Sides {
            machines: Side::BOTH.map(|side| Some(open(&disks[side.index()], side))),
            signers: keys().map(ChannelSigner::new),
            disks,
            chain,
            wallet,
            coins,
            funding: None,
            rng: StdRng::seed_from_u64(seed),
            is_up: [true; 2],
            published: Default::default(),
            crash_at: None,
            taken: [0; 2],
            said: Vec::new(),
        }
    }

    /// An open channel.
    pub fn opened(seed: u64) -> Sides {
        let mut sides = Sides::new(seed);
        sides.offer();
        sides.settle();
        sides.mine(6);
        sides.settle();
        assert_eq!(sides.words(), ["idle", "waiting"]);
        sides
    }

    pub fn offer(&mut self) {
        let (capacity, push) = (Amount::from_sat(CAPACITY), Amount::from_sat(PUSH));
        let offer = self.signers[0].offer(capacity, push);
        self.step(Side::Opener, offer).unwrap();
    }

    pub fn kept(&self, side: Side) -> &Kept {
        self.machines[side.index()].as_ref().unwrap()
    }

    pub fn machine(&self, side: Side) -> &ChannelMachine {
        self.kept(side).machine()
    }

    pub fn words(&self) -> [&'static str; 2] {
        Side::BOTH.map(|side| self.machine(side).standing())
    }

    /// What opener and accepter have, as the side has it locked.
    pub fn balances(&self, side: Side) -> [u64; 2] {
        self.machine(side)
            .locked()
            .unwrap()
            .balances
            .map(Amount::to_sat)
    }

    pub fn pending(&self, side: Side) -> Vec<Payment> {
        self.machine(side).locked().unwrap().payments.clone()
    }

    fn changes(&self) -> u64 {
        Side::BOTH
            .map(|side| self.kept(side).changes())
            .iter()
            .sum()
    }

    pub fn step(
        &mut self,
        side: Side,
        input: ChannelInput,
    ) -> Result<Vec<ChannelEffect>, StepError<ChannelFault>> {
        let kept = self.machines[side.index()].as_mut().unwrap();
        let stepped = kept.step(&input);
        if let Some((at, who)) = self.crash_at
            && self.changes() >= at
        {
            self.crash_at = None;
            self.crash(who);
        }
        stepped
    }

    pub fn order(&mut self, side: Side, order: Order) {
        self.step(side, ChannelInput::Order(order)).unwrap();
    }

    pub fn pay(&mut self, side: Side, sat: u64, lock: Lock, expiry: u32) -> PaymentId {
        let number = self.machine(side).ordered();
        let amount = Amount::from_sat(sat);
        let order = Order::Pay {
            number,
            amount,
            lock,
            expiry,
        };
        self.order(side, order);
        id(side, number)
    }

    /// The process dies and another takes over its disk: what was in memory is gone.
    pub fn crash(&mut self, side: Side) {
        self.machines[side.index()] = None;
        self.machines[side.index()] = Some(open(&self.disks[side.index()], side));
        let at = side.index();
        self.signers[at] = ChannelSigner::new(keys()[at].clone());
    }

    /// The disk of a side as it is now, to be put back.
    pub fn copy(&mut self, side: Side) -> Vec<Vec<u8>> {
        use narthex_channel::log::Log;
        self.machines[side.index()] = None;
        let mut log = self.disks[side.index()].open(&identity()).unwrap();
        let mut entries = Vec::new();
        log.read(&mut |_, bytes| entries.push(bytes.to_vec()))
            .unwrap();
        drop(log);
        self.crash(side);
        entries
    }

    pub fn put_back(&mut self, side: Side, entries: &[Vec<u8>]) {
        use narthex_channel::log::Log;
        self.machines[side.index()] = None;
        self.disks[side.index()] = MemoryDisk::default();
        let mut log = self.disks[side.index()].open(&identity()).unwrap();
        log.append(0, entries).unwrap();
        drop(log);
        self.crash(side);
    }

    pub fn answer(&mut self, side: Side, ask: &Ask) -> Vec<ChannelInput> {
        let at = side.index();
        let kept = self.machines[at].as_ref().unwrap();
        let (wallet, coins, funding) = (&self.wallet, &mut self.coins, &mut self.funding);
        let make = |output: TxOut| {
            let tx = funding.get_or_insert_with(|| {
                let (coin, spent) = coins.pop().unwrap();
                let rest = spent.value.to_sat() - output.value.to_sat() - 1_000;
                let mut tx = spend(&[coin], vec![output, pay(rest, &wallet.script())]);
                wallet.sign(&mut tx, &[spent]).unwrap();
                tx
            });
            Some(OutPoint {
                txid: tx.compute_txid(),
                vout: 0,
            })
        };
        self.signers[at]
            .answer(kept.machine(), ask, &mut self.rng, make)
            .unwrap()
    }

    /// What a side has to say now.
    pub fn says(&self, side: Side) -> Vec<ChannelMessage> {
        let due = self.kept(side).pending().into_iter();
        due.filter_map(|effect| match effect {
            ChannelEffect::Send(message) => Some(message),
            _ => None,
        })
        .collect()
    }

    pub fn asks(&self, side: Side) -> Vec<Ask> {
        let due = self.kept(side).pending().into_iter();
        due.filter_map(|effect| match effect {
            ChannelEffect::Sign(ask) => Some(ask),
            _ => None,
        })
        .collect()
    }

    /// Everything that is due on both sides off chain, until nothing changes. A message may be refused where it comes too early; what is
    /// not news changes nothing.
    pub fn settle(&mut self) {
        for _ in 0..400 {
            let before = self.changes();
            for side in Side::BOTH {
                self.advance(side);
            }
            if self.changes() == before {
                return;
            }
        }
        panic!("no end: {:?}", self.words());
    }

    /// What is due on one side now, once.
    pub fn advance(&mut self, side: Side) {
        if !self.is_up[side.index()] {
            return;
        }
        for ask in self.asks(side) {
            for input in self.answer(side, &ask) {
                // It may have crashed over the one before.
                let _ = self.step(side, input);
            }
        }
        for message in self.says(side) {
            if self.is_up[side.other().index()] {
                let said = (side, message.clone());
                if !self.said.contains(&said) {
                    self.said.push(said);
                }
                match self.step(side.other(), ChannelInput::Heard(message.clone())) {
                    Ok(_) | Err(StepError::Refused(ChannelFault::State { .. })) => {}
                    Err(other) => panic!("{message:?}: {other}"),
                }
            }
        }
    }

    /// Tells both what a block holds.
    fn tell(&mut self, txs: &[Transaction]) {
        let height = self.chain.height().unwrap();
        for side in Side::BOTH {
            for tx in txs {
                self.step(side, ChannelInput::Confirmed(tx.clone(), height))
                    .unwrap();
            }
            self.step(side, ChannelInput::Tip(height)).unwrap();
        }
    }

    pub fn height(&mut self) -> u32 {
        self.chain.height().unwrap()
    }

    /// One block with just this transaction, if it is valid in it.
    pub fn confirm(&mut self, tx: &Transaction) -> Result<(), String> {
        let mined = self
            .chain
            .mine_exactly(std::slice::from_ref(tx), &ScriptBuf::new_p2a());
        mined.map_err(|e| e.to_string())?;
        self.tell(std::slice::from_ref(tx));
        Ok(())
    }

    /// Blocks, each with what one side has to publish, or empty.
    pub fn mine(&mut self, blocks: u32) {
        for _ in 0..blocks {
            self.settle();
            if !self.publish() {
                self.chain.mine(1, &ScriptBuf::new_p2a()).unwrap();
                self.tell(&[]);
            }
        }
        self.settle();
    }

    pub fn mine_to(&mut self, height: u32) {
        while self.height() < height {
            self.mine(1);
        }
    }

    /// Publishes the first thing that is due and valid, in a block of its own; whether there was one.
    fn publish(&mut self) -> bool {
        for side in Side::BOTH {
            if !self.is_up[side.index()] {
                continue;
            }
            for effect in self.kept(side).pending() {
                let tx = match effect {
                    ChannelEffect::Fund => self.funding.clone(),
                    ChannelEffect::PublishOwn(number) => Some(self.own(side, number)),
                    ChannelEffect::PublishClose(tx) => Some(tx),
                    ChannelEffect::Claim(claim) => Some(self.claim(side, &claim)),
                    ChannelEffect::Send(_) | ChannelEffect::Sign(_) => None,
                };
                if let Some(tx) = tx
                    && self.confirm(&tx).is_ok()
                {
                    let script = self.payout(side);
                    let own = tx
                        .output
                        .iter()
                        .filter(|output| output.script_pubkey == script);
                    self.taken[side.index()] +=
                        own.map(|output| output.value.to_sat()).sum::<u64>();
                    return true;
                }
            }
        }
        false
    }

    /// A side's wallet.
    pub fn payout(&self, side: Side) -> ScriptBuf {
        Signer::new(100 + side.index() as u64).unwrap().script()
    }

    pub fn own(&mut self, side: Side, number: u64) -> Transaction {
        let at = side.index();
        let tx = self.signers[at]
            .own_commitment(self.machine(side), number)
            .unwrap();
        let known = self.published[at]
            .entry(number)
            .or_insert_with(|| tx.clone());
        assert_eq!(*known, tx, "a verification nonce has made one signature");
        tx
    }

    pub fn claim(&mut self, side: Side, claim: &ChannelClaim) -> Transaction {
        let (at, spent) = self.coins.last().cloned().unwrap();
        let change = pay(spent.value.to_sat() - 2_000, &self.wallet.script());
        let needs = matches!(claim, ChannelClaim::Second { .. });
        let coin = needs.then(|| (at, spent.clone(), change));
        let fees = FeeRate::from_sat_per_kwu(500).into();
        let to = self.payout(side);
        let mut tx = self.signers[side.index()]
            .claim(claim, to, fees, coin)
            .unwrap();
        if let ChannelClaim::Second { second, .. } = claim {
            let witness = tx.input[0].witness.clone();
            self.wallet
                .sign(&mut tx, &[second.coin().clone(), spent])
                .unwrap();
            tx.input[0].witness = witness;
            if self.is_valid_at_tip(&tx) {
                self.coins.pop();
            }
        }
        tx
    }

    fn is_valid_at_tip(&mut self, tx: &Transaction) -> bool {
        tx.lock_time.to_consensus_u32() <= self.height()
    }
}

pub fn fulfil(id: PaymentId, byte: u8) -> Order {
    Order::Settle(id, Proof::Secret(secret(byte)))
}
