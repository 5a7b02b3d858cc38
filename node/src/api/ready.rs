//! Whether the process lives, and whether it does what it is there for: for whatever restarts or spares it. Both ask for no token, and say
//! nothing of whom the node deals with.

use std::time::Duration;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{
    Known,
    error::ApiError,
    shown::{Json, Refusals, defect},
};
use crate::party::{Command, ReadyStatus, Reply};

/// Time for the thread that decides: at a start it may read the chain for long.
const PATIENCE: Duration = Duration::from_secs(5);

/// That the process lives: it answers, and nothing else is asked.
#[utoipa::path(get, path = "/healthz", tag = "shown", security(()), responses((status = 200, body = String, content_type = "text/plain"), Refusals))]
pub(super) async fn healthz() -> &'static str {
    "alive\n"
}

/// Whether the node follows its chain, can write its folder, judges in a box that holds where it judges, has a disk that did not go back, and takes
/// contracts; if not, why.
#[utoipa::path(get, path = "/readyz", tag = "shown", security(()), responses(
    (status = 200, body = ReadyStatus), (status = 503, body = ReadyStatus, description = "It is not, and says why."), Refusals))]
pub(super) async fn readyz(State(shared): Known) -> Result<Response, ApiError> {
    let asked = shared.orders.ask(None, Command::Ready);
    let status = match tokio::time::timeout(PATIENCE, asked).await {
        Err(_) => ReadyStatus::ready().but(
            "starting",
            "it does not answer yet: it reads its chain, or starts",
        ),
        Ok(None) => ReadyStatus::ready().but("stopping", "the node ends"),
        Ok(Some(Err(error))) => return Err(error.into()),
        Ok(Some(Ok(Reply::Ready(status)))) => status,
        Ok(Some(Ok(other))) => return Err(defect(&other)),
    };
    let code = match status.ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    Ok((code, Json(status)).into_response())
}
