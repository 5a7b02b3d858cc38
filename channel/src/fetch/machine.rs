//! How much of a job there is.

use std::collections::BTreeSet;

use narthex_game_model::bundle::Bundle;

use crate::{Machine, Step};

/// Most bytes of the reason why something is no job.
pub(super) const MAX_REASON: usize = 500;

/// What comes to a job that travels.
#[derive(Clone, Debug)]
pub enum FetchInput {
    /// A contract is to be taken part in, once its job is here.
    Wanted {
        /// What the job travels as.
        bundle: Bundle,
        /// Which contract.
        contract: [u8; 32],
    },
    /// This node's own job: all of it is on the disk.
    Packed {
        /// What it travels as.
        bundle: Bundle,
    },
    /// So many chunks, from the first on, are on the disk to stay.
    Kept {
        /// Number of chunks.
        chunks: u32,
    },
    /// The disk does not have what it had: it is fetched anew. This computer's fault.
    Lost,
    /// What was offered is here, and is no job. The client is at fault.
    Useless {
        /// Why.
        why: String,
    },
    /// A contract does not wait for it any more.
    Dismissed {
        /// Which contract.
        contract: [u8; 32],
    },
}

/// What is written down of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchChange {
    /// What it travels as.
    Begun(Bundle),
    /// A contract waits for it.
    Wanted([u8; 32]),
    /// So many chunks are on the disk.
    Kept(u32),
    /// It is no job.
    Useless(String),
    /// A contract waits no more.
    Dismissed([u8; 32]),
}

/// What is to be done. Doing it twice does no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchEffect {
    /// Ask for what is missing: [`FetchMachine::kept`].
    Fetch,
    /// Look at what is on the disk: whether it is what was offered, and a job.
    Check,
}

/// Why an input changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchRefusal {
    /// Another bundle than the one of this log. The caller's fault: it is found by its id.
    #[error("another bundle under one id")]
    OtherBundle,
    /// It is not fetched, or not here. The caller's fault.
    #[error("the job is {state}")]
    Untimely {
        /// How it stands.
        state: &'static str,
    },
    /// Fewer chunks than before, or more than there are. The caller's fault.
    #[error("{given} chunks, of {kept} to {all}")]
    Chunks {
        /// As it is said.
        given: u32,
        /// What was kept before.
        kept: u32,
        /// All of them.
        all: u32,
    },
    /// It was fetched before, and is no job. The fault of whoever offers it.
    #[error("what it travels as was fetched, and is no job: {0}")]
    Useless(String),
}

/// A job that travels, as one node has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchMachine {
    bundle: Option<Bundle>,
    kept: u32,
    wanted_by: BTreeSet<[u8; 32]>,
    useless: Option<String>,
}

impl FetchMachine {
    /// What it travels as.
    pub const fn bundle(&self) -> Option<&Bundle> {
        self.bundle.as_ref()
    }

    /// Chunks that are on the disk to stay, from the first on.
    pub const fn kept(&self) -> u32 {
        self.kept
    }

    /// Contracts that are to be taken part in once it is here.
    pub const fn wanted_by(&self) -> &BTreeSet<[u8; 32]> {
        &self.wanted_by
    }

    /// Why it is no job, if that was seen.
    pub fn useless(&self) -> Option<&str> {
        self.useless.as_deref()
    }

    /// `new`, `fetching`, `held` or `useless`.
    pub fn standing(&self) -> &'static str {
        match &self.bundle {
            None => "new",
            Some(_) if self.useless.is_some() => "useless",
            Some(bundle) if self.kept < bundle.chunks() => "fetching",
            Some(_) => "held",
        }
    }

    /// That a bundle is the one of this log; whether it is new to it.
    fn begins(&self, bundle: &Bundle) -> Result<bool, FetchRefusal> {
        match (&self.bundle, &self.useless) {
            (Some(known), _) if known != bundle => Err(FetchRefusal::OtherBundle),
            (_, Some(why)) => Err(FetchRefusal::Useless(why.clone())),
            (known, None) => Ok(known.is_none()),
        }
    }

    fn changes(&self, input: &FetchInput) -> Result<Vec<FetchChange>, FetchRefusal> {
        let state = self.standing();
        let untimely = || FetchRefusal::Untimely { state };
        let begun =
            |bundle: &Bundle, is_new: bool| is_new.then(|| FetchChange::Begun(bundle.clone()));
        Ok(match input {
            FetchInput::Wanted { bundle, contract } => {
                let begun = begun(bundle, self.begins(bundle)?);
                let is_wanted = self.wanted_by.contains(contract);
                let wanted = (!is_wanted).then_some(FetchChange::Wanted(*contract));
                begun.into_iter().chain(wanted).collect()
            }
            FetchInput::Packed { bundle } => {
                let begun = begun(bundle, self.begins(bundle)?);
                let all = bundle.chunks();
                let kept = (self.kept < all).then_some(FetchChange::Kept(all));
                begun.into_iter().chain(kept).collect()
            }
            FetchInput::Kept { chunks } => {
                let all = self.bundle.as_ref().map_or(0, Bundle::chunks);
                let (given, kept) = (*chunks, self.kept);
                match state {
                    "fetching" | "held" if given == kept => Vec::new(),
                    "fetching" if given > kept && given <= all => vec![FetchChange::Kept(given)],
                    "fetching" => return Err(FetchRefusal::Chunks { given, kept, all }),
                    _ => return Err(untimely()),
                }
            }
            FetchInput::Lost => match state {
                "fetching" if self.kept == 0 => Vec::new(),
                "fetching" | "held" => vec![FetchChange::Kept(0)],
                _ => return Err(untimely()),
            },
            FetchInput::Useless { why } => match state {
                "held" => vec![FetchChange::Useless(cut(why))],
                "useless" => Vec::new(),
                _ => return Err(untimely()),
            },
            FetchInput::Dismissed { contract } => {
                let is_wanted = self.wanted_by.contains(contract);
                let dismissed = is_wanted.then_some(FetchChange::Dismissed(*contract));
                dismissed.into_iter().collect()
            }
        })
    }
}

fn cut(why: &str) -> String {
    let mut end = why.len().min(MAX_REASON);
    while !why.is_char_boundary(end) {
        end -= 1;
    }
    why.get(..end).unwrap_or_default().to_owned()
}

impl Machine for FetchMachine {
    type Input = FetchInput;
    type Change = FetchChange;
    type Effect = FetchEffect;
    type Error = FetchRefusal;

    fn step(&self, input: &FetchInput) -> Result<Step<FetchChange, FetchEffect>, FetchRefusal> {
        Ok(Step::of(self, self.changes(input)?))
    }

    fn apply(&mut self, change: &FetchChange) {
        match change {
            FetchChange::Begun(bundle) => self.bundle = Some(bundle.clone()),
            FetchChange::Wanted(contract) => {
                self.wanted_by.insert(*contract);
            }
            FetchChange::Kept(chunks) => self.kept = *chunks,
            FetchChange::Useless(why) => {
                self.useless = Some(why.clone());
                // Nobody takes part in what is no job.
                self.wanted_by.clear();
            }
            FetchChange::Dismissed(contract) => {
                self.wanted_by.remove(contract);
            }
        }
    }

    fn pending(&self) -> Vec<FetchEffect> {
        match self.standing() {
            "fetching" => vec![FetchEffect::Fetch],
            "held" => vec![FetchEffect::Check],
            _ => Vec::new(),
        }
    }
}
