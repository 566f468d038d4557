//! Where requests go on to, what leads there, and whether it answers.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::super::args::Common;
use super::super::station;
use super::Finding;
use crate::config;
use crate::proxy::{self, Proxy, Route, Stage, check_roots};
use crate::tap::{self, Clock, Limits, Redactor};

pub(super) async fn look(common: &Common, is_online: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let routes = match station::routes(common) {
        Ok(routes) => {
            let shown: Vec<String> = routes
                .iter()
                .map(|route| format!("{} to {}", route.prefix(), route.origin()))
                .collect();
            findings.push(Finding::ok("routes", shown.join(", ")));
            routes
        }
        Err(error) => {
            let hint = "a route is /PREFIX=URL, an upstream https://HOST";
            findings.push(Finding::failed("routes", &error, hint));
            Vec::new()
        }
    };
    let outer = station::outer(common);
    findings.push(match &outer {
        Ok(_) => proxies(common),
        Err(error) => {
            let hint = "name another one with --upstream-proxy URL, or none";
            Finding::failed("outer-proxy", error, hint)
        }
    });
    if let Some(file) = &common.upstream_ca {
        findings.push(match check_roots(file) {
            Ok(count) => Finding::ok("certificates", format!("{} has {count}", file.display())),
            Err(error) => Finding::fault(
                "certificates",
                error.to_string(),
                "name a PEM file with -----BEGIN CERTIFICATE----- in it with --upstream-ca",
            ),
        });
    }
    if !is_online {
        findings.push(Finding::ok("upstreams", "not asked; --online asks them"));
        return findings;
    }
    let Ok(outer) = outer else {
        return findings;
    };
    let config = proxy::Config {
        listen: ([127, 0, 0, 1], 0).into(),
        routes: routes.clone(),
        upstream_ca: common.upstream_ca.clone(),
        connect_timeout: common.limits.connect_timeout,
        head_timeout: Some(ANSWER),
        outer,
        ..proxy::Config::default()
    };
    // Nobody looks at what passes.
    let (tap, _) = tap::channel(Limits::default(), Clock::start(), Redactor::new());
    if let Ok(proxy) = Proxy::bind(config, tap).await {
        let address = proxy.local_addr();
        let (_stage, stages) = watch::channel(Stage::Serving);
        let serving = tokio::spawn(proxy.serve(stages));
        for route in &routes {
            findings.push(ask(address, route).await);
        }
        serving.abort();
    }
    findings
}

/// What the variables come to, for Codex as well as for codextap.
fn proxies(common: &Common) -> Finding {
    if let Some(url) = common
        .upstream_proxy
        .as_deref()
        .filter(|url| !url.is_empty())
    {
        let says = if url == "none" {
            "none, as told"
        } else {
            "the one of --upstream-proxy"
        };
        return Finding::ok("outer-proxy", says);
    }
    let is_set = |name: &&&str| config::environment(name).is_some_and(|value| !value.is_empty());
    let Some(name) = PROXIES.iter().find(is_set) else {
        return Finding::ok("outer-proxy", "none");
    };
    let direct = config::environment("NO_PROXY").or_else(|| config::environment("no_proxy"));
    let direct = direct.unwrap_or_default();
    let is_direct = direct
        .split(',')
        .any(|host| matches!(host.trim(), "*" | "127.0.0.1"));
    if is_direct {
        Finding::ok(
            "outer-proxy",
            format!("the one of {name}; loopback goes without"),
        )
    } else {
        Finding::warning(
            "outer-proxy",
            format!("{name} makes a Codex that is started by hand ask that proxy for codextap"),
            "export NO_PROXY=127.0.0.1,localhost; `codextap codex` does so by itself",
        )
    }
}

/// Asks a route's upstream through a proxy at `address`, as Codex would, but without credentials.
async fn ask(address: std::net::SocketAddr, route: &Route) -> Finding {
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        let prefix = route.prefix();
        let request =
            format!("GET {prefix} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(ENOUGH).read_to_end(&mut answer).await?;
        std::io::Result::Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let origin = route.origin();
    let hint = "look at the network, the outer proxy (--upstream-proxy) and the certificates \
                (--upstream-ca)";
    let answer = match timeout(2 * ANSWER, asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            return Finding::fault(
                "upstreams",
                format!("{origin} does not answer: {error}"),
                hint,
            );
        }
        Err(_) => return Finding::fault("upstreams", format!("{origin} does not answer"), hint),
    };
    let status = answer.split(' ').nth(1).unwrap_or("nothing");
    let own = answer.split("\r\n\r\n").nth(1).and_then(|body| {
        let body: serde_json::Value = serde_json::from_str(body).ok()?;
        let error = &body["error"];
        (error["type"] == "codextap_upstream_unreachable")
            .then(|| error["message"].as_str().unwrap_or_default().to_owned())
    });
    match own {
        Some(message) => {
            let message = message.strip_prefix("codextap: ").unwrap_or(&message);
            Finding::fault("upstreams", message, hint)
        }
        None => Finding::ok("upstreams", format!("{origin} answers ({status})")),
    }
}

/// The variables that name an outer proxy.
const PROXIES: [&str; 6] = [
    "https_proxy",
    "HTTPS_PROXY",
    "http_proxy",
    "HTTP_PROXY",
    "all_proxy",
    "ALL_PROXY",
];

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// How much of an answer is read.
const ENOUGH: u64 = 64 << 10;
