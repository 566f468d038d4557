//! Every difference that a case may have, and why.

use crate::script::Difference;

/// All of them, in the order of the table.
pub(crate) const ALL: [&Difference; 8] = [
    &HOST,
    &TOKEN,
    &HOP,
    &HEAD_HELD,
    &EMPTY_LINE,
    &UNREACHABLE,
    &BAD_ANSWER,
    &LIMIT,
];

pub(crate) const HOST: Difference = Difference {
    name: "`Host`",
    why: "It names whom the sender speaks to (RFC 9110 §7.2). The upstream's name is written where \
          the client's stood; a client that uses the same name for both sees no difference.",
};

pub(crate) const TOKEN: Difference = Difference {
    name: "token",
    why: "It is between the client and the proxy, and must not reach anybody else: the segment of \
          the path and the field lines that carry it are taken out.",
};

pub(crate) const HOP: Difference = Difference {
    name: "hop-by-hop fields",
    why: "`Connection` other than `close` and the fields it names, `Keep-Alive`, \
          `Proxy-Connection`, `TE` other than `trailers`, and an `Upgrade` to anything but WebSocket speak of one connection, not of \
          the message (RFC 9110 §7.6.1).",
};

pub(crate) const HEAD_HELD: Difference = Difference {
    name: "incomplete head",
    why: "Where a request leads to and how a message is framed is known when its head is whole; \
          what breaks off before that is not forwarded.",
};

pub(crate) const EMPTY_LINE: Difference = Difference {
    name: "leading empty line",
    why: "An empty line before a request is no part of it (RFC 9112 §2.2).",
};

pub(crate) const UNREACHABLE: Difference = Difference {
    name: "no upstream",
    why: "A client that is connected to the proxy cannot be refused the connection any more; it \
          gets 502 or 504 in its place.",
};

pub(crate) const BAD_ANSWER: Difference = Difference {
    name: "ambiguous answer",
    why: "An answer whose end two readers may see in different places is replaced by 502 \
          (RFC 9112 §6.3), or ends where the fault shows in its body, because the client could \
          take the rest for another answer.",
};

pub(crate) const LIMIT: Difference = Difference {
    name: "limits",
    why: "A head that does not fit into the proxy's buffer is not forwarded.",
};
