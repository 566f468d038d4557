//! The proxy's threads, apart from the one that records and draws: neither do its timers wake them, nor
//! does what it is busy with hold back a byte.

use std::future::Future;
use std::io;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

/// Threads that end with this.
#[derive(Debug)]
pub(super) struct Threads {
    handle: Handle,
    /// `Some` until this is dropped.
    runtime: Option<Runtime>,
}

impl Threads {
    /// Starts them.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("proxy")
            .enable_all()
            .build()?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    /// Runs `task` on them.
    pub(super) fn spawn<T>(&self, task: T) -> JoinHandle<T::Output>
    where
        T: Future<Output: Send> + Send + 'static,
    {
        self.handle.spawn(task)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Whoever drops this may be a task, which must not wait.
            runtime.shutdown_background();
        }
    }
}
