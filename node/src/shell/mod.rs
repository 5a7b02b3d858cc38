//! The process around a [`Core`](crate::party::Core): its folder, its sockets, its clock, and the operator's orders.

mod about;
mod clock;
mod control;
mod database;
mod folder;
mod judge;
mod links;
mod options;
mod process;
mod run;
mod standby;
mod store;

pub use clock::Clock;
pub use control::{ControlError, ask};
pub use database::{DatabaseError, DatabaseOptions};
pub use folder::{Folder, FolderError};
pub use options::{RunError, RunOptions};
pub use run::{Said, run};
