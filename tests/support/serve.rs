//! A server on loopback with a thread for each connection.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Starts a server whose connections are `answer`'s; gives its origin.
pub(crate) fn serve(answer: fn(&mut TcpStream) -> io::Result<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            // A client may leave whenever it likes.
            thread::spawn(move || answer(&mut stream).ok());
        }
    });
    origin
}
