//! Everything that can hash: each CPU kernel, the shaders on lavapipe, and both together. End-to-end tests run on each
//! of them.

use std::sync::LazyLock;

use cityseal_engine::hash::HashKernel;
use cityseal_engine::{DeviceShare, Engine, EngineBuilder};
use serde_json::Value;

use crate::skip::{Resource, skip};

/// A set of devices that hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worker {
    /// The CPU with the kernel of this name.
    Kernel(&'static str),
    /// The shaders on Mesa's software Vulkan driver.
    Lavapipe,
    /// The CPU with its best kernel and lavapipe in one engine. How they divide the work varies between runs.
    Mixed,
}

/// Part of lavapipe's device name, or of the name of the GPU to test instead (`CITYSEAL_TEST_DEVICE`).
static LAVAPIPE: LazyLock<String> =
    LazyLock::new(|| std::env::var("CITYSEAL_TEST_DEVICE").unwrap_or_else(|_| "llvmpipe".to_owned()));

impl Worker {
    /// Every worker.
    pub const ALL: [Self; 6] = [
        Self::Kernel("portable"),
        Self::Kernel("sha-ni"),
        Self::Kernel("avx2"),
        Self::Kernel("avx512"),
        Self::Lavapipe,
        Self::Mixed,
    ];

    /// Returns the flags that make the binary use this worker only.
    pub fn flags(self) -> Vec<&'static str> {
        match self {
            Self::Kernel(name) => vec!["--device", "cpu", "--kernel", name],
            Self::Lavapipe => vec!["--device", LAVAPIPE.as_str(), "--allow-software"],
            Self::Mixed => vec!["--device", "cpu", "--device", LAVAPIPE.as_str(), "--allow-software"],
        }
    }

    /// Builds an engine that uses this worker only, or returns `None` after reporting that `test` is skipped.
    ///
    /// # Panics
    /// If the worker is present but the engine cannot be built.
    pub fn engine(self, test: &str) -> Option<Engine> {
        if !self.ready_or_skip(test) {
            return None;
        }
        Some(self.builder().build().unwrap_or_else(|error| panic!("{self:?}: {error}")))
    }

    fn builder(self) -> EngineBuilder {
        match self {
            Self::Kernel(name) => Engine::builder().gpu(false).kernel(name),
            Self::Lavapipe => Engine::builder().devices(vec![LAVAPIPE.clone()]).allow_software(true),
            Self::Mixed => Engine::builder().devices(vec!["cpu".to_owned(), LAVAPIPE.clone()]).allow_software(true),
        }
    }

    /// Returns whether this machine has the worker, and reports that `test` is skipped if it does not.
    pub fn ready_or_skip(self, test: &str) -> bool {
        match self {
            Self::Kernel(name) => {
                let ready = HashKernel::by_name(name).is_ok();
                if !ready {
                    skip(test, Resource::Cpu, &format!("this CPU cannot run the kernel {name}"));
                }
                ready
            }
            Self::Lavapipe | Self::Mixed => match self.builder().select() {
                Ok(_) => true,
                Err(absent) => {
                    skip(test, Resource::Lavapipe, &absent.to_string());
                    false
                }
            },
        }
    }

    /// Asserts that this worker (for [`Self::Mixed`]: both devices together) hashed at least `headers` headers, not
    /// counting rechecks by the CPU.
    ///
    /// # Panics
    /// If it hashed fewer.
    pub fn assert_done(self, shares: &[DeviceShare], headers: u64) {
        let done: u64 =
            shares.iter().filter(|share| self.is_named(&share.name, &share.kernel)).map(|s| s.headers).sum();
        assert!(done >= headers, "{self:?} hashed {done} of {headers} headers: {shares:?}");
    }

    /// Asserts the same for the `devices` of a JSON answer, counting `unit` (`hashes` or `headers`).
    ///
    /// # Panics
    /// If it did less, or the answer lists no devices.
    pub fn assert_done_in(self, answer: &Value, unit: &str, least: u64) {
        let rows = answer["devices"].as_array().expect("an answer lists its devices");
        let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let mine = rows.iter().filter(|row| self.is_named(&text(row, "name"), &text(row, "kernel")));
        let done: u64 = mine.map(|row| number(&row[unit])).sum();
        assert!(done >= least, "{self:?} did {done} of {least} {unit}: {rows:?}");
    }

    fn is_named(self, device: &str, kernel: &str) -> bool {
        match self {
            Self::Kernel(name) => kernel == name,
            Self::Lavapipe => device.contains(LAVAPIPE.as_str()),
            Self::Mixed => device == "cpu" || device.contains(LAVAPIPE.as_str()),
        }
    }
}

/// Reads an integer that is given as a number or as a decimal string.
fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0)
}

/// Defines one test per worker from a function that takes a worker and the test's name.
#[macro_export]
macro_rules! on_every_worker {
    ($check:ident) => {
        mod $check {
            use $crate::worker::Worker;

            fn run(worker: Worker, test: &str) {
                if worker.ready_or_skip(test) {
                    super::$check(worker, test);
                }
            }

            #[test]
            fn on_the_portable_kernel() {
                run(Worker::Kernel("portable"), concat!(stringify!($check), "::portable"));
            }

            #[test]
            fn on_the_sha_ni_kernel() {
                run(Worker::Kernel("sha-ni"), concat!(stringify!($check), "::sha-ni"));
            }

            #[test]
            fn on_the_avx2_kernel() {
                run(Worker::Kernel("avx2"), concat!(stringify!($check), "::avx2"));
            }

            #[test]
            fn on_the_avx512_kernel() {
                run(Worker::Kernel("avx512"), concat!(stringify!($check), "::avx512"));
            }

            #[test]
            fn on_lavapipe_by_shaders() {
                run(Worker::Lavapipe, concat!(stringify!($check), "::lavapipe"));
            }

            #[test]
            fn on_lavapipe_and_the_cpu_together() {
                run(Worker::Mixed, concat!(stringify!($check), "::mixed"));
            }
        }
    };
}
