//! What is to be done about an offer or a bond becomes a plan: what it spends, and where what is left goes.

use std::rc::Rc;

use narthex::{
    bitcoin::{Amount, ScriptBuf, Weight},
    contracts::{funding::FeeRules as _, panel::OfferDraft},
    regtest::NodeAccess,
};

use super::{
    BondPolicy,
    due::{self, Step},
    record::{BondChange, Plan},
};
use crate::party::{Core, Fatal};

/// Weight at whose fee there is room for a higher one: some ten times that of an offer.
const ROOM: Weight = Weight::from_wu(8_000);

impl Core {
    /// Writes down what is to be done, or says why it cannot be.
    pub(super) fn plan_bond(
        &mut self,
        step: Step,
        tip: u32,
        chain: &mut dyn NodeAccess,
    ) -> Result<Result<(), String>, Fatal> {
        let (end, rolls) = match step {
            Step::Withdraw { old } => {
                let script = self.own.borrow_mut().wallet.fresh_script();
                self.note(format_args!(
                    "the bond of the offer that ended at {old} goes back to the wallet"
                ));
                self.bond_step(&BondChange::Withdrawn { end: old, script })?;
                return Ok(Ok(()));
            }
            Step::Post { end } => (end, None),
            Step::Roll { old, end } => (end, Some(old)),
        };
        let Some(wants) = self.policy.bond else {
            return Ok(Ok(()));
        };
        let plan = match self.planned((tip, end, rolls), &wants, chain) {
            Ok(plan) => plan,
            Err(why) => return Ok(Err(why)),
        };
        self.note(match rolls {
            None => format!(
                "the offer that ends at {end} is made, with a bond of {}",
                plan.asked
            ),
            Some(old) => format!(
                "the offer that ends at {end} is made, with the bond of the one that ended at {old}"
            ),
        });
        self.bond_step(&BondChange::Planned(Box::new(plan)))?;
        self.open_offer(end)?;
        Ok(Ok(()))
    }

    /// An offer with what it spends. Nothing is funded before the Bitcoin node was asked what it takes, and by no coin that is kept back.
    fn planned(
        &mut self,
        (tip, end, rolls): (u32, u32, Option<u32>),
        wants: &BondPolicy,
        chain: &mut dyn NodeAccess,
    ) -> Result<Plan, String> {
        let node = self.asked(wants.rate, chain)?;
        let standing = self.standing_end(tip);
        let margin = self.policy.bond_margin(wants);
        let confirm = u32::from(self.policy.confirm).saturating_mul(2);
        let mut plan = Plan {
            end,
            since: tip,
            until: standing.map(|end| due::renewal(end, margin).max(tip).saturating_add(confirm)),
            asked: wants.amount,
            rate: wants.rate,
            terms: wants.terms(&self.policy.arbiter),
            rolls,
            coins: Vec::new(),
            change: ScriptBuf::new(),
        };
        if let Some(old) = rolls {
            let coin = self.bond_coin(old).ok_or("its bond is in no block")?;
            plan.coins.push(coin);
            return Ok(plan);
        }
        let reserve = self.reserved(None).map_err(|error| error.to_string())?;
        let own = Rc::clone(&self.own);
        let mut own = own.borrow_mut();
        let draft: OfferDraft = plan.draft(&own.seed, plan.asked)?;
        let outputs = draft.outputs().map_err(|error| error.to_string())?;
        // Room for a higher fee, which is change otherwise.
        let room = wants.rate.fee(ROOM).unwrap_or(Amount::ZERO);
        let payments = outputs.map(|out| {
            let is_bond = out.value > Amount::ZERO;
            let more = if is_bond { room } else { Amount::ZERO };
            let value = out.value.checked_add(more).unwrap_or(out.value);
            (out.script_pubkey, value)
        });
        let aside = own.wallet.set_aside(&payments, wants.rate, &node, &reserve);
        let aside = aside.map_err(|error| error.to_string())?;
        let spent = aside.unsigned_tx.input.iter();
        let coins = spent.map(|input| own.wallet.coin(input.previous_output));
        plan.coins = coins.collect::<Option<_>>().ok_or("a coin is gone")?;
        let is_paid = |script: &ScriptBuf| payments.iter().any(|(to, _)| to == script);
        let mut outputs = aside.unsigned_tx.output.into_iter();
        let change = outputs.find(|out| !is_paid(&out.script_pubkey));
        let change = change.map(|out| out.script_pubkey);
        plan.change = change.unwrap_or_else(|| own.wallet.fresh_script());
        Ok(plan)
    }
}
