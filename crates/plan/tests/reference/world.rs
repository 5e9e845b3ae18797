//! What the skills need and change, written down a second time, as strings.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use neuraxis_plan::{SceneFile, Unlisted};
use serde_json::Value;

/// What is known: true, false, or unknown, fact by fact.
#[derive(Clone, Debug)]
pub struct Known {
    truth: Vec<Option<bool>>,
    /// Where each fact stands in `truth`; the same for all of a world.
    places: Rc<BTreeMap<String, usize>>,
}

impl Known {
    pub fn set(&mut self, fact: &str, truth: Option<bool>) {
        self.truth[self.places[fact]] = truth;
    }

    pub fn with(&self, fact: &str, truth: Option<bool>) -> Self {
        let mut known = self.clone();
        known.set(fact, truth);
        known
    }

    /// A fact, or `not` a fact, is known to be so.
    pub fn says(&self, text: &str) -> bool {
        let (fact, holds) = text.strip_prefix("not ").map_or((text, true), |fact| (fact, false));
        self.places.get(fact).is_some_and(|place| self.truth[*place] == Some(holds))
    }
}

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        self.truth == other.truth
    }
}

impl Eq for Known {}

impl PartialOrd for Known {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Known {
    fn cmp(&self, other: &Self) -> Ordering {
        self.truth.cmp(&other.truth)
    }
}

#[derive(Debug, Default)]
pub struct Action {
    /// Facts, with `not` where they must not hold.
    pub needs: Vec<String>,
    pub add: Vec<String>,
    pub del: Vec<String>,
    /// Unknown after a failure.
    pub touches: Vec<String>,
    /// Those are unknown after success, too.
    pub anything: bool,
    pub purpose: Option<String>,
}

pub struct World {
    class: BTreeMap<String, String>,
    facts: BTreeSet<String>,
    start: Known,
}

impl World {
    pub fn new(file: &SceneFile) -> Self {
        let class: BTreeMap<String, String> =
            file.objects.iter().map(|object| (object.id.clone(), object.class.name().to_string())).collect();
        let mut facts = BTreeSet::from(["hand_empty".to_string()]);
        for (a, of) in &class {
            let one: &[&str] = match of.as_str() {
                "block" => &["holding", "visible", "clear", "at"],
                "plate" => &["clear", "at"],
                "button" => &["pressed", "at"],
                "drawer" => &["open", "closed", "at"],
                _ => &[],
            };
            facts.extend(one.iter().map(|predicate| format!("{predicate}({a})")));
            if of == "block" {
                for (b, to) in class.iter().filter(|(b, to)| *b != a && *to != "button") {
                    facts.insert(format!("{}({a},{b})", if to == "drawer" { "in" } else { "on" }));
                }
            }
        }
        let unlisted = if file.unlisted == Unlisted::False { Some(false) } else { None };
        let places = facts.iter().enumerate().map(|(i, fact)| (fact.clone(), i)).collect();
        let mut start = Known { truth: vec![unlisted; facts.len()], places: Rc::new(places) };
        for fact in &file.facts {
            let (fact, holds) = fact.strip_prefix("not ").map_or((fact.as_str(), true), |fact| (fact, false));
            start.set(fact, Some(holds));
        }
        Self { class, facts, start }
    }

    pub fn start(&self) -> Known {
        self.start.clone()
    }

    pub fn is_fact(&self, fact: &str) -> bool {
        let tight: String = fact.split_whitespace().collect();
        self.facts.contains(&tight) && tight == fact
    }

    pub fn names(&self) -> Vec<String> {
        self.class.keys().cloned().collect()
    }

    pub fn all_facts(&self) -> Vec<String> {
        self.facts.iter().cloned().collect()
    }

    fn beginning(&self, with: &str) -> Vec<String> {
        self.facts.iter().filter(|fact| fact.starts_with(with)).cloned().collect()
    }

    /// The action of a skill node; `None` if there is no such thing.
    pub fn action(&self, node: &Value) -> Option<Action> {
        let arg = |key: &str| node["args"][key].as_str().map(ToString::to_string);
        let class = |name: &str| self.class.get(name).map(String::as_str);
        let lies = |a: &str, b: &str| format!("{}({a},{b})", if class(b) == Some("drawer") { "in" } else { "on" });
        let mut action = Action::default();
        let skill = node["skill"].as_str()?;
        if skill == "policy" {
            arg("instruction")?;
            let post = node["post"].as_array().cloned().unwrap_or_default();
            action.add = post.iter().filter_map(Value::as_str).map(ToString::to_string).collect();
            (action.touches, action.anything) = (self.all_facts(), true);
            return Some(action);
        }
        let a = arg("obj")?;
        let kind = class(&a)?;
        let place = match skill {
            "grasp" => Some(arg("from")?),
            "place" => Some(arg("to")?),
            "look" => Some(arg("at")?),
            _ => None,
        };
        if let Some(b) = &place {
            let fits = kind == "block" && b != &a && class(b).is_some_and(|class| class != "button");
            fits.then_some(())?;
        }
        let b = place.unwrap_or_default();
        let in_drawer = class(&b) == Some("drawer");
        let has_top = matches!(class(&b), Some("block" | "plate"));
        let mut slips = || {
            action.touches = ["clear(".into(), "hand_empty".into(), format!("on({a},"), format!("in({a},")]
                .iter()
                .chain(&[format!("holding({a})"), format!("visible({a})")])
                .flat_map(|with: &String| self.beginning(with))
                .collect();
        };
        match (skill, kind) {
            ("look", _) => {
                action.needs = vec![lies(&a, &b)];
                action.purpose = Some(format!("visible({a})"));
            }
            ("reach", "block" | "plate" | "button" | "drawer") => {
                action.needs = vec!["hand_empty".into()];
                action.purpose = Some(format!("at({a})"));
            }
            ("grasp", _) => {
                slips();
                action.needs = vec![lies(&a, &b), "hand_empty".into(), format!("clear({a})"), format!("visible({a})")];
                action.del = vec![lies(&a, &b), "hand_empty".into()];
                if has_top {
                    action.add.push(format!("clear({b})"));
                }
                action.purpose = Some(format!("holding({a})"));
            }
            ("place", _) => {
                slips();
                action.needs = vec![format!("holding({a})")];
                action.del = vec![format!("holding({a})")];
                if has_top {
                    action.needs.push(format!("clear({b})"));
                    action.del.push(format!("clear({b})"));
                }
                if class(&b) == Some("block") {
                    action.needs.push(format!("visible({b})"));
                }
                if in_drawer {
                    action.del.push(format!("visible({a})"));
                }
                action.add = vec!["hand_empty".into()];
                action.purpose = Some(lies(&a, &b));
            }
            ("push", "button") => {
                action.needs = vec!["hand_empty".into(), format!("not pressed({a})")];
                action.purpose = Some(format!("pressed({a})"));
            }
            ("push", "drawer") => {
                action.needs = vec!["hand_empty".into()];
                action.del = vec![format!("open({a})")];
                action.purpose = Some(format!("closed({a})"));
            }
            ("pull", "drawer") => {
                let others = self.class.iter().filter(|(name, of)| *of == "drawer" && **name != a);
                action.needs = others.map(|(name, _)| format!("closed({name})")).collect();
                action.needs.push("hand_empty".into());
                action.del = vec![format!("closed({a})")];
                action.purpose = Some(format!("open({a})"));
            }
            _ => return None,
        }
        if in_drawer {
            action.needs.push(format!("open({b})"));
        }
        if skill != "look" {
            action.del.extend(self.beginning("at("));
        }
        action.add.extend(action.purpose.clone());
        action.del.retain(|fact| !action.add.contains(fact));
        Some(action)
    }

    /// Unit of an expression, `None` for a bare number.
    pub fn unit(&self, expr: &Value) -> Result<Option<&'static str>, String> {
        if expr.is_number() {
            return Ok(None);
        }
        let list = expr.as_array().filter(|list| !list.is_empty()).ok_or("an expression is a list")?;
        let body = |value: &Value| match value.as_str() {
            Some(name) if name == "ee" || self.class.contains_key(name) => Ok(()),
            _ => Err(format!("{value} is a body")),
        };
        let point = |value: &Value| {
            let mut inner = value;
            while inner[0] == "offset" {
                inner = &inner[1];
            }
            body(inner)
        };
        match (list[0].as_str().unwrap_or("?"), list.len()) {
            ("dist", 3) => point(&list[1]).and(point(&list[2])).map(|()| Some("m")),
            ("z", 2) => point(&list[1]).map(|()| Some("m")),
            ("axis_angle", 3) => Ok(Some("rad")),
            ("tilt", 2) => body(&list[1]).map(|()| Some("rad")),
            ("speed", 2) => body(&list[1]).map(|()| Some("m/s")),
            ("force", 2) if ["x", "y", "z", "norm"].iter().any(|axis| list[1] == *axis) => Ok(Some("N")),
            ("grip_width", 1) => Ok(Some("m")),
            ("sub", 3) | ("abs", 2) | ("add" | "min" | "max" | "mean", 2..) => {
                let mut unit = None;
                for operand in &list[1..] {
                    match (unit, self.unit(operand)?) {
                        (Some(a), Some(b)) if a != b => return Err("like with like".into()),
                        (_, Some(b)) => unit = Some(b),
                        _ => {}
                    }
                }
                Ok(unit)
            }
            _ => Err(format!("{expr} is no expression")),
        }
    }
}
