//! What a party has of a talk: what it said itself, what was sent to it, and what was acknowledged.

use std::{collections::BTreeMap, sync::OnceLock};

use bitcoin::hashes::{Hash, sha256};
use narthex_contracts::party::PartyId;
use narthex_game_model::{
    Accusation,
    commitment::{Commitment, ReceiptKind, SignedReceipt},
    ruling::{Answer, Item, Litigant, SignedItem, data_id},
    token::SealedToken,
};

use super::BroughtPart;

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

/// By what a long thing is kept: SHA-256 of its bytes.
pub fn blob_hash(bytes: &[u8]) -> [u8; 32] {
    sha256::Hash::hash(bytes).to_byte_array()
}

/// Something that is acknowledged by its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    /// An item, by its id; that of an opening with what it names.
    Item([u8; 32]),
    /// All boxes of the commitment.
    Data,
    /// A part of evidence, by the hash of its bytes, to an arbiter.
    Part([u8; 32]),
}

/// How many different items of one kind an author is taken at its word for: two are enough against it.
const TOLD: usize = 2;

/// How often a party may bring a long thing that is none, before no more is taken from it.
const MAX_FRUITLESS: u8 = 8;

/// How often a party may bring evidence before nothing of it counts. All of it is kept until then, and the ruling goes by the part with the
/// most in it: a party whose disk went back brings less the second time.
const MAX_BROUGHT: usize = 8;

/// A sample: nonce, height and hash of the block.
type Drawn = ([u8; 32], u32, [u8; 32]);

/// A token: id of its sample, and the seal.
type Sealed = ([u8; 32], SealedToken);

/// By what a long thing is kept, and who brought it.
type Kept = (PartyId, [u8; 32]);

/// Ids of the items beside them, each hashed when it is asked for first: everything that is due is reckoned by them, with every input.
#[derive(Clone, Debug, Default)]
struct Ids {
    items: Vec<OnceLock<[u8; 32]>>,
    /// Root of what the worker is bound to.
    root: OnceLock<[u8; 32]>,
}

/// They follow from the items.
impl PartialEq for Ids {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Ids {}

/// What a party has, of one contract.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Papers {
    items: Vec<SignedItem>,
    ids: Ids,
    pub(super) receipts: Vec<SignedReceipt>,
    /// Own receipts, with what they are for and who is told of them.
    pub(super) given: Vec<(Thing, SignedReceipt)>,
    /// Own receipts that this disk has forgotten: what they are for may still have to come back.
    recalled: Vec<SignedReceipt>,
    /// What was found to be no such thing.
    pub(super) refused: Vec<Thing>,
    /// A commitment that nobody signed.
    pub(super) bare: Option<Commitment>,
    /// The root of record, to those who neither work nor check.
    recorded: Option<[u8; 32]>,
    boxes: Option<Kept>,
    /// Openings by their ids.
    openings: BTreeMap<[u8; 32], Kept>,
    /// How often a party has brought something that was none.
    fruitless: BTreeMap<PartyId, u8>,
    /// Evidence, to an arbiter, in the order in which it came.
    brought: Vec<BroughtPart>,
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
    pub fn boxes(&self) -> Option<&[u8; 32]> {
        self.boxes.as_ref().map(|(_, hash)| hash)
    }

    /// By which hash an opening is kept.
    pub fn opening(&self, id: &[u8; 32]) -> Option<&[u8; 32]> {
        self.openings.get(id).map(|(_, hash)| hash)
    }

    /// By which hashes openings are kept.
    pub fn openings(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.openings.values().map(|(_, hash)| hash)
    }

    /// What was brought to an arbiter in time, as its bringer has signed it, with the hash by which it is kept: more than one part of a party
    /// that has brought it more than once.
    pub fn brought(&self) -> &[BroughtPart] {
        &self.brought
    }

    /// What of it was brought to this case.
    pub fn brought_to(&self, case: Accusation) -> impl Iterator<Item = &BroughtPart> {
        self.brought.iter().filter(move |part| part.case == case)
    }

    /// The part that is kept by this hash.
    pub(super) fn part_brought(&self, hash: &[u8; 32]) -> Option<&BroughtPart> {
        self.brought.iter().find(|part| part.hash() == *hash)
    }

    /// The first item that `pick` takes, with its id. What is said a second time is evidence against who says it, and no
    /// reason to act.
    pub fn first<T>(
        &self,
        contract: &[u8; 32],
        pick: impl Fn(&Item) -> Option<T>,
    ) -> Option<([u8; 32], T)> {
        let mut items = self.items.iter().enumerate();
        items.find_map(|(at, signed)| {
            let picked = pick(&signed.item)?;
            Some((self.id_at(contract, at)?, picked))
        })
    }

    /// What the worker is bound to: what it signed first, or else what it showed that the root of record is of. To client and arbiters
    /// the root of record comes first: whom a worker tells of another one has nothing that the settlement's key opens. A verifier
    /// that was told two rejects.
    pub fn commitment(&self) -> Option<Commitment> {
        self.signed_commitment().or(self.bare)
    }

    /// Root of what the worker is bound to.
    pub(super) fn root(&self) -> Option<[u8; 32]> {
        if let Some(root) = self.ids.root.get() {
            return Some(*root);
        }
        match self.signed_commitment() {
            Some(signed) => Some(*self.ids.root.get_or_init(|| signed.id())),
            None => self.bare.map(|shown| shown.id()),
        }
    }

    /// What the worker signed: see [`Self::commitment`].
    pub(super) fn signed_commitment(&self) -> Option<Commitment> {
        let signed = || {
            self.items.iter().filter_map(|signed| match &signed.item {
                Item::Commitment(commitment) => Some(**commitment),
                _ => None,
            })
        };
        let recorded = self
            .recorded
            .and_then(|root| signed().find(|commitment| commitment.id() == root));
        recorded.or_else(|| signed().next())
    }

    /// Another root is on record.
    pub(super) fn record(&mut self, root: Option<[u8; 32]>) {
        if self.recorded != root {
            self.recorded = root;
            self.ids.root = OnceLock::new();
        }
    }

    /// The first sample: its id, the nonce, height and hash of its block.
    pub fn sample(&self, contract: &[u8; 32]) -> Option<([u8; 32], Drawn)> {
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
    pub fn sealed(&self, contract: &[u8; 32]) -> Option<([u8; 32], Sealed)> {
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

    /// The client's own draw of a root: its id, and the nonce.
    pub fn audit_of(&self, contract: &[u8; 32], drawn: &[u8; 32]) -> Option<([u8; 32], [u8; 32])> {
        self.first(contract, |item| match item {
            Item::Audit { root, nonce } if root == drawn => Some(*nonce),
            _ => None,
        })
    }

    /// What the worker has opened to the client: id of the item, the draw that it names (zeros for a block's), and what is opened.
    pub fn audit_opening(&self, contract: &[u8; 32]) -> Option<([u8; 32], [[u8; 32]; 2])> {
        self.first(contract, |item| match item {
            Item::AuditOpening { audit, opening } => Some([*audit, *opening]),
            _ => None,
        })
    }

    /// Something signed, by its id.
    pub fn item(&self, contract: &[u8; 32], id: &[u8; 32]) -> Option<&Item> {
        let mut all = 0..self.items.len();
        let at = all.find(|at| self.id_at(contract, *at) == Some(*id))?;
        self.items.get(at).map(|signed| &signed.item)
    }

    fn id_at(&self, contract: &[u8; 32], at: usize) -> Option<[u8; 32]> {
        let (id, signed) = (self.ids.items.get(at)?, self.items.get(at)?);
        Some(*id.get_or_init(|| signed.item.id(contract)))
    }

    /// Everything signed, with its id.
    pub(super) fn named<'p>(
        &'p self,
        contract: &'p [u8; 32],
    ) -> impl Iterator<Item = ([u8; 32], &'p Item)> {
        let items = self.items.iter().enumerate();
        items.filter_map(move |(at, signed)| Some((self.id_at(contract, at)?, &signed.item)))
    }

    /// Files something signed, by whomever and whatever it says.
    pub fn file(&mut self, signed: SignedItem) {
        if matches!(signed.item, Item::Commitment(_)) {
            self.ids.root = OnceLock::new();
        }
        self.items.push(signed);
        self.ids.items.push(OnceLock::new());
    }

    /// Whether it would be filed: it is not here, and its author has not said two others of its kind.
    pub(super) fn is_news(&self, signed: &SignedItem) -> bool {
        let same = |other: &&SignedItem| other.item.name() == signed.item.name();
        let told = self.items.iter().filter(same).count();
        told < TOLD && self.items.iter().all(|known| known.item != signed.item)
    }

    pub(super) fn keep(&mut self, by: PartyId, blob: &Blob) {
        match blob {
            Blob::Boxes { hash } => self.boxes = Some((by, *hash)),
            Blob::Opening { id, hash } => {
                self.openings.insert(*id, (by, *hash));
            }
        }
    }

    /// Whether something long is still looked into, if this party brings it.
    pub(super) fn is_heard(&self, by: PartyId) -> bool {
        self.fruitless.get(&by).is_none_or(|n| *n < MAX_FRUITLESS)
    }

    /// Whether an item names an opening.
    pub(super) fn is_named(&self, opening: &[u8; 32]) -> bool {
        let mut items = self.items.iter();
        items.any(|signed| signed.item.opened() == Some(opening))
    }

    pub(super) fn bring(&mut self, part: BroughtPart) {
        self.brought.push(part);
    }

    /// Whether a party may bring other evidence to this case than before.
    pub(super) fn may_bring(&self, (case, by): (Accusation, Litigant)) -> bool {
        let brought = self.brought_to(case).filter(|part| part.by == by);
        brought.count() < MAX_BROUGHT
    }

    /// The receipt for a thing takes the place of one for what was taken for it before.
    pub(super) fn give(&mut self, thing: Thing, receipt: SignedReceipt) {
        self.given.retain(|(given, _)| *given != thing);
        self.given.push((thing, receipt));
    }

    /// The own receipt of a kind for something of this name that this disk has forgotten.
    pub(super) fn recalled(&self, item: &[u8; 32], kind: ReceiptKind) -> Option<&SignedReceipt> {
        let is_it =
            |known: &&SignedReceipt| (known.receipt.item, known.receipt.kind) == (*item, kind);
        self.recalled.iter().find(is_it)
    }

    /// Whether this party has acknowledged a thing, as its own words say that came back, and has forgotten it.
    pub(super) fn has_recalled(&self, contract: &[u8; 32], thing: Thing) -> bool {
        let named = self.receipt_name(contract, thing);
        let named = named.zip(self.receipt_kind(contract, thing));
        named.is_some_and(|(item, kind)| self.recalled(&item, kind).is_some())
    }

    /// Whether an own receipt that came back tells something: of two for the same the lower height binds.
    pub(super) fn recalls(&self, signed: &SignedReceipt) -> bool {
        let receipt = &signed.receipt;
        let mut given = self.given.iter().map(|(_, given)| &given.receipt);
        let is_given = given.any(|given| (given.item, given.kind) == (receipt.item, receipt.kind));
        let known = self.recalled(&receipt.item, receipt.kind);
        !is_given && known.is_none_or(|known| receipt.height < known.receipt.height)
    }

    pub(super) fn recall(&mut self, signed: SignedReceipt) {
        let receipt = &signed.receipt;
        self.recalled.retain(|known| {
            (known.receipt.item, known.receipt.kind) != (receipt.item, receipt.kind)
        });
        self.recalled.push(signed);
    }

    /// What came is not what it was said to be. Other boxes may still come, and another opening under the same name: one that
    /// has its boxes has the same as one that names them.
    pub(super) fn drop_thing(&mut self, contract: &[u8; 32], thing: Thing) {
        let dropped = match thing {
            Thing::Data => self.boxes.take(),
            Thing::Item(id) => {
                let opened = self.item(contract, &id).and_then(Item::opened);
                match opened.copied() {
                    Some(opening) => self.openings.remove(&opening),
                    None => {
                        self.refused.push(thing);
                        None
                    }
                }
            }
            Thing::Part(hash) => {
                self.brought.retain(|part| part.hash() != hash);
                None
            }
        };
        if let Some((by, _)) = dropped {
            let times = self.fruitless.entry(by).or_default();
            *times = times.saturating_add(1);
        }
    }

    /// The name of a thing in receipts.
    pub(super) fn receipt_name(&self, contract: &[u8; 32], thing: Thing) -> Option<[u8; 32]> {
        match thing {
            Thing::Item(id) | Thing::Part(id) => Some(id),
            Thing::Data => Some(data_id(contract, &self.root()?)),
        }
    }

    /// The kind of receipt that its addressee gives for a thing.
    pub(super) fn receipt_kind(&self, contract: &[u8; 32], thing: Thing) -> Option<ReceiptKind> {
        match thing {
            Thing::Data => Some(ReceiptKind::Data),
            Thing::Item(id) => self.item(contract, &id)?.receipt(),
            Thing::Part(_) => Some(ReceiptKind::Heard),
        }
    }

    /// Whether this party has acknowledged a thing: all boxes, if they are those of the commitment as it stands.
    pub(super) fn has_given(&self, contract: &[u8; 32], thing: Thing) -> bool {
        let named = self.receipt_name(contract, thing);
        let mut given = self.given.iter();
        given.any(|(given, signed)| *given == thing && Some(signed.receipt.item) == named)
    }

    /// Height at which a key has acknowledged a thing, as it says.
    pub(super) fn acknowledged(
        &self,
        contract: &[u8; 32],
        thing: Thing,
        by: &[u8; 32],
    ) -> Option<u32> {
        let kind = self.receipt_kind(contract, thing)?;
        self.dated(contract, thing, (kind, by))
    }

    /// Height from which a key keeps a thing, as it says.
    pub(super) fn kept(&self, contract: &[u8; 32], thing: Thing, by: &[u8; 32]) -> Option<u32> {
        self.dated(contract, thing, (ReceiptKind::Kept, by))
    }

    fn dated(
        &self,
        contract: &[u8; 32],
        thing: Thing,
        (kind, by): (ReceiptKind, &[u8; 32]),
    ) -> Option<u32> {
        let item = self.receipt_name(contract, thing)?;
        let mut receipts = self.receipts.iter().map(|signed| &signed.receipt);
        let found = receipts
            .find(|receipt| (receipt.item, receipt.kind, receipt.issuer) == (item, kind, *by));
        found.map(|receipt| receipt.height)
    }
}
