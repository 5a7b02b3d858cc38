//! The tables, by numbered files: each is applied once, in one transaction with the note that it was.

use ::postgres::{Client, GenericClient, Transaction};

use super::reach::failed;
use crate::log::{Identity, LogError, foreign};

/// Each is for ever as it was published; what changes is a further one.
const MIGRATIONS: [&str; 2] = [
    include_str!("migrations/0001-logs.sql"),
    include_str!("migrations/0002-away.sql"),
];

/// Drawn once: replicas that start together make the tables one after the other.
const LOCK: i64 = 0x6e61_7274_6865_7801;

/// Applies what is missing, and sees whose database it is.
pub(super) fn to_newest(client: &mut Client, name: &str, whose: &Identity) -> Result<(), LogError> {
    let fail = |error| failed(name, error);
    let read = MIGRATIONS.len() as i64;
    let mut found = version(client).map_err(fail)?;
    if found.is_none_or(|found| found < read) {
        let mut transaction = client.transaction().map_err(fail)?;
        found = apply(&mut transaction, whose).map_err(fail)?;
        transaction.commit().map_err(fail)?;
    }
    match found {
        None => {
            let found = "a database of another program".into();
            return Err(foreign(name, found, whose));
        }
        Some(found) if found > read => {
            let name = name.to_owned();
            return Err(LogError::Newer { name, found, read });
        }
        Some(_) => {}
    }
    let row = client.query_one("SELECT machine, id FROM shelf", &[]);
    let found = identity(&row.map_err(fail)?, 0).map_err(fail)?;
    match found.as_ref() == Some(whose) {
        true => Ok(()),
        false => {
            let found = found.map_or("no shelf".into(), |found| format!("the shelf of {found}"));
            Err(foreign(name, found, whose))
        }
    }
}

/// How many were applied; `None` where none was ever.
fn version(client: &mut impl GenericClient) -> Result<Option<i64>, ::postgres::Error> {
    let there: bool = client
        .query_one("SELECT to_regclass('migration') IS NOT NULL", &[])?
        .try_get(0)?;
    if !there {
        return Ok(None);
    }
    let row = client.query_one(
        "SELECT coalesce(max(number), 0)::bigint FROM migration",
        &[],
    )?;
    Ok(Some(row.try_get(0)?))
}

/// The version that there is then; `None` if what is there is not ours, and nothing is changed.
fn apply(
    transaction: &mut Transaction<'_>,
    whose: &Identity,
) -> Result<Option<i64>, ::postgres::Error> {
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])?;
    let before = match version(transaction)? {
        Some(before) => before,
        None => {
            let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()";
            let tables: i64 = transaction.query_one(tables, &[])?.try_get(0)?;
            if tables > 0 {
                return Ok(None);
            }
            let table = "CREATE TABLE migration (number bigint PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())";
            transaction.batch_execute(table)?;
            0
        }
    };
    for (number, migration) in (1_i64..).zip(MIGRATIONS) {
        if number > before {
            transaction.batch_execute(migration)?;
            transaction.execute("INSERT INTO migration (number) VALUES ($1)", &[&number])?;
        }
    }
    if before == 0 {
        let insert = "INSERT INTO shelf (machine, id) VALUES ($1, $2)";
        transaction.execute(insert, &[&whose.machine, &&whose.id[..]])?;
    }
    Ok(Some(before.max(MIGRATIONS.len() as i64)))
}

/// Whose it is, by two columns from this one on; `None` if the second is no id.
pub(super) fn identity(
    row: &::postgres::Row,
    at: usize,
) -> Result<Option<Identity>, ::postgres::Error> {
    let (machine, id): (String, Vec<u8>) = (row.try_get(at)?, row.try_get(at + 1)?);
    Ok(id.try_into().ok().map(|id| Identity { machine, id }))
}
