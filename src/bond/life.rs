//! A bond's whole life on a chain: locked, proved, drawn by, rolled over, withdrawn.

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Transaction, TxOut, Txid,
    absolute::LOCK_TIME_THRESHOLD,
    hashes::Hash,
    secp256k1::{Keypair, Secp256k1, SecretKey},
};
use narthex_contracts::{
    bond::{
        BONDLESS_SHARE, BlockTime, BondFault, BondScript, Certificate, Claim, Lock,
        MAX_TAPROOT_LOCK,
    },
    terms::FeeRate,
};
use narthex_game_model::Ratio;
use narthex_regtest::{Chain, mine_coins};

use super::{
    BondForm, Life, LifeError, LifeOptions, LifeStep, StatusError, moment, register, verify,
};
use crate::wallet::PartyWallet;

/// Numbers of the owner's keys, see [`PartyWallet::contract_key`].
const FIRST_BOND: u32 = 46;
const SECOND_BOND: u32 = 47;
const IDENTITY: u32 = 48;

/// A bond that is on chain.
#[derive(Clone, Copy)]
struct Held {
    script: BondScript,
    outpoint: OutPoint,
    value: Amount,
    key: SecretKey,
}

impl Held {
    fn in_transaction(
        script: BondScript,
        tx: &Transaction,
        key: SecretKey,
    ) -> Result<Held, LifeError> {
        let wanted = script.script_pubkey()?;
        let found = (0u32..)
            .zip(&tx.output)
            .find(|(_, out)| out.script_pubkey == wanted);
        let (vout, output) =
            found.ok_or_else(|| LifeError::Unexpected("no output is the bond".into()))?;
        Ok(Held {
            script,
            outpoint: OutPoint {
                txid: tx.compute_txid(),
                vout,
            },
            value: output.value,
            key,
        })
    }

    fn spend(&self, to: ScriptBuf, rate: FeeRate) -> Result<Transaction, LifeError> {
        let prevout = TxOut {
            value: self.value,
            script_pubkey: self.script.script_pubkey()?,
        };
        let sweep = self
            .script
            .sweep(self.outpoint, prevout, Vec::new(), to, rate)?;
        Ok(sweep.sign(&self.key)?)
    }
}

struct Living<'a> {
    chain: &'a mut dyn Chain,
    options: &'a LifeOptions,
    report: &'a mut dyn FnMut(LifeStep),
    wallet: PartyWallet,
    miner: ScriptBuf,
    fees: Amount,
    early_refusals: u32,
}

/// Lives through it on a chain with no other users, reporting each step.
pub fn live(
    chain: &mut dyn Chain,
    options: &LifeOptions,
    report: &mut dyn FnMut(LifeStep),
) -> Result<Life, LifeError> {
    let mut wallet = PartyWallet::new("owner", &options.common.seed)?;
    rehearse(&wallet, options)?;
    let (own, miner) = (wallet.fresh_script(), ScriptBuf::new_p2a());
    mine_coins(chain, 1, &own, &miner)?;
    wallet.sync(chain)?;
    let before = wallet.balance();
    let mut living = Living {
        chain,
        options,
        report,
        wallet,
        miner,
        fees: Amount::ZERO,
        early_refusals: 0,
    };
    let first = living.lock()?;
    let (certificate, weight) = living.prove(&first)?;
    let second = living.roll_over(&first)?;
    living.check_spent(&certificate)?;
    living.prove(&second)?;
    living.withdraw(&second)?;
    living.wallet.sync(living.chain)?;
    let after = living.wallet.balance();
    if after + living.fees != before {
        let what = format!("{before} became {after} with fees of {}", living.fees);
        return Err(LifeError::Unexpected(what));
    }
    Ok(Life {
        form: options.form,
        before_sat: before.to_sat(),
        after_sat: after.to_sat(),
        fees_sat: living.fees.to_sat(),
        weight,
        early_refusals: living.early_refusals,
    })
}

/// Rolls a made-up bond over and withdraws it, on paper: a fee that is refused is refused before anything is locked.
/// Its lock is as long to write as any.
fn rehearse(wallet: &PartyWallet, options: &LifeOptions) -> Result<(), LifeError> {
    let key = wallet
        .contract_key(FIRST_BOND)?
        .public_key(&Secp256k1::new());
    let owner = key.x_only_public_key().0;
    let script = match options.form {
        BondForm::Bip46 => BondScript::bip46(key, Lock::time(MAX_TAPROOT_LOCK)?)?,
        BondForm::Taproot => BondScript::taproot(owner, Lock::height(LOCK_TIME_THRESHOLD - 1)?),
        BondForm::TaprootTime => BondScript::taproot(owner, Lock::time(MAX_TAPROOT_LOCK)?),
    };
    let output = script.script_pubkey()?;
    let outpoint = OutPoint::new(Txid::from_byte_array([1; 32]), 0);
    let mut value = options.value;
    for _ in ["roll over", "withdraw"] {
        let prevout = TxOut {
            value,
            script_pubkey: output.clone(),
        };
        let sweep = script.sweep(
            outpoint,
            prevout,
            Vec::new(),
            output.clone(),
            options.common.rate,
        )?;
        let spent = sweep.unsigned()?;
        value = spent.output.first().map_or(Amount::ZERO, |out| out.value);
    }
    Ok(())
}

impl Living<'_> {
    fn tip(&mut self) -> Result<BlockTime, LifeError> {
        let height = self.chain.height()?;
        Ok(moment(self.chain, height)?)
    }

    fn say(&mut self, what: String, tx: Option<(&Transaction, Amount)>) -> Result<(), LifeError> {
        let height = self.chain.height()?;
        (self.report)(LifeStep {
            what,
            height,
            txid: tx.map(|(tx, _)| tx.compute_txid()),
            vbytes: tx.map(|(tx, _)| tx.vsize() as u64),
            fee_sat: tx.map(|(_, fee)| fee.to_sat()),
        });
        Ok(())
    }

    /// The script of a bond from now on.
    fn script(&mut self, number: u32) -> Result<(BondScript, SecretKey), LifeError> {
        let tip = self.tip()?;
        let secret = self.wallet.contract_key(number)?;
        let key = secret.public_key(&Secp256k1::new());
        let owner = key.x_only_public_key().0;
        let blocks = self.options.lock_blocks;
        let until = |from: u32, step: u32| from.saturating_add(blocks.saturating_mul(step));
        let time = until(tip.median_time, narthex_contracts::bond::BLOCK_SECONDS);
        let script = match self.options.form {
            BondForm::Bip46 => BondScript::bip46(key, Lock::time(time)?)?,
            BondForm::Taproot => BondScript::taproot(owner, Lock::height(until(tip.height, 1))?),
            BondForm::TaprootTime => BondScript::taproot(owner, Lock::time(time)?),
        };
        Ok((script, secret))
    }

    fn lock(&mut self) -> Result<Held, LifeError> {
        let (script, key) = self.script(FIRST_BOND)?;
        let payment = (script.script_pubkey()?, self.options.value);
        let before = self.wallet.balance();
        let tx = self.wallet.pay(&[payment], self.options.common.rate)?;
        self.chain.submit(&tx)?;
        let held = Held::in_transaction(script, &tx, key)?;
        let identity = self.wallet.contract_key(IDENTITY)?;
        let waiting = Claim {
            script,
            outpoint: held.outpoint,
            value: held.value,
            confirmed_height: self.chain.height()?.saturating_add(1),
            identity: identity.x_only_public_key(&Secp256k1::new()).0,
        };
        let refused = verify(self.chain, &waiting, 1);
        if !matches!(
            refused,
            Err(StatusError::Fault(BondFault::Unconfirmed { .. }))
        ) {
            return Err(LifeError::Unexpected(format!(
                "an unconfirmed bond: {refused:?}"
            )));
        }
        self.chain.mine(1, &self.miner)?;
        self.wallet.sync(self.chain)?;
        let fee = before
            .checked_sub(self.wallet.balance())
            .and_then(|paid| paid.checked_sub(held.value));
        let fee = fee.ok_or_else(|| LifeError::Unexpected("the wallet lost nothing".into()))?;
        self.fees += fee;
        let what = format!("{} locked until {}", held.value, script.lock());
        self.say(what, Some((&tx, fee)))?;
        Ok(held)
    }

    /// Certifies the bond, finds it in the register, and draws by it.
    fn prove(&mut self, held: &Held) -> Result<(Certificate, u128), LifeError> {
        let secp = Secp256k1::new();
        let height = self.chain.height()?;
        let identity = self.wallet.contract_key(IDENTITY)?;
        let identity = identity.x_only_public_key(&secp).0;
        let claim = Claim {
            script: held.script,
            outpoint: held.outpoint,
            value: held.value,
            confirmed_height: height,
            identity,
        };
        let key = Keypair::from_secret_key(&secp, &held.key);
        let valid_below = height.saturating_add(self.options.lock_blocks.saturating_mul(4));
        let certificate = Certificate::sign(&secp, claim, valid_below, &key)?;
        let valuation = self.options.valuation;
        let rival = self
            .wallet
            .contract_key(IDENTITY + 1)?
            .x_only_public_key(&secp)
            .0;
        let (register, faults) = register(self.chain, &valuation, &[certificate], &[rival], 1)?;
        if let Some((_, fault)) = faults.into_iter().next() {
            return Err(fault.into());
        }
        let weight = register
            .entries()
            .iter()
            .find(|e| e.identity == identity)
            .map_or(0, |e| e.weight);
        let share = Ratio::new(BONDLESS_SHARE.0, BONDLESS_SHARE.1).unwrap_or(Ratio::ZERO);
        let drawn = register.select(share, &self.options.common.seed, 1)?;
        let whom = match drawn.first() {
            Some(entry) if entry.identity == identity => "the bond's identity",
            Some(_) => "the one without bond",
            None => "nobody",
        };
        let what = format!(
            "proved: the bond stands for {identity} with weight {weight}; a draw against one without bond takes {whom}"
        );
        self.say(what, None)?;
        Ok((certificate, weight))
    }

    /// Mines until the lock is over; the chain must refuse `tx` in each of the last blocks before.
    fn wait(&mut self, lock: Lock, tx: &Transaction) -> Result<(), LifeError> {
        let far = lock.blocks_after(self.tip()?).saturating_sub(2);
        self.chain.mine(far, &self.miner)?;
        while !lock.is_open(self.tip()?) {
            let waits = self.chain.submit(tx).is_ok();
            let mined = self
                .chain
                .mine_exactly(std::slice::from_ref(tx), &self.miner)
                .is_ok();
            if waits || mined {
                return Err(LifeError::Unexpected(format!("spent before {lock}")));
            }
            self.early_refusals += 1;
            self.chain.mine(1, &self.miner)?;
        }
        let what = format!("a spend before {lock} is refused; now it is open");
        self.say(what, None)
    }

    fn confirm(&mut self, tx: &Transaction, from: Amount, what: String) -> Result<(), LifeError> {
        self.chain.submit(tx)?;
        self.chain.mine(1, &self.miner)?;
        if !matches!(
            self.chain.transaction(tx.compute_txid())?,
            Some((_, Some(_)))
        ) {
            return Err(LifeError::Unexpected(format!("{what}: not confirmed")));
        }
        let paid: Amount = tx.output.iter().map(|out| out.value).sum();
        let fee = from.checked_sub(paid).unwrap_or_default();
        self.fees += fee;
        self.say(what, Some((tx, fee)))
    }

    fn roll_over(&mut self, held: &Held) -> Result<Held, LifeError> {
        let probe = held.spend(self.wallet.fresh_script(), self.options.common.rate)?;
        self.wait(held.script.lock(), &probe)?;
        let (script, key) = self.script(SECOND_BOND)?;
        let tx = held.spend(script.script_pubkey()?, self.options.common.rate)?;
        let what = format!("rolled over into a bond until {}", script.lock());
        self.confirm(&tx, held.value, what)?;
        Held::in_transaction(script, &tx, key)
    }

    fn check_spent(&mut self, certificate: &Certificate) -> Result<(), LifeError> {
        match verify(self.chain, certificate.claim(), 1) {
            Err(StatusError::Fault(BondFault::Spent { .. })) => self.say(
                "the first bond's certificate counts nothing: spent".into(),
                None,
            ),
            other => Err(LifeError::Unexpected(format!("a spent bond: {other:?}"))),
        }
    }

    fn withdraw(&mut self, held: &Held) -> Result<(), LifeError> {
        let tx = held.spend(self.wallet.fresh_script(), self.options.common.rate)?;
        self.wait(held.script.lock(), &tx)?;
        self.confirm(&tx, held.value, "withdrawn to the owner's wallet".into())
    }
}
