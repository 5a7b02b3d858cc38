//! A ceremony that goes through one of its parties, the hub, from its nonces to its signatures: of whatever agreement. The others are told apart by
//! their seats.
//!
//! Nonces are in memory alone: whoever was killed over them begins another ceremony, of other terms. A member's shares are kept before they leave.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::secp256k1::rand::rngs::OsRng;
use narthex_base::codec::{DecodeError, Message as _};
use narthex_contracts::{
    party::{PartyId, PartyName},
    setup::{
        Agreement, Announced, ContractSignatures, NoncesMessage, Party, SetupError, SharesMessage,
        Signing,
    },
};

/// What is said to those in some seats: messages of the ceremony, as bytes.
pub(super) type ForSeats = Vec<(u8, Vec<Vec<u8>>)>;

/// Who is who: the hub, and whoever sits in a seat.
#[derive(Clone, Copy)]
pub(super) struct Circle {
    pub(super) hub: PartyName,
    pub(super) seats: u8,
    pub(super) name: fn(u8) -> PartyName,
}

/// How far it has come, as the hub has it.
enum Stage<T> {
    /// Nonces come in.
    Announced {
        own: Vec<u8>,
        announced: Box<Announced<T>>,
        nonces: BTreeMap<u8, Vec<u8>>,
    },
    /// Shares do: those of the members for each other, by whom they are of.
    Signing {
        signing: Box<Signing<T>>,
        shared: BTreeMap<u8, Vec<SharesMessage>>,
    },
    /// Something failed, or it is over.
    Ended,
}

/// The hub's part.
pub(super) struct Hub<T> {
    circle: Circle,
    stage: Stage<T>,
}

/// What the hub has at its end: the shares for each seat, and what it holds.
pub(super) struct Closed<T> {
    pub(super) gives: ForSeats,
    pub(super) held: ContractSignatures<T>,
}

impl<T: Agreement> Hub<T> {
    /// With its nonces drawn.
    pub(super) fn begin(circle: Circle, party: Party<T>) -> Result<Hub<T>, SetupError> {
        let (announced, nonces) = party.announce(&mut OsRng)?;
        let stage = Stage::Announced {
            own: nonces.to_bytes(),
            announced: Box::new(announced),
            nonces: BTreeMap::new(),
        };
        Ok(Hub { circle, stage })
    }

    /// A member's nonces. With the last of them the hub signs, and tells each all the others'.
    pub(super) fn nonces(&mut self, seat: u8, bytes: &[u8]) -> Result<ForSeats, SetupError> {
        let Stage::Announced {
            announced, nonces, ..
        } = &mut self.stage
        else {
            return Ok(Vec::new());
        };
        announced.accept_bytes((self.circle.name)(seat), bytes)?;
        nonces.insert(seat, bytes.to_vec());
        if !announced.missing().is_empty() {
            return Ok(Vec::new());
        }
        let stage = std::mem::replace(&mut self.stage, Stage::Ended);
        let Stage::Announced {
            own,
            announced,
            nonces,
        } = stage
        else {
            return Ok(Vec::new());
        };
        let signing = signed(*announced)?;
        let says = nonces.keys().map(|to| {
            let others = nonces.iter().filter(|(from, _)| *from != to);
            let others = others.map(|(_, bytes)| bytes.clone());
            (*to, std::iter::once(own.clone()).chain(others).collect())
        });
        let says = says.collect();
        self.stage = Stage::Signing {
            signing: Box::new(signing),
            shared: BTreeMap::new(),
        };
        Ok(says)
    }

    /// A member's shares, for all others. With the last of them the hub holds all signatures, and has for each the shares for it.
    pub(super) fn shares<E>(&mut self, seat: u8, all: &[Vec<u8>]) -> Result<Option<Closed<T>>, E>
    where
        E: From<SetupError> + From<DecodeError>,
    {
        let Stage::Signing { signing, shared } = &mut self.stage else {
            return Ok(None);
        };
        let circle = self.circle;
        let from = (circle.name)(seat);
        let mut own = Vec::new();
        for bytes in all {
            let message = SharesMessage::from_bytes(bytes)?;
            if message.from != from.id {
                return Err(SetupError::Stranger { party: from }.into());
            }
            match message.to == circle.hub.id {
                true => signing.accept(message)?,
                false => own.push(message),
            }
        }
        shared.insert(seat, own);
        if shared.len() < usize::from(circle.seats) {
            return Ok(None);
        }
        let stage = std::mem::replace(&mut self.stage, Stage::Ended);
        let Stage::Signing { signing, shared } = stage else {
            return Ok(None);
        };
        let mut gives = Vec::new();
        for to in 0..circle.seats {
            let party = (circle.name)(to);
            let mut all = shares_for(&signing, party.id)?;
            let others = shared.values().flatten();
            let others = others.filter(|message| message.to == party.id);
            all.extend(others.map(SharesMessage::to_bytes));
            gives.push((to, all));
        }
        let held = finished(*signing)?;
        Ok(Some(Closed { gives, held }))
    }
}

/// A member's session of its nonces.
pub(super) struct Member<T>(Option<(Arc<T>, Announced<T>)>);

impl<T> Default for Member<T> {
    fn default() -> Member<T> {
        Member(None)
    }
}

impl<T: Agreement> Member<T> {
    /// It draws its nonces, for the hub.
    pub(super) fn announce(
        &mut self,
        terms: Arc<T>,
        party: Party<T>,
    ) -> Result<Vec<Vec<u8>>, SetupError> {
        let (announced, nonces) = party.announce(&mut OsRng)?;
        self.0 = Some((terms, announced));
        Ok(vec![nonces.to_bytes()])
    }

    /// Everybody's nonces: it signs. Its shares for all others; `None` if it has no session of these terms.
    pub(super) fn sign<E>(
        &mut self,
        id: &[u8; 32],
        (circle, own): (Circle, u8),
        all: &[Vec<u8>],
    ) -> Result<Option<Signed<T>>, E>
    where
        E: From<SetupError> + From<DecodeError>,
    {
        let Some((terms, mut announced)) = self.0.take().filter(|(of, _)| of.id() == id) else {
            return Ok(None);
        };
        for bytes in all {
            announced.accept(NoncesMessage::from_bytes(bytes)?)?;
        }
        let signing = signed(announced)?;
        let others = (0..circle.seats).filter(|seat| *seat != own);
        let others = others.map(circle.name);
        let mut shares = Vec::new();
        for to in std::iter::once(circle.hub).chain(others) {
            shares.extend(shares_for(&signing, to.id)?);
        }
        Ok(Some(Signed {
            terms,
            signing: signing.to_bytes(),
            shares,
        }))
    }
}

/// What a member keeps before its shares leave.
pub(super) struct Signed<T> {
    pub(super) terms: Arc<T>,
    pub(super) signing: Vec<u8>,
    pub(super) shares: Vec<Vec<u8>>,
}

/// What a member holds with all shares for it.
pub(super) fn held<T: Agreement, E>(
    mut signing: Signing<T>,
    all: &[Vec<u8>],
) -> Result<ContractSignatures<T>, E>
where
    E: From<SetupError> + From<DecodeError>,
{
    for bytes in all {
        signing.accept(SharesMessage::from_bytes(bytes)?)?;
    }
    Ok(finished(signing)?)
}

/// Signs with everybody's nonces. All that these contracts sign is of the last stage: those before it are closed as they are.
fn signed<T: Agreement>(announced: Announced<T>) -> Result<Signing<T>, SetupError> {
    let mut signing = announced.sign()?;
    let stages = signing.graph().stages();
    let before_last = stages.len().saturating_sub(1);
    for stage in stages.take(before_last) {
        signing.close(stage)?;
    }
    Ok(signing)
}

/// The shares for a party.
fn shares_for<T: Agreement>(signing: &Signing<T>, to: PartyId) -> Result<Vec<Vec<u8>>, SetupError> {
    let last = signing.graph().stages().last();
    let last = last
        .map(|stage| signing.shares_for(stage, to))
        .transpose()?;
    let said = last.filter(|message| !message.shares.is_empty());
    Ok(said.iter().map(SharesMessage::to_bytes).collect())
}

/// Everybody's shares are there: what it holds.
fn finished<T: Agreement>(mut signing: Signing<T>) -> Result<ContractSignatures<T>, SetupError> {
    let graph = Arc::clone(signing.graph());
    for stage in graph.stages() {
        signing.close(stage)?;
    }
    signing.finish()
}
