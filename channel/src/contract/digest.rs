//! What stands for an arbiter's ruling before it is attested, as it is sent and answered.

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};

/// What an arbiter tells everybody of the ruling that it has fixed, and what each of them says that it had of that arbiter first.
///
/// The digest follows from the contract, the ruling and a secret of the arbiter's
/// ([`Attester::digest`](narthex_contracts::attest::Attester::digest)): there are two of them in a contract, nobody else can make one,
/// and nobody else can tell which is which. The evidence stands beside it and is no part of it: who finds the same by other evidence does not
/// contradict itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RulingDigest {
    /// Index of the arbiter on the panel.
    pub arbiter: u8,
    /// Of all that it was brought ([`Book::evidence_root`](super::Book::evidence_root)).
    pub evidence: [u8; 32],
    /// Of the ruling.
    pub digest: [u8; 32],
}

impl RulingDigest {
    pub(super) fn write_to(self, w: &mut Writer) -> &mut Writer {
        w.u8(self.arbiter).fixed(&self.evidence).fixed(&self.digest)
    }

    pub(super) fn read_from(r: &mut Reader<'_>) -> Result<RulingDigest, DecodeError> {
        Ok(RulingDigest {
            arbiter: r.u8("arbiter")?,
            evidence: r.array("evidence root")?,
            digest: r.array("digest of the ruling")?,
        })
    }
}

impl Message for RulingDigest {
    const KIND: Kind = kinds::RULING_DIGEST;

    /// Arbiter, evidence root (32), digest (32).
    fn write(&self, w: &mut Writer) {
        self.write_to(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<RulingDigest, DecodeError> {
        RulingDigest::read_from(r)
    }
}
