//! What a transaction graph is made of. All of it is data: templates fill it in, the engine reads it.

use std::fmt;

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, TxOut, hashes::sha256, taproot::ControlBlock,
};
use narthex_game_model::{ArbiterSet, Ruling};

use crate::{
    musig::AdaptorPoint,
    role::{Role, RoleSet},
};

/// Index of a transaction in its graph; parents come before children, the funding transaction is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// Index of a key set in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeySetId(pub u16);

/// Index of an adaptor in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AdaptorId(pub u32);

/// Index of a script leaf in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeafId(pub u16);

/// Index of an output script in its graph: few scripts serve many transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScriptId(pub u16);

/// Name of a transaction: its place in the template and, where there is one variant per outcome of the panel,
/// which arbiters ruled what, or which of several it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeName {
    /// Such as `Tx0`, `TxD`, `S6`.
    pub base: &'static str,
    /// Who ruled, if the variant depends on it.
    pub rulings: Option<Rulings>,
    /// Whom it is for, if there is a variant for each set of those who may be.
    pub members: Option<ArbiterSet>,
}

impl NodeName {
    /// A name without variants.
    pub const fn plain(base: &'static str) -> NodeName {
        NodeName {
            base,
            rulings: None,
            members: None,
        }
    }

    /// The variant for this set.
    pub const fn among(base: &'static str, members: ArbiterSet) -> NodeName {
        NodeName {
            base,
            rulings: None,
            members: Some(members),
        }
    }

    /// The variant for these rulings.
    pub const fn with(base: &'static str, rulings: Rulings) -> NodeName {
        NodeName {
            base,
            rulings: Some(rulings),
            members: None,
        }
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base)?;
        if let Some(members) = self.members {
            write!(f, "{members}")?;
        }
        match self.rulings {
            None => Ok(()),
            Some(r) if r.verifier.is_empty() && r.worker.is_empty() => f.write_str("{}"),
            Some(r) if r.verifier.is_empty() => write!(f, "{}", r.worker),
            Some(r) if r.worker.is_empty() => write!(f, "{}", r.verifier),
            Some(r) => write!(f, "{}/{}", r.worker, r.verifier),
        }
    }
}

/// Which arbiters attested which ruling; no arbiter is in both sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rulings {
    /// Those who found the worker at fault.
    pub worker: ArbiterSet,
    /// Those who found the verifier at fault.
    pub verifier: ArbiterSet,
}

impl Rulings {
    /// `set` attested `ruling`, the others nothing.
    pub fn of(ruling: Ruling, set: ArbiterSet) -> Rulings {
        match ruling {
            Ruling::WorkerAtFault => Rulings {
                worker: set,
                verifier: ArbiterSet::empty(),
            },
            Ruling::VerifierAtFault => Rulings {
                worker: ArbiterSet::empty(),
                verifier: set,
            },
        }
    }

    /// Everyone who attested something.
    pub fn ruled(self) -> ArbiterSet {
        ArbiterSet::new(self.worker.mask() | self.verifier.mask()).unwrap_or(ArbiterSet::empty())
    }
}

/// The secrets whose sum completes a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretsNeeded {
    /// The worker's result secret t.
    pub result: bool,
    /// The worker's appeal secret (`paper` layout).
    pub appeal: bool,
    /// The panel's one shared secret (`paper` layout).
    pub panel: bool,
    /// Attestations, one secret per arbiter.
    pub rulings: Option<Rulings>,
}

impl SecretsNeeded {
    /// None at all.
    pub const NONE: SecretsNeeded = SecretsNeeded {
        result: false,
        appeal: false,
        panel: false,
        rulings: None,
    };
    /// The result secret alone.
    pub const RESULT: SecretsNeeded = SecretsNeeded {
        result: true,
        ..SecretsNeeded::NONE
    };
}

/// An adaptor point and what it is the sum of.
#[derive(Debug, Clone, Copy)]
pub struct Adaptor {
    /// Sum of the points of `needs`.
    pub point: AdaptorPoint,
    /// The secrets behind it.
    pub needs: SecretsNeeded,
}

/// Order in which signatures are exchanged. A stage opens when the one before is complete and verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The appeal and everything behind it.
    Arbitration,
    /// Delivery, verdicts and what follows them without appeal.
    Delivery,
    /// Settlements that spend the funding output.
    Settlement,
}

impl Stage {
    /// All stages in order.
    pub const ALL: [Stage; 3] = [Stage::Arbitration, Stage::Delivery, Stage::Settlement];
}

/// Who holds which signature of a transaction when setup is over.
#[derive(Debug, Clone, Copy)]
pub struct SigningPlan {
    /// When its shares are exchanged.
    pub stage: Stage,
    /// Who makes the move: the one party, or any of several, that may publish it.
    pub movers: RoleSet,
    /// Who holds all shares after setup. A signer outside it sends its shares and keeps none of the others'.
    pub holders: RoleSet,
    /// A party that holds all shares but one, which the signer named withholds until it agrees.
    pub awaits: Option<Awaits>,
    /// The adaptor point that the signature is made under.
    pub adaptor: Option<AdaptorId>,
}

/// `holder` has every share but that of `signer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Awaits {
    /// Who waits.
    pub holder: Role,
    /// Whose share it lacks.
    pub signer: Role,
}

/// Where an input's coin comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Output `vout` of another transaction of the graph.
    Output {
        /// The parent.
        node: NodeId,
        /// Index of the output.
        vout: u32,
    },
    /// A coin that was on chain before the contract.
    External {
        /// Where it is.
        outpoint: OutPoint,
        /// What it holds.
        prevout: TxOut,
    },
}

/// How an input is satisfied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spend {
    /// By the wallet of this party, through a PSBT.
    Wallet(Role),
    /// By a key-path signature of a key set.
    KeyPath(KeySetId),
    /// By a leaf of the output's script tree (BIP342).
    Leaf(LeafId),
}

/// A script leaf that spends an output, and who signs for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The leaf's script (tapscript, leaf version 0xc0). It takes one signature for each of `signers` and `releasers`,
    /// one preimage for each of `hashes` and no more.
    pub script: ScriptBuf,
    /// Proof that the output commits to the script (BIP341).
    pub control: ControlBlock,
    /// Whose signatures the script checks, in the order in which it does: the witness stack has them reversed.
    pub signers: Vec<KeySetId>,
    /// Whose signatures it checks after those, of the coin and this leaf alone (`SIGHASH_NONE|ANYONECANPAY`): such a
    /// signature lets the signers spend, and leaves to them what the transaction pays.
    pub releasers: Vec<KeySetId>,
    /// SHA-256 hashes whose preimages of 32 bytes the script wants after the signatures, in the order in which it
    /// checks them.
    pub hashes: Vec<sha256::Hash>,
}

/// An input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeInput {
    /// The coin.
    pub source: Source,
    /// Relative timelock in blocks (BIP68) or none.
    pub sequence: Sequence,
    /// How it is spent.
    pub spend: Spend,
}

/// What an output is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The contract goes on from here; spent by this key set.
    Contract(KeySetId),
    /// The contract goes on from here; nobody has the key, leaves alone spend it.
    Locked,
    /// An arbiter's stake; spent by this key set, or by its owner after the contract's last deadline.
    Stake(Role, KeySetId),
    /// Pays a party.
    Payout(Role),
    /// Pays the common fund.
    Fund,
    /// Change of a party's funding.
    Change(Role),
    /// Lets anybody attach a child that pays the fee (P2A).
    Anchor,
    /// Carries data, no value.
    Data,
}

/// An output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeOutput {
    /// Satoshis.
    pub value: Amount,
    /// The script, by index.
    pub script: ScriptId,
    /// Its purpose.
    pub purpose: Purpose,
}

/// A script and the descriptor that a wallet can watch it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputScript {
    /// The scriptPubKey.
    pub script: ScriptBuf,
    /// Output descriptor (BIP380, BIP386), without checksum.
    pub descriptor: String,
}

/// A transaction of the graph.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its name.
    pub name: NodeName,
    /// What happened if it confirms, in a few words.
    pub meaning: &'static str,
    /// nVersion: 2 for the funding transaction, 3 (TRUC, BIP431) for all others.
    pub version: i32,
    /// nLockTime: a height, or 0.
    pub lock_height: u32,
    /// Inputs in order.
    pub inputs: Vec<NodeInput>,
    /// Outputs in order.
    pub outputs: Vec<NodeOutput>,
    /// Who signs when; `None` for the funding transaction, which wallets sign.
    pub signing: Option<SigningPlan>,
}
