//! A client has what its money opens before a slice is over for it, in whatever order claim and post come.

use bitcoin::Transaction;
use narthex_channel::{
    CoinSeen, Logged,
    log::{Identity, MemoryDisk, MemoryLog},
    slice::{ClientEffect, ClientInput, ClientMachine, ClientStart},
};
use narthex_contracts::slice::{Bundle, Opened, Post, SliceError, Work};

use crate::slice_support::{BURIED, depth, right, slice_of};

/// A client whose two prices are claimed, with its log; provider 0 has shown it its post, provider 1 has not.
struct Buyer {
    disk: MemoryDisk,
    logged: Option<Logged<ClientMachine, MemoryLog>>,
    claims: [Transaction; 2],
    /// Provider 1's.
    kept: Post,
    bundle: Bundle,
}

impl Buyer {
    fn new() -> Buyer {
        let mut slice = slice_of(2, 2, 41);
        let posts = [0, 1].map(|i| slice.commit(i, &right()));
        posts.iter().for_each(|post| slice.show(post));
        slice.release(&[0, 1]);
        slice.hand_out();
        let mut buyer = Buyer {
            disk: MemoryDisk::default(),
            logged: None,
            claims: [0, 1].map(|i| slice.providers[i].claim(BURIED).unwrap()),
            kept: posts[1].clone(),
            bundle: slice.providers[0].bundle().unwrap().clone(),
        };
        buyer.crash();
        buyer.step(&ClientInput::Held(Box::new(ClientStart {
            holdings: slice.client.holdings().clone(),
            depth: depth(),
        })));
        buyer.step(&ClientInput::Post(Box::new(posts[0].clone())));
        buyer
    }

    /// The machine as its log has it.
    fn crash(&mut self) {
        self.logged = None;
        let whose = Identity::new("slice-client", [1; 32]);
        let log = self.disk.open(&whose).unwrap();
        self.logged = Some(Logged::open(ClientMachine::default(), log).unwrap());
    }

    fn logged(&mut self) -> &mut Logged<ClientMachine, MemoryLog> {
        self.logged.as_mut().unwrap()
    }

    fn step(&mut self, input: &ClientInput) -> Vec<ClientEffect> {
        self.logged().step(input).unwrap()
    }

    fn state(&mut self) -> &'static str {
        self.logged().machine().standing()
    }

    fn pending(&mut self) -> Vec<ClientEffect> {
        self.crash();
        self.logged().pending()
    }

    /// Both claims are in block 103, and the tip is there.
    fn claimed(&mut self, tip: u32) {
        for index in [0, 1] {
            let by = self.claims[usize::from(index)].compute_txid();
            let price = CoinSeen::Spent { height: 103, by };
            self.step(&ClientInput::Price { index, tip, price });
        }
    }

    fn read(&mut self, index: u8) -> Vec<ClientEffect> {
        let tx = self.claims[usize::from(index)].clone();
        self.step(&ClientInput::Claim { index, tx })
    }

    fn opened(&mut self, index: u8) -> Result<Work, SliceError> {
        match self.logged().machine().book().unwrap().opened(index)? {
            Opened::Result { work, .. } => Ok(work),
            Opened::False(evidence) => panic!("{evidence:?}"),
        }
    }
}

/// Claim first, post afterwards: in between it asks those who paid, also after a crash, and is not over however deep the
/// claims are.
#[test]
fn a_post_that_comes_after_its_claim_is_waited_for() {
    let mut buyer = Buyer::new();
    buyer.claimed(103);
    let find = |index| ClientEffect::Find { index };
    assert_eq!(buyer.pending(), [find(0), find(1)]);
    assert_eq!(buyer.read(0), []);
    assert_eq!(buyer.read(1), [ClientEffect::Ask { index: 1 }]);
    buyer.claimed(500);
    assert_eq!(buyer.state(), "ending");
    assert_eq!(buyer.pending(), [ClientEffect::Ask { index: 1 }]);
    assert_eq!(buyer.opened(1), Err(SliceError::Missing { from: 1 }));
    let kept = buyer.kept.clone();
    assert_eq!(buyer.step(&ClientInput::Post(Box::new(kept))), []);
    assert_eq!(buyer.state(), "over");
    assert_eq!(buyer.pending(), []);
    for index in [0, 1] {
        assert_eq!(buyer.opened(index), Ok(right()));
    }
}

/// Only the owner can end the wait, for what is paid and read, and deep.
#[test]
fn only_the_owner_gives_a_post_up() {
    let mut buyer = Buyer::new();
    let given_up = |index| ClientInput::GiveUp { index };
    let refused = |buyer: &mut Buyer, index| {
        let before = buyer.logged().machine().clone();
        assert!(buyer.logged().step(&given_up(index)).is_err());
        assert_eq!(buyer.logged().machine(), &before);
    };
    refused(&mut buyer, 1);
    buyer.claimed(103);
    buyer.read(0);
    buyer.read(1);
    // The claim may be lost with its block, and it may be none at all.
    refused(&mut buyer, 1);
    buyer.claimed(105);
    refused(&mut buyer, 0);
    refused(&mut buyer, 2);
    assert_eq!(buyer.step(&given_up(1)), []);
    buyer.crash();
    assert_eq!(buyer.state(), "over");
    let bundle = ClientInput::Bundle(buyer.bundle.clone());
    assert!(buyer.logged().step(&bundle).is_err());
}
