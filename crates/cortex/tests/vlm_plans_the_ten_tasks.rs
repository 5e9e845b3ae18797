//! A model that answers well is believed: all wordings of the ten long tasks pass validator and trust gate at once.

mod ten_tasks;
mod wire;

use neuraxis_cortex::{Planner, SymbolicPlanner, VlmConfig, trust::Judgement};
use neuraxis_plan::{Limits, NodeKind, Validator, effects};
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

#[test]
fn a_sentence_means_what_it_meant_when_it_was_said_to_the_model_too() {
    watched(|| {
        let task = TASKS.iter().find(|task| task.say[0].starts_with("swap")).unwrap();
        let (said, scene) = (task.say[0], task.scene());
        let first = SymbolicPlanner.plan(&request(&scene, said)).unwrap().plan;
        let first = Validator::new(&scene, &Limits::default()).check(&first).unwrap();
        // The first block lies on the table by now, and not on its plate: to swap would mean something else.
        let mut later = scene.clone();
        for node in first.nodes().iter().filter(|node| matches!(node.kind, NodeKind::Skill(_))).take(2) {
            let NodeKind::Skill(step) = &node.kind else { continue };
            let state = effects(&scene, step).unwrap().success(later.state());
            later.set_state(state).unwrap();
        }
        let right = SymbolicPlanner.plan_on(&request(&later, said), &scene).unwrap().plan;
        let server = Server::new([Act::plan(&right)]);
        let mut planner = planner(config(&server));
        assert_eq!(planner.plan_on(&request(&later, said), &scene).unwrap().plan, right);
        let told = server.asked()[0].last_words();
        let (_, goal) = told.split_once("goal:\n<data>").unwrap();
        let (goal, _) = goal.split_once("</data>").unwrap();
        assert!(task.facts.iter().all(|fact| goal.contains(*fact)), "{goal}");
    });
}
