//! Plans spoilt at random that the validator accepts, in a world where anything fails at random: the executor always
//! ends, within its time, with all skills at rest, and starts nothing whose preconditions were not observed.

#[path = "../../plan/tests/mutate/mod.rs"]
mod mutate;
#[path = "../../cortex/tests/ten_tasks/mod.rs"]
mod ten_tasks;
mod world;

use neuraxis_core::Nanos;
use neuraxis_executor::{Budgets, ExecutorConfig, ExecutorError, Outcome, Program, Thresholds, What};
use neuraxis_plan::{FactSet, Limits, Scene, Skill, Validator};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_pcg::Pcg64;
use serde_json::Value;
use ten_tasks::TASKS;
use world::{Bench, Fault};

const RUNS: usize = if cfg!(debug_assertions) { 40 } else { 600 };
const TASK_SECS: f64 = 40.0;
const FAULTS: [Fault; 8] = [
    Fault::Fails,
    Fault::FailsButDid,
    Fault::Hangs,
    Fault::Silent,
    Fault::Late,
    Fault::DoesNothing,
    Fault::Drops,
    Fault::Nan,
];

fn cases() -> Vec<(Scene, Value)> {
    let read = |name: &str| -> Value {
        let file = format!("{}/../plan/tests/plans/{name}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    };
    let every_kind = (0..TASKS.len()).map(|_| (TASKS[0].scene(), read("every_kind")));
    TASKS.iter().map(|task| (task.scene(), read(task.name))).chain(every_kind).collect()
}

#[test]
fn random_plans_end_in_time_and_start_only_what_is_ready() {
    let (cases, limits) = (cases(), Limits::default());
    let pools: Vec<_> = cases
        .iter()
        .map(|(scene, _)| {
            let names = scene.objects().iter().map(|object| object.id.clone()).collect();
            mutate::Pool::new(names, scene.names(&scene.all_facts()))
        })
        .collect();
    let budgets = Budgets { task_secs: TASK_SECS, ..Budgets::default() };
    let config = ExecutorConfig { budgets, foresight_secs: 0.3, ..ExecutorConfig::default() };
    let mut rng = Pcg64::seed_from_u64(0x7275_6e73);
    let (mut runs, mut changed, mut succeeded, mut recoveries, mut starts, mut tried) = (0, 0, 0, 0, 0, 0);
    while runs < RUNS {
        let case = tried % cases.len();
        tried += 1;
        let (scene, good) = &cases[case];
        let mut plan = good.clone();
        mutate::spoil(&mut plan, &pools[case], &mut rng);
        let Ok(proved) = Validator::new(scene, &limits).read(&plan.to_string()) else { continue };
        match Program::compile(&proved, scene) {
            Ok(_) => {}
            Err(ExecutorError::TooManyWatches { .. } | ExecutorError::TooMuchAtOnce { .. }) => continue,
            Err(error) => panic!("{error}\n{plan:#}"),
        }
        runs += 1;
        changed += usize::from(plan != *good);

        let mut bench = Bench::new(scene, config, Thresholds::default());
        {
            let mut world = bench.world();
            let opened = world.fact("open(top_drawer)");
            world.policy_does = if rng.random_bool(0.5) { [opened].into_iter().collect() } else { FactSet::default() };
            for _ in 0..rng.random_range(0..8) {
                let skill = *Skill::ALL.choose(&mut rng).unwrap();
                let fault = *FAULTS.choose(&mut rng).unwrap();
                world.cues.push((skill, rng.random_range(0..4), fault));
            }
            if rng.random_bool(0.1) {
                world.always = FAULTS.choose(&mut rng).copied();
            }
        }
        let drops = {
            let world = bench.world();
            world.always == Some(Fault::Drops) || world.cues.iter().any(|cue| cue.2 == Fault::Drops)
        };
        bench.begin(&proved);
        let begin = bench.now;
        let mut outcome = Outcome::Running;
        while outcome == Outcome::Running {
            // The senses fail at random, for a while.
            if rng.random_bool(0.002) {
                let mut world = bench.world();
                world.force_n = *[1.0, 1.0, f64::NAN, 100.0].choose(&mut rng).unwrap();
                world.contradicts = rng.random_bool(0.1);
                world.blind = rng.random_bool(0.1);
            }
            outcome = bench.tick().outcome;
            assert!(bench.now.secs_since(begin) <= TASK_SECS + 0.02, "it does not end\n{plan:#}");
        }
        let world = bench.world();
        assert_eq!(world.unseen, 0, "something was started that was not seen to be ready\n{plan:#}");
        assert!(world.unready == 0 || drops, "something was started that was not ready\n{plan:#}");
        assert_eq!(world.running, 0, "something runs on\n{plan:#}");
        if outcome == Outcome::Succeeded {
            succeeded += 1;
            assert!(proved.goal().is_subset(world.seen.holds()), "the goal was not seen\n{plan:#}");
        }
        starts += world.starts.iter().sum::<u32>();
        drop(world);
        // R7: rungs are only ever climbed, and there are not more recoveries than allowed.
        let levels = bench.count(|what| matches!(what, What::Recovering(2..=5)));
        assert!(levels <= usize::from(config.budgets.recoveries));
        recoveries += levels;
        let after = bench.tick();
        assert!(after.outcome == outcome && after.request.is_none(), "it is over");
        bench.now = bench.now + Nanos::from_millis(5);
    }
    println!(
        "{runs} plans of {tried} ran, {changed} changed, {succeeded} succeeded; {starts} starts, {recoveries} recoveries"
    );
    assert!(changed * 4 > runs && succeeded * 10 > runs && succeeded < runs, "the test would say little");
}
