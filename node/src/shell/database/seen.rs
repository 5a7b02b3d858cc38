//! What a replica has seen of the database, in a file of its own that no backup and no other replica has. A database that was put back, and one
//! that another replica has written to meanwhile, is told by it.
//!
//! One line, written over in place. It is synced when this replica takes over. Commits are noted without waiting for the disk: a process that is
//! killed has said them to the system, and a machine that loses power together with its database goes by the database's word.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::FileExt as _,
    path::Path,
};

use bitcoin::{
    hex::{DisplayHex as _, FromHex as _},
    secp256k1::rand::{RngCore as _, rngs::OsRng},
};
use narthex::channel::log::PgMark;
use narthex_base::tagged::tagged_hash;
use narthex_disk::{Readers, open_log};

/// How the line begins.
const HEAD: &str = "narthex database 1";

/// Most that is read of it.
const MAX: u64 = 512;

/// The file of a replica.
#[derive(Debug)]
pub(super) struct Seen {
    file: File,
    name: String,
    mark: Option<PgMark>,
}

/// What a database is to a replica that enters it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Past {
    /// It is as this replica left it, or nobody has written to it yet.
    Own,
    /// Others have written since, or this replica has no memory of it.
    Others,
    /// It is an older copy: at least so many commits are missing that this replica has seen durable.
    Older(u64),
    /// It is an older copy that others have written to.
    Another,
}

impl Seen {
    /// The file, begun under a name that is drawn if there is none.
    pub(super) fn open(path: &Path) -> io::Result<Seen> {
        let mut file = open_log(path, Readers::Owner)?;
        let mut text = String::new();
        // What is no text is no line of ours.
        let read = (&mut file).take(MAX).read_to_string(&mut text);
        let found = read.ok().and_then(|_| parsed(&text));
        let (name, mark) = found.unwrap_or_else(|| (format!("{:08x}", OsRng.next_u32()), None));
        Ok(Seen { file, name, mark })
    }

    /// What this replica calls itself.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What a database is that stood so when it was entered.
    pub(super) fn past(&self, found: &PgMark) -> Past {
        let Some(seen) = &self.mark else {
            return match found.epoch {
                0 => Past::Own,
                _ => Past::Others,
            };
        };
        match found.epoch.cmp(&seen.epoch) {
            std::cmp::Ordering::Equal if found.token == seen.token => {
                match seen.commits.checked_sub(found.commits) {
                    None | Some(0) => Past::Own,
                    Some(missing) => Past::Older(missing),
                }
            }
            std::cmp::Ordering::Equal => Past::Another,
            std::cmp::Ordering::Less => Past::Older(seen.commits.saturating_sub(found.commits)),
            // Whoever has written behind an older copy of what this replica has seen has written less, for a while.
            std::cmp::Ordering::Greater if found.commits < seen.commits => Past::Another,
            std::cmp::Ordering::Greater => Past::Others,
        }
    }

    /// Notes how far the database has come; with `sync` it is on the disk on return.
    pub(super) fn note(&mut self, mark: &PgMark, sync: bool) -> io::Result<()> {
        let line = line(&self.name, mark);
        self.file.write_all_at(line.as_bytes(), 0)?;
        if sync {
            self.file.set_len(line.len() as u64)?;
            self.file.sync_all()?;
        }
        self.mark = Some(mark.clone());
        Ok(())
    }
}

fn line(name: &str, mark: &PgMark) -> String {
    let PgMark {
        epoch,
        token,
        commits,
    } = mark;
    let token = token.to_lower_hex_string();
    let words = format!("{HEAD} {name} {epoch:016x} {token} {commits:016x}");
    let check = tagged_hash("narthex/database-seen", words.as_bytes());
    format!("{words} {}\n", check[..8].to_lower_hex_string())
}

fn parsed(text: &str) -> Option<(String, Option<PgMark>)> {
    let words: Vec<_> = text.trim_end().split(' ').collect();
    let [_, _, _, name, epoch, token, commits, _] = words.as_slice() else {
        return None;
    };
    let mark = PgMark {
        epoch: u64::from_str_radix(epoch, 16).ok()?,
        token: Vec::from_hex(token).ok()?,
        commits: u64::from_str_radix(commits, 16).ok()?,
    };
    (line(name, &mark) == text).then(|| ((*name).to_owned(), Some(mark)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn mark(epoch: u64, token: u8, commits: u64) -> PgMark {
        PgMark {
            epoch,
            token: vec![token; 32],
            commits,
        }
    }

    #[test]
    fn a_database_that_went_back_is_told_from_one_that_others_wrote_to() {
        let folder = narthex_disk::temporary_folder("seen", None).unwrap();
        let path = folder.path().join("database.seen");
        let mut seen = Seen::open(&path).unwrap();
        assert_eq!(seen.past(&PgMark::default()), Past::Own);
        assert_eq!(seen.past(&mark(1, 1, 5)), Past::Others);
        seen.note(&mark(3, 7, 40), true).unwrap();
        seen.note(&mark(3, 7, 41), false).unwrap();
        let name = seen.name().to_owned();
        drop(seen);
        let seen = Seen::open(&path).unwrap();
        assert_eq!(seen.name(), name);
        for (found, past) in [
            (mark(3, 7, 41), Past::Own),
            // It was killed between a commit and its note.
            (mark(3, 7, 42), Past::Own),
            (mark(3, 7, 38), Past::Older(3)),
            (mark(3, 8, 60), Past::Another),
            (mark(2, 6, 30), Past::Older(11)),
            (mark(4, 9, 50), Past::Others),
            (mark(4, 9, 40), Past::Another),
        ] {
            assert_eq!(seen.past(&found), past, "{found:?}");
        }
        drop(seen);
        // A line that is not whole says nothing, and nothing is taken for one's own by it.
        let bytes = std::fs::read(&path).unwrap();
        let mut wrong = bytes.clone();
        wrong[70] ^= 1;
        for wrong in [&wrong[..], &bytes[..90], b"\xff"] {
            std::fs::write(&path, wrong).unwrap();
            let seen = Seen::open(&path).unwrap();
            assert_eq!(seen.past(&mark(3, 7, 41)), Past::Others);
        }
    }
}
