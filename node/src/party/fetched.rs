//! Jobs that are here: looked at, and then their contracts are taken part in.

use narthex::{
    channel::fetch::FetchInput, contracts::terms::Role, game_model::computation::JobSpec,
    job::Looked,
};

use super::{
    Action, Core, Fatal,
    contract::short,
    fetch::{LookedAt, Travelling, hex},
};

impl Core {
    pub(super) fn look_at(&mut self, id: [u8; 32]) {
        let Some(travelling) = self.travelling.get_mut(&id) else {
            return;
        };
        let Some(bundle) = travelling.machine.machine().bundle().cloned() else {
            return;
        };
        travelling.look = LookedAt::Looking;
        // A job that the operator keeps is the operator's word too.
        let own = self.contracts.values().any(|contract| {
            let offer = contract.offer.machine().offer();
            let is_it = offer.is_some_and(|offer| offer.bundle == bundle);
            is_it && contract.me() == Some(Role::Client)
        });
        let is_believed = own || self.is_kept(&id) || self.policy.believes_entropy;
        let look = self.jobs.look(&bundle, is_believed);
        self.out.push_back(Action::Look(look));
    }

    /// A bundle was looked at.
    pub(super) fn looked(&mut self, id: [u8; 32], looked: Looked) -> Result<(), Fatal> {
        // It may be forgotten meanwhile, or be fetched anew.
        let travelling = self.travelling.get_mut(&id);
        let is_due = |t: &&mut Travelling| t.machine.machine().standing() == "held";
        let Some(travelling) = travelling.filter(is_due) else {
            return Ok(());
        };
        match looked {
            Looked::Job(job, stage) => {
                let spec = self.jobs.looked(id, *job, stage);
                travelling.look = LookedAt::Is(spec);
                self.decided(id, &spec)
            }
            Looked::Damaged => {
                travelling.look = LookedAt::NotYet;
                travelling.written = 0;
                let step = self.fetch_step(id, &FetchInput::Lost)?;
                let why = "what this disk has of the job is not what was kept; it is fetched anew";
                self.note(format_args!("the job {}: {why}", hex(&id)));
                if let Err(refusal) = step {
                    self.note(format_args!("the job {}: {refusal}", hex(&id)));
                }
                Ok(())
            }
            Looked::Useless(error) => {
                travelling.look = LookedAt::NotYet;
                let why = format!("the client is at fault: what it offers is no job: {error}");
                self.note(format_args!("the job {}: {why}", hex(&id)));
                self.trouble(&id, &why);
                if let Err(refusal) = self.fetch_step(id, &FetchInput::Useless { why })? {
                    self.note(format_args!("the job {}: {refusal}", hex(&id)));
                }
                // That it is none is remembered, and takes no room.
                self.must_keep = true;
                if let Err(error) = self.jobs.forget(&id) {
                    self.note(format_args!("the job {}: {error}", hex(&id)));
                }
                Ok(())
            }
            Looked::Failed(error) => {
                self.fetch_failed(id, &error);
                Ok(())
            }
        }
    }

    /// The job of a bundle is here: contracts that waited for it are taken part in, if they may be, and others go on.
    pub(super) fn decided(&mut self, id: [u8; 32], job: &JobSpec) -> Result<(), Fatal> {
        for (contract, _) in self.needed_by(&id) {
            if let Some(contract) = self.contracts.get_mut(&contract) {
                // What waited for it goes on now.
                contract.again_ms = 0;
            }
            if !self.is_wanted(&contract) {
                continue;
            }
            let found = self.contracts.get(&contract);
            let found = found.and_then(|c| Some((c.offer.machine().offer()?.clone(), c.me()?)));
            let Some((offer, me)) = found else {
                continue;
            };
            let can = match offer.job == *job {
                true => self.takes_more().and_then(|()| self.can(&offer, me)),
                false => Err("the client is at fault: another job travels than is offered".into()),
            };
            let done = match can {
                Ok(()) => self.accept(contract)?,
                Err(why) => Err(why),
            };
            match done {
                Ok(due) => {
                    if let Some(contract) = self.contracts.get_mut(&contract) {
                        contract.trouble = None;
                    }
                    self.outcomes(due)?;
                }
                Err(why) => {
                    self.note_of(
                        contract,
                        format_args!("{} waits for a decision: {why}", short(&contract)),
                    );
                    if let Some(contract) = self.contracts.get_mut(&contract) {
                        contract.trouble = Some(why);
                    }
                }
            }
            self.dismiss(contract)?;
        }
        Ok(())
    }

    /// A contract waits no more.
    pub(super) fn dismiss(&mut self, contract: [u8; 32]) -> Result<(), Fatal> {
        let waits = |(id, travelling): (&[u8; 32], &Travelling)| {
            let wanted = travelling.machine.machine().wanted_by();
            wanted.contains(&contract).then_some(*id)
        };
        let bundles: Vec<_> = self.travelling.iter().filter_map(waits).collect();
        for id in bundles {
            // It refuses nothing of this kind.
            let _ = self.fetch_step(id, &FetchInput::Dismissed { contract })?;
        }
        Ok(())
    }
}
