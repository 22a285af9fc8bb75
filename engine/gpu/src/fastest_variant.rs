//! Finds the fastest variant of the shaders on a device: each variant must pass known-answer tests and is then timed,
//! within time limits. A variant with a wrong answer is never chosen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_device::{Backend, Batch, DeviceInfo, NonceSpan, Report, SearchBatch, known_answers};
use cityseal_hash::Midstate;

use crate::backend::GpuBackend;
use crate::machine::{Machine, WORKGROUP};
use crate::shader::{Shader, Variant};

/// How long one variant is timed. With four variants and compilation, opening stays within seconds.
const TIME_MAX: Duration = Duration::from_millis(200);

/// After this time no further variant is tried, so that a hung device is not waited for four times.
const TOTAL_MAX: Duration = Duration::from_secs(4);

/// How long one batch may take. Software adapters compile while they run their first.
const BATCH_MAX: Duration = Duration::from_secs(5);

/// Batches of at least this duration are compared.
const TAKES_AT_LEAST: Duration = Duration::from_millis(8);

/// Number of such batches; the fastest counts, since other load on the machine can only slow a batch down.
const ROUNDS: u32 = 3;

/// Nonces of the first batch.
const FIRST_NONCES: u64 = 1 << 16;

/// How much faster a variant must be, in percent, to be preferred to the suggested one. Smaller differences are noise.
const FASTER_BY_PERCENT: f64 = 2.0;

/// Returns the fastest correct variant on an opened device, with its rate in nonces per second. Returns `suggested` if
/// no variant is faster, or none is correct: the device then fails its self-test.
pub(crate) fn fastest(
    (device, queue): (&wgpu::Device, &wgpu::Queue),
    info: &DeviceInfo,
    suggested: Variant,
    dispatch_time: Duration,
) -> (Variant, Option<f64>) {
    let ends = Instant::now() + TOTAL_MAX;
    let in_time = |variant| {
        if Instant::now() < ends { test_and_measure((device, queue), info, variant, dispatch_time) } else { None }
    };
    let rates = Variant::ALL.map(|variant| (variant, in_time(variant)));
    let best = choose(suggested, &rates);
    (best, rates.iter().find(|(variant, _)| *variant == best).and_then(|(_, rate)| *rate))
}

fn test_and_measure(
    (device, queue): (&wgpu::Device, &wgpu::Queue),
    info: &DeviceInfo,
    variant: Variant,
    dispatch_time: Duration,
) -> Option<f64> {
    let shaders = [Shader::SearchOne];
    let machine = Machine::new(device.clone(), queue.clone(), (variant, &shaders), WORKGROUP, 1).ok()?;
    let mut backend = GpuBackend::new(info.clone(), machine, WORKGROUP, (dispatch_time, Arc::default()));
    passes_known_answers(&mut backend).then(|| measure_rate(&mut backend)).flatten()
}

fn choose(suggested: Variant, rates: &[(Variant, Option<f64>)]) -> Variant {
    let rate_of = |wanted: Variant| rates.iter().find(|(variant, _)| *variant == wanted).and_then(|(_, rate)| *rate);
    let right = rates.iter().filter_map(|(variant, rate)| rate.map(|rate| (*variant, rate)));
    let Some((best, rate)) = right.max_by(|(_, one), (_, other)| one.total_cmp(other)) else { return suggested };
    let must_beat = rate_of(suggested).map_or(0.0, |rate| rate * (1.0 + FASTER_BY_PERCENT / 100.0));
    if rate > must_beat { best } else { suggested }
}

/// Whether the device passes all known-answer tests with one midstate.
fn passes_known_answers(backend: &mut dyn Backend) -> bool {
    let is_one = |batch: &Batch| matches!(batch, Batch::Search(search) if search.midstates().len() == 1);
    let cases = known_answers::cases(backend).into_iter().filter(|case| is_one(&case.batch));
    let mut tested = 0;
    let all_right = cases.inspect(|_| tested += 1).all(|case| {
        let answer = run(backend, case.batch.clone());
        answer.is_some_and(|(report, _)| case.is_answered_by(&report))
    });
    all_right && tested > 0
}

/// Measures the rate in nonces per second; `None` if the device failed or a batch took too long.
fn measure_rate(backend: &mut dyn Backend) -> Option<f64> {
    let began = Instant::now();
    let nonces_max = backend.info().limits.search_nonces_max;
    let (mut nonces, mut rounds, mut best) = (FIRST_NONCES, 0, 0.0_f64);
    while rounds < ROUNDS {
        let (_, took) = run(backend, search(nonces))?;
        best = best.max(nonces as f64 / took.as_secs_f64());
        if took >= TAKES_AT_LEAST || 2 * nonces > nonces_max {
            rounds += 1;
        } else {
            nonces *= 2;
        }
        if began.elapsed() >= TIME_MAX {
            break;
        }
    }
    Some(best)
}

/// A search with almost no hits.
fn search(nonces: u64) -> Batch {
    let last = u32::try_from(nonces - 1).unwrap_or(u32::MAX);
    let range = NonceSpan::new(0, last).expect("a range from zero goes up");
    Batch::Search(SearchBatch::new(vec![Midstate([0x5eed; 8])], [7; 12], range, 0, 64))
}

fn run(backend: &mut dyn Backend, batch: Batch) -> Option<(Report, Duration)> {
    let ticket = backend.submit(batch).ok()?;
    let done = backend.collect(BATCH_MAX).ok()??;
    (done.ticket == ticket).then_some((done.report, done.busy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cityseal_device::fake::{Behaviour, FakeOpener};
    use cityseal_device::{CpuBackend, Opener};
    use cityseal_hash::HashKernel;

    const CONSTANT: Variant = Variant::ALL[0];
    const CONSTANT_OR: Variant = Variant::ALL[1];
    const LOADED: Variant = Variant::ALL[2];
    const LOADED_OR: Variant = Variant::ALL[3];

    #[test]
    fn the_fastest_variant_is_chosen_if_the_difference_is_above_noise() {
        let rates = |other: f64| [(CONSTANT, Some(100.0)), (LOADED, Some(other)), (LOADED_OR, Some(90.0))];
        assert_eq!(choose(CONSTANT, &rates(101.9)), CONSTANT);
        assert_eq!(choose(CONSTANT, &rates(102.1)), LOADED);
        assert_eq!(choose(LOADED, &rates(101.9)), LOADED);
    }

    #[test]
    fn a_wrong_variant_is_never_chosen_and_if_all_are_wrong_the_suggested_one_stays() {
        assert_eq!(choose(CONSTANT, &[(CONSTANT, None), (CONSTANT_OR, Some(1.0))]), CONSTANT_OR);
        assert_eq!(choose(LOADED_OR, &[(CONSTANT, None), (LOADED_OR, None)]), LOADED_OR);
    }

    #[test]
    fn a_correct_device_has_a_rate_and_a_faulty_one_fails_its_tests() {
        let mut correct = CpuBackend::new(HashKernel::portable());
        assert!(passes_known_answers(&mut correct));
        assert!(measure_rate(&mut correct).is_some_and(|rate| rate > 0.0));
        for behaviour in [Behaviour::MissedHits, Behaviour::FalseHits, Behaviour::Zeros, Behaviour::Lost] {
            let mut faulty = FakeOpener::new("faulty").from_batch(2, behaviour).open().unwrap();
            assert!(!passes_known_answers(faulty.as_mut()), "{behaviour:?}");
        }
    }
}
