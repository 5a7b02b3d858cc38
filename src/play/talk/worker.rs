//! What the worker hands over, and opens.

use narthex_contracts::terms::Role;
use narthex_game_model::{
    commitment::{Commitment, Opening},
    ruling::Item,
};

use super::{Piece, missing};
use crate::play::{ContractPlay, PlayError, work::job_error};

use Role::{Client, Verifier, Worker};

impl ContractPlay<'_> {
    /// The worker signs its commitment for the verifier, and shows it to the client.
    pub(in crate::play) fn commit(&mut self) -> Result<(), PlayError> {
        let commitment = Box::new(self.committed()?);
        let item = Item::Commitment(commitment.clone());
        self.say(Worker, item, Verifier)?;
        self.hand(Worker, Client, &Piece::Commitment(commitment))
    }

    /// The worker hands verifier and client all boxes.
    pub(in crate::play) fn hand_boxes(&mut self) -> Result<(), PlayError> {
        let delivery = self.delivery.as_ref();
        let boxes = delivery.ok_or_else(|| missing("work"))?.work.sealed();
        let (bytes, boxes) = (boxes.len(), Piece::Boxes(boxes.to_vec()));
        for to in [Verifier, Client] {
            self.hand(Worker, to, &boxes)?;
        }
        let why = "verifier and client check them and acknowledge them, which dates them";
        let what = format!("hands over {bytes} encrypted bytes, one box a step");
        self.step(Worker, what, why)
    }

    /// What the worker has committed to last.
    pub(super) fn committed(&self) -> Result<Commitment, PlayError> {
        let delivery = self.delivery.as_ref();
        Ok(*delivery.ok_or_else(|| missing("work"))?.work.commitment())
    }

    /// The worker opens these steps, as its book allows.
    pub(in crate::play) fn open_steps(&mut self, indices: &[u64]) -> Result<Opening, PlayError> {
        let delivery = self.delivery.as_mut().ok_or_else(|| missing("work"))?;
        // A play is not taken up again: nothing of its book outlives it.
        let allowed = delivery.book.allow(indices, |_| Ok(()));
        let opening = delivery.work.open(&allowed.map_err(job_error)?);
        opening.map_err(job_error)
    }
}
