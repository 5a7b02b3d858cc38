//! Both sides of a slice keep the laws of machines.

use bitcoin::{
    Transaction, Txid,
    hashes::Hash,
    secp256k1::rand::{Rng, rngs::StdRng},
};
use narthex_channel::{
    CoinSeen, Machine,
    laws::{Effort, Subject, check},
    slice::{
        ClientInput, ClientMachine, ClientStart, ProviderEffect, ProviderInput, ProviderMachine,
        ProviderStart,
    },
};
use narthex_contracts::fixtures::MadeUpNode;
use narthex_contracts::slice::{Bundle, Opening, Post, SliceError};

use crate::{
    begun::{Begun, take},
    rows,
    slice_support::{BURIED, Slice, depth, key, right, rng, secret, slice_of},
};

/// What a slice of two that both do right comes to, and what a liar sends.
struct World {
    slice: Slice,
    posts: [Post; 2],
    /// Of provider 0.
    opening: Opening,
    /// Bundles that are true.
    bundles: [Bundle; 2],
    /// Provider 1 lies to who has its root.
    lie: Bundle,
    /// For nobody.
    empty: Bundle,
    claims: [Transaction; 2],
    refunds: [Transaction; 2],
    funding: Transaction,
}

impl World {
    fn new(salt: u8) -> World {
        let mut slice = slice_of(2, 2, salt);
        let posts = [0, 1].map(|i| slice.commit(i, &right()));
        posts.iter().for_each(|post| slice.show(post));
        slice.release(&[0, 1]);
        slice.hand_out();
        let bundles = [0, 1].map(|i| slice.providers[i].bundle().unwrap().clone());
        let (mut rng, root) = (rng(9), right().root(&slice.terms));
        let sign = |shares: Vec<_>, rng: &mut StdRng| {
            Bundle::sign(&slice.terms, (1, &key(1)), &root, shares, rng).unwrap()
        };
        let (lie, empty) = (
            sign(vec![(&posts[0], secret(77))], &mut rng),
            sign(Vec::new(), &mut rng),
        );
        let claims = [0, 1].map(|i| slice.providers[i].claim(BURIED).unwrap());
        let refunds = [0, 1].map(|i| slice.client.refund(i, &mut rng).unwrap());
        let funding = slice.client.funding_psbt(&MadeUpNode).unwrap().unsigned_tx;
        World {
            opening: slice.providers[0].record().opening.unwrap(),
            posts,
            bundles,
            lie,
            empty,
            claims,
            refunds,
            funding,
            slice,
        }
    }

    fn provider_start(&self, own: u8) -> ProviderStart {
        ProviderStart {
            holdings: self.slice.providers[0].holdings().clone(),
            own,
            depth: depth(),
        }
    }

    fn client_start(&self) -> ClientStart {
        ClientStart {
            holdings: self.slice.client.holdings().clone(),
            depth: depth(),
        }
    }

    /// Where a price might be: unfunded, locked or spent at this height, by a claim or not. In a wild walk as often the one as
    /// the other.
    fn price(&self, (index, height): (u8, u32), is_wild: bool, rng: &mut StdRng) -> CoinSeen {
        let by = |is_claim: bool| match is_claim {
            true => self.claims[usize::from(index)].compute_txid(),
            false => Txid::all_zeros(),
        };
        match rng.gen_range(0..if is_wild { 4 } else { 8u8 }) {
            0 => CoinSeen::Unfunded,
            1 => CoinSeen::Spent {
                height,
                by: by(rng.r#gen()),
            },
            _ => CoinSeen::Locked { height: 100 },
        }
    }
}

/// What walks of a side begin with, and how they go.
struct Walks<M> {
    world: World,
    other: World,
    /// After the ceremony.
    held: Begun<M>,
    is_wild: bool,
}

impl<M: Machine<Error = SliceError> + Default + Clone> Walks<M> {
    fn new(held: impl FnOnce(&World) -> M::Input) -> Self {
        let (world, other) = (World::new(1), World::new(2));
        Walks {
            held: Begun::with(&held(&world)),
            world,
            other,
            is_wild: false,
        }
    }

    fn begin(&mut self, rng: &mut StdRng) {
        self.held.draw(rng);
        self.is_wild = rng.r#gen();
    }
}

impl Subject for Walks<ProviderMachine> {
    type Machine = ProviderMachine;
    type State = ProviderMachine;

    fn fresh(&self) -> ProviderMachine {
        self.held.fresh()
    }

    fn begin(&mut self, rng: &mut StdRng) {
        self.begin(rng);
    }

    fn state(&self, machine: &ProviderMachine) -> ProviderMachine {
        machine.clone()
    }

    fn input(&mut self, machine: &ProviderMachine, rng: &mut StdRng) -> ProviderInput {
        let own = &self.world;
        if machine.book().is_none() && rng.gen_range(0..8u8) > 0 {
            return ProviderInput::Held(Box::new(own.provider_start(0)));
        }
        // Now and then something of another slice.
        let world = match rng.gen_range(0..24u8) {
            0 => &self.other,
            _ => own,
        };
        // Mostly what it waits for.
        let due = machine.pending();
        let is_due = |effect: &ProviderEffect| due.contains(effect);
        let next = match (machine.standing(), rng.gen_range(0..4u8)) {
            ("working", 0) => 1,
            ("releasing", 3) => 4,
            (_, 0) if is_due(&ProviderEffect::Release) => 6,
            (_, 1) if is_due(&ProviderEffect::Claim) => 11,
            ("posted" | "releasing" | "released", 2) => 10,
            ("claimed", 2) => [4, 8, 10][rng.gen_range(0..3usize)],
            _ if self.is_wild && rng.r#gen() => 15,
            _ => rng.gen_range(0..16u8),
        };
        match next {
            0 => ProviderInput::Held(Box::new(world.provider_start(rng.gen_range(0..2)))),
            1..=3 => ProviderInput::Committed {
                post: Box::new(world.posts[0].clone()),
                opening: own.opening.clone(),
            },
            4..=5 => ProviderInput::Post(Box::new(world.posts[rng.gen_range(0..2)].clone())),
            6..=7 => ProviderInput::Released(world.bundles[0].clone()),
            8 => ProviderInput::Bundle(world.lie.clone()),
            9 => ProviderInput::Bundle(world.empty.clone()),
            10 => ProviderInput::Bundle(world.bundles[1].clone()),
            11..=12 => ProviderInput::Claimed(world.claims[0].clone()),
            _ => {
                // In time, or when nobody is owed anything; most walks should not be over soon.
                let height = if rng.gen_ratio(1, 6) { 123 } else { 103 };
                let price = own.price((0, height), self.is_wild, rng);
                let tips = match price {
                    CoinSeen::Spent { height: 123, .. } => [123, 123, 123, 125],
                    CoinSeen::Spent { .. } if rng.gen_ratio(1, 6) => [103, 105, 120, 123],
                    CoinSeen::Spent { .. } => [103, 104, 105, 110],
                    _ => [100, 101, 103, 107],
                };
                let tip = tips[rng.gen_range(0..4usize)];
                ProviderInput::Price { tip, price }
            }
        }
    }
}

impl Subject for Walks<ClientMachine> {
    type Machine = ClientMachine;
    type State = ClientMachine;

    fn fresh(&self) -> ClientMachine {
        self.held.fresh()
    }

    fn begin(&mut self, rng: &mut StdRng) {
        self.begin(rng);
    }

    fn state(&self, machine: &ClientMachine) -> ClientMachine {
        machine.clone()
    }

    fn input(&mut self, machine: &ClientMachine, rng: &mut StdRng) -> ClientInput {
        let own = &self.world;
        if machine.book().is_none() && rng.gen_range(0..8u8) > 0 {
            return ClientInput::Held(Box::new(own.client_start()));
        }
        let world = match rng.gen_range(0..24u8) {
            0 => &self.other,
            _ => own,
        };
        let one = rng.gen_range(0..2usize);
        let next = match (machine.standing(), rng.gen_range(0..4u8)) {
            ("ending", 0) => 12,
            _ => rng.gen_range(0..13u8),
        };
        match next {
            0 => ClientInput::Held(Box::new(world.client_start())),
            // Some walks are funded by nobody here.
            1 if !self.is_wild || rng.gen_ratio(1, 8) => ClientInput::Funded(world.funding.clone()),
            2 => ClientInput::Post(Box::new(world.posts[one].clone())),
            3..=4 => ClientInput::Bundle(world.bundles[one].clone()),
            5..=6 => ClientInput::Claim {
                index: one as u8,
                tx: world.claims[one].clone(),
            },
            7 => ClientInput::Refunded {
                index: one as u8,
                tx: world.refunds[one].clone(),
            },
            12 => ClientInput::GiveUp { index: one as u8 },
            _ => {
                let price = own.price((one as u8, 120), self.is_wild, rng);
                let tip = *[100, 117, 120, 120, 120, 123]
                    .get(rng.gen_range(0..6usize))
                    .unwrap();
                // Now and then of a provider that there is not.
                let index = match rng.gen_range(0..16u8) {
                    0 => 2,
                    _ => one as u8,
                };
                ClientInput::Price { index, tip, price }
            }
        }
    }
}

#[test]
fn a_provider_keeps_the_laws() {
    let mut providing = Walks::<ProviderMachine>::new(|world| {
        ProviderInput::Held(Box::new(world.provider_start(0)))
    });
    let world = &providing.world;
    let post = Box::new(world.posts[0].clone());
    let opening = world.opening.clone();
    let price = CoinSeen::Locked { height: 100 };
    let releasing = [
        ProviderInput::Price { tip: 100, price },
        ProviderInput::Committed { post, opening },
        ProviderInput::Price { tip: 107, price },
    ];
    let paid = ProviderInput::Bundle(world.bundles[1].clone());
    let claimed = ProviderInput::Claimed(world.claims[0].clone());
    let released = ProviderInput::Released(world.bundles[0].clone());
    // What few walks would come to: shares to be released, paid or not.
    let stages = [
        vec![],
        vec![paid.clone()],
        vec![paid.clone(), released],
        vec![paid, claimed],
    ];
    for stage in stages {
        let inputs = [releasing.to_vec(), stage].concat();
        providing.held = providing.held.and(&inputs);
    }
    rows::print(&mut providing, 3_000, 60);
    check(&mut providing, Effort::new(41, 3_000, 60)).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn a_client_keeps_the_laws() {
    let mut buying =
        Walks::<ClientMachine>::new(|world| ClientInput::Held(Box::new(world.client_start())));
    let world = &buying.world;
    let post = |i: usize| ClientInput::Post(Box::new(world.posts[i].clone()));
    let claim = |i: u8| ClientInput::Claim {
        index: i,
        tx: world.claims[usize::from(i)].clone(),
    };
    let claimed = |index: u8, tip| {
        let by = world.claims[usize::from(index)].compute_txid();
        let price = CoinSeen::Spent { height: 120, by };
        ClientInput::Price { index, tip, price }
    };
    let price = CoinSeen::Locked { height: 100 };
    let (index, tip) = (1, 107);
    let locked = ClientInput::Price { index, tip, price };
    let funded = ClientInput::Funded(world.funding.clone());
    // Ends that few walks would come to: the last claim, post or block is missing, or the first price is gone already.
    let first = [claim(0), claim(1), post(0), post(1), claimed(0, 123)];
    let stages = [
        vec![claim(0), post(0), post(1), claimed(0, 123), claimed(1, 123)],
        vec![
            claim(0),
            claim(1),
            post(0),
            claimed(0, 123),
            claimed(1, 123),
        ],
        [&first[..], &[claimed(1, 120)]].concat(),
        first.to_vec(),
        [&first[..], std::slice::from_ref(&locked)].concat(),
        [&first[..], std::slice::from_ref(&funded)].concat(),
        vec![claim(0), claimed(0, 123)],
        vec![claim(0), claimed(0, 123), funded.clone()],
        vec![claimed(0, 123), funded],
    ];
    for stage in stages {
        buying.held = buying.held.and(&stage);
    }
    rows::print(&mut buying, 3_000, 60);
    check(&mut buying, Effort::new(43, 1_200, 60)).unwrap_or_else(|e| panic!("{e}"));
}

/// What is refused names its reason, and by whom: a share released early, a claim of another slice, posts that are late.
#[test]
fn what_is_refused() {
    let (world, other) = (World::new(1), World::new(2));
    let mut machine = ProviderMachine::default();
    let early = machine.step(&ProviderInput::Released(world.bundles[0].clone()));
    assert!(matches!(early, Err(SliceError::Order { .. })));
    // Signatures of another party.
    let start = ProviderInput::Held(Box::new(world.provider_start(1)));
    assert_eq!(machine.step(&start), Err(SliceError::OtherPoints));
    take(
        &mut machine,
        &ProviderInput::Held(Box::new(world.provider_start(0))),
    );
    let foreign = machine.step(&ProviderInput::Post(Box::new(other.posts[1].clone())));
    assert_eq!(foreign, Err(SliceError::Foreign));
    let price = CoinSeen::Locked { height: 100 };
    take(&mut machine, &ProviderInput::Price { tip: 100, price });
    let opening = world.opening.clone();
    let post = Box::new(world.posts[0].clone());
    take(&mut machine, &ProviderInput::Committed { post, opening });
    // Shallow, and a post is missing.
    let early = machine.step(&ProviderInput::Released(world.bundles[0].clone()));
    assert!(matches!(early, Err(SliceError::Order { .. })));
    let wrong = machine.step(&ProviderInput::Claimed(other.claims[0].clone()));
    assert!(matches!(wrong, Err(SliceError::ContractSignatures(_))));
    take(&mut machine, &ProviderInput::Price { tip: 106, price });
    take(
        &mut machine,
        &ProviderInput::Released(world.bundles[0].clone()),
    );
    let late = machine.step(&ProviderInput::Post(Box::new(world.posts[1].clone())));
    assert_eq!(late, Err(SliceError::Late { from: 1 }));
}
