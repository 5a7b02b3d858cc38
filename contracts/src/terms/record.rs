//! Terms as drafted: plain data, with their checks and canonical bytes.

use bitcoin::{
    Amount, ScriptBuf,
    hashes::{Hash, sha256},
    key::XOnlyPublicKey,
    secp256k1::{PublicKey, Secp256k1},
};
use narthex_base::codec::Writer;
use narthex_base::kinds::{self};
use narthex_base::tagged::tagged_hash_parts;
use narthex_game_model::{Params, ParamsRecord, Template, params::LOCK_TIME_THRESHOLD};
use serde::{Deserialize, Serialize};

use super::{
    Contribution, ContributionError, FeeRate, FeeRules, MAX_COINS, RootCoinFound, SecretPoint,
    TermsError,
    host::{Host, check_hosted},
    token::token_key,
};
use crate::{
    funding::{is_null, is_standard, shortened},
    graph::satisfaction_weight,
    musig::KeySet,
    terms::{Role, stake_unlock_height},
};

/// Smallest change of the worker that can pay for recording its root, at a few sat/vB.
pub(crate) const MIN_ROOT_COIN: Amount = Amount::from_sat(2_000);

/// Client, worker or verifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartyRecord {
    /// Contract key.
    pub key: PublicKey,
    /// 32 bytes drawn for this contract alone ([`FreshSalt`](crate::binding::FreshSalt)), so that no two contracts, and
    /// no two attempts at one, have an output key in common: signatures of a ceremony that failed fit nothing later.
    pub salt: sha256::Hash,
    /// Where it is paid, hex of the script.
    pub payout: ScriptBuf,
    /// Its part of the funding.
    pub funding: Contribution,
}

impl PartyRecord {
    /// The same of a member of the panel, which is known by this key.
    pub(crate) fn seated(self, identity: XOnlyPublicKey) -> ArbiterRecord {
        ArbiterRecord {
            key: self.key,
            salt: self.salt,
            payout: self.payout,
            funding: self.funding,
            identity,
        }
    }

    fn view(&self) -> PartyView<'_> {
        PartyView {
            key: self.key,
            salt: self.salt,
            payout: &self.payout,
            funding: &self.funding,
        }
    }
}

/// What every party brings, arbiters too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PartyView<'a> {
    pub(super) key: PublicKey,
    pub(super) salt: sha256::Hash,
    pub(super) payout: &'a ScriptBuf,
    pub(super) funding: &'a Contribution,
}

/// A member of the panel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArbiterRecord {
    /// Contract key.
    pub key: PublicKey,
    /// 32 bytes drawn for this contract alone ([`FreshSalt`](crate::binding::FreshSalt)), so that no two contracts, and
    /// no two attempts at one, have an output key in common: signatures of a ceremony that failed fit nothing later.
    pub salt: sha256::Hash,
    /// Where it is paid, hex of the script.
    pub payout: ScriptBuf,
    /// Its stake's funding.
    pub funding: Contribution,
    /// Key that it is known by; signs its announcement and its ruling.
    pub identity: XOnlyPublicKey,
}

/// What only the `paper` template has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperRecord {
    /// Point of the worker's secret that completes the appeal.
    pub appeal: SecretPoint,
    /// Point of the panel's one shared secret, which opens either verdict.
    pub panel: PublicKey,
}

/// All terms of a contract but the arbiters' nonces, which are announced for these terms and none else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermsRecord {
    /// Canonical parameters.
    pub params: ParamsRecord,
    /// The client.
    pub client: PartyRecord,
    /// The worker.
    pub worker: PartyRecord,
    /// The verifier.
    pub verifier: PartyRecord,
    /// The panel in drawn order.
    pub arbiters: Vec<ArbiterRecord>,
    /// Identity of the job: program, input, limits (`JobSpec::id` of the game model).
    pub job: sha256::Hash,
    /// The verifier's commitment to its nonce for drawing the sample.
    pub sample_nonce: sha256::Hash,
    /// Point T of the worker's result secret.
    pub result: SecretPoint,
    /// Point X of the worker's token, to which the verifier is paid for its approval; in the hardened template only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretPoint>,
    /// Only in the `paper` template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<PaperRecord>,
    /// Fee rate of the funding transaction.
    pub funding_rate_sat_per_kwu: FeeRate,
    /// Where the contract stands if it has no funding transaction of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Host>,
}

/// Name of the proof for the result point.
pub(super) const RESULT: &str = "result";
/// Name of the proof for the token point.
pub(super) const TOKEN: &str = "token";
/// Name of the proof for the appeal point.
pub(super) const APPEAL: &str = "appeal";

impl TermsRecord {
    /// A party's key, payout script and funding.
    pub(super) fn party(&self, role: Role) -> Option<PartyView<'_>> {
        Some(match role {
            Role::Client => self.client.view(),
            Role::Worker => self.worker.view(),
            Role::Verifier => self.verifier.view(),
            Role::Arbiter(i) => {
                let a = self.arbiters.get(usize::from(i))?;
                PartyView {
                    key: a.key,
                    salt: a.salt,
                    payout: &a.payout,
                    funding: &a.funding,
                }
            }
        })
    }

    /// A party's funding.
    pub fn funding(&self, role: Role) -> Option<&Contribution> {
        self.party(role).map(|p| p.funding)
    }

    /// `hosted`: that the contract has, or will have, no funding transaction of its own.
    pub(super) fn check(&self, params: &Params, hosted: bool) -> Result<(), TermsError> {
        if self.arbiters.len() != usize::from(params.arbiters()) {
            return Err(TermsError::PanelSize {
                given: self.arbiters.len(),
                wanted: params.arbiters(),
            });
        }
        // The aggregate of everybody checks for duplicate keys, whatever the template signs with.
        let keys = Role::all(params.arbiters())
            .filter_map(|r| self.party(r).map(|p| (r, p.key)))
            .collect::<Vec<_>>();
        KeySet::new(&keys, None)?;
        self.check_secrets(params)?;
        self.check_identities()?;
        self.check_scripts(params)?;
        self.check_heights(params)?;
        self.check_funding(params, hosted)?;
        match &self.host {
            Some(host) => host.check(params),
            None => Ok(()),
        }
    }

    fn check_heights(&self, params: &Params) -> Result<(), TermsError> {
        let (height, limit) = (stake_unlock_height(params), LOCK_TIME_THRESHOLD);
        match params.template() {
            template if template.has_delivery() && height >= limit => {
                Err(TermsError::UnlockHeight { height, limit })
            }
            _ => Ok(()),
        }
    }

    fn check_secrets(&self, params: &Params) -> Result<(), TermsError> {
        let secp = narthex_base::context::verifying();
        let hash = params.hash();
        if !self.result.verify(secp, RESULT, &self.worker.key, &hash) {
            return Err(TermsError::PointProof { what: RESULT });
        }
        self.check_token(secp, params, &hash)?;
        match (params.template(), &self.paper) {
            (Template::Hardened | Template::Audited, None) => Ok(()),
            (template @ (Template::Hardened | Template::Audited), Some(_)) => {
                Err(TermsError::Template {
                    field: "paper record",
                    state: "not allowed",
                    template,
                })
            }
            (Template::Paper, None) => Err(TermsError::Template {
                field: "paper record",
                state: "missing",
                template: Template::Paper,
            }),
            (Template::Paper, Some(paper))
                if paper.appeal.verify(secp, APPEAL, &self.worker.key, &hash) =>
            {
                Ok(())
            }
            (Template::Paper, Some(_)) => Err(TermsError::PointProof { what: APPEAL }),
        }
    }

    /// The token is the worker's, proved like the result, and neither the result nor what cancels the verifier's key: with
    /// X = ±T the result's publication would pay a verifier that approved without work.
    fn check_token(
        &self,
        secp: &Secp256k1<bitcoin::secp256k1::VerifyOnly>,
        params: &Params,
        hash: &[u8; 32],
    ) -> Result<(), TermsError> {
        let (template, state) = match (params.template(), &self.token) {
            (Template::Paper, None) => return Ok(()),
            (template @ Template::Paper, Some(_)) => (template, "not allowed"),
            (template @ (Template::Hardened | Template::Audited), None) => (template, "missing"),
            (Template::Hardened | Template::Audited, Some(token)) => {
                if !token.verify(secp, TOKEN, &self.worker.key, hash) {
                    return Err(TermsError::PointProof { what: TOKEN });
                }
                let x = |point: &PublicKey| point.x_only_public_key().0;
                if x(&token.point) == x(&self.result.point) {
                    let problem = "that of the result secret";
                    return Err(TermsError::TokenPoint { problem });
                }
                return match token_key(&self.verifier.key, &token.point) {
                    Some(_) => Ok(()),
                    None => Err(TermsError::TokenPoint {
                        problem: "the negative of the verifier's key",
                    }),
                };
            }
        };
        Err(TermsError::Template {
            field: "token point",
            state,
            template,
        })
    }

    fn check_identities(&self) -> Result<(), TermsError> {
        for (second, arbiter) in (0u8..).zip(&self.arbiters) {
            let mut earlier = (0u8..).zip(&self.arbiters[..usize::from(second)]);
            if let Some((first, _)) = earlier.find(|(_, a)| a.identity == arbiter.identity) {
                return Err(TermsError::SameArbiter { first, second });
            }
        }
        Ok(())
    }

    fn check_scripts(&self, params: &Params) -> Result<(), TermsError> {
        let fund = ScriptBuf::from_bytes(params.fund().to_vec());
        if !is_standard(&fund) {
            return Err(TermsError::FundScript { script: fund });
        }
        let fits = |role, script: &ScriptBuf| {
            let (limit, allowed) = (script.minimal_non_dust(), params.dust_limit());
            if limit > allowed {
                return Err(TermsError::PayoutScript {
                    role,
                    limit,
                    allowed,
                });
            }
            Ok(())
        };
        // The parameters, and with them the fund, are the client's offer.
        fits(Role::Client, &fund)?;
        for role in Role::all(params.arbiters()) {
            let Some(PartyView { payout, .. }) = self.party(role) else {
                continue;
            };
            // A party that is paid to a data output burns what it gets; only the fund may do that.
            if !is_standard(payout) || payout.is_op_return() {
                let script = shortened(payout);
                return Err(TermsError::NonStandard { role, script });
            }
            fits(role, payout)?;
        }
        Ok(())
    }

    fn check_funding(&self, params: &Params, hosted: bool) -> Result<(), TermsError> {
        let mut seen: Vec<(Role, bitcoin::OutPoint)> = Vec::new();
        let rate = self.funding_rate_sat_per_kwu;
        if rate.check().is_err() {
            return Err(TermsError::FundingRate {
                rate: rate.to_sat_per_kwu(),
                least: FeeRate::LEAST.to_sat_per_kwu(),
                most: FeeRate::MOST.to_sat_per_kwu(),
            });
        }
        // An arbiter's own coin in the `paper` template is none of the host's outputs.
        let hosting = self.host.iter().flat_map(Host::spent);
        let hosting = hosting.collect::<Vec<_>>();
        for role in Role::all(params.arbiters()) {
            let Some(PartyView { key, funding, .. }) = self.party(role) else {
                continue;
            };
            let fail = |error| TermsError::Contribution { role, error };
            // Before anything is done with each of them: comparing a million coins takes hours.
            if funding.coins.len() > MAX_COINS {
                let given = funding.coins.len();
                return Err(fail(ContributionError::Count { given }));
            }
            for coin in &funding.coins {
                let outpoint = coin.outpoint;
                if is_null(&outpoint) {
                    return Err(fail(ContributionError::Null { outpoint }));
                }
                if let Some((first, outpoint)) = seen.iter().find(|(_, o)| *o == coin.outpoint) {
                    if *first == role {
                        return Err(fail(ContributionError::Repeated {
                            outpoint: *outpoint,
                        }));
                    }
                    return Err(TermsError::SharedCoin {
                        first: *first,
                        second: role,
                        outpoint: *outpoint,
                    });
                }
                if hosting.contains(&outpoint) {
                    let problem = "has an output that an arbiter brings as its own coin";
                    return Err(TermsError::Host { problem });
                }
                seen.push((role, coin.outpoint));
            }
            match (params.template(), role) {
                (Template::Paper, Role::Arbiter(_)) => {
                    check_stake_coin(role, key, funding, params.arbiter_stake())?;
                    continue;
                }
                // Of a type whose spending has a known weight: the child that carries the root is planned with it.
                (template, Role::Worker)
                    if template.has_delivery()
                        && funding.change.as_ref().is_none_or(|c| {
                            c.value_sat < MIN_ROOT_COIN || satisfaction_weight(&c.script).is_none()
                        }) =>
                {
                    let found = funding.change.clone().map(|mut change| {
                        change.script = shortened(&change.script);
                        change
                    });
                    return Err(TermsError::NoRootCoin {
                        least: MIN_ROOT_COIN,
                        found: RootCoinFound(found),
                    });
                }
                _ => {}
            }
            match hosted {
                true => {
                    let root_coin = role == Role::Worker && params.template().has_delivery();
                    check_hosted(role, funding, root_coin)?;
                }
                false => funding.check(deposit(params, role), rate).map_err(fail)?,
            }
        }
        Ok(())
    }

    /// Hash of everything that the graph depends on, but for the arbiters' nonces, which are derived from the contract's
    /// id, and for the place of a contract that another transaction hosts.
    pub(super) fn unplaced_id(&self, params: &Params) -> [u8; 32] {
        let mut w = Writer::new(kinds::TERMS);
        w.fixed(&params.hash())
            .u64(self.funding_rate_sat_per_kwu.to_sat_per_kwu());
        w.fixed(self.job.as_byte_array())
            .fixed(self.sample_nonce.as_byte_array());
        w.fixed(&self.result.point.serialize());
        if let Some(token) = &self.token {
            w.fixed(&token.point.serialize());
        }
        if let Some(paper) = &self.paper {
            w.fixed(&paper.appeal.point.serialize())
                .fixed(&paper.panel.serialize());
        }
        for role in Role::all(params.arbiters()) {
            let Some(PartyView {
                key,
                salt,
                payout,
                funding,
            }) = self.party(role)
            else {
                continue;
            };
            w.fixed(&key.serialize())
                .fixed(salt.as_byte_array())
                .bytes(payout.as_bytes());
            funding.write(&mut w);
        }
        for arbiter in &self.arbiters {
            w.fixed(&arbiter.identity.serialize());
        }
        tagged_hash_parts("narthex/contract", &[&w.finish()])
    }
}

/// What a party puts into the contract, fee not counted. The client also pays the retainers in, and its bond where it can challenge.
pub fn deposit(params: &Params, role: Role) -> Amount {
    match role {
        // Params checks that all deposits together fit into the money supply.
        Role::Client => params
            .retainer()
            .checked_mul(u64::from(params.arbiters()))
            .and_then(|retainers| retainers.checked_add(params.client_deposit()))
            .unwrap_or(Amount::MAX_MONEY),
        Role::Worker => params.worker_stake(),
        Role::Verifier => params.verifier_stake(),
        Role::Arbiter(_) => params.arbiter_stake(),
    }
}

/// In the `paper` template the stake is a coin of the arbiter's own, spent by the appeal.
fn check_stake_coin(
    role: Role,
    key: PublicKey,
    funding: &Contribution,
    stake: Amount,
) -> Result<(), TermsError> {
    let script = stake_coin_script(role, key)?;
    match (&funding.coins[..], &funding.change) {
        ([coin], None) if coin.value_sat == stake && coin.script == script => Ok(()),
        _ => Err(TermsError::StakeCoin { role, stake }),
    }
}

/// Script of an arbiter's stake coin in the `paper` template: its contract key alone, spent by key path.
pub fn stake_coin_script(role: Role, key: PublicKey) -> Result<ScriptBuf, TermsError> {
    Ok(KeySet::new(&[(role, key)], None)?.script())
}
