//! Where orders are given to whoever decides.

use std::{pin::Pin, sync::Arc};

use crate::party::{Command, CommandError, Once, Reply};

/// What is answered; `None` if the node ends.
pub(crate) type Answer = Option<Result<Reply, CommandError>>;

/// An answer that comes.
pub(crate) type Coming = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// The way to whoever decides, as the process around it gives it.
#[derive(Clone)]
pub(crate) struct OrderWay(Arc<dyn Fn(Option<Once>, Command) -> Coming + Send + Sync>);

impl OrderWay {
    /// By this way.
    pub(crate) fn new(
        way: impl Fn(Option<Once>, Command) -> Coming + Send + Sync + 'static,
    ) -> OrderWay {
        OrderWay(Arc::new(way))
    }

    /// Gives an order.
    pub(crate) async fn ask(&self, once: Option<Once>, command: Command) -> Answer {
        (self.0)(once, command).await
    }
}
