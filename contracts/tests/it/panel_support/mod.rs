//! Arbiters, blocks and draws made up for the tests of the panel.

use bitcoin::{
    Amount, Block, BlockHash, CompactTarget, OutPoint, ScriptBuf, Sequence, Transaction, TxIn,
    TxMerkleNode, TxOut, Txid, Witness,
    absolute::LockTime,
    block::{Header, Version},
    hashes::{Hash, sha256},
    key::XOnlyPublicKey,
    secp256k1::{Keypair, PublicKey, Secp256k1, SecretKey},
    transaction,
};
use narthex_contracts::{
    fixtures::Fixtures,
    panel::{DrawCase, DrawTiming, OfferDraft, OfferRole, OfferTerms, Pool},
    terms::Role,
};
use narthex_game_model::{Params, ParamsRecord, Ratio, Template};

/// The 32 bytes that stand for a name and a number.
pub fn digest(name: &str, n: u64) -> [u8; 32] {
    sha256::Hash::hash(format!("{name}/{n}").as_bytes()).to_byte_array()
}

/// Arbiter number `n`.
pub fn arbiter(n: u64) -> Keypair {
    let secret = SecretKey::from_slice(&digest("arbiter", n)).unwrap();
    secret.keypair(&Secp256k1::new())
}

pub fn identity(n: u64) -> XOnlyPublicKey {
    arbiter(n).x_only_public_key().0
}

pub fn params(n: u8, k: u8) -> Params {
    Params::new(ParamsRecord::example(n, k, 500)).unwrap()
}

/// Terms that the example contract keeps.
pub fn standard_terms() -> OfferTerms {
    let stake = Amount::from_sat(250_000);
    OfferTerms {
        min_fee_sat: Amount::from_sat(5_000),
        max_epsilon: Ratio::HALF,
        min_decide_blocks: 10,
        max_dispute_blocks: 200,
        max_cases: 3,
        ..OfferTerms::undemanding(OfferRole::Arbiter, Template::Hardened, stake)
    }
}

/// Terms of a verifier that the example contract keeps, each bound but for the machine's at its border.
pub fn verifier_terms() -> OfferTerms {
    OfferTerms {
        role: OfferRole::Verifier,
        stake_sat: Amount::from_sat(220_000),
        min_fee_sat: Amount::from_sat(20_000),
        max_epsilon: Ratio::new(1, 4).unwrap(),
        min_decide_blocks: 2,
        max_dispute_blocks: 36,
        // `Params::blob_bytes` of the example: 1,000 boxes of 64 KiB, and 100 opened with their proofs.
        max_blob_bytes: 72_218_952,
        // 100 steps of 100,000,000 in 2 blocks, of which 60 seconds each count.
        fuel_per_second: 83_333_334,
        ..standard_terms()
    }
}

pub const TIMING: DrawTiming = DrawTiming {
    snapshot_height: 300,
    delay_blocks: 6,
    burial_blocks: 2,
};

/// Contract keys of the made-up client, worker and verifier.
pub fn principals(fixtures: &Fixtures) -> [PublicKey; 3] {
    Role::PRINCIPALS.map(|r| PublicKey::from_secret_key(&Secp256k1::new(), &fixtures.key(r)))
}

/// A draw for the example contract of `k` of `n`.
pub fn case(n: u8, k: u8) -> DrawCase {
    let fixtures = Fixtures::example(Template::Hardened, n, k, 500, [7; 32]).unwrap();
    DrawCase::new(
        fixtures.params(),
        principals(&fixtures),
        &[standard_terms()],
        Amount::from_sat(10_000),
        TIMING,
    )
    .unwrap()
}

/// A transaction that spends `spent` and pays these outputs.
pub fn transaction(spent: OutPoint, output: Vec<TxOut>) -> Transaction {
    Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: spent,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::new(),
        }],
        output,
    }
}

/// A coin from nowhere.
pub fn coin(n: u64) -> OutPoint {
    OutPoint {
        txid: Txid::from_byte_array(digest("coin", n)),
        vout: 0,
    }
}

/// The transaction of arbiter `n`'s offer.
pub fn offer(n: u64, sat: u64, expiry_height: u32) -> Transaction {
    offer_under(n, sat, expiry_height, &standard_terms())
}

pub fn offer_under(n: u64, sat: u64, expiry_height: u32, terms: &OfferTerms) -> Transaction {
    let draft = OfferDraft::new(identity(n), expiry_height, Amount::from_sat(sat), terms).unwrap();
    transaction(
        coin(n << 32 ^ sat ^ u64::from(expiry_height) << 16),
        draft.outputs().unwrap().to_vec(),
    )
}

/// A block with these transactions; `salt` tells competing ones apart.
pub fn block(previous: BlockHash, salt: u32, txdata: Vec<Transaction>) -> Block {
    Block {
        header: Header {
            version: Version::TWO,
            prev_blockhash: previous,
            merkle_root: TxMerkleNode::all_zeros(),
            time: salt,
            bits: CompactTarget::from_consensus(0x207f_ffff),
            nonce: 0,
        },
        txdata,
    }
}

/// Connects a block on the tip.
pub fn mine(pool: &mut Pool, height: u32, txdata: Vec<Transaction>) -> BlockHash {
    let previous = pool.tip().map_or(BlockHash::all_zeros(), |(_, hash)| hash);
    let block = block(previous, height, txdata);
    let changes = pool.connect(height, &block).unwrap();
    pool.apply(&changes);
    block.block_hash()
}

/// A pool whose block 300 holds the offers of arbiters 0, 1, … with these bonds until height 10,300.
pub fn pool(bonds_sat: &[u64]) -> Pool {
    let mut pool = Pool::default();
    let txs = (0u64..)
        .zip(bonds_sat)
        .map(|(n, sat)| offer(n, *sat, 10_300))
        .collect();
    mine(&mut pool, 300, txs);
    pool
}
