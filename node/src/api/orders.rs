//! What the operator decides: routes that change something, once for each key.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, State},
    http::{HeaderMap, header},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Known, Shared,
    error::{ApiError, Code},
    serve::MAX_BODY,
    shown::{Id, Json, Refusals, defect, id},
};
use crate::party::{Command, ContractStatus, NewEnding, NewOffer, Once, Reply};

/// Longest key, in bytes.
const MAX_KEY: usize = 200;

/// By which an order is known that is given again.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "a description: `key` reads it")]
pub(super) struct Key {
    /// Of the caller's choice, another for each order. Given again with the same order it changes nothing more, and brings the
    /// answer of the first time, also after the node was killed in between.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 200,
        pattern = "^[!-~]+$"
    )]
    key: String,
}

/// Why, for the other parties to read.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    /// Up to 200 bytes.
    #[schema(max_length = 200)]
    reason: String,
}

/// An address of the node's wallet.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct WalletAddress {
    /// As wallets read it.
    address: String,
}

/// It is done.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Done {
    /// Always.
    pub(super) done: bool,
}

pub(super) fn key(headers: &HeaderMap) -> Result<&str, ApiError> {
    let mut found = headers.get_all("idempotency-key").iter();
    let key = found.next().and_then(|key| key.to_str().ok());
    let is_fit = |key: &&str| {
        (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let key = key.filter(is_fit).filter(|_| found.next().is_none());
    let message = "an order needs one Idempotency-Key of 1 to 200 printable characters";
    key.ok_or_else(|| ApiError::new(Code::BadKey, message))
}

/// The whole body, within bounds.
async fn bytes(request: Request) -> Result<Bytes, ApiError> {
    let read = Bytes::from_request(request, &()).await;
    read.map_err(|_| {
        let message = format_args!("a body has {MAX_BODY} bytes at most, and comes whole");
        ApiError::new(Code::TooLarge, message)
    })
}

/// A body is JSON and says so: what a form of another site can send without being asked is not.
fn is_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let kind = kinds.next().and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next());
    let is_json = essence.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    match is_json && kinds.next().is_none() {
        true => Ok(()),
        false => Err(ApiError::new(
            Code::BadType,
            "this order's body is JSON, and says so",
        )),
    }
}

/// A body that may be longer than others. So few are read at once that they take no memory to speak of.
pub(super) async fn long_body<T: DeserializeOwned>(
    shared: &Shared,
    request: Request,
    most: usize,
) -> Result<T, ApiError> {
    is_json(request.headers())?;
    let _reads = shared
        .long
        .try_acquire()
        .map_err(|_| ApiError::new(Code::TooMany, "other long bodies are read just now"))?;
    let read = axum::body::to_bytes(request.into_body(), most).await;
    let bytes = read.map_err(|_| {
        let message = format_args!("a body has {most} bytes at most here, and comes whole");
        ApiError::new(Code::TooLarge, message)
    })?;
    serde_json::from_slice(&bytes).map_err(|error| ApiError::new(Code::BadBody, error))
}

pub(super) async fn body<T: DeserializeOwned>(request: Request) -> Result<T, ApiError> {
    is_json(request.headers())?;
    let bytes = bytes(request).await?;
    serde_json::from_slice(&bytes).map_err(|error| ApiError::new(Code::BadBody, error))
}

/// That there is none: what is sent with an order that takes nothing is a mistake.
pub(super) async fn no_body(request: Request) -> Result<(), ApiError> {
    match bytes(request).await?.is_empty() {
        true => Ok(()),
        false => Err(ApiError::new(Code::BadBody, "this order takes no body")),
    }
}

impl Shared {
    async fn order(&self, key: &str, command: Command) -> Result<Reply, ApiError> {
        self.ask(Some(Once::new(key, &command)), command).await
    }

    async fn decide(&self, key: &str, command: Command) -> Result<Json<ContractStatus>, ApiError> {
        match self.order(key, command).await? {
            Reply::Contract(status) => Ok(Json(*status)),
            other => Err(defect(&other)),
        }
    }

    async fn do_it(&self, key: &str, command: Command) -> Result<Json<Done>, ApiError> {
        match self.order(key, command).await? {
            Reply::Done => Ok(Json(Done { done: true })),
            other => Err(defect(&other)),
        }
    }

    /// An order that takes nothing but the contract.
    async fn decide_plainly(
        &self,
        (found, headers, request): (Id, HeaderMap, Request),
        command: impl FnOnce(String) -> Command,
    ) -> Result<Json<ContractStatus>, ApiError> {
        let id = id(found)?;
        let key = key(&headers)?;
        no_body(request).await?;
        self.decide(key, command(id)).await
    }

    /// One that says why.
    async fn decide_because(
        &self,
        (found, headers, request): (Id, HeaderMap, Request),
        command: impl FnOnce(String, String) -> Command,
    ) -> Result<Json<ContractStatus>, ApiError> {
        let id = id(found)?;
        let key = key(&headers)?;
        let Reason { reason } = body(request).await?;
        self.decide(key, command(id, reason)).await
    }
}

/// A fresh address of the node's wallet.
#[utoipa::path(post, path = "/v1/wallet/address", tag = "orders", params(Key), responses((status = 200, body = WalletAddress), Refusals))]
pub(super) async fn address(
    State(shared): Known,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<WalletAddress>, ApiError> {
    let key = key(&headers)?;
    no_body(request).await?;
    match shared.order(key, Command::Address).await? {
        Reply::Address(address) => Ok(Json(WalletAddress { address })),
        other => Err(defect(&other)),
    }
}

/// Offers a contract to other nodes, as its client.
#[utoipa::path(post, path = "/v1/offers", tag = "orders", params(Key), request_body = NewOffer, responses((status = 200, body = ContractStatus), Refusals))]
pub(super) async fn offer(
    State(shared): Known,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<ContractStatus>, ApiError> {
    let key = key(&headers)?;
    let new: NewOffer = body(request).await?;
    shared.decide(key, Command::Offer(Box::new(new))).await
}

/// Takes part in a contract that was offered.
#[utoipa::path(post, path = "/v1/contracts/{id}/accept", tag = "orders",
    params(("id" = String, Path, description = "Of the offer; 64 hex digits.", pattern = "^[0-9a-f]{64}$"), Key),
    responses((status = 200, body = ContractStatus), Refusals))]
pub(super) async fn accept(
    State(shared): Known,
    found: Id,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<ContractStatus>, ApiError> {
    let order = (found, headers, request);
    let command = |id| Command::Accept { id };
    shared.decide_plainly(order, command).await
}

/// Does not take part in a contract that was offered.
#[utoipa::path(post, path = "/v1/contracts/{id}/decline", tag = "orders",
    params(("id" = String, Path, description = "Of the offer; 64 hex digits.", pattern = "^[0-9a-f]{64}$"), Key),
    request_body = Reason, responses((status = 200, body = ContractStatus), Refusals))]
pub(super) async fn decline(
    State(shared): Known,
    found: Id,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<ContractStatus>, ApiError> {
    let order = (found, headers, request);
    let command = |id, reason| Command::Decline { id, reason };
    shared.decide_because(order, command).await
}

/// Leaves a set-up, as long as own witnesses have not left.
#[utoipa::path(post, path = "/v1/contracts/{id}/leave", tag = "orders",
    params(("id" = String, Path, description = "Of the offer; 64 hex digits.", pattern = "^[0-9a-f]{64}$"), Key),
    request_body = Reason, responses((status = 200, body = ContractStatus), Refusals))]
pub(super) async fn leave(
    State(shared): Known,
    found: Id,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<ContractStatus>, ApiError> {
    let order = (found, headers, request);
    let command = |id, reason| Command::Leave { id, reason };
    shared.decide_because(order, command).await
}

/// The worker goes on chain with what it has done, and waits for nobody.
#[utoipa::path(post, path = "/v1/contracts/{id}/deliver", tag = "orders",
    params(("id" = String, Path, description = "Of the offer; 64 hex digits.", pattern = "^[0-9a-f]{64}$"), Key),
    responses((status = 200, body = ContractStatus), Refusals))]
pub(super) async fn deliver(
    State(shared): Known,
    found: Id,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<ContractStatus>, ApiError> {
    let order = (found, headers, request);
    let command = |id| Command::Deliver { id };
    shared.decide_plainly(order, command).await
}

/// The worker admits that its work is wrong, if it may still.
#[utoipa::path(post, path = "/v1/contracts/{id}/admit", tag = "orders",
    params(("id" = String, Path, description = "Of the offer; 64 hex digits.", pattern = "^[0-9a-f]{64}$"), Key),
    responses((status = 200, body = ContractStatus), Refusals))]
pub(super) async fn admit(
    State(shared): Known,
    found: Id,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<ContractStatus>, ApiError> {
    let order = (found, headers, request);
    let command = |id| Command::Admit { id };
    shared.decide_plainly(order, command).await
}

/// Client, worker or verifier agrees to an end of a contract that lives: it comes if the two others order the same.
#[utoipa::path(post, path = "/v1/contracts/{id}/agree", tag = "orders",
    params(("id" = String, Path, description = "Of the offer; 64 hex digits.", pattern = "^[0-9a-f]{64}$"), Key),
    request_body = NewEnding, responses((status = 200, body = ContractStatus), Refusals))]
pub(super) async fn agree(
    State(shared): Known,
    found: Id,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<ContractStatus>, ApiError> {
    let id = id(found)?;
    let key = key(&headers)?;
    let ending: NewEnding = body(request).await?;
    shared.decide(key, Command::Agree { id, ending }).await
}

/// The operator says that nothing else is missing on this disk, and that no copy of this node runs: after a link is
/// `rolled-back` or `forked`.
#[utoipa::path(post, path = "/v1/peers/{node}/clear", tag = "orders",
    params(("node" = String, Path, description = "The peer's id; 66 hex digits.", pattern = "^0[23][0-9a-f]{64}$"), Key),
    responses((status = 200, body = Done), Refusals))]
pub(super) async fn clear(
    State(shared): Known,
    found: Id,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<Done>, ApiError> {
    let text = id(found)?;
    let node = text.parse().map_err(|_| {
        let is_id = text.len() == 66 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match is_id {
            // No point, so nobody's.
            true => ApiError::new(Code::Unknown, "there is no such peer"),
            false => ApiError::new(Code::BadId, "a node's id is 66 hex digits"),
        }
    })?;
    let key = key(&headers)?;
    no_body(request).await?;
    shared.do_it(key, Command::Clear { node }).await
}

/// Ends the process. It goes on where it was when it is started again.
#[utoipa::path(post, path = "/v1/stop", tag = "orders", params(Key), responses((status = 200, body = Done), Refusals))]
pub(super) async fn stop(
    State(shared): Known,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<Done>, ApiError> {
    let key = key(&headers)?;
    no_body(request).await?;
    shared.do_it(key, Command::Stop).await
}
