//! Which variant of the shaders is fastest on a device: each is asked questions whose answers are known, then timed, within
//! bounds of time. A variant that answers wrongly does not win, however fast it is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_device::{Backend, Batch, DeviceInfo, NonceSpan, Report, SearchBatch, known_answers};
use cityseal_hash::Midstate;

use crate::backend::GpuBackend;
use crate::machine::Machine;
use crate::open::WORKGROUP;
use crate::shader::{Shader, Variant};

/// How long one variant is timed. With the four of them, and what compiling takes, opening stays within seconds.
const TIME_MAX: Duration = Duration::from_millis(200);

/// When no further variant is begun: a device that hangs shall not be waited for four times.
const CONTEST_MAX: Duration = Duration::from_secs(4);

/// How long one batch may take: software compiles while it runs its first.
const BATCH_MAX: Duration = Duration::from_secs(5);

/// A batch of this length is long enough to be compared.
const TAKES_AT_LEAST: Duration = Duration::from_millis(8);

/// Batches of that length that are compared; the fastest counts, since what else the machine does only slows it down.
const ROUNDS: u32 = 3;

/// Nonces of the first batch.
const FIRST_NONCES: u64 = 1 << 16;

/// What a variant must be faster by, in percent, to be preferred to the one that the driver's compiler suggests: less is
/// noise.
const FASTER_BY_PERCENT: f64 = 2.0;

/// The fastest variant on an opened device that gives right answers, with its rate in nonces per second; `suggested` where
/// none is faster, or none is right: then the device is told apart by whoever tests it next.
pub(crate) fn fastest(
    (device, queue): (&wgpu::Device, &wgpu::Queue),
    info: &DeviceInfo,
    suggested: Variant,
    dispatch_time: Duration,
) -> (Variant, Option<f64>) {
    let ends = Instant::now() + CONTEST_MAX;
    let in_time =
        |variant| if Instant::now() < ends { rate((device, queue), info, variant, dispatch_time) } else { None };
    let rates = Variant::ALL.map(|variant| (variant, in_time(variant)));
    let best = winner(suggested, &rates);
    (best, rates.iter().find(|(variant, _)| *variant == best).and_then(|(_, rate)| *rate))
}

fn rate(
    (device, queue): (&wgpu::Device, &wgpu::Queue),
    info: &DeviceInfo,
    variant: Variant,
    dispatch_time: Duration,
) -> Option<f64> {
    let shaders = [Shader::SearchOne];
    let machine = Machine::new(device.clone(), queue.clone(), (variant, &shaders), WORKGROUP, 1).ok()?;
    let mut backend = GpuBackend::new(info.clone(), machine, WORKGROUP, (dispatch_time, Arc::default()));
    answers_rightly(&mut backend).then(|| rate_of(&mut backend)).flatten()
}

fn winner(suggested: Variant, rates: &[(Variant, Option<f64>)]) -> Variant {
    let rate_of = |wanted: Variant| rates.iter().find(|(variant, _)| *variant == wanted).and_then(|(_, rate)| *rate);
    let right = rates.iter().filter_map(|(variant, rate)| rate.map(|rate| (*variant, rate)));
    let Some((best, rate)) = right.max_by(|(_, one), (_, other)| one.total_cmp(other)) else { return suggested };
    let must_beat = rate_of(suggested).map_or(0.0, |rate| rate * (1.0 + FASTER_BY_PERCENT / 100.0));
    if rate > must_beat { best } else { suggested }
}

/// Whether all questions about one midstate are answered rightly.
fn answers_rightly(backend: &mut dyn Backend) -> bool {
    let is_one = |batch: &Batch| matches!(batch, Batch::Search(search) if search.midstates().len() == 1);
    let cases = known_answers::cases(backend).into_iter().filter(|case| is_one(&case.batch));
    let mut asked = 0;
    let all_right = cases.inspect(|_| asked += 1).all(|case| {
        let answer = ask(backend, case.batch.clone());
        answer.is_some_and(|(report, _)| case.is_answered_by(&report))
    });
    all_right && asked > 0
}

/// Nonces a second; `None` where the device failed or one batch took too long.
fn rate_of(backend: &mut dyn Backend) -> Option<f64> {
    let began = Instant::now();
    let nonces_max = backend.info().limits.search_nonces_max;
    let (mut nonces, mut rounds, mut best) = (FIRST_NONCES, 0, 0.0_f64);
    while rounds < ROUNDS {
        let (_, took) = ask(backend, search(nonces))?;
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

/// A search that finds nothing, or next to nothing.
fn search(nonces: u64) -> Batch {
    let last = u32::try_from(nonces - 1).unwrap_or(u32::MAX);
    let range = NonceSpan::new(0, last).expect("a range from zero goes up");
    Batch::Search(SearchBatch::new(vec![Midstate([0x5eed; 8])], [7; 12], range, 0, 64))
}

fn ask(backend: &mut dyn Backend, batch: Batch) -> Option<(Report, Duration)> {
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
    fn the_fastest_wins_if_it_is_faster_than_noise() {
        let rates = |other: f64| [(CONSTANT, Some(100.0)), (LOADED, Some(other)), (LOADED_OR, Some(90.0))];
        assert_eq!(winner(CONSTANT, &rates(101.9)), CONSTANT);
        assert_eq!(winner(CONSTANT, &rates(102.1)), LOADED);
        assert_eq!(winner(LOADED, &rates(101.9)), LOADED);
    }

    #[test]
    fn a_variant_that_is_wrong_does_not_win_and_where_all_are_the_suggested_one_stays() {
        assert_eq!(winner(CONSTANT, &[(CONSTANT, None), (CONSTANT_OR, Some(1.0))]), CONSTANT_OR);
        assert_eq!(winner(LOADED_OR, &[(CONSTANT, None), (LOADED_OR, None)]), LOADED_OR);
    }

    #[test]
    fn an_honest_device_is_right_and_has_a_rate_and_a_liar_is_wrong() {
        let mut honest = CpuBackend::new(HashKernel::portable());
        assert!(answers_rightly(&mut honest));
        assert!(rate_of(&mut honest).is_some_and(|rate| rate > 0.0));
        for behaviour in [Behaviour::MissedHits, Behaviour::FalseHits, Behaviour::Zeros, Behaviour::Lost] {
            let mut liar = FakeOpener::new("liar").from_batch(2, behaviour).open().unwrap();
            assert!(!answers_rightly(liar.as_mut()), "{behaviour:?}");
        }
    }
}
