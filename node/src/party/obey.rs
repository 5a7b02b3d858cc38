//! What the operator asks for is done.

use narthex::{
    bitcoin::{
        Amount, FeeRate,
        secp256k1::{
            PublicKey,
            rand::{RngCore, rngs::OsRng},
        },
    },
    channel::{
        contract::Order,
        offer::{Decline, Invited, Offer, OfferInput, Offering},
        setup::{SetupInput, Timing},
    },
    contracts::{
        party::PartyId,
        terms::{Role, deposit},
    },
    game_model::{Params, bundle::Bundle, computation::JobSpec},
};

use super::{
    Command, CommandError, Core, Fatal, NewOffer, Reply,
    command::{Answer, NewEnding, id_of, refused},
    contract::{Contract, Took},
    offers::{is_lived, travels},
};
use crate::transport::PeerAddress;

impl Core {
    /// Does what the operator asks for. [`Command::Stop`] is the driver's to do.
    ///
    /// # Errors
    /// [`Fatal`]. A command that is refused changes nothing.
    pub fn command(&mut self, command: Command, now: super::Now) -> Result<Answer, Fatal> {
        self.now = now;
        self.must_keep |= !command.only_asks();
        let answer = self.obey(command)?;
        self.go_on()?;
        Ok(answer)
    }

    fn obey(&mut self, command: Command) -> Result<Answer, Fatal> {
        if let Err(error) = self.may_begin(&command) {
            return Ok(Err(error));
        }
        if let Some(answer) = self.asks_archive(&command)? {
            return Ok(answer);
        }
        Ok(match command {
            Command::Node => Ok(Reply::Node(self.status())),
            Command::Ready => Ok(Reply::Ready(self.readiness())),
            Command::Drain { on } => return self.drain(on),
            Command::Address => self.fresh_address().map(Reply::Address),
            Command::Offer(new) => return self.offer(&new),
            Command::Accept { id } => return self.accept_ordered(&id),
            Command::Decline { id, reason } => return self.decline(&id, &reason),
            Command::Leave { id, reason } => return self.leave(&id, &reason),
            Command::Deliver { id } => return self.order(&id, Order::Deliver),
            Command::Admit { id } => return self.order(&id, Order::Admit),
            Command::Agree { id, ending } => return self.agree(&id, &ending),
            Command::Result { id } => id_of(&id).and_then(|id| {
                let status = self.contract_status(&id);
                let status = status.ok_or_else(|| refused("unknown", "there is no such contract"));
                let result = status?.result.map(Reply::Result);
                result.ok_or_else(|| refused("none", "nothing is decrypted here"))
            }),
            Command::Bundle { id } => id_of(&id).and_then(|id| self.bundle(&id)),
            Command::Evidence { id } => id_of(&id).and_then(|id| self.evidence(&id)),
            Command::EvidenceText { id, item } => {
                id_of(&id).and_then(|id| self.evidence_text(&id, &item))
            }
            Command::Metrics => Ok(Reply::Metrics(self.figures())),
            Command::Arbiter => Ok(Reply::Arbiter(Box::new(self.arbiter_status()))),
            Command::RenewOffer => return self.renew_offer(),
            Command::Identity => Ok(Reply::Identity(Box::new(self.identity()))),
            Command::Burn { reason } => return self.burn(&reason),
            Command::Show { id } => id_of(&id).and_then(|id| self.shown(&id)),
            Command::Graph { id } => return self.graph(&id),
            Command::Archive { before, most } => return self.archive_page(before, most),
            Command::List => Ok(Reply::Contracts(self.contracts())),
            Command::Peers => Ok(Reply::Peers(self.peer_statuses())),
            Command::Clear { node } => return self.clear(&node),
            Command::Small { order } => return self.small_ordered(order),
            Command::Job { order } => return self.job_ordered(order),
            Command::Tower { order } => return self.tower_ordered(order),
            Command::Stop => Ok(Reply::Done),
        })
    }

    /// An address of its wallet that was shown to nobody before; show it after the next [`Core::turn`].
    ///
    /// # Errors
    /// [`CommandError`]: the wallet has none.
    pub fn fresh_address(&mut self) -> Result<String, CommandError> {
        self.must_keep = true;
        let wallet = &mut self.own.borrow_mut().wallet;
        let (script, network) = (wallet.fresh_script(), wallet.network());
        let address = narthex::bitcoin::Address::from_script(&script, network);
        let address = address.map_err(|error| refused("wallet", error))?;
        Ok(address.to_string())
    }

    /// The job, copied, or one that is kept; of an order that is refused nothing is left.
    fn packed_plan(&mut self, new: &NewOffer) -> Result<Offer, CommandError> {
        let bad =
            |error: &dyn std::fmt::Display| refused("bad-offer", format_args!("the job: {error}"));
        let file = match (&new.job, &new.job_id) {
            (Some(file), None) => file,
            (None, Some(id)) => {
                let (bundle, job) = self.kept_for_offer(id)?;
                return self.plan(new, bundle, job);
            }
            _ => {
                return Err(bad(
                    &"either its file is named, or the id of one that is kept",
                ));
            }
        };
        let (bundle, job) = self.pack(file).map_err(|error| bad(&error))?;
        let id = bundle.id();
        let offer = self.plan(new, bundle, job);
        if offer.is_err() {
            self.unpack(&id);
        }
        offer
    }

    /// Everything that is wrong with an order is found before anything of it is written down.
    fn plan(&self, new: &NewOffer, bundle: Bundle, job: JobSpec) -> Result<Offer, CommandError> {
        let bad = |what: &str, error: &dyn std::fmt::Display| {
            refused("bad-offer", format_args!("{what}: {error}"))
        };
        let params = Params::new((*new.params).clone());
        let params = params.map_err(|error| bad("the parameters", &error))?;
        let accepted = self.jobs.accept(&job, &params);
        accepted.map_err(|error| bad("the job", &error))?;
        let mut parties = vec![Invited {
            node: self.me,
            address: self.address.clone(),
        }];
        let others = [&new.worker, &new.verifier]
            .into_iter()
            .chain(&new.arbiters);
        for text in others {
            let address = text.parse::<PeerAddress>();
            let address = address.map_err(|error| bad(text, &error))?;
            let place = address.to_string();
            let (_, place) = place.split_once('@').unwrap_or_default();
            parties.push(Invited {
                node: address.node,
                address: place.to_owned(),
            });
        }
        let (deliver, work) = (params.deliver_height(), params.windows().work_blocks);
        let mut salt = [0; 32];
        OsRng.fill_bytes(&mut salt);
        let offer = Offer {
            chain: self.chain,
            salt,
            job,
            bundle,
            rate: FeeRate::from_sat_per_kwu(new.rate_sat_kwu),
            parties,
            timing: Timing {
                patience_s: new.patience_s,
                // The worker has its time whenever the funding comes.
                funding_deadline: deliver.saturating_sub(work.into()),
                margin: 1,
                burial: new.burial,
            },
            params,
            expires_s: self.now.unix_s.saturating_add(new.open_s),
            bond: Amount::from_sat(new.arbiter_bond_sat),
        };
        offer.check().map_err(|error| bad("the offer", &error))?;
        self.policy
            .check(&offer, self.now.unix_s)
            .map_err(|error| bad("the offer", &error))?;
        is_lived(&offer).map_err(|error| bad("the parameters", &error))?;
        travels(&offer).map_err(|error| bad("the job", &error))?;
        self.keeps(&offer)
            .map_err(|error| bad("the parameters", &error))?;
        self.has_coins(&offer, Role::Client).map_err(|error| {
            let spare = self.own.borrow().wallet.spare();
            refused("funds", error)
                .with("deposit_sat", deposit(&offer.params, Role::Client).to_sat())
                .with("spare_sat", spare.to_sat())
        })?;
        if self
            .tip
            .is_some_and(|tip| tip + 1 >= offer.timing.funding_deadline)
        {
            return Err(refused("late", "its funding would be due already"));
        }
        Ok(offer)
    }

    fn offer(&mut self, new: &NewOffer) -> Result<Answer, Fatal> {
        let offer = match self.packed_plan(new) {
            Ok(offer) => offer,
            Err(error) => return Ok(Err(error)),
        };
        let id = offer.id();
        self.packed(&offer.bundle, offer.job)?;
        let enrolment = self.enrol(id, Role::Client).ok_or(Fatal::Key)?;
        let offering = Box::new(Offering { offer, enrolment });
        if let Err(refusal) = self.begin_offer(id, Role::Client, offering)? {
            return Ok(Err(refused("bad-offer", refusal)));
        }
        let due = self.join(id)?;
        self.outcomes(due)?;
        Ok(self.shown(&id))
    }

    fn accept_ordered(&mut self, id: &str) -> Result<Answer, Fatal> {
        let id = match id_of(id) {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        let known = self.contracts.get(&id);
        let known = known.and_then(|c| Some((c.offer.machine().offer()?.clone(), c.me()?)));
        let Some((offer, me)) = known else {
            return Ok(Err(refused("unknown", "there is no such offer")));
        };
        if self.standing(&id) == "asked" {
            let has_job = self.jobs.has(&offer.job);
            let done = match has_job {
                true => self.can(&offer, me),
                false => match self.can_without_job(&offer, me) {
                    Ok(()) => self.fetch(id)?,
                    Err(why) => Err(why),
                },
            };
            match done {
                Err(why) => return Ok(Err(refused("cannot", why))),
                // Once it is here.
                Ok(()) if !has_job => return Ok(self.shown(&id)),
                Ok(()) => {}
            }
        }
        match self.accept(id)? {
            Ok(due) => {
                self.outcomes(due)?;
                Ok(self.shown(&id))
            }
            Err(why) => Ok(Err(refused("answered", why))),
        }
    }

    fn decline(&mut self, id: &str, reason: &str) -> Result<Answer, Fatal> {
        let id = match id_of(id) {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        let Some(me) = self.contracts.get(&id).and_then(Contract::me) else {
            return Ok(Err(refused("unknown", "there is no such offer")));
        };
        let (by, decline) = (PartyId::from(me), Decline::new(reason));
        match self.offer_step(id, &OfferInput::Declined { by, decline })? {
            Ok(()) => {
                // The others hear of it too.
                let due = self.join(id)?;
                self.outcomes(due)?;
                Ok(self.shown(&id))
            }
            Err(refusal) => Ok(Err(refused("answered", refusal))),
        }
    }

    fn leave(&mut self, id: &str, reason: &str) -> Result<Answer, Fatal> {
        let id = match id_of(id) {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        let reason = reason.to_owned();
        match self.seat_take(id, &SetupInput::Declined { reason })? {
            Took::Done(due) => {
                self.outcomes(due)?;
                Ok(self.shown(&id))
            }
            Took::Refused(refusal) => Ok(Err(refused("late", refusal))),
            Took::Nothing => Ok(Err(refused("unknown", "there is no such set-up"))),
        }
    }

    fn order(&mut self, id: &str, order: Order) -> Result<Answer, Fatal> {
        let id = match id_of(id) {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        Ok(match self.life_ordered(id, order)? {
            Ok(()) => self.shown(&id),
            Err(why) => Err(refused("not-now", why)),
        })
    }

    fn agree(&mut self, id: &str, ending: &NewEnding) -> Result<Answer, Fatal> {
        let of = match id_of(id) {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        match self.spent_by_ending(&of) {
            Some(spends) => self.order(id, Order::Agree(ending.proposal(spends))),
            None => Ok(Err(refused(
                "not-now",
                "it is not funded, or not ready yet",
            ))),
        }
    }

    fn clear(&mut self, node: &PublicKey) -> Result<Answer, Fatal> {
        if self.link_phase(node).is_none() {
            return Ok(Err(refused("unknown", "there is no such peer")));
        }
        let due = self.mark(*node, |peer| peer.link.clear())?;
        self.outcomes(due)?;
        Ok(Ok(Reply::Done))
    }

    fn shown(&self, id: &[u8; 32]) -> Answer {
        let status = self.contract_status(id).map(Box::new);
        let status = status.map(Reply::Contract);
        status.ok_or_else(|| refused("unknown", "there is no such contract"))
    }
}
