//! A client that can challenge looks for itself: what it draws, what the worker opens to it, what it brings the panel.

use bitcoin::secp256k1::rand::RngCore;
use narthex_contracts::{template::Exit, terms::Role};
use narthex_game_model::{
    commitment::Opening, computation::Computation, play::Verdict, ruling::Item, sample,
    schedule::Schedule,
};

use super::{Piece, missing};
use crate::play::{ContractPlay, PlayError, work::job_error};

use Role::{Client, Verifier, Worker};

impl ContractPlay<'_> {
    /// The client draws what it will look at, by a nonce that nobody knows before.
    pub(in crate::play) fn draw_audit(&mut self) -> Result<(), PlayError> {
        let commitment = self.papers(Client)?.commitment;
        let root = commitment.ok_or_else(|| missing("a commitment"))?.id();
        let mut nonce = [0; 32];
        self.rng.fill_bytes(&mut nonce);
        self.say(Client, Item::Audit { root, nonce }, Worker)?;
        self.step(
            Client,
            "draws steps that it will look at itself".into(),
            "before it hands on the settlement; a league could choose what its own sample misses",
        )
    }

    /// The worker opens to the client what it looks at itself: what the client has drawn, or what the block after approval
    /// and root draws.
    pub(in crate::play) fn serve_client(&mut self) -> Result<(), PlayError> {
        let contract = *self.terms.contract_id();
        let root = self.committed()?.id();
        let said = self.papers(Worker)?.first(&contract, |item| match item {
            Item::Audit { root, nonce } => Some((*root, *nonce)),
            _ => None,
        });
        let (audit, seed, by) = match said {
            Some((_, (other, _))) if other != root => {
                return Err(PlayError::FalseSample("drawn for another root"));
            }
            Some((id, (_, nonce))) => {
                (id, sample::audit_seed(&root, &nonce, &[0; 32]), "its nonce")
            }
            None => {
                let block = self.audit_block()?;
                let seed = sample::audit_seed(&root, &[0; 32], &block);
                ([0; 32], seed, "a block")
            }
        };
        let params = self.terms.params();
        let count = params.audit().map_or(0, |audit| audit.steps);
        let indices = sample::draw(&seed, params.steps(), count).map_err(job_error)?;
        let opening = self.open_steps(&indices)?;
        let item = Item::AuditOpening {
            audit,
            opening: opening.id(),
        };
        let opening = Box::new(opening);
        self.papers_mut(Worker)
            .file(Piece::Opening(opening.clone()));
        self.hand(Worker, Client, &Piece::Opening(opening))?;
        self.say(Worker, item, Client)?;
        self.step(
            Worker,
            format!("opens {count} steps to the client, which {by} draws"),
            "a league's own sample would miss what is wrong, and who sees nothing has reason to challenge",
        )
    }

    /// The first block after approval and root, once it is deep.
    fn audit_block(&mut self) -> Result<[u8; 32], PlayError> {
        let approved = self.confirmed_at(&Exit::APPROVED);
        let approved = approved.ok_or_else(|| missing("an approval"))?;
        let record = self.root_of_record()?;
        let record = record.ok_or_else(|| missing("a root of record"))?;
        self.deep_block(Schedule::sample_height(approved, record.height))
    }

    /// The opening that the worker signed for the client.
    fn audit_opening(&self) -> Result<&Opening, PlayError> {
        let papers = self.papers(Client)?;
        let contract = self.terms.contract_id();
        let named = papers.first(contract, |item| match item {
            Item::AuditOpening { opening, .. } => Some(*opening),
            _ => None,
        });
        let opening = named.and_then(|(_, id)| papers.openings.iter().find(|o| o.id() == id));
        opening.ok_or_else(|| missing("what was opened"))
    }

    /// The client runs the opened steps again. The first that is not what the worker's leaf says.
    pub(in crate::play) fn audit(&mut self) -> Result<Option<u64>, PlayError> {
        let commitment = self.papers(Client)?.commitment;
        let commitment = commitment.ok_or_else(|| missing("a commitment"))?;
        let opening = self.audit_opening()?.clone();
        let indices: Vec<u64> = opening.leaves.iter().map(|leaf| leaf.index).collect();
        let digests = self.recomputed(&indices)?;
        let verdict = digests.verdict(&commitment, &opening).map_err(job_error)?;
        let (bad, found) = match verdict {
            Verdict::Equal => (None, "all equal, and every box opens".to_owned()),
            Verdict::Differs { index, .. } => (
                Some(index),
                format!("the leaf of step {index} is another one"),
            ),
            Verdict::BadBox { index } => (
                Some(index),
                format!("the box of step {index} holds garbage"),
            ),
        };
        let (count, steps) = (indices.len(), self.workshop.job.steps());
        self.step(
            Client,
            format!("audits the approval: recomputes {count} of {steps} steps: {found}"),
            "a verifier that is the worker approves anything",
        )?;
        Ok(bad)
    }

    /// A step that was opened to the client.
    pub(in crate::play) fn opened_to_client(&self) -> Result<Option<u64>, PlayError> {
        let leaf = self.audit_opening()?.leaves.first();
        Ok(leaf.map(|leaf| leaf.index))
    }

    /// The client brings the panel what was sent to it, and the input of the step that it names.
    pub(super) fn client_brings(&mut self, step: Option<u64>) -> Result<(), PlayError> {
        let papers = self.papers(Client)?;
        let mut pieces: Vec<_> = papers.told().into_iter().map(Piece::Item).collect();
        let openings = papers.openings.iter().cloned().map(Box::new);
        pieces.extend(openings.map(Piece::Opening));
        if let Some(index) = step {
            pieces.push(self.input(index)?);
        }
        self.bring(Client, &pieces)?;
        let count = pieces.len();
        let named = step.map_or("no step".to_owned(), |index| format!("step {index}"));
        self.step(
            Client,
            format!("brings the panel {count} pieces of evidence, and names {named}"),
            "what it was sent, and the input of what it accuses the worker of",
        )
    }

    /// One owner of worker and verifier: the verifier is told the token, and its answer is right without work.
    pub(in crate::play) fn answer_in_league(&mut self) -> Result<(), PlayError> {
        let contract = *self.terms.contract_id();
        let token = self.token()?;
        let sealed = self.papers(Verifier)?.sealed(&contract);
        let (named, _) = sealed.ok_or_else(|| missing("a token"))?;
        let answer = self.shows_token(token)?;
        self.say(
            Verifier,
            Item::Reply {
                token: named,
                answer,
            },
            Worker,
        )?;
        self.step(
            Verifier,
            "names the token without work".into(),
            "ATTACK: worker and verifier have one owner, which tells the one what the other seals",
        )
    }
}
