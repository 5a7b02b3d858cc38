//! A party of a contract, whatever its part.

mod showing;

use std::io;

use bitcoin::secp256k1::SecretKey;
use narthex_base::codec::Message;
use narthex_channel::{
    contract::{
        Book, BroughtPart, Contract, ContractErrand, ContractInput, ContractMessage,
        ContractRefusal, ContractSeatError, NextMove, Order, Parcel,
    },
    log::Log,
    wire::{BOXES, EVIDENCE, OPENING, body_hash},
};
use narthex_contracts::{graph::NodeId, terms::Role};
use narthex_regtest::{ChainSource, NodeAccess};

pub use showing::Resolved;

use super::{
    LifeError, LifeSigner, Publisher, Secrecy, publish,
    seat::{Hands, Seat, Taken, seated},
    stake::{self, Stake},
};
use crate::ruling::CaseFile;

/// What is the party's own beside its machine.
pub struct Own<'a, L, S = LifeSigner<'a>> {
    /// Its log.
    pub log: L,
    /// Whoever does its work.
    pub signer: S,
    /// From where it pays.
    pub publisher: Publisher<'a>,
}

/// A message to another party.
pub type Letter = (Role, Vec<u8>);

/// A party of a contract of computation.
pub struct LifeParty<'a> {
    seat: Box<dyn Seat<'a> + 'a>,
    publisher: Publisher<'a>,
    /// Whether the wallet watches what a verifier is paid by an approval.
    has_learned: bool,
    /// An arbiter's.
    stake: Stake,
    /// Whether this process has written that the secret is about to be shown, and has not shown it since.
    is_hidden: bool,
    /// What is held back beside a rival, and since which tip.
    beside: Option<(NodeId, u32)>,
}

impl<'a> LifeParty<'a> {
    /// A party takes its seat, for the first time or after its process ended.
    ///
    /// # Errors
    /// [`LifeError`].
    pub fn open<L: Log + 'a>(
        contract: Contract,
        own: Own<'a, L>,
    ) -> Result<(LifeParty<'a>, Vec<Letter>), LifeError> {
        LifeParty::open_by(contract, own)
    }

    /// The same, whoever does its work.
    pub(crate) fn open_by<L: Log + 'a, S: Hands<'a> + 'a>(
        contract: Contract,
        own: Own<'a, L, S>,
    ) -> Result<(LifeParty<'a>, Vec<Letter>), LifeError> {
        let Own {
            log,
            signer,
            publisher,
        } = own;
        let (seat, errands) = seated(contract, log, signer)?;
        let mut party = LifeParty {
            seat,
            publisher,
            has_learned: false,
            stake: Stake::default(),
            is_hidden: false,
            beside: None,
        };
        // What a process before this one was given and checked.
        let book = party.book().clone();
        party.seat.signer_mut().take_up(&book);
        party.learn()?;
        party.keep_root_coin();
        Ok((party, letters(errands)))
    }

    /// Its part.
    pub fn role(&self) -> Role {
        self.book().contract().role()
    }

    /// What it knows.
    pub fn book(&self) -> &Book {
        self.seat.book()
    }

    /// Where it stands, in a word.
    pub fn standing(&self) -> &'static str {
        self.seat.standing()
    }

    /// Where it stands in its machine's table, by what the chain says.
    pub fn place(&self) -> &'static str {
        self.seat.place()
    }

    /// Number of entries in its log.
    pub fn changes(&self) -> u64 {
        self.seat.changes()
    }

    /// Whether there is work that could not be done yet: a look at the chain asks for it again, also at the same tip.
    pub fn is_waiting(&self) -> bool {
        self.seat.is_waiting()
    }

    /// Whether the contract has ended, and so deep that its end is not taken back by a reorganisation of the depth that this party goes by:
    /// it has nothing to publish any more.
    pub fn is_past(&self) -> bool {
        let (book, tip) = (self.book(), self.signer().sight().tip());
        let depth = book.contract().policy().depth;
        let is_deep = book
            .ended()
            .is_some_and(|height| depth.is_reached(height, tip));
        is_deep || self.standing() == "over"
    }

    /// First height at which a block may hold what takes an arbiter's stake back, from the settlement on and until it is seen
    /// spent.
    pub fn stake_due(&self) -> Option<u32> {
        let is_settled = matches!(self.standing(), "settled" | "over");
        let is_there = self.stake == Stake::Locked;
        self.stake_free().filter(|_| is_settled && is_there)
    }

    /// First height at which a block may hold what takes an arbiter's stake back, unless an appeal or a challenge has spent it by then.
    pub fn stake_free(&self) -> Option<u32> {
        let Role::Arbiter(_) = self.role() else {
            return None;
        };
        let (_, funded) = self.book().facts().path.first()?;
        Some(stake::earliest(self.signer(), *funded))
    }

    /// What is to be published as it stands, and until when.
    pub fn on_chain(&self) -> Vec<ContractErrand> {
        self.seat.on_chain()
    }

    /// What it publishes next of the contract's transactions, at the tip that it has seen or above, if nothing else happens
    /// ([`ContractMachine::next_move`](narthex_channel::contract::ContractMachine::next_move)).
    pub fn next_move(&self) -> Option<NextMove> {
        self.seat.next_move(self.signer().sight().tip())
    }

    /// Whoever does its work.
    pub fn signer(&self) -> &LifeSigner<'a> {
        self.seat.signer()
    }

    /// From where it pays, and what it has paid.
    pub const fn publisher(&self) -> &Publisher<'a> {
        &self.publisher
    }

    /// From where it pays.
    pub const fn publisher_mut(&mut self) -> &mut Publisher<'a> {
        &mut self.publisher
    }

    /// Its process ends: whoever does its work, and from where it pays.
    pub fn leave(self) -> (LifeSigner<'a>, Publisher<'a>) {
        (self.seat.into_signer(), self.publisher)
    }

    /// Looks at the chain.
    ///
    /// # Errors
    /// [`LifeError`].
    pub fn look(&mut self, chain: &mut dyn ChainSource) -> Result<Vec<Letter>, LifeError> {
        let contract = self.book().contract().clone();
        let view = self.seat.signer_mut().sight_mut().look(chain, &contract)?;
        let errands = self.seat.take(&ContractInput::Chain(view))?;
        self.learn()?;
        self.keep_root_coin();
        if self.seat.on_chain().is_empty() {
            self.publisher.rest(None);
        }
        Ok(letters(errands))
    }

    /// The worker's root goes on record by one coin alone: until the contract is over nothing else may spend that, no other contract's
    /// stake or fee either.
    fn keep_root_coin(&mut self) {
        let (contract, role) = (self.book().contract(), self.role());
        let coin = contract.root_coin();
        let Some(coin) = coin.filter(|_| role == Role::Worker) else {
            return;
        };
        let is_over = self.standing() == "over";
        let mut wallet = self.publisher.purse.wallet();
        match is_over {
            true => wallet.free(coin),
            false => {
                wallet.reserve(coin);
            }
        }
    }

    /// The verifier has the token: its wallet watches what an approval will pay it, before it approves.
    fn learn(&mut self) -> Result<(), LifeError> {
        if self.role() == Role::Verifier
            && !self.has_learned
            && let Some(key) = self.signer().payment_key(self.book())
        {
            self.publisher.purse.wallet().import(&key)?;
            self.has_learned = true;
        }
        Ok(())
    }

    /// A verifier's key of what an approval pays it, once it has the token: a wallet knows the coin by it alone.
    pub fn paid_key(&self) -> Option<SecretKey> {
        let is_verifier = self.role() == Role::Verifier;
        is_verifier.then(|| self.signer().payment_key(self.book()))?
    }

    /// Takes a message as bytes. What cannot be read is refused.
    ///
    /// # Errors
    /// [`LifeError`].
    pub fn hear(&mut self, from: Role, bytes: &[u8]) -> Result<Heard, LifeError> {
        match ContractMessage::from_bytes(bytes) {
            Ok(message) => self.hear_message(from, message),
            Err(error) => Ok(Heard::Refused(error.to_string())),
        }
    }

    /// Takes a message. What is refused is its sender's fault and changes nothing: that is no error of this party's.
    ///
    /// # Errors
    /// [`LifeError`].
    pub fn hear_message(
        &mut self,
        from: Role,
        message: ContractMessage,
    ) -> Result<Heard, LifeError> {
        let heard = self.seat.hear(from, message);
        self.taken(heard)
    }

    /// Takes an own message back that this disk has forgotten, and that a peer has kept.
    ///
    /// # Errors
    /// [`LifeError`].
    pub fn recall(&mut self, message: ContractMessage) -> Result<Heard, LifeError> {
        let recalled = self.seat.recall(message);
        self.taken(recalled)
    }

    /// Its disk is not what it was, as its owner has seen by something else than its log: an arbiter attests by the answers of others then.
    ///
    /// # Errors
    /// [`LifeError`].
    pub fn put_back(&mut self) -> Result<Vec<Letter>, LifeError> {
        Ok(letters(self.seat.take(&ContractInput::PutBack)?))
    }

    fn taken(&mut self, heard: Taken) -> Result<Heard, LifeError> {
        self.learn()?;
        match heard {
            Ok(errands) => Ok(Heard::Taken(letters(errands))),
            Err(ContractSeatError::Refused(why)) => Ok(Heard::Refused(why.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// The case before the panel, if there is one, with what this party has brought, or at an arbiter what it was brought: what
    /// `narthex game rule` reads. It shows what a panel is shown, opened steps among it, and no secret.
    ///
    /// # Errors
    /// [`LifeError`]: the disk does not have what it had, or what was brought does not read.
    pub fn case_file(&self) -> Result<Option<CaseFile>, LifeError> {
        self.signer().case_file(self.book())
    }

    /// What the client has decrypted, if anything.
    ///
    /// # Errors
    /// [`LifeError::Blob`] if it is gone.
    pub fn result(&self) -> Result<Option<Vec<u8>>, LifeError> {
        let kept = self.book().decrypted().and_then(|(_, result)| result);
        kept.map(|hash| Ok(self.signer().blobs.kept(&hash)?))
            .transpose()
    }

    /// A long message that this party has sent, and whose body its link keeps no more: boxes, an opening or evidence, by its type and the hash
    /// of its body, for a peer that has lost it with its disk. `None` if it is not here: it was lost, or was never sent.
    ///
    /// # Errors
    /// [`LifeError::Blob`]: this computer cannot say now.
    pub fn long_body(
        &mut self,
        message: u16,
        hash: &[u8; 32],
    ) -> Result<Option<Vec<u8>>, LifeError> {
        let (book, papers) = (self.book(), self.book().papers());
        let parcels: Vec<_> = match message {
            BOXES => papers
                .boxes()
                .copied()
                .map(Parcel::Boxes)
                .into_iter()
                .collect(),
            OPENING => papers.openings().copied().map(Parcel::Opening).collect(),
            EVIDENCE => {
                let heard = papers.brought().iter().map(BroughtPart::hash);
                let all = book.pleaded().copied().chain(heard);
                all.map(Parcel::Evidence).collect()
            }
            _ => Vec::new(),
        };
        for parcel in parcels {
            let messages = match self.seat.parcel(parcel) {
                Err(ContractSeatError::Signer(LifeError::Blob(error)))
                    if error.kind() == io::ErrorKind::NotFound =>
                {
                    continue;
                }
                other => other?,
            };
            let mut bodies = messages.iter().map(Message::to_bytes);
            if let Some(body) = bodies.find(|body| body_hash(body) == *hash) {
                return Ok(Some(body));
            }
        }
        Ok(None)
    }

    /// Takes an order of its owner's.
    ///
    /// # Errors
    /// [`LifeError`]; a refusal too.
    pub fn order(&mut self, order: Order) -> Result<Vec<Letter>, LifeError> {
        if let Order::Agree(proposal) = &order {
            // The machine knows no tip.
            let in_time = proposal.check_start(self.signer().sight().tip());
            let refused = |error| ContractSeatError::Refused(ContractRefusal::Ending(error));
            in_time.map_err(refused)?;
        }
        Ok(letters(self.seat.take(&ContractInput::Order(order))?))
    }

    /// Publishes a transaction that its machine has not asked for. Nobody who is honest does.
    ///
    /// # Errors
    /// [`LifeError`].
    pub(crate) fn publish_unasked(
        &mut self,
        chain: &mut dyn NodeAccess,
        node: NodeId,
    ) -> Result<bool, LifeError> {
        let (seat, publisher) = (&self.seat, &mut self.publisher);
        let due = (node, None, Secrecy::Written);
        publish(chain, (seat.signer(), publisher), seat.book(), due)
    }
}

/// What came of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It was taken, or was known before.
    Taken(Vec<Letter>),
    /// It was refused, which changes nothing, and why.
    Refused(String),
}

fn letters(errands: Vec<ContractErrand>) -> Vec<Letter> {
    let sent = errands.into_iter().filter_map(|errand| match errand {
        ContractErrand::Send { to, message } => Some((to, message.to_bytes())),
        _ => None,
    });
    sent.collect()
}
