//! A service in a process of its own, for measurements; killed on drop.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A running service.
#[derive(Debug)]
pub struct Served {
    process: Child,
    /// The address and port on which it listens.
    pub address: String,
}

/// The credentials of one tenant, in PEM.
#[derive(Debug)]
pub struct TenantFiles {
    /// The CA of the service.
    pub ca: String,
    /// The tenant's certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Served {
    /// Starts the program on a free port of loopback, with the CPU only.
    ///
    /// # Errors
    /// If it cannot be started, or does not say on which address it listens.
    pub fn start(program: &str) -> Result<Self, Box<dyn Error>> {
        Self::from(Command::new(program))
    }

    fn from(mut program: Command) -> Result<Self, Box<dyn Error>> {
        let mut process = program
            .args(["serve", "--listen", "127.0.0.1:0", "--device", "cpu", "--json", "--log", "warn"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("the service has no stdout pipe")?).read_line(&mut line)?;
        let started: Value = serde_json::from_str(&line)?;
        let address = started["listening"].as_str().ok_or("the service did not print its address")?.to_owned();
        Ok(Self { process, address })
    }

    /// Starts the program with TLS and these tenants and weights, whose files it makes in the folder.
    ///
    /// # Errors
    /// If the files cannot be made, and like [`Self::start`].
    pub fn with_tenants(
        program: &str,
        folder: &Path,
        tenants: &[(&str, u32)],
    ) -> Result<(Self, Vec<TenantFiles>), Box<dyn Error>> {
        let program = std::fs::canonicalize(program)?;
        let mut certs = Command::new(&program);
        certs.current_dir(folder).args(["certs", "--out", "pki", "--name", "localhost"]);
        for (name, _) in tenants {
            certs.args(["--client", name]);
        }
        let mut config = String::from_utf8(certs.stderr(Stdio::null()).output()?.stdout)?;
        for (name, weight) in tenants {
            let line = format!("name = \"{name}\"\n");
            config = config.replace(&line, &format!("{line}weight = {weight}\n"));
        }
        std::fs::write(folder.join("city.toml"), config)?;
        // Its paths are relative to the working directory.
        let mut serve = Command::new(&program);
        serve.current_dir(folder).args(["--config", "city.toml"]);
        let service = Self::from(serve)?;
        let pki = folder.join("pki");
        let read = |name: String| std::fs::read_to_string(pki.join(name));
        let files = |(name, _): &(&str, u32)| {
            let (certificate, key) = (read(format!("client-{name}.pem"))?, read(format!("client-{name}.key"))?);
            Ok(TenantFiles { ca: read("ca.pem".to_owned())?, certificate, key })
        };
        let files = tenants.iter().map(files).collect::<Result<_, std::io::Error>>()?;
        Ok((service, files))
    }

    /// The memory that is resident, in KiB, as Linux counts it.
    ///
    /// # Errors
    /// If the machine has no `/proc`, or the process has ended.
    pub fn resident_kib(&self) -> Result<u64, Box<dyn Error>> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Errors mean that it has already ended.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
