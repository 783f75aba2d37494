//! The one thread of a process that writes records. What waits in its queue shares one transaction and so
//! one fsync, while each commit keeps its own all-or-nothing by a savepoint.

use std::{
    path::Path,
    sync::{Arc, mpsc},
    thread,
};

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::{backend, schema};
use crate::{StoreError, Write};

/// Commits that share a transaction: enough to hide the fsync, few enough that others get their turn.
const GROUP: usize = 256;

struct Job {
    writes: Vec<Write>,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

/// The way to the writing thread, which ends with the last handle.
pub(super) struct Writer(mpsc::Sender<Job>);

impl Writer {
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let db = schema::connect(path)?;
        let (sender, jobs) = mpsc::channel();
        thread::Builder::new()
            .name("palate-records".into())
            .spawn(move || run(&db, &jobs))
            .map_err(|error| backend("starting the thread that writes records", error))?;
        Ok(Self(sender))
    }

    pub(super) async fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let stopped = || backend("writing records", "the thread that writes them has stopped");
        let (answer, outcome) = oneshot::channel();
        self.0.send(Job { writes, answer }).map_err(|_| stopped())?;
        outcome.await.map_err(|_| stopped())?
    }
}

fn run(db: &Connection, jobs: &mpsc::Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        group.extend(jobs.try_iter().take(GROUP - 1));
        match commit_group(db, &group) {
            Ok(outcomes) => {
                for (job, outcome) in group.into_iter().zip(outcomes) {
                    // Whoever gave up waiting does not need the answer.
                    let _ = job.answer.send(outcome);
                }
            }
            Err(error) => {
                // Not even a conflict may be told: it could come from a neighbour that was rolled back.
                let error = Arc::new(error);
                for job in group {
                    let _ = job.answer.send(Err(backend("writing records", Arc::clone(&error))));
                }
            }
        }
    }
}

/// Commits what can be; an error means that nothing of the group has happened.
fn commit_group(db: &Connection, group: &[Job]) -> rusqlite::Result<Vec<Result<(), StoreError>>> {
    let transaction = db.prepare_cached("BEGIN IMMEDIATE")?.execute([]).and_then(|_| {
        let outcomes = group.iter().map(|job| commit_one(db, &job.writes)).collect::<rusqlite::Result<Vec<_>>>()?;
        db.prepare_cached("COMMIT")?.execute([])?;
        Ok(outcomes)
    });
    // A full disk makes SQLite roll back by itself; a transaction that is still open must not stay.
    if transaction.is_err() && !db.is_autocommit() {
        db.execute_batch("ROLLBACK")?;
    }
    transaction
}

fn commit_one(db: &Connection, writes: &[Write]) -> rusqlite::Result<Result<(), StoreError>> {
    if let [write] = writes {
        return apply(db, write);
    }
    db.prepare_cached("SAVEPOINT one")?.execute([])?;
    for write in writes {
        if let Err(refused) = apply(db, write)? {
            db.prepare_cached("ROLLBACK TO one")?.execute([])?;
            db.prepare_cached("RELEASE one")?.execute([])?;
            return Ok(Err(refused));
        }
    }
    db.prepare_cached("RELEASE one")?.execute([])?;
    Ok(Ok(()))
}

/// Applies one write; a single statement changes nothing where it refuses.
fn apply(db: &Connection, write: &Write) -> rusqlite::Result<Result<(), StoreError>> {
    let key = write.key();
    let (partition, sort) = (&key.partition, &key.sort);
    let done = match write {
        Write::Create { value, .. } => {
            let sql = "INSERT INTO records VALUES (?1, ?2, 1, ?3) ON CONFLICT DO NOTHING";
            if db.prepare_cached(sql)?.execute(params![partition, sort, value])? == 0 {
                return Ok(Err(StoreError::AlreadyExists { key: key.to_string() }));
            }
            true
        }
        Write::Update { expected, value, .. } => {
            let sql = "UPDATE records SET version = version + 1, value = ?4
                       WHERE partition = ?1 AND sort = ?2 AND version = ?3";
            db.prepare_cached(sql)?.execute(params![partition, sort, version(*expected), value])? == 1
        }
        Write::Delete { expected, .. } => {
            let sql = "DELETE FROM records WHERE partition = ?1 AND sort = ?2 AND version = ?3";
            db.prepare_cached(sql)?.execute(params![partition, sort, version(*expected)])? == 1
        }
        Write::Check { expected, .. } => {
            let sql = "SELECT 1 FROM records WHERE partition = ?1 AND sort = ?2 AND version = ?3";
            db.prepare_cached(sql)?.exists(params![partition, sort, version(*expected)])?
        }
    };
    Ok(if done { Ok(()) } else { Err(StoreError::Conflict { key: key.to_string() }) })
}

/// A version that SQLite cannot hold is one that no record has.
fn version(expected: u64) -> i64 {
    i64::try_from(expected).unwrap_or(-1)
}
