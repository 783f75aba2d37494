//! HTTP/1.1 on one port.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};

use crate::{
    app::App,
    cli::Address,
    edge::{heads, patience::Patient},
};

/// How long requests in flight may take after the stop.
const PATIENCE: Duration = Duration::from_secs(10);
/// What hyper refuses by itself, with an answer that tells nothing: above the limits of [`heads`], which
/// answers in the form that the client reads.
const HARD_HEADERS: usize = 2 * heads::MAX_HEADERS;
const HARD_HEAD_BYTES: usize = 2 * heads::MAX_BYTES;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("port {port} of {host} is taken: stop what uses it, or choose another with --port (0 takes a free one)")]
    Taken { host: String, port: u16 },
    #[error("cannot listen on {host}:{port}")]
    Other {
        host: String,
        port: u16,
        #[source]
        source: io::Error,
    },
}

/// Takes the port; from here on connections queue up.
pub async fn bind(address: &Address) -> Result<TcpListener, BindError> {
    let Address { host, port } = address;
    TcpListener::bind((host.as_str(), *port)).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::Taken { host: host.clone(), port: *port },
        _ => BindError::Other { host: host.clone(), port: *port, source },
    })
}

/// Serves until `stop` turns true, then finishes the requests in flight.
pub async fn serve(listener: TcpListener, app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let connections = GracefulShutdown::new();
    loop {
        // Beyond the limit connections wait in the system's queue.
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            (permit, accepted) = accept(&listener, &app.connections) => accepted.map(|stream| (permit, stream)),
        };
        match accepted {
            Ok((permit, (stream, from))) => attend(stream, from, permit, &app, &connections),
            // Out of file descriptors, most likely: those of other connections come free.
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    let open = connections.count();
    if tokio::time::timeout(PATIENCE, connections.shutdown()).await.is_err() {
        tracing::warn!(open, "requests were cut off");
    }
}

type Permit = Option<OwnedSemaphorePermit>;

async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> (Permit, io::Result<(TcpStream, SocketAddr)>) {
    // Nobody closes it.
    let permit = Arc::clone(room).acquire_owned().await.ok();
    (permit, listener.accept().await)
}

fn attend(stream: TcpStream, from: SocketAddr, permit: Permit, app: &Arc<App>, connections: &GracefulShutdown) {
    // Small answers must not wait for the client's acknowledgement of the last one.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    let (header_timeout, write_timeout) = (app.limits.header_timeout(), app.limits.body_timeout());
    let app = Arc::clone(app);
    let answer = service_fn(move |request| {
        let app = Arc::clone(&app);
        async move { Ok::<_, Infallible>(app.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // It runs from the end of the last request: an idle connection ends with it too.
        .header_read_timeout(header_timeout)
        .max_headers(HARD_HEADERS)
        .max_buf_size(HARD_HEAD_BYTES)
        .serve_connection(TokioIo::new(Patient::new(stream, write_timeout)), answer);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%from, %error, "connection ended");
        }
        drop(permit);
    });
}
