//! A second, plain reading of what a safe plan is, on JSON and strings; it shares no code with the validator. It tries
//! every way a plan can go: each step succeeds or fails, each condition comes out either way.

pub mod world;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use world::{Action, Known, World};

/// More ways than this are not followed.
const MOST_WAYS: usize = 4000;

#[derive(Debug, PartialEq)]
pub enum Verdict {
    Sound,
    Unsound(String),
    TooManyWays,
}

pub fn judge(plan: &Value, world: &World) -> Verdict {
    let tree = match Tree::read(plan, world) {
        Ok(tree) => tree,
        Err(why) => return Verdict::Unsound(why),
    };
    match tree.execute(plan) {
        Ok(()) => Verdict::Sound,
        Err(why) if why == TOO_MANY => Verdict::TooManyWays,
        Err(why) => Verdict::Unsound(why),
    }
}

const TOO_MANY: &str = "too many ways";
type Ways = BTreeSet<(bool, Known)>;

struct Tree<'a> {
    world: &'a World,
    nodes: Vec<&'a Value>,
    children: BTreeMap<u64, Vec<usize>>,
    root: usize,
}

fn check(holds: bool, why: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why.into()) }
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    let list = value[key].as_array().cloned().unwrap_or_default();
    list.iter().map(|text| text.as_str().unwrap_or("?").to_string()).collect()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn id(node: &Value) -> u64 {
    node["id"].as_u64().unwrap_or(u64::MAX)
}

fn kind(node: &Value) -> &str {
    node["kind"].as_str().unwrap_or("?")
}

impl<'a> Tree<'a> {
    /// Names, ranges, units and form.
    fn read(plan: &'a Value, world: &'a World) -> Result<Self, String> {
        let nodes: Vec<&Value> = list(plan, "nodes").iter().collect();
        check((1..=64).contains(&nodes.len()), "1 to 64 nodes")?;
        let ids: BTreeSet<u64> = nodes.iter().map(|node| id(node)).collect();
        check(ids.len() == nodes.len(), "ids are unique")?;
        let mut children: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        let mut roots = Vec::new();
        for (i, node) in nodes.iter().enumerate() {
            match node["parent"].as_u64() {
                Some(parent) => {
                    check(ids.contains(&parent), "the parent exists")?;
                    children.entry(parent).or_default().push(i);
                }
                None => roots.push(i),
            }
        }
        check(roots.len() == 1, "one root")?;
        let tree = Self { world, nodes, children, root: roots[0] };
        let mut seen = 0;
        tree.form(tree.root, 1, &mut seen)?;
        check(seen == tree.nodes.len(), "all nodes hang on the root")?;
        for fact in texts(plan, "goal").iter().chain(&texts(plan, "assumptions")) {
            check(world.is_fact(fact.strip_prefix("not ").unwrap_or(fact)), format!("{fact} is a fact"))?;
        }
        check(!texts(plan, "goal").is_empty(), "there is a goal")?;
        tree.nodes.iter().try_for_each(|node| tree.node(node))?;
        Ok(tree)
    }

    fn below(&self, at: usize) -> &[usize] {
        self.children.get(&id(self.nodes[at])).map(Vec::as_slice).unwrap_or_default()
    }

    fn takes_time(&self, at: usize) -> bool {
        let own = ["skill", "hold", "ask_human"].contains(&kind(self.nodes[at]));
        own || self.below(at).iter().any(|child| self.takes_time(*child))
    }

    fn form(&self, at: usize, depth: usize, seen: &mut usize) -> Result<(), String> {
        *seen += 1;
        check(depth <= 6, "six levels")?;
        let below = self.below(at);
        check(below.len() <= 8, "eight children")?;
        let fits = match kind(self.nodes[at]) {
            "sequence" | "fallback" | "parallel_all" => !below.is_empty(),
            "reactive_sequence" => {
                !below.is_empty() && below.iter().filter(|child| self.takes_time(**child)).count() <= 1
            }
            "retry" | "timeout" => below.len() == 1,
            "condition" | "skill" | "hold" | "ask_human" => below.is_empty(),
            _ => false,
        };
        check(fits, "the kind has children that fit")?;
        below.iter().try_for_each(|child| self.form(*child, depth + 1, seen))
    }

    fn node(&self, node: &Value) -> Result<(), String> {
        let args = &node["args"];
        let within = |value: &Value, low: f64, high: f64, what: &str| {
            check(value.as_f64().is_some_and(|v| v >= low && v <= high), format!("{what} in range"))
        };
        match kind(node) {
            "retry" => within(&args["times"], 1.0, 5.0, "times")?,
            "timeout" => within(&args["secs"], 0.1, 600.0, "secs")?,
            "hold" => within(&args["secs"], 0.1, 60.0, "secs")?,
            "condition" => {
                let fact = args["fact"].as_str().unwrap_or("?");
                check(self.world.is_fact(fact.strip_prefix("not ").unwrap_or(fact)), "the condition is a fact")?;
            }
            "skill" if node["skill"] == "hold" => within(&args["secs"], 0.1, 60.0, "secs")?,
            "skill" => {
                for (key, low, high) in [("speed", 0.05, 1.0), ("force_n", 1.0, 40.0), ("height_m", 0.02, 0.4)] {
                    if !args[key].is_null() {
                        within(&args[key], low, high, key)?;
                    }
                }
                let action = self.world.action(node).ok_or("the skill exists and its things fit")?;
                let post = texts(node, "post");
                check(action.purpose.is_none_or(|purpose| post.contains(&purpose)), "the purpose is observed")?;
                check(!post.is_empty(), "something is observed")?;
                if node["skill"] != "look" {
                    within(&node["timeout_s"], 0.1, 600.0, "timeout_s")?;
                }
                if !["look", "reach"].contains(&node["skill"].as_str().unwrap_or("?")) {
                    let bounded = list(node, "guards").iter().any(|guard| {
                        let below = guard["op"] == "<" || guard["op"] == "<=";
                        let force = guard["expr"] == serde_json::json!(["force", "norm"]);
                        let soon = guard["m"].as_u64().is_some_and(|m| m <= 5);
                        below && force && soon && guard["val"].as_f64().is_some_and(|v| (0.0..=40.0).contains(&v))
                    });
                    check(bounded, "the force is bounded")?;
                }
            }
            _ => {}
        }
        for fact in texts(node, "post") {
            check(self.world.is_fact(&fact), format!("post {fact} is a fact"))?;
        }
        for test in list(node, "guards").iter().chain(list(node, "maintain")) {
            if let Some(fact) = test["pred"].as_str() {
                check(self.world.is_fact(fact.strip_prefix("not ").unwrap_or(fact)), "what is maintained is a fact")?;
                continue;
            }
            let unit = self.world.unit(&test["expr"])?;
            check(unit.is_some_and(|unit| test["unit"] == unit), "the unit fits")?;
            let (n, m) = (test["n"].as_u64().unwrap_or(0), test["m"].as_u64().unwrap_or(0));
            check(n >= 1 && n <= m && m <= 32, "n of m")?;
        }
        let levels: Vec<_> = list(node, "on_fail").iter().map(|rung| rung["level"].as_u64().unwrap_or(0)).collect();
        check(levels.is_sorted_by(|a, b| a < b), "rungs rise")?;
        for rung in list(node, "on_fail") {
            let level = ["retry", "goto", "recall", "replan", "ask_human"].iter().position(|name| rung["do"] == *name);
            check(level.is_some_and(|level| rung["level"] == level as u64 + 2), "the level fits")?;
            if rung["do"] == "goto" {
                let earlier =
                    self.nodes.iter().any(|n| id(n) == rung["node"].as_u64().unwrap_or(u64::MAX) && kind(n) == "skill");
                check(earlier && rung["node"] != node["id"], "goto leads to another skill")?;
            }
            if rung["do"] == "retry" {
                within(&rung["max"], 1.0, 5.0, "max")?;
            }
        }
        Ok(())
    }

    /// Every way from the start.
    fn execute(&self, plan: &Value) -> Result<(), String> {
        let start = self.world.start();
        for assumed in texts(plan, "assumptions") {
            check(start.says(&assumed), format!("{assumed} is assumed and known"))?;
        }
        let ends = self.run(self.root, &start)?;
        check(ends.iter().any(|(ok, _)| *ok), "some way succeeds")?;
        for (_, known) in ends.iter().filter(|(ok, _)| *ok) {
            for goal in texts(plan, "goal") {
                check(known.says(&goal), format!("{goal} is known at a successful end"))?;
            }
        }
        Ok(())
    }

    fn run(&self, at: usize, before: &Known) -> Result<Ways, String> {
        let node = self.nodes[at];
        for maintain in list(node, "maintain").iter().filter_map(|m| m["pred"].as_str()) {
            check(before.says(maintain), format!("{maintain} is known when it is to be maintained"))?;
        }
        let mut ways = match kind(node) {
            "sequence" => self.row(at, before, true)?,
            "fallback" => self.row(at, before, false)?,
            "reactive_sequence" => {
                let mut ways = self.row(at, before, true)?;
                ways.insert((false, self.broken(at, before)));
                ways
            }
            "parallel_all" => self.together(at, before)?,
            "retry" => self.again(at, before, node["args"]["times"].as_u64().unwrap_or(1))?,
            "timeout" => {
                let mut ways = self.run(self.below(at)[0], before)?;
                ways.insert((false, self.broken(at, before)));
                ways
            }
            "condition" => {
                let fact = node["args"]["fact"].as_str().unwrap_or("?");
                let (fact, holds) = fact.strip_prefix("not ").map_or((fact, true), |fact| (fact, false));
                [(true, before.with(fact, Some(holds))), (false, before.with(fact, Some(!holds)))].into()
            }
            "ask_human" => [(false, before.clone())].into(),
            "hold" => [(true, before.clone())].into(),
            _ if node["skill"] == "hold" => [(true, before.clone())].into(),
            _ => self.step(node, before)?,
        };
        if !list(node, "guards").is_empty() || !list(node, "maintain").is_empty() {
            ways.insert((false, self.broken(at, before)));
        }
        for (_, known) in ways.iter().filter(|(ok, _)| *ok) {
            for post in texts(node, "post") {
                check(known.says(&post), format!("{post} is known after node {}", id(node)))?;
            }
        }
        check(ways.len() <= MOST_WAYS, TOO_MANY)?;
        Ok(ways)
    }

    fn step(&self, node: &Value, before: &Known) -> Result<Ways, String> {
        let action: Action = self.world.action(node).ok_or("an action")?;
        for needed in &action.needs {
            check(before.says(needed), format!("node {} needs {needed}", id(node)))?;
        }
        let mut after = before.clone();
        action.touches.iter().filter(|_| action.anything).for_each(|fact| after.set(fact, None));
        action.del.iter().for_each(|fact| after.set(fact, Some(false)));
        action.add.iter().for_each(|fact| after.set(fact, Some(true)));
        let mut failed = before.clone();
        let all = action.touches.iter().chain(&action.add).chain(&action.del);
        all.for_each(|fact| failed.set(fact, None));
        Ok([(true, after), (false, failed)].into())
    }

    /// A sequence goes on after success, a fallback after failure.
    fn row(&self, at: usize, before: &Known, goes_on: bool) -> Result<Ways, String> {
        let (mut open, mut ends): (BTreeSet<Known>, Ways) = ([before.clone()].into(), Ways::new());
        for child in self.below(at) {
            let mut next = BTreeSet::new();
            for known in &open {
                for (ok, after) in self.run(*child, known)? {
                    if ok == goes_on {
                        next.insert(after);
                    } else {
                        ends.insert((ok, after));
                    }
                }
            }
            check(next.len() + ends.len() <= MOST_WAYS, TOO_MANY)?;
            open = next;
        }
        ends.extend(open.into_iter().map(|known| (goes_on, known)));
        Ok(ends)
    }

    fn again(&self, at: usize, before: &Known, times: u64) -> Result<Ways, String> {
        let (mut open, mut ends): (BTreeSet<Known>, Ways) = ([before.clone()].into(), Ways::new());
        for _ in 0..times {
            let mut next = BTreeSet::new();
            for known in &open {
                for (ok, after) in self.run(self.below(at)[0], known)? {
                    if ok {
                        ends.insert((ok, after))
                    } else {
                        next.insert(after)
                    };
                }
            }
            open = next;
        }
        ends.extend(open.into_iter().map(|known| (false, known)));
        Ok(ends)
    }

    /// One after the other, forwards and backwards; and each while the others are half done.
    fn together(&self, at: usize, before: &Known) -> Result<Ways, String> {
        let children = self.below(at).to_vec();
        for child in &children {
            let mut meanwhile = before.clone();
            for other in children.iter().filter(|other| *other != child) {
                meanwhile = self.broken(*other, &meanwhile);
            }
            self.run(*child, &meanwhile)?;
        }
        let mut ways = Ways::new();
        let backwards: Vec<usize> = children.iter().rev().copied().collect();
        for order in [children, backwards] {
            let mut open: BTreeSet<Known> = [before.clone()].into();
            for child in order {
                let mut next = BTreeSet::new();
                for known in &open {
                    for (ok, after) in self.run(child, known)? {
                        if ok {
                            next.insert(after)
                        } else {
                            ways.insert((false, self.broken(at, before)))
                        };
                    }
                }
                open = next;
            }
            ways.extend(open.into_iter().map(|known| (true, known)));
        }
        Ok(ways)
    }

    /// Broken off somewhere inside.
    fn broken(&self, at: usize, before: &Known) -> Known {
        let node = self.nodes[at];
        let mut known = before.clone();
        if let Some(fact) = node["args"]["fact"].as_str() {
            known.set(fact.strip_prefix("not ").unwrap_or(fact), None);
        }
        if let Some(action) = self.world.action(node) {
            let all = action.touches.iter().chain(&action.add).chain(&action.del);
            all.for_each(|fact| known.set(fact, None));
        }
        self.below(at).iter().fold(known, |known, child| self.broken(*child, &known))
    }
}
