//! Which plans and answers are taken, and how long they may go on: budgets, epochs, deadlines, clocks.

mod swap;
#[path = "../../cortex/tests/ten_tasks/mod.rs"]
mod ten_tasks;
mod world;

use neuraxis_core::Nanos;
use neuraxis_executor::{
    Answer, Ask, Budget, Budgets, Events, ExecutorConfig, ExecutorError, Outcome, Program, Reason, Thresholds, What,
};
use neuraxis_plan::{Scene, Skill};
use swap::{begun, levels, planned, reasons, scene, until_started};
use ten_tasks::TASKS;
use world::{Bench, Fault};

#[test]
fn budgets_of_levels_of_all_and_of_the_task_are_kept() {
    let none = Budget { count: 0, secs: 100.0 };
    let ends = |budgets: Budgets, fault: Fault| {
        let (mut bench, _) = begun(ExecutorConfig { budgets, ..ExecutorConfig::default() });
        bench.world().always = Some(fault);
        let begin = bench.now;
        let outcome = bench.run(300.0);
        (levels(&bench), outcome, bench.now.secs_since(begin), bench)
    };
    let (levels, _, _, bench) = ends(Budgets { retry: none, recall: none, ..Default::default() }, Fault::Fails);
    assert_eq!(levels, [5, 6]);
    assert_eq!(bench.count(|what| matches!(what, What::Passed(2 | 4))), 2);
    let (levels, ..) = ends(Budgets { recoveries: 1, ..Default::default() }, Fault::Fails);
    assert_eq!(levels, [2, 6]);
    // The third try takes more time than retries have.
    let retry = Budget { count: 9, secs: 40.0 };
    let (levels, _, _, bench) = ends(Budgets { retry, ..Default::default() }, Fault::Hangs);
    assert!(reasons(&bench).contains(&Reason::Budget(2)), "{levels:?} {:?}", reasons(&bench));
    assert!((bench.debrief().spent[2].secs - 40.0).abs() < 0.1);
    let (_, outcome, secs, bench) = ends(Budgets { task_secs: 50.0, ..Default::default() }, Fault::Hangs);
    assert_eq!(outcome, Outcome::Yielded(Reason::Budget(0)));
    assert!((50.0..50.1).contains(&secs) && bench.debrief().outcome == outcome);
}

#[test]
fn a_new_plan_that_answers_the_question_goes_on_and_late_ones_are_dropped_and_counted() {
    let (mut bench, plan) = begun(ExecutorConfig::default());
    bench.world().cues.extend([0, 1, 2].map(|nth| (Skill::Grasp, nth, Fault::Fails)));
    let mut slots = [neuraxis_executor::Event::NONE; 8];
    let mut asked = Vec::new();
    let request = loop {
        let Some(request) = bench.tick().request else { continue };
        if asked.last() != Some(&request) {
            asked.push(request);
        }
        if request.ask == Ask::Replan {
            break request;
        }
    };
    assert_eq!(asked.iter().map(|request| request.ask).collect::<Vec<_>>(), [Ask::Recall, Ask::Replan]);
    let program = |bench: &Bench| {
        let mut scene = scene();
        scene.set_state(bench.world().truth).unwrap();
        Program::compile(&planned(&scene), &scene).unwrap()
    };
    // Another epoch, and the question before: each is dropped.
    for (id, epoch) in [(request.id, request.epoch - 1), (asked[0].id, request.epoch)] {
        let answer = Answer { id, epoch, program: Some(program(&bench)) };
        assert!(bench.executor.answer(bench.now, answer, &mut Events::new(&mut slots)).is_some());
    }
    assert_eq!(bench.counts().late_answers, 2);
    assert_eq!(bench.tick().request, Some(request), "still holding still");
    let answer = Answer { id: request.id, epoch: request.epoch, program: Some(program(&bench)) };
    let old = bench.executor.answer(bench.now, answer, &mut Events::new(&mut slots));
    assert!(old.is_some(), "the old plan, to be dropped elsewhere");
    assert_eq!(bench.executor.epoch(), request.epoch + 1);
    assert_eq!(bench.run(100.0), Outcome::Succeeded);
    assert!(bench.is_done(&plan));
    assert_eq!(bench.debrief().spent[5].count, 1, "the task's books go on");
}

#[test]
fn an_answer_after_its_deadline_and_a_plan_after_a_stop_are_late() {
    let (mut bench, plan) = begun(ExecutorConfig::default());
    bench.world().always = Some(Fault::Fails);
    let mut slots = [neuraxis_executor::Event::NONE; 8];
    let request = loop {
        if let Some(request) = bench.tick().request {
            break request;
        }
    };
    let program = Program::compile(&plan, &scene()).unwrap();
    let answer = Answer { id: request.id, epoch: request.epoch, program: Some(program.clone()) };
    assert!(bench.executor.answer(request.deadline, answer, &mut Events::new(&mut slots)).is_some());
    assert_eq!(bench.counts().late_answers, 1);

    let epoch = bench.executor.epoch();
    bench.executor.stop(bench.now, &mut Events::new(&mut slots));
    assert_eq!(bench.debrief().outcome, Outcome::Yielded(Reason::Stopped));
    assert_eq!(bench.world().running, 0);
    let late = bench.executor.begin(bench.now, epoch, program, &mut Events::new(&mut slots));
    assert!(late.is_err());
    assert_eq!(bench.counts().late_plans, 1);
    assert_eq!(bench.tick().outcome, Outcome::Yielded(Reason::Stopped), "it does not begin");
    let again = bench.executor.begin(bench.now, epoch + 1, late.unwrap_err(), &mut Events::new(&mut slots));
    assert!(again.is_ok());
}

#[test]
fn a_plan_for_other_things_is_refused() {
    let plan = planned(&scene());
    let mut file = TASKS[4].scene_file();
    file.objects.swap(0, 1);
    let other = Scene::try_from(file).unwrap();
    let error = Program::compile(&plan, &other).unwrap_err();
    assert!(error.to_string().starts_with("the plan was checked against another scene: "), "{error}");
}

#[test]
fn a_plan_that_looks_at_more_than_a_tick_has_time_for_is_refused() {
    let scene = scene();
    let expr = (0..20).fold(serde_json::json!(["z", "ee"]), |inner, _| serde_json::json!(["max", inner, ["z", "ee"]]));
    let test = serde_json::json!({"expr": expr, "op": "<", "val": 9.0, "unit": "m", "n": 1, "m": 1});
    let plan = |guards: usize| {
        let hold = |id: u32| {
            serde_json::json!({"id": id, "parent": 1, "kind": "hold", "args": {"secs": 1},
            "guards": vec![test.clone(); guards]})
        };
        let nodes = serde_json::json!([{"id": 0, "parent": null, "kind": "sequence"},
            {"id": 1, "parent": 0, "kind": "parallel_all"}, hold(2), hold(3),
            {"id": 4, "parent": 0, "kind": "condition", "args": {"fact": "hand_empty"}}]);
        let text = serde_json::json!({"goal": ["hand_empty"], "nodes": nodes}).to_string();
        Program::compile(&world::checked(&scene, &text), &scene)
    };
    assert!(plan(7).is_ok(), "2 x 7 x 41");
    let error = plan(8).unwrap_err();
    assert_eq!(error, ExecutorError::TooMuchAtOnce { operations: 656, most: 600 });
    assert!(matches!(plan(32), Err(ExecutorError::TooMuchAtOnce { .. })));
}

#[test]
fn a_clock_that_steps_back_does_no_harm() {
    for step in [400, 30_000] {
        let plan = planned(&scene());
        let mut bench = Bench::new(&scene(), ExecutorConfig::default(), Thresholds::default());
        bench.now = Nanos::from_millis(60_000);
        bench.begin(&plan);
        until_started(&mut bench, Skill::Place, 1);
        bench.now = bench.now - Nanos::from_millis(step);
        let begin = bench.now;
        assert_eq!(bench.run(100.0), Outcome::Succeeded, "{:?}", reasons(&bench));
        assert!(bench.is_done(&plan) && bench.world().unready == 0);
        assert!(bench.now.secs_since(begin) < 10.0, "nothing waits for the time from before");
    }
    // Hanging at each step back does not make the task longer than it may be.
    let budgets = Budgets { task_secs: 50.0, ..Default::default() };
    let (mut bench, _) = begun(ExecutorConfig { budgets, ..ExecutorConfig::default() });
    bench.world().always = Some(Fault::Hangs);
    let mut ticks = 0;
    while bench.tick().outcome == Outcome::Running {
        ticks += 1;
        if ticks % 1000 == 0 {
            bench.now = bench.now - Nanos::from_millis(4000);
        }
    }
    assert!((9_900..=10_300).contains(&ticks), "{ticks}");
}
