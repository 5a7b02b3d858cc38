//! The ledger of audits, and what it says of each recomputer.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use hex_conservative::{DisplayHex, FromHex};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::chance::Chance;
use super::policy::{Policy, PolicyError, PolicyRecord};
use crate::rational::Rational;
use crate::tagged::{Tag, TaggedHasher};

/// Most audits in a ledger.
pub const MAX_AUDITS: usize = 1 << 20;

static LEDGER: Tag = Tag::new("narthex/ledger");
static AUDIT: Tag = Tag::new("narthex/audit");

/// Whom a recomputer signs as: 32 bytes, such as an x-only public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecomputerId(pub [u8; 32]);

impl fmt::Display for RecomputerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_hex())
    }
}

impl fmt::Debug for RecomputerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecomputerId({self})")
    }
}

impl FromStr for RecomputerId {
    type Err = NoRecomputerId;

    fn from_str(text: &str) -> Result<Self, NoRecomputerId> {
        <[u8; 32]>::from_hex(text)
            .map(Self)
            .map_err(|_| NoRecomputerId)
    }
}

impl Serialize for RecomputerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RecomputerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A text is no recomputer's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a recomputer's id is 64 hex digits")]
pub struct NoRecomputerId;

/// One recomputation of what a recomputer signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// The job, by its id.
    #[serde(with = "narthex_base::hex::array")]
    pub job: [u8; 32],
    /// Whose layer was audited.
    pub recomputer: RecomputerId,
    /// Whether the layer was there and right.
    pub passed: bool,
    /// Height of the chain's tip when it was audited.
    pub height: u32,
}

/// What a ledger knows of a recomputer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// α in fixed point ([`super::ONE`] is 1): never above its exact value.
    pub alpha: u64,
    /// β in fixed point: never below its exact value.
    pub beta: u64,
    /// Passed audits, none of them faded.
    pub passed: u32,
    /// Failed audits, none of them faded.
    pub failed: u32,
}

impl Standing {
    /// Where a newcomer stands.
    pub const fn newcomer(policy: &Policy) -> Self {
        Self {
            alpha: policy.alpha(),
            beta: policy.beta(),
            passed: 0,
            failed: 0,
        }
    }

    /// This standing after one more audit; `None` if a count would not fit (2³² audits at λ = 1).
    #[must_use]
    pub fn after(self, policy: &Policy, passed: bool) -> Option<Self> {
        let (alpha, beta) = policy.count(self.alpha, self.beta, passed)?;
        Some(Self {
            alpha,
            beta,
            passed: self.passed.checked_add(passed.into())?,
            failed: self.failed.checked_add((!passed).into())?,
        })
    }

    /// ρ = α/(α+β), exactly, of the counts as they are.
    pub fn estimate(&self) -> Rational {
        self.share(0)
    }

    /// α/(α+β+c) with the policy's caution c: what a recomputer is priced by. It asks the question "and if
    /// the next c audits failed?", which changes little about a long record and much about none.
    pub fn cautious(&self, policy: &Policy) -> Rational {
        self.share(policy.caution())
    }

    /// [`Self::estimate`], rounded down.
    pub fn expected(&self) -> Chance {
        Chance::floor_of(self.alpha, self.all(0))
    }

    /// [`Self::cautious`], rounded down: what goes into a quote.
    pub fn priced(&self, policy: &Policy) -> Chance {
        Chance::floor_of(self.alpha, self.all(policy.caution()))
    }

    fn all(&self, caution: u64) -> u128 {
        u128::from(self.alpha) + u128::from(self.beta) + u128::from(caution)
    }

    fn share(&self, caution: u64) -> Rational {
        // Only a faded count can be 0, and then nothing good is known.
        match self.all(caution) {
            0 => Rational::from_integer(0.into()),
            all => Rational::new(self.alpha.into(), all.into()),
        }
    }
}

/// A ledger as data: the policy, every audit in order, and the hash of both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerRecord {
    /// How audits count.
    pub policy: PolicyRecord,
    /// All audits, in the order in which they counted.
    pub audits: Vec<Audit>,
    /// [`Ledger::head`] after the last of them.
    #[serde(with = "narthex_base::hex::array")]
    pub head: [u8; 32],
}

/// Audits of recomputers, each counted once.
///
/// ```
/// use narthex_game_model::market::{Audit, Ledger, Policy, PolicyRecord, RecomputerId};
///
/// let mut ledger = Ledger::new(Policy::new(PolicyRecord::default())?);
/// let audit = Audit { job: [7; 32], recomputer: RecomputerId([1; 32]), passed: true, height: 800_000 };
/// ledger.enter(audit)?;
/// assert!(ledger.enter(audit).is_err(), "counted once");
/// assert_eq!(Ledger::replay(&ledger.record())?, ledger);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    policy: Policy,
    standings: BTreeMap<RecomputerId, Standing>,
    seen: BTreeSet<(RecomputerId, [u8; 32])>,
    audits: Vec<Audit>,
    head: [u8; 32],
}

impl Ledger {
    /// A ledger without audits.
    pub fn new(policy: Policy) -> Self {
        Self {
            head: policy.hash_into(LEDGER.start()).finish(),
            policy,
            standings: BTreeMap::new(),
            seen: BTreeSet::new(),
            audits: Vec::new(),
        }
    }

    /// The ledger that a record says it is, every audit counted anew.
    ///
    /// # Errors
    /// [`LedgerError`]: the record's policy, an audit of it, or its head is wrong.
    pub fn replay(record: &LedgerRecord) -> Result<Self, LedgerError> {
        let mut ledger = Self::new(Policy::new(record.policy)?);
        for audit in &record.audits {
            ledger.enter(*audit)?;
        }
        match ledger.head == record.head {
            true => Ok(ledger),
            false => Err(LedgerError::Head {
                found: record.head.to_lower_hex_string(),
                expected: ledger.head.to_lower_hex_string(),
            }),
        }
    }

    /// The ledger as data.
    pub fn record(&self) -> LedgerRecord {
        LedgerRecord {
            policy: *self.policy.record(),
            audits: self.audits.clone(),
            head: self.head,
        }
    }

    /// Counts an audit; says where the recomputer stands now. A refused audit changes nothing.
    ///
    /// # Errors
    /// - [`LedgerError::CountedTwice`] if this recomputer was audited on this job before
    /// - [`LedgerError::OutOfOrder`] if the audit is older than the last one: counts fade with each
    ///   audit, so everybody who replays must count in one order
    /// - [`LedgerError::Full`] after [`MAX_AUDITS`]
    pub fn enter(&mut self, audit: Audit) -> Result<Standing, LedgerError> {
        if self.audits.len() >= MAX_AUDITS {
            return Err(LedgerError::Full);
        }
        let last = self.audits.last().map_or(0, |last| last.height);
        if audit.height < last {
            let height = audit.height;
            return Err(LedgerError::OutOfOrder { height, last });
        }
        if self.seen.contains(&(audit.recomputer, audit.job)) {
            return Err(LedgerError::CountedTwice {
                recomputer: audit.recomputer,
                job: audit.job.to_lower_hex_string(),
            });
        }
        let standing = self.standing(&audit.recomputer);
        let standing = standing.after(&self.policy, audit.passed);
        let standing = standing.ok_or(LedgerError::Full)?;
        self.seen.insert((audit.recomputer, audit.job));
        self.standings.insert(audit.recomputer, standing);
        self.head = chained(&self.head, &audit);
        self.audits.push(audit);
        Ok(standing)
    }

    /// Where a recomputer stands; one without audits stands where every newcomer does.
    pub fn standing(&self, recomputer: &RecomputerId) -> Standing {
        let known = self.standings.get(recomputer).copied();
        known.unwrap_or_else(|| Standing::newcomer(&self.policy))
    }

    /// All recomputers that were audited, by id.
    pub fn standings(&self) -> impl Iterator<Item = (&RecomputerId, &Standing)> {
        self.standings.iter()
    }

    /// How audits count.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// All audits in order.
    pub fn audits(&self) -> &[Audit] {
        &self.audits
    }

    /// Hash of the policy and of all audits so far, each bound to those before it: two ledgers with
    /// one head agree about every recomputer.
    pub const fn head(&self) -> [u8; 32] {
        self.head
    }
}

fn chained(head: &[u8; 32], audit: &Audit) -> [u8; 32] {
    let hasher: TaggedHasher = AUDIT.start().fixed(head).fixed(&audit.job);
    hasher
        .fixed(&audit.recomputer.0)
        .fixed(&[audit.passed.into()])
        .fixed(&audit.height.to_be_bytes())
        .finish()
}

/// Why an audit, or a record of them, is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The record's policy is none.
    #[error("the ledger's policy: {0}")]
    Policy(#[from] PolicyError),
    /// The recomputer was audited on this job before.
    #[error("recomputer {recomputer} was audited on job {job} before; an audit counts once")]
    CountedTwice {
        /// The recomputer.
        recomputer: RecomputerId,
        /// The job, hex.
        job: String,
    },
    /// The audit is older than the last one.
    #[error("an audit at height {height} after one at {last}; audits count in order")]
    OutOfOrder {
        /// Height of the audit.
        height: u32,
        /// Height of the last one counted.
        last: u32,
    },
    /// No further audit fits.
    #[error("the ledger is full ({MAX_AUDITS} audits); begin a new one")]
    Full,
    /// The audits are not those that the record's head names.
    #[error("the ledger's head is {found}, its audits hash to {expected}: it was changed")]
    Head {
        /// What the record says.
        found: String,
        /// What its audits come to.
        expected: String,
    },
}
