//! The load: crowds of connections that ask for guests over HTTP, one request at a time each. Knows nothing of the server but its
//! address and the header it answers with, and runs on a runtime of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::probe::Histogram;
use crate::server::END;

/// Past this a request has failed.
const PATIENCE: Duration = Duration::from_secs(90);
/// The end of a request whose client did not wait for the guest's.
pub(crate) const LEFT: &str = "client left";
/// Connections of one crowd arrive evenly over this time.
pub(crate) const ARRIVAL: Duration = Duration::from_secs(4);

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A request and what must become of it.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) name: &'static str,
    /// How the guest's life must end: in one of these ways.
    pub(crate) ends: &'static [&'static str],
    /// What it must answer, if it does.
    pub(crate) answer: Option<&'static str>,
}

/// Connections that ask one guest the same questions in turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crowd {
    pub(crate) name: &'static str,
    pub(crate) guest: &'static str,
    pub(crate) asks: &'static [Ask],
    pub(crate) hostile: bool,
    pub(crate) connections: u32,
    /// Between an answer and the next request.
    pub(crate) pause: Duration,
    /// How long the guest sleeps by itself.
    pub(crate) asleep: Duration,
    /// Close the connection if there is no answer by then.
    pub(crate) leaves_after: Option<Duration>,
}

/// What became of one crowd's requests.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) crowd: Crowd,
    pub(crate) requests: u64,
    /// Those that ended as they must.
    pub(crate) right: u64,
    pub(crate) ends: BTreeMap<String, u64>,
    pub(crate) latency: Histogram,
    /// Latency less the time that the guest asked to sleep.
    pub(crate) overhead: Histogram,
    /// The first thing that went wrong.
    pub(crate) wrong: Option<String>,
}

impl Tally {
    fn new(crowd: Crowd) -> Self {
        let (latency, overhead) = (Histogram::new(), Histogram::new());
        Self {
            crowd,
            requests: 0,
            right: 0,
            ends: BTreeMap::new(),
            latency,
            overhead,
            wrong: None,
        }
    }

    fn record(&mut self, ask: &Ask, latency: Duration, outcome: Result<(String, Bytes), Error>) {
        self.requests += 1;
        self.latency.record(latency);
        self.overhead
            .record(latency.saturating_sub(self.crowd.asleep));
        let (end, body) = match outcome {
            Ok((end, body)) => (end, String::from_utf8_lossy(&body).into_owned()),
            Err(error) => ("no answer".into(), error.to_string()),
        };
        if ask.ends.contains(&end.as_str()) && ask.answer.is_none_or(|answer| answer == body) {
            self.right += 1;
        } else if self.wrong.is_none() {
            self.wrong = Some(format!(
                "{}: /{}?name={} ended as {end:?}: {}",
                self.crowd.name,
                self.crowd.guest,
                ask.name,
                body.trim_end()
            ));
        }
        match self.ends.get_mut(&end) {
            Some(count) => *count += 1,
            None => drop(self.ends.insert(end, 1)),
        }
    }
}

/// Crowds at work.
#[derive(Debug)]
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    tallies: Vec<Arc<Mutex<Tally>>>,
    clients: JoinSet<()>,
}

impl Load {
    /// Sends the crowds. To be called within the runtime that is to run them.
    pub(crate) fn start(address: SocketAddr, crowds: &[Crowd]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        let start = |&crowd: &Crowd| {
            let tally = Arc::new(Mutex::new(Tally::new(crowd)));
            for index in 0..crowd.connections {
                clients.spawn(client(address, crowd, index, tally.clone(), stop.clone()));
            }
            tally
        };
        let tallies = crowds.iter().map(start).collect();
        Self {
            stop,
            tallies,
            clients,
        }
    }

    /// Has no more requests sent, waits for the answers of those that were, and returns what became of all.
    pub(crate) async fn finish(self) -> Vec<Tally> {
        self.stop.store(true, Relaxed);
        self.clients.join_all().await;
        let done = |tally| Arc::into_inner(tally).expect("the clients are gone");
        self.tallies
            .into_iter()
            .map(|tally| {
                done(tally)
                    .into_inner()
                    .unwrap_or_else(PoisonError::into_inner)
            })
            .collect()
    }
}

async fn client(
    address: SocketAddr,
    crowd: Crowd,
    index: u32,
    tally: Arc<Mutex<Tally>>,
    stop: Arc<AtomicBool>,
) {
    sleep(ARRIVAL * index / crowd.connections).await;
    let mut connection = None;
    let mut asks = crowd
        .asks
        .iter()
        .cycle()
        .skip(index as usize % crowd.asks.len());
    while !stop.load(Relaxed) {
        let ask = asks.next().expect("a crowd asks something");
        let sent = Instant::now();
        let answer = send(address, &mut connection, crowd.guest, ask);
        let outcome = match timeout(crowd.leaves_after.unwrap_or(PATIENCE), answer).await {
            Ok(outcome) => outcome,
            Err(_) if crowd.leaves_after.is_some() => Ok((LEFT.into(), Bytes::new())),
            Err(late) => Err(late.into()),
        };
        if !matches!(&outcome, Ok((end, _)) if end != LEFT) {
            connection = None;
        }
        tally
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .record(ask, sent.elapsed(), outcome);
        if !crowd.pause.is_zero() {
            sleep(crowd.pause).await;
        }
    }
}

/// Sends one request, over the open connection if there is one; returns how the guest ended and the body.
async fn send(
    address: SocketAddr,
    connection: &mut Option<SendRequest<Empty<Bytes>>>,
    guest: &str,
    ask: &Ask,
) -> Result<(String, Bytes), Error> {
    let sender = match connection {
        Some(sender) => sender,
        None => connection.insert(connect(address).await?),
    };
    sender.ready().await?;
    let request = Request::get(format!("/{guest}?name={}", ask.name))
        .header("host", "loopback")
        .body(Empty::new())?;
    let response = sender.send_request(request).await?;
    let end = response
        .headers()
        .get(END)
        .ok_or_else(|| format!("status {}", response.status()))?
        .to_str()?
        .to_owned();
    Ok((end, response.into_body().collect().await?.to_bytes()))
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Empty<Bytes>>, Error> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // Its errors come out of the sender, too.
    tokio::spawn(async { drop(connection.await) });
    Ok(sender)
}
