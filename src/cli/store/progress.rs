//! A bar for each phase of long work.

use std::cell::RefCell;

use indicatif::ProgressBar;
use narthex::game_model::retrieval::{Phase, Shape};

use crate::cli::bar::bar;

/// The bar of the phase that runs, drawn on standard error if that is a terminal.
pub(super) struct Progress {
    shape: Shape,
    silent: bool,
    shown: RefCell<Option<(Phase, ProgressBar)>>,
}

impl Progress {
    pub(super) fn new(shape: Shape, silent: bool) -> Self {
        Progress {
            shape,
            silent,
            shown: RefCell::new(None),
        }
    }

    /// What long work reports to.
    pub(super) fn teller(&self) -> impl FnMut(Phase, u64) {
        |phase, done| self.tell(phase, done)
    }

    fn tell(&self, phase: Phase, done: u64) {
        if self.silent {
            return;
        }
        let mut shown = self.shown.borrow_mut();
        if shown.as_ref().is_none_or(|(running, _)| *running != phase) {
            if let Some((_, bar)) = shown.take() {
                bar.finish_and_clear();
            }
            let style = "{msg:9} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
            let bar = bar(self.total(phase), style, true);
            bar.set_message(name(phase));
            *shown = Some((phase, bar));
        }
        if let Some((_, bar)) = shown.as_ref() {
            bar.set_position(done);
        }
    }

    /// Bytes of a phase; of restoring and checking it is an upper bound.
    fn total(&self, phase: Phase) -> u64 {
        let shape = &self.shape;
        match phase {
            Phase::Copy | Phase::Extract => shape.file_bytes(),
            Phase::Survey => shape.stored_bytes(),
            Phase::Parity | Phase::Hash | Phase::Restore | Phase::Check => {
                shape.parity_chunks() * shape.chunk_bytes()
            }
        }
    }

    pub(super) fn finish(&self) {
        if let Some((_, bar)) = self.shown.borrow_mut().take() {
            bar.finish_and_clear();
        }
    }
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Copy => "copying",
        Phase::Parity => "coding",
        Phase::Hash => "hashing",
        Phase::Survey => "surveying",
        Phase::Extract => "copying",
        Phase::Restore => "restoring",
        Phase::Check => "checking",
    }
}
