//! The kernels as values. CPU features and the known answer are checked once, when a kernel is made; its calls only
//! jump to the entry function.

use core::fmt;
use std::sync::OnceLock;

use crate::messages::Treatment;
use crate::{Features, HitBuffer, KernelError, KernelName, SearchInput, known_answer, portable};

/// The entry functions of one kernel.
struct Entries {
    /// Safety of each: the CPU must have what [`KernelName::needs`] says.
    scan: unsafe fn(&SearchInput<'_>, u32, u32, &mut HitBuffer),
    hash_headers: HashRows,
    hash_nodes: HashRows,
    hash_nodes_rfc6962: HashRows,
    hash_each: HashMessages,
}

type HashRows = unsafe fn(&[u8], &mut [[u8; 32]]);
type HashMessages = unsafe fn(Treatment, &[&[u8]], &mut [[u8; 32]]);

/// Collects the entry functions of a module.
macro_rules! entries_of {
    ($($module:ident)::+) => {
        Entries {
            scan: $($module)::+::scan,
            hash_headers: $($module)::+::hash_headers,
            hash_nodes: $($module)::+::hash_nodes,
            hash_nodes_rfc6962: $($module)::+::hash_nodes_rfc6962,
            hash_each: $($module)::+::hash_each,
        }
    };
}

static PORTABLE: Entries = entries_of!(portable);
#[cfg(target_arch = "x86_64")]
static SHA_NI: Entries = entries_of!(crate::x86::sha_ni);
#[cfg(target_arch = "x86_64")]
static AVX2: Entries = entries_of!(crate::x86::avx2);
#[cfg(target_arch = "x86_64")]
static AVX512: Entries = entries_of!(crate::x86::avx512);

/// The entries of a kernel that this CPU can run.
fn entries(name: KernelName) -> Option<&'static Entries> {
    if !Features::of_this_cpu().allow(name) {
        return None;
    }
    match name {
        KernelName::Portable => Some(&PORTABLE),
        #[cfg(target_arch = "x86_64")]
        KernelName::ShaNi => Some(&SHA_NI),
        #[cfg(target_arch = "x86_64")]
        KernelName::Avx2 => Some(&AVX2),
        #[cfg(target_arch = "x86_64")]
        KernelName::Avx512 => Some(&AVX512),
        #[cfg(not(target_arch = "x86_64"))]
        KernelName::ShaNi | KernelName::Avx2 | KernelName::Avx512 => None,
    }
}

/// A SHA-256 implementation for this CPU. Owning one proves that the CPU can run it and that it passed its known-answer
/// test.
#[derive(Clone, Copy)]
pub struct HashKernel {
    name: KernelName,
    entries: &'static Entries,
    #[cfg(feature = "fault-injection")]
    broken: bool,
}

impl HashKernel {
    /// The preferred kernel of this CPU: the first of [`KernelName::LADDER`] that runs here and passes its known-answer
    /// test.
    ///
    /// # Panics
    /// If even the portable kernel fails its known-answer test, as for [`HashKernel::portable`].
    pub fn detect() -> Self {
        Features::of_this_cpu()
            .ladder()
            .find_map(|name| Self::checked(name).ok())
            .expect("the portable kernel is `sha2` itself, against which the known answers are checked")
    }

    /// The kernel that runs on every CPU.
    ///
    /// # Panics
    /// If `sha2` itself gives a wrong answer: no hash of such a machine can be trusted.
    pub fn portable() -> Self {
        Self::checked(KernelName::Portable).expect("sha2 knows the hash of the first block")
    }

    /// The kernel on x86's SHA instructions, if this CPU has them.
    pub fn sha_ni() -> Option<Self> {
        Self::checked(KernelName::ShaNi).ok()
    }

    /// The eight-lane kernel, if this CPU has AVX2.
    pub fn avx2() -> Option<Self> {
        Self::checked(KernelName::Avx2).ok()
    }

    /// The sixteen-lane kernel, if this CPU has AVX-512F and AVX-512BW.
    pub fn avx512() -> Option<Self> {
        Self::checked(KernelName::Avx512).ok()
    }

    /// Every kernel that runs on this CPU and passes its known-answer test, the preferred one first.
    pub fn all_available() -> Vec<Self> {
        Features::of_this_cpu().ladder().filter_map(|name| Self::checked(name).ok()).collect()
    }

    /// The kernel with the given name (see [`KernelName::as_str`]).
    ///
    /// # Errors
    /// If there is no such kernel, if it cannot run here, or if it fails its known-answer test.
    pub fn by_name(name: &str) -> Result<Self, KernelError> {
        #[cfg(feature = "fault-injection")]
        if name == Self::BROKEN {
            return Ok(Self::detect().broken_for_tests());
        }
        let known = KernelName::from_name(name).ok_or_else(|| KernelError::Unknown { name: name.to_owned() })?;
        Self::checked(known)
    }

    /// Makes the kernel. The first call for a name runs the known-answer test.
    fn checked(name: KernelName) -> Result<Self, KernelError> {
        /// Whether each kernel passed, in the order of [`KernelName`]. A test takes about 0.1 ms, and kernels are made
        /// often.
        static PASSED: [OnceLock<bool>; KernelName::LADDER.len()] =
            [const { OnceLock::new() }; KernelName::LADDER.len()];
        let entries = entries(name).ok_or(KernelError::Unsupported { name, needs: name.needs() })?;
        let kernel = Self {
            name,
            entries,
            #[cfg(feature = "fault-injection")]
            broken: false,
        };
        let passed = *PASSED[name as usize].get_or_init(|| known_answer::holds(kernel));
        if passed { Ok(kernel) } else { Err(KernelError::WrongAnswer { name }) }
    }

    /// The kernel's name: `portable`, `sha-ni`, `avx2` or `avx512`.
    pub const fn name(self) -> &'static str {
        #[cfg(feature = "fault-injection")]
        if self.broken {
            return Self::BROKEN;
        }
        self.name.as_str()
    }

    /// The number of messages that the kernel hashes in parallel. Batches of a multiple of it leave no lane idle.
    pub const fn lanes(self) -> usize {
        match self.name {
            KernelName::Avx512 => 16,
            KernelName::Avx2 => 8,
            KernelName::ShaNi => 4,
            KernelName::Portable => 1,
        }
    }

    /// Searches the nonces `first..=last` with every midstate and pushes each hit into `hits`, ascending for each
    /// midstate.
    ///
    /// It always runs to the end of the range: to be able to stop early, search shorter ranges.
    ///
    /// # Panics
    /// If `first` is above `last`, or the input has no midstate or more than [`MIDSTATES_MAX`](crate::MIDSTATES_MAX).
    pub fn scan(self, input: &SearchInput<'_>, first: u32, last: u32, hits: &mut HitBuffer) {
        assert!(first <= last, "a nonce range runs upwards: {first}..={last}");
        input.assert_valid();
        #[cfg(feature = "fault-injection")]
        if self.broken {
            return;
        }
        // SAFETY: `self` was made by `checked`, so this CPU has what the kernel needs.
        unsafe { (self.entries.scan)(input, first, last, hits) }
    }

    /// Writes the double SHA-256 of packed 80-byte headers to `out`, in wire order.
    ///
    /// # Panics
    /// If `headers` does not hold 80 bytes for each digest of `out`.
    pub fn hash_headers(self, headers: &[u8], out: &mut [[u8; 32]]) {
        // SAFETY: `self` was made by `checked`, so this CPU has what the kernel needs.
        unsafe { (self.entries.hash_headers)(headers, out) }
        self.spoil(out);
    }

    /// Writes the double SHA-256 of packed 64-byte Merkle nodes (Bitcoin's tree) to `out`, in wire order.
    ///
    /// # Panics
    /// If `nodes` does not hold 64 bytes for each digest of `out`.
    pub fn hash_nodes(self, nodes: &[u8], out: &mut [[u8; 32]]) {
        // SAFETY: `self` was made by `checked`, so this CPU has what the kernel needs.
        unsafe { (self.entries.hash_nodes)(nodes, out) }
        self.spoil(out);
    }

    /// Writes the SHA-256 of 0x01 and each packed 64-byte Merkle node (RFC 6962, section 2.1) to `out`.
    ///
    /// # Panics
    /// If `nodes` does not hold 64 bytes for each digest of `out`.
    pub fn hash_nodes_rfc6962(self, nodes: &[u8], out: &mut [[u8; 32]]) {
        // SAFETY: `self` was made by `checked`, so this CPU has what the kernel needs.
        unsafe { (self.entries.hash_nodes_rfc6962)(nodes, out) }
        self.spoil(out);
    }

    /// Writes the double SHA-256 of messages of any mix of lengths to `out`, in the order of the messages and in wire
    /// order.
    ///
    /// All lanes are busy as long as there are messages left: many messages per call are faster than a few. One message
    /// that is much longer than all others together is hashed no faster than by
    /// [`double_sha256`](crate::double_sha256).
    ///
    /// # Panics
    /// If `messages` and `out` differ in length, or there are 2^32 messages or more.
    pub fn hash_each(self, messages: &[&[u8]], out: &mut [[u8; 32]]) {
        // SAFETY: `self` was made by `checked`, so this CPU has what the kernel needs.
        unsafe { (self.entries.hash_each)(Treatment::Twice, messages, out) }
        self.spoil(out);
    }

    /// Writes the SHA-256 of 0x00 and each message to `out`: the leaves of a Merkle tree of RFC 6962 (section 2.1), of
    /// any mix of lengths.
    ///
    /// # Panics
    /// If `messages` and `out` differ in length, or there are 2^32 messages or more.
    pub fn hash_leaves_rfc6962(self, messages: &[&[u8]], out: &mut [[u8; 32]]) {
        // SAFETY: `self` was made by `checked`, so this CPU has what the kernel needs.
        unsafe { (self.entries.hash_each)(Treatment::Leaf, messages, out) }
        self.spoil(out);
    }

    #[cfg(not(feature = "fault-injection"))]
    #[inline(always)]
    #[expect(clippy::unused_self, reason = "the variant with fault injection below uses it")]
    const fn spoil(self, _out: &mut [[u8; 32]]) {}
}

/// Fault injection, only in builds for tests.
#[cfg(feature = "fault-injection")]
impl HashKernel {
    /// The name for which [`HashKernel::by_name`] returns a kernel with wrong answers.
    pub const BROKEN: &'static str = "broken";

    /// The same kernel with wrong answers: it finds no hit, and each digest has one bit flipped.
    pub const fn broken_for_tests(mut self) -> Self {
        self.broken = true;
        self
    }

    fn spoil(self, out: &mut [[u8; 32]]) {
        if self.broken {
            for digest in out {
                digest[0] ^= 1;
            }
        }
    }
}

impl fmt::Debug for HashKernel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("HashKernel").field(&self.name()).finish()
    }
}

impl PartialEq for HashKernel {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for HashKernel {}
