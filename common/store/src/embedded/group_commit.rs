//! The one thread of a process that writes records. What waits in its queue shares one transaction and so
//! one fsync, while each commit keeps its own all-or-nothing by a savepoint.

use std::{
    path::Path,
    sync::{Arc, mpsc},
    thread,
};

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::{backend, checkpoint::Checkpointer, records::seconds, schema};
use crate::{Key, Now, StoreError, Write};

/// Commits that share a transaction: enough to hide the fsync, few enough that others get their turn.
const GROUP: usize = 256;

struct Job {
    work: Work,
    answer: oneshot::Sender<Outcome>,
}

enum Work {
    Commit(Vec<Write>),
    /// Frees the space of at most this many records whose time has come.
    Purge(usize),
}

impl Work {
    /// About how many records it changes.
    fn writes(&self) -> usize {
        match self {
            Self::Commit(writes) => writes.len(),
            Self::Purge(limit) => *limit,
        }
    }
}

/// How many records were purged; a commit purges none.
type Outcome = Result<usize, StoreError>;

/// The way to the writing thread, which ends with the last handle.
pub(super) struct Writer(mpsc::Sender<Job>);

impl Writer {
    pub(super) fn start(path: &Path, now: Now) -> Result<Self, StoreError> {
        let db = schema::connect(path)?;
        let mut checkpointer = Checkpointer::start(path, &db)?;
        let (sender, jobs) = mpsc::channel();
        thread::Builder::new()
            .name("palate-records".into())
            .spawn(move || run(&db, &mut checkpointer, &now, &jobs))
            .map_err(|error| backend("starting the thread that writes records", error))?;
        Ok(Self(sender))
    }

    pub(super) async fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.ask(Work::Commit(writes)).await.map(|_| ())
    }

    pub(super) async fn purge(&self, limit: usize) -> Result<usize, StoreError> {
        self.ask(Work::Purge(limit)).await
    }

    async fn ask(&self, work: Work) -> Outcome {
        let stopped = || backend("writing records", "the thread that writes them has stopped");
        let (answer, outcome) = oneshot::channel();
        self.0.send(Job { work, answer }).map_err(|_| stopped())?;
        outcome.await.map_err(|_| stopped())?
    }
}

fn run(db: &Connection, checkpointer: &mut Checkpointer, now: &Now, jobs: &mpsc::Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        group.extend(jobs.try_iter().take(GROUP - 1));
        match commit_group(db, seconds(now), &group) {
            Ok(outcomes) => {
                checkpointer.note(group.iter().map(|job| job.work.writes()).sum());
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
fn commit_group(db: &Connection, now_s: i64, group: &[Job]) -> rusqlite::Result<Vec<Outcome>> {
    let transaction = db.prepare_cached("BEGIN IMMEDIATE")?.execute([]).and_then(|_| {
        let outcomes = group.iter().map(|job| do_one(db, now_s, &job.work)).collect::<rusqlite::Result<Vec<_>>>()?;
        db.prepare_cached("COMMIT")?.execute([])?;
        Ok(outcomes)
    });
    // A full disk makes SQLite roll back by itself; a transaction that is still open must not stay.
    if transaction.is_err() && !db.is_autocommit() {
        db.execute_batch("ROLLBACK")?;
    }
    transaction
}

fn do_one(db: &Connection, now_s: i64, work: &Work) -> rusqlite::Result<Outcome> {
    match work {
        Work::Commit(writes) => Ok(commit_one(db, now_s, writes)?.map(|()| 0)),
        Work::Purge(limit) => {
            let sql = "DELETE FROM records WHERE (partition, sort) IN
                       (SELECT partition, sort FROM records WHERE expires <= ?1 LIMIT ?2)";
            db.prepare_cached(sql)?.execute(params![now_s, *limit as i64]).map(Ok)
        }
    }
}

fn commit_one(db: &Connection, now_s: i64, writes: &[Write]) -> rusqlite::Result<Result<(), StoreError>> {
    if let [write] = writes {
        return apply(db, now_s, write);
    }
    db.prepare_cached("SAVEPOINT one")?.execute([])?;
    for write in writes {
        if let Err(refused) = apply(db, now_s, write)? {
            db.prepare_cached("ROLLBACK TO one")?.execute([])?;
            db.prepare_cached("RELEASE one")?.execute([])?;
            return Ok(Err(refused));
        }
    }
    db.prepare_cached("RELEASE one")?.execute([])?;
    Ok(Ok(()))
}

/// Applies one write; a single statement changes nothing where it refuses. A record whose time has come counts as
/// absent.
fn apply(db: &Connection, now_s: i64, write: &Write) -> rusqlite::Result<Result<(), StoreError>> {
    let key = write.key();
    let (partition, sort) = (&key.partition, &key.sort);
    let done = match write {
        Write::Create { value, .. } => {
            return create(db, now_s, key, value, None);
        }
        Write::CreateUntil { value, expires_s, .. } => {
            // What lies beyond SQLite's numbers never comes.
            return create(db, now_s, key, value, Some(i64::try_from(*expires_s).unwrap_or(i64::MAX)));
        }
        Write::Update { expected, value, .. } => {
            let sql = "UPDATE records SET version = version + 1, value = ?4, expires = NULL
                       WHERE partition = ?1 AND sort = ?2 AND version = ?3 AND (expires IS NULL OR expires > ?5)";
            db.prepare_cached(sql)?.execute(params![partition, sort, version(*expected), value, now_s])? == 1
        }
        Write::Delete { expected, .. } => {
            let sql = "DELETE FROM records
                       WHERE partition = ?1 AND sort = ?2 AND version = ?3 AND (expires IS NULL OR expires > ?4)";
            db.prepare_cached(sql)?.execute(params![partition, sort, version(*expected), now_s])? == 1
        }
        Write::Check { expected, .. } => {
            let sql = "SELECT 1 FROM records
                       WHERE partition = ?1 AND sort = ?2 AND version = ?3 AND (expires IS NULL OR expires > ?4)";
            db.prepare_cached(sql)?.exists(params![partition, sort, version(*expected), now_s])?
        }
    };
    Ok(if done { Ok(()) } else { Err(StoreError::Conflict { key: key.to_string() }) })
}

fn create(
    db: &Connection,
    now_s: i64,
    key: &Key,
    value: &[u8],
    expires_s: Option<i64>,
) -> rusqlite::Result<Result<(), StoreError>> {
    let sql = "INSERT INTO records (partition, sort, version, value, expires) VALUES (?1, ?2, 1, ?3, ?4)
               ON CONFLICT DO UPDATE SET version = 1, value = excluded.value, expires = excluded.expires
               WHERE expires <= ?5";
    let created = db.prepare_cached(sql)?.execute(params![key.partition, key.sort, value, expires_s, now_s])? == 1;
    Ok(if created { Ok(()) } else { Err(StoreError::AlreadyExists { key: key.to_string() }) })
}

/// A version that SQLite cannot hold is one that no record has.
fn version(expected: u64) -> i64 {
    i64::try_from(expected).unwrap_or(-1)
}
