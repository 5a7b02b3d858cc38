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
