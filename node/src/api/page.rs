//! The pages: files that are part of this program. They hold nothing of the node, so that whoever has no token yet may load
//! them; what they show they ask for with it.

use axum::{
    Router,
    http::{HeaderName, header},
    routing::get,
};

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// Path, kind and text of each.
const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("page/index.html")),
    ("/arbiter", HTML, include_str!("page/arbiter.html")),
    ("/common.js", SCRIPT, include_str!("page/common.js")),
    ("/page.js", SCRIPT, include_str!("page/page.js")),
    ("/arbiter.js", SCRIPT, include_str!("page/arbiter.js")),
    ("/page.css", STYLE, include_str!("page/page.css")),
    ("/arbiter.css", STYLE, include_str!("page/arbiter.css")),
];

const fn file(
    kind: &'static str,
    text: &'static str,
) -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(header::CONTENT_TYPE, kind)], text)
}

pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let mut routes = Router::new();
    for (path, kind, text) in FILES {
        routes = routes.route(path, get(async || file(kind, text)));
    }
    routes
}
