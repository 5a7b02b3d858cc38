//! The routes, and their description out of them.

use std::sync::Arc;

use axum::{Router, middleware::from_fn_with_state, routing::get};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Shared, arbiter,
    error::{ApiError, Code},
    guard, jobs, metrics, orders, page, ready, shown, small, tower,
};

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "The words in the file `api.token` of the node's folder. Whoever a watchtower serves has a ticket in its place, which opens `/v1/tower/bundles` and `/v1/tower/rulings`.",
            ))
            .build();
        let parts = document.components.get_or_insert_default();
        parts.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "A node of Narthex",
        description = "One party of contracts about computations, for its operator. Amounts are in satoshi, times in seconds since 1970, ids in hexadecimal.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    // Routes name it among their refusals alone, from where it is not collected.
    components(schemas(ApiError)),
    modifiers(&Bearer),
    security(("token" = [])),
    tags(
        (name = "shown", description = "What stands. Asking changes nothing."),
        (name = "orders", description = "What the operator decides. Each is done once for each `Idempotency-Key`."),
        (name = "jobs", description = "Jobs that the node keeps, and the files that they are made of."),
        (name = "tower", description = "The node as a watchtower for others."),
    ),
)]
struct Document;

fn described() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(shown::node))
        .routes(routes!(shown::contracts))
        .routes(routes!(shown::contract))
        .routes(routes!(shown::graph))
        .routes(routes!(shown::picture))
        .routes(routes!(shown::result))
        .routes(routes!(shown::result_bytes))
        .routes(routes!(shown::bundle))
        .routes(routes!(shown::evidence))
        .routes(routes!(shown::evidence_bytes))
        .routes(routes!(metrics::metrics))
        .routes(routes!(ready::healthz))
        .routes(routes!(ready::readyz))
        .routes(routes!(arbiter::arbiter))
        .routes(routes!(arbiter::identity))
        .routes(routes!(arbiter::burn))
        .routes(routes!(arbiter::renew))
        .routes(routes!(shown::archive))
        .routes(routes!(shown::peers))
        .routes(routes!(small::smalls, small::order))
        .routes(routes!(small::small))
        .routes(routes!(small::delivered))
        .routes(routes!(jobs::files))
        .routes(routes!(jobs::upload, jobs::forget_file))
        .routes(routes!(jobs::jobs, jobs::keep_job))
        .routes(routes!(jobs::job, jobs::forget_job))
        .routes(routes!(tower::watched_all, tower::watch))
        .routes(routes!(tower::watched, tower::forget_watched))
        .routes(routes!(tower::ruling))
        .routes(routes!(tower::tower_clients, tower::admit_client))
        .routes(routes!(tower::dismiss_client))
        .routes(routes!(shown::events))
        .routes(routes!(shown::description))
        .routes(routes!(orders::address))
        .routes(routes!(orders::offer))
        .routes(routes!(orders::accept))
        .routes(routes!(orders::decline))
        .routes(routes!(orders::leave))
        .routes(routes!(orders::deliver))
        .routes(routes!(orders::admit))
        .routes(routes!(orders::agree))
        .routes(routes!(orders::clear))
        .routes(routes!(orders::stop))
}

/// The description of the API (OpenAPI 3.1), as JSON.
pub fn document() -> String {
    let mut text = described()
        .into_openapi()
        .to_pretty_json()
        .unwrap_or_default();
    text.push('\n');
    text
}

/// Everything that is answered, behind what guards it.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    let (routes, _) = described().split_for_parts();
    let nothing = async || ApiError::new(Code::NoRoute, "there is nothing at this path");
    let no_method = async || ApiError::new(Code::NoMethod, "not by this method");
    let guarded = routes
        .fallback(nothing)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(shared.clone(), guard::token));
    let open = page::routes()
        .route("/healthz", get(ready::healthz))
        .route("/readyz", get(ready::readyz))
        .route("/v1/identity", get(arbiter::identity))
        .layer(from_fn_with_state(shared.clone(), guard::quota));
    open.fallback_service(guarded.with_state(shared.clone()))
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(shared.clone(), guard::host))
        .with_state(shared)
}
