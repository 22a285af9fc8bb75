//! Chromium without a window, driven over its pipe (its remote debugging protocol): messages of JSON, each ended by a
//! zero byte.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::support::Folder;

/// A browser with one page; killed when the test ends.
pub(crate) struct Browser {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: Option<String>,
    last_id: u64,
    /// Errors and warnings of the page's console, its network and its policies.
    pub(crate) complaints: Vec<String>,
    _profile: Folder,
}

fn program() -> PathBuf {
    std::env::var_os("CITYSEAL_CHROMIUM").map_or_else(|| "chromium".into(), PathBuf::from)
}

impl Browser {
    /// Starts a browser; `None` if there is none.
    pub(crate) fn start() -> Option<Self> {
        let answers = Command::new(program()).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !answers.is_ok_and(|status| status.success()) {
            return None;
        }
        let profile = Folder::new();
        // The pipe is at the descriptors 3 and 4. Without a sandbox, because tests may run as root; the only page is
        // the test's own.
        let script = "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1";
        let mut process = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(program())
            .args(["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run"])
            .args(["--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking"])
            .args(["--disable-component-update", "--hide-scrollbars", "--force-color-profile=srgb"])
            .arg(format!("--user-data-dir={}", profile.path("profile").display()))
            .env("HOME", profile.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (commands, answers) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let (session, complaints) = (None, Vec::new());
        let mut browser = Self { process, commands, answers, session, last_id: 0, complaints, _profile: profile };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", &json!({ "targetId": target, "flatten": true }));
        browser.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        Some(browser)
    }

    /// Opens a page in a window of this size, and waits until it has loaded.
    pub(crate) fn open(&mut self, url: &str, width: u32, is_dark: bool) {
        let value = if is_dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": value }]);
        self.call("Emulation.setEmulatedMedia", &json!({ "features": features }));
        let window = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", &window);
        self.send("Page.navigate", &json!({ "url": url }));
        loop {
            let message = self.receive();
            if message["method"] == "Page.loadEventFired" {
                return;
            }
        }
    }

    /// Waits until an expression of the page is not null, and returns its value.
    pub(crate) fn wait_for(&mut self, expression: &str) -> Value {
        let promise = format!(
            "new Promise((resolve) => {{ const look = () => {{ const found = {expression}; \
             if (found == null) setTimeout(look, 20); else resolve(found); }}; look(); }})"
        );
        let asked = json!({ "expression": promise, "awaitPromise": true, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", &asked);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// A picture of the whole page, as PNG.
    pub(crate) fn picture(&mut self) -> Vec<u8> {
        let asked = json!({ "format": "png", "captureBeyondViewport": true });
        from_base64(self.call("Page.captureScreenshot", &asked)["data"].as_str().unwrap())
    }

    /// Sends a command, and waits for its answer.
    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        let id = self.send(method, parameters);
        loop {
            let message = self.receive();
            if message["id"] == id {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    fn send(&mut self, method: &str, parameters: &Value) -> u64 {
        self.last_id += 1;
        let mut message = json!({ "id": self.last_id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.commands.write_all(format!("{message}\0").as_bytes()).unwrap();
        self.last_id
    }

    fn receive(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.answers.read_until(0, &mut bytes).unwrap();
        assert_eq!(bytes.pop(), Some(0), "the browser has ended");
        let message: Value = serde_json::from_slice(&bytes).unwrap();
        let parameters = &message["params"];
        let is_bad = |level: &Value| level == "error" || level == "warning" || level == "assert";
        match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => self.complaints.push(parameters.to_string()),
            Some("Runtime.consoleAPICalled") if is_bad(&parameters["type"]) => {
                self.complaints.push(parameters.to_string());
            }
            Some("Log.entryAdded") if is_bad(&parameters["entry"]["level"]) => {
                self.complaints.push(parameters.to_string());
            }
            _ => {}
        }
        message
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Fails harmlessly if it has ended.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Decodes base64 (RFC 4648 section 4).
fn from_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = ALPHABET.iter().position(|known| *known == letter).unwrap();
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}
