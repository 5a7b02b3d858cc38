//! Small contracts with other nodes: shown, and ordered.

use axum::{
    extract::{Request, State},
    http::HeaderMap,
};

use super::{
    Known,
    error::{ApiError, Code},
    orders::{Key, body, key},
    shown::{Id, Json, Refusals, defect, id},
};
use crate::party::{Command, Once, Reply, SmallCommand, SmallDelivered, SmallStatus};

/// All small contracts with other nodes.
#[utoipa::path(get, path = "/v1/small", tag = "shown", responses((status = 200, body = [SmallStatus]), Refusals))]
pub(super) async fn smalls(State(shared): Known) -> Result<Json<Vec<SmallStatus>>, ApiError> {
    let order = SmallCommand::List;
    match shared.ask(None, Command::Small { order }).await? {
        Reply::Smalls(all) => Ok(Json(all)),
        other => Err(defect(&other)),
    }
}

/// One of them.
#[utoipa::path(get, path = "/v1/small/{id}", tag = "shown",
    params(("id" = String, Path, description = "Of the ask; 64 hex digits.", pattern = "^[0-9a-f]{64}$")),
    responses((status = 200, body = SmallStatus), Refusals))]
pub(super) async fn small(State(shared): Known, found: Id) -> Result<Json<SmallStatus>, ApiError> {
    let order = SmallCommand::Show { id: id(found)? };
    match shared.ask(None, Command::Small { order }).await? {
        Reply::Small(status) => Ok(Json(*status)),
        other => Err(defect(&other)),
    }
}

/// What one of them has brought this node: a delivery's message, or evidence that its sender committed to none.
#[utoipa::path(get, path = "/v1/small/{id}/delivered", tag = "shown",
    params(("id" = String, Path, description = "Of the ask; 64 hex digits.", pattern = "^[0-9a-f]{64}$")),
    responses((status = 200, body = SmallDelivered), Refusals))]
pub(super) async fn delivered(
    State(shared): Known,
    found: Id,
) -> Result<Json<SmallDelivered>, ApiError> {
    let order = SmallCommand::Read { id: id(found)? };
    match shared.ask(None, Command::Small { order }).await? {
        Reply::SmallDelivered(delivered) => Ok(Json(delivered)),
        other => Err(defect(&other)),
    }
}

/// Asks for one, answers an ask, or does something in one: what `narthex-node small` does.
#[utoipa::path(post, path = "/v1/small", tag = "orders", params(Key), request_body = SmallCommand, responses((status = 200, body = SmallStatus), Refusals))]
pub(super) async fn order(
    State(shared): Known,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<SmallStatus>, ApiError> {
    let key = key(&headers)?;
    let order: SmallCommand = body(request).await?;
    let command = Command::Small { order };
    if command.only_asks() {
        return Err(ApiError::new(
            Code::BadBody,
            "what is shown is asked for by GET",
        ));
    }
    let once = Once::new(key, &command);
    match shared.ask(Some(once), command).await? {
        Reply::Small(status) => Ok(Json(*status)),
        other => Err(defect(&other)),
    }
}
