//! The node as an arbiter, for its operator.

use axum::extract::State;

use super::{
    Known,
    error::ApiError,
    shown::{Json, Refusals, defect},
};
use crate::party::{ArbiterStatus, Command, Reply};

/// How the node stands as an arbiter: its cases, what is due when, what they have brought, its bounds, and how it judges.
#[utoipa::path(get, path = "/v1/arbiter", tag = "shown", responses((status = 200, body = ArbiterStatus), Refusals))]
pub(super) async fn arbiter(State(shared): Known) -> Result<Json<ArbiterStatus>, ApiError> {
    match shared.ask(None, Command::Arbiter).await? {
        Reply::Arbiter(status) => Ok(Json(*status)),
        other => Err(defect(&other)),
    }
}
