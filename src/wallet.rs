//! A party's own wallet: single-key Taproot (BIP86) by `bdk_wallet`, in memory, fed with blocks of a [`ChainSource`].
//! What it has learned may be kept by its owner, and given back to it ([`PartyWallet::remember`]).

mod child;
mod error;
mod memory;
mod stake;
mod sync;

use std::collections::BTreeMap;

use bdk_wallet::{
    ChangeSet, KeychainKind, Wallet,
    bitcoin::{
        Amount, Network, OutPoint, Psbt, Script, ScriptBuf, Transaction, Txid, Weight,
        bip32::{DerivationPath, Xpriv},
        hashes::{Hash, HashEngine, sha256},
        key::TapTweak,
        secp256k1::{
            Keypair, Secp256k1, SecretKey,
            rand::{SeedableRng, rngs::StdRng},
        },
    },
    coin_selection::LargestFirstCoinSelection,
    miniscript::psbt::PsbtExt,
    template::Bip86,
};
use narthex_contracts::{
    bond::UNSPENDABLE_KEY,
    funding::FeeCoin,
    terms::{FeeRate, Fees, token_descriptor},
};
use narthex_regtest::{AcceptedPolicy, Broadcaster, ChainSource, ProbeError, probe};

pub use child::ChildRequest;
pub(crate) use child::{key_signature, signed_child};
pub use error::WalletError;
pub use memory::Learned;

/// A wallet and the seed of its owner's other keys.
pub struct PartyWallet {
    owner: String,
    root: Xpriv,
    inner: Wallet,
    /// Wallets of single keys that came from elsewhere.
    imported: Vec<Wallet>,
    /// What each wallet, this one first, has learned up to the last reorganisation.
    changes: Vec<ChangeSet>,
    /// The first has forgotten something since [`PartyWallet::learned`].
    has_forgotten: bool,
    /// Coins that pay for what waits, by an output of what they pay for.
    paying: BTreeMap<OutPoint, Vec<OutPoint>>,
    /// Shuffles inputs and outputs: nobody without the seed foresees it, and the seed repeats it.
    rng: StdRng,
}

impl PartyWallet {
    /// The wallet of this seed on regtest, without coins.
    ///
    /// # Errors
    /// [`WalletError::Setup`] if the seed makes no wallet.
    pub fn new(owner: &str, seed: &[u8; 32]) -> Result<PartyWallet, WalletError> {
        PartyWallet::on(Network::Regtest, owner, seed)
    }

    /// The wallet of this seed on a network, without coins. Coins of one network are not found on another.
    ///
    /// # Errors
    /// [`WalletError::Setup`] if the seed makes no wallet.
    pub fn on(network: Network, owner: &str, seed: &[u8; 32]) -> Result<PartyWallet, WalletError> {
        let setup = |reason: String| WalletError::Setup {
            owner: owner.into(),
            reason,
        };
        let root = Xpriv::new_master(network, seed).map_err(|e| setup(e.to_string()))?;
        let descriptor = |keychain| Bip86(root, keychain);
        let inner = Wallet::create(
            descriptor(KeychainKind::External),
            descriptor(KeychainKind::Internal),
        )
        .network(network)
        .create_wallet_no_persist()
        .map_err(|e| setup(e.to_string()))?;
        Ok(PartyWallet {
            owner: owner.into(),
            root,
            inner,
            imported: Vec::new(),
            changes: Vec::new(),
            has_forgotten: false,
            paying: BTreeMap::new(),
            rng: shuffling(seed),
        })
    }

    /// A secret key of the same seed for another use than coins, by a number of the caller's.
    pub fn contract_key(&self, index: u32) -> Result<SecretKey, WalletError> {
        let setup = |reason: String| WalletError::Setup {
            owner: self.owner.clone(),
            reason,
        };
        // A purpose of its own, so that no key of the wallet's descriptors is ever used twice.
        let path: DerivationPath = format!("m/7421'/1'/{index}'")
            .parse()
            .map_err(|_| setup(format!("key index {index}")))?;
        let key = self
            .root
            .derive_priv(&Secp256k1::signing_only(), &path)
            .map_err(|e| setup(e.to_string()))?;
        Ok(key.private_key)
    }

    /// Watches and owns what is paid to this key alone (`tr(KEY)`), from the next [`PartyWallet::sync`] on, whenever since the
    /// wallet's birth it was or will be paid. The same key again changes nothing.
    ///
    /// # Errors
    /// [`WalletError::Setup`] if the key makes no descriptor.
    pub fn import(&mut self, key: &SecretKey) -> Result<(), WalletError> {
        let setup = |reason: String| WalletError::Setup {
            owner: self.owner.clone(),
            reason,
        };
        let network = self.network();
        let descriptor = token_descriptor(key, network.into());
        let mut wallet = Wallet::create_single(descriptor.to_string())
            .network(network)
            .create_wallet_no_persist()
            .map_err(|e| setup(e.to_string()))?;
        if let Some(born) = self.born() {
            memory::begin_at(&mut wallet, born).map_err(setup)?;
        }
        let paid_to = |wallet: &Wallet| wallet.peek_address(KeychainKind::External, 0).address;
        let own = paid_to(&wallet);
        if self.imported.iter().all(|known| paid_to(known) != own) {
            self.imported.push(wallet);
        }
        Ok(())
    }

    /// Whether a coin lies there that is paid to this key alone, and was imported by it ([`PartyWallet::import`]).
    pub fn is_paid_by(&self, key: &SecretKey) -> bool {
        let secp = Secp256k1::new();
        let (key, _) = key.x_only_public_key(&secp);
        let script = ScriptBuf::new_p2tr(&secp, key, None);
        let coins = self.imported.iter().flat_map(Wallet::list_unspent);
        coins
            .into_iter()
            .any(|coin| coin.txout.script_pubkey == script)
    }

    /// That of its seed, and those of keys from elsewhere.
    fn wallets(&self) -> impl Iterator<Item = &Wallet> {
        std::iter::once(&self.inner).chain(&self.imported)
    }

    /// All confirmed and spendable coins together.
    pub fn balance(&self) -> Amount {
        self.wallets()
            .map(|wallet| wallet.balance().confirmed)
            .sum()
    }

    /// A fresh script to be paid to.
    pub fn fresh_script(&mut self) -> ScriptBuf {
        self.inner
            .reveal_next_address(KeychainKind::External)
            .address
            .script_pubkey()
    }

    /// Keeps a coin for a use of its own; whether nothing had kept it before.
    pub fn reserve(&mut self, outpoint: OutPoint) -> bool {
        let is_free = !self.inner.is_outpoint_locked(outpoint);
        self.inner.lock_outpoint(outpoint);
        is_free
    }

    /// A payment, signed. Its coins are reserved. A fee of more than a tenth of them is refused, unless it was said that
    /// it may be.
    pub fn pay(
        &mut self,
        payments: &[(ScriptBuf, Amount)],
        fees: impl Into<Fees>,
    ) -> Result<Transaction, WalletError> {
        let mut psbt = self.build(payments, fees.into())?;
        let signed = self.sign_all(&mut psbt);
        self.free_unless(signed.is_ok(), &psbt);
        signed
    }

    /// Asks the node whether it takes what contracts end with, with a coin of its own where it has one: what
    /// [`PartyWallet::contribute`] needs to see. Nothing is signed, spent or reserved.
    ///
    /// # Errors
    /// [`ProbeError::Refused`] names the setting or version of the node that is missing.
    pub fn probe<C: ChainSource + Broadcaster + ?Sized>(
        &self,
        chain: &mut C,
        rate: FeeRate,
    ) -> Result<AcceptedPolicy, ProbeError> {
        let own = self.spare_coins().into_iter().next();
        let own = own.map(|coin| (coin.outpoint, coin.prevout));
        probe(chain, rate, own)
    }

    /// What failed reserves no coins.
    fn free_unless(&mut self, done: bool, psbt: &Psbt) {
        if !done {
            for input in &psbt.unsigned_tx.input {
                self.inner.unlock_outpoint(input.previous_output);
            }
        }
    }

    /// Frees coins that were reserved for what came to nothing.
    pub fn free(&mut self, coins: impl IntoIterator<Item = OutPoint>) {
        for coin in coins {
            self.inner.unlock_outpoint(coin);
        }
    }

    /// Height of the last block that it has seen.
    pub fn tip(&self) -> u32 {
        self.inner.latest_checkpoint().height()
    }

    /// Signs its inputs of a PSBT that it did not build itself, of which it knows its own coins again.
    ///
    /// # Errors
    /// [`WalletError::Sign`].
    pub fn sign_own(&self, psbt: &mut Psbt) -> Result<(), WalletError> {
        self.fill_origins(psbt);
        self.sign(psbt)
    }

    /// Signs its inputs of a PSBT and makes them final, leaving others as they are.
    ///
    /// Taproot signatures commit to the value of every coin that is spent: what the PSBT says of them need not be
    /// trusted, since a lie makes the signature worthless.
    pub fn sign(&self, psbt: &mut Psbt) -> Result<(), WalletError> {
        let secp = Secp256k1::new();
        let own = (0..psbt.inputs.len())
            .filter_map(|index| Some((index, self.own_keypair(psbt, index)?)))
            .collect::<Vec<_>>();
        for (index, keypair) in own {
            let signature =
                key_signature(psbt, index, &keypair).map_err(|reason| self.sign_error(reason))?;
            psbt.inputs[index].tap_key_sig = Some(signature);
            psbt.finalize_inp_mut(&secp, index)
                .map_err(|e| self.sign_error(e.to_string()))?;
        }
        Ok(())
    }

    /// The key that spends an input, if it is this wallet's and still unsigned; inputs of others have no key of it.
    fn own_keypair(&self, psbt: &Psbt, index: usize) -> Option<Keypair> {
        let secp = Secp256k1::new();
        let input = psbt.inputs.get(index)?;
        let internal = input.tap_internal_key?;
        if input.final_script_witness.is_some() {
            return None;
        }
        let (leaves, (fingerprint, path)) = input.tap_key_origins.get(&internal)?;
        if !leaves.is_empty() || *fingerprint != self.root.fingerprint(&secp) {
            return None;
        }
        let key = self.root.derive_priv(&secp, path).ok()?.private_key;
        let keypair = key.keypair(&secp);
        // A peer may write any origin into a PSBT.
        (keypair.x_only_public_key().0 == internal)
            .then(|| keypair.tap_tweak(&secp, input.tap_merkle_root).to_keypair())
    }

    /// A signed child that pays for `parent` through its anchor. `coin` is spent if given, and others as needed.
    pub fn child(&mut self, request: ChildRequest<'_>) -> Result<Transaction, WalletError> {
        let spare = self.spare_coins();
        self.child_of(request, &spare, None)
    }

    /// The same with these coins as needed, and no others, and with this change in place of a script of its own that was not used
    /// before: what replaces a child uses no more scripts than that.
    ///
    /// # Errors
    /// As [`PartyWallet::child`]. No script is used up.
    pub fn child_of(
        &mut self,
        request: ChildRequest<'_>,
        spare: &[FeeCoin],
        change: Option<ScriptBuf>,
    ) -> Result<Transaction, WalletError> {
        // Used up only when there is a child.
        let external = KeychainKind::External;
        let fresh = change.is_none();
        let change = change.unwrap_or_else(|| {
            let next = self.inner.next_derivation_index(external);
            let change = self.inner.peek_address(external, next);
            change.address.script_pubkey()
        });
        let child = signed_child(&request, (spare, change), &mut |psbt| self.sign_final(psbt))?;
        if fresh {
            self.fresh_script();
        }
        Ok(child)
    }

    /// Whether a script is its own.
    pub fn is_own(&self, script: &Script) -> bool {
        let mut wallets = self.wallets();
        wallets.any(|wallet| wallet.is_mine(script.into()))
    }

    /// A confirmed coin of the wallet, if it is there.
    pub fn coin(&self, outpoint: OutPoint) -> Option<FeeCoin> {
        let output = self.inner.get_utxo(outpoint)?;
        Some(FeeCoin {
            outpoint,
            prevout: output.txout,
        })
    }

    /// What a transaction gave to and took from this wallet.
    pub fn sent_and_received(&self, tx: &Transaction) -> (Amount, Amount) {
        let (mut sent, mut received) = (Amount::ZERO, Amount::ZERO);
        for (out, into) in self.wallets().map(|wallet| wallet.sent_and_received(tx)) {
            sent += out;
            received += into;
        }
        (sent, received)
    }

    /// Whether the wallet has seen this transaction confirmed.
    pub fn is_confirmed(&self, txid: Txid) -> bool {
        self.inner
            .get_tx(txid)
            .is_some_and(|tx| tx.chain_position.is_confirmed())
    }

    /// Height of the block with a transaction that gave to or took from this wallet, as far as it has seen blocks.
    pub fn confirmed_at(&self, txid: Txid) -> Option<u32> {
        let position = self.inner.get_tx(txid)?.chain_position;
        position.confirmation_height_upper_bound()
    }

    /// Confirmed coins together that nothing is planned with.
    pub fn spare(&self) -> Amount {
        let coins = self.spare_coins().into_iter();
        coins.map(|coin| coin.prevout.value).sum()
    }

    /// Pays one of its own coins to itself, less the fee: whatever else was to spend it no longer can once this is in a block.
    ///
    /// # Errors
    /// [`WalletError::Funds`] if it is not a coin of this wallet, or does not pay the fee.
    pub fn take_back(
        &mut self,
        coin: OutPoint,
        fees: impl Into<Fees>,
    ) -> Result<Transaction, WalletError> {
        let (owner, fees) = (self.owner.clone(), fees.into());
        fees.in_time(Weight::MAX_BLOCK, Amount::ZERO)?;
        let funds = |reason: String| WalletError::Funds {
            owner: owner.clone(),
            reason,
        };
        let script = self.fresh_script();
        let mut builder = self.inner.build_tx();
        let own = builder.add_utxo(coin);
        own.map_err(|error| funds(error.to_string()))?;
        builder
            .manually_selected_only()
            .drain_to(script)
            .fee_rate(fees.rate());
        let psbt = builder.finish_with_aux_rand(&mut self.rng);
        let mut psbt = psbt.map_err(|error| funds(error.to_string()))?;
        self.sign_all(&mut psbt)
    }

    /// Confirmed coins that nothing is planned with, largest first.
    pub fn spare_coins(&self) -> Vec<FeeCoin> {
        let mut coins = self
            .inner
            .list_unspent()
            .filter(|o| {
                o.chain_position.is_confirmed() && !self.inner.is_outpoint_locked(o.outpoint)
            })
            .map(|o| FeeCoin {
                outpoint: o.outpoint,
                prevout: o.txout,
            })
            .collect::<Vec<_>>();
        coins.sort_by_key(|c| (std::cmp::Reverse(c.prevout.value), c.outpoint));
        coins
    }

    fn build(&mut self, payments: &[(ScriptBuf, Amount)], fees: Fees) -> Result<Psbt, WalletError> {
        self.build_without(&[], payments, fees)
    }

    fn build_without(
        &mut self,
        kept: &[OutPoint],
        payments: &[(ScriptBuf, Amount)],
        fees: Fees,
    ) -> Result<Psbt, WalletError> {
        let owner = self.owner.clone();
        // Whatever is selected fits a block, so that no fee below overflows.
        fees.in_time(Weight::MAX_BLOCK, Amount::ZERO)?;
        // What a fee child spends stays where it is: a payment by the same coin and the child could not both confirm.
        let kept: Vec<_> = self.paying().chain(kept.iter().copied()).collect();
        // One large coin rather than several small ones: those pay for children later.
        let mut builder = self
            .inner
            .build_tx()
            .coin_selection(LargestFirstCoinSelection);
        for (script, amount) in payments {
            builder.add_recipient(script.clone(), *amount);
        }
        builder.fee_rate(fees.rate()).unspendable(kept);
        let psbt = builder
            .finish_with_aux_rand(&mut self.rng)
            .map_err(|e| WalletError::Funds {
                owner,
                reason: e.to_string(),
            })?;
        let spent = psbt.unsigned_tx.input.iter();
        let spent = spent.filter_map(|input| self.inner.get_utxo(input.previous_output));
        let coins: Amount = spent.map(|coin| coin.txout.value).sum();
        let fee = psbt.fee().map_err(|e| self.sign_error(e.to_string()))?;
        fees.check_share(fee, coins)?;
        for input in &psbt.unsigned_tx.input {
            self.inner.lock_outpoint(input.previous_output);
        }
        Ok(psbt)
    }

    /// Signs a PSBT of which every input is its own, and takes the transaction out.
    pub fn sign_all(&self, psbt: &mut Psbt) -> Result<Transaction, WalletError> {
        self.sign_final(psbt)?;
        psbt.clone()
            .extract_tx()
            .map_err(|e| self.sign_error(e.to_string()))
    }

    fn sign_final(&self, psbt: &mut Psbt) -> Result<(), WalletError> {
        self.fill_origins(psbt);
        self.sign(psbt)?;
        match psbt
            .inputs
            .iter()
            .position(|input| input.final_script_witness.is_none())
        {
            None => Ok(()),
            Some(i) => Err(self.sign_error(format!("input {i} is not its own"))),
        }
    }

    /// Key origins of own coins in a PSBT that the wallet did not build itself.
    fn fill_origins(&self, psbt: &mut Psbt) {
        for i in 0..psbt.inputs.len() {
            let outpoint = psbt.unsigned_tx.input[i].previous_output;
            let Some(utxo) = self.inner.get_utxo(outpoint) else {
                continue;
            };
            if let Ok(input) = self.inner.get_psbt_input(utxo, None, true) {
                psbt.inputs[i] = input;
            }
        }
    }

    fn sign_error(&self, reason: String) -> WalletError {
        WalletError::Sign {
            owner: self.owner.clone(),
            reason,
        }
    }
}

/// The random source of a wallet, apart from its keys.
fn shuffling(seed: &[u8; 32]) -> StdRng {
    let mut engine = sha256::Hash::engine();
    engine.input(b"narthex wallet shuffles");
    engine.input(seed);
    StdRng::from_seed(sha256::Hash::from_engine(engine).to_byte_array())
}

/// A Taproot output that nobody can spend, standing for the contract's in contributions.
fn placeholder() -> ScriptBuf {
    let mut script = vec![0x51, 0x20];
    script.extend_from_slice(&UNSPENDABLE_KEY);
    ScriptBuf::from_bytes(script)
}
