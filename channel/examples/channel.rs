//! A payment channel between two parties on a regtest chain in this process: opened, ten payments of one amount and one point, and a cheat
//! that publishes an old state loses everything. `cargo run -p narthex-channel --example channel`

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Transaction,
    secp256k1::{PublicKey, Secp256k1, SecretKey, rand::thread_rng},
};
use narthex_channel::{
    Logged, StepError,
    channel::{ChannelEffect, ChannelFault, ChannelInput, ChannelMachine, ChannelSigner, Order},
    log::{Identity, MemoryDisk, MemoryLog},
};
use narthex_contracts::{
    channel::{Channel, ChannelKeys, ChannelTerms, Lock, PaymentId, Proof, Side, State},
    funding::FeeRate,
};
use narthex_regtest::{
    ChainSource, Embedded, Miner, mine_coins,
    suite::{Signer, pay, spend},
};

type Failure = Box<dyn std::error::Error>;

/// A party: its machine with its log, its keys, and where its money goes.
struct Party {
    machine: Logged<ChannelMachine, MemoryLog>,
    signer: ChannelSigner,
    wallet: ScriptBuf,
}

impl Party {
    fn new(side: Side, seed: u8, disk: &MemoryDisk) -> Result<Party, Failure> {
        let log = disk.open(&Identity::new(format!("channel-{side}"), [0; 32]))?;
        let wallet = Signer::new(100 + u64::from(seed)).ok_or("no key")?;
        Ok(Party {
            machine: Logged::open(ChannelMachine::new(side), log)?,
            signer: ChannelSigner::new(ChannelKeys::new([seed; 32])),
            wallet: wallet.script(),
        })
    }

    /// What came too early is refused, and comes again.
    fn takes(&mut self, input: &ChannelInput) -> Result<(), Failure> {
        match self.machine.step(input) {
            Ok(_) | Err(StepError::Refused(ChannelFault::State { .. })) => Ok(()),
            Err(other) => Err(other.to_string().into()),
        }
    }

    fn stands(&self) -> &'static str {
        self.machine.machine().standing()
    }

    fn locked(&self) -> Result<&State, Failure> {
        Ok(self.machine.machine().locked().ok_or("no state")?)
    }
}

/// Messages and signatures go on until nothing changes.
fn talk(parties: &mut [Party; 2], funding: &Transaction) -> Result<(), Failure> {
    let written =
        |parties: &[Party; 2]| -> u64 { parties.iter().map(|party| party.machine.changes()).sum() };
    loop {
        let before = written(parties);
        for at in [0, 1] {
            for effect in parties[at].machine.pending() {
                let ChannelEffect::Sign(ask) = effect else {
                    continue;
                };
                let coin = OutPoint {
                    txid: funding.compute_txid(),
                    vout: 0,
                };
                let party = &mut parties[at];
                let (signer, machine) = (&party.signer, party.machine.machine());
                let answers = signer.answer(machine, &ask, &mut thread_rng(), |_| Some(coin))?;
                for answer in answers {
                    party.takes(&answer)?;
                }
            }
            for effect in parties[at].machine.pending() {
                if let ChannelEffect::Send(message) = effect {
                    parties[1 - at].takes(&ChannelInput::Heard(message))?;
                }
            }
        }
        if before == written(parties) {
            return Ok(());
        }
    }
}

/// A block with this, or an empty one, and both see it.
fn block(
    chain: &mut Embedded,
    parties: &mut [Party; 2],
    tx: Option<&Transaction>,
) -> Result<(), Failure> {
    let txs: Vec<Transaction> = tx.into_iter().cloned().collect();
    chain.mine_exactly(&txs, &ScriptBuf::new_p2a())?;
    let height = chain.height()?;
    for party in parties {
        for tx in &txs {
            party.takes(&ChannelInput::Confirmed(tx.clone(), height))?;
        }
        party.takes(&ChannelInput::Tip(height))?;
    }
    Ok(())
}

fn main() -> Result<(), Failure> {
    let (disk, mut chain) = (MemoryDisk::default(), Embedded::new());
    let mut parties = [
        Party::new(Side::Opener, 1, &disk)?,
        Party::new(Side::Accepter, 2, &disk)?,
    ];
    let capacity = Amount::from_sat(1_000_000);

    // The opener's wallet makes the funding; it goes out when both hold a commitment.
    let wallet = Signer::new(7).ok_or("no key")?;
    let coins = mine_coins(&mut chain, 1, &wallet.script(), &ScriptBuf::new_p2a())?;
    let (coin, spent) = coins.into_iter().next().ok_or("no coin")?;
    let keys = [0, 1].map(|at| parties[at].signer.keys().basepoints());
    let unplaced = Channel::new(ChannelTerms::usual(capacity, keys), OutPoint::null())?;
    let rest = spent.value.to_sat() - capacity.to_sat() - 1_000;
    let outputs = vec![unplaced.funding_output(), pay(rest, &wallet.script())];
    let mut funding = spend(&[coin], outputs);
    wallet.sign(&mut funding, &[spent])?;

    let offer = parties[0].signer.offer(capacity, Amount::from_sat(400_000));
    parties[0].takes(&offer)?;
    talk(&mut parties, &funding)?;
    println!("both hold a commitment: {}", parties[0].stands());
    block(&mut chain, &mut parties, Some(&funding))?;
    for _ in 0..5 {
        block(&mut chain, &mut parties, None)?;
    }
    talk(&mut parties, &funding)?;
    println!(
        "open at height {}: {}",
        chain.height()?,
        parties[0].stands()
    );

    let secret = SecretKey::from_slice(&[5; 32])?;
    let lock = Lock::Point(PublicKey::from_secret_key(&Secp256k1::new(), &secret));
    for number in 0..10 {
        let pay = Order::Pay {
            number,
            amount: Amount::from_sat(10_000),
            lock,
            expiry: 500,
        };
        parties[0].takes(&ChannelInput::Order(pay))?;
    }
    talk(&mut parties, &funding)?;
    let locked = parties[1].locked()?;
    println!(
        "{} payments of one amount and one point are locked, in state {}",
        locked.payments.len(),
        locked.number
    );

    // The opener keeps this state: in it none of the ten is paid.
    let old = parties[0].machine.machine().clone();
    for number in 0..10 {
        let id = PaymentId {
            offerer: Side::Opener,
            number,
        };
        let settle = Order::Settle(id, Proof::Secret(secret));
        parties[1].takes(&ChannelInput::Order(settle))?;
    }
    talk(&mut parties, &funding)?;
    let [opener, accepter] = parties[0].locked()?.balances;
    println!("settled: the opener has {opener}, the accepter {accepter}");

    let number = old.locked().ok_or("no state")?.number;
    let cheat = parties[0].signer.own_commitment(&old, number)?;
    block(&mut chain, &mut parties, Some(&cheat))?;
    println!(
        "the opener publishes state {number}: {}",
        parties[1].stands()
    );
    let mut taken = Amount::ZERO;
    while parties[1].stands() != "over" {
        let party = &parties[1];
        let due = party.machine.pending().into_iter();
        let claim = due.into_iter().find_map(|effect| match effect {
            ChannelEffect::Claim(claim) => Some(claim),
            _ => None,
        });
        let fees = FeeRate::from_sat_per_kwu(500).into();
        let tx = claim.map(|claim| party.signer.claim(&claim, party.wallet.clone(), fees, None));
        let tx = tx.transpose()?;
        let outputs = tx.iter().flat_map(|tx| &tx.output);
        taken += outputs.map(|output| output.value).sum::<Amount>();
        block(&mut chain, &mut parties, tx.as_ref())?;
    }
    println!("the accepter takes {taken} of {capacity}, the cheat nothing");
    Ok(())
}
