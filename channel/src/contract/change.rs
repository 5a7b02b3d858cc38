//! What is written down of a contract.

use bitcoin::Txid;
use narthex_contracts::{
    attest::Attestation,
    graph::NodeId,
    party::PartyId,
    setup::{HandedOver, Release},
    shared_secret::RevealedShare,
};
use narthex_game_model::{
    Ruling,
    commitment::{Commitment, SignedReceipt},
    ruling::SignedItem,
};

use super::{Blob, BroughtPart, EndingChange, Facts, RulingDigest, Thing};

/// What a party found in what another has said or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The verifier: what was opened is what it has computed, and every box opens.
    Equal,
    /// The verifier: it is not. The worker: the verifier says that it has the token and has not, or has digests of its own that are
    /// wrong.
    Wrong,
    /// The worker: the verifier's digests are right, and its own leaves are not.
    OwnFault,
}

/// What came of the client's own look at what it has drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audited {
    /// Nothing is wrong.
    Right,
    /// This step is another than the worker's leaf says.
    Wrong {
        /// The first such step.
        step: u64,
    },
    /// What it looks at was not opened to it, or not whole: then it need not name a step.
    Unopened,
}

/// What is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContractChange {
    /// The chain says something else than before.
    Seen(Facts),
    /// Something signed, one's own or another's.
    Filed(SignedItem),
    /// A commitment that nobody signed.
    Shown(Box<Commitment>),
    /// A long thing is here.
    Kept {
        /// Who brought it.
        by: PartyId,
        /// What.
        blob: Blob,
    },
    /// A party's evidence is here.
    Brought(BroughtPart),
    /// Another party has something, or keeps it.
    Receipt(SignedReceipt),
    /// This party has something.
    Acknowledged {
        /// What.
        thing: Thing,
        /// Its receipt.
        receipt: SignedReceipt,
    },
    /// What came is not what it was said to be.
    NotReceived(Thing),
    /// The block that draws the sample is deep: it is drawn, or sealed for.
    Deep {
        /// Its height.
        height: u32,
    },
    /// What was found in what the other side said.
    Found(Finding),
    /// A share of the settlement came, and is to be checked.
    Released(Release),
    /// A signature of the settlement came, and is to be checked.
    HandedOver(HandedOver),
    /// The verifier's share, good.
    Approved(Vec<Release>),
    /// The whole signature, good.
    Passed(Vec<HandedOver>),
    /// What came and was to be checked is not good.
    False,
    /// This transaction is to be published, and with it what it shows.
    Decided(NodeId),
    /// This transaction is about to be given to a node, and with it the result secret: from here on it counts as shown.
    Showing(NodeId),
    /// Arbiters are asked to keep what the other side does not acknowledge.
    Appealing,
    /// Own evidence is put together, and signed with the hash by which it is kept.
    Pleaded(SignedReceipt),
    /// An arbiter saw an accusation for the first time.
    Summoned {
        /// At which tip.
        tip: u32,
    },
    /// The evidence is closed: it is ruled on.
    Closed,
    /// Own ruling.
    Ruled(Ruling),
    /// A ruling that was attested.
    Attested(Attestation),
    /// The result was decrypted with what a settlement showed, or nothing could be.
    Decrypted {
        /// By which.
        by: Txid,
        /// By what the result is kept.
        result: Option<[u8; 32]>,
    },
    /// The settlement is buried: the contract is over.
    Over,
    /// An approval lies deep, and the block behind it and the root, which draws what the client looks at where it has drawn nothing.
    AuditDeep {
        /// Height of that block.
        height: u32,
    },
    /// What came of the client's own look.
    Audited(Audited),
    /// This party has given a receipt before its disk was an older copy.
    Recalled(SignedReceipt),
    /// Of an ending that the three agree on.
    Ending(Box<EndingChange>),
    /// The verifier's share of the appeal, good (`paper` template).
    Rejected(Vec<Release>),
    /// An arbiter has shown its share of the panel's secret (`paper` template).
    Revealed(RevealedShare),
    /// Own ruling is in the record of rulings, and others are asked what they have of this arbiter.
    RulingFixed {
        /// Its digest.
        mine: RulingDigest,
        /// The digest of the other ruling, which is never sent: who has it knows of another process of this arbiter.
        other: [u8; 32],
    },
    /// What another party says that it had first of this arbiter, or what was given back of own words.
    DigestSeen {
        /// Who; oneself for own words.
        by: PartyId,
        /// Which digest.
        digest: RulingDigest,
    },
    /// The others had been asked.
    Asked {
        /// At which tip.
        tip: u32,
    },
    /// The ruling is to be attested: enough of the others have its digest and no other one.
    MayAttest,
    /// Whether this disk is known to be an older copy that was put back while there was a case.
    PutBack(bool),
    /// The digest of another arbiter's ruling. The first one of each is what it is answered with, for ever.
    DigestHeard(RulingDigest),
}
