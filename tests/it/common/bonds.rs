//! Bonds on a chain, for the tests about them.

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Transaction, TxOut,
    hashes::{Hash, sha256},
    key::XOnlyPublicKey,
    secp256k1::{Keypair, Secp256k1, SecretKey},
};
use narthex::{
    bond::{BondForm, StatusError, moment, verify},
    contracts::{
        bond::{BlockTime, BondFault, BondScript, Certificate, Claim, Lock},
        terms::FeeRate,
    },
    regtest::{Chain, Error, mine_coins},
    wallet::PartyWallet,
};

use super::miner;

pub const FORMS: [BondForm; 3] = [BondForm::Bip46, BondForm::Taproot, BondForm::TaprootTime];
pub const VALUE: Amount = Amount::from_sat(1_000_000);
pub const RATE: FeeRate = FeeRate::from_sat_per_kwu(500);

pub fn secret(name: &str) -> SecretKey {
    SecretKey::from_slice(&sha256::Hash::hash(name.as_bytes()).to_byte_array()).unwrap()
}

pub fn x(name: &str) -> XOnlyPublicKey {
    secret(name).x_only_public_key(&Secp256k1::new()).0
}

pub fn tip(chain: &mut dyn Chain) -> BlockTime {
    let height = chain.height().unwrap();
    moment(chain, height).unwrap()
}

pub fn funded(chain: &mut dyn Chain) -> PartyWallet {
    let mut wallet = PartyWallet::new("owner", &[7; 32]).unwrap();
    let own = wallet.fresh_script();
    mine_coins(chain, 6, &own, &miner()).unwrap();
    wallet.sync(chain).unwrap();
    wallet
}

/// A bond script that opens after so many blocks.
pub fn script(chain: &mut dyn Chain, form: BondForm, blocks: u32) -> BondScript {
    let now = tip(chain);
    let time = Lock::time(now.median_time + blocks * 600).unwrap();
    match form {
        BondForm::Bip46 => {
            BondScript::bip46(secret("bond").public_key(&Secp256k1::new()), time).unwrap()
        }
        BondForm::Taproot => {
            BondScript::taproot(x("bond"), Lock::height(now.height + blocks).unwrap())
        }
        BondForm::TaprootTime => BondScript::taproot(x("bond"), time),
    }
}

/// Pays to a bond without mining.
pub fn pay(chain: &mut dyn Chain, wallet: &mut PartyWallet, script: &BondScript) -> OutPoint {
    let wanted = script.script_pubkey().unwrap();
    let tx = wallet.pay(&[(wanted.clone(), VALUE)], RATE).unwrap();
    chain.submit(&tx).unwrap();
    let vout = tx
        .output
        .iter()
        .position(|o| o.script_pubkey == wanted)
        .unwrap() as u32;
    OutPoint {
        txid: tx.compute_txid(),
        vout,
    }
}

pub fn confirmed(chain: &mut dyn Chain, wallet: &mut PartyWallet, script: &BondScript) -> Claim {
    let outpoint = pay(chain, wallet, script);
    chain.mine(1, &miner()).unwrap();
    wallet.sync(chain).unwrap();
    claim(chain, script, outpoint)
}

/// As the bond would be if the tip had confirmed it.
pub fn claim(chain: &mut dyn Chain, script: &BondScript, outpoint: OutPoint) -> Claim {
    Claim {
        script: *script,
        outpoint,
        value: VALUE,
        confirmed_height: chain.height().unwrap(),
        identity: x("identity"),
    }
}

pub fn certify(claim: Claim, valid_below: u32) -> Certificate {
    let key = Keypair::from_secret_key(&Secp256k1::new(), &secret("bond"));
    Certificate::sign(&Secp256k1::new(), claim, valid_below, &key).unwrap()
}

pub fn spend(claim: &Claim, to: ScriptBuf, rate: FeeRate) -> Transaction {
    let prevout = TxOut {
        value: VALUE,
        script_pubkey: claim.script.script_pubkey().unwrap(),
    };
    let sweep = claim
        .script
        .sweep(claim.outpoint, prevout, vec![], to, rate)
        .unwrap();
    sweep.sign(&secret("bond")).unwrap()
}

pub fn fault(chain: &mut dyn Chain, claim: &Claim) -> BondFault {
    match verify(chain, claim, 1) {
        Err(StatusError::Fault(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

/// What the consensus rules say against a block with this transaction.
pub fn refused(chain: &mut dyn Chain, tx: &Transaction) -> String {
    match chain.mine_exactly(std::slice::from_ref(tx), &miner()) {
        Err(Error::BlockRejected { reason }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}
