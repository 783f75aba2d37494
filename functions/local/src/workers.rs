//! Jobs, done in this process.

use std::{
    collections::HashMap,
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures::future::BoxFuture;
use palate_service::{JobError, JobKind, JobOutcome, JobRef, JobStarter};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
};

/// Before a job is tried again; doubles with each attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Does a job, from wherever an earlier attempt left it.
pub type Run = Arc<dyn Fn(JobRef) -> BoxFuture<'static, Result<JobOutcome, JobError>> + Send + Sync>;

/// How many jobs of a kind run at a time. Each kind has its own lane, so that a deployment never waits for
/// a training. A training fills all cores by itself; of the others a good part is waiting and reading.
fn lane_width(kind: JobKind) -> usize {
    match kind {
        JobKind::Train | JobKind::Deploy | JobKind::BatchInference => 1,
        JobKind::Import => 2,
    }
}

/// Takes jobs in. A job that waits already is not queued again; one that runs is run once more when it
/// has ended, since it may have begun before what it is now started for.
#[derive(Clone)]
pub struct Queue {
    waiting: mpsc::UnboundedSender<JobRef>,
    known: Known,
}

type Known = Arc<Mutex<HashMap<JobRef, State>>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    RunningAndWanted,
}

/// The other end of a [`Queue`].
pub struct Workers {
    taken: mpsc::UnboundedReceiver<JobRef>,
    queue: Queue,
}

/// Makes a queue and the workers that empty it. Apart, because the service needs the one and the workers
/// need the service.
pub fn workers() -> (Queue, Workers) {
    let (waiting, taken) = mpsc::unbounded_channel();
    let queue = Queue { waiting, known: Known::default() };
    (queue.clone(), Workers { taken, queue })
}

#[async_trait]
impl JobStarter for Queue {
    async fn start(&self, job: &JobRef) -> Result<(), Box<dyn Error + Send + Sync>> {
        let mut known = lock(&self.known);
        match known.get_mut(job) {
            Some(State::Waiting | State::RunningAndWanted) => return Ok(()),
            Some(state) => {
                *state = State::RunningAndWanted;
                return Ok(());
            }
            None => known.insert(job.clone(), State::Waiting),
        };
        drop(known);
        Ok(self.waiting.send(job.clone())?)
    }
}

impl Workers {
    /// Does jobs until `stop` turns true. Those that run then are left as they are: their leases end, and
    /// they are taken up again from where they were.
    pub async fn work(mut self, run: Run, mut stop: watch::Receiver<bool>) {
        let lanes: HashMap<JobKind, Arc<Semaphore>> =
            [JobKind::Import, JobKind::Train, JobKind::Deploy, JobKind::BatchInference]
                .map(|kind| (kind, Arc::new(Semaphore::new(lane_width(kind)))))
                .into();
        let mut running = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                Some(_) = running.join_next() => {}
                Some(job) = self.taken.recv() => {
                    let lane = lanes.get(&job.kind).map(Arc::clone);
                    running.spawn(attend(job, Arc::clone(&run), lane, self.queue.clone()));
                }
            }
        }
    }
}

/// Sees a job through to an outcome.
async fn attend(job: JobRef, run: Run, lane: Option<Arc<Semaphore>>, queue: Queue) {
    let mut pause = FIRST_PAUSE;
    loop {
        let permit = match &lane {
            Some(lane) => lane.acquire().await.ok(),
            None => None,
        };
        queue.set(&job, State::Running);
        let begun = std::time::Instant::now();
        // In a task of its own, so that a panic ends the attempt and not the worker. Dropped with this one.
        let ended = JoinSet::from_iter([run(job.clone())]).join_next().await;
        drop(permit);
        let took = begun.elapsed();
        let (kind, arn) = (job.kind, &job.job);
        match ended {
            Some(Ok(Ok(outcome))) => {
                tracing::info!(?kind, arn, ?outcome, ?took, "job ended");
                if queue.settle(&job) {
                    return;
                }
                pause = FIRST_PAUSE;
            }
            Some(Ok(Err(error))) => {
                let reason = chain(&error);
                tracing::warn!(?kind, arn, reason, again_in = ?pause, "job interrupted");
                queue.set(&job, State::Waiting);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            // Its lease is still held; the sweep starts it again once that has ended.
            Some(Err(error)) => {
                tracing::error!(?kind, arn, %error, "job panicked");
                queue.forget(&job);
                return;
            }
            None => return,
        }
    }
}

impl Queue {
    fn set(&self, job: &JobRef, state: State) {
        lock(&self.known).insert(job.clone(), state);
    }

    fn forget(&self, job: &JobRef) {
        lock(&self.known).remove(job);
    }

    /// True if nobody wanted the job again while it ran; else it waits once more.
    fn settle(&self, job: &JobRef) -> bool {
        let mut known = lock(&self.known);
        let settled = known.get(job) != Some(&State::RunningAndWanted);
        if settled {
            known.remove(job);
        } else {
            known.insert(job.clone(), State::Waiting);
        }
        settled
    }
}

fn lock(known: &Known) -> MutexGuard<'_, HashMap<JobRef, State>> {
    // Nothing panics between two steps of a change.
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error and what caused it, on one line.
pub fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause: &&dyn Error| Error::source(*cause));
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt;
    use tokio::sync::Notify;

    use super::*;

    fn job(kind: JobKind, name: &str) -> JobRef {
        JobRef { kind, job: name.into() }
    }

    /// Runs `run` on every job started; the test ends it by dropping the sender.
    fn employ(run: Run) -> (Queue, watch::Sender<bool>) {
        let (queue, workers) = workers();
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(workers.work(run, stopped));
        (queue, stop)
    }

    fn failed() -> JobError {
        JobError { doing: "reading".into(), source: "disk".into() }
    }

    #[tokio::test]
    async fn a_job_that_waits_or_runs_is_not_started_twice_at_a_time() {
        let (running, most, runs) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let counts = Arc::new((running, most, runs));
        let (begun, go) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
        let run: Run = {
            let (counts, begun, go) = (Arc::clone(&counts), Arc::clone(&begun), Arc::clone(&go));
            Arc::new(move |_| {
                let (counts, begun, go) = (Arc::clone(&counts), Arc::clone(&begun), Arc::clone(&go));
                async move {
                    let now = counts.0.fetch_add(1, Ordering::SeqCst) + 1;
                    counts.1.fetch_max(now, Ordering::SeqCst);
                    counts.2.fetch_add(1, Ordering::SeqCst);
                    begun.notify_one();
                    go.acquire().await.unwrap().forget();
                    counts.0.fetch_sub(1, Ordering::SeqCst);
                    Ok(JobOutcome::Done)
                }
                .boxed()
            })
        };
        let (queue, _stop) = employ(run);
        let import = job(JobKind::Import, "a");
        queue.start(&import).await.unwrap();
        queue.start(&import).await.unwrap();
        begun.notified().await;
        queue.start(&import).await.unwrap();
        queue.start(&import).await.unwrap();
        go.add_permits(1);
        // Wanted twice while it ran: once more, and only once.
        begun.notified().await;
        go.add_permits(1);
        queue.start(&job(JobKind::Deploy, "b")).await.unwrap();
        begun.notified().await;
        assert_eq!((counts.1.load(Ordering::SeqCst), counts.2.load(Ordering::SeqCst)), (1, 3));
    }

    #[tokio::test]
    async fn a_training_keeps_no_deployment_waiting() {
        let (sent, mut ended) = mpsc::unbounded_channel();
        let run: Run = Arc::new(move |job| {
            let sent = sent.clone();
            async move {
                if job.kind == JobKind::Train {
                    std::future::pending::<()>().await;
                }
                sent.send(job.job).unwrap();
                Ok(JobOutcome::Done)
            }
            .boxed()
        });
        let (queue, _stop) = employ(run);
        queue.start(&job(JobKind::Train, "long")).await.unwrap();
        queue.start(&job(JobKind::Deploy, "short")).await.unwrap();
        assert_eq!(ended.recv().await.unwrap(), "short");
    }

    #[tokio::test(start_paused = true)]
    async fn an_interrupted_job_is_tried_again() {
        let (sent, mut ended) = mpsc::unbounded_channel();
        let attempts = AtomicUsize::new(0);
        let run: Run = Arc::new(move |_| {
            let attempt = attempts.fetch_add(1, Ordering::SeqCst);
            let sent = sent.clone();
            async move {
                if attempt < 9 {
                    return Err(failed());
                }
                sent.send(attempt).unwrap();
                Ok(JobOutcome::Done)
            }
            .boxed()
        });
        let (queue, _stop) = employ(run);
        queue.start(&job(JobKind::Train, "a")).await.unwrap();
        assert_eq!(ended.recv().await.unwrap(), 9);
    }

    #[tokio::test]
    async fn a_panic_ends_the_attempt_and_nothing_else() {
        let (sent, mut ended) = mpsc::unbounded_channel();
        let run: Run = Arc::new(move |job| {
            let sent = sent.clone();
            async move {
                assert!(job.job != "bad", "a bug");
                sent.send(job.job).unwrap();
                Ok(JobOutcome::Done)
            }
            .boxed()
        });
        let (queue, _stop) = employ(run);
        queue.start(&job(JobKind::Train, "bad")).await.unwrap();
        queue.start(&job(JobKind::Train, "good")).await.unwrap();
        assert_eq!(ended.recv().await.unwrap(), "good");
        assert!(!lock(&queue.known).contains_key(&job(JobKind::Train, "bad")));
    }

    #[tokio::test]
    async fn no_job_is_begun_after_the_stop() {
        let (queue, workers) = workers();
        queue.start(&job(JobKind::Import, "a")).await.unwrap();
        let (_stop, stopped) = watch::channel(true);
        workers.work(Arc::new(|_| panic!("begun")), stopped).await;
    }
}
