//! Figures of the node, for whoever watches it (Prometheus' text format).

use std::sync::atomic::{AtomicU64, Ordering};

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    Known,
    error::ApiError,
    shown::{Refusals, defect},
};
use crate::party::{Command, Figures, Reply};

/// Where they are.
pub(super) const METRICS: &str = "/metrics";

/// What was answered since the node started, by hundreds of the status.
#[derive(Default)]
pub(super) struct Answered([AtomicU64; 6]);

impl Answered {
    /// One more.
    pub(super) fn count(&self, status: StatusCode) {
        if let Some(count) = self.0.get(usize::from(status.as_u16() / 100)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn say(&self, figures: &mut Figures) {
        let name = "narthex_http_responses_total";
        figures.family(
            name,
            "counter",
            "What the API has answered since the node started.",
        );
        for (class, count) in self.0.iter().enumerate().skip(1) {
            let class = format!("{class}xx");
            figures.sample(name, &[("status", &class)], count.load(Ordering::Relaxed));
        }
    }
}

/// Figures of the node, in Prometheus' text format. The token in `metrics.token` opens them, and nothing else.
#[utoipa::path(get, path = "/metrics", tag = "shown", responses((status = 200, body = String, content_type = "text/plain"), Refusals))]
pub(super) async fn metrics(State(shared): Known) -> Result<Response, ApiError> {
    let text = match shared.ask(None, Command::Metrics).await? {
        Reply::Metrics(text) => text,
        other => return Err(defect(&other)),
    };
    let mut figures = Figures::from(text);
    shared.answered.say(&mut figures);
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    Ok((kind, figures.into_text()).into_response())
}
