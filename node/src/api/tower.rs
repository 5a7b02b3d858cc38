//! The node as a watchtower: for its operator, and by a ticket for whoever it serves.

use axum::{
    Extension,
    extract::{Request, State},
    http::HeaderMap,
};
use serde::{Deserialize, Serialize};

use super::{
    Known, Shared,
    error::ApiError,
    orders::{Done, Key, body, key, long_body, no_body},
    shown::{Id, Json, Refusals, defect, id},
    ticket::Caller,
};
use crate::party::{Command, Once, Reply, TowerClientStatus, TowerCommand, TowerStatus};

/// Most bytes of the body with a bundle: two digits a byte of what a tower takes, and what stands around them.
const MOST_WITH_BUNDLE: usize = (2 << 20) + (4 << 10);

/// A bundle for a watchtower.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBundle {
    /// What `GET /v1/contracts/{id}/bundle` has given at the party.
    #[schema(pattern = "^([0-9a-f]{2})*$")]
    bundle: String,
}

/// How an arbiter has ruled.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRuling {
    /// Its attestation, in hex.
    #[schema(pattern = "^([0-9a-f]{2})*$", max_length = 1024)]
    attestation: String,
}

/// Whom a watchtower is to serve.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewClient {
    /// Its name.
    #[schema(pattern = "^[A-Za-z0-9._@-]{1,64}$")]
    name: String,
    /// SHA-256 of the 64 hex digits of its ticket, which nobody but itself has.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    ticket_sha256: String,
}

impl Shared {
    async fn tower(&self, key: Option<&str>, order: TowerCommand) -> Result<Reply, ApiError> {
        let command = Command::Tower { order };
        let once = key.map(|key| Once::new(key, &command));
        self.ask(once, command).await
    }

    async fn one_tower(
        &self,
        key: Option<&str>,
        order: TowerCommand,
    ) -> Result<Json<TowerStatus>, ApiError> {
        match self.tower(key, order).await? {
            Reply::Tower(status) => Ok(Json(*status)),
            other => Err(defect(&other)),
        }
    }

    async fn several_towers(
        &self,
        key: Option<&str>,
        order: TowerCommand,
    ) -> Result<Json<Vec<TowerStatus>>, ApiError> {
        match self.tower(key, order).await? {
            Reply::Towers(all) => Ok(Json(all)),
            other => Err(defect(&other)),
        }
    }

    async fn its_clients(
        &self,
        key: Option<&str>,
        order: TowerCommand,
    ) -> Result<Json<Vec<TowerClientStatus>>, ApiError> {
        match self.tower(key, order).await? {
            Reply::TowerClients(all) => Ok(Json(all)),
            other => Err(defect(&other)),
        }
    }
}

/// A key is its holder's: two clients may choose the same.
fn own_key(key: &str, Caller(client): &Caller) -> String {
    match client {
        None => key.to_owned(),
        // No name has a space, and no key.
        Some(name) => format!("{name} {key}"),
    }
}

/// Contracts that are watched: of a client those that it has given.
#[utoipa::path(get, path = "/v1/tower/bundles", tag = "tower", responses((status = 200, body = [TowerStatus]), Refusals))]
pub(super) async fn watched_all(
    State(shared): Known,
    Extension(Caller(client)): Extension<Caller>,
) -> Result<Json<Vec<TowerStatus>>, ApiError> {
    let order = TowerCommand::List { client };
    shared.several_towers(None, order).await
}

/// Has a contract watched for one of its parties: what is due is published in its window, and paid for by this node. It is durable before
/// it is answered. Another bundle for the same party takes the place of the one before, if it has all of its transactions.
#[utoipa::path(post, path = "/v1/tower/bundles", tag = "tower", params(Key), request_body = NewBundle, responses((status = 200, body = TowerStatus), Refusals))]
pub(super) async fn watch(
    State(shared): Known,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<TowerStatus>, ApiError> {
    let key = own_key(key(&headers)?, &caller);
    let NewBundle { bundle } = long_body(&shared, request, MOST_WITH_BUNDLE).await?;
    let client = caller.0;
    let order = TowerCommand::Take { bundle, client };
    shared.one_tower(Some(&key), order).await
}

/// One contract that is watched.
#[utoipa::path(get, path = "/v1/tower/bundles/{id}", tag = "tower",
    params(("id" = String, Path, description = "As the list has it; 64 hex digits.", pattern = "^[0-9a-f]{64}$")),
    responses((status = 200, body = TowerStatus), Refusals))]
pub(super) async fn watched(
    State(shared): Known,
    Extension(Caller(client)): Extension<Caller>,
    found: Id,
) -> Result<Json<TowerStatus>, ApiError> {
    let id = id(found)?;
    let order = TowerCommand::Show { id, client };
    shared.one_tower(None, order).await
}

/// Watches a contract no more.
#[utoipa::path(delete, path = "/v1/tower/bundles/{id}", tag = "tower",
    params(("id" = String, Path, description = "As the list has it; 64 hex digits.", pattern = "^[0-9a-f]{64}$")),
    responses((status = 200, body = Done), Refusals))]
pub(super) async fn forget_watched(
    State(shared): Known,
    Extension(Caller(client)): Extension<Caller>,
    found: Id,
    request: Request,
) -> Result<Json<Done>, ApiError> {
    let id = id(found)?;
    no_body(request).await?;
    match shared
        .tower(None, TowerCommand::Forget { id, client })
        .await?
    {
        Reply::Done => Ok(Json(Done { done: true })),
        other => Err(defect(&other)),
    }
}

/// Says how an arbiter has ruled: those contracts that it is of. A tower publishes what a majority has ruled.
#[utoipa::path(post, path = "/v1/tower/rulings", tag = "tower", params(Key), request_body = NewRuling, responses((status = 200, body = [TowerStatus]), Refusals))]
pub(super) async fn ruling(
    State(shared): Known,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<Vec<TowerStatus>>, ApiError> {
    let key = own_key(key(&headers)?, &caller);
    let NewRuling { attestation } = body(request).await?;
    let client = caller.0;
    let order = TowerCommand::Ruling {
        attestation,
        client,
    };
    shared.several_towers(Some(&key), order).await
}

/// Whom this node serves as a watchtower.
#[utoipa::path(get, path = "/v1/tower/clients", tag = "tower", responses((status = 200, body = [TowerClientStatus]), Refusals))]
pub(super) async fn tower_clients(
    State(shared): Known,
) -> Result<Json<Vec<TowerClientStatus>>, ApiError> {
    shared.its_clients(None, TowerCommand::Clients).await
}

/// Serves a client from now on, or by another ticket.
#[utoipa::path(post, path = "/v1/tower/clients", tag = "tower", params(Key), request_body = NewClient, responses((status = 200, body = [TowerClientStatus]), Refusals))]
pub(super) async fn admit_client(
    State(shared): Known,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<Vec<TowerClientStatus>>, ApiError> {
    let key = key(&headers)?;
    let NewClient {
        name,
        ticket_sha256,
    } = body(request).await?;
    let order = TowerCommand::Admit {
        name,
        ticket_sha256,
    };
    shared.its_clients(Some(key), order).await
}

/// Serves a client no more. What it has given is watched to its end.
#[utoipa::path(delete, path = "/v1/tower/clients/{name}", tag = "tower",
    params(("name" = String, Path, description = "As the list has it.", pattern = "^[A-Za-z0-9._@-]{1,64}$")),
    responses((status = 200, body = [TowerClientStatus]), Refusals))]
pub(super) async fn dismiss_client(
    State(shared): Known,
    found: Id,
    request: Request,
) -> Result<Json<Vec<TowerClientStatus>>, ApiError> {
    let name = id(found)?;
    no_body(request).await?;
    let order = TowerCommand::Dismiss { name };
    shared.its_clients(None, order).await
}
