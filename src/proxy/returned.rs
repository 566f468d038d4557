//! Requests that come back: what stops an upstream that leads to the proxy itself from going round
//! for ever.
//!
//! Where an upstream leads cannot be told from its name or its address: another name of this
//! machine, a forwarded port, an outer proxy, or the route of another upstream may lead back. But a
//! request that comes back is one that is still in flight, and its head is the very one that was
//! written to the upstream. So heads that were written are kept until they are answered, and what
//! arrives with one of them is answered 508 (RFC 5842 §7.2). That adds no byte to what the upstream
//! sees, and makes a loop one round long.
//!
//! It does not see through a hop that writes requests anew, as a reverse proxy with a field of its
//! own does: there each round makes the head longer, until it is refused for its length. Nor does it
//! look at HTTP/2, which this listener does not speak.
//!
//! A client's own request is mistaken for one only if it equals, `Host` and all, what is in flight
//! to an upstream: its `Host` is the proxy's name, and what is in flight has the upstream's.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// The heads in flight, and how many requests have each.
#[derive(Default, Debug)]
pub(super) struct InFlight {
    heads: Mutex<HashMap<Bytes, usize>>,
}

impl InFlight {
    /// Keeps `head`, which is about to be written to an upstream, until what is given is dropped.
    pub(super) fn enter(&self, head: Bytes) -> Sent<'_> {
        self.with(|heads| *heads.entry(head.clone()).or_default() += 1);
        Sent {
            in_flight: self,
            head,
        }
    }

    /// Whether a request that begins with `head` was sent by this proxy.
    pub(super) fn has(&self, head: &Bytes) -> bool {
        self.with(|heads| !heads.is_empty() && heads.contains_key(head))
    }

    fn with<T>(&self, change: impl FnOnce(&mut HashMap<Bytes, usize>) -> T) -> T {
        change(&mut self.heads.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A head in flight.
#[derive(Debug)]
pub(super) struct Sent<'a> {
    in_flight: &'a InFlight,
    head: Bytes,
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        let head = std::mem::take(&mut self.head);
        self.in_flight.with(|heads| {
            if let Entry::Occupied(mut entry) = heads.entry(head) {
                *entry.get_mut() -= 1;
                if *entry.get() == 0 {
                    entry.remove();
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_in_flight_as_long_as_one_request_has_it() {
        let in_flight = InFlight::default();
        let head = Bytes::from("GET / HTTP/1.1\r\n\r\n");
        let (first, second) = (in_flight.enter(head.clone()), in_flight.enter(head.clone()));
        assert!(!in_flight.has(&Bytes::from("GET /x HTTP/1.1\r\n\r\n")));
        drop(first);
        assert!(in_flight.has(&head));
        drop(second);
        assert!(!in_flight.has(&head));
    }
}
