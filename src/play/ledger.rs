//! Money at the end: stakes that come back by themselves, balances and what they should be.

use bitcoin::{Amount, ScriptBuf};
use narthex_contracts::{
    graph::NodeName,
    template::{ContractSecret, reclaim_stake, reclaim_stake_coin, stake_unlock_height},
    terms::Role,
};
use narthex_game_model::{Payout, Template, settle};

use super::{ContractPlay, Ending, PlayError};
use crate::harness::PartyBalance;

impl ContractPlay<'_> {
    /// Arbiters take their stakes back alone after the contract's last deadline, unless a dispute spent them.
    pub(super) fn take_stakes_back(&mut self, ending: &Ending) -> Result<(), PlayError> {
        if ending.settlement.spends_stakes() {
            return Ok(());
        }
        let template = self.terms.template();
        let funded = self.on_chain.first().map_or(0, |t| t.height);
        let after_funding = funded + u32::from(self.terms.params().stake_lock_blocks());
        let unlock = stake_unlock_height(self.terms.params()).max(after_funding - 1);
        let height = self.chain.height()?;
        if template.has_delivery() && height < unlock {
            let until = format!("wait until height {}", unlock + 1);
            self.step("arbiters", until, "the contract's last deadline")?;
            self.mine(unlock - height)?;
        }
        for i in 0..self.terms.panel_size() {
            if !self.sideways.contains(&i) {
                self.take_stake_back(i, "nobody appealed; the stake is its owner's again")?;
            }
        }
        Ok(())
    }

    /// One arbiter takes its stake back. In the paper's template it can do so at any time.
    pub(super) fn take_stake_back(&mut self, i: u8, why: &str) -> Result<(), PlayError> {
        let (rate, role) = (self.rate(), Role::Arbiter(i));
        let participant = self.participant(role)?;
        let (destination, key) = (participant.payout.clone(), participant.key()?);
        let tx = match self.terms.template() {
            Template::Hardened | Template::Audited => {
                reclaim_stake(&self.terms, &self.graph, i, &key, destination, rate)?
            }
            Template::Paper => {
                reclaim_stake_coin(&self.terms, i, &key, destination, rate, &mut self.rng)?
            }
        };
        self.chain.submit(&tx)?;
        self.mine(1)?;
        let stake = self.terms.params().stake_output_value();
        let fee = tx
            .output
            .first()
            .and_then(|out| stake.checked_sub(out.value))
            .unwrap_or(Amount::ZERO);
        self.participant_mut(role)?.fees += fee;
        let height = self.height_of(&tx)?;
        self.confirmed(
            role,
            &NodeName::plain("stake back"),
            why,
            (tx, height, fee),
            None,
        );
        Ok(())
    }

    /// Everybody's balance before and after, with what the settlement table says and the fees paid.
    pub(super) fn balances(&mut self, ending: &Ending) -> Result<Vec<PartyBalance>, PlayError> {
        let payout = settle(self.terms.params(), ending.settlement)?;
        let lost = self.nobodys()?;
        let lost_sat = i64::try_from(lost.to_sat()).unwrap_or(i64::MAX);
        let mut balances = Vec::new();
        for (role, participant) in &self.participants {
            let of_table = self.settlement_of(*role, ending, &payout);
            balances.push(PartyBalance {
                party: role.to_string(),
                before_sat: participant.before.to_sat(),
                after_sat: participant.wallet.balance().to_sat(),
                settlement_sat: match role {
                    Role::Verifier => of_table - lost_sat,
                    _ => of_table,
                },
                fees_sat: participant.fees.to_sat(),
            });
        }
        let fund = self.fund.balance().to_sat();
        let settlement_sat = i64::try_from(payout.fund.to_sat()).unwrap_or(i64::MAX);
        balances.push(PartyBalance {
            party: "common fund".into(),
            before_sat: 0,
            after_sat: fund,
            settlement_sat,
            fees_sat: 0,
        });
        if lost > Amount::ZERO {
            balances.push(PartyBalance {
                party: "nobody".into(),
                before_sat: 0,
                after_sat: lost.to_sat(),
                settlement_sat: lost_sat,
                fees_sat: 0,
            });
        }
        Ok(balances)
    }

    /// What is paid to the sum of verifier's key and token where the verifier never learned the token: nobody has that key.
    fn nobodys(&self) -> Result<Amount, PlayError> {
        let known = &self.participant(Role::Verifier)?.secrets;
        let key = match known.get(ContractSecret::Token) {
            None => self.terms.token_key()?,
            Some(_) => None,
        };
        let Some(key) = key else {
            return Ok(Amount::ZERO);
        };
        let secp = narthex_base::context::verifying();
        let script = ScriptBuf::new_p2tr(secp, key.x_only_public_key().0, None);
        let outputs = self.on_chain.iter().flat_map(|t| &t.tx.output);
        let lost = outputs.filter(|out| out.script_pubkey == script);
        Ok(lost.map(|out| out.value).sum())
    }

    fn settlement_of(&self, role: Role, ending: &Ending, payout: &Payout) -> i64 {
        let params = self.terms.params();
        let paid = match role {
            Role::Client => payout.client,
            Role::Worker => payout.worker,
            Role::Verifier => payout.verifier,
            // Stakes outside the pot come back whole, with the retainer.
            Role::Arbiter(i) if !payout.arbiters.is_empty() => payout
                .arbiters
                .get(usize::from(i))
                .copied()
                .unwrap_or(Amount::ZERO),
            // The paper's failed arbitration has no outputs for arbiters: the fund takes all stakes.
            Role::Arbiter(_) if ending.settlement.spends_stakes() => Amount::ZERO,
            Role::Arbiter(_) => params.stake_output_value(),
        };
        let deposit = self.terms.deposit(role);
        // Amounts are below 21 million bitcoins, far below what i64 holds.
        paid.to_signed().map_or(0, |p| p.to_sat()) - deposit.to_signed().map_or(0, |d| d.to_sat())
    }
}
