//! A draw of a panel, or of a verifier, as a file: whoever has one draws again, without having taken part.

use bitcoin::{
    Amount, BlockHash, OutPoint, Txid,
    hashes::Hash,
    key::XOnlyPublicKey,
    secp256k1::{Keypair, PublicKey, Secp256k1},
};
use narthex_base::tagged::tagged_hash_parts;
use narthex_contracts::{
    enrolment::{Enrolment, EnrolmentFault, Scope},
    fixtures::Fixtures,
    panel::{
        AgreeError, AnswerSet, CaseError, DrawCase, DrawError, DrawTiming, DrawnVerifier, Offer,
        OfferRole, OfferTerms, Order, Panel, Report, Seed, Snapshot, TermsMismatch,
        VerifierMismatch, Willingness,
    },
    terms::{Role, TermsDraft, TermsError, TermsRecord},
};
use narthex_game_model::{Params, ParamsError, ParamsRecord, Template};
use serde::{Deserialize, Serialize};

/// A draw with all that it follows from, and with what came of it. Whether the chain has these offers and blocks, and
/// whether commitments came before the block, whoever wrote the file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawFile {
    /// What is drawn.
    pub role: OfferRole,
    /// Parameters of the contract.
    pub params: ParamsRecord,
    /// Contract keys of those who draw: client, worker, and the verifier where a panel is drawn.
    pub principals: Vec<PublicKey>,
    /// Terms that the offers commit to.
    pub terms: Vec<OfferTerms>,
    /// Smallest bond that counts.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub min_bond_sat: Amount,
    /// Height at which the pool is looked at.
    pub snapshot_height: u32,
    /// Blocks from there to the block that goes into the seed.
    pub delay_blocks: u32,
    /// Blocks on that one before nonces are revealed.
    pub burial_blocks: u32,
    /// Identity of the verifier, which takes no seat on the panel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without: Option<XOnlyPublicKey>,
    /// Block at the height of the snapshot.
    pub block_hash: BlockHash,
    /// Offers of the pool at that height, unspent.
    pub offers: Vec<Offer>,
    /// Block that goes into the seed.
    pub seed_block_hash: BlockHash,
    /// Revealed nonces, in the order of the keys.
    #[serde(with = "narthex_base::hex::list")]
    pub nonces: Vec<[u8; 32]>,
    /// What those who draw have shown of the answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<ShownAnswers>,
    /// Of the verifier that was drawn, for the draw's case.
    #[serde(
        default,
        with = "narthex_base::hex::optional_message",
        skip_serializing_if = "Option::is_none"
    )]
    pub enrolment: Option<Enrolment>,
    /// Terms of the contract that is held to the draw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<TermsRecord>,
}

/// Answers that one party shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownAnswers {
    /// Who shows them.
    pub by: Role,
    /// The answers, as bytes.
    #[serde(with = "narthex_base::hex::messages")]
    pub willing: Vec<Willingness>,
}

/// What follows from such a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrawn {
    /// The draw.
    pub case: DrawCase,
    /// The offers that count.
    pub snapshot: Snapshot,
    /// Those who were drawn, first drawn first.
    pub order: Order,
    /// Who takes the seats, where answers are there.
    pub seated: Option<Seated>,
    /// Whether the file's contract was held to the draw.
    pub held_terms: bool,
}

/// Who takes the seats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seated {
    /// Identities, seat by seat.
    pub identities: Vec<XOnlyPublicKey>,
    /// Hash of draw and answers.
    pub transcript: [u8; 32],
    /// Who kept an answer back.
    pub report: Report,
}

/// Why a file is no draw, or its contract not one of the draw. But for the last four, who wrote the file is at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedrawError {
    /// The parameters are none.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// Not as many as draw.
    #[error("{found} {what} are given; in a draw for the role of {role} there are {wanted}")]
    Number {
        /// `keys` or `nonces`.
        what: &'static str,
        /// Given.
        found: usize,
        /// What is drawn.
        role: OfferRole,
        /// Wanted.
        wanted: usize,
    },
    /// A verifier is left out of a panel alone.
    #[error("`without` leaves a verifier out of a panel; here a verifier is drawn")]
    Without,
    /// What is held to the answers, without them.
    #[error("a contract is held to who was seated: the answers are missing")]
    NoAnswers,
    /// A verifier is held to its enrolment.
    #[error("the contract's verifier is held to its enrolment, which is missing")]
    NotEnrolled,
    /// No draw.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// Nothing drawn.
    #[error(transparent)]
    Draw(#[from] DrawError),
    /// Nobody seated.
    #[error(transparent)]
    Agree(#[from] AgreeError),
    /// The contract's terms are none.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// They name another panel.
    #[error(transparent)]
    Panel(#[from] TermsMismatch),
    /// They name another verifier.
    #[error(transparent)]
    Verifier(#[from] VerifierMismatch),
    /// A made-up enrolment of one key.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentFault),
}

impl DrawFile {
    /// The draw that the file is about.
    ///
    /// # Errors
    /// [`RedrawError`]: what makes it none.
    pub fn case(&self) -> Result<DrawCase, RedrawError> {
        let params = Params::new(self.params.clone())?;
        let timing = DrawTiming {
            snapshot_height: self.snapshot_height,
            delay_blocks: self.delay_blocks,
            burial_blocks: self.burial_blocks,
        };
        let (terms, bond) = (self.terms.as_slice(), self.min_bond_sat);
        let case = match (self.role, self.principals.as_slice()) {
            (OfferRole::Arbiter, [client, worker, verifier]) => {
                let all = [*client, *worker, *verifier];
                DrawCase::new(&params, all, terms, bond, timing)?
            }
            (OfferRole::Verifier, [client, worker]) => {
                DrawCase::for_verifier(&params, [*client, *worker], terms, bond, timing)?
            }
            (_, given) => return Err(self.number("keys", given.len())),
        };
        match (self.role, self.without) {
            (_, None) => Ok(case),
            (OfferRole::Arbiter, Some(verifier)) => Ok(case.without(verifier)),
            (OfferRole::Verifier, Some(_)) => Err(RedrawError::Without),
        }
    }

    /// Draws again, seats those who are willing, and holds the contract to it.
    ///
    /// # Errors
    /// [`RedrawError`]: the first thing that is not as it should be.
    pub fn redraw(&self) -> Result<Redrawn, RedrawError> {
        let case = self.case()?;
        if self.nonces.len() != self.role.drawn_by().len() {
            return Err(self.number("nonces", self.nonces.len()));
        }
        let snapshot = Snapshot::new(case.rules().clone(), self.block_hash, &self.offers);
        let seed = Seed::of(&case, &self.nonces, &self.seed_block_hash);
        let order = Order::draw(&case, &snapshot, &seed)?;
        let contract = self.contract.clone().map(TermsDraft::new).transpose()?;
        let seated = match (self.answers.is_empty(), &contract) {
            (true, None) => None,
            (true, Some(_)) => return Err(RedrawError::NoAnswers),
            (false, _) => Some(self.seat(&case, &order, contract.as_ref())?),
        };
        Ok(Redrawn {
            case,
            snapshot,
            order,
            seated,
            held_terms: contract.is_some(),
        })
    }

    fn seat(
        &self,
        case: &DrawCase,
        order: &Order,
        contract: Option<&TermsDraft>,
    ) -> Result<Seated, RedrawError> {
        let sets = self.answers.iter().map(|shown| AnswerSet {
            by: shown.by,
            answers: shown.willing.clone(),
        });
        let sets: Vec<AnswerSet> = sets.collect();
        if self.role == OfferRole::Arbiter {
            let agreed = Panel::agree(order, &sets)?;
            if let Some(terms) = contract {
                agreed.panel.check_terms(case, terms)?;
            }
            let arbiters = agreed.panel.arbiters.iter();
            return Ok(Seated {
                identities: arbiters.map(|entry| entry.identity).collect(),
                transcript: agreed.panel.transcript,
                report: agreed.report,
            });
        }
        let (drawn, report) = DrawnVerifier::agree(order, &sets)?;
        if let Some(terms) = contract {
            let enrolled = self.enrolment.as_ref().ok_or(RedrawError::NotEnrolled)?;
            drawn.check_terms(case, terms, enrolled)?;
        }
        Ok(Seated {
            identities: vec![drawn.offer.identity],
            transcript: drawn.transcript,
            report,
        })
    }

    fn number(&self, what: &'static str, found: usize) -> RedrawError {
        RedrawError::Number {
            what,
            found,
            role: self.role,
            wanted: self.role.drawn_by().len(),
        }
    }

    /// A made-up draw with answers and a contract, to start from: keys that anybody can compute, offers that no chain has.
    ///
    /// # Errors
    /// None as it stands.
    pub fn example(role: OfferRole) -> Result<DrawFile, RedrawError> {
        // Of three arbiters in drawn order one in six draws has the order of the contract.
        for attempt in 0..200 {
            let file = DrawFile::made_up(role, attempt)?;
            match file.redraw() {
                Err(RedrawError::Panel(TermsMismatch::Seat { .. })) => {}
                done => return done.map(|_| file),
            }
        }
        DrawFile::made_up(role, 0)
    }

    fn made_up(role: OfferRole, attempt: u8) -> Result<DrawFile, RedrawError> {
        let secp = Secp256k1::new();
        let fixtures = Fixtures::example(Template::Hardened, 3, 2, 800_000, [11; 32])?;
        let params = fixtures.params();
        let offered = made_up_terms(role, params);
        let bonds = match role {
            OfferRole::Arbiter => 0..3,
            OfferRole::Verifier => 3..9,
        };
        let identities: Vec<Keypair> = bonds.map(|n| fixtures.identity(n).keypair(&secp)).collect();
        let offers = (1_u8..).zip(&identities).map(|(n, identity)| Offer {
            identity: identity.x_only_public_key().0,
            outpoint: OutPoint::new(Txid::from_byte_array([n; 32]), 0),
            value_sat: Amount::from_sat(100_000 * u64::from(n)),
            expiry_height: 900_000,
            terms_hash: offered.hash(),
            confirmed_height: 799_000,
        });
        let keys = role.drawn_by().iter();
        let keys = keys.map(|role| PublicKey::from_secret_key(&secp, &fixtures.key(*role)));
        let made_up = |what: &str, n: u8| {
            tagged_hash_parts("narthex/made-up-draw", &[what.as_bytes(), &[attempt, n]])
        };
        let drawers = role.drawn_by();
        let mut file = DrawFile {
            role,
            params: params.record().clone(),
            principals: keys.collect(),
            terms: vec![offered],
            min_bond_sat: Amount::from_sat(50_000),
            snapshot_height: 799_100,
            delay_blocks: 6,
            burial_blocks: 6,
            without: None,
            block_hash: BlockHash::from_byte_array(made_up("block", 0)),
            offers: offers.collect(),
            seed_block_hash: BlockHash::from_byte_array(made_up("block", 1)),
            nonces: (0..drawers.len())
                .map(|n| made_up("nonce", n as u8))
                .collect(),
            answers: Vec::new(),
            enrolment: None,
            contract: Some(fixtures.terms()?.draft().record().clone()),
        };
        let case = file.case()?;
        let seed = Seed::of(&case, &file.nonces, &file.seed_block_hash);
        let snapshot = Snapshot::new(case.rules().clone(), file.block_hash, &file.offers);
        let order = Order::draw(&case, &snapshot, &seed)?;
        let willing = identities.iter();
        let willing: Vec<_> = willing
            .map(|identity| Willingness::sign(&secp, identity, order.id()))
            .collect();
        file.answers = (drawers.iter())
            .map(|by| ShownAnswers {
                by: *by,
                willing: willing.clone(),
            })
            .collect();
        let first = order.entries().first().map(|entry| entry.identity);
        let node = identities.iter();
        let node = node
            .copied()
            .find(|pair| Some(pair.x_only_public_key().0) == first);
        if let (OfferRole::Verifier, Some(node)) = (role, node) {
            let key = fixtures.key(Role::Verifier).keypair(&secp);
            let scope = Scope::Negotiation(*case.id());
            file.enrolment = Some(Enrolment::sign(scope, Role::Verifier, &node, &key)?);
        }
        Ok(file)
    }
}

/// Terms that keep these parameters.
fn made_up_terms(role: OfferRole, params: &Params) -> OfferTerms {
    let verifies = role == OfferRole::Verifier;
    let stake = match verifies {
        true => params.verifier_stake(),
        false => params.arbiter_stake(),
    };
    OfferTerms {
        max_blob_bytes: if verifies { 4 << 30 } else { 0 },
        max_cases: 4,
        fuel_per_second: 300_000_000,
        ..OfferTerms::undemanding(role, params.template(), stake)
    }
}
