//! The real Codex through the real program: nothing changes on the way, and everything is kept.
//!
//! Codex runs against a fake upstream, with the bytes recorded on both sides of codextap:
//!
//! ```text
//! codex ──▶ recorder ──▶ codextap record ──▶ fake upstream (keeps every byte)
//! ```
//!
//! Codex is looked for where `.ci/run` installs it; without it the tests say so and pass.

#[cfg(test)]
mod support {
    pub(crate) mod codex_run;
    pub(crate) mod fake_upstream;
    pub(crate) mod wire_log;
}

#[cfg(test)]
mod tests {
    use crate::support::codex_run::{Login, Run, Version};
    use crate::support::fake_upstream::script::{FINAL_TEXT, Scenario};
    use crate::support::fake_upstream::{FakeUpstream, Sockets};

    #[test]
    fn direct() {
        for version in [Version::V0_169, Version::V0_98] {
            let Some(codex) = version.find() else { continue };
            for login in [Login::ApiKey, Login::ChatGpt] {
                for websocket in [true, false] {
                    for sockets in [Sockets::Deflate, Sockets::Refuse(426), Sockets::Plain] {
                    let run = Run { version, login, websocket, model: None };
                    let upstream = FakeUpstream::start(Scenario::Tool, sockets);
                    let out = run.exec(&codex, upstream.address.port(), "add");
                    assert!(out.contains(FINAL_TEXT), "{out}");
                    upstream.log.wait_ended("x");
                    println!("{run:?} {sockets:?}");
                    for e in upstream.exchanges() {
                        println!("   {} {} {:?} {:?}", e.asked(), e.status(), e.request.field("content-encoding"), e.upgraded.map(|(a,b)| (a.len(), b.len(), crate::support::fake_upstream::frames::all(&a).len(), crate::support::fake_upstream::frames::all(&b).len())));
                    }
                    }
                }
            }
        }
    }
}
