//! How a party cheats in what it says. Its machine is honest: what is corrupted is whoever does its work, or what becomes of
//! its letters.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use narthex_base::codec::Message;
use narthex_channel::{
    contract::{
        Audited, Book, Contract, ContractMessage, ContractSigner, Done, EvidencePart, Finding,
        Piece, Task,
    },
    log::MemoryLog,
};
use narthex_contracts::terms::Role;
use narthex_game_model::{
    Ruling,
    commitment::Opening,
    ruling::{Answer, Item, SignedItem},
    token::{Token, TokenBox},
};

use crate::life::{GoBetween, Hands, Letter, LifeError, LifeParty, LifeSigner, Own, Room};

/// A cheat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cheat {
    /// Hands over none of the boxes.
    NoBoxes,
    /// Hands over zeros in place of its boxes.
    ZeroBoxes,
    /// Hands over no token.
    NoToken,
    /// Seals the token under digests that nobody computes.
    SealsUnderNothing,
    /// Seals the token under the digests of the steps, whatever its leaves say.
    SealsUnderSteps,
    /// Opens nothing.
    NoOpening,
    /// Signs its opening, and hands over one box of it.
    HollowOpening,
    /// Has signed nothing of what it works on now.
    Unsigned,
    /// Commits to the panel alone.
    ForPanelOnly,
    /// Draws a second sample beside the first, and rejects what it finds right.
    TwoSamples,
    /// Does not answer.
    NoReply,
    /// Answers that it has the token, with a hash of nothing.
    Guesses,
    /// Answers that the seal is shut, although it opens.
    Denies,
    /// Answers with digests that it made up.
    Invents,
    /// Rejects what it finds right.
    Spites,
    /// Rejects what it finds right for a box that nobody sampled.
    NamesBoxOutside,
    /// Says nothing, and hears everything.
    Mute,
    /// Rejects what it finds right, and keeps its share of the appeal (`paper` template).
    KeepsAppeal,
    /// Approves whatever is opened.
    Stamps,
    /// Rules against the verifier whatever the case is.
    RulesForWorker,
    /// The verifier has one owner with the worker: it is told the token, and approves whatever was opened.
    League,
    /// Hands over neither boxes nor openings.
    ServesNobody,
    /// Has not heard of what the client has drawn.
    Dodges,
    /// The client challenges a step that it has found right.
    NamesRight,
    /// The client challenges, and names no step.
    Bluffs,
    /// Rules against the worker whatever the case is.
    RulesForVerifier,
}

impl Cheat {
    /// What a party of this role may do wrong.
    pub(crate) const fn of(role: Role) -> &'static [Cheat] {
        match role {
            Role::Client => &[Cheat::Mute],
            Role::Worker => &[
                Cheat::Mute,
                Cheat::NoBoxes,
                Cheat::ZeroBoxes,
                Cheat::NoToken,
                Cheat::SealsUnderNothing,
                Cheat::SealsUnderSteps,
                Cheat::NoOpening,
                Cheat::HollowOpening,
                Cheat::Unsigned,
                Cheat::ForPanelOnly,
            ],
            Role::Verifier => &[
                Cheat::Mute,
                Cheat::TwoSamples,
                Cheat::NoReply,
                Cheat::Guesses,
                Cheat::Denies,
                Cheat::Invents,
                Cheat::Spites,
                Cheat::NamesBoxOutside,
                Cheat::Stamps,
            ],
            Role::Arbiter(_) => &[Cheat::Mute, Cheat::RulesForWorker, Cheat::RulesForVerifier],
        }
    }
}

/// Bytes of what was not computed.
const MADE_UP: [u8; 32] = [0x5a; 32];

/// Who cheats and how, as it stands.
pub(crate) struct Cheats {
    by: BTreeMap<Role, Cheat>,
    /// What is said of how the worker works.
    pub(crate) works: &'static str,
    /// What goes along with the verifier's sample.
    beside: Option<SignedItem>,
    /// The worker's token, for a verifier that has one owner with it.
    pub(crate) token: Option<[u8; 32]>,
}

pub(crate) type SharedCheats = Rc<RefCell<Cheats>>;

impl Cheats {
    pub(crate) fn shared(by: BTreeMap<Role, Cheat>, works: &'static str) -> SharedCheats {
        Rc::new(RefCell::new(Cheats {
            by,
            works,
            beside: None,
            token: None,
        }))
    }

    pub(crate) fn by(&self, role: Role) -> Option<Cheat> {
        self.by.get(&role).copied()
    }

    /// From now on a party cheats so.
    pub(crate) fn set(&mut self, role: Role, cheat: Option<Cheat>) {
        match cheat {
            None => self.by.remove(&role),
            Some(cheat) => self.by.insert(role, cheat),
        };
    }
}

/// Whoever does a cheat's work.
pub(crate) struct Crook<'a> {
    signer: LifeSigner<'a>,
    cheat: Cheat,
    cheats: SharedCheats,
}

impl<'a> Crook<'a> {
    pub(crate) const fn new(signer: LifeSigner<'a>, cheat: Cheat, cheats: SharedCheats) -> Self {
        Crook {
            signer,
            cheat,
            cheats,
        }
    }

    fn done(&mut self, task: Task, book: &Book) -> Result<Option<Done>, LifeError> {
        let signer = &mut self.signer;
        match (self.cheat, task) {
            (Cheat::SealsUnderNothing, Task::Seal) => {
                let drawn = signer.sampled(book)?;
                let nobodys = vec![[0; 32]; drawn.indices.len()];
                signer.seal_under(&drawn, &nobodys, book)
            }
            (Cheat::SealsUnderSteps, Task::Seal) => {
                let drawn = signer.sampled(book)?;
                let right = signer.recomputed(&drawn.indices)?;
                signer.seal_under(&drawn, right.digests(), book)
            }
            (Cheat::TwoSamples, Task::Sample { height }) => {
                // As deep as the other, and deeper: the worker has no other reason to refuse it.
                let height = height.saturating_sub(1);
                if let Some(Done::Signed(signed)) = signer.done(Task::Sample { height }, book)? {
                    self.cheats.borrow_mut().beside = Some(signed);
                }
                signer.done(task, book)
            }
            (Cheat::Guesses, Task::Answer) => {
                let (ciphertext, tag) = ([0; 32], [0; 16]);
                let kept = TokenBox { ciphertext, tag };
                let hash = MADE_UP;
                answer(signer, book, Answer::Shown { hash, kept })
            }
            (Cheat::Denies, Task::Answer) => {
                let Some(own) = signer.checked(book)? else {
                    return Ok(None);
                };
                let own = own.digests().to_vec();
                answer(signer, book, Answer::Digests(own))
            }
            (Cheat::Invents, Task::Answer) => {
                let count = signer.sampled(book)?.indices.len();
                answer(signer, book, Answer::Digests(vec![MADE_UP; count]))
            }
            (Cheat::Spites | Cheat::TwoSamples | Cheat::KeepsAppeal, Task::Compare) => {
                let done = signer.done(task, book)?;
                Ok(done.map(|_| Done::Found(Finding::Wrong)))
            }
            (Cheat::NamesBoxOutside, Task::Compare) => name_box_outside(signer, book),
            (Cheat::League, Task::Answer) => {
                let token = self.cheats.borrow().token.and_then(Token::from_bytes);
                let token = token.ok_or(LifeError::Order("the worker's token"))?;
                answer(signer, book, signer.shows(&token)?)
            }
            (Cheat::League, Task::Compare) => Ok(Some(Done::Found(Finding::Equal))),
            (Cheat::NamesRight, Task::Audit) => {
                let opened = book.papers().audit_opening(book.contract().id());
                let hash = opened.and_then(|(_, [_, id])| book.papers().opening(&id));
                let hash = hash.ok_or(LifeError::Order("an opening"))?;
                let opening = Opening::from_bytes(&signer.kept(hash)?)?;
                let step = opening.leaves.first().map_or(0, |leaf| leaf.index);
                Ok(Some(Done::Audited(Audited::Wrong { step })))
            }
            (Cheat::Bluffs, Task::Audit) => Ok(Some(Done::Audited(Audited::Unopened))),
            (Cheat::Stamps, Task::Compare) => {
                let done = signer.done(task, book)?;
                Ok(done.map(|_| Done::Found(Finding::Equal)))
            }
            // What it has not signed is not evidence either.
            (Cheat::Unsigned, Task::Plead) => {
                let Some(Done::Pleaded(brought)) = signer.done(task, book)? else {
                    return Ok(None);
                };
                let mut part = EvidencePart::from_bytes(&signer.kept(&brought.receipt.item)?)?;
                part.pieces.retain(|piece| match piece {
                    Piece::Item(signed) => signed.item.name() != "commitment",
                    _ => true,
                });
                signer.keep(&part.to_bytes())?;
                Ok(Some(Done::Pleaded(signer.brings(&part)?)))
            }
            (Cheat::RulesForWorker, Task::Rule) => {
                let done = signer.done(task, book)?;
                Ok(done.map(|_| Done::Ruled(Ruling::VerifierAtFault)))
            }
            (Cheat::RulesForVerifier, Task::Rule) => {
                let done = signer.done(task, book)?;
                Ok(done.map(|_| Done::Ruled(Ruling::WorkerAtFault)))
            }
            _ => signer.done(task, book),
        }
    }
}

/// The verifier's answer to the token that was sealed for its sample.
fn answer(signer: &LifeSigner<'_>, book: &Book, answer: Answer) -> Result<Option<Done>, LifeError> {
    let drawn = signer.sampled(book)?;
    let sealed = book.papers().token_for(book.contract().id(), &drawn.id);
    let (token, _) = sealed.ok_or(LifeError::Order("a token"))?;
    Ok(Some(signer.say(Item::Reply { token, answer })))
}

/// The verifier names a box that nobody sampled.
fn name_box_outside(signer: &LifeSigner<'_>, book: &Book) -> Result<Option<Done>, LifeError> {
    let (papers, contract) = (book.papers(), book.contract().id());
    let order = || LifeError::Order("an opening");
    let drawn = signer.sampled(book)?;
    let (token, _) = papers.token_for(contract, &drawn.id).ok_or_else(order)?;
    let (reply, _) = papers.reply_to(contract, &token).ok_or_else(order)?;
    let (opening, _) = papers.opened(contract, &reply).ok_or_else(order)?;
    let steps = book.contract().terms().params().steps();
    // Where every step is sampled, there is none beyond the last.
    let outside = (0..steps).find(|step| !drawn.indices.contains(step));
    let bad_box = outside.unwrap_or(steps);
    Ok(Some(signer.say(Item::Verdict { opening, bad_box })))
}

impl ContractSigner for Crook<'_> {
    type Error = LifeError;

    fn work(&mut self, task: Task, book: &Book) -> Result<Option<Done>, LifeError> {
        let done = self.done(task, book)?;
        self.signer.tell(done.as_ref());
        Ok(done)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), LifeError> {
        self.signer.keep(bytes)
    }

    fn kept(&mut self, hash: &[u8; 32]) -> Result<Vec<u8>, LifeError> {
        self.signer.kept(hash)
    }
}

impl<'a> Hands<'a> for Crook<'a> {
    fn signer(&self) -> &LifeSigner<'a> {
        &self.signer
    }

    fn signer_mut(&mut self) -> &mut LifeSigner<'a> {
        &mut self.signer
    }

    fn into_signer(self) -> LifeSigner<'a> {
        self.signer
    }
}

/// A party takes its seat, with a signer that cheats if it does.
pub(crate) fn seat<'p>(
    room: &mut Room<'p>,
    contract: Contract,
    own: Own<'p, MemoryLog>,
    cheats: &SharedCheats,
) -> Result<(), LifeError> {
    let cheat = cheats.borrow().by(contract.role());
    let Some(cheat) = cheat else {
        room.join(LifeParty::open(contract, own)?);
        return Ok(());
    };
    let own = Own {
        log: own.log,
        signer: Crook::new(own.signer, cheat, cheats.clone()),
        publisher: own.publisher,
    };
    room.join(LifeParty::open_by(contract, own)?);
    Ok(())
}

/// What becomes of letters.
pub(crate) fn between<'a>(cheats: SharedCheats) -> GoBetween<'a> {
    Box::new(move |from, (to, bytes)| {
        let cheats = cheats.borrow();
        if cheats.by(to).is_some_and(|cheat| cheat.is_deaf_to(&bytes)) {
            return Vec::new();
        }
        let Some(cheat) = cheats.by(from) else {
            return vec![(to, bytes)];
        };
        match ContractMessage::from_bytes(&bytes) {
            Ok(message) => cheat.sent(to, message, cheats.beside.as_ref()),
            Err(_) => vec![(to, bytes)],
        }
    })
}

impl Cheat {
    /// Whether it takes no note of a message.
    fn is_deaf_to(self, bytes: &[u8]) -> bool {
        if self != Cheat::Dodges {
            return false;
        }
        match ContractMessage::from_bytes(bytes) {
            Ok(ContractMessage::Piece(Piece::Item(signed))) => {
                matches!(signed.item, Item::Audit { .. })
            }
            _ => false,
        }
    }

    /// What is sent in place of a message.
    fn sent(self, to: Role, message: ContractMessage, beside: Option<&SignedItem>) -> Vec<Letter> {
        let is_panel = matches!(to, Role::Arbiter(_));
        let piece = |piece| ContractMessage::Piece(piece);
        let sent = match (self, message) {
            (Cheat::Mute, _) => Vec::new(),
            (Cheat::KeepsAppeal, ContractMessage::Release(_)) => Vec::new(),
            (
                Cheat::NoBoxes | Cheat::Unsigned | Cheat::ServesNobody,
                ContractMessage::Piece(Piece::Boxes(_)),
            ) => Vec::new(),
            (Cheat::ForPanelOnly, ContractMessage::Piece(Piece::Boxes(_))) if !is_panel => {
                Vec::new()
            }
            (Cheat::ZeroBoxes, ContractMessage::Piece(Piece::Boxes(boxes))) => {
                vec![piece(Piece::Boxes(vec![0; boxes.len()]))]
            }
            (Cheat::NoOpening | Cheat::ServesNobody, ContractMessage::Piece(Piece::Opening(_))) => {
                Vec::new()
            }
            (Cheat::HollowOpening, ContractMessage::Piece(Piece::Opening(opening))) => {
                let first = opening.leaves.first().map_or(0, |leaf| leaf.index);
                vec![piece(Piece::Opening(Box::new(opening.about(first))))]
            }
            (cheat, ContractMessage::Piece(Piece::Item(signed))) => {
                let is_kept_back = match (cheat, signed.item.name()) {
                    (Cheat::NoToken, "token")
                    | (Cheat::NoOpening, "opening")
                    | (Cheat::ServesNobody, "opening" | "opening of the audit")
                    | (Cheat::NoReply, "reply")
                    | (Cheat::Unsigned, "commitment") => true,
                    (Cheat::ForPanelOnly, "commitment") => !is_panel,
                    _ => false,
                };
                let is_beside = cheat == Cheat::TwoSamples && signed.item.name() == "sample";
                let beside = beside.filter(|_| is_beside).cloned();
                let all = (!is_kept_back).then_some(signed).into_iter().chain(beside);
                all.map(|signed| piece(Piece::Item(signed))).collect()
            }
            (_, message) => vec![message],
        };
        let letter = |message: ContractMessage| (to, message.to_bytes());
        sent.into_iter().map(letter).collect()
    }
}
