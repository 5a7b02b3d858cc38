//! What `narthex game solve` says beside the solution: fees, leagues, the panel, harm, options, locked coins.

use std::io::Write;

use narthex::{
    contracts::terms::{FeeRate, FeeRules},
    game::fees::MoveWeights,
    game_model::{
        Params,
        game::{
            Economics, Inspection, PanelReport, Rational, RejectedWorker, StakesReport, TimeOuts,
            rejected_worker, rounded,
        },
    },
};
use serde_json::{Value, json};

/// All of it. For the paper's template only what does not need the hardened graph.
pub(super) struct Beside {
    fees: Option<FeeRate>,
    league: Option<Inspection>,
    panel: PanelReport,
    tables: StakesReport,
    rejected: Vec<RejectedWorker>,
    hardened: bool,
}

impl Beside {
    pub(super) fn new(params: &Params, economics: &Economics) -> anyhow::Result<Beside> {
        let hardened = params.template().has_delivery();
        let fees = match hardened {
            true => MoveWeights::of(params)?.honest_up_to(params, economics)?,
            false => None,
        };
        Ok(Beside {
            fees,
            league: (economics.league.as_ref())
                .map(|league| Inspection::new(params, economics, league)),
            panel: PanelReport::new(params, economics),
            tables: StakesReport::new(params, economics)?,
            rejected: rejected_worker(params, economics)?,
            hardened,
        })
    }

    pub(super) fn json(&self) -> Value {
        let league = self.league.as_ref().map(|l| {
            json!({
                "audit_finds": l.found.to_string(),
                "epsilon": l.cheats.to_string(),
                "audit_rate": l.audits.as_ref().map(Rational::to_string),
                "wrong_accepted": l.accepted.to_string(),
                "hidden_epsilon": l.hidden_cheats.to_string(),
                "hidden_wrong_accepted": l.hidden_accepted.to_string(),
                "wrong_accepted_without_challenge": l.accepted_without_challenge.to_string(),
                "loss_without_challenge_sat": l.loss_without_challenge.to_string(),
            })
        });
        json!({
            "honest_up_to": self.fees.map(|rate| rate.per_vb().to_string()),
            "league": league,
            "panel": self.panel,
            "rejected_worker": self.rejected,
            "griefing": self.tables.griefing,
            "options": self.tables.options,
            "locked": self.tables.locked,
        })
    }

    pub(super) fn write(&self, out: &mut impl Write) -> anyhow::Result<()> {
        if self.hardened {
            match self.fees {
                Some(rate) => writeln!(out, "all of this holds up to fees of {}", rate.per_vb())?,
                None => writeln!(out, "the conditions hold at no fee rate that nodes relay")?,
            }
        }
        self.write_rejected(out)?;
        self.write_league(out)?;
        self.write_panel(out)?;
        self.write_tables(out)
    }

    fn write_rejected(&self, out: &mut impl Write) -> anyhow::Result<()> {
        if self.rejected.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "a worker that is rejected off chain, if S1 pays nobody (as contracts have it) or a verifier that has signed a rejection:"
        )?;
        for rule in &self.rejected {
            let name = match rule.time_outs {
                TimeOuts::PayNobody => "pays nobody",
                TimeOuts::PayRejection => "pays a rejection",
            };
            let honest = match (rule.honest_play_pays, rule.unmet.first()) {
                (true, None) => {
                    "honest play is the only equilibrium, by the conditions too".to_owned()
                }
                (true, Some(unmet)) => {
                    format!("honest play is the only equilibrium, though \"{unmet}\" fails")
                }
                (false, Some(unmet)) => {
                    format!("honest play is not the only equilibrium; \"{unmet}\" fails")
                }
                (false, None) => "honest play is not the only equilibrium".to_owned(),
            };
            writeln!(
                out,
                "  {name:16} {honest}\n{:19}it loses {} sat; a verifier has {} sat of an idle worker, and {} sat more than by honest play\n{:19}if it \
                 keeps one from delivering",
                "",
                rounded(&rule.worker_loses_sat, 0),
                rounded(&rule.idle_pays_sat, 0),
                rounded(&rule.hindering_pays_sat, 0),
                ""
            )?;
        }
        Ok(())
    }

    fn write_league(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let Some(l) = &self.league else {
            return Ok(());
        };
        let percent = |share: &Rational| {
            let hundred = narthex::game_model::game::exact(100);
            rounded(&(share * hundred), 3)
        };
        writeln!(
            out,
            "one owner of worker and verifier (outside the tree): nothing in this contract stops it; it has {} % of contracts,\n\
             an expected loss to the client of {} sat each",
            percent(&l.accepted_without_challenge),
            rounded(&l.loss_without_challenge, 0)
        )?;
        match &l.audits {
            Some(rate) => writeln!(
                out,
                "  with a challenge by the client: it cheats with ε = {} % and the client audits {} % (no pure equilibrium):\n  \
                 wrong results accepted {} %; challenges that the client is bound to deter it above {} %\n  \
                 a league that the client cannot tell from strangers cheats with {} %: wrong results accepted {} %",
                percent(&l.cheats),
                percent(rate),
                percent(&l.accepted),
                percent(rate),
                percent(&l.hidden_cheats),
                percent(&l.hidden_accepted)
            )?,
            None => writeln!(
                out,
                "  with a challenge by the client: no rate of audits deters it"
            )?,
        }
        Ok(())
    }

    fn write_panel(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let p = &self.panel;
        let sat = |value: &Rational| rounded(value, 0);
        writeln!(
            out,
            "panel {} of {}, pot {} sat: promises of n(a + pot/k) = {} sat, none of it spent if they work, buy a ruling worth\n\
             {} sat to a guilty worker, {} sat to a verifier that rejects right work; {} arbiters in league lose {} sat by it",
            p.quorum,
            p.arbiters,
            sat(&p.pot_sat),
            sat(&p.budget_sat),
            sat(&p.buys_worker_sat),
            sat(&p.buys_verifier_sat),
            p.quorum,
            sat(&p.cartel_costs_sat)
        )?;
        writeln!(
            out,
            "  rulings are bits: checking pays from {} of guilty appeals on, planted ones included, and, whatever the others\n  \
             do, only where a wrong ruling is overruled with more than {}",
            rounded(&p.least_planted, 4),
            rounded(&p.least_overruled, 4)
        )?;
        self.write_dominance(out)?;
        if p.can_hang {
            writeln!(
                out,
                "  this panel can hang (2k > n + 1): all rule, none have a majority, nobody is slashed, and an honest worker\n  \
                 loses {} sat, an honest verifier {}",
                sat(&p.hung_worker_loses_sat),
                sat(&p.hung_verifier_loses_sat)
            )?;
        }
        Ok(())
    }

    fn write_dominance(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let d = &self.panel.dominance;
        let Some(least) = &d.least_expected_fine_sat else {
            return Ok(writeln!(
                out,
                "  with {} of the appeals guilty no audit makes checking dominant: an arbiter may as well not look",
                d.planted
            )?);
        };
        write!(
            out,
            "  with {} of the appeals guilty checking is dominant, whatever the others do, where a wrong ruling costs more than\n  \
             a + pot/(k+1) + g/min(τ, 1−τ) = {} sat on average in audits",
            d.planted,
            rounded(least, 0)
        )?;
        if let (Some(rate), Some(fine)) = (&d.least_audit_rate, d.fine) {
            write!(
                out,
                ": audited above {} with a fine of {} sat{}",
                rounded(rate, 4),
                fine.to_sat(),
                if *rate > narthex::game_model::game::exact(1) {
                    ", which no rate is"
                } else {
                    ""
                }
            )?;
        }
        match (&d.least_overruled, &d.least_beside_appeals_sat) {
            (Some(rate), Some(fine)) => writeln!(
                out,
                ";\n  or more than {} sat where a wrong majority is overruled with more than {}",
                rounded(fine, 0),
                rounded(rate, 4)
            )?,
            _ => writeln!(out)?,
        }
        Ok(())
    }

    fn write_tables(&self, out: &mut impl Write) -> anyhow::Result<()> {
        if self.tables.griefing.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "harm, against honest play of all (sat; ratio: the attacker's loss by that of the others):\n  \
             {:9} {:48} {:>10} {:>10} {:>8} {:>7}",
            "by", "step", "it loses", "others", "ratio", "blocks"
        )?;
        for g in &self.tables.griefing {
            let ratio = g.ratio.as_ref().map_or("–".to_owned(), |r| rounded(r, 2));
            writeln!(
                out,
                "  {:9} {:48} {:>10} {:>10} {:>8} {:>7}",
                g.by,
                g.step,
                rounded(&g.attacker_loses_sat, 0),
                rounded(&g.victims_lose_sat, 0),
                ratio,
                g.blocks
            )?;
        }
        writeln!(out, "free options:")?;
        for o in &self.tables.options {
            let price = rounded(&o.price_sat, 0);
            let (holder, may, blocks) = (o.holder, o.may, o.blocks);
            writeln!(
                out,
                "  {holder:9} {may:48} {price:>10} sat {blocks:>7} blocks"
            )?;
        }
        writeln!(out, "locked at most:")?;
        for l in &self.tables.locked {
            let (amount, cost) = (rounded(&l.amount_sat, 0), rounded(&l.cost_sat, 1));
            let (party, blocks) = (&l.party, l.blocks);
            writeln!(
                out,
                "  {party:12} {amount:>12} sat {blocks:>7} blocks, costs {cost} sat"
            )?;
        }
        Ok(())
    }
}
