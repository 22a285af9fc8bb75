//! Judges a group of blocks with known hashes and roots: headers first, then the bodies of the headers that passed.

use cityseal_chain::body::{BodyContext, BodyJudgement, BodyRoots, BrokenBody, judge_body};
use cityseal_chain::{Bodies, Fault, History, NotChecked, Parameters, Summary, judge};
use cityseal_device::TreeRoot;
use cityseal_hash::HEADER_LEN;

use super::super::segment::Place;
use super::super::stages::StageName;
use super::super::stream::Stream;
use super::prepare::{Body, Prepared, Witness};

/// The first body that breaks a rule: its index in the group, and the rule.
type FirstBroken = (usize, BrokenBody);

impl Prepared {
    /// The summary of the group.
    pub(super) fn judge(&self, stream: &Stream, place: &Place, roots: &[TreeRoot]) -> Summary {
        stream.stages.time(StageName::Rules, || {
            let mut summary = self.summary(stream.parameters(), stream.now(), place, roots);
            stream.commit(&mut summary, &self.hashes, Some(&|index| self.content(index, roots)));
            summary
        })
    }

    fn summary(&self, parameters: &Parameters, now: u64, place: &Place, roots: &[TreeRoot]) -> Summary {
        let of_headers = self.headers_until(parameters, now, place, self.hashes.len());
        let passed = of_headers.count as usize;
        let (left, broken) = self.judge_bodies(parameters, &place.before, passed, roots);
        let mut summary = match &broken {
            // Headers from the broken body on do not count, but rules left out for its own header were left out.
            Some((index, _)) => Summary {
                not_checked: self.headers_until(parameters, now, place, index + 1).not_checked,
                ..self.headers_until(parameters, now, place, *index)
            },
            None => of_headers,
        };
        if let Some((index, broken)) = broken {
            let BrokenBody { rule, expected, found, transaction } = broken;
            let (height, offset) = (place.before.next_height() + index as u64, self.batch.blocks[index].offset);
            summary.fault = Some(Fault { height, rule, expected, found, offset, transaction });
        }
        summary.add_not_checked(left);
        summary.bodies = self.bodies_of(summary.count as usize);
        summary
    }

    /// The summary of the first `count` headers.
    fn headers_until(&self, parameters: &Parameters, now: u64, place: &Place, count: usize) -> Summary {
        let headers = &self.headers[..count * HEADER_LEN];
        let mut summary = judge(parameters, &place.before, headers, &self.hashes[..count], now, place.offset);
        if let Some(fault) = &mut summary.fault {
            fault.offset = self.batch.blocks[summary.count as usize].offset;
        }
        summary
    }

    /// The rules left out in the first `count` bodies, up to the first body that breaks a rule, and that body.
    fn judge_bodies(
        &self,
        parameters: &Parameters,
        before: &History,
        count: usize,
        roots: &[TreeRoot],
    ) -> (Vec<NotChecked>, Option<FirstBroken>) {
        let mut history = *before;
        let mut left = Vec::new();
        for index in 0..count {
            let context = BodyContext { height: history.next_height(), median_time: history.median_time() };
            let judgement = self.judge_body(parameters, &context, index, roots);
            let from = context.height;
            left.extend(judgement.not_checked.iter().map(|(rule, why)| NotChecked {
                rule: rule.code(),
                from,
                to: from,
                why: *why,
            }));
            if let Some(broken) = judgement.broken {
                return (left, Some((index, broken)));
            }
            history.advance(parameters, &self.headers[index * HEADER_LEN..(index + 1) * HEADER_LEN]);
        }
        (left, None)
    }

    fn judge_body(
        &self,
        parameters: &Parameters,
        context: &BodyContext,
        index: usize,
        roots: &[TreeRoot],
    ) -> BodyJudgement {
        let body = &self.bodies[index];
        match &body.parsed {
            Ok(parsed) => judge_body(parameters, context, self.block(index), parsed, &body.roots(roots)),
            Err(fault) => BodyJudgement::from(*fault),
        }
    }

    fn bodies_of(&self, count: usize) -> Bodies {
        let transactions = |body: &Body| body.parsed.as_ref().map_or(0, |parsed| parsed.transactions().len() as u64);
        Bodies {
            blocks: count as u64,
            transactions: self.bodies[..count].iter().map(transactions).sum(),
            bytes: self.batch.blocks[..count].iter().map(|span| (span.end - span.start) as u64).sum(),
        }
    }
}

impl Body {
    /// The roots of this body, out of those of all trees.
    pub(super) fn roots(&self, roots: &[TreeRoot]) -> BodyRoots {
        let merkle = self.merkle.map(|tree| roots[tree]).unwrap_or_default();
        let witness = match self.witness {
            Witness::Unwanted => None,
            Witness::Tree(tree) => Some(roots[tree].root),
            Witness::Root(root) => Some(root),
        };
        BodyRoots { merkle: merkle.root, mutated: merkle.mutated, witness }
    }
}
