//! What a case is: two scripts over raw bytes, and what may differ when the proxy stands between.

use codextap::proxy::Config;

use crate::difference::BAD_ANSWER;

/// One named conversation between a client and an upstream.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) client: Script,
    pub(crate) upstream: Script,
    pub(crate) expect: Expect,
    /// Settings of the proxy that the case needs.
    pub(crate) change: fn(&mut Config),
    /// Whether the case is played with its bytes cut, too: not when they are many megabytes.
    pub(crate) cut: bool,
}

/// What must come of a case.
pub(crate) enum Expect {
    /// Both ends receive what they would have received from each other, and see the same ends,
    /// but for these edits.
    Same(Vec<Edit>),
    /// The proxy answers with this status. The upstream receives nothing at all, or with `never`
    /// nothing from there on.
    Refused {
        status: u16,
        never: Option<&'static str>,
    },
    /// The proxy answers with this status in the upstream's place.
    Answered {
        status: u16,
        why: &'static Difference,
    },
}

/// One allowed difference of a case: where one end would have received `from`, it receives `to`.
pub(crate) struct Edit {
    pub(crate) why: &'static Difference,
    pub(crate) receiver: Role,
    pub(crate) from: String,
    pub(crate) to: String,
}

/// A kind of difference.
#[derive(PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) name: &'static str,
    pub(crate) why: &'static str,
}

/// An end of the conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Client,
    Upstream,
}

/// What one end does, in order.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
}

/// One thing that an end does.
#[derive(Clone)]
pub(crate) enum Step {
    /// Writes; `<host>` stands for the address of whom the client speaks to.
    Send(Vec<u8>),
    /// Reads up to and including the next occurrence of the bytes.
    Until(Vec<u8>),
    /// Reads so many bytes.
    Take(usize),
    /// Reads until the other end sends a FIN or a RST; which of them is part of the outcome.
    Ended,
    /// Waits until the other script comes to its `Meet`.
    Meet,
    /// Sends a FIN and goes on reading.
    Fin,
    /// Sends a RST.
    Reset,
    /// Closes the socket.
    Close,
    /// Writes so many bytes, which must come to a standstill before the other end begins to read:
    /// there is a [`Step::Meet`] in the middle.
    Flood(usize),
}

impl Script {
    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    pub(crate) fn send(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Send(bytes.as_ref().to_vec()))
    }

    pub(crate) fn until(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Until(bytes.as_ref().to_vec()))
    }

    /// Reads a head with its empty line.
    pub(crate) fn head(self) -> Self {
        self.until("\r\n\r\n")
    }

    /// Reads a message: its head, and its body if it has one.
    pub(crate) fn message(self, message: impl AsRef<[u8]>) -> Self {
        let message = message.as_ref();
        let head = memchr::memmem::find(message, b"\r\n\r\n").unwrap() + 4;
        let script = self.head();
        if head == message.len() {
            return script;
        }
        script.until(&message[head..])
    }

    pub(crate) fn take(self, len: usize) -> Self {
        self.step(Step::Take(len))
    }

    pub(crate) fn ended(self) -> Self {
        self.step(Step::Ended)
    }

    pub(crate) fn meet(self) -> Self {
        self.step(Step::Meet)
    }

    pub(crate) fn fin(self) -> Self {
        self.step(Step::Fin)
    }

    pub(crate) fn reset(self) -> Self {
        self.step(Step::Reset)
    }

    pub(crate) fn close(self) -> Self {
        self.step(Step::Close)
    }

    pub(crate) fn flood(self, len: usize) -> Self {
        self.step(Step::Flood(len))
    }

    /// Everything it writes by [`Step::Send`], with `host` filled in.
    pub(crate) fn sent(&self, host: &str) -> Vec<u8> {
        let mut sent = Vec::new();
        for step in &self.steps {
            if let Step::Send(bytes) = step {
                sent.extend(filled(bytes, host));
            }
        }
        sent
    }
}

impl Case {
    /// A case in which nothing differs.
    pub(crate) fn new(name: impl Into<String>, client: Script, upstream: Script) -> Self {
        Self {
            name: name.into(),
            client,
            upstream,
            expect: Expect::Same(Vec::new()),
            change: |_| (),
            cut: true,
        }
    }

    /// A request and its answer, each written at once.
    pub(crate) fn exchange(
        name: impl Into<String>,
        request: impl AsRef<[u8]>,
        response: impl AsRef<[u8]>,
    ) -> Self {
        let client = Script::default().send(&request).message(&response);
        let upstream = Script::default().message(&request).send(&response);
        Self::new(name, client, upstream)
    }

    /// Requests that the proxy refuses with `status` before anything reaches the upstream.
    pub(crate) fn refused(name: impl Into<String>, request: impl AsRef<[u8]>, status: u16) -> Self {
        let client = Script::default().send(request).ended();
        let mut case = Self::new(name, client, Script::default());
        case.expect = Expect::Refused {
            status,
            never: None,
        };
        case
    }

    /// The same, when the head was good: from `never` on nothing reaches the upstream.
    pub(crate) fn refused_within(
        name: impl Into<String>,
        request: impl AsRef<[u8]>,
        never: &'static str,
    ) -> Self {
        let mut case = Self::refused(name, request, 400);
        case.expect = Expect::Refused {
            status: 400,
            never: Some(never),
        };
        case
    }

    /// The proxy answers in the upstream's place.
    pub(crate) fn answered(mut self, status: u16, why: &'static Difference) -> Self {
        self.expect = Expect::Answered { status, why };
        self
    }

    /// Where `receiver` would have received `from`, it receives `to`.
    pub(crate) fn edit(
        mut self,
        why: &'static Difference,
        receiver: Role,
        from: impl Into<String>,
        to: impl Into<String>,
    ) -> Self {
        if let Expect::Same(edits) = &mut self.expect {
            edits.push(Edit {
                why,
                receiver,
                from: from.into(),
                to: to.into(),
            });
        }
        self
    }

    /// `lines` do not reach `receiver`.
    pub(crate) fn dropped(self, why: &'static Difference, receiver: Role, lines: &str) -> Self {
        self.edit(why, receiver, lines, "")
    }

    pub(crate) fn with(mut self, change: fn(&mut Config)) -> Self {
        self.change = change;
        self
    }

    pub(crate) fn uncut(mut self) -> Self {
        self.cut = false;
        self
    }

    /// Whether an end may find its socket closed while it writes.
    pub(crate) fn is_lenient(&self) -> bool {
        match &self.expect {
            Expect::Same(edits) => edits.iter().any(|edit| *edit.why == BAD_ANSWER),
            Expect::Refused { .. } | Expect::Answered { .. } => true,
        }
    }
}

/// `bytes` with `host` for every `<host>`.
pub(crate) fn filled(bytes: &[u8], host: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memmem::find(rest, b"<host>") {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(host.as_bytes());
        rest = &rest[at + b"<host>".len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// Begins a script.
pub(crate) fn script() -> Script {
    Script::default()
}
