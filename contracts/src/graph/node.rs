//! What a transaction graph is made of. All of it is data: templates fill it in, the engine reads it.

use std::fmt;

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, TxOut, hashes::sha256, taproot::ControlBlock,
};

use crate::{
    musig::AdaptorPoint,
    party::{Named, PartyId, PartySet},
};

/// Index of a transaction in its graph; parents come before children, the funding transaction is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// Index of a key set in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeySetId(pub u16);

/// Index of an adaptor in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdaptorId(pub u32);

/// Index of a script leaf in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeafId(pub u16);

/// Index of an output script in its graph: few scripts serve many transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScriptId(pub u16);

/// Name of a transaction: its place in the template and, where there are several of one name, which of them it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeName {
    /// Such as `Tx0`, `TxD`, `S6`.
    pub base: &'static str,
    /// Which of several.
    pub variant: Option<Variant>,
}

impl NodeName {
    /// A name without variants.
    pub const fn plain(base: &'static str) -> NodeName {
        NodeName {
            base,
            variant: None,
        }
    }

    /// One of several of this name.
    pub fn with(base: &'static str, variant: impl Into<Variant>) -> NodeName {
        NodeName {
            base,
            variant: Some(variant.into()),
        }
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base)?;
        match &self.variant {
            None => Ok(()),
            Some(variant) => variant.fmt(f),
        }
    }
}

/// Tells transactions of one name apart: by those of some who are alike (members of a panel, everybody that may be
/// paid) on whom it depends, on one side or on two. Templates say what the sides mean. Its text is `{0,2}`, or
/// `{1}/{0,2}` if both sides have somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Variant {
    first: u32,
    second: u32,
}

impl Variant {
    /// Those whose bits are set in the mask.
    pub const fn of(mask: u32) -> Variant {
        Variant::sides(mask, 0)
    }

    /// Those on either side. A template takes care that nobody is on both.
    pub const fn sides(first: u32, second: u32) -> Variant {
        Variant { first, second }
    }

    /// Masks of both sides.
    pub const fn masks(self) -> (u32, u32) {
        (self.first, self.second)
    }

    /// How many it depends on.
    pub const fn count(self) -> u32 {
        (self.first | self.second).count_ones()
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |f: &mut fmt::Formatter<'_>, mask: u32| {
            f.write_str("{")?;
            let places = (0..u32::BITS).filter(|place| mask >> place & 1 == 1);
            for (i, place) in places.enumerate() {
                let comma = if i == 0 { "" } else { "," };
                write!(f, "{comma}{place}")?;
            }
            f.write_str("}")
        };
        match (self.first, self.second) {
            (first, 0) => side(f, first),
            (0, second) => side(f, second),
            (first, second) => {
                side(f, first)?;
                f.write_str("/")?;
                side(f, second)
            }
        }
    }
}

/// A secret that completes signatures, by its number in its contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretId(pub u16);

/// A secret and what its contract calls it.
pub type SecretName = Named<SecretId>;

impl SecretName {
    /// For a secret that no table has: `secret 7`.
    pub const fn unnamed(id: SecretId) -> SecretName {
        Named::numbered(id, "secret ", id.0)
    }
}

impl From<SecretName> for SecretId {
    fn from(name: SecretName) -> SecretId {
        name.id
    }
}

/// An adaptor point and what it is the sum of.
#[derive(Debug, Clone)]
pub struct Adaptor {
    /// Sum of the points of `needs`.
    pub point: AdaptorPoint,
    /// The secrets whose sum completes a signature. Empty if the contract keeps its secret apart from the graph's.
    pub needs: Vec<SecretId>,
}

/// Order in which signatures are exchanged, from 0. A stage opens when the one before is complete and verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stage(pub u8);

/// A stage and what its contract calls it.
pub type StageName = Named<Stage>;

impl From<StageName> for Stage {
    fn from(name: StageName) -> Stage {
        name.id
    }
}

/// Who holds which signature of a transaction when setup is over.
#[derive(Debug, Clone, Copy)]
pub struct SigningPlan {
    /// When its shares are exchanged.
    pub stage: Stage,
    /// Who makes the move: the one party, or any of several, that may publish it.
    pub broadcasters: PartySet,
    /// Who holds all shares after setup. A signer outside it sends its shares and keeps none of the others'.
    pub signature_holders: PartySet,
    /// A party that holds all shares but one, which the signer named withholds until it agrees.
    pub withheld: Option<Withheld>,
    /// The adaptor point that the signature is made under.
    pub adaptor: Option<AdaptorId>,
}

/// `holder` has every share but that of `signer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Withheld {
    /// Who waits.
    pub holder: PartyId,
    /// Whose share it lacks.
    pub signer: PartyId,
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
    Wallet(PartyId),
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
    /// Stays the owner's, and the contract may take it: spent by this key set, or by its owner alone when the contract
    /// is over.
    Held {
        /// Whose it is.
        owner: PartyId,
        /// Who spends it for the contract.
        keys: KeySetId,
        /// What the contract calls it, such as `stake`.
        what: &'static str,
    },
    /// Pays a party.
    Payout(PartyId),
    /// Pays the common fund.
    Fund,
    /// Change of a party's funding.
    Change(PartyId),
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
