//! Measures every kernel on one thread, and a plain `sha2` loop over the same input as the baseline. Each answer is
//! compared with that of the plain loop before anything is timed.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot unwrap fails")]

use std::hint::black_box;

use cityseal_hash::{HEADER_LEN, HashKernel, HitBuffer, Midstate, NODE_LEN, SearchInput, baseline};
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};

/// Nonces in one search, over all its midstates together.
const NONCES: u32 = 1 << 16;
/// Messages in one bulk run: 1.3 MB of headers, beyond the inner caches.
const MESSAGES: usize = 1 << 14;
/// About 64 hits in a search, so that an empty answer is wrong.
const TOP_WORD_MAX: u32 = u32::MAX >> 10;

const HEADER76: [u8; 76] = [0x37; 76];

fn midstates(count: usize) -> Vec<Midstate> {
    let block = |i: usize| core::array::from_fn(|at| if at == 0 { HEADER76[0] ^ i as u8 } else { HEADER76[at] });
    (0..count).map(|i| Midstate::of(&block(i))).collect()
}

fn scan(kernel: HashKernel, midstates: &[Midstate]) -> HitBuffer {
    let input = SearchInput { midstates, tail: HEADER76[64..].try_into().unwrap(), top_word_max: TOP_WORD_MAX };
    let mut hits = HitBuffer::new(4_096);
    kernel.scan(&input, 0, NONCES / midstates.len() as u32 - 1, &mut hits);
    hits
}

fn plain_scan(nonces: u32) -> HitBuffer {
    let mut hits = HitBuffer::new(4_096);
    baseline::sha2_whole_header_scan(&HEADER76, 0, nonces - 1, TOP_WORD_MAX, &mut hits);
    hits
}

/// Asserts that the hits of the first midstate are those of the plain loop over whole headers.
fn assert_hits(kernel: HashKernel, midstates: &[Midstate]) {
    let hits: Vec<_> = scan(kernel, midstates).into_sorted().into_iter().filter(|hit| hit.midstate == 0).collect();
    assert!(!hits.is_empty());
    assert_eq!(hits, plain_scan(NONCES / midstates.len() as u32).into_sorted(), "{kernel:?}");
}

fn search(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("search");
    group.throughput(Throughput::Elements(u64::from(NONCES)));
    group.bench_function("sha2_whole_header", |bencher| bencher.iter(|| plain_scan(black_box(NONCES))));
    for kernel in HashKernel::all_available() {
        for count in [1, 2, 4, 8] {
            let midstates = midstates(count);
            assert_hits(kernel, &midstates);
            let name = format!("{}/{count}_midstates", kernel.name());
            group.bench_function(name, |bencher| bencher.iter(|| scan(kernel, black_box(&midstates))));
        }
    }
    group.finish();
}

type Hash<'a> = &'a dyn Fn(&[u8], &mut [[u8; 32]]);

fn messages(len: usize) -> Vec<u8> {
    (0..len * MESSAGES).map(|i| (i as u8).wrapping_mul(97) ^ (i >> 8) as u8).collect()
}

fn digests(hash: Hash<'_>, rows: &[u8]) -> Vec<[u8; 32]> {
    let mut digests = vec![[0; 32]; MESSAGES];
    hash(rows, &mut digests);
    digests
}

fn time(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, hash: Hash<'_>, rows: &[u8]) {
    let mut digests = vec![[0; 32]; MESSAGES];
    group.bench_function(name, |bencher| bencher.iter(|| hash(black_box(rows), &mut digests)));
}

fn bulk(
    criterion: &mut Criterion,
    name: &str,
    rows: &[u8],
    plain: Hash<'_>,
    hash: fn(HashKernel, &[u8], &mut [[u8; 32]]),
) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(MESSAGES as u64));
    let expected = digests(plain, rows);
    time(&mut group, "sha2", plain, rows);
    for kernel in HashKernel::all_available() {
        let fast: Hash<'_> = &|rows, out| hash(kernel, rows, out);
        assert!(digests(fast, rows) == expected, "{kernel:?} gives wrong digests");
        time(&mut group, kernel.name(), fast, rows);
    }
    group.finish();
}

fn headers(criterion: &mut Criterion) {
    bulk(criterion, "headers", &messages(HEADER_LEN), &baseline::sha2_headers, HashKernel::hash_headers);
}

fn nodes(criterion: &mut Criterion) {
    let rows = messages(NODE_LEN);
    bulk(criterion, "nodes", &rows, &baseline::sha2_nodes, HashKernel::hash_nodes);
    bulk(criterion, "nodes_rfc6962", &rows, &baseline::sha2_nodes_rfc6962, HashKernel::hash_nodes_rfc6962);
}

/// Random lengths with the distribution of transactions: most have a few blocks, a few have many.
fn mixed_lengths(count: usize) -> Vec<usize> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |range: core::ops::Range<usize>| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        range.start + (state >> 16) as usize % range.len()
    };
    (0..count)
        .map(|_| match next(0..100) {
            0..60 => next(220..261),
            60..90 => next(300..601),
            90..99 => next(1_000..4_001),
            _ => next(20_000..60_001),
        })
        .collect()
}

/// Concatenated messages, and the end of each.
fn mixed_messages(lengths: &[usize]) -> (Vec<u8>, Vec<usize>) {
    let ends: Vec<usize> = lengths
        .iter()
        .scan(0, |end, len| {
            *end += len;
            Some(*end)
        })
        .collect();
    (messages(lengths.iter().sum::<usize>().div_ceil(MESSAGES)), ends)
}

fn time_each(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, lengths: &[usize]) {
    let (bytes, ends) = mixed_messages(lengths);
    let messages: Vec<&[u8]> = lengths.iter().zip(&ends).map(|(len, end)| &bytes[end - len..*end]).collect();
    group.throughput(Throughput::Bytes(lengths.iter().sum::<usize>() as u64));
    let mut out = vec![[0; 32]; messages.len()];
    baseline::sha2_messages(&messages, &mut out);
    let expected = out.clone();
    group.bench_function(format!("{name}/sha2"), |bencher| {
        bencher.iter(|| baseline::sha2_messages(black_box(&messages), &mut out));
    });
    for kernel in HashKernel::all_available() {
        kernel.hash_each(&messages, &mut out);
        assert!(out == expected, "{kernel:?} gives wrong digests");
        group.bench_function(format!("{name}/{}", kernel.name()), |bencher| {
            bencher.iter(|| kernel.hash_each(black_box(&messages), &mut out));
        });
    }
}

fn each(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("each");
    time_each(&mut group, "mixed", &mixed_lengths(4_000));
    time_each(&mut group, "250_bytes", &vec![250; 4_000]);
    time_each(&mut group, "one_long", &[&[400_000][..], &vec![250; 400]].concat());
    group.finish();
}

criterion_group!(benches, search, headers, nodes, each);
criterion_main!(benches);
