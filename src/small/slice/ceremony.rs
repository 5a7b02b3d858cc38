//! The client's part of the ceremony, in memory alone: whoever was killed over it begins another.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{
    OutPoint, ScriptBuf,
    hashes::sha256,
    secp256k1::{PublicKey, Secp256k1, SecretKey, rand::rngs::OsRng},
};
use narthex_base::codec::Message as _;
use narthex_channel::slice::{SliceConsent, SliceFigures, SliceTalk};
use narthex_contracts::{
    binding::{Bindings, FreshSalt},
    setup::ContractSignatures,
    slice::{Participants, Points, SliceDealing, SliceError, SliceRecord, SliceTerms},
    terms::Contribution,
};

use super::circle;
use crate::small::ceremony::{Closed, Hub};

/// How far a ceremony has come.
enum Stage {
    /// Dealings come in.
    Calling {
        salt: FreshSalt,
        dealt: BTreeMap<u8, SliceDealing>,
    },
    /// All sign.
    Signing(Hub<SliceTerms>),
    /// Something failed.
    Ended,
}

/// One attempt at it.
pub(super) struct Ceremony {
    stage: Stage,
    participants: Participants,
    terms: Option<Arc<SliceTerms>>,
}

/// What follows from a message: something for each provider, and the signatures at its end.
pub(super) struct Follows {
    pub(super) says: Vec<(u8, SliceTalk)>,
    pub(super) held: Option<ContractSignatures<SliceTerms>>,
}

impl Follows {
    pub(super) const fn nothing() -> Follows {
        Follows {
            says: Vec::new(),
            held: None,
        }
    }
}

/// What the client brings to its terms.
pub(super) struct Own {
    pub(super) key: SecretKey,
    pub(super) script: ScriptBuf,
    pub(super) contribution: Contribution,
}

/// The participants of an attempt, as the client names them and each provider finds them out by itself.
pub(super) fn participants(
    figures: &SliceFigures,
    (asking, ask): (&PublicKey, &[u8; 32]),
    (client, salt): (PublicKey, sha256::Hash),
    providers: impl IntoIterator<Item = PublicKey>,
) -> Participants {
    Participants {
        client,
        providers: providers.into_iter().collect(),
        quorum: figures.quorum,
        job: figures.job_of(asking, ask),
        salt,
    }
}

impl Ceremony {
    /// A call, with a salt that serves this attempt alone, by the node of this key in the ask of this id.
    pub(super) fn begin(
        figures: &SliceFigures,
        of: (&PublicKey, &[u8; 32]),
        key: &SecretKey,
        consents: &[SliceConsent],
    ) -> Ceremony {
        let salt = FreshSalt::draw(&mut OsRng);
        let client = PublicKey::from_secret_key(&Secp256k1::signing_only(), key);
        let providers = consents.iter().map(|consent| consent.enrolment.key);
        Ceremony {
            participants: participants(figures, of, (client, salt.value()), providers),
            stage: Stage::Calling {
                salt,
                dealt: BTreeMap::new(),
            },
            terms: None,
        }
    }

    pub(super) fn call(&self, consents: &[SliceConsent]) -> SliceTalk {
        SliceTalk::Call {
            salt: self.participants.salt,
            client: self.participants.client,
            enrolled: consents.iter().map(|consent| consent.enrolment).collect(),
        }
    }

    /// Whether a message is of this attempt's terms.
    pub(super) fn is_of(&self, terms: &[u8; 32]) -> bool {
        self.terms.as_ref().is_some_and(|own| own.id() == *terms)
    }

    /// Coins of its terms, to be freed if it comes to nothing.
    pub(super) fn coins(&self) -> Vec<OutPoint> {
        let coins = self.terms.iter();
        let coins = coins.flat_map(|terms| &terms.record().contribution.coins);
        coins.map(|coin| coin.outpoint).collect()
    }

    /// What a provider deals; whether all have, and its terms can be made. Of another salt it is of an attempt that is over.
    pub(super) fn dealt(
        &mut self,
        seat: u8,
        (salt, dealing): (sha256::Hash, &[u8]),
    ) -> Result<bool, SliceError> {
        let is_now = salt == self.participants.salt;
        let (Stage::Calling { dealt, .. }, true) = (&mut self.stage, is_now) else {
            return Ok(false);
        };
        let dealing = SliceDealing::from_bytes(dealing)?;
        if dealing.from != seat {
            return Err(SliceError::NotSigned { from: seat });
        }
        dealing.verify(&self.participants)?;
        // The first counts: another one would be in nobody's terms.
        dealt.entry(seat).or_insert(dealing);
        Ok(dealt.len() == self.participants.providers.len())
    }

    /// The terms, bound to its salt, with its nonces.
    pub(super) fn propose(
        &mut self,
        figures: &SliceFigures,
        (own, consents): (Own, &[SliceConsent]),
        bindings: &mut dyn Bindings,
    ) -> Result<Follows, SliceError> {
        let Stage::Calling { salt, dealt } = std::mem::replace(&mut self.stage, Stage::Ended)
        else {
            return Ok(Follows::nothing());
        };
        let dealt: Vec<_> = dealt.into_values().collect();
        let points = Points::gather(&self.participants, &dealt)?;
        let record = SliceRecord {
            participants: self.participants.clone(),
            points: points.commitments(),
            own_points: points.own_points().to_vec(),
            price_sat: figures.price,
            post_blocks: figures.post_blocks,
            refund_blocks: figures.refund_blocks,
            client_script: own.script,
            provider_scripts: consents.iter().map(|of| of.script.clone()).collect(),
            contribution: own.contribution,
            rate_sat_per_kwu: figures.rate,
        };
        let terms = Arc::new(record.check()?);
        let party = terms.client_party(&own.key, &points, salt, bindings)?;
        let seats = self.participants.size();
        self.stage = Stage::Signing(Hub::begin(circle(seats), party)?);
        let talk = SliceTalk::Terms {
            json: terms.to_json(),
            dealings: dealt.iter().map(SliceDealing::to_bytes).collect(),
        };
        self.terms = Some(terms);
        Ok(Follows {
            says: (0..seats).map(|seat| (seat, talk.clone())).collect(),
            held: None,
        })
    }

    /// A provider's nonces. With the last of them each is told all the others'.
    pub(super) fn nonces(&mut self, seat: u8, bytes: &[u8]) -> Result<Follows, SliceError> {
        let (Some(terms), Stage::Signing(hub)) = (&self.terms, &mut self.stage) else {
            return Ok(Follows::nothing());
        };
        let terms = terms.id();
        let says = hub.nonces(seat, bytes)?.into_iter();
        let says = says.map(|(to, all)| (to, SliceTalk::Nonces { terms, all }));
        Ok(Follows {
            says: says.collect(),
            held: None,
        })
    }

    /// A provider's share of its claim. With the last of them the client holds all claims, encrypted, and tells each the share for it.
    pub(super) fn shares(&mut self, seat: u8, all: &[Vec<u8>]) -> Result<Follows, SliceError> {
        let (Some(terms), Stage::Signing(hub)) = (&self.terms, &mut self.stage) else {
            return Ok(Follows::nothing());
        };
        let terms = terms.id();
        let closed: Option<Closed<_>> = hub.shares::<SliceError>(seat, all)?;
        let Some(Closed { gives, held }) = closed else {
            return Ok(Follows::nothing());
        };
        let says = gives.into_iter();
        let says = says.map(|(to, all)| (to, SliceTalk::Shares { terms, all }));
        Ok(Follows {
            says: says.collect(),
            held: Some(held),
        })
    }
}
