//! Whether what came of a case is what had to come of it.

use crate::difference::KEPT;
use crate::play::{Got, Outcome, shown};
use crate::script::{Case, Edit, Expect, Role};

/// What is wrong with `proxied`, given what came of the case directly (`None` where the proxy
/// answers itself and there is nothing to compare with).
pub(crate) fn judge(
    case: &Case,
    direct: Option<&Outcome>,
    proxied: &Outcome,
) -> Result<(), String> {
    match (&case.expect, direct) {
        (Expect::Same(edits), Some(direct)) => {
            compare(Role::Client, edits, &direct.client, &proxied.client)?;
            compare(Role::Upstream, edits, &direct.upstream, &proxied.upstream)
        }
        (Expect::Same(_), None) => Err("nothing to compare with".to_owned()),
        (Expect::Refused { status, never }, _) => {
            answered(*status, proxied)?;
            let got = proxied.upstream.streams.concat();
            let leaked = match never {
                None => !got.is_empty(),
                Some(never) => memchr::memmem::find(&got, never.as_bytes()).is_some(),
            };
            if leaked {
                return Err(format!("forwarded {}", shown(&got)));
            }
            Ok(())
        }
        (Expect::Answered { status, .. }, _) => answered(*status, proxied),
    }
}

/// Whether the client's last answer has `status`.
fn answered(status: u16, proxied: &Outcome) -> Result<(), String> {
    let got = proxied.client.streams.concat();
    let wanted = format!("HTTP/1.1 {status} ");
    let last = memchr::memmem::rfind(&got, b"HTTP/1.1 ");
    if last.is_some_and(|at| got[at..].starts_with(wanted.as_bytes())) {
        return Ok(());
    }
    Err(format!("the client got {} and not {status}", shown(&got)))
}

fn compare(role: Role, edits: &[Edit], direct: &Got, proxied: &Got) -> Result<(), String> {
    let mut wanted = direct.streams.concat();
    for edit in edits.iter().filter(|edit| edit.receiver == role) {
        let from = edit.from.as_bytes();
        let Some(at) = memchr::memmem::find(&wanted, from) else {
            return Err(format!("there is no {} to edit", shown(from)));
        };
        wanted.splice(at..at + from.len(), edit.to.bytes());
    }
    let got = proxied.streams.concat();
    if got != wanted {
        return Err(format!("{role:?} received\n{}", apart(&wanted, &got)));
    }
    if direct.ends != proxied.ends {
        return Err(format!(
            "{role:?} saw {:?} instead of {:?}",
            proxied.ends, direct.ends
        ));
    }
    let may_change = edits.iter().any(|edit| *edit.why == KEPT);
    if !may_change && !wanted.is_empty() && direct.streams.len() != proxied.streams.len() {
        return Err(format!(
            "{role:?} had {} connections instead of {}",
            proxied.streams.len(),
            direct.streams.len()
        ));
    }
    Ok(())
}

/// Where two streams part.
fn apart(wanted: &[u8], got: &[u8]) -> String {
    let same = wanted.iter().zip(got).take_while(|(a, b)| a == b).count();
    let near = |bytes: &[u8]| {
        let from = same.saturating_sub(60).min(bytes.len());
        let to = bytes.len().min(same + 200);
        format!("{} ({} bytes)", bytes[from..to].escape_ascii(), bytes.len())
    };
    format!(
        "    from byte {same}: wanted …{}\n    from byte {same}: got    …{}",
        near(wanted),
        near(got)
    )
}
