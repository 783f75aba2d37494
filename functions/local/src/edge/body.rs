//! Bodies whose senders must go on sending.

use std::{
    convert::Infallible,
    error::Error,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use palate_service::BodyStalled;
use tokio::time::{Instant, Sleep, sleep_until};

/// What is read, and thrown away, of a body that is too large: a client that is still sending would not see
/// the refusal.
const DRAINED: usize = 32 << 20;

/// A body that fails with [`BodyStalled`] when nothing of it comes for too long.
pub struct Timed<B> {
    inner: B,
    /// For the next piece.
    patience: Duration,
    /// For all of it.
    deadline: Option<Instant>,
    /// Runs while a piece is waited for.
    sleep: Option<Pin<Box<Sleep>>>,
    waiting: bool,
    stalled: Stalled,
}

/// Whether a body has stalled, for whoever has given it away.
#[derive(Clone, Default)]
pub struct Stalled(Arc<AtomicBool>);

impl Stalled {
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl<B> Timed<B> {
    /// `whole` bounds the time for all of the body.
    pub fn new(inner: B, patience: Duration, whole: Option<Duration>) -> Self {
        let deadline = whole.map(|whole| Instant::now() + whole);
        Self { inner, patience, deadline, sleep: None, waiting: false, stalled: Stalled::default() }
    }

    pub fn stalled(&self) -> Stalled {
        self.stalled.clone()
    }
}

impl<B> Body for Timed<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) {
            this.waiting = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let sleep = this.sleep.get_or_insert_with(|| Box::pin(sleep_until(Instant::now())));
        if !this.waiting {
            let next = Instant::now() + this.patience;
            sleep.as_mut().reset(this.deadline.map_or(next, |deadline| deadline.min(next)));
            this.waiting = true;
        }
        if sleep.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        this.stalled.0.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err(Box::new(BodyStalled))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Stands for a body that is too large to be read: it says how long it would be.
pub struct Announced(pub u64);

impl Body for Announced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}

/// Lets the sender of a body that is refused come to its end, if that is near.
pub async fn drain<B: Body<Data = Bytes> + Unpin>(mut body: B) {
    let mut left = DRAINED;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::stream::{self, Stream, StreamExt};
    use http_body_util::StreamBody;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    type Pieces = Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, Infallible>> + Send>>;

    /// A piece every so often.
    fn pieces(every: Duration) -> Pieces {
        let piece = move |()| async move {
            tokio::time::sleep(every).await;
            Some((Ok(Frame::data(Bytes::from_static(b"a"))), ()))
        };
        Box::pin(stream::unfold((), piece))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_coming_fails_and_says_so() {
        let stops = pieces(Duration::ZERO).take(1).chain(stream::pending());
        let mut timed = Timed::new(StreamBody::new(Box::pin(stops)), PATIENCE, None);
        let stalled = timed.stalled();
        assert_eq!(timed.frame().await.unwrap().unwrap().into_data().unwrap(), "a");
        assert!(!stalled.get());
        let begun = Instant::now();
        assert!(timed.frame().await.unwrap().unwrap_err().is::<BodyStalled>());
        assert!(stalled.get());
        assert_eq!(begun.elapsed().as_secs(), PATIENCE.as_secs());
    }

    /// Reads so many pieces, one every twenty seconds: none of them is late.
    async fn trickle(count: usize, whole: Option<Duration>) -> Result<usize, Box<dyn Error + Send + Sync>> {
        let body = StreamBody::new(pieces(Duration::from_secs(20)).take(count));
        Ok(Timed::new(body, PATIENCE, whole).collect().await?.to_bytes().len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_comes_to_its_end_unless_the_whole_is_late() {
        assert_eq!(trickle(100, None).await.unwrap(), 100);
        assert_eq!(trickle(5, Some(4 * PATIENCE)).await.unwrap(), 5);
        assert!(trickle(100, Some(4 * PATIENCE)).await.unwrap_err().is::<BodyStalled>());
    }
}
