//! Either side of a channel is held to the laws of machines, beside a counterparty of its own and a chain that does what it likes; and
//! what no walk may break is looked at on the way.

use std::collections::{BTreeMap, VecDeque};

use bitcoin::{
    Amount, OutPoint, Transaction, TxOut,
    absolute::LockTime,
    secp256k1::rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom},
    transaction::Version,
};
use narthex_channel::{
    Machine, Tabled,
    channel::{
        Ask, ChannelClaim, ChannelEffect, ChannelInput, ChannelMachine, ChannelMessage,
        ChannelSigner, Order,
    },
    laws::{Effort, Subject, check},
};
use narthex_contracts::{
    channel::{Proof, Side, Update},
    funding::FeeRate,
};

use crate::channel_support::{CAPACITY, PUSH, id, keys, point, secret};

const EXPIRY: u32 = 150;

/// The machine's surroundings: a counterparty, both signers, and what lies on a chain.
struct Beside {
    me: Side,
    peer: ChannelMachine,
    signers: [ChannelSigner; 2],
    rng: StdRng,
    next: VecDeque<ChannelInput>,
    funding: Option<Transaction>,
    tip: u32,
    ordered: u8,
    /// How the walk goes: 0 and 1 stay off chain, others end there by and by.
    mood: u8,
    /// Old states of the peer, to cheat with.
    olds: Vec<ChannelMachine>,
    /// Commitments that were completed, by side and number: one for each.
    whole: BTreeMap<(Side, u64), Transaction>,
}

fn coin(output: TxOut, salt: u8) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::from_consensus(salt.into()),
        input: Vec::new(),
        output: vec![output],
    }
}

impl Beside {
    fn new() -> Beside {
        Beside {
            me: Side::Opener,
            peer: ChannelMachine::new(Side::Accepter),
            signers: keys().map(ChannelSigner::new),
            rng: StdRng::seed_from_u64(0),
            next: VecDeque::new(),
            funding: None,
            tip: 100,
            ordered: 0,
            mood: 0,
            olds: Vec::new(),
            whole: BTreeMap::new(),
        }
    }

    fn answers(&mut self, machine: &ChannelMachine, ask: &Ask) -> Vec<ChannelInput> {
        let funding = &mut self.funding;
        let make = |output: TxOut| {
            let tx = funding.get_or_insert_with(|| coin(output, 1));
            Some(OutPoint {
                txid: tx.compute_txid(),
                vout: 0,
            })
        };
        let signer = &self.signers[machine.side().index()];
        signer.answer(machine, ask, &mut self.rng, make).unwrap()
    }

    fn peer_takes(&mut self, input: &ChannelInput) {
        if let Ok(step) = self.peer.step(input) {
            for change in &step.changes {
                self.peer.apply(change);
            }
        }
        assert_sums(&self.peer);
    }

    /// The counterparty hears, signs and now and then wants something.
    fn peer_moves(&mut self, machine: &ChannelMachine, rng: &mut StdRng) {
        for effect in machine.pending() {
            if let ChannelEffect::Send(message) = effect {
                self.peer_takes(&ChannelInput::Heard(message));
            }
        }
        if self.peer.standing() == "new" && self.peer.side() == Side::Opener {
            let (capacity, push) = (Amount::from_sat(CAPACITY), Amount::from_sat(PUSH));
            let offer = self.signers[0].offer(capacity, push);
            self.peer_takes(&offer);
        }
        if rng.gen_ratio(1, 6) {
            let order = self.order(&self.peer.clone(), rng);
            self.peer_takes(&ChannelInput::Order(order));
        }
        if rng.gen_ratio(1, 12) {
            self.olds.push(self.peer.clone());
        }
        for effect in self.peer.pending() {
            if let ChannelEffect::Sign(ask) = effect
                && rng.gen_ratio(3, 4)
            {
                for input in self.answers(&self.peer.clone(), &ask) {
                    self.peer_takes(&input);
                }
            }
        }
    }

    fn order(&mut self, machine: &ChannelMachine, rng: &mut StdRng) -> Order {
        let mut pending = Vec::new();
        if let Some(state) = machine.locked() {
            let theirs = state
                .payments
                .iter()
                .filter(|p| p.id.offerer != machine.side());
            pending.extend(theirs.map(|payment| payment.id));
        }
        match (pending.choose(rng), rng.gen_range(0..9u8)) {
            (Some(id), 0..=2) => Order::Settle(*id, Proof::Secret(secret(5))),
            (Some(id), 3) => Order::GiveBack(*id),
            (_, 4) if self.mood == 1 => Order::Shutdown(payout(1), FeeRate::from_sat_per_kwu(500)),
            (_, 5) if self.mood > 3 => Order::ForceClose,
            (_, 6) => Order::FeeCoins(Amount::from_sat(10_000_000), 400),
            _ => {
                self.ordered = self.ordered.wrapping_add(1);
                Order::Pay {
                    number: machine.ordered(),
                    amount: Amount::from_sat(*[900, 9_000, 200_000].choose(rng).unwrap()),
                    lock: point(5),
                    expiry: EXPIRY,
                }
            }
        }
    }

    /// What happens on chain: the funding, an end, a claim, blocks, a reorganisation.
    fn happens(&mut self, machine: &ChannelMachine, rng: &mut StdRng) -> Option<ChannelInput> {
        let confirmed = |tx: Transaction, tip| Some(ChannelInput::Confirmed(tx, tip));
        let funding = self.funding.clone()?;
        match rng.gen_range(0..12u8) {
            0..=2 => {
                self.tip += *[1, 1, 5].choose(rng).unwrap();
                Some(ChannelInput::Tip(self.tip))
            }
            3 | 4 if !machine.pending().contains(&ChannelEffect::Fund) => None,
            3 | 4 => confirmed(funding, self.tip),
            5 if self.mood > 2 => {
                let due = machine
                    .pending()
                    .into_iter()
                    .find_map(|effect| match effect {
                        ChannelEffect::PublishOwn(number) => Some(number),
                        _ => None,
                    });
                let tx = self.complete(machine, due?)?;
                confirmed(tx, self.tip)
            }
            6 if self.mood > 2 && rng.gen_ratio(1, 3) => {
                // The counterparty publishes what it has, or had.
                let old = self.olds.choose(rng).cloned();
                let old = old
                    .filter(|_| self.mood > 4)
                    .unwrap_or_else(|| self.peer.clone());
                let number = old.locked()?.number;
                let signer = &self.signers[old.side().index()];
                confirmed(signer.own_commitment(&old, number).ok()?, self.tip)
            }
            7 => machine
                .pending()
                .into_iter()
                .find_map(|effect| match effect {
                    ChannelEffect::PublishClose(tx) => Some(ChannelInput::Confirmed(tx, self.tip)),
                    _ => None,
                }),
            8 | 9 => {
                let both = [machine.clone(), self.peer.clone()];
                let who = both.choose(rng)?;
                let claim = who.pending().into_iter().find_map(|effect| match effect {
                    ChannelEffect::Claim(claim) => Some(claim),
                    _ => None,
                });
                let tx = self.claim(who.side(), &claim?)?;
                match rng.gen_ratio(1, 4) {
                    true => Some(ChannelInput::Seen(tx)),
                    false => confirmed(tx, self.tip),
                }
            }
            10 if rng.gen_ratio(1, 6) => {
                self.tip = self.tip.saturating_sub(3);
                Some(ChannelInput::Reorganised(self.tip))
            }
            _ => None,
        }
    }

    fn claim(&self, side: Side, claim: &ChannelClaim) -> Option<Transaction> {
        let output = |sat| TxOut {
            value: Amount::from_sat(sat),
            script_pubkey: payout(3),
        };
        let needs = matches!(claim, ChannelClaim::Second { .. });
        let at = OutPoint {
            txid: coin(output(1), 9).compute_txid(),
            vout: 0,
        };
        let coin = needs.then(|| (at, output(9_000), output(8_000)));
        let fees = FeeRate::from_sat_per_kwu(250).into();
        self.signers[side.index()]
            .claim(claim, payout(2), fees, coin)
            .ok()
    }

    /// No verification nonce makes two signatures: one commitment for each number, over one share.
    fn complete(&mut self, machine: &ChannelMachine, number: u64) -> Option<Transaction> {
        let signer = &self.signers[machine.side().index()];
        let tx = signer.own_commitment(machine, number).ok()?;
        let known = self
            .whole
            .entry((machine.side(), number))
            .or_insert_with(|| tx.clone());
        assert_eq!(*known, tx, "two signatures by one verification nonce");
        Some(tx)
    }

    fn nonsense(&mut self, machine: &ChannelMachine, rng: &mut StdRng) -> ChannelInput {
        let mut said = Vec::new();
        for effect in self.peer.pending() {
            if let ChannelEffect::Send(message) = effect {
                said.push(message);
            }
        }
        let bad = said.choose(rng).cloned().map(|message| match message {
            ChannelMessage::Propose {
                number,
                cut,
                mut claims,
            } => {
                claims.pop();
                ChannelMessage::Propose {
                    number,
                    cut: [cut[0] + 1, cut[1]],
                    claims,
                }
            }
            ChannelMessage::Accept {
                number,
                claims,
                mut share,
                second,
            } => {
                share.share.0[31] ^= 1;
                ChannelMessage::Accept {
                    number,
                    claims,
                    share,
                    second,
                }
            }
            ChannelMessage::Commit {
                number,
                share,
                second,
                mut revocation,
            } => {
                revocation.secret = secret(9);
                ChannelMessage::Commit {
                    number,
                    share,
                    second,
                    revocation,
                }
            }
            ChannelMessage::Stage { number, .. } => ChannelMessage::Stage {
                number: number + 1,
                update: Update::Fail(id(Side::Opener, 77)),
            },
            other => other,
        });
        match (bad, rng.gen_range(0..5u8)) {
            (Some(bad), 0..=2) => ChannelInput::Heard(bad),
            (_, 3) => ChannelInput::Learned(id(Side::Opener, 0), Proof::Secret(secret(6))),
            _ => {
                let number = rng.gen_range(0..4);
                let own = &self.signers[self.me.index()];
                let lie = rng.gen_ratio(2, 3);
                let shown = if lie {
                    secret(8)
                } else {
                    own.keys().commitment_secret(number)
                };
                let is_ahead = machine
                    .locked()
                    .is_none_or(|state| number > state.number + 1);
                // A true one of the present ends the walk: seldom.
                if !(lie || is_ahead && rng.gen_ratio(1, 6)) {
                    return ChannelInput::Tip(self.tip);
                }
                ChannelInput::Heard(ChannelMessage::Reestablish {
                    number,
                    shown: Some((number, shown)),
                })
            }
        }
    }
}

fn payout(number: u64) -> bitcoin::ScriptBuf {
    narthex_regtest::suite::Signer::new(number)
        .unwrap()
        .script()
}

/// What is there is what the coin holds, in every state.
fn assert_sums(machine: &ChannelMachine) {
    if let Some(state) = machine.locked() {
        assert_eq!(state.sum(), Some(Amount::from_sat(CAPACITY)));
    }
}

impl Subject for Beside {
    type Machine = ChannelMachine;
    type State = String;

    fn fresh(&self) -> ChannelMachine {
        ChannelMachine::new(self.me)
    }

    fn state(&self, machine: &ChannelMachine) -> String {
        machine.fingerprint()
    }

    fn begin(&mut self, rng: &mut StdRng) {
        *self = Beside::new();
        self.me = *Side::BOTH.choose(rng).unwrap();
        self.peer = ChannelMachine::new(self.me.other());
        self.mood = rng.gen_range(0..7);
        self.rng = StdRng::seed_from_u64(rng.r#gen());
    }

    fn input(&mut self, machine: &ChannelMachine, rng: &mut StdRng) -> ChannelInput {
        assert_sums(machine);
        if let Some(input) = self.next.pop_front() {
            return input;
        }
        self.peer_moves(machine, rng);
        if rng.gen_ratio(1, 3)
            && let Some(input) = self.happens(machine, rng)
        {
            // Both see the same chain.
            self.peer_takes(&input);
            return input;
        }
        if machine.standing() == "new" && machine.side() == Side::Opener {
            let (capacity, push) = (Amount::from_sat(CAPACITY), Amount::from_sat(PUSH));
            return self.signers[0].offer(capacity, push);
        }
        if rng.gen_ratio(1, 10) {
            return self.nonsense(machine, rng);
        }
        if rng.gen_ratio(1, 6) {
            return ChannelInput::Order(self.order(machine, rng));
        }
        let mut due = Vec::new();
        for effect in machine.pending() {
            match effect {
                ChannelEffect::Sign(ask) => due.push(Err(ask)),
                ChannelEffect::Fund => {
                    let funding = self.funding.clone().unwrap();
                    let input = ChannelInput::Confirmed(funding, self.tip);
                    self.peer_takes(&input);
                    due.push(Ok(input));
                }
                _ => {}
            }
        }
        for effect in self.peer.pending() {
            match effect {
                ChannelEffect::Send(message) => due.push(Ok(ChannelInput::Heard(message))),
                ChannelEffect::Fund => {
                    let funding = self.funding.clone().unwrap();
                    due.push(Ok(ChannelInput::Confirmed(funding, self.tip)));
                }
                _ => {}
            }
        }
        match due.choose(rng).cloned() {
            Some(Ok(input)) => {
                if let ChannelInput::Confirmed(..) = &input {
                    self.peer_takes(&input);
                }
                input
            }
            Some(Err(ask)) => {
                self.next = self.answers(machine, &ask).into();
                self.next.pop_front().unwrap()
            }
            None => {
                self.tip += 1;
                let input = ChannelInput::Tip(self.tip);
                self.peer_takes(&input);
                input
            }
        }
    }
}

#[test]
fn either_side_keeps_the_laws() {
    let effort = Effort::new(128, 150, 120);
    println!("NARTHEX_SEED={}", effort.seed);
    if std::env::var_os("NARTHEX_ROWS").is_some() {
        return rows(effort);
    }
    check(&mut Beside::new(), effort).unwrap_or_else(|e| panic!("{e}"));
}

/// Prints the transitions that walks meet, to be looked at and put into the table.
fn rows(effort: Effort) {
    let mut found = BTreeMap::new();
    for walk in 0..effort.walks {
        let mut beside = Beside::new();
        let mut rng = StdRng::seed_from_u64(effort.seed ^ u64::from(walk).rotate_left(32));
        beside.begin(&mut rng);
        let mut machine = beside.fresh();
        for _ in 0..effort.inputs {
            let input = beside.input(&machine, &mut rng);
            // As the walks of the laws draw it, so that they are the same: with 1 the store fails behind the write, and what is tried again was
            // seen before.
            let is_seen = rng.gen_range(0..8u8) == 1;
            let from = machine.state();
            let Ok(step) = machine.step(&input) else {
                continue;
            };
            if step.changes.is_empty() {
                continue;
            }
            for change in &step.changes {
                machine.apply(change);
            }
            let mut names: Vec<_> = step
                .effects
                .iter()
                .map(ChannelMachine::effect_name)
                .collect();
            names.dedup();
            let name = ChannelMachine::input_name(&input);
            if !is_seen {
                *found
                    .entry((from, name, machine.state(), names))
                    .or_insert(0) += 1;
            }
        }
    }
    for ((from, input, to, names), count) in found {
        println!(
            "ROW    {from} + {input} => {to} [{}] \"\"; // {count}",
            names.join(" ")
        );
    }
}
