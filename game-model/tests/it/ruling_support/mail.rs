//! The arbiters' mailboxes, some of them mute or lying, and dice for games that are played through them.

use narthex_game_model::commitment::{Opening, SealedData, SignedReceipt, check_sealed};
use narthex_game_model::ruling::{CaseTerms, Item, Received};
use narthex_game_model::tagged::TaggedHasher;

use super::*;

pub struct Dice(u64, u64);

impl Dice {
    /// The same games for the same seed, others for another `kind` of them.
    pub fn new(seed: u64, kind: u64) -> Dice {
        Dice(seed, kind << 32)
    }

    pub fn next(&mut self) -> u64 {
        self.1 += 1;
        let hash = TaggedHasher::new("test/dice").number(self.0).number(self.1);
        u64::from_be_bytes(hash.finish()[..8].try_into().unwrap())
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn height(&mut self, from: u32, to: u32) -> u32 {
        from + self.below(u64::from(to - from) + 1) as u32
    }

    /// About a deadline: the last block that is in time, the first that is not, or any.
    pub fn about(&mut self, from: u32, deadline: u32) -> u32 {
        match self.below(4) {
            0 => deadline,
            1 => deadline + 1,
            _ => self.height(from, deadline + 3),
        }
    }

    /// Some of the mailboxes, or all.
    pub fn some(&mut self) -> u64 {
        match self.one_in(4) {
            true => ALL,
            false => self.next(),
        }
    }
}

/// All mailboxes.
pub const ALL: u64 = u64::MAX;

#[derive(Clone, Copy, PartialEq)]
pub enum Mailbox {
    Honest,
    Mute,
    Liar,
}

/// The mailboxes: what each keeps since when, and the receipts that it has given to each side.
pub struct Mail {
    pub boxes: Vec<Mailbox>,
    pub kept: Vec<(u32, Item)>,
    /// Openings, and to whom they were handed.
    pub openings: Vec<(u64, Opening)>,
    pub receipts: [Vec<SignedReceipt>; 2],
}

pub const WORKER: usize = 0;
/// Whoever stands against the worker: the verifier, or the client that challenges.
pub const VERIFIER: usize = 1;

impl Mail {
    pub fn new(terms: &CaseTerms, dice: &mut Dice) -> Mail {
        let (n, k) = (terms.params.arbiters(), terms.params.quorum());
        let mut boxes = vec![Mailbox::Honest; n.into()];
        let (mut liars, mut failing) = (n - k, k - 1);
        // As many mute ones as a panel may have, or any.
        let all_mute = dice.one_in(4);
        for mailbox in &mut boxes {
            if failing > 0 && (all_mute || dice.one_in(2)) {
                failing -= 1;
                *mailbox = match !all_mute && liars > 0 && dice.one_in(2) {
                    true => {
                        liars -= 1;
                        Mailbox::Liar
                    }
                    false => Mailbox::Mute,
                };
            }
        }
        Mail {
            boxes,
            kept: Vec::new(),
            openings: Vec::new(),
            receipts: [Vec::new(), Vec::new()],
        }
    }

    pub fn honest(&self) -> Vec<u8> {
        let all = (0u8..).zip(&self.boxes);
        all.filter(|(_, b)| **b == Mailbox::Honest)
            .map(|(i, _)| i)
            .collect()
    }

    pub fn liars(&self) -> Vec<u8> {
        let all = (0u8..).zip(&self.boxes);
        all.filter(|(_, b)| **b == Mailbox::Liar)
            .map(|(i, _)| i)
            .collect()
    }

    /// Says something to those of the honest mailboxes that the sender does not leave out, which keep what they have
    /// received. Whether anybody keeps it.
    pub fn say(&mut self, from: usize, item: &Item, height: u32, to: u64) -> bool {
        let signed = sign(item);
        let author = key_of(item.author()).x_only_public_key().0;
        let mut kept = false;
        for index in self.honest() {
            if to >> index & 1 == 0 {
                continue;
            }
            let held = self.openings.iter().filter(|(to, _)| to >> index & 1 == 1);
            let held = held.map(|(_, opening)| opening);
            if let Ok(received) = Received::item(&CONTRACT, &author, &signed, held) {
                let receipt = received.keep([0; 32], height, &arbiter(index)).unwrap();
                self.receipts[from].push(receipt);
                kept = true;
            }
        }
        if kept {
            self.kept.push((height, item.clone()));
        }
        kept
    }

    pub fn all(&mut self, from: usize, item: &Item, height: u32) {
        self.say(from, item, height, ALL);
    }

    /// Keeps the data that the worker hands over, if it is what was committed to. Whether anybody does.
    pub fn keep_data(&mut self, data: Option<SealedData>, height: u32, to: u64) -> bool {
        let reached: Vec<_> = self.honest();
        let mut reached = reached.into_iter().filter(|index| to >> index & 1 == 1);
        let Some(received) = data.map(|data| Received::data(&CONTRACT, &data)) else {
            return false;
        };
        let before = self.receipts[WORKER].len();
        let receipt = |index| received.keep([0; 32], height, &arbiter(index)).unwrap();
        self.receipts[WORKER].extend(reached.by_ref().map(receipt));
        self.receipts[WORKER].len() > before
    }

    /// The first item of a kind that honest mailboxes have by this height. Whoever asks each block sees the first.
    pub fn read(&self, height: u32, wanted: impl Fn(&Item) -> bool) -> Option<(u32, Item)> {
        let mut seen: Vec<_> = self.kept.iter().filter(|(at, _)| *at <= height).collect();
        seen.sort_by_key(|(at, _)| *at);
        seen.into_iter().find(|(_, item)| wanted(item)).cloned()
    }

    /// Receipts that liars give for anything, at any height.
    pub fn lies(&self, items: &[[u8; 32]], dice: &mut Dice) -> Vec<SignedReceipt> {
        let mut all = Vec::new();
        for index in self.liars() {
            for item in items {
                if dice.one_in(2) {
                    let height = match dice.below(3) {
                        0 => 0,
                        1 => u32::MAX,
                        _ => dice.height(DELIVERED, DELIVERED + 96),
                    };
                    all.push(kept(*item, index, height));
                }
            }
        }
        all
    }
}

/// The worker's boxes, as a mailbox finds them.
pub fn boxes(scene: &Scene) -> Option<SealedData> {
    let width = usize::try_from(scene.case.terms.job.output_bytes).unwrap();
    check_sealed(&scene.commitment(), width, scene.work.sealed()).ok()
}

/// Receipts within the bound of a part: an honest side leaves out what it does not need.
pub fn needed(mut receipts: Vec<SignedReceipt>) -> Vec<SignedReceipt> {
    receipts.sort_by_key(|r| (r.receipt.item, r.receipt.issuer, r.receipt.height));
    receipts.dedup_by_key(|r| (r.receipt.item, r.receipt.issuer));
    receipts
}

/// Seeds of all games, or the one of `SEED`.
pub fn seeds() -> Vec<u64> {
    match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..GAMES).collect(),
    }
}

const GAMES: u64 = 1_200;

pub const PANELS: [(u8, u8); 4] = [(3, 2), (5, 3), (5, 4), (3, 3)];
