//! Good plans are compiled, shown and exported; bad ones are refused with everything that is wrong and how to mend it.

#[path = "../../cortex/tests/ten_tasks/mod.rs"]
mod ten_tasks;

use neuraxis_plan::{
    ErrorKind, Geometry, KeepOut, Limits, Plan, RawPlan, Scene, Skill, Step, Validator, behavior_tree_xml, outline,
    schema,
};
use serde_json::{Value, json};
use ten_tasks::TASKS;

fn scene() -> Scene {
    TASKS[0].scene()
}

fn stored(name: &str) -> Value {
    let file = format!("{}/tests/plans/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn all() -> impl Iterator<Item = (Scene, Value)> {
    TASKS.iter().map(|task| (task.scene(), stored(task.name))).chain([(scene(), stored("every_kind"))])
}

fn checked(scene: &Scene, plan: &Value) -> Plan {
    Validator::new(scene, &Limits::default()).read(&plan.to_string()).unwrap_or_else(|errors| panic!("{errors}"))
}

/// `every_kind` with something spoilt: what the validator says.
fn faults(spoil: impl Fn(&mut Value)) -> Vec<String> {
    let mut plan = stored("every_kind");
    spoil(&mut plan);
    let errors = Validator::new(&scene(), &Limits::default()).read(&plan.to_string()).unwrap_err();
    errors.0.iter().map(ToString::to_string).collect()
}

#[test]
fn compiled_nodes_nest_and_every_node_is_a_child_once() {
    for (scene, plan) in all() {
        let plan = checked(&scene, &plan);
        let mut parents = vec![0; plan.nodes().len()];
        for (at, node) in plan.nodes().iter().enumerate() {
            assert!(usize::from(node.end) > at && usize::from(node.end) <= plan.nodes().len());
            for child in plan.children(at) {
                parents[child] += 1;
                assert!(plan.nodes()[child].end <= node.end);
            }
        }
        assert_eq!(parents[0], 0);
        assert!(parents[1..].iter().all(|count| *count == 1));
        assert_eq!(usize::from(plan.nodes()[0].end), plan.nodes().len());
    }
}

#[test]
fn a_plan_is_written_and_read_again_unchanged() {
    for (scene, plan) in all() {
        let plan = checked(&scene, &plan);
        let again: RawPlan = serde_json::from_str(&serde_json::to_string(plan.raw()).unwrap()).unwrap();
        assert_eq!(Validator::new(&scene, &Limits::default()).check(&again).unwrap(), plan);
    }
}

#[test]
fn all_faults_of_names_arguments_and_form_are_told_at_once() {
    let found = faults(|plan| {
        plan["nodes"][5]["args"]["obj"] = json!("red_button");
        plan["nodes"][9]["args"]["force_n"] = json!(99);
        plan["nodes"][9]["guards"][1]["unit"] = json!("N");
        plan["nodes"][10]["on_fail"][1]["level"] = json!(2);
        plan["nodes"][12]["args"] = json!({"secs": 1, "obj": "table"});
        plan["nodes"][16]["args"]["obj"] = json!("table");
        plan["nodes"][19]["id"] = json!(18);
        plan["goal"][0] = json!("pushed(pink_button)");
    });
    let expected = [
        r#"V2 plan: "pushed(pink_button)" is no fact of this scene: no predicate "pushed"; there are on"#,
        r#"V2 node 5: no object "red_button"; fix: use one of red_block, green_block"#,
        "V3 node 9: force_n = 99; fix: choose 1 to 60 N",
        r#"is in m, not in N; fix: write unit "m""#,
        "V3 node 10: the rungs of `on_fail` do not rise",
        "V3 node 10: goto at level 2; fix: write level 3",
        "V3 node 12: hold with obj; fix: hold takes secs",
        "V3 node 16: table cannot be the `obj` of reach; fix: name a block or plate or button or drawer",
        "V4 node 18: two nodes have this id; fix: give each its own",
    ];
    for text in expected {
        assert!(found.iter().any(|fault| fault.contains(text)), "{text}\nnot in\n{}", found.join("\n"));
    }
    assert_eq!(found.len(), expected.len(), "{}", found.join("\n"));
}

#[test]
fn trees_that_are_none_are_refused() {
    let one = |spoil: fn(&mut Value), text: &str| {
        let found = faults(spoil);
        assert!(found.iter().any(|fault| fault.contains(text)), "{text}\nnot in\n{}", found.join("\n"));
    };
    one(|p| p["nodes"][1]["parent"] = json!(7), "V4 node 1: it hangs on itself");
    one(|p| p["nodes"][1]["parent"] = json!(null), "V4 plan: 2 nodes without a parent");
    one(|p| p["nodes"][8]["parent"] = json!(99), "V4 node 8: its parent 99 does not exist");
    one(|p| p["nodes"][8]["parent"] = json!(2), "V4 node 2: a retry with 2 children");
    one(|p| p["nodes"][15]["parent"] = json!(16), "V4 node 16: a skill with children");
    one(|p| p["nodes"][15]["kind"] = json!("sequence"), "V3 node 15: sequence with fact");
    one(|p| p["nodes"][8]["parent"] = json!(14), "V4 node 14: 2 children of a reactive_sequence take time");
    one(|p| p["nodes"][10]["on_fail"][1]["node"] = json!(16), "V4 node 10: goto 16; fix: go back to an earlier skill");
    one(
        |p| {
            let nodes = p["nodes"].as_array_mut().unwrap();
            let asks = nodes.pop().unwrap();
            nodes.insert(1, asks);
            nodes[2]["parent"] = json!(0);
            nodes[0]["kind"] = json!("sequence");
        },
        "V4 node 1: it is never reached",
    );
    one(
        |p| {
            for i in 30..60 {
                p["nodes"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!({"id": i, "parent": 1, "kind": "hold", "args": {"secs": 1}}));
            }
        },
        "V4 node 1: 37 children",
    );
    one(
        |p| {
            for i in 0..50 {
                p["nodes"].as_array_mut().unwrap().push(json!({"id": 100 + i, "parent": 1, "kind": "ask_human"}));
            }
        },
        "V1 plan: 65 nodes; fix: send at most 64",
    );
    one(
        |p| {
            p["nodes"][8]["parent"] = json!(50);
            let nodes = p["nodes"].as_array_mut().unwrap();
            nodes.push(json!({"id": 50, "parent": 51, "kind": "sequence"}));
            nodes.push(json!({"id": 51, "parent": 7, "kind": "sequence"}));
        },
        "V4 node 8: at level 7",
    );
}

#[test]
fn what_is_not_proved_is_named_with_a_remedy() {
    let found = faults(|p| p["nodes"][9]["args"]["from"] = json!("top_drawer"));
    assert_eq!(
        found[0],
        "V5 node 9: grasp red_block from top_drawer force_n=20: not proved in(red_block,top_drawer), open(top_drawer); \
         fix: before it, place red_block to top_drawer; before it, pull top_drawer"
    );
    let found = faults(|p| p["goal"] = json!(["pressed(cyan_button)"]));
    assert_eq!(found, ["V5 plan: the goal: not proved pressed(cyan_button); fix: before it, push cyan_button"]);
    // On the second try nobody knows whether the first has pressed it.
    let found = faults(|p| p["nodes"][4]["args"]["fact"] = json!("at(red_block)"));
    let text = "V5 node 5: push pink_button speed=0.5: not proved not pressed(pink_button); fix: before it, put the \
                condition not pressed(pink_button)";
    assert!(found.contains(&text.to_string()), "{found:#?}");
    let found = faults(|p| p["assumptions"] = json!(["open(top_drawer)"]));
    assert!(found[0].starts_with("V5 plan: assumed open(top_drawer), which is not known to be so"));
    let found = faults(|p| p["nodes"][7]["maintain"][0]["pred"] = json!("on(red_block,table)"));
    assert_eq!(
        found,
        ["V5 node 7: it undoes what it is to maintain: on(red_block,table); fix: do one after the other"]
    );
    let found = faults(|p| p["nodes"][15]["args"]["fact"] = json!("not at(purple_plate)"));
    assert!(found[0].starts_with("V5 node 14: what runs changes what is looked at meanwhile: at(purple_plate)"));
    let found = faults(|p| {
        p["nodes"][12] = json!({"id": 12, "parent": 11, "kind": "skill", "skill": "reach", "args": {"obj": "red_block"},
            "post": ["at(red_block)"], "timeout_s": 5});
        p["nodes"][14]["kind"] = json!("parallel_all");
        p["nodes"][14]["parent"] = json!(11);
    });
    assert!(found.iter().any(|fault| fault.contains("V5 node 11: two children move the arm at once")), "{found:#?}");
}

#[test]
fn rules_for_every_plan_hold() {
    let found = faults(|p| {
        p["nodes"][5]["timeout_s"] = json!(null);
        p["nodes"][9]["args"]["force_n"] = json!(50);
        p["nodes"][9]["guards"][0]["val"] = json!(80);
        p["nodes"][10]["post"] = json!(["hand_empty"]);
        p["nodes"][17]["guards"][0]["op"] = json!(">");
    });
    for text in [
        "V7 node 5: push without `timeout_s`",
        "V7 node 9: a grip of 50 N; fix: choose at most 40 N",
        r#"V7 node 9: grasp without a guard of the force; fix: guard ["force","norm"] < 40 N or less"#,
        r#"V7 node 10: place without its purpose in `post`; fix: add "on(red_block,yellow_plate)" to `post`"#,
        "V7 node 17: policy without a guard of the force",
    ] {
        assert!(found.iter().any(|fault| fault.contains(text)), "{text}\nnot in\n{}", found.join("\n"));
    }
    // A guard that sleeps on is none.
    let deaf = faults(|p| {
        p["nodes"][9]["guards"][0]["n"] = json!(32);
        p["nodes"][9]["guards"][0]["m"] = json!(32);
    });
    let fix = r#"guard ["force","norm"] < 40 N or less with m 5 or less"#;
    assert_eq!(deaf, [format!("V7 node 9: grasp without a guard of the force; fix: {fix}")]);
    let keep_out = KeepOut { min_xyz_m: [0.0, 0.1, 0.7], max_xyz_m: [0.2, 0.25, 0.8] };
    let limits = Limits { keep_out: vec![keep_out], ..Limits::default() };
    let errors = Validator::new(&scene(), &limits).read(&stored("every_kind").to_string()).unwrap_err();
    assert_eq!(errors.to_string(), "V7 node 10: yellow_plate is in a keep-out box; fix: leave it alone");
}

/// Reaches everything but buttons.
struct NoButtons;

impl Geometry for NoButtons {
    fn reachable(&self, step: &Step, scene: &Scene) -> Result<(), String> {
        let names_a_button = step.object.is_some_and(|id| scene.object_name(id).ends_with("button"));
        if step.skill == Skill::Push && names_a_button { Err("no posture".into()) } else { Ok(()) }
    }
}

#[test]
fn geometry_is_asked_about_every_step() {
    let scene = scene();
    let limits = Limits::default();
    let validator = Validator::new(&scene, &limits).with_geometry(&NoButtons);
    let errors = validator.read(&stored("every_kind").to_string()).unwrap_err();
    assert_eq!(errors.0.len(), 1);
    assert_eq!(errors.0[0].kind, ErrorKind::OutOfReach);
    assert_eq!(
        errors.to_string(),
        "V6 node 5: push pink_button speed=0.5: no posture; fix: use another thing or place"
    );
    assert!(validator.read(&stored("stow_block").to_string()).is_ok());
}

/// Fields that may be left out, as a model must send them.
fn filled(value: &Value, schema: &Value, root: &Value) -> Value {
    let schema = match schema["$ref"].as_str() {
        Some(name) => &root["$defs"][name.trim_start_matches("#/$defs/")],
        None => schema,
    };
    match value {
        Value::Array(list) => list.iter().map(|inner| filled(inner, &schema["items"], root)).collect(),
        Value::Object(_) => {
            let fields = schema["properties"].as_object().unwrap();
            let of = |(key, schema): (&String, &Value)| {
                let empty = match (schema["type"].as_str(), schema["$ref"].as_str()) {
                    (Some("array"), _) => json!([]),
                    (_, Some("#/$defs/args")) => json!({}),
                    _ => Value::Null,
                };
                let given = value.get(key).unwrap_or(&empty);
                (key.clone(), filled(given, schema, root))
            };
            Value::Object(fields.iter().map(of).collect())
        }
        other => other.clone(),
    }
}

/// Whether JSON Schema admits a value, for the keywords that we use; an unknown one is an error. (The crate `jsonschema`
/// brings 23 more.)
fn admits(schema: &Value, value: &Value, root: &Value) -> bool {
    let number = |key: &str| schema[key].as_f64().unwrap_or_else(|| panic!("{key}"));
    let list = |key: &str| schema[key].as_array().unwrap_or_else(|| panic!("{key}"));
    schema.as_object().unwrap().keys().all(|key| match key.as_str() {
        "$schema" | "$defs" => true,
        "$ref" => {
            let name = schema["$ref"].as_str().unwrap().strip_prefix("#/$defs/").unwrap();
            admits(root["$defs"].get(name).unwrap(), value, root)
        }
        "type" => {
            let is = |name: &Value| match name.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "integer" => value.is_i64() || value.is_u64(),
                "number" => value.is_number(),
                "null" => value.is_null(),
                other => panic!("{other}"),
            };
            schema["type"].as_array().map_or_else(|| is(&schema["type"]), |names| names.iter().any(is))
        }
        "enum" => list("enum").contains(value),
        "anyOf" => list("anyOf").iter().any(|one| admits(one, value, root)),
        "minimum" => value.as_f64().is_none_or(|v| v >= number("minimum")),
        "maximum" => value.as_f64().is_none_or(|v| v <= number("maximum")),
        "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as f64 <= number("maxLength")),
        "minItems" => value.as_array().is_none_or(|items| items.len() as f64 >= number("minItems")),
        "maxItems" => value.as_array().is_none_or(|items| items.len() as f64 <= number("maxItems")),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|i| admits(&schema["items"], i, root))),
        "prefixItems" => value
            .as_array()
            .is_none_or(|items| items.iter().zip(list("prefixItems")).all(|(item, schema)| admits(schema, item, root))),
        "properties" => value.as_object().is_none_or(|fields| {
            fields.iter().all(|(key, v)| schema["properties"].get(key).is_none_or(|schema| admits(schema, v, root)))
        }),
        "required" => value
            .as_object()
            .is_none_or(|fields| list("required").iter().all(|key| fields.contains_key(key.as_str().unwrap()))),
        "additionalProperties" => {
            assert_eq!(schema[key], json!(false));
            value.as_object().is_none_or(|fields| fields.keys().all(|key| schema["properties"].get(key).is_some()))
        }
        other => panic!("unknown keyword {other}"),
    })
}

#[test]
fn the_schema_admits_good_plans_and_no_unknown_names() {
    for (scene, plan) in all() {
        let text = schema(&scene).unwrap();
        let root: Value = serde_json::from_str(&text).unwrap();
        let plan = filled(&plan, &root, &root);
        assert!(admits(&root, &plan, &root), "{plan:#}");
        // A model's full answer means the same as the short form.
        checked(&scene, &plan);
        for (path, wrong) in [
            ("/goal/0", json!("on(red_cup,table)")),
            ("/nodes/1/kind", json!("loop")),
            ("/nodes/1/skill", json!("throw")),
            ("/nodes/2/args/obj", json!("red_cup")),
            ("/nodes/2/args/speed", json!(3)),
            ("/nodes/2/timeout_s", json!(1e6)),
        ] {
            let mut spoilt = plan.clone();
            *spoilt.pointer_mut(path).unwrap() = wrong;
            assert!(!admits(&root, &spoilt, &root), "{path}");
        }
        let mut extra = plan.clone();
        extra["nodes"][0]["exec"] = json!("rm");
        assert!(!admits(&root, &extra, &root));
    }
}

#[test]
fn the_schema_asks_for_reasons_before_decisions_and_nests_no_deeper_than_a_test() {
    let text = schema(&scene()).unwrap();
    let at = |key: &str| text.find(&format!("\"{key}\":")).unwrap_or_else(|| panic!("{key}"));
    let order = ["scene_check", "rationale", "assumptions", "goal", "nodes"].map(at);
    assert!(order.is_sorted(), "{order:?}");
    // No definition leads back to itself.
    let root: Value = serde_json::from_str(&text).unwrap();
    for (name, definition) in root["$defs"].as_object().unwrap() {
        let refers = |to: &str| definition.to_string().contains(&format!("#/$defs/{to}\""));
        assert!(!refers(name) && !refers("node"), "{name}");
    }
}

#[test]
fn a_person_can_read_the_outline() {
    let task = &TASKS[0];
    let text = outline(&checked(&task.scene(), &stored(task.name)), &task.scene());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "goal     in(red_block,top_drawer), closed(top_drawer)");
    assert!(lines[2].starts_with("  0  fallback") && lines[3].starts_with("  1    sequence"));
    let place = lines.iter().find(|line| line.contains("place red_block to top_drawer")).unwrap();
    assert!(place.contains("-> in(red_block,top_drawer)  while "), "{place}");
    assert!(place.ends_with("[30 s; retry 2 (offset); goto 4; recall; replan; ask]"), "{place}");
    assert_eq!(lines.len(), 2 + stored(task.name)["nodes"].as_array().unwrap().len());
}

#[test]
fn the_xml_is_balanced_names_every_node_and_escapes_texts() {
    let scene = scene();
    let mut plan = stored("every_kind");
    plan["nodes"][20]["args"]["why"] = json!("<b> & \"c\"");
    let plan = checked(&scene, &plan);
    let xml = behavior_tree_xml(&plan, &scene);
    let mut open = Vec::new();
    let mut elements = Vec::new();
    for tag in xml.split('<').skip(1).map(|rest| rest.split_once('>').unwrap().0) {
        if tag.starts_with('?') {
            continue;
        }
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else {
            elements.push(name);
            if !tag.ends_with('/') {
                open.push(name);
            }
        }
    }
    assert!(open.is_empty(), "{open:?}");
    let tree = ["Sequence", "Fallback", "ReactiveSequence", "ParallelAll", "RetryUntilSuccessful", "Timeout"];
    let inner = elements.iter().filter(|name| tree.contains(name)).count();
    assert_eq!(inner, plan.nodes().iter().enumerate().filter(|(at, n)| usize::from(n.end) > at + 1).count());
    assert!(
        xml.contains(
            r#"<Action ID="grasp" name="9 grasp red_block from table force_n=20" obj="red_block" from="table""#
        )
    );
    assert!(xml.contains(r#"why="&lt;b&gt; &amp; &quot;c&quot;""#));
    assert!(xml.contains(r#"<RetryUntilSuccessful name="2 retry 3 times" num_attempts="3">"#));
    assert!(xml.starts_with("<?xml") && xml.contains(r#"<root BTCPP_format="4" main_tree_to_execute="Plan">"#));
}
