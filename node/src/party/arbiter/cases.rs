//! What the status of an arbiter is made of: each of its cases.

use narthex::{
    bitcoin::{Amount, hex::DisplayHex},
    channel::{offer::Offer, setup::Phase},
    contracts::{
        graph::Purpose,
        template::{Exit, stake_output},
        terms::{Role, deposit},
    },
    game_model::Ruling,
};

use super::status::{ArbiterStatus, BoundsStatus, CaseStatus, EndStatus, JudgeStatus, MoneyStatus};
use crate::party::{Core, DateStatus, Deadline, contract::Contract, graph::about, life::Life};

/// Where the stake of a contract that lives is.
struct Stake {
    word: &'static str,
    /// What has come back of stake and retainer, or of them and the panel's pot; and the fee of an own transaction.
    back: Option<(Amount, Amount)>,
}

impl Life {
    /// Where an arbiter's stake is.
    fn stake(&self, seat: u8, tip: Option<u32>) -> Option<Stake> {
        let (book, sight) = (self.party.book(), self.party.signer().sight());
        let (terms, graph) = (book.contract().terms(), book.contract().graph());
        let (coin, held) = stake_output(terms, graph, seat)?;
        let is_over = book.ended().is_some();
        let Some(spender) = sight.spender(coin) else {
            let due = self.party.stake_due();
            let is_free = tip.zip(due).is_some_and(|(tip, due)| tip >= due);
            let word = if is_free { "free" } else { "locked" };
            // Nobody takes it but its owner, once the contract is over.
            let back = is_over.then_some((held.value, Amount::ZERO));
            return Some(Stake { word, back });
        };
        let txid = Some(spender.compute_txid());
        let mut path = book.facts().path.iter();
        if !path.any(|(node, _)| graph.txid(*node) == txid) {
            let mut outputs = spender.output.iter();
            let came = outputs.try_fold(Amount::ZERO, |sum, out| sum.checked_add(out.value))?;
            let fee = held.value.checked_sub(came)?;
            let back = Some((held.value, fee));
            return Some(Stake { word: "back", back });
        }
        // An appeal or a challenge has taken all stakes; what settles it pays them out.
        if !is_over {
            return Some(Stake {
                word: "locked",
                back: None,
            });
        }
        let (last, _) = book.facts().last()?;
        let me = Role::Arbiter(seat);
        let own = graph.node(last)?.outputs.iter();
        let mut own = own.filter(|out| matches!(out.purpose, Purpose::Payout(to) if to == me));
        let paid = own.try_fold(Amount::ZERO, |sum, out| sum.checked_add(out.value))?;
        Some(Stake {
            word: "spent",
            back: Some((paid, Amount::ZERO)),
        })
    }
}

impl Core {
    /// How it stands as an arbiter.
    pub fn arbiter_status(&self) -> ArbiterStatus {
        let cases = self.contracts.iter();
        let cases = cases.filter_map(|(id, contract)| self.case(id, contract));
        let mut cases: Vec<_> = cases.collect();
        cases.sort_by_cached_key(|case| {
            let next = case.dates.first();
            let next = next.map(|date| (date.about_s.or(date.unix_s), date.height));
            (next.is_none(), next, case.id.clone())
        });
        let archived = self.archived_counts();
        let (mut states, mut money) = (archived.states.clone(), archived.money);
        for case in &cases {
            *states.entry(case.state.clone()).or_default() += 1;
            money = money.and(case.money);
        }
        ArbiterStatus {
            node: self.me,
            address: self.address.clone(),
            tip: self.tip,
            looked_s: self.looked_s,
            judge: JudgeStatus {
                is_boxed: self.policy.judge.is_some(),
                found: self.sitting.judge_found.clone(),
            },
            bounds: BoundsStatus::of(&self.policy),
            burned: self.identity().burned,
            offering: self.offering(),
            states,
            archived: archived.states.values().sum(),
            open_cases: self.cases(None),
            money,
            cases,
        }
    }

    /// One case; `None` of what it is no arbiter in, or of what has come to nothing.
    pub(in crate::party) fn case(&self, id: &[u8; 32], contract: &Contract) -> Option<CaseStatus> {
        let machine = contract.offer.machine();
        let (offer, Role::Arbiter(seat)) = (machine.offer()?, machine.me()?) else {
            return None;
        };
        let life = contract.life.as_ref();
        let state = match (machine.standing(), contract.phase()) {
            ("asked", _) => "asked",
            ("declined" | "over", _) | (_, Some(Phase::Dropped)) => return None,
            (_, Some(Phase::Live)) => match life {
                Some(life) if life.party.signer().silent().is_some() => "silent",
                Some(life) => life.standing(),
                None => "starting",
            },
            _ => "set-up",
        };
        let (stake, retainer) = (
            deposit(&offer.params, Role::Arbiter(seat)),
            offer.params.retainer(),
        );
        let is_live = contract.phase() == Some(Phase::Live);
        let lies = life.and_then(|life| life.stake(seat, self.tip));
        let word = lies.as_ref().map(|lies| lies.word);
        let back = lies.and_then(|lies| lies.back);
        let mut money = back
            .and_then(|back| MoneyStatus::of((stake, retainer), back))
            .unwrap_or_default();
        let word = word.unwrap_or(if is_live { "locked" } else { "planned" });
        if matches!(word, "locked" | "free") {
            money.locked_sat = stake.to_sat();
        }
        let book = life.map(|life| life.party.book());
        let ended = life.and_then(|life| {
            life.party.book().ended()?;
            let last = life.path().pop()?;
            Some(EndStatus {
                by: last.name,
                height: last.height,
            })
        });
        let ruling = book
            .and_then(|book| book.ruling())
            .map(|ruling| match ruling {
                Ruling::WorkerAtFault => "worker",
                Ruling::VerifierAtFault => "verifier",
            });
        Some(CaseStatus {
            id: id.to_lower_hex_string(),
            seat,
            state: state.to_owned(),
            ruling: ruling.map(str::to_owned),
            attested: book.is_some_and(|book| {
                let mut rulings = book.attestations().iter();
                rulings.any(|attestation| attestation.arbiter == seat)
            }),
            has_bundle: life.is_some_and(|life| matches!(life.bundle, Some((_, Some(_))))),
            silent: life.and_then(|life| life.party.signer().silent().map(ToString::to_string)),
            trouble: contract.trouble.clone(),
            ended,
            stake_sat: stake.to_sat(),
            retainer_sat: retainer.to_sat(),
            stake: word.to_owned(),
            money,
            dates: self.case_dates(id, (offer, contract)),
        })
    }

    /// What is ahead in a case.
    fn case_dates(&self, id: &[u8; 32], (offer, contract): (&Offer, &Contract)) -> Vec<DateStatus> {
        let (params, unix_s) = (&offer.params, self.now.unix_s);
        let mut heights: Vec<(u32, String)> = Vec::new();
        let life = contract.life.as_ref();
        if let Some(life) = life {
            let (book, about) = (life.party.book(), life.party.book().contract());
            let accused = book.facts().accusation(about).map(|(_, accused)| accused);
            let is_over = book.ended().is_some();
            match accused {
                Some(accused) if !is_over => {
                    let schedule = about.panel_schedule(accused);
                    heights.push((schedule.evidence, "the parties' evidence is due".to_owned()));
                    heights.push((
                        schedule.settled,
                        "the ruling must be attested and settled".to_owned(),
                    ));
                }
                Some(_) => {}
                None => {
                    let is_delivered = book.facts().height(about, Exit::DELIVERED).is_some();
                    if !is_delivered && !is_over {
                        let due = params.deliver_height();
                        heights.push((due, "the worker's delivery is due".to_owned()));
                    }
                    let free = life.party.stake_free();
                    let free = free
                        .map(|free| (free, "the stake is free, if nobody is accused".to_owned()));
                    heights.extend(free);
                }
            }
        } else if contract.phase().is_some_and(|phase| phase != Phase::Live) {
            let until = offer.timing.funding_deadline;
            heights.push((until, "last height for the funding".to_owned()));
        }
        let next = self.next_move(id);
        let mut dates = Vec::new();
        if let Some(next) = next {
            match next.until {
                Some(Deadline::Height(height)) => heights.push((height, next.what.to_string())),
                Some(Deadline::Unix(seconds)) => dates.push(DateStatus {
                    what: next.what.to_string(),
                    height: None,
                    unix_s: Some(seconds),
                    about_s: None,
                    is_past: unix_s > seconds,
                }),
                None => {}
            }
        }
        heights.sort();
        heights.dedup();
        let tip = self.tip;
        dates.extend(heights.into_iter().map(|(height, what)| DateStatus {
            what,
            height: Some(height),
            unix_s: None,
            about_s: tip.and_then(|tip| about(height, tip, unix_s)),
            is_past: tip.is_some_and(|tip| tip >= height),
        }));
        dates.retain(|date| !date.is_past);
        dates
    }
}
