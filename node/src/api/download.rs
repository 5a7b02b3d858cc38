//! A result on its way out: read as fast as it is taken, and only if it is what was kept.

use std::{
    fs::File,
    io::{self, Read, Seek},
    path::Path,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use bitcoin::{
    hashes::{Hash as _, HashEngine as _, sha256},
    hex::DisplayHex,
};
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc;

use super::error::{ApiError, Code};
use crate::party::ResultStatus;

/// Bytes that are read at once.
const PIECE: usize = 64 << 10;

/// Pieces that wait for whoever reads slowly.
const AHEAD: usize = 2;

/// What a file has from here on.
struct Pieces {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    left: u64,
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = std::task::ready!(self.pieces.poll_recv(context));
        Poll::Ready(match piece {
            Some(Ok(bytes)) => {
                self.left = self.left.saturating_sub(bytes.len() as u64);
                Some(Ok(Frame::data(bytes)))
            }
            Some(Err(error)) => Some(Err(error)),
            // Shorter than it was: the connection ends in the midst, and nobody takes it for whole.
            None if self.left > 0 => Some(Err(io::ErrorKind::UnexpectedEof.into())),
            None => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// A file with this hash, at its beginning, and how long it is.
fn found(path: &Path, sha256: &str) -> io::Result<(File, u64)> {
    let mut file = File::open(path)?;
    let (mut engine, mut length) = (sha256::Hash::engine(), 0);
    let mut piece = vec![0; PIECE];
    loop {
        let count = file.read(&mut piece)?;
        let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else {
            break;
        };
        engine.input(read);
        length += read.len() as u64;
    }
    let hash = sha256::Hash::from_engine(engine).to_byte_array();
    if hash.to_lower_hex_string() != sha256 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    file.rewind()?;
    Ok((file, length))
}

/// Reads to the end, as long as somebody takes it.
fn read(mut file: File, out: &mpsc::Sender<io::Result<Bytes>>) {
    loop {
        let mut piece = Vec::new();
        let read = (&mut file).take(PIECE as u64).read_to_end(&mut piece);
        let piece = read.map(|_| Bytes::from(piece));
        let is_last = piece.as_ref().map_or(true, Bytes::is_empty);
        let is_empty = piece.as_ref().is_ok_and(Bytes::is_empty);
        if is_empty || out.blocking_send(piece).is_err() || is_last {
            return;
        }
    }
}

/// What is answered: the bytes, to be saved under their hash.
pub(super) async fn answer(status: ResultStatus) -> Result<Response, ApiError> {
    let ResultStatus { sha256, file, .. } = status;
    let lost = |why: &dyn std::fmt::Display| {
        ApiError::new(
            Code::LostResult,
            format_args!("the result cannot be read: {why}"),
        )
    };
    let path = file.ok_or_else(|| lost(&"it is in no file"))?;
    let disposition = format!("attachment; filename=\"{sha256}\"");
    let opened = tokio::task::spawn_blocking(move || found(&path, &sha256)).await;
    let opened = opened.map_err(|error| lost(&error))?;
    let (file, left) = opened.map_err(|error| lost(&error))?;
    let (out, pieces) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || read(file, &out));
    let head = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((head, Body::new(Pieces { pieces, left })).into_response())
}
