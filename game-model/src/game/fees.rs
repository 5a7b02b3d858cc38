//! What moves on chain cost, each to the party that makes them.

use bitcoin_units::Amount;
use serde::{Deserialize, Serialize};

use crate::rational::{Rational, sat};

/// Chain fees in satoshi, each with the child that pays it, each paid by the party that wants the transaction confirmed.
/// Variants of a settlement differ in size; the largest counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fees {
    /// S3 or S3', by the worker.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "settlement_sat"
    )]
    pub settlement: Amount,
    /// S1, S1' or S1'', by the client.
    #[serde(with = "bitcoin_units::amount::serde::as_sat", rename = "time_out_sat")]
    pub time_out: Amount,
    /// S2, by the worker.
    #[serde(with = "bitcoin_units::amount::serde::as_sat", rename = "late_sat")]
    pub late: Amount,
    /// S4, by the worker that admits.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "admission_sat"
    )]
    pub admission: Amount,
    /// S4', by the verifier whose rejection nobody appeals against. The client gains by it too, and may wait for the
    /// other; the game charges the verifier.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "unappealed_sat"
    )]
    pub unappealed: Amount,
    /// S5, by the client.
    #[serde(with = "bitcoin_units::amount::serde::as_sat", rename = "failed_sat")]
    pub failed: Amount,
    /// S6, by the verifier.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "convicted_sat"
    )]
    pub convicted: Amount,
    /// S7, by the worker.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "acquitted_sat"
    )]
    pub acquitted: Amount,
    /// The delivery TxD, by the worker; only when the verdict does not come at once.
    #[serde(with = "bitcoin_units::amount::serde::as_sat", rename = "delivery_sat")]
    pub delivery: Amount,
    /// An approval TxV1, by the verifier; only after a delivery on chain.
    #[serde(with = "bitcoin_units::amount::serde::as_sat", rename = "approval_sat")]
    pub approval: Amount,
    /// A rejection TxV0, by the verifier; only after a delivery on chain.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "rejection_sat"
    )]
    pub rejection: Amount,
    /// The appeal TxA, by the worker.
    #[serde(with = "bitcoin_units::amount::serde::as_sat", rename = "appeal_sat")]
    pub appeal: Amount,
}

impl Fees {
    /// What a rejection costs a verifier that nobody appeals against: TxV0 and S4'.
    pub(super) fn rejecting(&self) -> Rational {
        sat(self.rejection) + sat(self.unappealed)
    }

    /// The least fee with which a worker that was found out ends the contract: S4, or TxD, after which the verifier
    /// pays for the rest.
    pub(super) fn giving_up(&self) -> Rational {
        sat(self.admission.min(self.delivery))
    }

    /// What catching a worker costs the verifier at most: nothing where S4 is cheaper for the worker than TxD.
    pub(super) fn catching(&self) -> Rational {
        if self.delivery <= self.admission {
            self.rejecting()
        } else {
            Rational::default()
        }
    }
}
