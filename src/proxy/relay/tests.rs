use std::future::pending;
use std::net::SocketAddr;

use tokio::io::{AsyncWriteExt, duplex};

use super::*;
use crate::tap::{Clock, Event, Kind, Limits, Receiver, Redactor, channel};

/// Silence that nothing here meets.
const NEVER: Silence = Silence {
    idle: None,
    half_closed: Duration::from_secs(30),
};

fn lanes() -> (Lane, Lane, Receiver) {
    let (tap, receiver) = channel(Limits::default(), Clock::start(), Redactor::off());
    let exchange = tap.open(1, SocketAddr::from(([127, 0, 0, 1], 4)), "".into());
    (
        exchange.lane(Direction::Out),
        exchange.lane(Direction::In),
        receiver,
    )
}

async fn all(mut receiver: Receiver) -> Vec<Event> {
    let mut events = Vec::new();
    while receiver.recv_many(&mut events).await > 0 {}
    events
}

fn copied(events: &[Event], way: Direction) -> Vec<u8> {
    (events.iter())
        .flat_map(|event| match &event.kind {
            Kind::Data { dir, bytes } if *dir == way => bytes.to_vec(),
            _ => Vec::new(),
        })
        .collect()
}

/// A TLS connection whose peer just closed the socket.
struct Unannounced;

impl AsyncRead for Unannounced {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()))
    }
}

#[tokio::test]
async fn a_tls_end_without_close_notify_is_an_end() {
    let (mut near, client) = duplex(64);
    let (out, back, receiver) = lanes();
    let mut far = tokio::io::join(Unannounced, tokio::io::sink());
    drop(client);
    assert_eq!(
        relay(&mut near, &mut far, out, back, NEVER, pending()).await,
        End::Complete
    );
    let events = all(receiver).await;
    assert!(
        !events
            .iter()
            .any(|event| matches!(event.kind, Kind::Failed(_)))
    );
}

#[tokio::test]
async fn a_fin_one_way_keeps_the_other_way_flowing() {
    let (mut client, near) = duplex(64);
    let (far, mut upstream) = duplex(64);
    let (out, back, receiver) = lanes();
    let relay = tokio::spawn(relay(near, far, out, back, NEVER, pending()));
    client.write_all(b"question").await.unwrap();
    client.shutdown().await.unwrap();
    let mut question = Vec::new();
    upstream.read_to_end(&mut question).await.unwrap();
    assert_eq!(question, b"question");
    let answer = vec![7; 100_000];
    let (written, mut read) = (answer.clone(), Vec::new());
    let writing = async {
        upstream.write_all(&written).await.unwrap();
        upstream.shutdown().await.unwrap();
    };
    let ((), got) = tokio::join!(writing, client.read_to_end(&mut read));
    got.unwrap();
    assert!(read == answer);
    relay.await.unwrap();
    let events = all(receiver).await;
    assert_eq!(copied(&events, Direction::Out), b"question");
    assert!(copied(&events, Direction::In) == answer);
    let ends = events.iter().filter(|event| {
        matches!(
            event.kind,
            Kind::Ended {
                how: End::Complete,
                ..
            }
        )
    });
    assert_eq!(ends.count(), 2);
}

#[tokio::test]
async fn a_sink_that_fails_ends_both_ways_and_is_named() {
    let (mut client, near) = duplex(64);
    let (far, upstream) = duplex(64);
    let (out, back, receiver) = lanes();
    drop(upstream);
    client.write_all(b"lost").await.unwrap();
    relay(near, far, out, back, NEVER, pending()).await;
    let events = all(receiver).await;
    let failed = events.iter().find_map(|event| match &event.kind {
        Kind::Failed(failure) => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(failed.unwrap().side, Side::Upstream);
    assert_eq!(copied(&events, Direction::Out), b"");
}

/// Asks for a time at which the relay has nothing to do, on a clock that then runs on by itself.
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

#[tokio::test(start_paused = true)]
async fn every_byte_either_way_begins_the_silence_anew() {
    let (mut client, near) = duplex(64);
    let (far, mut upstream) = duplex(64);
    let (out, back, receiver) = lanes();
    let silence = Silence {
        idle: Some(Duration::from_secs(10)),
        ..NEVER
    };
    let relay = tokio::spawn(relay(near, far, out, back, silence, pending()));
    let mut byte = [0];
    for _ in 0..3 {
        pass(Duration::from_secs(9)).await;
        client.write_all(b"\x8a").await.unwrap();
        upstream.read_exact(&mut byte).await.unwrap();
        pass(Duration::from_secs(9)).await;
        upstream.write_all(b"\x8a\0").await.unwrap();
        client.read_exact(&mut [0; 2]).await.unwrap();
        client.write_all(b"\0").await.unwrap();
        upstream.read_exact(&mut byte).await.unwrap();
    }
    assert!(!relay.is_finished());
    pass(Duration::from_secs(11)).await;
    let mut close = Vec::new();
    client.read_to_end(&mut close).await.unwrap();
    assert_eq!(close, frames::close(1011, "no bytes for 10s", None));
    drop((client, upstream));
    assert_eq!(relay.await.unwrap(), End::Complete);
    drop(receiver);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_takes_nothing_holds_no_relay_up() {
    let (mut client, near) = duplex(64);
    let (far, mut upstream) = duplex(64);
    let (out, back, receiver) = lanes();
    let (close, closing) = tokio::sync::oneshot::channel::<()>();
    let closing = async {
        let _ = closing.await;
    };
    let relay = tokio::spawn(relay(near, far, out, back, NEVER, closing));
    // More than the client takes: the frame stays cut.
    upstream.write_all(&[0x82, 0x7D]).await.unwrap();
    upstream.write_all(&[7; 100]).await.unwrap();
    drop(close);
    assert_eq!(relay.await.unwrap(), End::Complete);
    let mut got = Vec::new();
    client.read_to_end(&mut got).await.unwrap();
    assert_eq!(got.len(), 64);
    let failed = all(receiver)
        .await
        .into_iter()
        .find_map(|event| match event.kind {
            Kind::Failed(failure) => Some(failure.message),
            _ => None,
        });
    assert!(
        failed
            .unwrap()
            .starts_with("cut inside a frame of the upstream: ")
    );
}

#[tokio::test(start_paused = true)]
async fn bytes_that_a_half_closed_client_has_not_taken_are_kept_for_it() {
    let (mut client, near) = duplex(64);
    let (far, mut upstream) = duplex(256);
    let (out, back, _receiver) = lanes();
    let relay = tokio::spawn(relay(near, far, out, back, NEVER, pending()));
    client.shutdown().await.unwrap();
    upstream.write_all(&[7; 100]).await.unwrap();
    pass(Duration::from_secs(300)).await;
    let mut got = [0; 100];
    client.read_exact(&mut got).await.unwrap();
    assert!(!relay.is_finished());
    pass(Duration::from_secs(31)).await;
    assert_eq!(relay.await.unwrap(), End::Complete);
}
