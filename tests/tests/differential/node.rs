//! A Bitcoin Core node on regtest, started for one test and controlled by JSON-RPC.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cityseal_tests::folder::Folder;
use cityseal_tests::skip::{Resource, skip};
use serde_json::{Value, json};

/// Timeout for the node's start and for each answer; a call with the largest block takes well below a second.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A running node; stopped on drop.
pub(crate) struct Node {
    process: Child,
    folder: Folder,
    port: u16,
    cookie: String,
}

/// The binary set in `CITYSEAL_BITCOIND`, or `None` after reporting that `test` is skipped.
pub(crate) fn binary(test: &str) -> Option<PathBuf> {
    let named = std::env::var_os("CITYSEAL_BITCOIND").map(PathBuf::from);
    if named.is_none() {
        skip(test, Resource::Bitcoind, "CITYSEAL_BITCOIND is not set");
    }
    named
}

impl Node {
    /// Starts a node that listens only for RPC on loopback. `now` is its clock.
    pub(crate) fn start(binary: &Path, now: u64) -> Self {
        let folder = Folder::new();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|bound| bound.local_addr());
        let port = port.expect("loopback has a free port").port();
        let process = Command::new(binary)
            .arg(format!("-datadir={}", folder.path().display()))
            .args(["-regtest", "-server", "-listen=0", "-dnsseed=0", "-discover=0", "-connect=0", "-printtoconsole=0"])
            // Checking the whole index after each block would take most of the time.
            .args(["-checkblockindex=0", "-checkmempool=0", "-par=1", "-debuglogfile=0"])
            .args([format!("-rpcport={port}"), format!("-mocktime={now}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        let mut node = Self { process, folder, port, cookie: String::new() };
        node.wait_until_ready();
        node
    }

    /// The folder of the block files.
    pub(crate) fn blocks(&self) -> PathBuf {
        self.folder.path().join("regtest/blocks")
    }

    fn wait_until_ready(&mut self) {
        let started = Instant::now();
        let (wakes, wake) = std::sync::mpsc::channel::<()>();
        loop {
            let ended = self.process.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "bitcoind ended while it started: {ended:?}");
            let cookie = std::fs::read_to_string(self.folder.path().join("regtest/.cookie"));
            self.cookie = cookie.unwrap_or_default();
            if !self.cookie.is_empty() && self.try_call("getblockcount", &json!([])).is_ok_and(|answer| answer.is_ok())
            {
                return;
            }
            assert!(started.elapsed() < TIMEOUT, "bitcoind is not ready after {TIMEOUT:?}");
            // Nothing is ever sent, so this waits for the timeout.
            let _ = wake.recv_timeout(Duration::from_millis(50));
            let _ = &wakes;
        }
    }

    /// Calls a method; returns an error of the node as its message.
    pub(crate) fn call(&self, method: &str, parameters: &Value) -> Result<Value, String> {
        self.try_call(method, parameters).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Calls a method; panics if the node returns an error.
    pub(crate) fn call_ok(&self, method: &str, parameters: &Value) -> Value {
        self.call(method, parameters).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn try_call(&self, method: &str, parameters: &Value) -> std::io::Result<Result<Value, String>> {
        let body = json!({"jsonrpc": "1.0", "id": 1, "method": method, "params": parameters}).to_string();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let head = format!(
            "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Basic {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            base64(self.cookie.as_bytes()),
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
        let body = body_of(stream)?;
        let answer: Value = serde_json::from_slice(&body)?;
        Ok(match answer["error"]["message"].as_str() {
            Some(message) => Err(message.to_owned()),
            None => Ok(answer["result"].clone()),
        })
    }

    /// Shuts the node down, so that all files are written, and returns the folder of the block files.
    pub(crate) fn stop(&mut self) -> PathBuf {
        self.call_ok("stop", &json!([]));
        let ended = self.process.wait().expect("a child can be waited for");
        assert!(ended.success(), "bitcoind ended with {ended}");
        self.blocks()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Errors mean that it has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads the body of an HTTP answer by its `Content-Length`, because the node does not always close the connection.
fn body_of(stream: TcpStream) -> std::io::Result<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

/// Encodes Base64 with padding (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

mod tests {
    #[test]
    fn base64_matches_the_vectors_of_rfc_4648() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(super::base64(bytes.as_bytes()), text);
        }
    }
}
