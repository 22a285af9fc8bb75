//! The formats of receipts, and their maximum size.

/// The name and version of the format in which receipts are written.
pub const FORMAT: &str = "cityseal-receipt-2";

/// The first format, which is still accepted; it has no [`StatementParts::rules`](crate::StatementParts::rules).
pub const FORMAT_WITHOUT_RULES: &str = "cityseal-receipt-1";

/// Maximum size of a receipt in bytes. A row has at most two texts of 256 bytes and 90 bytes of names and numbers. Two
/// lists of such rows and two of single words have 1,024 × (2 × 600 + 2 × 260) bytes, once as fields and once as text,
/// and twice that if every character is escaped: 7 MB. A typical receipt has 20 KiB.
pub const RECEIPT_BYTES_MAX: usize = 8 * 1024 * 1024;
