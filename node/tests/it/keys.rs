//! Node keys in files.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use narthex_base::secret::Secret;
use narthex_node::{KeyError, NodeKey};
use tempfile::TempDir;

#[test]
fn a_key_is_drawn_once_and_is_its_owners_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("node_key");
    let drawn = NodeKey::load_or_draw(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!((bytes.len(), mode & 0o777), (32, 0o600));
    assert_eq!(NodeKey::load_or_draw(&path).unwrap().id(), drawn.id());
    assert_eq!(fs::read(&path).unwrap(), bytes);
    let kept = NodeKey::new(Secret::from_bytes(bytes.clone().try_into().unwrap())).unwrap();
    assert_eq!(kept.id(), drawn.id());
    assert_ne!(NodeKey::draw().id(), drawn.id());
    // What is printed is the public half.
    let printed = format!("{drawn:?}");
    assert_eq!(printed, format!("NodeKey({})", drawn.id()));
}

#[test]
fn a_key_that_others_may_have_seen_or_put_there_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("node_key");
    let id = NodeKey::load_or_draw(&path).unwrap().id();
    for mode in [0o640, 0o604, 0o620, 0o602, 0o644] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = NodeKey::load_or_draw(&path).unwrap_err();
        assert!(matches!(error, KeyError::File { .. }), "{error}");
        assert!(error.to_string().contains(&format!("{mode:o}")), "{error}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    assert_eq!(NodeKey::load_or_draw(&path).unwrap().id(), id);

    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    let error = NodeKey::load_or_draw(&link).unwrap_err();
    assert!(error.to_string().contains("a link to"), "{error}");
    let second = folder.path().join("second");
    fs::hard_link(&path, &second).unwrap();
    let error = NodeKey::load_or_draw(&path).unwrap_err();
    assert!(error.to_string().contains("2 names"), "{error}");
    assert!(NodeKey::load_or_draw(folder.path()).is_err());
    assert!(NodeKey::load_or_draw(&folder.path().join("none/key")).is_err());
}

#[test]
fn bytes_that_are_no_key_are_refused_and_left_as_they_are() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("node_key");
    for bytes in [&[][..], &[1; 31], &[1; 33], &[0; 32], &[0xff; 32]] {
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = NodeKey::load_or_draw(&path).unwrap_err();
        let is_scalar = matches!(error, KeyError::NoScalar);
        assert_eq!(is_scalar, bytes.len() == 32, "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}
