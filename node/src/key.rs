//! The key that a node is known by: of its transport, and of what it signs as a node.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use bitcoin::secp256k1::{
    PublicKey, Secp256k1, SecretKey,
    rand::{RngCore, rngs::OsRng},
};
use narthex_base::secret::Secret;

/// Why there is no node key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read or written, or is not as safe as a secret's must be. This machine's fault, or its owner's.
    #[error("the node key {} cannot be used: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: io::Error,
    },
    /// The bytes are no secret key: 0, or not below the order of the curve. What gave them is at fault.
    #[error("these 32 bytes are no secret key")]
    NoScalar,
}

/// A node's key. Its secret is wiped when dropped, stands in no `Debug`, and leaves for the length of one operation alone.
#[derive(Clone)]
pub struct NodeKey {
    secret: Secret,
    id: PublicKey,
}

impl std::fmt::Debug for NodeKey {
    /// The public half.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NodeKey({})", self.id)
    }
}

impl NodeKey {
    /// The key that these bytes are.
    ///
    /// # Errors
    /// [`KeyError::NoScalar`].
    pub fn new(secret: Secret) -> Result<NodeKey, KeyError> {
        let mut key = SecretKey::from_slice(secret.expose()).map_err(|_| KeyError::NoScalar)?;
        let id = PublicKey::from_secret_key(&Secp256k1::signing_only(), &key);
        key.non_secure_erase();
        Ok(NodeKey { secret, id })
    }

    /// A new one, from the system's source.
    pub fn draw() -> NodeKey {
        loop {
            // All but one in 2¹²⁸ are keys.
            if let Ok(key) = NodeKey::new(Secret::drawn(|bytes| OsRng.fill_bytes(bytes))) {
                return key;
            }
        }
    }

    /// The key in this file; if there is none, a new one, which is durable before this returns.
    ///
    /// # Errors
    /// [`KeyError::File`], also for a file that others may read or write, that is a link, or that has not just 32 bytes; such a file
    /// is left as it is. [`KeyError::NoScalar`] if its bytes are no key.
    pub fn load_or_draw(path: &Path) -> Result<NodeKey, KeyError> {
        let file = |error| KeyError::File {
            path: path.to_owned(),
            error,
        };
        if let Some(key) = NodeKey::load(path)? {
            return Ok(key);
        }
        let drawn = NodeKey::draw();
        match narthex_disk::keep_secret(path, drawn.secret.expose()) {
            Ok(()) => Ok(drawn),
            // Another process of this node was faster: there is one key.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                NodeKey::load(path)?.ok_or_else(|| file(error))
            }
            Err(error) => Err(file(error)),
        }
    }

    /// The key in this file, if there is one.
    ///
    /// # Errors
    /// [`KeyError`], as of [`NodeKey::load_or_draw`].
    pub fn load(path: &Path) -> Result<Option<NodeKey>, KeyError> {
        let mut found = Ok(false);
        let secret = Secret::drawn(|bytes| found = narthex_disk::read_secret(path, bytes));
        let found = found.map_err(|error| KeyError::File {
            path: path.to_owned(),
            error,
        })?;
        found.then(|| NodeKey::new(secret)).transpose()
    }

    /// By which others know the node.
    pub const fn id(&self) -> PublicKey {
        self.id
    }

    /// Lends the secret key for one operation, and wipes it.
    pub(crate) fn lend<T>(&self, operation: impl FnOnce(&SecretKey) -> T) -> Option<T> {
        let mut key = SecretKey::from_slice(self.secret.expose()).ok()?;
        let result = operation(&key);
        key.non_secure_erase();
        Some(result)
    }
}
