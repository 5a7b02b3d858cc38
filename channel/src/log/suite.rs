//! What every store must do: one suite for all of them.

use bitcoin::secp256k1::rand::{Rng, RngCore, SeedableRng, rngs::StdRng};

use super::{Identity, Log, LogError};

/// A place for logs.
pub trait Store {
    /// Its logs.
    type Log: Log;
    /// An empty one.
    fn empty() -> Self;
    /// The log of a machine, made if there is none.
    ///
    /// # Errors
    /// [`LogError`].
    fn open(&self, whose: &Identity) -> Result<Self::Log, LogError>;
}

/// Holds a store to the suite. `seed` repeats the random part.
///
/// # Errors
/// What does not hold, in words.
pub fn check<S: Store>(seed: u64) -> Result<(), String> {
    appends_in_order::<S>()?;
    refuses_another_position::<S>()?;
    has_one_writer::<S>()?;
    replaces_all_or_nothing::<S>()?;
    keeps_what_a_model_keeps::<S>(seed)
}

fn whose() -> Identity {
    Identity::new("suite", [3; 32])
}

/// All entries of a log.
///
/// # Errors
/// As [`Log::read`]; a number out of order, in words.
pub fn entries(log: &mut impl Log) -> Result<Vec<Vec<u8>>, String> {
    let (mut found, mut is_ordered) = (Vec::new(), true);
    let count = log.read(&mut |number, bytes| {
        is_ordered &= number == found.len() as u64;
        found.push(bytes.to_vec());
    });
    let count = count.map_err(|e| e.to_string())?;
    match is_ordered && count == found.len() as u64 {
        true => Ok(found),
        false => Err(format!("{count} entries are out of order")),
    }
}

fn expect(what: &str, holds: bool) -> Result<(), String> {
    match holds {
        true => Ok(()),
        false => Err(what.to_owned()),
    }
}

fn done<T>(result: Result<T, LogError>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

fn appends_in_order<S: Store>() -> Result<(), String> {
    let store = S::empty();
    let mut log = done(store.open(&whose()))?;
    expect("a new log is not empty", entries(&mut log)?.is_empty())?;
    let large = vec![7; 3 << 20];
    done(log.append(0, &[b"one".to_vec(), Vec::new()]))?;
    done(log.append(2, &[]))?;
    done(log.append(2, std::slice::from_ref(&large)))?;
    let all = vec![b"one".to_vec(), Vec::new(), large];
    expect("entries are not those appended", entries(&mut log)? == all)?;
    drop(log);
    let mut log = done(store.open(&whose()))?;
    expect(
        "a log that was closed lost entries",
        entries(&mut log)? == all,
    )?;
    // Appending needs no reading first.
    drop(log);
    let mut log = done(store.open(&whose()))?;
    done(log.append(3, &[b"four".to_vec()]))?;
    expect(
        "an entry after opening is lost",
        entries(&mut log)?.len() == 4,
    )
}

fn refuses_another_position<S: Store>() -> Result<(), String> {
    let mut log = done(S::empty().open(&whose()))?;
    done(log.append(0, &[b"one".to_vec()]))?;
    for next in [0, 2, u64::MAX] {
        let refused = log.append(next, &[b"two".to_vec()]);
        let found = format!("an append at {next}: {refused:?}");
        let is_position = matches!(refused, Err(LogError::Position { expected: 1, .. }));
        expect(&found, is_position)?;
    }
    expect("a refused append appended", entries(&mut log)?.len() == 1)
}

fn has_one_writer<S: Store>() -> Result<(), String> {
    let store = S::empty();
    let held = done(store.open(&whose()))?;
    let second = store.open(&whose()).map(drop);
    let found = format!("a second writer: {second:?}");
    expect(&found, matches!(second, Err(LogError::Busy { .. })))?;
    drop(held);
    done(store.open(&whose())).map(drop)
}

/// A summary in the place of all entries, and what is appended behind it.
fn replaces_all_or_nothing<S: Store>() -> Result<(), String> {
    let store = S::empty();
    let mut log = done(store.open(&whose()))?;
    let old = [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()];
    done(log.append(0, &old))?;
    for next in [0, 2, 4] {
        let refused = log.replace(next, &[b"all".to_vec()]);
        let found = format!("a replacement of {next}: {refused:?}");
        let is_position = matches!(refused, Err(LogError::Position { expected: 3, .. }));
        expect(&found, is_position)?;
    }
    expect("a refused replacement replaced", entries(&mut log)? == old)?;
    done(log.replace(3, &[b"all".to_vec(), b"of it".to_vec()]))?;
    done(log.append(2, &[b"four".to_vec()]))?;
    let new = [b"all".to_vec(), b"of it".to_vec(), b"four".to_vec()];
    expect("not the summary and its tail", entries(&mut log)? == new)?;
    drop(log);
    let mut log = done(store.open(&whose()))?;
    expect(
        "a log that was closed lost its summary",
        entries(&mut log)? == new,
    )?;
    // A summary may be longer, or empty.
    done(log.replace(3, &[&new[..], &old].concat()))?;
    expect("a longer summary", entries(&mut log)?.len() == 6)?;
    done(log.replace(6, &[]))?;
    expect("an empty summary", entries(&mut log)?.is_empty())?;
    done(log.append(0, &[b"five".to_vec()]))?;
    drop(log);
    let mut log = done(store.open(&whose()))?;
    expect("behind an empty summary", entries(&mut log)?.len() == 1)
}

/// Batches, some of them refused, replacements and reopening, beside a plain list.
fn keeps_what_a_model_keeps<S: Store>(seed: u64) -> Result<(), String> {
    let mut rng = StdRng::seed_from_u64(seed);
    let store = S::empty();
    let mut model: Vec<Vec<u8>> = Vec::new();
    let mut log = done(store.open(&whose()))?;
    for step in 0..200 {
        match rng.gen_range(0..10u8) {
            0 => {
                drop(log);
                log = done(store.open(&whose()))?;
            }
            1 => expect(
                &format!("step {step}: an append beyond the end (seed {seed})"),
                log.append(model.len() as u64 + 1, &[vec![1]]).is_err(),
            )?,
            2 => {
                let there = model.len() as u64;
                model.truncate(rng.gen_range(0..3));
                done(log.replace(there, &model))?;
            }
            _ => {
                let count = rng.gen_range(0..4usize);
                let entry = |rng: &mut StdRng| {
                    let mut bytes = vec![0; rng.gen_range(0..300usize)];
                    rng.fill_bytes(&mut bytes);
                    bytes
                };
                let batch: Vec<_> = (0..count).map(|_| entry(&mut rng)).collect();
                done(log.append(model.len() as u64, &batch))?;
                model.extend(batch);
            }
        }
        let found = entries(&mut log)?;
        expect(
            &format!("step {step}: other entries (seed {seed})"),
            found == model,
        )?;
    }
    Ok(())
}

/// A place for many logs, some of which are put away.
pub trait Shelf {
    /// Its logs.
    type Log: Log;
    /// An empty one.
    fn empty() -> Self;
    /// It is left, and opened again by another process.
    #[must_use]
    fn again(self) -> Self;
    /// The log of a machine, begun if there is none.
    ///
    /// # Errors
    /// [`LogError`].
    fn open(&mut self, whose: &Identity) -> Result<Self::Log, LogError>;
    /// Whose logs there are that are not put away, in the order in which they were begun.
    ///
    /// # Errors
    /// [`LogError`].
    fn known(&mut self) -> Result<Vec<Identity>, LogError>;
    /// Whether a log was begun.
    ///
    /// # Errors
    /// [`LogError`].
    fn has(&mut self, whose: &Identity) -> Result<bool, LogError>;
    /// Forgets a log.
    ///
    /// # Errors
    /// [`LogError`].
    fn remove(&mut self, whose: &Identity) -> Result<(), LogError>;
    /// Puts a log away, or takes it out again.
    ///
    /// # Errors
    /// [`LogError`].
    fn put_away(&mut self, whose: &Identity, is_away: bool) -> Result<(), LogError>;
    /// Logs that are put away, the last begun first.
    ///
    /// # Errors
    /// [`LogError`].
    fn away(
        &mut self,
        machine: &str,
        before: Option<u64>,
        most: usize,
    ) -> Result<Vec<(u64, Identity)>, LogError>;
    /// Makes durable what was written.
    ///
    /// # Errors
    /// [`LogError`].
    fn commit(&mut self) -> Result<(), LogError>;
}

/// Holds a shelf to what is said of logs that are put away.
///
/// # Errors
/// What does not hold, in words.
pub fn check_shelf<S: Shelf>() -> Result<(), String> {
    let log = |byte: u8| Identity::new("suite", [byte; 32]);
    let row = |byte: u8| Identity::new("row", [byte; 32]);
    let mut shelf = S::empty();
    for byte in 1..=4 {
        done(done(shelf.open(&log(byte)))?.append(0, &[vec![byte]]))?;
    }
    done(shelf.commit())?;
    // Each with a row in its place, as one change; and so it is before that is durable.
    for byte in [2, 3] {
        done(done(shelf.open(&row(byte)))?.append(0, &[vec![byte, byte]]))?;
        for whose in [log(byte), row(byte)] {
            done(shelf.put_away(&whose, true))?;
        }
    }
    let known = [log(1), log(4)];
    are_away(&mut shelf, (&known, &[3, 2]))?;
    done(shelf.commit())?;
    are_away(&mut shelf, (&known, &[3, 2]))?;
    let mut shelf = shelf.again();
    are_away(&mut shelf, (&known, &[3, 2]))?;
    // By their names they are what they were, and stay away; no log is begun by a question.
    for (whose, bytes) in [(log(2), vec![2]), (row(3), vec![3, 3])] {
        expect(
            "a log that is away has other entries",
            entries(&mut done(shelf.open(&whose))?)? == [bytes],
        )?;
    }
    expect("a log that is away is not there", done(shelf.has(&log(3)))?)?;
    expect(
        "a log is there that was never begun",
        !done(shelf.has(&log(9)))?,
    )?;
    done(shelf.put_away(&log(9), true))?;
    expect(
        "a log was begun by putting it away",
        !done(shelf.has(&log(9)))?,
    )?;
    are_away(&mut shelf, (&known, &[3, 2]))?;
    // What is begun now is none of those.
    done(done(shelf.open(&log(5)))?.append(0, &[vec![5]]))?;
    done(done(shelf.open(&log(2)))?.append(1, &[vec![5]]))?;
    let known = [log(1), log(4), log(5)];
    are_away(&mut shelf, (&known, &[3, 2]))?;
    // One is taken out, the other is forgotten; a change that was not made durable is none.
    done(shelf.put_away(&log(2), false))?;
    for whose in [row(2), log(3), row(3)] {
        done(shelf.remove(&whose))?;
    }
    let known = [log(1), log(2), log(4), log(5)];
    are_away(&mut shelf, (&known, &[]))?;
    done(shelf.commit())?;
    let mut shelf = shelf.again();
    are_away(&mut shelf, (&known, &[]))?;
    expect(
        "a log that was taken out lost entries",
        entries(&mut done(shelf.open(&log(2)))?)?.len() == 2,
    )?;
    expect(
        "a log that was forgotten is there",
        !done(shelf.has(&log(3)))?,
    )
}

/// What is known, and of whom there are rows.
fn are_away<S: Shelf>(shelf: &mut S, (known, rows): (&[Identity], &[u8])) -> Result<(), String> {
    let found = done(shelf.known())?;
    expect(
        &format!("known are {found:?}, and not {known:?}"),
        found == known,
    )?;
    let all = done(shelf.away("row", None, 10))?;
    let ids =
        |all: &[(u64, Identity)]| all.iter().map(|(_, whose)| whose.id[0]).collect::<Vec<_>>();
    expect(
        &format!("away are {all:?}, and not {rows:?}"),
        ids(&all) == rows,
    )?;
    // Page by page it is the same.
    let (mut paged, mut before) = (Vec::new(), None);
    while let Some((number, whose)) = done(shelf.away("row", before, 1))?.pop() {
        before = Some(number);
        paged.push((number, whose));
    }
    expect("pages have something else than the whole", paged == all)
}
