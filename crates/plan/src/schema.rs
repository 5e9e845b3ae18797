//! A JSON schema for plans about one scene: what cannot be said there cannot be decoded.
//!
//! Flat, no recursion, every field required (those that a node does not need are null or empty), enumerations of facts,
//! objects, skills and units made from the scene. Properties are written in the order in which they are to be thought.
//! The schema narrows; the [`crate::Validator`] decides.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value, json};

use crate::{
    expr::{OPERATORS, Unit},
    monitor::Relation,
    raw::{MOST_CHARACTERS, MOST_ENTRIES, MOST_NODES, MOST_SECS, RawKind, RungAction, Vary},
    scene::Scene,
    skill::Skill,
};

/// The schema as JSON text (JSON Schema 2020-12).
pub fn schema(scene: &Scene) -> Result<String, serde_json::Error> {
    let objects: Vec<_> = scene.objects().iter().map(|object| object.id.as_str()).collect();
    let facts: Vec<_> = scene.fact_ids().map(|fact| scene.name(fact)).collect();
    let literals: Vec<_> =
        facts.iter().map(ToString::to_string).chain(facts.iter().map(|f| format!("not {f}"))).collect();

    let text = || Part::Plain(json!({"type": "string", "maxLength": MOST_CHARACTERS}));
    let plan = object(vec![
        ("scene_check", list("object", MOST_ENTRIES)),
        ("rationale", text()),
        ("assumptions", list("literal", MOST_ENTRIES)),
        ("goal", list("fact", MOST_ENTRIES)),
        ("nodes", list("node", MOST_NODES)),
    ]);
    let node = object(vec![
        ("id", Part::Plain(json!({"type": "integer", "minimum": 0, "maximum": u16::MAX}))),
        ("parent", Part::Plain(json!({"type": ["integer", "null"], "minimum": 0, "maximum": u16::MAX}))),
        ("kind", one_of(RawKind::ALL.map(RawKind::name))),
        ("skill", one_of_or_null(Skill::ALL.map(Skill::name))),
        ("args", refer("args")),
        ("post", list("fact", MOST_ENTRIES)),
        ("guards", list("test", MOST_ENTRIES)),
        ("maintain", list("maintain", MOST_ENTRIES)),
        ("timeout_s", number_or_null(0.1, MOST_SECS)),
        ("on_fail", list("rung", MOST_ENTRIES)),
    ]);
    let thing = || one_of_or_null(objects.iter().copied());
    let text_or_null = || Part::Plain(json!({"type": ["string", "null"], "maxLength": MOST_CHARACTERS}));
    let mut args = vec![("obj", thing()), ("from", thing()), ("to", thing()), ("at", thing())];
    for key in ["speed", "force_n", "height_m", "secs"] {
        let all = Skill::ALL.into_iter().flat_map(|skill| skill.numbers()).filter(|argument| argument.key == key);
        let (low, high) = all.fold((f64::MAX, f64::MIN), |(low, high), a| (low.min(a.low), high.max(a.high)));
        // `timeout` takes `secs`, too.
        args.push((key, number_or_null(low, if key == "secs" { MOST_SECS } else { high })));
    }
    args.push(("times", Part::Plain(json!({"type": ["integer", "null"], "minimum": 1, "maximum": 5}))));
    args.push(("fact", one_of_or_null(literals.iter().map(String::as_str))));
    args.push(("instruction", text_or_null()));
    args.push(("why", text_or_null()));
    let expr = json!({"type": "array", "minItems": 1, "maxItems": 17, "prefixItems": [{"enum": OPERATORS}]});
    let count = || Part::Plain(json!({"type": "integer", "minimum": 1, "maximum": 32}));
    let val = || Part::Plain(json!({"type": "number", "minimum": -1e6, "maximum": 1e6}));
    let test = object(vec![
        ("expr", Part::Plain(expr.clone())),
        ("op", one_of(Relation::ALL.map(Relation::name))),
        ("val", val()),
        ("unit", one_of(Unit::ALL.map(Unit::name))),
        ("n", count()),
        ("m", count()),
    ]);
    let or_null = |part: Part| any_of(vec![part, Part::Plain(json!({"type": "null"}))]);
    let maintain = object(vec![
        ("pred", one_of_or_null(literals.iter().map(String::as_str))),
        ("until", one_of_or_null(["end", "release"])),
        ("expr", or_null(Part::Plain(expr))),
        ("op", one_of_or_null(Relation::ALL.map(Relation::name))),
        ("val", or_null(val())),
        ("unit", one_of_or_null(Unit::ALL.map(Unit::name))),
        ("n", or_null(count())),
        ("m", or_null(count())),
    ]);
    let rung = object(vec![
        ("level", Part::Plain(json!({"type": "integer", "minimum": 2, "maximum": 6}))),
        ("do", one_of(RungAction::ALL.map(RungAction::name))),
        ("max", Part::Plain(json!({"type": ["integer", "null"], "minimum": 1, "maximum": 5}))),
        ("vary", one_of_or_null(Vary::ALL.map(Vary::name))),
        ("node", Part::Plain(json!({"type": ["integer", "null"], "minimum": 0, "maximum": u16::MAX}))),
    ]);
    let definitions = vec![
        ("object", one_of(objects.iter().copied())),
        ("fact", one_of(facts.iter().copied())),
        ("literal", one_of(literals.iter().map(String::as_str))),
        ("node", node),
        ("args", object(args)),
        ("test", test),
        ("maintain", maintain),
        ("rung", rung),
    ];
    let Part::Ordered(mut top) = plan else { return serde_json::to_string(&plan) };
    top.insert(0, ("$schema", Part::Plain(json!("https://json-schema.org/draft/2020-12/schema"))));
    top.push(("$defs", Part::Ordered(definitions)));
    serde_json::to_string(&Part::Ordered(top))
}

/// JSON whose keys keep their order.
enum Part {
    Ordered(Vec<(&'static str, Part)>),
    List(Vec<Part>),
    Plain(Value),
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Ordered(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
            Self::List(parts) => parts.serialize(serializer),
            Self::Plain(value) => value.serialize(serializer),
        }
    }
}

/// An object with exactly these fields.
fn object(fields: Vec<(&'static str, Part)>) -> Part {
    let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    Part::Ordered(vec![
        ("type", Part::Plain(json!("object"))),
        ("properties", Part::Ordered(fields)),
        ("required", Part::Plain(json!(names))),
        ("additionalProperties", Part::Plain(json!(false))),
    ])
}

fn refer(definition: &str) -> Part {
    Part::Plain(json!({"$ref": format!("#/$defs/{definition}")}))
}

fn list(definition: &str, most: usize) -> Part {
    Part::Plain(json!({"type": "array", "items": {"$ref": format!("#/$defs/{definition}")}, "maxItems": most}))
}

fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> Part {
    Part::Plain(json!({"enum": names.into_iter().collect::<Vec<_>>()}))
}

fn one_of_or_null<'a>(names: impl IntoIterator<Item = &'a str>) -> Part {
    let names = names.into_iter().map(Some).chain([None]);
    Part::Plain(json!({"enum": names.collect::<Vec<_>>()}))
}

fn number_or_null(low: f64, high: f64) -> Part {
    Part::Plain(json!({"type": ["number", "null"], "minimum": low, "maximum": high}))
}

fn any_of(parts: Vec<Part>) -> Part {
    Part::Ordered(vec![("anyOf", Part::List(parts))])
}
