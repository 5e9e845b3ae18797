//! Plans spoilt at random: the validator accepts none that a second, plain reading of the rules calls unsound.

mod mutate;
mod reference;

use std::collections::HashSet;
#[path = "../../cortex/tests/ten_tasks/mod.rs"]
mod ten_tasks;

use neuraxis_plan::{Limits, Scene, Validator};
use rand::SeedableRng;
use rand_pcg::Pcg64;
use reference::{Verdict, judge, world::World};
use serde_json::{Value, json};
use ten_tasks::TASKS;

const MUTANTS: usize = if cfg!(debug_assertions) { 3_000 } else { 100_000 };

struct Case {
    name: String,
    scene: Scene,
    world: World,
    plan: Value,
}

fn cases() -> Vec<Case> {
    let read = |name: &str| -> Value {
        let file = format!("{}/tests/plans/{name}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    };
    let of = |name: &str, task: &ten_tasks::LongTask| Case {
        name: name.into(),
        scene: task.scene(),
        world: World::new(&task.scene_file()),
        plan: read(name),
    };
    // The plan of every kind of node counts as much as the others together.
    let every_kind = (0..TASKS.len()).map(|_| of("every_kind", &TASKS[0]));
    TASKS.iter().map(|task| of(task.name, task)).chain(every_kind).collect()
}

#[test]
fn the_validator_accepts_no_mutant_that_the_reference_calls_unsound() {
    let (cases, limits) = (cases(), Limits::default());
    let pools: Vec<_> =
        cases.iter().map(|case| mutate::Pool::new(case.world.names(), case.world.all_facts())).collect();
    let mut rng = Pcg64::seed_from_u64(0x6d75_7461);
    let mut judged = HashSet::new();
    let (mut accepted, mut changed, mut unsound, mut unfollowed) = (0, 0, 0, 0);
    for i in 0..MUTANTS {
        let case = &cases[i % cases.len()];
        let pool = &pools[i % cases.len()];
        let mut mutant = case.plan.clone();
        mutate::spoil(&mut mutant, pool, &mut rng);
        let text = mutant.to_string();
        match Validator::new(&case.scene, &limits).read(&text) {
            Ok(_) => {
                accepted += 1;
                changed += usize::from(mutant != case.plan);
                // Many small changes give the same plan.
                if !judged.insert((i % cases.len(), text)) {
                    continue;
                }
                match judge(&mutant, &case.world) {
                    Verdict::Sound => {}
                    Verdict::TooManyWays => unfollowed += 1,
                    Verdict::Unsound(why) => panic!("mutant {i} of {} was accepted, but: {why}\n{mutant:#}", case.name),
                }
            }
            Err(errors) => {
                assert!(!errors.0.is_empty());
                // How often the reference agrees; it need not: it follows single ways and knows more on each.
                if i % 20 == 0 {
                    unsound += usize::from(matches!(judge(&mutant, &case.world), Verdict::Unsound(_)));
                }
            }
        }
    }
    println!(
        "{MUTANTS} mutants: {accepted} accepted, {changed} of them changed, {} different, {unfollowed} with too many ways",
        judged.len()
    );
    // The test would say nothing if all, or none, were refused, or if the reference called everything sound.
    assert!(changed > MUTANTS / 50 && accepted < MUTANTS * 3 / 4, "{changed} {accepted}");
    assert!(unsound * 20 > (MUTANTS - accepted) / 2, "{unsound}");
    assert!(unfollowed * 50 <= judged.len(), "{unfollowed}");
}

#[test]
fn the_reference_calls_good_plans_sound_and_each_sort_of_bad_one_not() {
    for case in cases() {
        assert_eq!(judge(&case.plan, &case.world), Verdict::Sound, "{}", case.name);
    }
    let case = &cases()[TASKS.len()];
    let spoilt = |spoil: fn(&mut Value)| {
        let mut plan = case.plan.clone();
        spoil(&mut plan);
        match judge(&plan, &case.world) {
            Verdict::Unsound(why) => why,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(spoilt(|p| p["nodes"][9]["args"]["force_n"] = json!(50)), "force_n in range");
    assert_eq!(
        spoilt(|p| p["nodes"][9]["args"]["from"] = json!("top_drawer")),
        "node 9 needs in(red_block,top_drawer)"
    );
    assert_eq!(spoilt(|p| p["nodes"][2]["args"]["times"] = json!(9)), "times in range");
    assert_eq!(spoilt(|p| p["nodes"][1]["parent"] = json!(7)), "all nodes hang on the root");
    assert_eq!(spoilt(|p| p["nodes"][5]["guards"] = json!([])), "the force is bounded");
    assert_eq!(spoilt(|p| p["nodes"][5]["guards"][0]["m"] = json!(32)), "the force is bounded");
    assert_eq!(spoilt(|p| p["nodes"][6]["guards"][0]["unit"] = json!("m")), "the unit fits");
    assert_eq!(
        spoilt(|p| p["nodes"][18]["args"]["fact"] = json!("hand_empty")),
        "pressed(pink_button) is known at a successful end"
    );
    // Without the condition a second try would press a button of which nobody knows whether it is pressed.
    assert_eq!(spoilt(|p| p["nodes"][4]["args"]["fact"] = json!("hand_empty")), "node 5 needs hand_empty");
}
