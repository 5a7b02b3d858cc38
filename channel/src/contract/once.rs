//! One attestation of an arbiter, whatever becomes of its disk: what it asks the others before it attests, and what they answer.
//!
//! An arbiter that has fixed its ruling sends everybody a digest of it, and attests when enough of them say that this is the first that they
//! have of it. Each keeps the first for ever, on disk, and answers with it whatever comes later. So a process of the same arbiter that has
//! forgotten the ruling, since its disk is an older copy, and finds otherwise is told so: it attests nothing then.
//!
//! | what is known of the disk | answers, at once | answers, at the last moment |
//! |---|---|---|
//! | this process was there before the accusation, so that none before it can have ruled | ⌈(N + f + 1)/2⌉ | none |
//! | it started later, and may have an older copy | the same | k |
//! | it is an older copy: own words were given back that it had not | the same | the same |
//!
//! A disk that is known to be an older copy may lack evidence too, that came once and does not come again. So its arbiter attests only if
//! k − 1 of the other arbiters have ruled by the same evidence as it: with them it is in the majority, and else it is silent.
//!
//! N are the others, k is the panel's quorum, f = 1 of the others may have forgotten what it had, or lie. Any two sets of the first size have
//! more than f in common. Fewer do where others are silent on purpose: whoever an arbiter rules against would silence it
//! otherwise, and it would lose its own stake by that (`docs/adr/0114-answers-before-attesting.md`).

use std::collections::BTreeSet;

use narthex_base::tagged::tagged_hash_parts;
use narthex_contracts::{
    party::{PartyId, PartySet},
    terms::Role,
};

use super::{
    Book, ContractChange, ContractEffect, ContractRefusal, Parcel, RulingDigest,
    codec::litigant_byte,
};

/// f: of the others, how many may have forgotten a digest that they had, or lie about it.
const FAULTY: usize = 1;

/// Most digests of one arbiter that are kept: there are two that it can have made.
const MAX_DIGESTS: usize = 4;

/// What a party knows of the digests of rulings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Once {
    /// An arbiter's own, and the digest of the other ruling, which it never sends.
    fixed: Option<(RulingDigest, [u8; 32])>,
    /// What each of the others says that it had of this arbiter first; under its own number what was given back of its own words.
    seen: Vec<(PartyId, RulingDigest)>,
    /// Tip at which the others had been asked.
    asked: Option<u32>,
    may_attest: bool,
    is_put_back: bool,
    /// Digests of other arbiters' rulings, in the order in which they came.
    heard: Vec<RulingDigest>,
}

impl Once {
    pub(super) fn apply(&mut self, change: &ContractChange) {
        match change {
            ContractChange::RulingFixed { mine, other } => self.fixed = Some((*mine, *other)),
            ContractChange::DigestSeen { by, digest } => self.seen.push((*by, *digest)),
            ContractChange::Asked { tip } => self.asked = Some(*tip),
            ContractChange::MayAttest => self.may_attest = true,
            ContractChange::PutBack(is_put_back) => self.is_put_back = *is_put_back,
            ContractChange::DigestHeard(digest) => self.heard.push(*digest),
            _ => {}
        }
    }

    /// Digests of this arbiter's own rulings, as far as others say so or have given them back: it looks for its own among them.
    pub fn said(&self) -> impl Iterator<Item = &RulingDigest> {
        self.seen.iter().map(|(_, digest)| digest)
    }

    /// What this arbiter has fixed.
    pub fn fixed(&self) -> Option<&RulingDigest> {
        self.fixed.as_ref().map(|(mine, _)| mine)
    }

    /// What this party has of an arbiter, the first first.
    pub fn heard_of(&self, arbiter: u8) -> impl Iterator<Item = &RulingDigest> {
        let heard = self.heard.iter();
        heard.filter(move |digest| digest.arbiter == arbiter)
    }

    /// Whether attesting was decided on.
    pub const fn may_attest(&self) -> bool {
        self.may_attest
    }

    /// Whether this disk is known to be an older copy, since the accusation.
    pub const fn is_put_back(&self) -> bool {
        self.is_put_back
    }

    /// Whether somebody has the digest of the other ruling: it was fixed by a process that this one knows nothing of.
    pub fn is_contradicted(&self) -> bool {
        let mut said = self.said();
        self.fixed
            .is_some_and(|(_, other)| said.any(|digest| digest.digest == other))
    }

    /// How many of the other arbiters say that they have ruled by the same evidence. What each has said first counts.
    fn agreeing(&self) -> usize {
        let Some((mine, _)) = &self.fixed else {
            return 0;
        };
        let mut seen = BTreeSet::new();
        let others = self.heard.iter().filter(|of| of.arbiter != mine.arbiter);
        let first = others.filter(|digest| seen.insert(digest.arbiter));
        first
            .filter(|digest| digest.evidence == mine.evidence)
            .count()
    }

    /// How many of the others have this digest and no other before it.
    fn answers(&self, me: PartyId) -> usize {
        let Some((mine, _)) = &self.fixed else {
            return 0;
        };
        let seen = self.seen.iter();
        let same = seen.filter(|(by, digest)| *by != me && digest.digest == mine.digest);
        same.count()
    }
}

impl Book {
    /// What is known of the digests of rulings.
    pub const fn once(&self) -> &Once {
        &self.once
    }

    fn me(&self) -> PartyId {
        self.contract().role().into()
    }

    /// A hash of all that an arbiter rules by, and by whom it was brought: the same for every honest arbiter.
    pub fn evidence_root(&self) -> [u8; 32] {
        let mut all = Vec::new();
        for (by, hash) in self.counted() {
            all.push(litigant_byte(by));
            all.extend(hash);
        }
        tagged_hash_parts("narthex/evidence-root", &[self.contract().id(), &all])
    }

    /// Answers with which an arbiter attests at once: no two digests of it have so many of the others, even if f of them say both.
    pub fn enough_answers(&self) -> usize {
        let others = self.contract().others().iter().count();
        (others + FAULTY + 1).div_ceil(2).min(others)
    }

    /// Height from which an arbiter no longer waits for those who are silent: another round of messages, a confirmation and a reorganisation
    /// before the settlement must have confirmed. `None` where nobody is accused.
    pub fn last_moment(&self) -> Option<u32> {
        let (contract, policy) = (self.contract(), self.contract().policy());
        let settled = match contract.is_paper() {
            true => self.last_evidence()?,
            false => {
                let (_, accused) = self.facts.accusation(contract)?;
                let settled = contract.panel_schedule(accused).settled;
                settled.saturating_sub(policy.settles())
            }
        };
        Some(settled.saturating_sub(2 * u32::from(policy.message)))
    }

    /// Whether no process before the one that has seen this tip first can have ruled: it was there before the accusation, also if a
    /// reorganisation has moved that.
    fn is_first(&self, since: u32) -> bool {
        let accusation = self.facts.accusation(self.contract());
        let reorg = self.contract().policy().reorg();
        accusation.is_some_and(|(_, accused)| since.saturating_add(reorg) < accused)
    }

    /// Whether this arbiter asks, and waits for answers.
    fn is_asking(&self) -> bool {
        let once = &self.once;
        once.fixed.is_some() && !once.may_attest && !once.is_contradicted() && !self.has_attested()
    }

    /// That an arbiter attests, if it asks and has so many answers that it need not wait.
    pub(super) fn attests_by_answers(&self) -> Option<ContractChange> {
        let is_enough = self.once.answers(self.me()) >= self.enough_answers();
        let attests =
            self.is_asking() && is_enough && (!self.once.is_put_back || self.has_company());
        attests.then_some(ContractChange::MayAttest)
    }

    /// Whether so many others have ruled by what this arbiter was brought that it is in a majority with them.
    fn has_company(&self) -> bool {
        let quorum = usize::from(self.contract().terms().params().quorum());
        self.once.agreeing() + 1 >= quorum
    }

    /// What follows for an arbiter from the height of the tip.
    pub(super) fn once_seen(&self, (tip, since): (u32, u32)) -> Vec<ContractChange> {
        let once = &self.once;
        let mut changes = Vec::new();
        // As long as there is no case nobody has ruled on it, however old the disk is.
        let is_before = !self.is_accused() || self.is_first(since);
        let is_put_back = once.is_put_back && !is_before;
        if once.is_put_back && is_before {
            changes.push(ContractChange::PutBack(false));
        }
        if !self.is_accused() || !self.is_asking() {
            return changes;
        }
        let asked = once.asked.unwrap_or(tip);
        if once.asked.is_none() {
            changes.push(ContractChange::Asked { tip });
        }
        let round = 2 * u32::from(self.contract().policy().message);
        // Where no process before this one can have ruled there is no answer to wait for.
        let answered = match self.is_first(since) {
            true => asked,
            false => asked.saturating_add(round),
        };
        let last = self.last_moment().unwrap_or(0).max(answered);
        let quorum = usize::from(self.contract().terms().params().quorum());
        let needed = match () {
            () if self.is_first(since) => 0,
            () if is_put_back => self.enough_answers(),
            () => quorum.min(self.enough_answers()),
        };
        let is_enough = once.answers(self.me()) >= needed && (!is_put_back || self.has_company());
        let is_time = tip >= last && is_enough;
        changes.extend(is_time.then_some(ContractChange::MayAttest));
        changes
    }

    /// What everybody who was asked answers.
    pub(super) fn digest_answers(&self) -> Vec<ContractEffect> {
        let panel = self.contract().panel();
        let arbiters = panel.iter().filter_map(|party| match Role::from(party) {
            Role::Arbiter(arbiter) => Some(arbiter),
            _ => None,
        });
        let answers = arbiters.filter_map(|arbiter| {
            let asked = u8::try_from(self.once.heard_of(arbiter).count()).ok()?;
            let to = PartySet::EMPTY.with(Role::Arbiter(arbiter));
            let what = Parcel::DigestSeen { arbiter, asked };
            (asked > 0).then_some(ContractEffect::Send { to, what })
        });
        answers.collect()
    }

    /// An arbiter asks: this is the digest of its ruling.
    pub(super) fn digest_said(
        &self,
        from: Role,
        digest: &RulingDigest,
    ) -> Result<Vec<ContractChange>, ContractRefusal> {
        if from != Role::Arbiter(digest.arbiter) {
            return self.not_its_part(from, "digest of a ruling that is not its own");
        }
        self.digest_heard(from, digest)
    }

    fn digest_heard(
        &self,
        from: Role,
        digest: &RulingDigest,
    ) -> Result<Vec<ContractChange>, ContractRefusal> {
        let mut heard = self.once.heard_of(digest.arbiter);
        if heard.any(|known| known == digest) {
            return Ok(Vec::new());
        }
        match self.once.heard_of(digest.arbiter).count() < MAX_DIGESTS {
            true => Ok(self.and_attests(ContractChange::DigestHeard(*digest))),
            false => self.not_its_part(from, "digest of a ruling more, after so many"),
        }
    }

    /// Another party says what it had first of this arbiter.
    pub(super) fn digest_seen(
        &self,
        from: Role,
        digest: &RulingDigest,
    ) -> Result<Vec<ContractChange>, ContractRefusal> {
        if self.contract().role() != Role::Arbiter(digest.arbiter) {
            return self.not_its_part(from, "word about another arbiter's ruling");
        }
        let is_own = |(mine, other): (RulingDigest, [u8; 32])| {
            mine.digest == digest.digest || other == digest.digest
        };
        if !self.once.fixed.is_none_or(is_own) {
            return self.not_its_part(from, "digest that this arbiter has not made");
        }
        let by = PartyId::from(from);
        if self.once.seen.iter().any(|(known, _)| *known == by) {
            return Ok(Vec::new());
        }
        let digest = *digest;
        Ok(self.and_attests(ContractChange::DigestSeen { by, digest }))
    }

    /// Own words of digests, given back to a disk that has forgotten them. An arbiter's are what it has ruled; the others' are what they have
    /// of an arbiter.
    pub(super) fn digest_recalled(&self, digest: &RulingDigest) -> Vec<ContractChange> {
        let (me, by) = (self.contract().role(), self.me());
        if me != Role::Arbiter(digest.arbiter) {
            return self.digest_heard(me, digest).unwrap_or_default();
        }
        let is_fixed = self.once.fixed().is_some_and(|mine| mine == digest);
        let own = self.once.seen.iter().filter(|(known, _)| *known == by);
        let is_known = own.clone().any(|(_, known)| known == digest);
        let has_room = own.count() < MAX_DIGESTS;
        match is_fixed || is_known || !has_room {
            true => Vec::new(),
            false => vec![ContractChange::DigestSeen {
                by,
                digest: *digest,
            }],
        }
    }

    /// A change, and that this arbiter attests if it has enough answers with it.
    pub(super) fn and_attests(&self, change: ContractChange) -> Vec<ContractChange> {
        let mut after = self.clone();
        after.apply(&change);
        let attests = after.attests_by_answers();
        [change].into_iter().chain(attests).collect()
    }
}
