//! Chains under verification: the order of their tasks is kept, and unwanted ones are dropped.

use super::simulated::Segment;
use super::*;

fn segment(chain: usize, number: usize) -> Segment {
    Segment { chain, number, tenant: format!("tenant {chain}"), priority: 0, is_wanted: true }
}

/// Takes the next segment of a worker; returns it with its assignment's number.
fn take(play: &mut Play, worker: usize) -> (Seq, Arc<dyn ChainTask>) {
    let assignment = play.take(worker).unwrap();
    let Task::Headers(task) = assignment.task else { panic!("{assignment:?}") };
    (assignment.seq, task)
}

fn name(task: &Arc<dyn ChainTask>) -> String {
    format!("{task:?}")
}

#[test]
fn the_segments_of_each_chain_are_lent_in_their_order() {
    let mut play = Play::new();
    for number in 0..20 {
        (0..3).for_each(|chain| play.driver.add_headers(Arc::new(segment(chain, number))));
    }
    let mut next = [0; 3];
    for _ in 0..60 {
        let (seq, task) = take(&mut play, CPU);
        let chain = task.chain().0 as usize;
        assert_eq!(name(&task), format!("{:?}", segment(chain, next[chain])));
        next[chain] += 1;
        let cost = TaskCost { device: Duration::from_millis(1), total: Duration::from_millis(1) };
        play.driver.judged_headers(CPU, seq, task.count(), cost, play.now);
    }
    assert_eq!(next, [20; 3]);
}

#[test]
fn the_segments_of_a_lost_worker_are_lent_again_before_later_ones() {
    let mut play = Play::new();
    (0..4).for_each(|number| play.driver.add_headers(Arc::new(segment(0, number))));
    let (_, lost) = take(&mut play, GPU);
    play.driver.failed(GPU, &DeviceError::Lost { reason: "test".to_owned() }, play.now);
    let mut again = Vec::new();
    for _ in 0..4 {
        let (seq, task) = take(&mut play, CPU);
        again.push(name(&task));
        play.driver.judged_headers(CPU, seq, task.count(), TaskCost::default(), play.now);
    }
    assert_eq!(again[0], name(&lost));
    assert_eq!(again, (0..4).map(|number| format!("{:?}", segment(0, number))).collect::<Vec<_>>());
}

#[test]
fn segments_of_a_chain_with_a_final_verdict_are_dropped() {
    let mut play = Play::new();
    (0..4)
        .for_each(|number| play.driver.add_headers(Arc::new(Segment { is_wanted: number == 2, ..segment(0, number) })));
    assert_eq!(name(&take(&mut play, CPU).1), format!("{:?}", segment(0, 2)));
    assert!(play.take(CPU).is_none());
}
