//! The agent against the upstream, without a proxy between them.

use std::time::Duration;

use serde_json::json;

use super::*;

/// The address behind an origin.
fn address(upstream: &Upstream) -> SocketAddr {
    upstream
        .origin()
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn the_story_plays_to_its_end_at_once() {
    let upstream = start(0.0).unwrap();
    let played = tokio::time::timeout(Duration::from_secs(20), play(address(&upstream), 0.0));
    played.await.expect("the story hangs").unwrap();
}

#[test]
fn the_story_takes_the_time_of_a_short_look() {
    let story = Story::load().unwrap();
    let mut ids = ids::Ids::new(crate::tap::At::from_micros(7), 0);
    let mut taken = 0;
    for step in &story.steps {
        taken += step.pause;
        if let story::Action::Turn { reply, .. } = &step.action {
            let request = json!({"input": []});
            let events = events::tell(reply, &request, crate::tap::At::from_micros(7), &mut ids);
            taken += events.iter().map(|timed| timed.pause).sum::<u64>();
        }
    }
    assert!((15_000..=20_000).contains(&taken), "{taken} ms");
}

#[test]
fn a_request_that_is_not_in_the_story_has_no_reply() {
    let story = Story::load().unwrap();
    assert!(
        story
            .reply(&json!({"input": [{"content": [{"text": "Sing."}]}]}))
            .is_none()
    );
    assert!(story.reply(&json!({"input": []})).is_none());
    assert!(story.reply(&json!({"generate": false})).is_some());
    assert!(story.answer("/v1/models").is_none());
}

#[tokio::test]
async fn nobody_listens_after_the_upstream_is_dropped() {
    let upstream = start(0.0).unwrap();
    let gone = address(&upstream);
    drop(upstream);
    while tokio::net::TcpStream::connect(gone).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(play(gone, 0.0).await.is_err());
}
