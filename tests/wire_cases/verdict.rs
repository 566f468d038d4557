//! Whether what came of a case is what had to come of it.

use crate::play::{Got, Outcome, shown};
use crate::script::{Case, Edit, Expect, Role, filled};

/// What is wrong with `proxied`, given what came of the case directly (`None` where the proxy
/// answers itself and there is nothing to compare with).
pub(crate) fn judge(
    case: &Case,
    direct: Option<&Outcome>,
    proxied: &Outcome,
) -> Result<(), String> {
    match (&case.expect, direct) {
        (Expect::Same(edits), Some(direct)) => {
            let edits: Vec<Filled> = (edits.iter())
                .map(|edit| Filled {
                    edit,
                    from: filled(edit.from.as_bytes(), &direct.host),
                    to: filled(edit.to.as_bytes(), &direct.host),
                })
                .collect();
            compare(Role::Client, &edits, &direct.client, &proxied.client)?;
            compare(Role::Upstream, &edits, &direct.upstream, &proxied.upstream)
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

/// Whether the client was answered `status`.
fn answered(status: u16, proxied: &Outcome) -> Result<(), String> {
    let got = proxied.client.streams.concat();
    let wanted = format!("HTTP/1.1 {status} ");
    if memchr::memmem::find(&got, wanted.as_bytes()).is_some() {
        return Ok(());
    }
    Err(format!("the client got {} and not {status}", shown(&got)))
}

/// An edit with the upstream's address where it says `<host>`.
struct Filled<'a> {
    edit: &'a Edit,
    from: Vec<u8>,
    to: Vec<u8>,
}

fn compare(role: Role, edits: &[Filled<'_>], direct: &Got, proxied: &Got) -> Result<(), String> {
    let mut wanted = direct.streams.concat();
    for Filled { from, to, .. } in edits.iter().filter(|one| one.edit.receiver == role) {
        let Some(at) = memchr::memmem::find(&wanted, from) else {
            return Err(format!("there is no {} to edit", shown(from)));
        };
        wanted.splice(at..at + from.len(), to.iter().copied());
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
    if !wanted.is_empty() && direct.streams.len() != proxied.streams.len() {
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
