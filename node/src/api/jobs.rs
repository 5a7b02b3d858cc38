//! Jobs as uploads: files by their hash, and jobs made of them.

use std::{io, pin::Pin, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, header},
};
use hyper::body::Body as _;
use tokio::sync::mpsc;

use super::{
    Known, Shared,
    error::{ApiError, Code},
    orders::{Done, Key, body, key, no_body},
    shown::{Id, Json, Refusals, defect, id},
};
use crate::party::{
    Command, FileStatus, JobCommand, KeptJobStatus, NewJob, Once, Reply, UploadError, Uploads,
};

/// Time for the next piece of an upload: who is slower loses it.
const PIECE: Duration = Duration::from_secs(20);

/// Pieces that wait for the disk.
const AHEAD: usize = 4;

impl From<UploadError> for ApiError {
    fn from(error: UploadError) -> ApiError {
        let code = match &error {
            UploadError::Name(_) => Code::BadId,
            UploadError::Hash { .. } => Code::BadHash,
            UploadError::Broken { .. } => Code::TooSlow,
            UploadError::Full { .. } => Code::Full,
            UploadError::Unsaid => Code::TooLarge,
            UploadError::Missing { .. } => Code::NoFile,
            UploadError::Job(_) => Code::BadJob,
            UploadError::Disk(_) => Code::Disk,
        };
        let said = ApiError::new(code, &error);
        match error {
            UploadError::Hash { found } => said.with("sha256", found),
            UploadError::Missing { sha256 } => said.with("sha256", sha256),
            UploadError::Full { used, most, .. } => said.with("used", used).with("most", most),
            _ => said,
        }
    }
}

/// Work with files, aside from what answers others.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, UploadError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| ApiError::new(Code::Internal, error))?;
    Ok(done?)
}

/// The next piece of a body; `None` at its end.
async fn piece(body: &mut Body) -> Option<io::Result<Bytes>> {
    loop {
        let next = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
        let frame = match tokio::time::timeout(PIECE, next).await {
            Ok(frame) => frame?,
            Err(_) => return Some(Err(io::ErrorKind::TimedOut.into())),
        };
        match frame {
            Err(error) => return Some(Err(io::Error::other(error))),
            Ok(frame) => match frame.into_data() {
                Ok(bytes) => return Some(Ok(bytes)),
                // A trailer says nothing here.
                Err(_) => continue,
            },
        }
    }
}

impl Shared {
    fn uploads(&self) -> Result<Arc<Uploads>, ApiError> {
        let uploads = self.uploads.clone();
        uploads.ok_or_else(|| ApiError::new(Code::Cannot, "this node takes no uploads"))
    }

    async fn job(&self, once: Option<Once>, order: JobCommand) -> Result<Reply, ApiError> {
        self.ask(once, Command::Job { order }).await
    }
}

fn one(reply: Reply) -> Result<Json<KeptJobStatus>, ApiError> {
    match reply {
        Reply::Job(status) => Ok(Json(*status)),
        other => Err(defect(&other)),
    }
}

/// Files that were uploaded, and no job was made of yet.
#[utoipa::path(get, path = "/v1/files", tag = "jobs", responses((status = 200, body = [FileStatus]), Refusals))]
pub(super) async fn files(State(shared): Known) -> Result<Json<Vec<FileStatus>>, ApiError> {
    let uploads = shared.uploads()?;
    aside(move || uploads.list()).await.map(Json)
}

/// Takes a file, as fast as the disk does, and keeps it if its bytes have this hash. One at a time; one that is here already is not read.
#[utoipa::path(put, path = "/v1/files/{id}", tag = "jobs",
    params(("id" = String, Path, description = "SHA-256 of its bytes; 64 hex digits.", pattern = "^[0-9a-f]{64}$")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = FileStatus), Refusals))]
pub(super) async fn upload(
    State(shared): Known,
    found: Id,
    request: Request,
) -> Result<Json<FileStatus>, ApiError> {
    let sha256 = id(found)?;
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok());
    if kind != Some("application/octet-stream") {
        let message = "a file is application/octet-stream, and says so";
        return Err(ApiError::new(Code::BadType, message));
    }
    let uploads = shared.uploads()?;
    let known = uploads.clone();
    let (asked, is_here) = (sha256.clone(), move |sha256: String| known.find(&sha256));
    if let Some(found) = aside(move || is_here(asked)).await? {
        return Ok(Json(found));
    }
    let _one = shared
        .uploading
        .try_acquire()
        .map_err(|_| ApiError::new(Code::TooMany, "another file is uploaded just now"))?;
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|bytes| bytes.to_str().ok()?.parse().ok());
    let (pieces, mut coming) = mpsc::channel::<io::Result<Bytes>>(AHEAD);
    let taking = tokio::task::spawn_blocking(move || {
        // A sender that is dropped without the last word has not come to its end.
        let mut is_whole = false;
        let all = std::iter::from_fn(|| match coming.blocking_recv() {
            Some(Ok(piece)) if piece.is_empty() => {
                is_whole = true;
                None
            }
            Some(piece) => Some(piece),
            None if is_whole => None,
            None => {
                is_whole = true;
                Some(Err(io::ErrorKind::UnexpectedEof.into()))
            }
        });
        uploads.take(&sha256, announced, all)
    });
    let mut body = request.into_body();
    loop {
        let next = match piece(&mut body).await {
            Some(Ok(bytes)) if bytes.is_empty() => continue,
            Some(next) => next,
            // The last word.
            None => Ok(Bytes::new()),
        };
        let is_last = next.as_ref().map_or(true, Bytes::is_empty);
        // Whoever takes them may have had enough.
        if pieces.send(next).await.is_err() || is_last {
            break;
        }
    }
    drop(pieces);
    let taken = taking.await;
    let taken = taken.map_err(|error| ApiError::new(Code::Internal, error))?;
    Ok(Json(taken?))
}

/// Removes a file that was uploaded.
#[utoipa::path(delete, path = "/v1/files/{id}", tag = "jobs",
    params(("id" = String, Path, description = "SHA-256 of its bytes; 64 hex digits.", pattern = "^[0-9a-f]{64}$")),
    responses((status = 200, body = Done), Refusals))]
pub(super) async fn forget_file(
    State(shared): Known,
    found: Id,
    request: Request,
) -> Result<Json<Done>, ApiError> {
    let sha256 = id(found)?;
    no_body(request).await?;
    let uploads = shared.uploads()?;
    match aside(move || uploads.forget(&sha256)).await? {
        true => Ok(Json(Done { done: true })),
        false => Err(ApiError::new(Code::Unknown, "there is no such file")),
    }
}

/// Jobs that are kept, to be offered by their id.
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs", responses((status = 200, body = [KeptJobStatus]), Refusals))]
pub(super) async fn jobs(State(shared): Known) -> Result<Json<Vec<KeptJobStatus>>, ApiError> {
    match shared.job(None, JobCommand::List).await? {
        Reply::Jobs(all) => Ok(Json(all)),
        other => Err(defect(&other)),
    }
}

/// Makes a job of files that were uploaded, looks at it, and keeps it: it is durable before it is answered, and the files are not needed
/// any more. It may speak of those files alone, by whatever names.
#[utoipa::path(post, path = "/v1/jobs", tag = "jobs", params(Key), request_body = NewJob, responses((status = 200, body = KeptJobStatus), Refusals))]
pub(super) async fn keep_job(
    State(shared): Known,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<KeptJobStatus>, ApiError> {
    let key = key(&headers)?;
    let new: NewJob = body(request).await?;
    let uploads = shared.uploads()?;
    let order = || JobCommand::Keep(new.clone());
    let once = Once::new(key, &Command::Job { order: order() });
    let mut answer = shared.job(Some(once), order()).await;
    if answer
        .as_ref()
        .is_err_and(|error| error.code == Code::NotMade)
    {
        let _one = shared
            .making
            .try_acquire()
            .map_err(|_| ApiError::new(Code::TooMany, "another job is made just now"))?;
        let (uploads, new) = (uploads.clone(), new.clone());
        aside(move || uploads.make(&new)).await?;
        answer = shared.job(Some(once), order()).await;
    }
    let kept = one(answer?)?;
    // It is durable, and has copies. What cannot be removed can be removed later.
    let _ = aside(move || uploads.used(&new)).await;
    Ok(kept)
}

/// One job that is kept.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "jobs",
    params(("id" = String, Path, description = "As the list has it; 64 hex digits.", pattern = "^[0-9a-f]{64}$")),
    responses((status = 200, body = KeptJobStatus), Refusals))]
pub(super) async fn job(State(shared): Known, found: Id) -> Result<Json<KeptJobStatus>, ApiError> {
    let id = id(found)?;
    one(shared.job(None, JobCommand::Show { id }).await?)
}

/// Keeps a job no more that no contract needs.
#[utoipa::path(delete, path = "/v1/jobs/{id}", tag = "jobs",
    params(("id" = String, Path, description = "As the list has it; 64 hex digits.", pattern = "^[0-9a-f]{64}$")),
    responses((status = 200, body = Done), Refusals))]
pub(super) async fn forget_job(
    State(shared): Known,
    found: Id,
    request: Request,
) -> Result<Json<Done>, ApiError> {
    let id = id(found)?;
    no_body(request).await?;
    match shared.job(None, JobCommand::Forget { id }).await? {
        Reply::Done => Ok(Json(Done { done: true })),
        other => Err(defect(&other)),
    }
}
