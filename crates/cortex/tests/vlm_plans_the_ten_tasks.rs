//! A model that answers well is believed: all wordings of the ten long tasks pass validator and trust gate at once.

mod ten_tasks;
mod wire;

use neuraxis_cortex::{Planner, SymbolicPlanner, VlmConfig, trust::Judgement};
use ten_tasks::TASKS;
use wire::{Act, Server, config, planner, request, watched};

#[test]
fn good_answers_to_all_wordings_are_accepted() {
    watched(|| {
        let all = TASKS.iter().flat_map(|task| task.say.map(|say| (task, say)));
        let plans: Vec<_> = all
            .map(|(task, say)| {
                let scene = task.scene();
                let plan = SymbolicPlanner.plan(&request(&scene, say)).unwrap().plan;
                (scene, say, plan)
            })
            .collect();
        let server = Server::new(plans.iter().map(|(_, _, plan)| Act::plan(plan)));
        let mut planner = planner(VlmConfig { calls_per_task: 1, ..config(&server) });
        for (scene, say, plan) in &plans {
            planner.client().begin_task();
            assert_eq!(&planner.plan(&request(scene, say)).unwrap().plan, plan, "{say}");
            let verdict = planner.last().unwrap().verdict.clone().unwrap();
            assert_eq!(verdict.judgement, Judgement::Accept, "{say}: {verdict:?}");
        }
        assert_eq!((server.asked().len(), planner.gate().accepted()), (40, 40));
    });
}
