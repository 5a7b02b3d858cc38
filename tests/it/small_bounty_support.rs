//! All sides of a bounty as processes host them, in one process, with the chain between them.

use std::{
    cell::Cell,
    ops::{Deref, DerefMut},
    rc::Rc,
};

use bitcoin::{
    Amount,
    hashes::{Hash as _, sha256},
    secp256k1::{PublicKey, Secp256k1},
};
use narthex::{
    channel::bounty::{BountyFigures, BountySeat},
    contracts::depth::Depth,
    regtest::ChainSource as _,
    small::{BountyRecomputer, BountyRequester},
};

use crate::{
    small_several_support::{ASKING, Several, hosts},
    small_support::RATE,
};

pub use crate::small_several_support::FIRST;

pub const AMOUNT: Amount = Amount::from_sat(20_000);
pub const RESULT: &[u8] = b"six times seven is forty-two";
pub const ASK: [u8; 32] = [7; 32];
pub const LAYER_BLOCKS: u32 = 30;
pub const ROUND: u16 = 4;

pub const REQUESTER: usize = ASKING;

/// All of them, and their chain.
pub struct Hiring {
    several: Several,
    pub figures: BountyFigures,
    /// Who was asked by another ask than the others.
    pub deceived: Rc<Cell<Option<usize>>>,
}

impl Deref for Hiring {
    type Target = Several;

    fn deref(&self) -> &Several {
        &self.several
    }
}

impl DerefMut for Hiring {
    fn deref_mut(&mut self) -> &mut Several {
        &mut self.several
    }
}

impl Hiring {
    pub fn new(recomputers: usize, quorum: u8) -> Hiring {
        let (all, mut chain, node) = hosts(recomputers);
        let seats = all[FIRST..].iter().map(|one| BountySeat {
            node: PublicKey::from_secret_key(&Secp256k1::new(), &one.host.identity),
            address: "127.0.0.1:1".into(),
            amount: AMOUNT,
        });
        let layer_height = chain.height().unwrap() + LAYER_BLOCKS;
        let rounds = 5 + recomputers as u32 - u32::from(quorum);
        let figures = BountyFigures {
            job: sha256::Hash::from_byte_array([9; 32]),
            seats: seats.collect(),
            quorum,
            layer_height,
            round_blocks: ROUND,
            refund_height: layer_height + rounds * u32::from(ROUND),
            rate: RATE,
        };
        let asking = PublicKey::from_secret_key(&Secp256k1::new(), &all[0].host.identity);
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
                    REQUESTER => {
                        Box::new(BountyRequester::open((figures, ASK), depth, logs).unwrap())
                    }
                    _ => {
                        let seat = ((at - FIRST) as u8, depth);
                        let side = BountyRecomputer::open(figures, (ask, asking), seat, logs);
                        Box::new(side.unwrap())
                    }
                }
            }),
        );
        Hiring {
            several,
            figures,
            deceived,
        }
    }

    /// A recomputer has come to a result.
    pub fn work(&mut self, at: usize, result: &[u8]) {
        self.all[at].host.side_mut().give(result).unwrap();
    }

    pub fn work_all(&mut self) {
        (FIRST..self.all.len()).for_each(|at| self.work(at, RESULT));
        self.settle();
    }

    /// The funding is published and confirms, as deep as all wait for.
    pub fn fund(&mut self) {
        self.settle();
        assert_eq!(self.standing(REQUESTER), "unfunded");
        assert_eq!(self.waiting(), 1);
        self.mine(2);
        assert_eq!(self.standing(REQUESTER), "layering");
    }

    pub fn read(&self) -> Option<Vec<u8>> {
        let delivered = self.all[REQUESTER].host.side().delivered()?;
        assert_eq!(delivered.what, "result");
        Some(delivered.bytes)
    }

    /// However it ended: nothing is gone but fees, and it was read exactly if it was paid.
    pub fn fair(&mut self) {
        let left = self.money();
        let cost = self.started - left;
        assert!(cost < Amount::from_sat(8_000), "{cost} are gone");
        let is_settled = self.path(REQUESTER).contains(&"Settle");
        assert_eq!(self.read().is_some(), is_settled, "{:?}", self.path(0));
    }

    /// From the ceremony to the reading; messages that were taken.
    pub fn whole(mut self) -> usize {
        self.fund();
        self.work_all();
        // Paying and reading are one: before it is published nothing is read.
        assert_eq!(self.read(), None);
        assert!(self.waiting() >= 1, "{:?}", self.refused);
        self.mine(1);
        assert_eq!(self.read().unwrap(), RESULT);
        self.mine(2);
        self.over();
        self.fair();
        assert_eq!(self.path(REQUESTER), ["Bounty", "Settle"]);
        self.taken
    }
}
