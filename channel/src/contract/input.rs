//! What comes to a party of a contract.

use bitcoin::Txid;
use narthex_contracts::{
    attest::Attestation,
    coop::Proposal,
    graph::NodeId,
    setup::{HandedOver, NoncesMessage, Release, SharesMessage},
    shared_secret::RevealedShare,
    terms::Role,
};
use narthex_game_model::{
    Ruling,
    commitment::{Commitment, SignedReceipt},
    ruling::SignedItem,
};

use super::{
    Audited, Blob, ChainView, EndingSaid, Finding, PartSaid, RulingDigest, StoredEnding, Thing,
};

/// What another party sent, with long things by their names: whoever drives the machine has made them durable before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Something signed.
    Item(SignedItem),
    /// That something was received, or is kept.
    Receipt(SignedReceipt),
    /// A commitment that nobody signed.
    Commitment(Box<Commitment>),
    /// A long thing.
    Blob(Blob),
    /// A part of evidence.
    Evidence(Box<PartSaid>),
    /// The verifier's share of the settlement.
    Release(Release),
    /// The whole signature of the settlement.
    HandedOver(HandedOver),
    /// A ruling.
    Attestation(Attestation),
    /// Something of an ending.
    Ending(Box<EndingSaid>),
    /// An arbiter's share of the panel's secret (`paper` template).
    Share(RevealedShare),
    /// An arbiter asks what the other has of it: this is the digest of its ruling.
    Digest(RulingDigest),
    /// The answer: the first that it has.
    DigestSeen(RulingDigest),
}

/// What came of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// The worker has done the work: what it signs, and its boxes.
    Committed {
        /// Its commitment, signed.
        commitment: SignedItem,
        /// By what the boxes are kept.
        boxes: [u8; 32],
    },
    /// The verifier has drawn its sample, the worker sealed its token, the verifier answered, the client drawn what it looks at: what
    /// it signs.
    Signed(SignedItem),
    /// The worker has opened the sample, or to the client what that looks at.
    Opened {
        /// What it signs.
        item: SignedItem,
        /// The opening.
        opening: Blob,
    },
    /// What was found in what another party said: a fault, or none.
    Found(Finding),
    /// What came of the client's own look.
    Audited(Audited),
    /// It is the thing that it is said to be: the own receipt.
    Acknowledged {
        /// What.
        thing: Thing,
        /// The receipt.
        receipt: SignedReceipt,
    },
    /// It is not.
    NotReceived {
        /// What.
        thing: Thing,
    },
    /// The verifier's own share of the settlement; at the client, the verifier's as it was checked.
    Approved(Vec<Release>),
    /// The whole signature of the settlement; at the worker, as it was checked.
    Passed(Vec<HandedOver>),
    /// What came as a share or a signature of the settlement is none.
    False,
    /// All that this party brings the panel, signed with the hash of its bytes.
    Pleaded(SignedReceipt),
    /// What was decided on shows the result secret, and is about to be given to a node.
    Showing(NodeId),
    /// How this arbiter rules. It is fixed in its own record.
    Ruled(Ruling),
    /// The ruling that its record has, fixed now or before: the digest that others are asked about, and that of the other ruling.
    Fixed {
        /// The ruling.
        ruling: Ruling,
        /// Its digest.
        mine: RulingDigest,
        /// That of the other.
        other: [u8; 32],
    },
    /// Its attestation.
    Attested(Attestation),
    /// The verifier's own share of the appeal; at the worker, the verifier's as it was checked (`paper` template).
    Rejected(Vec<Release>),
    /// The arbiter's own share of the panel's secret (`paper` template).
    Revealed(RevealedShare),
    /// The client has decrypted what the settlement has given it the key of, or nothing could be decrypted.
    Decrypted {
        /// Of which settlement.
        by: Txid,
        /// By what the result is kept, if there is one.
        result: Option<[u8; 32]>,
    },
    /// Own nonces of an ending; the secret ones live in this process.
    EndingAnnounced(NoncesMessage),
    /// The ending is signed.
    EndingSigned {
        /// The ceremony as it stands.
        signing: StoredEnding,
        /// Own shares.
        shares: Vec<SharesMessage>,
    },
    /// Its signature is whole.
    EndingWhole {
        /// All that is held.
        signatures: StoredEnding,
        /// What the client hands to the worker.
        releases: Vec<Release>,
    },
    /// The attempt has failed: nonces are lost, or what came is none.
    EndingVoid,
    /// The ending that was decided on shows the result secret, and is about to be given to a node.
    EndingShowing,
}

/// What the party's owner wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// The worker goes on chain now: it does not wait for who is silent.
    Deliver,
    /// The worker admits a fault, if it may still.
    Admit,
    /// Client, worker or verifier agrees to this end: it comes if the two others do, too. Its number of the attempt does not matter.
    Agree(Proposal),
}

/// What comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContractInput {
    /// The chain as it stands.
    Chain(ChainView),
    /// A message.
    Said {
        /// Who sent it.
        from: Role,
        /// What.
        what: Said,
    },
    /// An own message that this disk has forgotten, and that a peer has given back: it was said, and counts.
    Recalled(Said),
    /// This party's disk is not what it was, as whoever runs it has seen by something else than its log.
    PutBack,
    /// Own work.
    Done(Done),
    /// An order.
    Order(Order),
}
