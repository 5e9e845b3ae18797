//! Looking at a test and walking a plan allocate nothing: both happen at 200 Hz.

#[path = "../../brainstem/tests/heap/mod.rs"]
mod heap;
#[path = "../../cortex/tests/ten_tasks/mod.rs"]
mod ten_tasks;

use nalgebra::{Isometry3, Vector3};
use neuraxis_plan::{Body, Limits, Maintain, RawTest, Relation, Senses, Test, Truth, Unit, Validator};
use serde_json::json;

struct Body0(f64);

impl Senses for Body0 {
    fn world_from_body(&self, body: Body) -> Option<Isometry3<f64>> {
        (body == Body::Tool || self.0 < 0.5).then(|| Isometry3::translation(self.0, 0.0, 1.0))
    }

    fn velocity_in_world(&self, _: Body) -> Option<Vector3<f64>> {
        Some(Vector3::new(self.0, 0.0, 0.0))
    }

    fn force_in_world(&self) -> Option<Vector3<f64>> {
        Some(Vector3::new(0.0, self.0 * 50.0, 1.0))
    }

    fn grip_width_m(&self) -> Option<f64> {
        Some(0.04)
    }
}

#[test]
fn ten_thousand_looks_at_every_test_of_a_plan_do_not_touch_the_heap() {
    heap::check_that_it_counts();
    let scene = ten_tasks::TASKS[0].scene();
    let plan = Validator::new(&scene, &Limits::default()).read(include_str!("plans/every_kind.json")).unwrap();
    let long = json!([
        "max",
        ["dist", "ee", ["offset", "red_block", [0, 0, 0.1]]],
        ["abs", ["sub", ["z", "ee"], 1]],
        ["mean", ["grip_width"], 0.1, 0.2],
        ["min", ["add", ["z", "red_block"], 1], 5]
    ]);
    let raw = RawTest { expr: long, op: Relation::Less, val: 2.5, unit: Unit::Metre, n: 1, m: 1 };
    let long = Test::compile(&raw, &scene).unwrap();

    let mut seen = [0_u32; 3];
    let before = heap::calls();
    for i in 0..10_000 {
        let senses = Body0(f64::from(i) / 1e4);
        let mut look = |test: &Test| match test.look(&senses) {
            Truth::True => seen[0] += 1,
            Truth::False => seen[1] += 1,
            Truth::Unknown => seen[2] += 1,
        };
        look(&long);
        for (at, node) in plan.nodes().iter().enumerate() {
            node.guards.iter().for_each(&mut look);
            for maintain in &node.maintain {
                if let Maintain::Test(test) = maintain {
                    look(test);
                }
            }
            assert!(plan.children(at).all(|child| child > at));
        }
    }
    assert_eq!(heap::calls() - before, 0);
    assert!(seen.iter().all(|count| *count > 1000), "{seen:?}");
}
