//! What is said of what a cheat does.

use narthex_channel::contract::{Audited, Done};
use narthex_game_model::ruling::Item;

use super::cheat::Cheat;

impl Cheat {
    /// What is said of what a task came to, where it is not the usual.
    pub(crate) fn told(self, done: &Done) -> Option<(String, &'static str)> {
        let (what, why) = match (self, done) {
            (Cheat::NoBoxes, Done::Committed { .. }) => (
                "hands over its commitment, and none of its boxes",
                "ATTACK: nobody can look into what nobody has",
            ),
            (Cheat::ZeroBoxes, Done::Committed { .. }) => (
                "hands over its commitment, and as many zeros as its boxes have bytes",
                "ATTACK: somebody may acknowledge them unseen",
            ),
            (Cheat::Unsigned, Done::Committed { .. }) => (
                "signs nothing of it, and hands over nothing",
                "ATTACK: caught off chain, it goes on chain with another root, to be sampled anew",
            ),
            (Cheat::ForPanelOnly, Done::Committed { .. }) => (
                "signs this root for the panel",
                "ATTACK: the verifier has its signature under another root",
            ),
            (Cheat::NoToken, Done::Signed(_)) => (
                "seals a token, and hands it to nobody",
                "ATTACK: the verifier has nothing to answer",
            ),
            (Cheat::SealsUnderNothing, Done::Signed(_)) => (
                "seals the token under the digests of no steps",
                "ATTACK: under digests that nobody has, so that no check opens it",
            ),
            (Cheat::SealsUnderSteps, Done::Signed(_)) => (
                "seals the token under the digests of the sampled steps, and not of its leaves",
                "ATTACK: it has computed the sample since it was drawn; its leaves say something else",
            ),
            (Cheat::NoOpening, Done::Opened { .. }) => (
                "opens nothing",
                "ATTACK: the verifier has answered, and is shown nothing",
            ),
            (Cheat::HollowOpening, Done::Opened { .. }) => (
                "signs its opening, and hands over one box of it",
                "ATTACK: the name of an opening is the same with a box and with its hash",
            ),
            (Cheat::TwoSamples, Done::Signed(signed)) => match &signed.item {
                Item::Sample { height, .. } => {
                    let other = height.saturating_sub(1);
                    let what = format!(
                        "shows its nonce, which draws steps with the hash of block {height}, and again with that of block {other}"
                    );
                    return Some((
                        what,
                        "ATTACK: a worker that opens both samples gives the result away, and one that opens the other has not opened its own",
                    ));
                }
                _ => return None,
            },
            (Cheat::NoReply, Done::Signed(signed)) if signed.item.name() == "reply" => (
                "answers nothing to the token",
                "ATTACK: it has the token, and keeps that to itself",
            ),
            (Cheat::Guesses, Done::Signed(signed)) if signed.item.name() == "reply" => (
                "answers that it has the token, with a hash of nothing",
                "ATTACK: has computed nothing, and hopes to be shown the leaves",
            ),
            (Cheat::Denies, Done::Signed(signed)) if signed.item.name() == "reply" => (
                "recomputes the sample, and answers that the seal is shut",
                "ATTACK: it has opened it",
            ),
            (Cheat::Invents, Done::Signed(signed)) if signed.item.name() == "reply" => (
                "answers that the seal is shut, with digests that it made up",
                "ATTACK: has computed nothing",
            ),
            (Cheat::Mute, Done::Committed { .. }) => (
                "hands over nothing of it",
                "ATTACK: says nothing, and hears everything",
            ),
            (Cheat::KeepsAppeal, Done::Rejected(_)) => (
                "rejects, and hands its share of the appeal to nobody",
                "ATTACK: nobody can appeal without it",
            ),
            (Cheat::Spites | Cheat::TwoSamples | Cheat::KeepsAppeal, Done::Found(_)) => (
                "compares what was opened: all equal, and every box opens",
                "ATTACK: it says nothing of that, and rejects",
            ),
            (Cheat::NamesBoxOutside, Done::Signed(signed)) => match &signed.item {
                Item::Verdict { bad_box, .. } => {
                    let what = format!("says that the box of step {bad_box} is bad");
                    let why = "ATTACK: nobody sampled that step, so nobody can open it";
                    return Some((what, why));
                }
                _ => return None,
            },
            (Cheat::League, Done::Signed(signed)) if signed.item.name() == "reply" => (
                "names the token without work",
                "ATTACK: worker and verifier have one owner, which tells the one what the other seals",
            ),
            (Cheat::League, Done::Found(_)) => (
                "compares nothing of what was opened",
                "ATTACK: it knows what is wrong, and approves it",
            ),
            (Cheat::ServesNobody, Done::Committed { .. }) => (
                "hands over its commitment, and none of its boxes",
                "ATTACK: who sees nothing can name nothing",
            ),
            (Cheat::ServesNobody, Done::Opened { .. }) => (
                "opens nothing to the client",
                "ATTACK: who sees nothing can name nothing",
            ),
            (Cheat::Dodges, Done::Opened { item, .. }) => match &item.item {
                Item::AuditOpening { .. } => (
                    "opens to the client what a block draws, as if that had drawn nothing",
                    "ATTACK: it sees by the client's own draw that it is found out",
                ),
                _ => return None,
            },
            (Cheat::NamesRight, Done::Audited(Audited::Wrong { step })) => {
                let what = format!("audits the approval: all is right, and it names step {step}");
                return Some((
                    what,
                    "ATTACK: a panel may be wrong, and the result is not paid for",
                ));
            }
            (Cheat::Bluffs, Done::Audited(_)) => (
                "does not look at what was opened to it",
                "ATTACK: it challenges whatever it is, in league with the verifier that approved unasked",
            ),
            (Cheat::RulesForWorker, Done::Ruled(_)) => (
                "rules: the verifier is at fault",
                "it errs: by the table the worker is",
            ),
            _ => return None,
        };
        Some((what.to_owned(), why))
    }
}
