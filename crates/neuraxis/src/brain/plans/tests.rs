//! Memory's plans for what means the same, and a model's word about a fact.

use std::time::Instant;

use neuraxis_brain::PlannerKind;
use neuraxis_cortex::{PlanRequest, Planner, SymbolicPlanner};
use neuraxis_hippocampus::{Attempt, Likeness, Ranking, Reuse};
use neuraxis_plan::SceneFile;

use super::{
    wire::{Act, Server, good},
    *,
};
use crate::config::workspace_root;

const SAID: &str = "put the red block in the top drawer and close it";

fn scene(root: &Path) -> Scene {
    let text = std::fs::read_to_string(root.join("sim/scenes/workbench.yaml")).unwrap();
    Scene::try_from(serde_yaml::from_str::<SceneFile>(&text).unwrap()).unwrap()
}

/// With the sentence encoder that is shipped: what means the same is done as before, what does not is planned anew.
#[test]
fn a_paraphrase_is_done_from_memory_and_another_task_is_not() {
    let root = workspace_root().unwrap();
    let config = Config::load(&root, "fr3").unwrap();
    let folder = std::env::temp_dir().join(format!("neuraxis-paraphrase-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut memory = open_memory(&config, &folder.join("memory.sqlite")).unwrap();
    let scene = scene(&root);
    let plan = SymbolicPlanner.plan(&PlanRequest { instruction: SAID, scene: &scene, epoch: 0 }).unwrap().plan;
    let at = |secs: i64| Stamp::from_unix_ms(1_800_000_000_000 + 1000 * secs);
    let mut notes = memory.begin(SAID, &scene, "fr3", at(0)).unwrap();
    let attempt = Attempt { plan: plan.clone(), source: "symbolic".into(), derived_from: None };
    notes.attempt(attempt, at(0)).unwrap();
    let mut done = scene.clone();
    let facts = ["on(red_block,table)", "visible(red_block)", "in(red_block,top_drawer)"];
    let state = facts
        .iter()
        .fold(*scene.state(), |state, text| state.with(scene.literal(text).unwrap().fact, text.starts_with("in(")));
    done.set_state(state).unwrap();
    memory.commit(&notes.conclude(&done, &plan.goal, at(20)).unwrap()).unwrap();

    let any = Ranking { least_similarity: -1.0, ..Ranking::default() };
    let mut cosine = |sentence: &str| memory.recall(sentence, at(30), &any).unwrap()[0].similarity;
    let same = "place the red block into the top drawer, then shut the drawer";
    let others = [
        "put the blue block in the top drawer and close it",
        "take the red block out of the top drawer",
        "press the pink button",
    ];
    say!("{:.2} {same}", cosine(same));
    others.iter().for_each(|other| say!("{:.2} {other}", cosine(other)));
    match memory.reuse(same, &scene, None).unwrap() {
        Reuse::Found(found) => assert!(found.likeness == Likeness::OtherWords, "{found}"),
        Reuse::Nothing { why } => panic!("{why:?}"),
    }
    for other in others {
        match memory.reuse(other, &scene, None).unwrap() {
            // Another block in the same words is the same with another block.
            Reuse::Found(found) => {
                say!("{other}: {found}");
                assert!(found.likeness != Likeness::OtherWords, "{other}: {found}");
            }
            Reuse::Nothing { why } => say!("{other}: {why:?}"),
        }
    }
    // What a question costs, the encoder's time included.
    let mut millis: Vec<f64> = (0..50)
        .map(|i| {
            let began = Instant::now();
            memory.reuse(&format!("{same} {i}"), &scene, None).unwrap();
            1e3 * began.elapsed().as_secs_f64()
        })
        .collect();
    millis.sort_by(f64::total_cmp);
    say!("a question with its encoding: p50 {:.1} ms, most {:.1} ms", millis[25], millis[49]);
    drop(memory);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A new plan, because nobody knows whether the middle drawer is shut.
fn replanned(server: &Server, checks: bool) -> (PlanReply, FactId) {
    let root = workspace_root().unwrap();
    let mut config = Config::load(&root, "fr3").unwrap();
    (config.brain.planner, config.brain.vlm) = (PlannerKind::Vlm, wire::config(server));
    config.brain.vlm_checks = checks;
    config.brain.validate().unwrap();
    let robot = Arc::new(config.load_robot().unwrap());
    let mut plans = Plans::new(&config, drafter(&config, robot).unwrap(), None);
    let mut scene = scene(&root);
    let fact = scene.literal("closed(middle_drawer)").unwrap().fact;
    let hidden = ["closed(middle_drawer)", "open(middle_drawer)"].map(|text| scene.literal(text).unwrap().fact);
    scene.set_state(scene.state().forget(&hidden.into_iter().collect())).unwrap();
    let wanted = Wanted::Replan { unknown: Some(fact), tried: BTreeSet::new() };
    let (words, at) = (SAID.into(), Nanos::from_secs(1.0));
    let image = Image::new("front", vec![0x89, b'P', b'N', b'G', 13, 10, 26, 10], Vec::new()).unwrap();
    let context = Some(Box::new(Context { images: vec![image], ..Context::default() }));
    let question = Question { task: 1, sentence: 1, id: Some(1), epoch: 1, wanted, words, context, scene, at };
    match plans.answer(question) {
        Reply::Plan(reply) => (*reply, fact),
        Reply::Meant { .. } | Reply::Untold(_) => panic!("nobody asked what it means"),
    }
}

#[test]
fn a_model_that_may_be_asked_about_a_fact_is_and_its_word_is_in_the_new_plans_scene() {
    for (answer, checked) in [("true", Some(true)), ("false", Some(false)), ("unknown", None), ("maybe", None)] {
        let server = Server::new([Act::say(format!("{{\"answer\": \"{answer}\"}}")), Act::plan(&good())]);
        let (reply, fact) = replanned(&server, true);
        say!("{answer}: {:?} {:?}", reply.lines, reply.draft.as_ref().err());
        assert_eq!(reply.checked, checked.map(|holds| (fact, holds)), "{answer}");
        let asked = server.asked();
        assert!(asked[0].last_words().contains("Is this so in what the images show: closed(middle_drawer)?"));
        let scene = asked[1].last_words();
        let (_, holds) = scene.split_once("\"holds\":").unwrap();
        let holds = holds.split(']').next().unwrap();
        assert_eq!(holds.contains("closed(middle_drawer)"), checked == Some(true), "{answer}: {holds}");
        // A plan that assumes the drawer to be shut is begun only if it is.
        assert_eq!(reply.draft.is_ok(), checked == Some(true), "{answer}");
    }
    let server = Server::new([Act::plan(&good()), Act::plan(&good())]);
    let (reply, _) = replanned(&server, false);
    assert_eq!((reply.checked, reply.lines.len()), (None, 0));
    assert!(!server.asked()[0].body.contains("Is this so"), "the switch is off");
}
