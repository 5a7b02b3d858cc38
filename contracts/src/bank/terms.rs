//! What payer and provider agree on before a bank is opened.

use bitcoin::{
    Amount, ScriptBuf,
    absolute::LockTime,
    hashes::{Hash, sha256},
    secp256k1::PublicKey,
};
use narthex_base::codec::Writer;
use narthex_base::tagged::tagged_hash_parts;
use serde::{Deserialize, Serialize};

use super::BankError;
use crate::{
    builder::BuilderError,
    terms::{Contribution, FeeRate},
};

/// Most pennies of a bank: whoever checks one hashes at most this often, some seconds.
pub const MAX_PENNIES: u32 = 1 << 24;

/// Largest terms as JSON, in bytes.
pub const MAX_BANK_TERMS_BYTES: usize = 64 * 1024;

/// Fewest blocks in which the provider can claim after a force close.
pub const MIN_CLAIM_BLOCKS: u16 = 6;

/// Most promises of a bank that are pending at a time: n of them need n·2ⁿ⁻¹ signatures, 12 for three.
pub const MAX_PROMISES: usize = 3;

/// Where the bank's coin comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BankFunding {
    /// The payer's wallet.
    Wallet {
        /// Coins and change.
        contribution: Contribution,
        /// Fee rate of the funding transaction.
        rate_sat_per_kwu: FeeRate,
    },
    /// The force-closed coin of an earlier bank of the same two, out of which its pennies are paid first.
    ForceClosed {
        /// Id of the earlier bank's terms.
        prior: sha256::Hash,
        /// Pennies of the earlier bank that the provider has been given.
        paid: u32,
    },
}

/// Terms of a penny bank as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BankRecord {
    /// Key of A, who pays.
    pub payer: PublicKey,
    /// Key of P, who is paid.
    pub provider: PublicKey,
    /// [`FreshChain::salt`](super::FreshChain::salt) of the payer's.
    pub salt: sha256::Hash,
    /// Number of pennies N.
    pub pennies: u32,
    /// What one is worth, in sat.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub value_sat: Amount,
    /// What the bank holds, in sat: all pennies, and at least one output for the payer.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub capacity_sat: Amount,
    /// w_0.
    pub chain_root: sha256::Hash,
    /// T: above this height the payer takes everything back if nothing was force-closed.
    pub refund_height: u32,
    /// D: blocks after the force close in which only the provider can claim.
    pub claim_blocks: u16,
    /// Pennies that may be given without a commitment that enforces them: fewer than the larger of `step`…
    pub step: u32,
    /// …and the 2^`shift`-th part of what is enforced.
    pub shift: u8,
    /// Most promises that may be pending at a time; 0 for a bank that no banker uses.
    #[serde(default)]
    pub promises: u8,
    /// Where the payer is paid, hex of the script.
    pub payer_script: ScriptBuf,
    /// Where the provider is paid, hex of the script.
    pub provider_script: ScriptBuf,
    /// Where the coin comes from.
    pub funding: BankFunding,
}

/// Checked terms of a bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankTerms {
    record: BankRecord,
    bank: [u8; 32],
    id: [u8; 32],
}

impl BankRecord {
    /// Identity of the bank in its pennies: everything that is known before its chain is.
    pub fn bank(&self) -> [u8; 32] {
        tagged_hash_parts(
            "narthex/bank",
            &[
                &self.payer.serialize(),
                &self.provider.serialize(),
                self.salt.as_byte_array(),
                &self.pennies.to_be_bytes(),
                &self.value_sat.to_sat().to_be_bytes(),
            ],
        )
    }

    /// Checks the terms. Errors name the field; the proposer is at fault.
    pub fn check(self) -> Result<BankTerms, BankError> {
        let bad = |field, problem: String| Err(BankError::Terms { field, problem });
        if self.payer == self.provider {
            return bad("provider", "has the payer's key".into());
        }
        if self.pennies == 0 || self.pennies > MAX_PENNIES {
            let given = self.pennies;
            return bad("pennies", format!("{given}; 1 to {MAX_PENNIES} are taken"));
        }
        for (field, script) in [
            ("payer_script", &self.payer_script),
            ("provider_script", &self.provider_script),
        ] {
            if !script.is_p2tr() && !script.is_p2wpkh() {
                return bad(field, "is neither P2TR nor P2WPKH".into());
            }
        }
        let dust = self.provider_script.minimal_non_dust();
        let worth = |count: u32| self.value_sat.checked_mul(count.into());
        if self.step == 0 || self.step > self.pennies || worth(self.step).is_none_or(|w| w < dust) {
            let step = self.step;
            return bad(
                "step",
                format!("{step} pennies; at least {dust} and at most all of them are taken"),
            );
        }
        if self.shift > 31 {
            return bad("shift", format!("{} is more than 31", self.shift));
        }
        if usize::from(self.promises) > MAX_PROMISES {
            let given = self.promises;
            return bad("promises", format!("{given} is more than {MAX_PROMISES}"));
        }
        let rest = self.payer_script.minimal_non_dust();
        let least = worth(self.pennies).and_then(|all| all.checked_add(rest));
        let enough = least.is_some_and(|least| self.capacity_sat >= least);
        if !enough || self.capacity_sat > Amount::MAX_MONEY {
            let given = self.capacity_sat;
            return bad(
                "capacity_sat",
                format!("{given} for all pennies and {rest}"),
            );
        }
        if self.refund_height == 0 || LockTime::from_height(self.refund_height).is_err() {
            return bad("refund_height", "is no height".into());
        }
        if self.claim_blocks < MIN_CLAIM_BLOCKS {
            let given = self.claim_blocks;
            return bad(
                "claim_blocks",
                format!("{given} is less than {MIN_CLAIM_BLOCKS}"),
            );
        }
        if let BankFunding::Wallet {
            contribution,
            rate_sat_per_kwu,
        } = &self.funding
        {
            contribution
                .check(self.capacity_sat, *rate_sat_per_kwu)
                .map_err(BuilderError::from)?;
        }
        let id = self.id();
        Ok(BankTerms {
            bank: self.bank(),
            id,
            record: self,
        })
    }

    fn id(&self) -> [u8; 32] {
        let mut w = Writer::default();
        w.fixed(&self.bank())
            .fixed(self.chain_root.as_byte_array())
            .u64(self.capacity_sat.to_sat())
            .u32(self.refund_height)
            .u32(self.claim_blocks.into())
            .u32(self.step)
            .u8(self.shift)
            .u8(self.promises)
            .bytes(self.payer_script.as_bytes())
            .bytes(self.provider_script.as_bytes());
        match &self.funding {
            BankFunding::ForceClosed { prior, paid } => {
                w.u8(1).fixed(prior.as_byte_array()).u32(*paid);
            }
            BankFunding::Wallet {
                contribution,
                rate_sat_per_kwu,
            } => {
                w.u8(0).u64(rate_sat_per_kwu.to_sat_per_kwu());
                contribution.write(&mut w);
            }
        }
        tagged_hash_parts("narthex/bank-terms", &[&w.finish()])
    }
}

impl BankTerms {
    /// Reads terms as JSON and checks them.
    pub fn from_json(json: &[u8]) -> Result<BankTerms, BankError> {
        let problem = |problem: String| BankError::Terms {
            field: "json",
            problem,
        };
        if json.len() > MAX_BANK_TERMS_BYTES {
            return Err(problem(format!("more than {MAX_BANK_TERMS_BYTES} bytes")));
        }
        narthex_game_model::text::parsed(json, serde_json::from_str::<BankRecord>)
            .map_err(|e| problem(e.to_string()))?
            .check()
    }

    /// The terms as JSON, for [`BankTerms::from_json`].
    pub fn to_json(&self) -> Vec<u8> {
        // Numbers, hex and lists: nothing that JSON has no form for.
        serde_json::to_vec(&self.record).unwrap_or_default()
    }

    /// The terms as data.
    pub fn record(&self) -> &BankRecord {
        &self.record
    }

    /// Identity of the bank in its pennies.
    pub fn bank(&self) -> [u8; 32] {
        self.bank
    }

    /// Identity of the terms: bank, chain, amounts, heights, scripts and coins.
    pub fn id(&self) -> [u8; 32] {
        self.id
    }

    /// What the first `count` pennies are worth; all of them at most.
    pub fn worth(&self, count: u32) -> Amount {
        let count = u64::from(count.min(self.record.pennies));
        self.record
            .value_sat
            .checked_mul(count)
            .unwrap_or(self.record.capacity_sat)
    }

    /// The commitment that is due next when `commitment` is the highest (0 for none): what lies between may be unenforced.
    pub fn next_commitment(&self, commitment: u32) -> u32 {
        commitment
            .saturating_add(self.allowance(commitment))
            .min(self.record.pennies)
    }

    /// Pennies from which on a further commitment is due above `commitment`.
    pub fn allowance(&self, commitment: u32) -> u32 {
        self.record.step.max(commitment >> self.record.shift)
    }

    /// Whether a commitment of this index can be published: it is in the bank and pays more than dust.
    pub fn has_commitment(&self, commitment: u32) -> bool {
        commitment <= self.record.pennies
            && self.worth(commitment) >= self.record.provider_script.minimal_non_dust()
    }

    /// Height at which the provider stops to serve and force-closes, so that the force close confirms before T.
    pub fn force_close_height(&self) -> u32 {
        self.record
            .refund_height
            .saturating_sub(self.record.claim_blocks.into())
    }
}
