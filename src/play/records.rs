//! What each party of a play has bound, in a file of its own.

use std::collections::BTreeMap;

use narthex_contracts::terms::Role;

use super::PlayError;
use crate::{
    bindings::FileBindings,
    disk::{TempDir, temporary_folder},
};

/// Everybody's record, in a folder that goes when the play ends: its coins are worth nothing, and its seed may be played
/// again.
pub(super) struct Records {
    of: BTreeMap<Role, FileBindings>,
    _folder: TempDir,
}

impl Records {
    /// Begins a record for each of `roles`.
    pub(super) fn begin(roles: impl Iterator<Item = Role>) -> Result<Records, PlayError> {
        let folder = temporary_folder("narthex-play-", None).map_err(PlayError::Folder)?;
        let of = roles
            .map(|role| {
                let path = folder.path().join(role.to_string());
                Ok((role, FileBindings::open(&path)?))
            })
            .collect::<Result<_, PlayError>>()?;
        Ok(Records {
            of,
            _folder: folder,
        })
    }

    /// Everybody's.
    pub(super) fn each(&mut self) -> impl Iterator<Item = (Role, &mut FileBindings)> {
        self.of.iter_mut().map(|(role, record)| (*role, record))
    }
}
