//! What a node lacks of what contracts need.

use bitcoin::FeeRate;

use crate::NodePolicy;

/// What a node lacks, or is set not to do, so that it refuses the packages that contracts end with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyGap {
    /// Too old for transactions of version 3, packages or ephemeral dust.
    #[error(
        "it is version {found}, before {needed}, which relays zero-fee parents of version 3 with an anchor of no value \
         first: upgrade it"
    )]
    Version {
        /// Its major version.
        found: u32,
        /// The first that does.
        needed: u32,
    },
    /// Bitcoin Knots that does not handle version 3 by BIP431.
    #[error("its -mempooltruc is `{found}`: start it with -mempooltruc=enforce")]
    Truc {
        /// What it is set to.
        found: String,
    },
    /// Bitcoin Knots that relays no anchors, or no outputs of no value.
    #[error(
        "it relays no anchors of no value: start it with -permitephemeral=anchor and -permitbareanchor=1"
    )]
    Ephemeral,
    /// A fee rate below what the node takes.
    #[error(
        "its least fee rate is {least_sat_kvb} sat/kvB, and the child pays {paid_sat_kvb}: pay more, lower \
         -minrelaytxfee, or raise -maxmempool if that is full"
    )]
    FeeRate {
        /// What it takes, in satoshis per 1,000 virtual bytes.
        least_sat_kvb: u64,
        /// What parent and child pay together, in the same unit.
        paid_sat_kvb: u64,
    },
    /// No two transactions that depend on each other may wait.
    #[error("it lets no child wait with its parent: raise {setting} to 2 at least")]
    Chains {
        /// The setting.
        setting: &'static str,
    },
    /// It refuses for another reason; its words say which.
    #[error("none of the usual settings explains it")]
    Other,
}

/// First major version of Bitcoin Core that takes ephemeral dust.
pub(crate) const FIRST_MAJOR: u32 = 29;

/// What a refusal of the probe's package comes from. `paid` is the package's fee rate.
pub(super) fn gap(policy: &NodePolicy, code: &str, paid: FeeRate) -> PolicyGap {
    if policy.major() < FIRST_MAJOR {
        let (found, needed) = (policy.major(), FIRST_MAJOR);
        return PolicyGap::Version { found, needed };
    }
    // The setting explains whatever is said of the fee or of the version.
    if let Some(found) = policy.truc.clone().filter(|truc| truc != "enforce") {
        return PolicyGap::Truc { found };
    }
    let kvb = |rate: FeeRate| rate.to_sat_per_kwu().saturating_mul(4);
    match code {
        "dust" | "scriptpubkey" | "missing-ephemeral-spends" | "anchor" | "bare-anchor"
            if policy.is_knots() =>
        {
            PolicyGap::Ephemeral
        }
        "min relay fee not met" | "mempool min fee not met" | "mempool full" => {
            PolicyGap::FeeRate {
                least_sat_kvb: kvb(policy.least_relay.max(policy.least_now)),
                paid_sat_kvb: kvb(paid),
            }
        }
        "too-large-cluster" => PolicyGap::Chains {
            setting: "-limitclustercount",
        },
        "too-long-mempool-chain" | "package-mempool-limits" => PolicyGap::Chains {
            setting: "-limitancestorcount and -limitdescendantcount",
        },
        _ => PolicyGap::Other,
    }
}
