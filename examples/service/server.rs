//! HTTP: `GET /<guest>?name=<request>` runs a guest, `GET /` lists them. Knows nothing of what guests do.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::fairness::{Fair, Meter, Policy, Turns};
use crate::guests::{End, Guests};
use crate::host::Backend;

/// The header that tells how a guest's life ended ([`End::name`]).
pub(crate) const END: &str = "guest-end";
/// No request may take longer, asleep or awake.
const DEADLINE: Duration = Duration::from_secs(60);
/// The longest request to a guest.
const LONGEST_REQUEST: usize = 1 << 10;

/// All that a request needs.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) guests: Guests,
    pub(crate) backend: Backend,
    pub(crate) turns: Turns,
    pub(crate) policy: Policy,
}

impl Service {
    /// Runs a guest; `None` if there is no such guest. Dropping the future cancels it.
    async fn run(&self, name: &str, request: &[u8]) -> Option<End> {
        let guest = self.guests.get(name)?;
        let meter = Meter::new(self.policy);
        let answer = Fair::new(
            &self.turns,
            &meter,
            guest.answer(&self.backend, &meter, request),
        );
        let end = timeout(DEADLINE, answer).await.unwrap_or(End::Deadline);
        debug!(name, end = end.name());
        Some(end)
    }

    /// The guests and how many of each are alive.
    fn list(&self) -> String {
        self.guests
            .iter()
            .map(|(name, guest)| format!("/{name}  {} alive\n", guest.alive()))
            .collect()
    }

    async fn respond(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET {
            return text(
                StatusCode::METHOD_NOT_ALLOWED,
                "only GET is served\n".into(),
            );
        }
        let name = request.uri().path().trim_start_matches('/');
        if name.is_empty() {
            return text(StatusCode::OK, self.list());
        }
        let argument = query_value(request.uri().query().unwrap_or_default(), "name");
        if argument.len() > LONGEST_REQUEST {
            return text(
                StatusCode::URI_TOO_LONG,
                format!("`name` is longer than {LONGEST_REQUEST} bytes\n"),
            );
        }
        let Some(end) = self.run(name, &argument).await else {
            return text(
                StatusCode::NOT_FOUND,
                format!("there is no guest {name:?}\n"),
            );
        };
        let label = HeaderValue::from_static(end.name());
        let mut response = match end {
            End::Answered(answer) => text(StatusCode::OK, answer),
            End::Deadline => text(
                StatusCode::GATEWAY_TIMEOUT,
                "the guest took too long\n".into(),
            ),
            End::Budget => text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "stopped: its CPU time is spent\n".into(),
            ),
            End::Stack => text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "stopped: its stack is exhausted\n".into(),
            ),
            End::Memory => text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "stopped: its memory limit is reached\n".into(),
            ),
            End::Trapped(trap) => text(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("stopped: {trap}\n"),
            ),
            End::Failed(why) => text(StatusCode::BAD_GATEWAY, format!("failed: {why}\n")),
        };
        response.headers_mut().insert(END, label);
        response
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
}

/// The value of `key` in a query string, decoded; empty if there is none.
fn query_value(query: &str, key: &str) -> Vec<u8> {
    let value = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(k, _)| *k == key)
        .map_or("", |(_, v)| v);
    let mut rest = value.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len());
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let escaped = || u8::from_str_radix(str::from_utf8(tail.get(..2)?).ok()?, 16).ok();
        decoded.push(match byte {
            b'+' => b' ',
            b'%' if let Some(byte) = escaped() => {
                rest = &tail[2..];
                byte
            }
            byte => byte,
        });
    }
    decoded
}

/// Serves connections for ever.
pub(crate) async fn serve(listener: TcpListener, service: Arc<Service>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, service.clone()))),
            Err(error) => {
                // Most likely no file descriptor is left; some connection will end.
                warn!(%error, "cannot accept");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, service: Arc<Service>) {
    let respond = service_fn(|request| {
        let service = service.clone();
        async move { Ok::<_, Infallible>(service.respond(request).await) }
    });
    let no_delay: io::Result<()> = stream.set_nodelay(true);
    if let Err(error) = no_delay {
        debug!(%error, "cannot set TCP_NODELAY");
    }
    if let Err(error) = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), respond)
        .await
    {
        debug!(%error, "connection");
    }
}
