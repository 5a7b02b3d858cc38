//! What a party has of a talk: what it said itself, what was sent to it, and what was acknowledged.

use std::collections::BTreeMap;

use narthex_game_model::{
    commitment::{Commitment, ReceiptKind, SignedReceipt},
    ruling::{Answer, Item, Litigant, SignedItem, data_id},
    token::SealedToken,
};

/// A long thing that is kept beside the log, by the hash of its bytes. It is durable before the machine is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blob {
    /// All boxes of a commitment.
    Boxes {
        /// Hash of the bytes that came.
        hash: [u8; 32],
    },
    /// An opening.
    Opening {
        /// [`Opening::id`](narthex_game_model::commitment::Opening::id).
        id: [u8; 32],
        /// Hash of the bytes that came.
        hash: [u8; 32],
    },
}

impl Blob {
    /// By what it is kept.
    pub const fn hash(&self) -> &[u8; 32] {
        match self {
            Blob::Boxes { hash } | Blob::Opening { hash, .. } => hash,
        }
    }
}

/// Something that is acknowledged by its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    /// An item, by its id; that of an opening with what it names.
    Item([u8; 32]),
    /// All boxes of the commitment.
    Data,
}

/// How many different items of one kind an author is taken at its word for: two are enough against it.
const TOLD: usize = 2;

/// Openings that are kept of what a peer sends, beside one's own.
const MAX_OPENINGS_KEPT: usize = 4;

/// What a party has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Papers {
    pub(super) items: Vec<SignedItem>,
    pub(super) receipts: Vec<SignedReceipt>,
    /// Own receipts, with what they are for and who is told of them.
    pub(super) given: Vec<(Thing, SignedReceipt)>,
    /// What was found to be no such thing.
    pub(super) refused: Vec<Thing>,
    /// A commitment that nobody signed.
    pub(super) bare: Option<Commitment>,
    pub(super) boxes: Option<[u8; 32]>,
    /// Openings by their ids.
    pub(super) openings: BTreeMap<[u8; 32], [u8; 32]>,
    /// Evidence, to an arbiter.
    pub(super) brought: BTreeMap<Litigant, [u8; 32]>,
}

impl Papers {
    /// Everything signed, in the order in which it came.
    pub fn items(&self) -> &[SignedItem] {
        &self.items
    }

    /// What others have acknowledged, or keep.
    pub fn receipts(&self) -> &[SignedReceipt] {
        &self.receipts
    }

    /// The own receipt for a thing.
    pub fn given(&self, thing: Thing) -> Option<&SignedReceipt> {
        let mut given = self.given.iter();
        given.find_map(|(of, receipt)| (*of == thing).then_some(receipt))
    }

    /// By which hash all boxes are kept, if they came.
    pub const fn boxes(&self) -> Option<&[u8; 32]> {
        self.boxes.as_ref()
    }

    /// By which hash an opening is kept.
    pub fn opening(&self, id: &[u8; 32]) -> Option<&[u8; 32]> {
        self.openings.get(id)
    }

    /// By which hashes openings are kept.
    pub fn openings(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.openings.values()
    }

    /// By which hash a party's evidence is kept, at an arbiter's.
    pub fn brought(&self) -> impl Iterator<Item = (Litigant, &[u8; 32])> {
        self.brought.iter().map(|(by, hash)| (*by, hash))
    }

    /// The first item that `pick` takes, with its id. What is said a second time is evidence against who says it, and no
    /// reason to act.
    pub fn first<T>(
        &self,
        contract: &[u8; 32],
        pick: impl Fn(&Item) -> Option<T>,
    ) -> Option<([u8; 32], T)> {
        let mut items = self.items.iter();
        items.find_map(|signed| Some((signed.item.id(contract), pick(&signed.item)?)))
    }

    /// What the worker is bound to: what it signed first, or else what it showed.
    pub fn commitment(&self) -> Option<Commitment> {
        let signed = self.items.iter().find_map(|signed| match &signed.item {
            Item::Commitment(commitment) => Some(**commitment),
            _ => None,
        });
        signed.or(self.bare)
    }

    /// The first sample: its id, the nonce, height and hash of its block.
    pub fn sample(&self, contract: &[u8; 32]) -> Option<([u8; 32], ([u8; 32], u32, [u8; 32]))> {
        self.first(contract, |item| match item {
            Item::Sample {
                nonce,
                height,
                block,
            } => Some((*nonce, *height, *block)),
            _ => None,
        })
    }

    /// The first token, and the sample that it names.
    pub fn sealed(&self, contract: &[u8; 32]) -> Option<([u8; 32], ([u8; 32], SealedToken))> {
        self.first(contract, |item| match item {
            Item::Token { sample, sealed } => Some((*sample, *sealed)),
            _ => None,
        })
    }

    /// The token that was sealed for a sample.
    pub fn token_for(
        &self,
        contract: &[u8; 32],
        drawn: &[u8; 32],
    ) -> Option<([u8; 32], SealedToken)> {
        self.first(contract, |item| match item {
            Item::Token { sample, sealed } if sample == drawn => Some(*sealed),
            _ => None,
        })
    }

    /// The reply to a token.
    pub fn reply_to(&self, contract: &[u8; 32], sealed: &[u8; 32]) -> Option<([u8; 32], Answer)> {
        self.first(contract, |item| match item {
            Item::Reply { token, answer } if token == sealed => Some(answer.clone()),
            _ => None,
        })
    }

    /// What the worker opened after a reply: id of the item, and of what is opened.
    pub fn opened(&self, contract: &[u8; 32], replied: &[u8; 32]) -> Option<([u8; 32], [u8; 32])> {
        self.first(contract, |item| match item {
            Item::Opening { reply, opening } if reply == replied => Some(*opening),
            _ => None,
        })
    }

    /// Whether it would be filed: it is not here, and its author has not said two others of its kind.
    pub(super) fn is_news(&self, signed: &SignedItem) -> bool {
        let same = |other: &&SignedItem| other.item.name() == signed.item.name();
        let told = self.items.iter().filter(same).count();
        told < TOLD && self.items.iter().all(|known| known.item != signed.item)
    }

    pub(super) fn keep(&mut self, blob: &Blob) {
        match blob {
            Blob::Boxes { hash } => self.boxes = Some(*hash),
            Blob::Opening { id, hash } => {
                self.openings.insert(*id, *hash);
            }
        }
    }

    /// What came is not what it was said to be. Other boxes may still come, and another opening under the same name: one that
    /// has its boxes has the same as one that names them.
    pub(super) fn drop_thing(&mut self, contract: &[u8; 32], thing: Thing) {
        match thing {
            Thing::Data => self.boxes = None,
            Thing::Item(id) => {
                let mut items = self.items.iter().map(|signed| &signed.item);
                let opened = items
                    .find(|item| item.id(contract) == id)
                    .and_then(Item::opened);
                match opened.copied() {
                    Some(opening) => {
                        self.openings.remove(&opening);
                    }
                    None => self.refused.push(thing),
                }
            }
        }
    }

    /// Whether another opening of a peer's is kept.
    pub(super) fn has_room(&self) -> bool {
        self.openings.len() < MAX_OPENINGS_KEPT
    }

    /// The name of a thing in receipts.
    pub(super) fn receipt_name(&self, contract: &[u8; 32], thing: Thing) -> Option<[u8; 32]> {
        match thing {
            Thing::Item(id) => Some(id),
            Thing::Data => Some(data_id(contract, &self.commitment()?.id())),
        }
    }

    /// The kind of receipt that its addressee gives for a thing.
    pub(super) fn receipt_kind(&self, contract: &[u8; 32], thing: Thing) -> Option<ReceiptKind> {
        match thing {
            Thing::Data => Some(ReceiptKind::Data),
            Thing::Item(id) => {
                let mut items = self.items.iter().map(|signed| &signed.item);
                items.find(|item| item.id(contract) == id)?.receipt()
            }
        }
    }

    /// Whether this party has acknowledged a thing.
    pub(super) fn has_given(&self, thing: Thing) -> bool {
        self.given.iter().any(|(given, _)| *given == thing)
    }

    /// Whether a key has acknowledged a thing.
    pub(super) fn is_acknowledged(&self, contract: &[u8; 32], thing: Thing, by: &[u8; 32]) -> bool {
        let named = self.receipt_name(contract, thing);
        let wanted = named.zip(self.receipt_kind(contract, thing));
        let mut receipts = self.receipts.iter().map(|signed| &signed.receipt);
        wanted.is_some_and(|(item, kind)| {
            receipts
                .any(|receipt| (receipt.item, receipt.kind, receipt.issuer) == (item, kind, *by))
        })
    }

    /// How many of these keys say that they keep a thing.
    pub(super) fn keepers(&self, contract: &[u8; 32], thing: Thing, panel: &[[u8; 32]]) -> usize {
        let Some(item) = self.receipt_name(contract, thing) else {
            return 0;
        };
        let keeps = |key: &&[u8; 32]| {
            let mut receipts = self.receipts.iter().map(|signed| &signed.receipt);
            receipts.any(|receipt| {
                (receipt.item, receipt.kind, receipt.issuer) == (item, ReceiptKind::Kept, **key)
            })
        };
        panel.iter().filter(keeps).count()
    }
}
