//! A key for tests, its output script, and transactions that it signs.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::key::{Keypair, TapTweak};
use bitcoin::secp256k1::{Message, Secp256k1};
use bitcoin::sighash::{Prevouts, SighashCache, TapSighashType};
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness};

/// A key that anyone can work out from its number: for coins of no worth only.
pub struct Signer {
    keypair: Keypair,
}

impl Signer {
    /// The key with this number; the same number gives the same key everywhere.
    ///
    /// `None` never happens in practice: it would take a hash that is no valid secret key.
    pub fn new(number: u64) -> Option<Self> {
        let secret = bitcoin::hashes::sha256::Hash::hash(&number.to_le_bytes()).to_byte_array();
        let keypair = Keypair::from_seckey_slice(&Secp256k1::new(), &secret).ok()?;
        Some(Self { keypair })
    }

    /// Taproot output script that this key spends by key path.
    pub fn script(&self) -> ScriptBuf {
        ScriptBuf::new_p2tr(&Secp256k1::new(), self.keypair.x_only_public_key().0, None)
    }

    /// Signs every input of `tx`, each by key path; `spent` are the outputs spent, in order. Inputs whose output
    /// belongs to somebody else are left as they are.
    ///
    /// # Errors
    ///
    /// When `spent` and the inputs differ in number.
    pub fn sign(
        &self,
        tx: &mut Transaction,
        spent: &[TxOut],
    ) -> Result<(), bitcoin::sighash::TaprootError> {
        let secp = Secp256k1::new();
        let tweaked = self.keypair.tap_tweak(&secp, None).to_keypair();
        let own = self.script();
        let mut witnesses = Vec::new();
        let mut cache = SighashCache::new(&*tx);
        for index in (0..spent.len()).filter(|index| spent[*index].script_pubkey == own) {
            let hash = cache.taproot_key_spend_signature_hash(
                index,
                &Prevouts::All(spent),
                TapSighashType::Default,
            )?;
            // No auxiliary randomness: the same transaction always gets the same bytes.
            let signature = secp
                .sign_schnorr_no_aux_rand(&Message::from_digest(hash.to_byte_array()), &tweaked);
            witnesses.push((index, Witness::from_slice(&[signature.as_ref()])));
        }
        for (index, witness) in witnesses {
            tx.input[index].witness = witness;
        }
        Ok(())
    }
}

/// A transaction without signatures: version 2, no locks, replaceable as all are.
pub fn spend(coins: &[OutPoint], outputs: Vec<TxOut>) -> Transaction {
    let input = |previous_output: &OutPoint| TxIn {
        previous_output: *previous_output,
        script_sig: ScriptBuf::new(),
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        witness: Witness::new(),
    };
    let input = coins.iter().map(input).collect();
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input,
        output: outputs,
    }
}

/// An output of `sat` satoshis.
pub fn pay(sat: u64, script: &bitcoin::Script) -> TxOut {
    TxOut {
        value: Amount::from_sat(sat),
        script_pubkey: script.to_owned(),
    }
}
