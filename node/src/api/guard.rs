//! Who may ask, and what stands on every answer.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    Shared,
    error::{ApiError, Code},
    metrics::METRICS,
    quota::{A_MINUTE, Quota},
    ticket::Caller,
};

/// The page loads what comes from this node, and nothing else; nobody frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// On every answer: what it holds is not kept, not guessed at and not framed.
const HEADERS: &[(HeaderName, &str)] = &[
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// Before everything: the request must call this node by a name of its own. A page of another site whose name was pointed at this
/// machine calls it by that name.
pub(super) async fn host(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let answers = shared.clone();
    let mut response = match called(&request) {
        Some(host) if shared.hosts.contains(&host) => match is_own_page(&shared, &request) {
            true => next.run(request).await,
            false => ApiError::new(Code::BadOrigin, "a page of another site asks").into_response(),
        },
        called => {
            let called = called.unwrap_or_default();
            let message = format_args!("the request calls {called:?}, and not this node");
            ApiError::new(Code::BadHost, message)
                .with("host", &called)
                .into_response()
        }
    };
    answers.answered.count(response.status());
    if let Some(code) = response
        .extensions()
        .get::<Code>()
        .filter(|code| code.is_callers())
    {
        answers.meters.bad(code.word());
    }
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

/// Whether no page asks, or one of this node. Browsers say with each order which site's page gives it; without the token it would be
/// refused too, but a token that has come into the wrong page opens nothing there.
fn is_own_page(shared: &Shared, request: &Request) -> bool {
    let mut origins = request.headers().get_all(header::ORIGIN).iter();
    origins.all(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        let host = origin.split_once("://").filter(|(scheme, _)| {
            // A proxy that encrypts stands before a node that is called from elsewhere.
            matches!(*scheme, "http" | "https")
        });
        host.is_some_and(|(_, host)| shared.hosts.contains(&host.to_ascii_lowercase()))
    })
}

/// The one host that a request calls, if there is one.
fn called(request: &Request) -> Option<String> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    // A second one, or another in the line of the request, is for somebody who reads it otherwise.
    let is_one = hosts.next().is_none();
    let in_line = request.uri().authority();
    let agrees = in_line.is_none_or(|authority| authority.as_str() == host);
    (is_one && agrees).then(|| host.to_ascii_lowercase())
}

/// Where a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct CameFrom(pub(super) IpAddr);

/// Before what needs no token: so often a minute from one address.
pub(super) async fn quota(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let from = request.extensions().get::<CameFrom>().copied();
    let CameFrom(address) = from.unwrap_or(CameFrom(Ipv4Addr::UNSPECIFIED.into()));
    match Quota::may(&shared.quota, address) {
        true => next.run(request).await,
        false => {
            let message = format_args!("more than {A_MINUTE} requests a minute without a token");
            ApiError::new(Code::Quota, message).into_response()
        }
    }
}

/// Before everything but the page: the token, or where a ticket opens a route, that.
pub(super) async fn token(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let route = (request.method().clone(), request.uri().path().to_owned());
    let caller = match bearer(request.headers()) {
        None => None,
        Some(offered) if shared.token.is(offered) => Some(Caller(None)),
        // What reads figures need not be able to give orders.
        Some(offered) if route.1 == METRICS && shared.reads.is(offered) => Some(Caller(None)),
        Some(offered) => shared.tickets.caller(offered, route).await,
    };
    match caller {
        Some(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        None => {
            ApiError::new(Code::Unauthorized, "there is no token in it, or another").into_response()
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let words = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = words.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    is_bearer.then(|| token.trim())
}
