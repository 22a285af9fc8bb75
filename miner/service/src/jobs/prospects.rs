//! Whether a submission has a chance: a GPU if its tenant needs one, and the probability of a seal in time.

use cityseal_engine::{Engine, JobHandle, SealJob};

use crate::refusal::Refusal;
use crate::terms::{Terms, WhenNoGpu};

/// The prospects of a job at its submission.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prospects {
    /// The probability of a seal before its deadline; `None` if a rate is not known yet.
    pub(super) probability: Option<f64>,
    has_gpu: bool,
}

impl Prospects {
    /// Looks at the engine, and waits for it. `replaced`: the job that this one supersedes, if that runs.
    pub(super) fn of(engine: &Engine, job: &SealJob, replaced: Option<&JobHandle>) -> Self {
        Self { probability: engine.probability_by_deadline(job, replaced), has_gpu: engine.has_usable_gpu() }
    }

    /// Checks the prospects against the terms of the caller. What is not known is no reason to refuse.
    ///
    /// # Errors
    /// Returns [`Refusal::NoGpu`] or [`Refusal::Infeasible`].
    pub(super) fn check(&self, terms: &Terms) -> Result<(), Refusal> {
        if terms.when_no_gpu == WhenNoGpu::Fail && !self.has_gpu {
            return Err(Refusal::NoGpu);
        }
        match self.probability {
            Some(predicted) if predicted < terms.refuse_below => {
                Err(Refusal::Infeasible { predicted, wanted: terms.refuse_below })
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_below_the_wanted_one_is_refused_and_an_unknown_one_is_not() {
        let check = |probability, refuse_below| {
            let terms = Terms { refuse_below, ..Terms::default() };
            Prospects { probability, has_gpu: false }.check(&terms)
        };
        assert_eq!(check(Some(0.2), 0.2), Ok(()));
        assert_eq!(check(Some(0.19), 0.2), Err(Refusal::Infeasible { predicted: 0.19, wanted: 0.2 }));
        assert_eq!(check(Some(0.0), 0.0), Ok(()), "nothing is wanted");
        assert_eq!(check(None, 1.0), Ok(()));
    }

    #[test]
    fn only_a_tenant_whose_jobs_must_not_wait_is_refused_without_a_gpu() {
        for (when_no_gpu, has_gpu, expected) in [
            (WhenNoGpu::Cpu, false, Ok(())),
            (WhenNoGpu::Wait, false, Ok(())),
            (WhenNoGpu::Fail, false, Err(Refusal::NoGpu)),
            (WhenNoGpu::Fail, true, Ok(())),
        ] {
            let terms = Terms { when_no_gpu, ..Terms::default() };
            assert_eq!(Prospects { probability: None, has_gpu }.check(&terms), expected, "{when_no_gpu:?}");
        }
    }
}
