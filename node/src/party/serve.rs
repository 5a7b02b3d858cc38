//! A client's job, served to those who take part; and what is kept of jobs, as long as somebody needs it.

use narthex::{
    bitcoin::secp256k1::PublicKey,
    channel::{
        fetch::FetchInput,
        setup::Phase,
        wire::{Chunk, Frame, Want},
    },
    contracts::terms::Role,
};

use super::{
    Action, Core, Fatal,
    contract::{Contract, short},
    fetch::{fetch_log, hex},
};

/// Milliseconds without the awaited chunk, after which it is asked for anew, of another client who offers the same if there is one.
const SILENT_MS: u64 = 20_000;

/// Milliseconds after a start until what no log speaks of is removed.
const SWEEP_MS: u64 = 600_000;

impl Core {
    /// Somebody asks for a chunk. A client serves those who are asked to take part, as long as its offer or contract stands.
    ///
    /// # Errors
    /// [`Fatal`].
    pub(super) fn asked_for(&mut self, from: PublicKey, want: &Want) -> Result<(), Fatal> {
        // Whoever was away for so long has nothing done wrong, and there is nothing to be had.
        if !self.is_archived(&want.contract)? {
            self.asked_for_open(from, want);
        }
        Ok(())
    }

    fn asked_for_open(&mut self, from: PublicKey, want: &Want) {
        let close = |core: &mut Core, why: String| {
            core.out.push_back(Action::Close { node: from, why });
        };
        let contract = self.contracts.get(&want.contract);
        let offer = contract.and_then(|contract| contract.offer.machine().offer());
        let own = contract.filter(|contract| contract.me() == Some(Role::Client));
        let is_party = offer.is_some_and(|offer| offer.role_of(&from).is_some());
        let (Some(contract), Some(offer), true) = (own, offer, is_party) else {
            // Whether there is such a contract is nobody's business.
            let why = "it asks for a job that is not offered to it by this node";
            self.fault(from, why);
            return close(self, why.into());
        };
        let is_open = matches!(contract.offer.machine().standing(), "waiting" | "joined")
            && contract.phase() != Some(Phase::Dropped);
        // What was over when the question came needs no answer.
        let Some(place) = offer.bundle.place(want.index).filter(|_| is_open) else {
            if is_open {
                let chunks = offer.bundle.chunks();
                close(
                    self,
                    format!("it asks for chunk {} of {chunks}", want.index),
                );
            }
            return;
        };
        let bundle = offer.bundle.clone();
        let now_ms = self.now.ms;
        let peer = self.peers.get_mut(&from);
        if !peer.is_some_and(|peer| peer.served.pour(place.bytes, now_ms)) {
            return close(self, "it asks for more of a job at once than it may".into());
        }
        match self.jobs.chunk(&bundle, want.index) {
            Ok((bytes, proof)) => {
                let (contract, index) = (want.contract, want.index);
                let chunk = Chunk {
                    contract,
                    index,
                    proof,
                    bytes,
                };
                let bytes = Frame::Chunk(chunk).to_bytes();
                self.out.push_back(Action::Serve { to: from, bytes });
            }
            // This computer's fault. Said once: whoever asks is not answered, and asks again.
            Err(error) => {
                let why = format!("its job is not served: {error}");
                let contract = self.contracts.get_mut(&want.contract);
                if let Some(contract) = contract.filter(|c| c.trouble.as_ref() != Some(&why)) {
                    contract.trouble = Some(why.clone());
                    self.note_of(
                        want.contract,
                        format_args!("{}: {why}", short(&want.contract)),
                    );
                }
            }
        }
    }

    /// Time passes: who is silent is asked anew, and what nobody needs is forgotten.
    pub(super) fn tick_jobs(&mut self) -> Result<(), Fatal> {
        let now_ms = self.now.ms;
        for travelling in self.travelling.values_mut() {
            let Some(asked) = &travelling.asked else {
                continue;
            };
            if asked.window.silent_ms(now_ms) >= SILENT_MS {
                travelling.silent = Some(asked.node);
                travelling.asked = None;
            }
        }
        let gone: Vec<_> = self
            .wanted()
            .filter(|id| self.standing(id) != "asked")
            .collect();
        for contract in gone {
            self.dismiss(contract)?;
        }
        let all: Vec<_> = self.travelling.keys().copied().collect();
        for id in all {
            // That something is no job is remembered as long as it is offered.
            let is_offered = self.contracts.iter().any(|(contract, known)| {
                let offer = known.offer.machine().offer();
                offer.is_some_and(|offer| offer.bundle.id() == id)
                    && !matches!(self.standing(contract), "over" | "declined" | "new")
            });
            let is_useless = self
                .travelling
                .get(&id)
                .is_some_and(|t| t.machine.machine().useless().is_some());
            let is_kept = self.is_kept(&id);
            if self.needed_by(&id).is_empty() && !is_kept && !(is_useless && is_offered) {
                self.forget_job(id)?;
            }
        }
        self.sweep_jobs();
        self.fetch_missing()
    }

    fn forget_job(&mut self, id: [u8; 32]) -> Result<(), Fatal> {
        self.must_keep = true;
        if let Err(error) = self.jobs.forget(&id) {
            self.note(format_args!("the job {}: {error}", hex(&id)));
            return Ok(());
        }
        drop(self.travelling.remove(&id));
        self.store.remove(&fetch_log(id))?;
        Ok(())
    }

    /// Removes what no log speaks of, once: of a process that was killed over it. Not at the start: where logs were put back, peers say
    /// first what this node has offered.
    fn sweep_jobs(&mut self) {
        if self.is_swept || self.now.ms.saturating_sub(self.opened_ms) < SWEEP_MS {
            return;
        }
        self.is_swept = true;
        let names: Vec<_> = self.travelling.keys().map(hex).collect();
        if let Err(error) = self
            .jobs
            .sweep(|name| names.iter().any(|known| known == name))
        {
            self.note(format_args!("the folder of jobs: {error}"));
        }
    }

    /// Whoever takes part in a contract and does not have its job, since its logs are older than what it has said, fetches it again;
    /// the client finds what it has packed.
    pub(super) fn fetch_missing(&mut self) -> Result<(), Fatal> {
        let lacks = |(id, contract): (&[u8; 32], &Contract)| {
            let takes_part = matches!(self.standing(id), "waiting" | "joined")
                && contract.phase() != Some(Phase::Dropped);
            let offer = contract.offer.machine().offer().filter(|_| takes_part)?;
            let bundle = &offer.bundle;
            let is_here = self.jobs.has(&offer.job) || self.travelling.contains_key(&bundle.id());
            let is_own = contract.me() == Some(Role::Client);
            let is_lost = is_own && !self.jobs.is_packed(bundle);
            (!is_here && !is_lost).then(|| (bundle.clone(), *id, is_own))
        };
        let missing: Vec<_> = self.contracts.iter().filter_map(lacks).collect();
        for (bundle, contract, is_own) in missing {
            let which = bundle.id();
            let input = match is_own {
                true => FetchInput::Packed { bundle },
                false => FetchInput::Wanted { bundle, contract },
            };
            if let Err(refusal) = self.fetch_step(which, &input)? {
                self.note_of(contract, format_args!("{}: {refusal}", short(&contract)));
            }
        }
        Ok(())
    }
}
