//! What is said of what a party's machine does.

use std::{cell::Cell, rc::Rc};

use narthex_channel::contract::{Audited, Done, Finding};
use narthex_contracts::{
    depth::Depth,
    graph::NodeName,
    template::{Exit, PaperExit},
    terms::Role,
};
use narthex_game_model::{
    Accusation,
    ruling::{Answer, Item},
};

use super::{cheat::SharedCheats, workshop::described};

/// The root in a transaction of its own.
pub(super) const ROOT_RECORD: NodeName = NodeName::plain("root record");

/// What is said of one party.
pub(super) struct Narrator {
    pub(super) role: Role,
    pub(super) steps: u64,
    pub(super) sample: u32,
    /// How many steps the client looks at itself.
    pub(super) audit: u32,
    /// What has put the case before the panel.
    pub(super) accusation: Rc<Cell<Accusation>>,
    pub(super) depth: Depth,
    /// Whether it is a contract of the paper's template.
    pub(super) is_paper: bool,
    /// Who cheats, and how the worker works.
    pub(super) cheats: SharedCheats,
}

type Told = (String, String);

impl Narrator {
    /// What came of a task, and why it is so.
    pub(super) fn told(&self, done: &Done, reason: &str) -> Vec<Told> {
        let cheat = self.cheats.borrow().by(self.role);
        let told = cheat.and_then(|cheat| cheat.told(done));
        let Some((what, why)) = told else {
            return self.usual(done, reason);
        };
        let mut all = match done {
            Done::Committed { .. } => self.usual(done, reason),
            _ => Vec::new(),
        };
        // It runs and commits as usual, and what it says of that is another thing.
        all.truncate(1);
        all.push((what, why.to_owned()));
        all
    }

    fn usual(&self, done: &Done, reason: &str) -> Vec<Told> {
        let (steps, count) = (self.steps, self.sample);
        let one = |what: String, why: &str| vec![(what, why.to_owned())];
        match done {
            Done::Committed { commitment, .. } => {
                let root = match &commitment.item {
                    Item::Commitment(commitment) => hex(&commitment.id()),
                    _ => String::new(),
                };
                vec![
                    (
                        format!("runs {steps} steps, commits to root {root}"),
                        self.cheats.borrow().works.to_owned(),
                    ),
                    (
                        "hands over its commitment and all boxes, one a step".to_owned(),
                        "verifier and client check them and acknowledge them, which dates them; who does not is served by the arbiters".to_owned(),
                    ),
                ]
            }
            Done::Signed(signed) => match &signed.item {
                Item::Sample { height, .. } => one(
                    format!(
                        "shows its nonce, which draws {count} steps with the hash of block {height}"
                    ),
                    &format!(
                        "the worker could not know it when it committed, and it is {} blocks deep",
                        self.depth
                    ),
                ),
                Item::Token { .. } => one(
                    format!("seals the token under the digests of {count} sampled steps"),
                    "it opens for whoever has computed them, and for nobody else",
                ),
                Item::Reply {
                    answer: Answer::Shown { .. },
                    ..
                } => one(
                    format!(
                        "recomputes {count} of {steps} steps, opens the seal with its digests and names the token"
                    ),
                    "its answer is there before any leaf, so that it can only be its own work",
                ),
                Item::Reply {
                    answer: Answer::Digests(_),
                    ..
                } => one(
                    format!(
                        "recomputes {count} of {steps} steps, finds the seal shut and answers with its digests"
                    ),
                    "whoever answers so never approves, and the worker is bound by its root",
                ),
                Item::Verdict { bad_box, .. } => one(
                    format!("compares what was opened: the box of step {bad_box} holds garbage"),
                    "an open seal says what the worker knew, not what it committed to",
                ),
                Item::Audit { .. } => one(
                    format!("draws {} steps that it will look at itself", self.audit),
                    "before it hands on the settlement; a league could choose what its own sample misses",
                ),
                Item::Blind { .. } => one(
                    format!("recomputes {count} of {steps} steps, and signs a hash of its digests"),
                    "its digests are there before any leaf, so that they can only be its own work",
                ),
                _ => Vec::new(),
            },
            Done::Opened { item, .. } if item.item.name() == "opening of the audit" => {
                let by = match item.item {
                    Item::AuditOpening { audit, .. } if audit == [0; 32] => "a block",
                    _ => "its nonce",
                };
                let (opened, drawn) = (count + self.audit, self.audit);
                one(
                    format!("opens {opened} steps to the client, {drawn} of which {by} draws"),
                    "a league's own sample would miss what is wrong, and who sees nothing has reason to challenge",
                )
            }
            Done::Opened { .. } if self.is_paper => one(
                format!("opens leaves, keys and boxes of {count} steps"),
                "the verifier has signed a hash of what it found",
            ),
            Done::Opened { .. } => one(
                format!("opens leaves, keys and boxes of {count} steps"),
                "the answer is the hash of the token; with the key the client can open every box by these",
            ),
            Done::Audited(audited) => {
                let (does, found) = match audited {
                    Audited::Right => ("audits", "all equal, and every box opens".to_owned()),
                    Audited::Wrong { step } => {
                        ("audits", format!("the leaf of step {step} is another one"))
                    }
                    Audited::Unopened => ("would audit", "it was not opened so".to_owned()),
                };
                one(
                    format!(
                        "{does} {} of {steps} steps that it has drawn: {found}",
                        self.audit
                    ),
                    "a verifier that is the worker approves anything",
                )
            }
            Done::Found(Finding::Equal) => one(
                "compares what was opened: all equal, and every box opens".to_owned(),
                "an open seal says what the worker knew, not what it committed to",
            ),
            Done::Found(Finding::Wrong) if self.role == Role::Verifier => one(
                "compares what was opened: it is not what it has computed".to_owned(),
                "an open seal says what the worker knew, not what it committed to",
            ),
            Done::Found(Finding::Wrong) if self.is_paper => one(
                "stands by what it has opened".to_owned(),
                "the verifier's share of the appeal is how it rejects, and says no more",
            ),
            Done::Found(Finding::OwnFault) if self.is_paper => one(
                "runs again what it has opened, and finds itself at fault".to_owned(),
                "an appeal would cost the whole stake",
            ),
            Done::Found(Finding::Wrong) => one(
                "opens nothing: the verifier's answer is not right by its own work".to_owned(),
                "what it opened now would be seen before there is a verdict",
            ),
            Done::Found(Finding::OwnFault) => one(
                "runs a step again, and finds itself at fault".to_owned(),
                "the verifier's digests are right, and its own leaves are not",
            ),
            Done::Approved(_) if self.is_paper && self.role == Role::Verifier => one(
                format!("hands the worker its share of {}", PaperExit::NORMAL),
                "r = 1: the sample is right",
            ),
            Done::Rejected(_) if self.role == Role::Verifier => one(
                format!("hands the worker its share of {}", PaperExit::APPEALED),
                "r = 0: its signature is its verdict",
            ),
            Done::Revealed(_) => one(
                "reveals its share of the panel's secret".to_owned(),
                "one secret stands for either verdict in this template",
            ),
            Done::Approved(_) if self.role == Role::Verifier => one(
                format!("hands the client its share of {}", Exit::NORMAL),
                "r = 1: the sample is right, and the client has all that the key opens",
            ),
            Done::Passed(_) if self.role == Role::Client => one(
                format!(
                    "hands the worker the whole adaptor signature of {}",
                    Exit::NORMAL
                ),
                "it has verified it: what completes it will show the result secret",
            ),
            Done::NotReceived { .. } => one(
                "acknowledges nothing: what came is not what it is said to be".to_owned(),
                "who hands over half of a thing has handed over nothing, and no date runs from it",
            ),
            Done::Pleaded(_) => one(
                "brings the panel what was signed, acknowledged and opened".to_owned(),
                match self.accusation.get() {
                    Accusation::Appeal => {
                        "evidence: no approval is possible any more, and a ruling that pays asks for it"
                    }
                    Accusation::Challenge => {
                        "what it said, what was opened to the client, and what was acknowledged"
                    }
                },
            ),
            Done::EndingWhole { .. } if self.role == Role::Client => one(
                "hands the worker the last share of what the three have agreed on".to_owned(),
                "it has verified the rest: what completes it will show the result secret",
            ),
            Done::Ruled(ruling) => one(
                format!("rules: {}", described(self.accusation.get(), *ruling)),
                reason,
            ),
            Done::Attested(attestation) => one(
                format!(
                    "attests: {}",
                    described(self.accusation.get(), attestation.ruling)
                ),
                "a signature with the nonce announced at setup",
            ),
            Done::Decrypted {
                result: Some(_), ..
            } => one(
                "takes the result secret out of the settlement's signature".to_owned(),
                "the published signature less the adaptor signature is the key",
            ),
            Done::Decrypted { result: None, .. } => one(
                "has the secret, and nothing that it opens".to_owned(),
                "the worker delivered nothing that its key fits",
            ),
            _ => Vec::new(),
        }
    }
}

/// Why a transaction of the contract is published.
pub(super) fn why(name: NodeName) -> &'static str {
    match name {
        Exit::NORMAL | Exit::NORMAL_LONG => {
            "takes the reward; the signature carries the result secret"
        }
        Exit::ADMITTED => "admits: a dispute would cost the whole stake",
        Exit::WORKER_TIMEOUT => "nothing was delivered by the deadline",
        Exit::DELIVERED => "delivered; the paying child records the commitment root",
        Exit::VERIFIER_TIMEOUT => "no verdict came; the result is revealed",
        Exit::ABANDONED => {
            "worker and verifier are silent together, and the client need not wait for them"
        }
        Exit::APPROVED => "the sample is right",
        Exit::WITHHELD => "the worker withholds the result secret",
        Exit::REJECTED => "the sample is wrong",
        Exit::UNAPPEALED => "the worker did not appeal",
        Exit::APPEALED => "appeals: all stakes are in the pot now",
        PaperExit::TIMEOUT_BY_CLIENT | PaperExit::TIMEOUT_BY_VERIFIER => {
            "nothing was delivered by t3"
        }
        PaperExit::SILENT_VERIFIER => "no verdict came by t1; the result is revealed",
        PaperExit::NORMAL => "takes the reward; the signature carries the secret",
        PaperExit::UNAPPEALED => "the sample was wrong and no appeal came by t2",
        PaperExit::FAILED => "the panel's secret was not revealed by t4",
        name if name.base == "Tx7" => "the panel's secret opens it",
        name if name.base == "Tx8" => "the panel's secret and its own open it",
        Exit::CHALLENGED => "challenges: its bond and all stakes are in the pot now",
        name if name.base.starts_with("S6") => {
            "the attestations of this majority open the settlement"
        }
        name if name.base.starts_with("S7") => {
            "the attestations and its own secret open the settlement"
        }
        ROOT_RECORD => "spends its root coin: nobody can keep it from recording the root",
        _ => "no majority agrees",
    }
}

fn hex(bytes: &[u8; 32]) -> String {
    bitcoin::hex::DisplayHex::to_lower_hex_string(&bytes[..])
}
