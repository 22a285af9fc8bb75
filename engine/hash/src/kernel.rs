//! The kernels as values. CPU features and the known answer are checked once, when a kernel is made; its calls only
//! jump to the entry function.

use core::fmt;

use crate::messages::Treatment;
use crate::{Features, HitBuffer, KernelName, SearchInput, portable};

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

// The unit tests of this crate do without the kernels of x86: `tests/` compares them with their references, and a
// second optimised copy of them takes more than a minute to compile.
static PORTABLE: Entries = entries_of!(portable);
#[cfg(all(target_arch = "x86_64", not(test)))]
static SHA_NI: Entries = entries_of!(crate::x86::sha_ni);
#[cfg(all(target_arch = "x86_64", not(test)))]
static AVX2: Entries = entries_of!(crate::x86::avx2);
#[cfg(all(target_arch = "x86_64", not(test)))]
static AVX512: Entries = entries_of!(crate::x86::avx512);

/// The entries of a kernel that this CPU can run.
fn entries(name: KernelName) -> Option<&'static Entries> {
    if !Features::of_this_cpu().allow(name) {
        return None;
    }
    match name {
        KernelName::Portable => Some(&PORTABLE),
        #[cfg(all(target_arch = "x86_64", not(test)))]
        KernelName::ShaNi => Some(&SHA_NI),
        #[cfg(all(target_arch = "x86_64", not(test)))]
        KernelName::Avx2 => Some(&AVX2),
        #[cfg(all(target_arch = "x86_64", not(test)))]
        KernelName::Avx512 => Some(&AVX512),
        #[cfg(any(not(target_arch = "x86_64"), test))]
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
    /// The kernel before its known-answer test; `None` if this CPU cannot run it.
    pub(crate) fn untested(name: KernelName) -> Option<Self> {
        Some(Self {
            name,
            entries: entries(name)?,
            #[cfg(feature = "fault-injection")]
            broken: false,
        })
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
        // SAFETY: `self` was made by `untested`, so this CPU has what the kernel needs.
        unsafe { (self.entries.scan)(input, first, last, hits) }
    }

    /// Writes the double SHA-256 of packed 80-byte headers to `out`, in wire order.
    ///
    /// # Panics
    /// If `headers` does not hold 80 bytes for each digest of `out`.
    pub fn hash_headers(self, headers: &[u8], out: &mut [[u8; 32]]) {
        // SAFETY: `self` was made by `untested`, so this CPU has what the kernel needs.
        unsafe { (self.entries.hash_headers)(headers, out) }
        self.spoil(out);
    }

    /// Writes the double SHA-256 of packed 64-byte Merkle nodes (Bitcoin's tree) to `out`, in wire order.
    ///
    /// # Panics
    /// If `nodes` does not hold 64 bytes for each digest of `out`.
    pub fn hash_nodes(self, nodes: &[u8], out: &mut [[u8; 32]]) {
        // SAFETY: `self` was made by `untested`, so this CPU has what the kernel needs.
        unsafe { (self.entries.hash_nodes)(nodes, out) }
        self.spoil(out);
    }

    /// Writes the SHA-256 of 0x01 and each packed 64-byte Merkle node (RFC 6962, section 2.1) to `out`.
    ///
    /// # Panics
    /// If `nodes` does not hold 64 bytes for each digest of `out`.
    pub fn hash_nodes_rfc6962(self, nodes: &[u8], out: &mut [[u8; 32]]) {
        // SAFETY: `self` was made by `untested`, so this CPU has what the kernel needs.
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
        // SAFETY: `self` was made by `untested`, so this CPU has what the kernel needs.
        unsafe { (self.entries.hash_each)(Treatment::Twice, messages, out) }
        self.spoil(out);
    }

    /// Writes the SHA-256 of 0x00 and each message to `out`: the leaves of a Merkle tree of RFC 6962 (section 2.1), of
    /// any mix of lengths.
    ///
    /// # Panics
    /// If `messages` and `out` differ in length, or there are 2^32 messages or more.
    pub fn hash_leaves_rfc6962(self, messages: &[&[u8]], out: &mut [[u8; 32]]) {
        // SAFETY: `self` was made by `untested`, so this CPU has what the kernel needs.
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
