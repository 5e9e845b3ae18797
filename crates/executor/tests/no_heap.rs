//! Ticks neither allocate nor free, from Rust or from C, through every fault and recovery; nor do plans that are taken over.

#[path = "../../brainstem/tests/heap/mod.rs"]
mod heap;
#[path = "../../cortex/tests/ten_tasks/mod.rs"]
mod ten_tasks;
mod world;

use neuraxis_executor::{Answer, Event, Events, ExecutorConfig, Outcome, Program, Thresholds};
use neuraxis_plan::Skill;
use ten_tasks::TASKS;
use world::{Bench, Fault, checked};

#[test]
fn whole_plans_with_faults_do_not_touch_the_heap() {
    heap::check_that_it_counts();
    let scene = TASKS[0].scene();
    let plan = checked(&scene, include_str!("../../plan/tests/plans/every_kind.json"));
    let faults =
        [None, Some(Fault::Fails), Some(Fault::Silent), Some(Fault::Late), Some(Fault::Drops), Some(Fault::Hangs)];
    let mut ticks = 0;
    for fault in faults {
        let config = ExecutorConfig { foresight_secs: 0.3, ..ExecutorConfig::default() };
        let mut bench = Bench::new(&scene, config, Thresholds::default());
        if let Some(fault) = fault {
            bench.world().cues.extend(Skill::ALL.into_iter().flat_map(|skill| [(skill, 0, fault), (skill, 2, fault)]));
        }
        let mut next = vec![Program::compile(&plan, &scene).unwrap(), Program::compile(&plan, &scene).unwrap()];
        let mut slots = [Event::NONE; 16];
        let mut old = Vec::with_capacity(4);
        let begin = heap::calls();
        let epoch = bench.executor.epoch();
        let first = next.pop().unwrap();
        old.push(bench.executor.begin(bench.now, epoch, first, &mut Events::new(&mut slots)).unwrap_or_else(Some));
        for _ in 0..40_000 {
            let tick = bench.tick_and(false);
            if let Some(request) = tick.request {
                let answer = Answer { id: request.id, epoch: request.epoch, program: next.pop() };
                old.push(bench.executor.answer(bench.now, answer, &mut Events::new(&mut slots)));
            }
            ticks += 1;
            if tick.outcome != Outcome::Running {
                break;
            }
        }
        assert_eq!(heap::calls() - begin, 0, "{fault:?}");
    }
    assert!(ticks > 10_000, "{ticks}");
}
