//! How long the proxy waits for what, as the command line says it.

use std::time::Duration;

use clap::Args;

/// Options that end a wait. Each limit that is hit stands on its flow and in the log.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub(super) struct Limits {
    /// From the first byte of a request's head to its end
    #[arg(long, global = true, value_name = "TIME", default_value = "60s", value_parser = limit, env = "CODEXTAP_REQUEST_TIMEOUT")]
    pub(super) request_timeout: Duration,
    /// To resolve, reach and greet (TLS) an upstream
    #[arg(long, global = true, value_name = "TIME", default_value = "10s", value_parser = limit, env = "CODEXTAP_CONNECT_TIMEOUT")]
    pub(super) connect_timeout: Duration,
    /// To the head of a response; as long as Codex waits if left out
    #[arg(long, global = true, value_name = "TIME", value_parser = limit, env = "CODEXTAP_RESPONSE_TIMEOUT")]
    pub(super) response_timeout: Option<Duration>,
    /// To the answer to a WebSocket handshake, connecting included
    #[arg(long, global = true, value_name = "TIME", default_value = "60s", value_parser = limit, env = "CODEXTAP_HANDSHAKE_TIMEOUT")]
    pub(super) handshake_timeout: Duration,
    /// With no byte on a WebSocket either way; for ever if left out
    #[arg(long, global = true, value_name = "TIME", value_parser = limit, env = "CODEXTAP_WS_IDLE_TIMEOUT")]
    pub(super) ws_idle_timeout: Option<Duration>,
    /// For what is in flight when codextap is told to end
    #[arg(long, global = true, value_name = "TIME", default_value = "5s", value_parser = time, env = "CODEXTAP_DRAIN")]
    pub(super) drain: Duration,
}

/// A length of time: a whole number and its unit.
pub(super) fn time(text: &str) -> Result<Duration, &'static str> {
    let unit = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(unit.unwrap_or(text.len()));
    let number = number.parse::<u32>();
    let seconds = |factor| Duration::from_secs(factor).checked_mul(number.clone().ok()?);
    let time = match unit {
        "ms" => number
            .clone()
            .ok()
            .map(|ms| Duration::from_millis(ms.into())),
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3600),
        "d" => seconds(86_400),
        _ => None,
    };
    time.ok_or("expected a time such as 500ms, 10s or 2m")
}

/// The same, but not nothing.
fn limit(text: &str) -> Result<Duration, &'static str> {
    let limit = time(text)?;
    if limit.is_zero() {
        return Err("must be longer than 0");
    }
    Ok(limit)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::proxy::Config;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        limits: Limits,
    }

    #[test]
    fn times_have_units() {
        for (text, ms) in [("0s", 0), ("500ms", 500), ("10s", 10_000), ("2m", 120_000)] {
            assert_eq!(time(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        assert_eq!(time("1h"), Ok(Duration::from_secs(3600)));
        for text in [
            "",
            "10",
            "s",
            "-1s",
            "1.5s",
            "1w",
            "1 s",
            "99999999999s",
            "1S",
        ] {
            assert!(time(text).is_err(), "{text}");
        }
        assert!(limit("0ms").is_err());
    }

    #[test]
    fn the_command_line_has_the_limits_of_the_proxy() {
        let limits = Line::parse_from([""]).limits;
        let config = Config::default();
        assert_eq!(limits.request_timeout, config.request_timeout);
        assert_eq!(limits.connect_timeout, config.connect_timeout);
        assert_eq!(limits.response_timeout, config.head_timeout);
        assert_eq!(limits.handshake_timeout, config.upgrade_timeout);
        assert_eq!(limits.ws_idle_timeout, config.ws_idle_timeout);
        assert_eq!(limits.drain, config.drain);
    }
}
