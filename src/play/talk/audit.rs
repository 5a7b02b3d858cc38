//! A client that can challenge looks for itself: what it draws, what the worker opens to it, what it brings the panel.

use bitcoin::secp256k1::rand::RngCore;
use narthex_contracts::{template::Exit, terms::Role};
use narthex_game_model::{
    commitment::{Commitment, Opening},
    computation::Computation,
    ruling::Item,
    sample,
    schedule::Schedule,
};

use super::{Piece, missing};
use crate::play::{ContractPlay, PlayError, work::job_error};

use Role::{Client, Verifier, Worker};

/// What comes of a client's own look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::play) enum Look {
    /// Nothing is wrong.
    Right,
    /// This step is another than the worker's leaf says.
    Wrong(u64),
    /// What it looks at was not opened to it: then it need not name a step.
    Unopened,
}

/// Why the worker has not opened these steps and the rest to the client, if so.
fn unopened(commitment: &Commitment, opening: &Opening, indices: &[u64]) -> Option<String> {
    let missing = indices.iter().find(|index| opening.leaf(**index).is_none());
    if let Some(index) = missing {
        return Some(format!("step {index} was not opened"));
    }
    if let Err(why) = opening.verify(commitment) {
        return Some(why.to_string());
    }
    let (opened, most) = (opening.leaves.len(), commitment.openings as usize);
    if opened != most {
        return Some(format!("{opened} steps were opened, not {most}"));
    }
    let bad = opening.bad_box(commitment);
    bad.map(|(index, _)| format!("the box of step {index} holds garbage"))
}

impl ContractPlay<'_> {
    /// The client draws what it will look at, by a nonce that nobody knows before. It draws of a root that the worker has
    /// signed: of another one, it could be left for that of the record.
    pub(in crate::play) fn draw_audit(&mut self) -> Result<(), PlayError> {
        let signed = self
            .papers(Client)?
            .said
            .first(self.terms.contract_id(), |item| match item {
                Item::Commitment(commitment) => Some(commitment.id()),
                _ => None,
            });
        let (_, root) = signed.ok_or_else(|| missing("a commitment that the worker has signed"))?;
        let mut nonce = [0; 32];
        self.rng.fill_bytes(&mut nonce);
        self.say(Client, Item::Audit { root, nonce }, Worker)?;
        self.step(
            Client,
            "draws steps that it will look at itself".into(),
            "before it hands on the settlement; a league could choose what its own sample misses",
        )
    }

    /// What the client looks at: by the first draw of its own of this root that a party has, or by the block after approval and
    /// root. With the draw's id, zeros for the block's.
    fn audited(&mut self, role: Role, root: &[u8; 32]) -> Result<([u8; 32], Vec<u64>), PlayError> {
        let said = self
            .papers(role)?
            .said
            .first(self.terms.contract_id(), |item| match item {
                Item::Audit { root: of, nonce } if of == root => Some(*nonce),
                _ => None,
            });
        let (audit, nonce, block) = match said {
            Some((id, nonce)) => (id, nonce, [0; 32]),
            None => ([0; 32], [0; 32], self.audit_block()?),
        };
        let params = self.terms.params();
        let count = params.audit().map_or(0, |audit| audit.steps);
        let seed = sample::audit_seed(root, &nonce, &block);
        let indices = sample::draw(&seed, params.steps(), count).map_err(job_error)?;
        Ok((audit, indices))
    }

    /// The worker opens to the client what it looks at itself, and the rest of what may be opened: with the key the client can open
    /// every box by these, whatever the verifier has drawn.
    pub(in crate::play) fn serve_client(&mut self) -> Result<(), PlayError> {
        let root = self.committed()?.id();
        let (audit, indices) = self.audited(Worker, &root)?;
        let book = self.delivery.as_ref().ok_or_else(|| missing("work"))?;
        let opening = self.open_steps(&book.book.filled(&indices))?;
        let item = Item::AuditOpening {
            audit,
            opening: opening.id(),
        };
        let opened = opening.leaves.len();
        let opening = Box::new(opening);
        self.papers_mut(Worker)
            .file(Piece::Opening(opening.clone()));
        self.hand(Worker, Client, &Piece::Opening(opening))?;
        self.say(Worker, item, Client)?;
        let count = indices.len();
        let by = match audit == [0; 32] {
            true => "a block",
            false => "its nonce",
        };
        self.step(
            Worker,
            format!("opens {opened} steps to the client, {count} of which {by} draws"),
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

    /// The opening that the worker signed for the client, with the draw that it names.
    fn audit_opening(&self) -> Result<([u8; 32], &Opening), PlayError> {
        let papers = self.papers(Client)?;
        let contract = self.terms.contract_id();
        let named = papers.said.first(contract, |item| match item {
            Item::AuditOpening { audit, opening } => Some((*audit, *opening)),
            _ => None,
        });
        let (_, (audit, id)) = named.ok_or_else(|| missing("what was opened"))?;
        let opening = papers.openings.iter().find(|o| o.id() == id);
        Ok((audit, opening.ok_or_else(|| missing("what was opened"))?))
    }

    /// The client runs again what it looks at, and compares.
    pub(in crate::play) fn audit(&mut self) -> Result<Look, PlayError> {
        let commitment = self.papers(Client)?.commitment;
        let commitment = commitment.ok_or_else(|| missing("a commitment"))?;
        let (own, indices) = self.audited(Client, &commitment.id())?;
        let (named, opening) = self.audit_opening()?;
        let opening = opening.clone();
        let why = match named == own {
            true => unopened(&commitment, &opening, &indices),
            false => Some("it was opened by another draw".into()),
        };
        let (look, found) = match why {
            Some(why) => (Look::Unopened, why),
            None => {
                let digests = self.recomputed(&indices)?;
                let mut pairs = indices.iter().zip(digests.digests());
                match pairs.find(|(index, own)| opening.digest(**index) != Some(**own)) {
                    None => (Look::Right, "all equal, and every box opens".into()),
                    Some((index, _)) => {
                        let found = format!("the leaf of step {index} is another one");
                        (Look::Wrong(*index), found)
                    }
                }
            }
        };
        let (count, steps) = (indices.len(), self.workshop.job.steps());
        let does = match look {
            Look::Unopened => "would audit the approval by",
            Look::Right | Look::Wrong(_) => "audits the approval: recomputes",
        };
        self.step(
            Client,
            format!("{does} {count} of {steps} steps: {found}"),
            "a verifier that is the worker approves anything",
        )?;
        Ok(look)
    }

    /// A step that was opened to the client.
    pub(in crate::play) fn opened_to_client(&self) -> Result<Option<u64>, PlayError> {
        let leaf = self.audit_opening()?.1.leaves.first();
        Ok(leaf.map(|leaf| leaf.index))
    }

    /// The client brings the panel what was sent to it, and the input of the step that it names.
    pub(super) fn client_brings(&mut self, step: Option<u64>) -> Result<(), PlayError> {
        let mut pieces: Vec<_> = self.papers(Client)?.evidence().collect();
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
        let sealed = self.papers(Verifier)?.said.sealed(&contract);
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
