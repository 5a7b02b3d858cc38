//! All sides of a gated slice as processes host them, in one process, with the chain between them.

use std::{
    cell::Cell,
    ops::{Deref, DerefMut},
    rc::Rc,
};

use bitcoin::{
    Amount,
    hashes::{Hash as _, sha256},
    secp256k1::{Keypair, PublicKey, Secp256k1},
};
use narthex::{
    channel::{
        slice::{SliceConsent, SliceFigures, seat_role},
        small::SmallPeer,
    },
    contracts::{
        depth::Depth,
        enrolment::{Enrolment, Scope},
    },
    regtest::ChainSource as _,
    small::{SliceClient, SliceProvider, SmallOrder},
};
use narthex_base::codec::Message as _;

use crate::{
    small_several_support::{ASKING, One, Several, hosts},
    small_support::RATE,
};

pub use crate::small_several_support::FIRST;

pub const PRICE: Amount = Amount::from_sat(20_000);
pub const RESULT: &[u8] = b"six times seven is forty-two";
pub const ASK: [u8; 32] = [7; 32];
pub const POST_BLOCKS: u16 = 6;
pub const REFUND_BLOCKS: u16 = 12;
pub const FUND_BLOCKS: u32 = 10;

pub const CLIENT: usize = ASKING;

/// All of them, and their chain.
pub struct Slicing {
    several: Several,
    pub figures: SliceFigures,
    /// Who was asked by another ask than the others.
    pub deceived: Rc<Cell<Option<usize>>>,
    /// Height of the funding, once it is there.
    pub funded: u32,
}

impl Deref for Slicing {
    type Target = Several;

    fn deref(&self) -> &Several {
        &self.several
    }
}

impl DerefMut for Slicing {
    fn deref_mut(&mut self) -> &mut Several {
        &mut self.several
    }
}

/// A commitment to the computation, and a result.
pub fn work(commitment: u8, result: &[u8]) -> Vec<u8> {
    [&[commitment; 32][..], result].concat()
}

/// What a provider brings.
pub fn consent(one: &mut One, seat: u8, ask: [u8; 32]) -> SliceConsent {
    let secp = Secp256k1::new();
    let pair = |key| Keypair::from_secret_key(&secp, &key);
    let (node, key) = (pair(one.host.identity), pair(one.host.key));
    let enrolment = Enrolment::sign(Scope::Negotiation(ask), seat_role(seat), &node, &key);
    SliceConsent {
        enrolment: enrolment.unwrap(),
        script: one.host.wallet.fresh_script(),
    }
}

pub fn node_of(one: &One) -> PublicKey {
    PublicKey::from_secret_key(&Secp256k1::new(), &one.host.identity)
}

impl Slicing {
    pub fn new(providers: usize, quorum: u8) -> Slicing {
        Slicing::with(providers, quorum, |_, consent| consent.to_bytes())
    }

    /// One in which what providers bring comes to the client altered.
    pub fn with(
        providers: usize,
        quorum: u8,
        alter: impl Fn(usize, &SliceConsent) -> Vec<u8>,
    ) -> Slicing {
        let (mut all, mut chain, node) = hosts(providers);
        let seats = all[FIRST..].iter().map(|one| SmallPeer {
            node: node_of(one),
            address: "127.0.0.1:1".into(),
        });
        let figures = SliceFigures {
            job: sha256::Hash::from_byte_array([9; 32]),
            seats: seats.collect(),
            quorum,
            price: PRICE,
            post_blocks: POST_BLOCKS,
            refund_blocks: REFUND_BLOCKS,
            fund_height: chain.height().unwrap() + FUND_BLOCKS,
            rate: RATE,
        };
        let client = node_of(&all[CLIENT]);
        let consents = (0u8..).zip(&mut all[FIRST..]);
        let consents: Vec<_> = consents
            .map(|(seat, one)| consent(one, seat, ASK))
            .collect();
        let brought = consents.iter().enumerate();
        let brought: Vec<_> = brought.map(|(at, of)| alter(FIRST + at, of)).collect();
        let deceived = Rc::new(Cell::new(None));
        let (asked, whom) = (figures.clone(), Rc::clone(&deceived));
        let several = Several::new(
            (all, chain, node),
            Box::new(move |at, host| {
                let depth = Depth::new(2).unwrap();
                let ask = match whom.get() == Some(at) {
                    true => [8; 32],
                    false => ASK,
                };
                let (figures, logs) = (asked.clone(), (host.log("side"), host.log("apart")));
                match at {
                    CLIENT => {
                        let brought: Vec<_> = brought.iter().map(|bytes| &bytes[..]).collect();
                        let about = (figures, &brought[..]);
                        Box::new(SliceClient::open(about, (ASK, depth), logs).unwrap())
                    }
                    _ => {
                        let seat = ((at - FIRST) as u8, depth);
                        let about = (figures, consents[at - FIRST].clone());
                        let side = SliceProvider::open(about, (ask, client), seat, logs);
                        Box::new(side.unwrap())
                    }
                }
            }),
        );
        Slicing {
            several,
            figures,
            deceived,
            funded: 0,
        }
    }

    pub fn seats(&self) -> std::ops::Range<usize> {
        FIRST..self.all.len()
    }

    /// A provider has come to a result.
    pub fn work(&mut self, at: usize, given: &[u8]) {
        self.all[at].host.side_mut().give(given).unwrap();
    }

    pub fn work_all(&mut self) {
        for at in self.seats() {
            self.work(at, &work(1, RESULT));
        }
        self.settle();
    }

    /// The funding is published and confirms, as deep as all wait for.
    pub fn fund(&mut self) {
        self.settle();
        assert_eq!(self.standing(CLIENT), "funding", "{:?}", self.refused);
        assert_eq!(self.waiting(), 1);
        self.mine(1);
        self.funded = self.chain.height().unwrap();
        assert_eq!(self.standing(CLIENT), "running");
        self.mine(1);
    }

    pub fn order(&mut self, at: usize, order: SmallOrder) -> Result<(), String> {
        let tip = self.chain.height().unwrap();
        let Several { all, node, .. } = &mut self.several;
        let done = all[at]
            .host
            .with((node, tip), |side, with| side.order(order, with));
        done.map_err(|error| error.to_string())
    }

    /// What the client reads: the result, or evidence that there is none.
    pub fn delivered(&self, at: usize) -> Option<(&'static str, Vec<u8>)> {
        let delivered = self.all[at].host.side().delivered()?;
        Some((delivered.what, delivered.bytes))
    }

    pub fn read(&self) -> Option<Vec<u8>> {
        let (what, bytes) = self.delivered(CLIENT)?;
        assert_eq!(what, "result");
        Some(bytes)
    }

    /// Until all that can be claimed or taken back is, and lies deep.
    pub fn end(&mut self) {
        let last = self.funded.max(self.figures.fund_height);
        self.mine_to(last + u32::from(REFUND_BLOCKS) + 6);
        self.over();
    }

    /// How many claims and refunds are in blocks.
    pub fn ends(&self) -> [usize; 2] {
        let path = self.path(CLIENT);
        ["Claim", "Refund"].map(|name| path.iter().filter(|of| **of == name).count())
    }

    /// However it ended: nothing is gone but fees; and every price went one way.
    pub fn fair(&mut self) {
        let left = self.money();
        let cost = self.started - left;
        assert!(cost < Amount::from_sat(12_000), "{cost} are gone");
        let [claims, refunds] = self.ends();
        if !self.path(CLIENT).is_empty() {
            assert_eq!(
                claims + refunds,
                self.seats().len(),
                "{:?}",
                self.path(CLIENT)
            );
        }
    }

    /// From the ceremony to the reading; messages that were taken.
    pub fn whole(mut self) -> usize {
        self.fund();
        self.work_all();
        // Paying and reading are one: before it is claimed nothing is read.
        assert_eq!(self.read(), None);
        let providers = self.seats().len();
        assert_eq!(self.waiting(), 2 * providers, "{:?}", self.refused);
        self.mine(1);
        assert_eq!(self.read().unwrap(), RESULT);
        self.end();
        self.fair();
        assert_eq!(self.ends(), [providers, 0]);
        self.taken
    }
}
