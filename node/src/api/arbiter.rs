//! The node as an arbiter, for its operator, and who it is, for anybody.

use axum::{
    extract::{Request, State},
    http::HeaderMap,
};
use serde::{Deserialize, Serialize};

use super::{
    Known,
    error::ApiError,
    orders::{Key, body, key, no_body},
    shown::{Json, Refusals, defect},
};
use crate::party::{ArbiterStatus, Command, IdentityStatus, Once, Reply};

/// How the node stands as an arbiter: its cases, what is due when, what they have brought, its bounds, and how it judges.
#[utoipa::path(get, path = "/v1/arbiter", tag = "shown", responses((status = 200, body = ArbiterStatus), Refusals))]
pub(super) async fn arbiter(State(shared): Known) -> Result<Json<ArbiterStatus>, ApiError> {
    match shared.ask(None, Command::Arbiter).await? {
        Reply::Arbiter(status) => Ok(Json(*status)),
        other => Err(defect(&other)),
    }
}

/// Why an arbiter is not to be summoned any more.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBurn {
    /// For everybody to read; up to 200 characters.
    #[schema(max_length = 200)]
    reason: String,
}

/// Takes no new case as an arbiter, and says so under the node's key, for ever. Its cases go on.
#[utoipa::path(post, path = "/v1/arbiter/burn", tag = "orders", params(Key), request_body = NewBurn, responses((status = 200, body = IdentityStatus), Refusals))]
pub(super) async fn burn(
    State(shared): Known,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<IdentityStatus>, ApiError> {
    let key = key(&headers)?;
    let NewBurn { reason } = body(request).await?;
    let command = Command::Burn { reason };
    let once = Once::new(key, &command);
    match shared.ask(Some(once), command).await? {
        Reply::Identity(identity) => Ok(Json(*identity)),
        other => Err(defect(&other)),
    }
}

/// Makes the arbiter's next offer on chain with the next look at the chain, though it is not due.
#[utoipa::path(post, path = "/v1/arbiter/offer", tag = "orders", params(Key), responses((status = 200, body = ArbiterStatus), Refusals))]
pub(super) async fn renew(
    State(shared): Known,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<ArbiterStatus>, ApiError> {
    let key = key(&headers)?;
    no_body(request).await?;
    let once = Once::new(key, &Command::RenewOffer);
    match shared.ask(Some(once), Command::RenewOffer).await? {
        Reply::Arbiter(status) => Ok(Json(*status)),
        other => Err(defect(&other)),
    }
}

/// Who the node is, for anybody: without a token.
#[utoipa::path(get, path = "/v1/identity", tag = "shown", security(()), responses((status = 200, body = IdentityStatus), Refusals))]
pub(super) async fn identity(State(shared): Known) -> Result<Json<IdentityStatus>, ApiError> {
    match shared.ask(None, Command::Identity).await? {
        Reply::Identity(identity) => Ok(Json(*identity)),
        other => Err(defect(&other)),
    }
}
