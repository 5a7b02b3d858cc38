//! What client and providers agree on before a slice is funded.

use bitcoin::{
    Amount, ScriptBuf, Weight,
    secp256k1::{PublicKey, SecretKey},
};
use narthex_base::codec::Writer;
use narthex_base::tagged::tagged_hash_parts;
use serde::{Deserialize, Serialize};

use super::{
    BoundShares, CLIENT, Participants, Points, Shares, SliceError, pedersen, provider, template,
};
use crate::{
    binding::{BindError, Binding, Bindings, FreshSalt},
    builder::BuilderError,
    depth::Depth,
    party::{PartyId, PartyName},
    setup::{Agreement, Party},
    shared_secret::SharedPoint,
    terms::{Contribution, FeeRate, FeeRules},
};

/// Largest terms as JSON, in bytes.
pub const MAX_SLICE_TERMS_BYTES: usize = 64 * 1024;

/// Fewest blocks for posts, and fewest for claims after them.
pub const MIN_BLOCKS: u16 = 3;

/// Smallest output that nodes relay to a P2TR script.
const P2TR_DUST: Amount = Amount::from_sat(330);

/// Weight of one more P2TR output.
const OUTPUT_WEIGHT: u64 = 4 * 43;

/// Terms of a gated slice as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SliceRecord {
    /// Client, providers, job.
    pub participants: Participants,
    /// [`Points::commitments`]: what the providers share.
    pub points: Vec<Vec<PublicKey>>,
    /// [`Points::own_points`]: each provider's own part of its secret.
    pub own_points: Vec<PublicKey>,
    /// What each provider earns, in sat.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub price_sat: Amount,
    /// Blocks after the funding in which posts are taken, unless all are in before.
    pub post_blocks: u16,
    /// d: blocks after the funding in which only the provider has its price.
    pub refund_blocks: u16,
    /// Where the client is paid back, hex of the script.
    pub client_script: ScriptBuf,
    /// Where each provider is paid.
    pub provider_scripts: Vec<ScriptBuf>,
    /// The client's coins and change.
    pub contribution: Contribution,
    /// Fee rate of the funding transaction.
    pub rate_sat_per_kwu: FeeRate,
}

/// Checked terms of a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceTerms {
    record: SliceRecord,
    points: Vec<SharedPoint>,
    id: [u8; 32],
}

impl SliceRecord {
    /// What the client's wallet has to bring: all prices, and the fee of all outputs beyond the first.
    pub fn deposit(&self) -> Option<Amount> {
        let providers = self.participants.providers.len();
        SliceRecord::deposit_of(self.price_sat, providers, self.rate_sat_per_kwu)
    }

    /// The same before there are terms.
    pub fn deposit_of(price: Amount, providers: usize, rate: FeeRate) -> Option<Amount> {
        let n = providers as u64;
        let outputs = Weight::from_wu(OUTPUT_WEIGHT.checked_mul(n.saturating_sub(1))?);
        price.checked_mul(n)?.checked_add(rate.fee(outputs)?)
    }

    /// Checks the terms. Errors name the field; the proposer is at fault.
    pub fn check(self) -> Result<SliceTerms, SliceError> {
        let bad = |field, problem: String| Err(SliceError::Terms { field, problem });
        self.participants.check()?;
        let n = self.participants.providers.len();
        for (field, given) in [
            ("points", self.points.len()),
            ("own_points", self.own_points.len()),
            ("provider_scripts", self.provider_scripts.len()),
        ] {
            if given != n {
                return bad(field, format!("{given} for {n} providers"));
            }
        }
        let points = self.shared_points()?;
        let own = std::iter::once(("client_script", &self.client_script));
        let theirs = self.provider_scripts.iter();
        let theirs = theirs.map(|script| ("provider_scripts", script));
        for (field, script) in own.chain(theirs) {
            if !script.is_p2tr() && !script.is_p2wpkh() {
                return bad(field, "is neither P2TR nor P2WPKH".into());
            }
        }
        if self.price_sat < P2TR_DUST {
            let given = self.price_sat;
            return bad("price_sat", format!("{given} is below {P2TR_DUST}"));
        }
        let claims = self.refund_blocks.checked_sub(self.post_blocks);
        if self.post_blocks < MIN_BLOCKS || claims.is_none_or(|claims| claims < MIN_BLOCKS) {
            let (posts, refund) = (self.post_blocks, self.refund_blocks);
            let problem = format!(
                "{posts} for posts and a refund after {refund}; at least {MIN_BLOCKS} for each"
            );
            return bad("refund_blocks", problem);
        }
        match self.deposit() {
            Some(deposit) if deposit <= Amount::MAX_MONEY => self
                .contribution
                .check(deposit, self.rate_sat_per_kwu)
                .map_err(BuilderError::from)?,
            _ => return bad("price_sat", "is more than there is".into()),
        }
        let id = self.id();
        Ok(SliceTerms {
            points,
            id,
            record: self,
        })
    }

    fn shared_points(&self) -> Result<Vec<SharedPoint>, SliceError> {
        let wanted = self.participants.needed();
        let point = |(of, given): (u8, &Vec<PublicKey>)| {
            let sharing = self.participants.sharing(of)?;
            let count = given.len();
            let problem = format!("{count} for provider {of}, where {wanted} are needed");
            SharedPoint::agreed(sharing, given).ok_or(SliceError::Terms {
                field: "points",
                problem,
            })
        };
        self.participants
            .indices()
            .zip(&self.points)
            .map(point)
            .collect()
    }

    fn id(&self) -> [u8; 32] {
        let mut w = Writer::default();
        w.fixed(&self.participants.id());
        for point in self.points.iter().flatten().chain(&self.own_points) {
            w.fixed(&point.serialize());
        }
        w.u64(self.price_sat.to_sat())
            .u32(self.post_blocks.into())
            .u32(self.refund_blocks.into())
            .bytes(self.client_script.as_bytes());
        for script in &self.provider_scripts {
            w.bytes(script.as_bytes());
        }
        w.u64(self.rate_sat_per_kwu.to_sat_per_kwu());
        self.contribution.write(&mut w);
        tagged_hash_parts("narthex/slice-terms", &[&w.finish()])
    }
}

impl SliceTerms {
    /// Reads terms as JSON and checks them.
    pub fn from_json(json: &[u8]) -> Result<SliceTerms, SliceError> {
        let problem = |problem: String| SliceError::Terms {
            field: "json",
            problem,
        };
        if json.len() > MAX_SLICE_TERMS_BYTES {
            return Err(problem(format!("more than {MAX_SLICE_TERMS_BYTES} bytes")));
        }
        narthex_game_model::text::parsed(json, serde_json::from_str::<SliceRecord>)
            .map_err(|e| problem(e.to_string()))?
            .check()
    }

    /// As JSON: [`SliceTerms::from_json`] reads it.
    pub fn to_json(&self) -> Vec<u8> {
        // Numbers, text and lists of them: there is nothing that JSON has not.
        serde_json::to_vec(&self.record).unwrap_or_default()
    }

    /// The terms as data.
    pub fn record(&self) -> &SliceRecord {
        &self.record
    }

    /// Client, providers, job.
    pub fn participants(&self) -> &Participants {
        &self.record.participants
    }

    /// Identity of the terms: participants, points, amounts, times, scripts and coins.
    pub fn id(&self) -> [u8; 32] {
        self.id
    }

    /// What is known of what the others share for provider `of`. A number beyond the last is its sender's fault.
    pub fn point(&self, of: u8) -> Result<&SharedPoint, SliceError> {
        let stranger = SliceError::Stranger {
            index: of,
            providers: self.participants().size(),
        };
        self.points.get(usize::from(of)).ok_or(stranger)
    }

    /// S + U of provider `of`: its claim shows the logarithm, which nobody knows before, and which opens its seal.
    pub fn claim_point(&self, of: u8) -> Result<PublicKey, SliceError> {
        let shared = self.point(of)?.point().ok_or(SliceError::Degenerate)?;
        let own = self.record.own_points.get(usize::from(of));
        let sum = shared.combine(own.ok_or(SliceError::Degenerate)?);
        sum.map_err(|_| SliceError::Degenerate)
    }

    /// C = x·G + h(root)·H.
    pub fn commitment(&self, root: &[u8; 32], x: &SecretKey) -> Result<PublicKey, SliceError> {
        pedersen::commit(self, root, x)
    }

    /// The client's side of the ceremony that signs all claims. `salt` is that of its participants, which is used up: terms are
    /// signed once, and after a ceremony that failed there is another participants.
    ///
    /// # Errors
    /// [`SliceError::Bind`] if the salt has signed before; nothing was sent then.
    pub fn client_party(
        &self,
        key: &SecretKey,
        points: &Points,
        salt: FreshSalt,
        bindings: &mut dyn Bindings,
    ) -> Result<Party<SliceTerms>, SliceError> {
        if salt.value() != self.participants().salt {
            return Err(SliceError::OtherSalt);
        }
        self.check_points(points)?;
        let bind = || salt.bind("slice salt", self.id, bindings);
        self.party(CLIENT, key, bind)
    }

    /// A provider's side. Its shares, of which its own part is fresh and in the terms, are bound to these terms; after a
    /// ceremony that failed there is another sharing. `depth` is its policy: how deep the funding must be before it
    /// releases shares and claims.
    ///
    /// # Errors
    /// [`SliceError::Impatient`] if the terms leave no time for claims behind that depth.
    /// [`SliceError::Bind`] if the part has signed before, these terms or others; nothing was sent then.
    pub fn provider_party(
        &self,
        key: &SecretKey,
        points: &Points,
        (shares, depth): (Shares, Depth),
        bindings: &mut dyn Bindings,
    ) -> Result<(Party<SliceTerms>, BoundShares), SliceError> {
        self.check_points(points)?;
        shares.check(self)?;
        self.check_depth(depth)?;
        let bind = || shares.mark().bind(self.id, bindings);
        let party = self.party(provider(shares.own()), key, bind)?;
        Ok((party, BoundShares { shares, depth }))
    }

    /// A provider that waits for its depth must still have time to claim.
    pub(super) fn check_depth(&self, depth: Depth) -> Result<(), SliceError> {
        let refund_blocks = self.record.refund_blocks;
        match depth.blocks().saturating_add(MIN_BLOCKS.into()) <= refund_blocks.into() {
            true => Ok(()),
            false => Err(SliceError::Impatient {
                refund_blocks,
                depth,
            }),
        }
    }

    /// `points` are those that this party saw shared: it signs for no others.
    fn check_points(&self, points: &Points) -> Result<(), SliceError> {
        let same = points.participants() == self.participants().id();
        let same = same && points.own_points() == self.record.own_points;
        match same && points.commitments() == self.record.points {
            true => Ok(()),
            false => Err(SliceError::OtherPoints),
        }
    }

    fn party(
        &self,
        me: PartyName,
        key: &SecretKey,
        bind: impl FnOnce() -> Result<Binding, BindError>,
    ) -> Result<Party<SliceTerms>, SliceError> {
        let graph = template::derive(self)?;
        Party::for_bound(self.clone().into(), graph, me, key, bind)
    }
}

impl Agreement for SliceTerms {
    fn id(&self) -> &[u8; 32] {
        &self.id
    }

    fn signer(&self, party: PartyId) -> Option<PublicKey> {
        self.participants().key(party)
    }

    fn everyone(&self) -> Vec<PartyName> {
        let providers = self.participants().indices().map(provider);
        std::iter::once(CLIENT).chain(providers).collect()
    }
}
