//! A provider of a gated slice between nodes: it talks with the client, and with each other provider over a link of their own.

mod side;

use std::collections::{BTreeSet, VecDeque};

use bitcoin::secp256k1::{PublicKey, rand::rngs::OsRng};
use narthex_base::codec::Message;
use narthex_channel::{
    CoinSeen, Logged, StepError,
    log::Log,
    slice::{
        ProviderEffect, ProviderInput, ProviderMachine, ProviderStart, SliceConsent, SliceFigures,
        SliceTalk,
    },
};
use narthex_contracts::{
    depth::Depth,
    setup::ContractSignatures,
    slice::{Bundle, Coin, Evidence, ProviderBook, SliceError, SliceTerms, Taken, Work},
};

use super::{
    COMMITMENT, POSTED, RELEASED, WORK,
    joining::{Joined, Place, Session, posts},
};
use crate::small::{SmallError, SmallHeard, Surroundings, Talk, apart::Kept, line_up::place_of};

/// Where the client is among a provider's talks.
const CLIENT: Talk = Talk::Peer(0);

/// What is said once since the start: a link says nothing twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    Held,
    Post,
    Bundle,
}

/// A provider's side.
pub struct SliceProvider {
    machine: Logged<ProviderMachine, Box<dyn Log>>,
    kept: Kept,
    place: Place,
    session: Session,
    /// The chain as it was seen last: where the own price is, too.
    seen: (u32, CoinSeen),
    says: VecDeque<(Talk, Vec<u8>)>,
    done: BTreeSet<Said>,
    /// What its owner has given is other work than was posted before its disk went back.
    is_other: bool,
}

impl SliceProvider {
    /// As its logs left it; of a slice that this node has asked for, with the id of its ask, and with what this side has brought.
    ///
    /// # Errors
    /// [`SmallError::Open`].
    pub fn open(
        (figures, own): (SliceFigures, SliceConsent),
        (ask, client): ([u8; 32], PublicKey),
        (seat, depth): (u8, Depth),
        (log, apart): (Box<dyn Log>, Box<dyn Log>),
    ) -> Result<SliceProvider, SmallError> {
        let place = Place {
            figures,
            ask,
            client,
            script: own.script,
            seat,
            depth,
        };
        Ok(SliceProvider {
            machine: Logged::open(ProviderMachine::default(), log)?,
            kept: Kept::open(apart)?,
            place,
            session: Session::default(),
            seen: (0, CoinSeen::Unfunded),
            says: VecDeque::new(),
            done: BTreeSet::new(),
            is_other: false,
        })
    }

    fn book(&self) -> Option<&ProviderBook> {
        self.machine.machine().book()
    }

    fn signed(&self) -> Option<&ContractSignatures<SliceTerms>> {
        self.book().map(ProviderBook::holdings)
    }

    fn say(&mut self, to: Talk, message: &impl Message) {
        self.says.push_back((to, message.to_bytes()));
    }

    /// To the client and to all other providers.
    fn say_to_all(&mut self, message: &impl Message) {
        self.say(CLIENT, message);
        let seats = u8::try_from(self.place.figures.seats.len()).unwrap_or(u8::MAX);
        let own = self.place.seat;
        for seat in (0..seats).filter(|seat| *seat != own) {
            self.say(Talk::Peer(place_of(seat)), message);
        }
    }

    fn step(&mut self, input: &ProviderInput) -> Result<(), StepError<SliceError>> {
        self.machine.step(input).map(drop)
    }

    /// What the signer is to know of the own price: once it is claimed, when it was funded is known from no coin any longer.
    fn status(&self) -> (u32, Coin) {
        let coin = match Coin::from(self.seen.1) {
            Coin::Spent => self.machine.machine().coin(),
            coin => coin,
        };
        (self.seen.0, coin)
    }

    fn talked(
        &mut self,
        talk: SliceTalk,
        with: &mut Surroundings<'_>,
    ) -> Result<SmallHeard, SmallError> {
        if let Some(signed) = self.signed() {
            let own = signed.terms().id();
            return Ok(match talk {
                // Said again by a client that went on.
                SliceTalk::Nonces { terms, .. } | SliceTalk::Shares { terms, .. }
                    if terms == own =>
                {
                    SmallHeard::Taken
                }
                SliceTalk::Lacks { terms, post_of } if terms == own => {
                    let known = self.book().and_then(|book| {
                        let mut posts = book.posts();
                        posts.find(|post| post.from == post_of).cloned()
                    });
                    if let Some(post) = known {
                        self.say(CLIENT, &post);
                    }
                    SmallHeard::Taken
                }
                _ => SmallHeard::Refused("a slice was signed already".into()),
            });
        }
        let joined = (self.session).hear(&self.place, talk, (&mut self.kept, with))?;
        match joined {
            Joined::Heard(heard) => Ok(heard),
            Joined::Says(talk) => {
                self.say(CLIENT, &talk);
                Ok(SmallHeard::Taken)
            }
            Joined::Held(holdings) => {
                let start = ProviderStart {
                    holdings: *holdings,
                    own: self.place.seat,
                    depth: self.place.depth,
                };
                self.step(&ProviderInput::Held(Box::new(start)))?;
                Ok(SmallHeard::Taken)
            }
        }
    }

    /// Whether it has said its post, and its disk has forgotten what opens it: what others release is of use once its owner has given its
    /// work again.
    fn is_forgetful(&self) -> bool {
        let opening = self.book().and_then(ProviderBook::opening);
        opening.is_none() && self.kept.get(POSTED).is_some()
    }

    /// Another's post or bundle.
    fn heard(&mut self, input: &ProviderInput) -> Result<SmallHeard, SmallError> {
        if let ProviderInput::Bundle(bundle) = input {
            if self.is_forgetful() {
                return Ok(SmallHeard::Later);
            }
            if self.is_known_lie(bundle) {
                return Ok(SmallHeard::Taken);
            }
        }
        match self.step(input) {
            Ok(()) => Ok(SmallHeard::Taken),
            Err(error) => SmallHeard::of_step(error),
        }
    }

    /// Whether it is one more lie of somebody whose first is known: that is proof enough, and more would fill the disk.
    fn is_known_lie(&self, bundle: &Bundle) -> bool {
        let mut lies = self.machine.machine().lies().iter();
        let is_liar = lies.any(|lie| match lie {
            Evidence::FalseShare { bundle: known, .. } => known.from == bundle.from,
            _ => false,
        });
        let checked = self.book().filter(|_| is_liar);
        let checked = checked.map(|book| book.check_bundle(bundle));
        matches!(checked, Some(Ok((Taken::False(_), _))))
    }

    /// What its owner has given, if it has.
    fn work(&self) -> Option<Work> {
        let (commitment, result) = self.kept.get(WORK)?.split_first_chunk::<COMMITMENT>()?;
        Some(Work {
            commitment: *commitment,
            result: result.to_vec(),
        })
    }

    /// Commits to the work, if it is there. The same work gives the same post, whatever its disk has forgotten; of other work than it has posted
    /// there is none: two posts would convict it.
    fn commit(&mut self, with: &Surroundings<'_>) -> Result<(), SmallError> {
        if self.is_other {
            return Ok(());
        }
        let (Some(work), Some(book)) = (self.work(), self.book()) else {
            return Ok(());
        };
        let terms = book.terms();
        let purpose = posts(&work.root(terms));
        let mut source = self.place.source(terms.participants(), purpose, with.seed);
        let keys = self.place.keys(terms, &self.kept, with)?;
        let (post, opening) = keys.commit(book, &work, &mut source)?;
        if self
            .kept
            .get(POSTED)
            .is_some_and(|of| of != post.to_bytes())
        {
            self.is_other = true;
            return Ok(());
        }
        let post = Box::new(post);
        Ok(self.step(&ProviderInput::Committed { post, opening })?)
    }

    /// Releases its shares; what it released before its disk went back, and nothing else, if it did.
    fn release(&mut self, with: &Surroundings<'_>) -> Result<(), SmallError> {
        let book = self.book().ok_or(SmallError::Order("terms of a slice"))?;
        let before = self.kept.get(RELEASED).map(Bundle::from_bytes).transpose();
        let bundle = match before.map_err(SliceError::from)? {
            Some(bundle) => bundle,
            None => {
                let keys = self.place.keys(book.terms(), &self.kept, with)?;
                match keys.release(book, self.status(), &mut OsRng) {
                    Ok(bundle) => bundle,
                    // The coin was not looked at since the start.
                    Err(SliceError::Shallow { .. } | SliceError::TooSoon { .. }) => return Ok(()),
                    Err(SliceError::Order { .. }) if self.seen.0 == 0 => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
            }
        };
        Ok(self.step(&ProviderInput::Released(bundle))?)
    }

    fn claim(&mut self, with: &Surroundings<'_>) -> Result<(), SmallError> {
        let book = self.book().ok_or(SmallError::Order("terms of a slice"))?;
        let keys = self.place.keys(book.terms(), &self.kept, with)?;
        let tx = match keys.claim(book, self.status()) {
            Ok(tx) => tx,
            Err(SliceError::Shallow { .. }) => return Ok(()),
            Err(SliceError::Order { .. }) if self.seen.0 == 0 => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        Ok(self.step(&ProviderInput::Claimed(tx))?)
    }

    fn act(&mut self, effect: &ProviderEffect, with: &Surroundings<'_>) -> Result<(), SmallError> {
        match effect {
            ProviderEffect::Work => self.commit(with),
            ProviderEffect::Release => self.release(with),
            ProviderEffect::Claim => self.claim(with),
            ProviderEffect::Ask(bundle) => {
                if self.done.insert(Said::Bundle) {
                    self.say_to_all(bundle);
                }
                Ok(())
            }
            // The post is said whatever is due; the host publishes.
            ProviderEffect::Show(_) | ProviderEffect::Publish(_) => Ok(()),
        }
    }

    /// Its post, before its bundle: to whoever was not there when it was said first, too.
    fn show(&mut self) {
        let post = self.book().and_then(ProviderBook::post).cloned();
        let Some(post) = post else {
            return;
        };
        if self.done.insert(Said::Post) {
            self.say_to_all(&post);
        }
    }

    /// The last height at which somebody who has worked waits for a funding that a reorganisation took away; and who has not.
    fn waits_until(&self) -> u32 {
        let figures = &self.place.figures;
        let is_worked = self.book().and_then(ProviderBook::opening).is_some();
        let more = match is_worked {
            true => u32::from(figures.refund_blocks).saturating_add(self.place.depth.blocks()),
            false => 0,
        };
        figures.fund_height.saturating_add(more)
    }
}
