//! A wallet of one key: it costs a schedule nothing, and shuffles nothing.

use std::{
    cell::{RefCell, RefMut},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use bitcoin::{
    Amount, Block, OutPoint, Psbt, Script, ScriptBuf, Transaction, TxOut, Witness,
    key::TapTweak,
    secp256k1::{Keypair, Secp256k1, SecretKey},
};
use narthex_contracts::{funding::FeeCoin, terms::FeeRate};
use narthex_regtest::ChainSource;

use crate::{
    life::{FeeWallet, Held, Purse},
    wallet::{ChildRequest, WalletError, key_signature, signed_child},
};

/// A coin, and when it came and went.
#[derive(Clone, Debug)]
struct Coin {
    output: TxOut,
    height: u32,
    spent: Option<u32>,
}

/// All coins of one key, as the blocks have them.
#[derive(Clone, Debug)]
pub(super) struct SimWallet {
    pair: Keypair,
    script: ScriptBuf,
    /// Scripts of keys that came later.
    imported: Vec<ScriptBuf>,
    coins: BTreeMap<OutPoint, Coin>,
    kept: BTreeSet<OutPoint>,
}

impl SimWallet {
    pub(super) fn new(key: &SecretKey) -> SimWallet {
        let secp = Secp256k1::new();
        let pair = Keypair::from_secret_key(&secp, key);
        let script = ScriptBuf::new_p2tr(&secp, pair.x_only_public_key().0, None);
        let pair = pair.tap_tweak(&secp, None).to_keypair();
        SimWallet {
            pair,
            script,
            imported: Vec::new(),
            coins: BTreeMap::new(),
            kept: BTreeSet::new(),
        }
    }

    pub(super) const fn script(&self) -> &ScriptBuf {
        &self.script
    }

    /// A block is connected.
    pub(super) fn see(&mut self, height: u32, block: &Block) {
        for tx in &block.txdata {
            for input in &tx.input {
                if let Some(coin) = self.coins.get_mut(&input.previous_output) {
                    coin.spent = Some(height);
                }
            }
            let own = (0u32..)
                .zip(&tx.output)
                .filter(|(_, out)| self.owns(&out.script_pubkey));
            let own: Vec<_> = own.map(|(vout, out)| (vout, out.clone())).collect();
            if own.is_empty() {
                continue;
            }
            let txid = tx.compute_txid();
            for (vout, output) in own {
                let spent = None;
                let coin = Coin {
                    output,
                    height,
                    spent,
                };
                self.coins.insert(OutPoint { txid, vout }, coin);
            }
        }
    }

    /// All blocks from this height on are gone.
    pub(super) fn forget(&mut self, from: u32) {
        self.coins.retain(|_, coin| coin.height < from);
        for coin in self.coins.values_mut() {
            coin.spent = coin.spent.filter(|height| *height < from);
        }
    }

    fn owns(&self, script: &Script) -> bool {
        *script == *self.script || self.imported.iter().any(|own| **own == *script)
    }

    /// Signs those inputs of a PSBT that are its own.
    pub(super) fn sign(&self, psbt: &mut Psbt) -> Result<(), WalletError> {
        for index in 0..psbt.inputs.len() {
            let prevout = psbt.inputs[index].witness_utxo.as_ref();
            if prevout.is_none_or(|out| out.script_pubkey != self.script) {
                continue;
            }
            let signature = key_signature(psbt, index, &self.pair);
            let signature = signature.map_err(|reason| Self::error(&reason))?;
            let witness = Witness::from_slice(&[signature.to_vec()]);
            psbt.inputs[index].final_script_witness = Some(witness);
        }
        Ok(())
    }

    fn error(reason: &str) -> WalletError {
        WalletError::Sign {
            owner: "a party of a schedule".into(),
            reason: reason.into(),
        }
    }

    fn sign_final(&self, psbt: &mut Psbt) -> Result<(), WalletError> {
        self.sign(psbt)?;
        let mut inputs = psbt.inputs.iter();
        match inputs.all(|input| input.final_script_witness.is_some()) {
            true => Ok(()),
            false => Err(Self::error("an input is not its own")),
        }
    }
}

impl FeeWallet for SimWallet {
    fn spare_coins(&self) -> Vec<FeeCoin> {
        let coins = self.coins.iter().filter(|(outpoint, coin)| {
            coin.spent.is_none()
                && !self.kept.contains(outpoint)
                && coin.output.script_pubkey == self.script
        });
        let coins = coins.map(|(outpoint, coin)| FeeCoin {
            outpoint: *outpoint,
            prevout: coin.output.clone(),
        });
        let mut coins: Vec<_> = coins.collect();
        coins.sort_by_key(|coin| (std::cmp::Reverse(coin.prevout.value), coin.outpoint));
        coins
    }

    fn coin(&self, outpoint: OutPoint) -> Option<FeeCoin> {
        let coin = self.coins.get(&outpoint)?;
        coin.spent.is_none().then(|| FeeCoin {
            outpoint,
            prevout: coin.output.clone(),
        })
    }

    fn is_own(&self, script: &Script) -> bool {
        self.owns(script)
    }

    fn sent_and_received(&self, tx: &Transaction) -> (Amount, Amount) {
        let spent = tx.input.iter().map(|input| &input.previous_output);
        let spent = spent.filter_map(|outpoint| self.coins.get(outpoint));
        let came = tx.output.iter().filter(|out| self.owns(&out.script_pubkey));
        (
            spent.map(|coin| coin.output.value).sum(),
            came.map(|out| out.value).sum(),
        )
    }

    fn fresh_script(&mut self) -> ScriptBuf {
        self.script.clone()
    }

    fn child_of(
        &mut self,
        request: ChildRequest<'_>,
        spare: &[FeeCoin],
        change: Option<ScriptBuf>,
    ) -> Result<Transaction, WalletError> {
        let change = change.unwrap_or_else(|| self.script.clone());
        signed_child(&request, (spare, change), &mut |psbt| self.sign_final(psbt))
    }

    fn sign_all(&self, psbt: &mut Psbt) -> Result<Transaction, WalletError> {
        self.sign_final(psbt)?;
        let signed = psbt.clone().extract_tx_with_fee_rate_limit(FeeRate::MAX);
        signed.map_err(|error| Self::error(&error.to_string()))
    }

    /// Whatever its coins pay for, nothing else wants them.
    fn set_paying(&mut self, _: OutPoint, _: Vec<OutPoint>) {}

    fn reserve(&mut self, outpoint: OutPoint) -> bool {
        self.kept.insert(outpoint)
    }

    fn free(&mut self, outpoint: OutPoint) {
        self.kept.remove(&outpoint);
    }

    fn import(&mut self, key: &SecretKey) -> Result<(), WalletError> {
        let secp = Secp256k1::new();
        let key = Keypair::from_secret_key(&secp, key).x_only_public_key().0;
        let script = ScriptBuf::new_p2tr(&secp, key, None);
        if !self.owns(&script) {
            self.imported.push(script);
        }
        Ok(())
    }

    /// The world shows it each block.
    fn sync(&mut self, _: &mut dyn ChainSource) -> Result<(), WalletError> {
        Ok(())
    }
}

/// A wallet that the world shows its blocks.
#[derive(Clone, Debug)]
pub(super) struct SimPurse(pub(super) Rc<RefCell<SimWallet>>);

impl SimPurse {
    pub(super) fn new(wallet: SimWallet) -> SimPurse {
        SimPurse(Rc::new(RefCell::new(wallet)))
    }
}

impl Purse for SimPurse {
    fn wallet(&mut self) -> Held<'_> {
        Box::new(RefMut::map(self.0.borrow_mut(), |wallet| {
            let wallet: &mut dyn FeeWallet = wallet;
            wallet
        }))
    }
}
