//! Every way in which a contract can end, as scenarios. One table; adding a scenario is adding a line.

mod audited;
mod hardened;
mod paper;
mod rulings;

use narthex_game_model::{Ratio, Template, play::Strategy};

use narthex_regtest::Chain;

use super::{ContractPlay, Ending, Outcome, PlayOptions, Settled};
use crate::harness::{HarnessOptions, Playable, Reporter, Scenario, ScenarioError};

macro_rules! scenarios {
    ($($name:literal $template:ident $summary:literal $script:path;)*) => {
        /// All scenarios, each of its template.
        pub(super) const SCENARIOS: &[Scenario<PlayOptions>] =
            &[$(Scenario::<PlayOptions>::needing(Template::$template, $name, $summary, $script)),*];
    };
}

scenarios! {
    "normal" Hardened "3: the verifier approves off chain, the worker reveals the key: two transactions" hardened::normal;
    "lost-token" Hardened "3: the verifier loses its disk after its answer, and has the token back from that: two transactions" hardened::lost_token;
    "normal-long" Hardened "3': delivered and approved on chain, then revealed" hardened::normal_long;
    "coop" Hardened "agreed: client, worker and verifier close with one ordinary transaction" hardened::coop;
    "timeout" Hardened "1: the worker never delivers" hardened::timeout;
    "timeout-long" Hardened "1': approved on chain, then the worker withholds the key" hardened::timeout_long;
    "silent-verifier" Hardened "2: delivered, the verifier says nothing" hardened::silent_verifier;
    "abandoned" Hardened "1'': delivered, then worker and verifier are silent together; the client ends it" hardened::abandoned;
    "admit" Hardened "4: the sample catches the worker, which admits: two transactions" hardened::admit;
    "admit-long" Hardened "4': delivered, rejected, not appealed" hardened::admit_long;
    "failed" Hardened "5: the panel is split, the client ends it" hardened::failed;
    "failed-long" Hardened "5: nobody on the panel rules; anybody ends it later" hardened::failed_long;
    "worker-at-fault" Hardened "6: a cheating worker appeals, the whole panel convicts it" hardened::worker_at_fault;
    "worker-at-fault-long" Hardened "6: the same with arbiters missing: the others wait for them" hardened::worker_at_fault_long;
    "verifier-at-fault" Hardened "7: an honest worker is rejected, appeals, the whole panel clears it" hardened::verifier_at_fault;
    "verifier-at-fault-long" Hardened "7: the same with arbiters missing" hardened::verifier_at_fault_long;
    "idle-worker" Hardened "attack: a worker without work claims a delivery; the verifier rejects: 4'" hardened::idle_worker;
    "outbid-root" Hardened "attack: the verifier's child pays for the delivery without its root; the worker records it alone: 3'" hardened::outbid_root;
    "redraw" Hardened "attack: a caught worker goes on chain with another root: 6, row 1" rulings::redraw;
    "two-roots" Hardened "attack: the worker signs one root for the verifier and another for the panel: 6, row 0" rulings::two_roots;
    "two-samples" Hardened "attack: the verifier draws two samples, to be shown the one that the worker did not seal for: 7, row 0" rulings::two_samples;
    "withheld-boxes" Hardened "attack: the worker hands over no boxes: 6, row 2" rulings::withheld_boxes;
    "empty-boxes" Hardened "attack: the worker hands over zeros in place of its boxes, which nobody acknowledges: 6, row 2" rulings::empty_boxes;
    "withheld-nonce" Hardened "attack: the verifier rejects without drawing a sample: 7, row 3" rulings::withheld_nonce;
    "withheld-token" Hardened "attack: the worker seals no token: 6, row 4" rulings::withheld_token;
    "withheld-reply" Hardened "attack: the verifier does not answer the token: 7, row 5" rulings::withheld_reply;
    "false-hash" Hardened "attack: the verifier guesses the hash of the token, and is shown nothing: 7, row 5" rulings::false_hash;
    "denied-seal" Hardened "attack: the verifier says that an open seal is shut: 7, row 6" rulings::denied_seal;
    "false-token" Hardened "attack: the worker seals under digests that nobody has: 6, row 7" rulings::false_token;
    "made-up-digests" Hardened "attack: the verifier answers with digests that it made up: 7, row 8" rulings::made_up_digests;
    "withheld-opening" Hardened "attack: the worker opens nothing after the right answer: 6, row 9" rulings::withheld_opening;
    "hollow-opening" Hardened "attack: the worker signs its opening and hands over one box of it: 6, row 9" rulings::hollow_opening;
    "false-seal" Hardened "attack: the worker computes the sample alone, and seals under what its leaves are not: 6, row 9a" rulings::false_seal;
    "garbage-boxes" Hardened "attack: right leaves, and boxes full of garbage: 6, row 10" rulings::garbage_boxes;
    "outside-sample" Hardened "attack: the verifier disputes a step that nobody sampled: 7, row 11" rulings::outside_sample;
    "unearned-approval" Hardened "attack: the verifier approves without looking; what it is paid is nobody's: 3'" rulings::unearned_approval;
    "withheld-settlement" Hardened "attack: the client keeps the settlement from the worker, which goes on chain: 3'" rulings::withheld_settlement;
    "normal" Audited "3: as hardened, after the client has looked for itself: two transactions" audited::normal;
    "normal-long" Audited "3': approved on chain, audited, and settled when the time to challenge is over" audited::normal_long;
    "timeout-long" Audited "1': approved on chain, not challenged, then the worker withholds the key" audited::timeout_long;
    "worker-at-fault" Audited "6: a cheating worker is rejected and appeals, as in hardened" audited::worker_at_fault;
    "verifier-at-fault" Audited "7: an honest worker is rejected and appeals, as in hardened" audited::verifier_at_fault;
    "challenge-upheld" Audited "attack: one owner of worker and verifier approves its own garbage; the client challenges: 6, row c4" audited::upheld;
    "challenge-upheld-long" Audited "attack: the same with arbiters missing: the others wait for them" audited::upheld_long;
    "challenge-unserved" Audited "attack: the league approves, and opens nothing to the client: 6, row c2" audited::unserved;
    "challenge-garbage" Audited "attack: the league seals garbage under right leaves; the client sees it in what was opened: 6, row c3" audited::garbage;
    "challenge-dodged" Audited "attack: found out by the client's draw, the league opens what a block draws instead: 6, row c3" audited::dodged;
    "challenge-dismissed" Audited "attack: the client challenges right work, and pays for it with its bond: 7, row c5" audited::dismissed;
    "challenge-bluff" Audited "attack: the verifier approves unasked and the client challenges at once; the worker has served it: 7, row c5" audited::bluff;
    "unearned-approval" Audited "attack: the verifier approves unasked; what it is paid is nobody's: 3'" audited::unearned_approval;
    "challenge-undecided" Audited "5: the panel does not rule on a challenge; the client ends it" audited::undecided;
    "normal" Paper "#3: the verifier approves, the worker reveals the key" paper::normal;
    "timeout" Paper "#1: the worker never delivers; the client ends it (Tx2)" paper::timeout;
    "timeout-verifier" Paper "#1: the same, ended by the verifier (Tx1)" paper::timeout_verifier;
    "silent-verifier" Paper "#2: the verifier says nothing (Tx3)" paper::silent_verifier;
    "admit" Paper "#4: worker at fault, no appeal (Tx5)" paper::admit;
    "failed" Paper "#5: nobody rules (Tx6)" paper::failed;
    "worker-at-fault" Paper "#6: the panel convicts the worker (Tx7)" paper::worker_at_fault;
    "verifier-at-fault" Paper "#7: the panel clears the worker (Tx8)" paper::verifier_at_fault;
    "idle-worker" Paper "attack: a worker that did nothing is paid as if the verifier had been silent" paper::idle_worker;
    "mute-verifier" Paper "attack: a verifier withholds its half of the appeal and takes #4 from an honest worker" paper::mute_verifier;
    "sideways" Paper "attack: an arbiter spends its stake before the appeal, which is then impossible" paper::sideways;
    "one-secret" Paper "attack: the worker opens #7 with the secret that was revealed for #6" paper::one_secret;
}

impl Playable for PlayOptions {
    const COMMAND: &'static str = "play";
    const SCENARIOS: &'static [Scenario<Self>] = SCENARIOS;

    type Play<'c> = ContractPlay<'c>;
    type Needs = Template;
    type Ending = Ending;
    type Figures = Settled;

    fn common(&self) -> &HarnessOptions {
        &self.common
    }

    fn among(&self) -> String {
        format!(" in the {} template", self.template)
    }

    fn has(&self, scenario: &Scenario<Self>) -> bool {
        scenario.needs == self.template
    }

    fn check(&self, _: &Scenario<Self>) -> Result<(), ScenarioError> {
        Ok(())
    }

    fn prepare<'c>(
        &self,
        _: &Scenario<Self>,
        chain: &'c mut dyn Chain,
        reporter: &'c mut dyn Reporter<Settled>,
    ) -> Result<ContractPlay<'c>, ScenarioError> {
        Ok(ContractPlay::prepare(chain, self, reporter)?)
    }

    fn end(
        play: ContractPlay<'_>,
        scenario: &Scenario<Self>,
        ending: Ending,
    ) -> Result<Outcome, ScenarioError> {
        Ok(play.finish(scenario, ending)?)
    }
}

/// A worker that falsifies a tenth of its steps: a sample of 90 misses that with less than one chance in 10,000, and more are drawn.
fn cheating() -> Strategy {
    Strategy::Falsify {
        fraction: Ratio::new(1, 10).unwrap_or(Ratio::ONE),
        seed: 1,
    }
}

/// A worker that does the work, and seals garbage for a tenth of it.
fn garbage_boxes() -> Strategy {
    Strategy::Garbage {
        fraction: Ratio::new(1, 10).unwrap_or(Ratio::ONE),
        seed: 1,
    }
}

/// What it says of that.
const SEALS_GARBAGE: &str = "does the whole work, and seals garbage for a tenth of the steps";

/// Why a worker falsifies.
const FALSIFIES: &str = "falsifies a tenth of the steps, hoping that the sample misses them";
