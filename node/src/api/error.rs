//! Why a request is not done.

use std::collections::BTreeMap;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::party::CommandError;

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fault {
    /// Of whoever asks.
    Caller,
    /// Of this node, or the computer it runs on.
    Node,
    /// Of nobody: it was another moment than was thought.
    Nobody,
}

macro_rules! codes {
    ($($(#[$doc:meta])+ $name:ident = $word:tt, $status:ident, $fault:ident, $next:literal;)+) => {
        /// What is wrong, for programs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
        pub(super) enum Code {
            $($(#[$doc])+ #[serde(rename = $word)] $name,)+
        }

        impl Code {
            /// All of them.
            #[cfg(test)]
            pub(super) const ALL: &[(Code, &str)] = &[$((Code::$name, $word)),+];

            /// The code of a command's refusal.
            pub(super) fn of(word: &str) -> Option<Code> {
                match word {
                    $($word => Some(Code::$name),)+
                    _ => None,
                }
            }

            /// In a word.
            pub(super) const fn word(self) -> &'static str {
                match self {
                    $(Code::$name => $word,)+
                }
            }

            /// Whether whoever asks has made a mistake, or means harm.
            pub(super) const fn is_callers(self) -> bool {
                matches!(self.facts().1, Fault::Caller)
            }

            /// Status, fault, and what may be done.
            const fn facts(self) -> (StatusCode, Fault, &'static str) {
                match self {
                    $(Code::$name => (StatusCode::$status, Fault::$fault, $next),)+
                }
            }
        }
    };
}

codes! {
    /// The offer is not one, or not for this node.
    BadOffer = "bad-offer", UNPROCESSABLE_ENTITY, Caller, "mend what the message names";
    /// An id is not 64 hex digits, or a node's not 66.
    BadId = "bad-id", BAD_REQUEST, Caller, "take an id as the lists show it";
    /// The body does not read.
    BadBody = "bad-body", BAD_REQUEST, Caller, "compare the body with docs/api/openapi.json";
    /// What stands behind `?` does not read.
    BadQuery = "bad-query", BAD_REQUEST, Caller, "compare the query with docs/api/openapi.json";
    /// `Idempotency-Key` is missing, or not 1 to 200 printable characters.
    BadKey = "bad-key", BAD_REQUEST, Caller, "send a fresh Idempotency-Key with each new order, the same one when it is repeated";
    /// The key was used for another order.
    KeyReused = "key-reused", CONFLICT, Caller, "send a fresh Idempotency-Key with each new order";
    /// The body is too long.
    TooLarge = "too-large", PAYLOAD_TOO_LARGE, Caller, "send less";
    /// No token, or another.
    Unauthorized = "unauthorized", UNAUTHORIZED, Caller, "send `Authorization: Bearer` with the words in the file api.token of the node's folder";
    /// The request calls another host.
    BadHost = "bad-host", MISDIRECTED_REQUEST, Caller, "call the node by the address that it listens at, or name the host when it is started (--api-host)";
    /// A page of another site asks.
    BadOrigin = "bad-origin", FORBIDDEN, Caller, "ask without an `Origin`, or from the page of this node";
    /// The body is said to be something else than JSON.
    BadType = "bad-type", UNSUPPORTED_MEDIA_TYPE, Caller, "send `Content-Type: application/json` with a body";
    /// So many answers wait already for something to happen, or so many long bodies are read.
    TooMany = "too-many", TOO_MANY_REQUESTS, Caller, "ask again without wait_s, or when others have their answer";
    /// This address has asked too often for what needs no token.
    Quota = "quota", TOO_MANY_REQUESTS, Caller, "ask again in a minute, or less often";
    /// The node takes no new contract.
    Draining = "draining", SERVICE_UNAVAILABLE, Node, "ask another node, or this one when its operator has ended that (narthex-node drain --off)";
    /// The bundle is none that a watchtower of this party may have.
    BadBundle = "bad-bundle", UNPROCESSABLE_ENTITY, Caller, "give what the party's own node gives (GET /v1/contracts/{id}/bundle)";
    /// It is no job, or speaks of other files than came with it.
    BadJob = "bad-job", UNPROCESSABLE_ENTITY, Caller, "mend what the message names";
    /// The bytes have another hash than was said.
    BadHash = "bad-hash", UNPROCESSABLE_ENTITY, Caller, "send the file again";
    /// A file of a job was not uploaded.
    NoFile = "no-file", UNPROCESSABLE_ENTITY, Caller, "upload it (PUT /v1/files/{id}), and ask again with the same Idempotency-Key";
    /// The job was not made of its files yet: whoever is told this asked past the route.
    NotMade = "not-made", CONFLICT, Node, "ask by POST /v1/jobs";
    /// A contract needs it.
    InUse = "in-use", CONFLICT, Nobody, "ask again when the contracts that the values name are over";
    /// The disk fails.
    Disk = "disk", INTERNAL_SERVER_ERROR, Node, "read what the node printed";
    /// The ruling does not read.
    BadRuling = "bad-ruling", UNPROCESSABLE_ENTITY, Caller, "give an arbiter's attestation as it was sent";
    /// The name is none.
    BadName = "bad-name", UNPROCESSABLE_ENTITY, Caller, "choose another name";
    /// The hash of the ticket does not read, or the ticket is another's.
    BadTicket = "bad-ticket", UNPROCESSABLE_ENTITY, Caller, "draw a ticket of its own, and give its SHA-256";
    /// There is no room for it.
    Full = "full", CONFLICT, Caller, "have something forgotten first, or ask the operator for more";
    /// There is no such contract, offer or peer.
    Unknown = "unknown", NOT_FOUND, Caller, "take an id as the lists show it";
    /// There is nothing at this path.
    NoRoute = "no-route", NOT_FOUND, Caller, "see docs/api/openapi.json for what there is";
    /// Not by this method.
    NoMethod = "no-method", METHOD_NOT_ALLOWED, Caller, "see docs/api/openapi.json for what there is";
    /// It was answered otherwise before.
    Answered = "answered", CONFLICT, Nobody, "look at how the contract stands";
    /// It is too late for it.
    Late = "late", CONFLICT, Nobody, "look at how the contract stands";
    /// The contract is not where this is done.
    NotNow = "not-now", CONFLICT, Nobody, "look at how the contract stands";
    /// There is nothing to show yet.
    Nothing = "none", CONFLICT, Nobody, "ask again when the contract is further on";
    /// This node cannot take part in it.
    Cannot = "cannot", CONFLICT, Node, "the message says what is missing";
    /// Not enough coins that are free.
    Funds = "funds", CONFLICT, Node, "send coins to an address of its wallet, and wait for a block";
    /// Nothing is signed, so there is no picture yet.
    NotSigned = "not-signed", CONFLICT, Nobody, "ask again when the contract is at `holding` or later";
    /// The wallet fails.
    Wallet = "wallet", INTERNAL_SERVER_ERROR, Node, "read what the node printed";
    /// The file of the result is gone, or is not what was kept.
    LostResult = "lost-result", INTERNAL_SERVER_ERROR, Node, "take it from a copy of the node's folder, and compare its hash";
    /// Own signatures do not read.
    OwnSignatures = "own-signatures", INTERNAL_SERVER_ERROR, Node, "read what the node printed";
    /// The node does not know the reason's code: a defect.
    Internal = "internal", INTERNAL_SERVER_ERROR, Node, "report it";
    /// It took too long to ask, or to answer.
    TooSlow = "too-slow", REQUEST_TIMEOUT, Nobody, "ask again, with the same Idempotency-Key";
    /// The node ends.
    Stopping = "stopping", SERVICE_UNAVAILABLE, Node, "start it again, and ask again with the same Idempotency-Key";
}

/// Why a request is not done. Nothing has changed, but where `code` is `too-slow` or `stopping`: then it is not known.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(super) struct ApiError {
    pub(super) code: Code,
    /// For people.
    pub(super) message: String,
    pub(super) at_fault: Fault,
    /// What it is about, by name.
    pub(super) values: BTreeMap<String, String>,
    /// What may be done about it.
    pub(super) next: String,
}

impl ApiError {
    pub(super) fn new(code: Code, message: impl std::fmt::Display) -> ApiError {
        let (_, at_fault, next) = code.facts();
        ApiError {
            code,
            message: message.to_string(),
            at_fault,
            values: BTreeMap::new(),
            next: next.to_owned(),
        }
    }

    pub(super) fn with(mut self, name: &str, value: impl std::fmt::Display) -> ApiError {
        self.values.insert(name.to_owned(), value.to_string());
        self
    }
}

impl From<CommandError> for ApiError {
    fn from(error: CommandError) -> ApiError {
        let code = Code::of(&error.code).unwrap_or(Code::Internal);
        let mut mapped = ApiError::new(code, error.message);
        mapped.values = error.values;
        mapped
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, ..) = self.code.facts();
        let mut response = (status, super::shown::Json(&self)).into_response();
        // For whoever counts what was wrong.
        response.extensions_mut().insert(self.code);
        if self.code == Code::Unauthorized {
            let challenge = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Words that commands are refused with, as the sources have them.
    const SOURCES: &[&str] = &[
        include_str!("../party/command.rs"),
        include_str!("../party/drain.rs"),
        include_str!("../party/obey.rs"),
        include_str!("../party/small/order.rs"),
        include_str!("../party/small/delivery.rs"),
        include_str!("../party/tower/order.rs"),
        include_str!("../party/kept/order.rs"),
        include_str!("../party/evidence.rs"),
        include_str!("../party/graph.rs"),
        include_str!("../party/requests.rs"),
    ];

    #[test]
    fn every_refusal_has_its_code() {
        let mut found = 0;
        for source in SOURCES {
            for rest in source.split("refused(").skip(1) {
                let rest = rest.trim_start();
                let Some(word) = rest.strip_prefix('"').and_then(|r| r.split('"').next()) else {
                    continue;
                };
                assert!(Code::of(word).is_some(), "{word}");
                found += 1;
            }
        }
        assert!(found > 10, "{found}");
    }

    #[test]
    fn codes_are_written_as_they_are_read() {
        for (code, word) in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), *word);
            assert_eq!(Code::of(word), Some(*code));
        }
    }
}
