//! A Bitcoin Core node on regtest, started for one test and spoken to over JSON-RPC.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cityseal_tests::folder::Folder;
use cityseal_tests::skip::{Resource, skip};
use serde_json::{Value, json};

/// The longest that a node may take to start or to answer; a call with the largest block takes well under a second.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running node, stopped when this value is dropped.
pub(crate) struct Node {
    process: Child,
    folder: Folder,
    port: u16,
    cookie: String,
}

/// The binary that `CITYSEAL_BITCOIND` names, or `None` after saying that `test` is skipped.
pub(crate) fn binary(test: &str) -> Option<PathBuf> {
    let named = std::env::var_os("CITYSEAL_BITCOIND").map(PathBuf::from);
    if named.is_none() {
        skip(test, Resource::Bitcoind, "CITYSEAL_BITCOIND names no bitcoind");
    }
    named
}

impl Node {
    /// Starts a node that listens on loopback for RPC alone. `now` is its clock.
    pub(crate) fn start(binary: &Path, now: u64) -> Self {
        let folder = Folder::new();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|bound| bound.local_addr());
        let port = port.expect("loopback has a free port").port();
        let process = Command::new(binary)
            .arg(format!("-datadir={}", folder.path().display()))
            .args(["-regtest", "-server", "-listen=0", "-dnsseed=0", "-discover=0", "-connect=0", "-printtoconsole=0"])
            // Checks of the whole index after each block would take longer than all else.
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

    /// Where its block files are.
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
            assert!(started.elapsed() < PATIENCE, "bitcoind is not ready after {PATIENCE:?}");
            // Nothing is ever sent: this waits for the time alone.
            let _ = wake.recv_timeout(Duration::from_millis(50));
            let _ = &wakes;
        }
    }

    /// Calls a method; an error of the node comes back as its message.
    pub(crate) fn call(&self, method: &str, parameters: &Value) -> Result<Value, String> {
        self.try_call(method, parameters).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Calls a method that does not fail.
    pub(crate) fn ask(&self, method: &str, parameters: &Value) -> Value {
        self.call(method, parameters).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn try_call(&self, method: &str, parameters: &Value) -> std::io::Result<Result<Value, String>> {
        let body = json!({"jsonrpc": "1.0", "id": 1, "method": method, "params": parameters}).to_string();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
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

    /// Asks the node to stop, so that all its files are written, and gives its folder of blocks.
    pub(crate) fn stop(&mut self) -> PathBuf {
        self.ask("stop", &json!([]));
        let ended = self.process.wait().expect("a child can be waited for");
        assert!(ended.success(), "bitcoind ended with {ended}");
        self.blocks()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The body of an HTTP answer, whose length its head gives: a node does not always close the connection.
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

/// RFC 4648, with padding.
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
    fn credentials_are_written_as_rfc_4648_writes_them() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(super::base64(bytes.as_bytes()), text);
        }
    }
}
