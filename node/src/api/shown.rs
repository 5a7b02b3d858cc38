//! What stands: routes that change nothing.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::header,
    response::{IntoResponse, Response},
};
use bitcoin::hex::FromHex as _;
use serde::{Deserialize, Serialize};

use super::{
    Known, Shared,
    document::document,
    download,
    error::{ApiError, Code},
    events::EventsStatus,
    svg,
};
use crate::party::{
    ArchiveStatus, BundleStatus, Command, CommandError, ContractStatus, EvidenceStatus,
    EvidenceText, GraphStatus, NodeStatus, Once, PeerStatus, Reply, ResultStatus,
};

/// Longest that an answer waits for something to happen, in seconds.
const MAX_WAIT_S: u64 = 25;

/// Answers that wait at once, of the connections that there may be.
pub(super) const MOST_WAITS: usize = 32;

/// Answers that every route may give besides its own.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "a description: what is said is `ApiError`")]
pub(super) enum Refusals {
    /// What is asked for does not read.
    #[response(status = 400)]
    Bad(ApiError),
    /// No token, or another.
    #[response(status = 401)]
    Unauthorized(ApiError),
    /// A page of another site asks.
    #[response(status = 403)]
    BadOrigin(ApiError),
    /// There is no such contract or peer.
    #[response(status = 404)]
    Unknown(ApiError),
    /// Not by this method.
    #[response(status = 405)]
    NoMethod(ApiError),
    /// It took too long.
    #[response(status = 408)]
    TooSlow(ApiError),
    /// Not as it stands.
    #[response(status = 409)]
    Conflict(ApiError),
    /// Too much.
    #[response(status = 413)]
    TooLarge(ApiError),
    /// The body is not said to be JSON.
    #[response(status = 415)]
    BadType(ApiError),
    /// Another host is called.
    #[response(status = 421)]
    BadHost(ApiError),
    /// What is asked for reads, and is wrong.
    #[response(status = 422)]
    Wrong(ApiError),
    /// So many answers wait already.
    #[response(status = 429)]
    TooMany(ApiError),
    /// This computer failed.
    #[response(status = 500)]
    Failed(ApiError),
    /// The node ends.
    #[response(status = 503)]
    Stopping(ApiError),
}

/// JSON on the way out.
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        // Types of this crate: names are text, and numbers are whole.
        let bytes = serde_json::to_vec(&self.0).unwrap_or_default();
        ([(header::CONTENT_TYPE, "application/json")], bytes).into_response()
    }
}

impl Shared {
    /// Asks whoever decides.
    pub(super) async fn ask(
        &self,
        once: Option<Once>,
        command: Command,
    ) -> Result<Reply, ApiError> {
        let answer = self.orders.ask(once, command).await;
        match answer {
            Some(answer) => answer.map_err(|error: CommandError| error.into()),
            None => Err(ApiError::new(Code::Stopping, "the node ends")),
        }
    }
}

/// An answer of another kind than was asked for: a defect, and said so.
pub(super) fn defect(reply: &Reply) -> ApiError {
    let kind = match reply {
        Reply::Node(_) => "node",
        Reply::Ready(_) => "readiness",
        Reply::Address(_) => "address",
        Reply::Contract(_) => "contract",
        Reply::Graph(_) => "graph",
        Reply::Contracts(_) => "contracts",
        Reply::Archive(_) => "archive",
        Reply::Peers(_) => "peers",
        Reply::Result(_) => "result",
        Reply::Bundle(_) => "bundle",
        Reply::Evidence(_) | Reply::EvidenceText(_) => "evidence",
        Reply::Metrics(_) => "figures",
        Reply::Arbiter(_) => "arbiter",
        Reply::Identity(_) => "identity",
        Reply::Small(_) => "small contract",
        Reply::Smalls(_) => "small contracts",
        Reply::SmallDelivered(_) => "what was delivered",
        Reply::Job(_) => "job",
        Reply::Jobs(_) => "jobs",
        Reply::Tower(_) => "watched contract",
        Reply::Towers(_) => "watched contracts",
        Reply::TowerClients(_) => "clients",
        Reply::Done => "done",
    };
    ApiError::new(Code::Internal, "an answer to another question").with("answer", kind)
}

pub(super) type Id = Result<Path<String>, PathRejection>;

/// An id in a path, as text; whoever decides reads it.
pub(super) fn id(found: Id) -> Result<String, ApiError> {
    match found {
        Ok(Path(id)) => Ok(id),
        Err(error) => Err(ApiError::new(Code::BadId, error.body_text())),
    }
}

/// How the node stands: id, height of its chain, balance.
#[utoipa::path(get, path = "/v1/node", tag = "shown", responses((status = 200, body = NodeStatus), Refusals))]
pub(super) async fn node(State(shared): Known) -> Result<Json<NodeStatus>, ApiError> {
    match shared.ask(None, Command::Node).await? {
        Reply::Node(status) => Ok(Json(status)),
        other => Err(defect(&other)),
    }
}

/// Which page.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// Those with lower numbers than this, as `next` of the page before says; without it the last ones.
    #[serde(default)]
    before: Option<u64>,
    /// How many at most; 100 without it.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    most: Option<u32>,
}

/// A page of the contracts that are over, and put away, the last first.
#[utoipa::path(get, path = "/v1/archive", tag = "shown", params(Page), responses((status = 200, body = ArchiveStatus), Refusals))]
pub(super) async fn archive(
    State(shared): Known,
    query: Result<Query<Page>, QueryRejection>,
) -> Result<Json<ArchiveStatus>, ApiError> {
    let bad = |error: QueryRejection| ApiError::new(Code::BadQuery, error.body_text());
    let Query(Page { before, most }) = query.map_err(bad)?;
    if most.is_some_and(|most| !(1..=500).contains(&most)) {
        return Err(ApiError::new(Code::BadQuery, "most is 1 to 500"));
    }
    if before.is_some_and(|before| i64::try_from(before).is_err()) {
        let message = "before is the number of a contract, of 63 bits";
        return Err(ApiError::new(Code::BadQuery, message));
    }
    match shared.ask(None, Command::Archive { before, most }).await? {
        Reply::Archive(page) => Ok(Json(*page)),
        other => Err(defect(&other)),
    }
}

/// All contracts and offers that are not put away.
#[utoipa::path(get, path = "/v1/contracts", tag = "shown", responses((status = 200, body = [ContractStatus]), Refusals))]
pub(super) async fn contracts(State(shared): Known) -> Result<Json<Vec<ContractStatus>>, ApiError> {
    match shared.ask(None, Command::List).await? {
        Reply::Contracts(all) => Ok(Json(all)),
        other => Err(defect(&other)),
    }
}

/// One contract or offer.
#[utoipa::path(get, path = "/v1/contracts/{id}", tag = "shown",
    params(("id" = String, Path, description = "Of the offer; 64 hex digits.", pattern = "^[0-9a-f]{64}$")),
    responses((status = 200, body = ContractStatus), Refusals))]
pub(super) async fn contract(
    State(shared): Known,
    found: Id,
) -> Result<Json<ContractStatus>, ApiError> {
    let id = id(found)?;
    match shared.ask(None, Command::Show { id }).await? {
        Reply::Contract(status) => Ok(Json(*status)),
        other => Err(defect(&other)),
    }
}

async fn graph_of(shared: &Arc<Shared>, found: Id) -> Result<GraphStatus, ApiError> {
    let id = id(found)?;
    match shared.ask(None, Command::Graph { id }).await? {
        Reply::Graph(graph) => Ok(*graph),
        other => Err(defect(&other)),
    }
}

/// The transactions that a contract may need, with those that are on chain, and its dates.
#[utoipa::path(get, path = "/v1/contracts/{id}/graph", tag = "shown",
    params(("id" = String, Path, description = "Of the offer; 64 hex digits.", pattern = "^[0-9a-f]{64}$")),
    responses((status = 200, body = GraphStatus), Refusals))]
pub(super) async fn graph(State(shared): Known, found: Id) -> Result<Json<GraphStatus>, ApiError> {
    graph_of(&shared, found).await.map(Json)
}

/// The same as a picture, once everything is signed.
#[utoipa::path(get, path = "/v1/contracts/{id}/graph.svg", tag = "shown",
    params(("id" = String, Path, description = "Of the offer; 64 hex digits.", pattern = "^[0-9a-f]{64}$")),
    responses((status = 200, body = String, content_type = "image/svg+xml"), Refusals))]
pub(super) async fn picture(State(shared): Known, found: Id) -> Result<Response, ApiError> {
    let graph = graph_of(&shared, found).await?;
    if graph.transactions.is_empty() {
        return Err(ApiError::new(Code::NotSigned, "nothing is signed yet"));
    }
    let kind = [(header::CONTENT_TYPE, "image/svg+xml")];
    Ok((kind, svg::draw(&graph)).into_response())
}

/// What this client has decrypted: its hash, and the file that has it.
#[utoipa::path(get, path = "/v1/contracts/{id}/result", tag = "shown",
    params(("id" = String, Path, description = "Of the offer; 64 hex digits.", pattern = "^[0-9a-f]{64}$")),
    responses((status = 200, body = ResultStatus), Refusals))]
pub(super) async fn result(
    State(shared): Known,
    found: Id,
) -> Result<Json<ResultStatus>, ApiError> {
    let id = id(found)?;
    match shared.ask(None, Command::Result { id }).await? {
        Reply::Result(status) => Ok(Json(status)),
        other => Err(defect(&other)),
    }
}

/// What a watchtower is given for this party of a contract that lives: complete transactions, and no secret. Whoever has it knows the terms.
#[utoipa::path(get, path = "/v1/contracts/{id}/bundle", tag = "shown",
    params(("id" = String, Path, description = "Of the offer; 64 hex digits.", pattern = "^[0-9a-f]{64}$")),
    responses((status = 200, body = BundleStatus), Refusals))]
pub(super) async fn bundle(
    State(shared): Known,
    found: Id,
) -> Result<Json<BundleStatus>, ApiError> {
    let id = id(found)?;
    match shared.ask(None, Command::Bundle { id }).await? {
        Reply::Bundle(status) => Ok(Json(status)),
        other => Err(defect(&other)),
    }
}

/// What this party has of a contract that lives and that somebody may have to judge by: terms, what was signed, acknowledged and attested, and the
/// case before a panel. Nothing of it is a secret; a case shows as much of the result as the panel is shown.
#[utoipa::path(get, path = "/v1/contracts/{id}/evidence", tag = "shown",
    params(("id" = String, Path, description = "Of the offer; 64 hex digits.", pattern = "^[0-9a-f]{64}$")),
    responses((status = 200, body = [EvidenceStatus]), Refusals))]
pub(super) async fn evidence(
    State(shared): Known,
    found: Id,
) -> Result<Json<Vec<EvidenceStatus>>, ApiError> {
    let id = id(found)?;
    match shared.ask(None, Command::Evidence { id }).await? {
        Reply::Evidence(all) => Ok(Json(all)),
        other => Err(defect(&other)),
    }
}

/// One piece of it: JSON, or bytes as its list says.
#[utoipa::path(get, path = "/v1/contracts/{id}/evidence/{item}", tag = "shown",
    params(("id" = String, Path, description = "Of the offer; 64 hex digits.", pattern = "^[0-9a-f]{64}$"),
        ("item" = String, Path, description = "As the list has it; 64 hex digits.", pattern = "^[0-9a-f]{64}$")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), Refusals))]
pub(super) async fn evidence_bytes(
    State(shared): Known,
    found: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, ApiError> {
    let bad = |error: PathRejection| ApiError::new(Code::BadId, error.body_text());
    let Path((id, item)) = found.map_err(bad)?;
    let piece = match shared.ask(None, Command::EvidenceText { id, item }).await? {
        Reply::EvidenceText(piece) => *piece,
        other => return Err(defect(&other)),
    };
    let EvidenceText { evidence, text } = piece;
    let is_json = evidence.media_type == "application/json";
    let bytes = match is_json {
        true => text.into_bytes(),
        false => Vec::<u8>::from_hex(&text).unwrap_or_default(),
    };
    // Whichever it is, it is to be saved, and no page.
    let end = if is_json { ".json" } else { "" };
    let name = format!(
        "attachment; filename=\"{}-{}{end}\"",
        evidence.kind, evidence.id
    );
    let head = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((head, bytes).into_response())
}

/// The bytes of what this client has decrypted.
#[utoipa::path(get, path = "/v1/contracts/{id}/result/bytes", tag = "shown",
    params(("id" = String, Path, description = "Of the offer; 64 hex digits.", pattern = "^[0-9a-f]{64}$")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), Refusals))]
pub(super) async fn result_bytes(State(shared): Known, found: Id) -> Result<Response, ApiError> {
    let id = id(found)?;
    match shared.ask(None, Command::Result { id }).await? {
        Reply::Result(status) => download::answer(status).await,
        other => Err(defect(&other)),
    }
}

/// All peers.
#[utoipa::path(get, path = "/v1/peers", tag = "shown", responses((status = 200, body = [PeerStatus]), Refusals))]
pub(super) async fn peers(State(shared): Known) -> Result<Json<Vec<PeerStatus>>, ApiError> {
    match shared.ask(None, Command::Peers).await? {
        Reply::Peers(all) => Ok(Json(all)),
        other => Err(defect(&other)),
    }
}

/// Which events.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct After {
    /// Number of the last one that is known; 0 for all that are kept.
    #[serde(default)]
    after: u64,
    /// Seconds that the answer waits for, if nothing has happened since.
    #[serde(default)]
    #[param(maximum = 25)]
    wait_s: u64,
}

/// What happened since the node started, as far as it is kept; waits for it if asked to.
#[utoipa::path(get, path = "/v1/events", tag = "shown", params(After), responses((status = 200, body = EventsStatus), Refusals))]
pub(super) async fn events(
    State(shared): Known,
    query: Result<Query<After>, QueryRejection>,
) -> Result<Json<EventsStatus>, ApiError> {
    let bad = |error: QueryRejection| ApiError::new(Code::BadQuery, error.body_text());
    let Query(After { after, wait_s }) = query.map_err(bad)?;
    if wait_s > MAX_WAIT_S {
        return Err(ApiError::new(Code::BadQuery, "wait_s is 25 at most").with("wait_s", wait_s));
    }
    // Who waits has a connection: some are left for those who do not.
    let _waits = match wait_s {
        0 => None,
        _ => Some(shared.waits.try_acquire().map_err(|_| {
            let message = format_args!("{MOST_WAITS} answers wait already");
            ApiError::new(Code::TooMany, message)
        })?),
    };
    let happens = shared.events.happens_after(after);
    // That nothing has happened is an answer too.
    let _ = tokio::time::timeout(Duration::from_secs(wait_s), happens).await;
    Ok(Json(shared.events.after(after)))
}

/// This description.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "shown", responses((status = 200, description = "OpenAPI 3.1", body = Object), Refusals))]
pub(super) async fn description() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document()).into_response()
}
