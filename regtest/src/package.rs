//! What a package submission comes down to when one reason has to be named.

use bitcoin::Txid;

use crate::Error;

/// Most transactions in one package, Core's `MAX_PACKAGE_COUNT`.
pub(crate) const MAX_PACKAGE_COUNT: usize = 25;
/// What a child says of a parent that was refused before it.
pub(crate) const MISSING_INPUTS: &str = "bad-txns-inputs-missingorspent";
/// Package messages that only point to the results of the single transactions.
const SEE_TRANSACTIONS: [&str; 2] = ["transaction failed", "unspent-dust"];

/// The refusal that explains best why a package was not taken whole.
///
/// `message` is the package's own verdict, `results` that of each transaction in the order of the package. A child
/// that only misses its parent says nothing new; a parent below the minimum feerate says nothing when the child that
/// should pay for it was refused.
pub(crate) fn explain(message: &str, results: &[(Txid, Option<String>)]) -> Option<Error> {
    let errors: Vec<_> = results
        .iter()
        .filter_map(|(txid, error)| error.as_ref().map(|error| (*txid, error)))
        .collect();
    let telling = errors
        .iter()
        .rev()
        .find(|(_, reason)| !reason.starts_with(MISSING_INPUTS));
    let see_transactions = SEE_TRANSACTIONS
        .iter()
        .any(|code| message.starts_with(code));
    if let Some((txid, reason)) = telling.or(errors.first()).filter(|_| see_transactions) {
        return Some(Error::Rejected {
            txid: *txid,
            reason: (*reason).clone(),
        });
    }
    let (child, _) = results.last()?;
    Some(Error::Rejected {
        txid: *child,
        reason: message.to_owned(),
    })
}
