//! What is to be done for a contract.

use narthex_contracts::{graph::NodeId, party::PartySet};

use super::{EndingParcel, EndingTask, Thing};

/// Which message is to be sent. What it says is in the machine's papers and among the blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Parcel {
    /// An item, by its id.
    Item([u8; 32]),
    /// The commitment that nobody signed and the root of record is of.
    Commitment,
    /// All boxes, kept by this hash.
    Boxes([u8; 32]),
    /// An opening, kept by this hash.
    Opening([u8; 32]),
    /// An own receipt, for this.
    Receipt(Thing),
    /// The verifier's share of the settlement; of the appeal, where that is how it rejects (`paper` template).
    Release,
    /// The whole signature of the settlement.
    HandedOver,
    /// Own evidence, kept by this hash.
    Evidence([u8; 32]),
    /// The digest of the own ruling.
    Digest,
    /// What this party had first of an arbiter.
    DigestSeen {
        /// Index of the arbiter.
        arbiter: u8,
        /// How many digests it has of that arbiter: each is answered, all with the first.
        asked: u8,
    },
    /// Own ruling.
    Attestation,
    /// Own share of the panel's secret (`paper` template).
    Share,
    /// Something of an ending.
    Ending {
        /// Of which attempt.
        attempt: u32,
        /// What.
        what: EndingParcel,
    },
}

/// Work for whoever has the keys, the job and the blobs. It may be done twice and comes to the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    /// The worker: do the work, and commit to it.
    Work,
    /// The verifier: draw the sample with the own nonce and the block of this height.
    Sample {
        /// Height of the block.
        height: u32,
    },
    /// The worker: seal the token under the digests of the sample.
    Seal,
    /// The verifier: compute the sample, try to open the token, and answer.
    Answer,
    /// The worker: look at the answer, and open the sample if it is right.
    Open,
    /// The verifier: compare what was opened with what it computed.
    Compare,
    /// The client: draw the steps that it looks at itself, of the root that the worker has signed.
    Draw,
    /// The worker: open to the client what it looks at, and the rest of what may be opened.
    Serve,
    /// The client: run again what it looks at, and compare.
    Audit,
    /// Look into a thing, and sign a receipt for it if it is one.
    Look(Thing),
    /// The verifier: the own share of the settlement.
    Approve,
    /// The client: check the share that came. The worker: check the signature that came.
    Check,
    /// The verifier: the own share of the appeal, which is how it rejects (`paper` template).
    Reject,
    /// The worker, rejected: run the sample again, and say whose fault it is (`paper` template).
    Review,
    /// The client: put the settlement's signature together.
    Pass,
    /// Put together what is brought to the panel.
    Plead,
    /// The arbiter: rule on the case, by what was brought.
    Rule,
    /// The arbiter: write the ruling into the record of rulings, and make its digest.
    Fix,
    /// The arbiter: attest the ruling.
    Attest,
    /// The arbiter: the own share of the panel's secret, once the appeal is deep (`paper` template).
    Reveal,
    /// The client: take the key out of the settlement and decrypt.
    Decrypt {
        /// Which settlement.
        settlement: NodeId,
    },
    /// The client: take the key out of the ending that was agreed on, and decrypt.
    DecryptEnding,
    /// Sign an ending that is agreed on.
    Ending {
        /// In which attempt.
        attempt: u32,
        /// What.
        task: EndingTask,
    },
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContractEffect {
    /// Send a message.
    Send {
        /// To whom.
        to: PartySet,
        /// What.
        what: Parcel,
    },
    /// Work.
    Task(Task),
    /// Publish a transaction of the graph, with a child that pays for it: the delivery with the root on record. Again with each
    /// block until it confirms.
    Publish {
        /// Which.
        node: NodeId,
        /// Last height at which it is surely in time; after that another party may be first.
        until: Option<u32>,
    },
    /// Publish the ending that is agreed on, which pays for itself. Again with each block until it confirms.
    PublishEnding {
        /// Last height at which it is surely in time.
        until: Option<u32>,
    },
    /// Record the root in a transaction of its own: another child has paid for the delivery.
    Record {
        /// Last height at which it counts.
        until: u32,
    },
}
