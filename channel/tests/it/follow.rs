//! A follower is held to the laws of machines, and to what a chain does to it.

use bitcoin::{
    Amount, Block, BlockHash, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid,
    Witness,
    absolute::LockTime,
    block::{Header, Version},
    hashes::Hash,
    secp256k1::rand::{Rng, rngs::StdRng},
    transaction,
};
use narthex_channel::{
    Logged, Machine,
    follow::{FollowError, FollowInput, Follower, Found, MAX_REORG_BLOCKS, MAX_WATCHED},
    laws::{Effort, Subject, check},
    log::{Identity, MemoryDisk},
};

fn hash(n: u32) -> BlockHash {
    let mut bytes = [7; 32];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    BlockHash::from_byte_array(bytes)
}

fn coin(n: u8) -> OutPoint {
    OutPoint {
        txid: Txid::from_byte_array([n; 32]),
        vout: n.into(),
    }
}

/// A transaction of two outputs.
fn spend(coin: OutPoint) -> Transaction {
    let output = TxOut {
        value: Amount::from_sat(1_000),
        script_pubkey: ScriptBuf::new(),
    };
    Transaction {
        version: transaction::Version(3),
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: coin,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ZERO,
            witness: Witness::new(),
        }],
        output: vec![output.clone(), output],
    }
}

fn output(tx: &Transaction, vout: u32) -> OutPoint {
    let txid = tx.compute_txid();
    OutPoint { txid, vout }
}

fn block(txdata: Vec<Transaction>) -> Block {
    let header = Header {
        version: Version::TWO,
        prev_blockhash: BlockHash::all_zeros(),
        merkle_root: bitcoin::TxMerkleNode::all_zeros(),
        time: 0,
        bits: bitcoin::CompactTarget::from_consensus(0),
        nonce: 0,
    };
    Block { header, txdata }
}

fn begin(height: u32, count: u32) -> FollowInput {
    FollowInput::Begin {
        height,
        hashes: (height + 1 - count..=height).map(hash).collect(),
        watched: vec![coin(1)],
    }
}

fn connect(n: u32, previous: u32, found: Vec<Found>) -> FollowInput {
    FollowInput::Connect {
        hash: hash(n),
        previous: hash(previous),
        found,
    }
}

fn step(follower: &mut Follower, input: &FollowInput) -> Result<(), FollowError> {
    for change in follower.step(input)?.changes {
        follower.apply(&change);
    }
    Ok(())
}

fn begun() -> Follower {
    let mut follower = Follower::default();
    step(&mut follower, &begin(200, 50)).unwrap();
    follower
}

struct Followed;

impl Subject for Followed {
    type Machine = Follower;
    type State = Follower;

    fn fresh(&self) -> Follower {
        Follower::default()
    }

    fn state(&self, machine: &Follower) -> Follower {
        machine.clone()
    }

    fn input(&mut self, machine: &Follower, rng: &mut StdRng) -> FollowInput {
        let Some((height, tip)) = machine.tip() else {
            return begin(200, rng.gen_range(0..=MAX_REORG_BLOCKS + 1));
        };
        let unspent = machine.unspent();
        match rng.gen_range(0..8u8) {
            0 => FollowInput::Fork {
                to: height + 1 - rng.gen_range(0..5),
            },
            1 => begin(200, 3),
            2 => connect(rng.r#gen(), rng.r#gen(), Vec::new()),
            kind => {
                let mut found = Vec::new();
                let spent = unspent.get(rng.gen_range(0..unspent.len().max(1)));
                if let Some(coin) = spent.filter(|_| kind > 5) {
                    let watched = (0..rng.gen_range(0..3)).collect();
                    let tx = spend(*coin);
                    found.push(Found { tx, watched });
                }
                FollowInput::Connect {
                    hash: hash(rng.r#gen()),
                    previous: tip,
                    found,
                }
            }
        }
    }
}

#[test]
fn a_follower_keeps_the_laws() {
    check(&mut Followed, Effort::new(51, 300, 24)).unwrap_or_else(|e| panic!("{e}"));
}

/// What one block holds of a whole contract is found, each by the one before it; what a fork takes away is watched for again.
#[test]
fn a_chain_of_spends_in_one_block_and_back() {
    let mut follower = begun();
    let first = spend(coin(1));
    let second = spend(output(&first, 1));
    let foreign = spend(coin(9));
    let txs = vec![foreign, first.clone(), second.clone()];
    let mut asked = Vec::new();
    let found = follower.find(&block(txs), &mut |tx| {
        asked.push(tx.compute_txid());
        vec![1]
    });
    assert_eq!(asked, [first.compute_txid(), second.compute_txid()]);
    step(&mut follower, &connect(201, 200, found)).unwrap();
    assert_eq!(follower.unspent(), [output(&second, 1)]);
    let heights: Vec<_> = follower.found().map(|(height, _)| height).collect();
    assert_eq!(heights, [201, 201]);
    step(&mut follower, &connect(202, 201, Vec::new())).unwrap();
    step(&mut follower, &FollowInput::Fork { to: 201 }).unwrap();
    assert_eq!(follower.found().count(), 2);
    step(&mut follower, &FollowInput::Fork { to: 200 }).unwrap();
    assert_eq!(follower.unspent(), [coin(1)]);
    assert_eq!(follower.found().count(), 0);
}

/// Below where it began too: the hashes of some blocks before are known.
#[test]
fn a_fork_goes_back_144_blocks_and_no_deeper() {
    let mut follower = begun();
    assert_eq!(follower.lowest_fork(), 151);
    let deep = FollowInput::Fork { to: 150 };
    let refused = follower.step(&deep).unwrap_err();
    assert_eq!(refused, FollowError::TooDeep { tip: 200, to: 150 });
    for height in 201..=400 {
        step(&mut follower, &connect(height, height - 1, Vec::new())).unwrap();
    }
    let lowest = 400 - MAX_REORG_BLOCKS;
    let deep = FollowInput::Fork { to: lowest - 1 };
    let refused = follower.step(&deep).unwrap_err();
    let to = lowest - 1;
    assert_eq!(refused, FollowError::TooDeep { tip: 400, to });
    assert!(
        refused.to_string().contains("begin to follow anew"),
        "{refused}"
    );
    step(&mut follower, &FollowInput::Fork { to: lowest }).unwrap();
    assert_eq!(follower.tip(), Some((lowest, hash(lowest))));
    let ahead = FollowInput::Fork { to: lowest + 1 };
    assert!(matches!(
        follower.step(&ahead),
        Err(FollowError::Ahead { .. })
    ));
}

#[test]
fn what_does_not_follow_or_is_not_watched_is_refused() {
    let follower = begun();
    let refuses = |input: FollowInput| follower.step(&input).unwrap_err();
    let (height, tip, previous) = (200, hash(200), hash(199));
    let not_next = FollowError::NotNext {
        previous,
        tip,
        height,
    };
    assert_eq!(refuses(connect(201, 199, Vec::new())), not_next);
    let found = |tx, watched| vec![Found { tx, watched }];
    let foreign = refuses(connect(201, 200, found(spend(coin(2)), vec![])));
    assert!(matches!(foreign, FollowError::Foreign { .. }));
    let missing = refuses(connect(201, 200, found(spend(coin(1)), vec![2])));
    assert!(matches!(missing, FollowError::Foreign { .. }));
    let mut large = spend(coin(1));
    large.output = vec![large.output[0].clone(); MAX_WATCHED + 1];
    let all = (0..=MAX_WATCHED as u32).collect();
    let many = refuses(connect(201, 200, found(large, all)));
    assert_eq!(many, FollowError::TooMany);
    assert_eq!(refuses(begin(200, 3)), FollowError::Order);
}

/// Whoever is killed goes on from the block that was read last.
#[test]
fn a_log_goes_on_where_it_was() {
    let (disk, whose) = (MemoryDisk::default(), Identity::new("followed", [3; 32]));
    let mut follower = Logged::open(Follower::default(), disk.open(&whose).unwrap()).unwrap();
    follower.step(&begin(200, 10)).unwrap();
    let tx = spend(coin(1));
    let found = vec![Found {
        tx: tx.clone(),
        watched: vec![0],
    }];
    follower.step(&connect(201, 200, found)).unwrap();
    let before = follower.machine().clone();
    drop(follower);
    let again = Logged::open(Follower::default(), disk.open(&whose).unwrap()).unwrap();
    assert_eq!(*again.machine(), before);
    assert_eq!(again.machine().unspent(), [output(&tx, 0)]);
}
