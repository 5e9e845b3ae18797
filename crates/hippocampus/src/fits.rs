//! What speaks against using a plan of then now; each check says it in words.

use std::collections::BTreeSet;

use neuraxis_plan::{Class, RawPlan, Scene};

use crate::{PARAPHRASE, rename::Names, words::Wording};

/// Which thing of now stands for which of then, in the order in which the sentences name them.
pub(crate) fn names(then: &Wording, now: &Wording, similarity: f32) -> Result<Names, String> {
    if then.template == now.template {
        // The same words: the i-th thing then is the i-th now.
        let mut names = Names::new();
        for (a, b) in then.mentions.iter().zip(&now.mentions) {
            if names.insert(a.clone(), b.clone()).is_some_and(|before| before != *b) {
                return Err(format!("{a} would have to be two things"));
            }
        }
        let images: BTreeSet<_> = names.values().collect();
        return if images.len() == names.len() { Ok(exchanged(names)) } else { Err("two things would be one".into()) };
    }
    // Other words: only about the same things, each kind in the same order; roles are not read from other words.
    if similarity < PARAPHRASE {
        return Err(format!("other words, and a similarity of only {similarity:.2}"));
    }
    let set = |mentions: &[String]| mentions.iter().cloned().collect::<BTreeSet<_>>();
    let (before, after) = (set(&then.mentions), set(&now.mentions));
    if before != after {
        let either: Vec<_> = before.symmetric_difference(&after).cloned().collect();
        return Err(format!("other words about other things ({})", either.join(", ")));
    }
    if let Some(class) = repeated_class(&then.template).or_else(|| repeated_class(&now.template)) {
        return Err(format!("other words about more than one {class}: which is which is not certain"));
    }
    if then.turns() != now.turns() {
        let (then, now) = (then.turns(), now.turns());
        let either: Vec<_> = then.symmetric_difference(&now).copied().collect();
        return Err(format!("only one of the sentences has {}", either.join(", ")));
    }
    Ok(before.into_iter().map(|id| (id.clone(), id)).collect())
}

/// A thing of which the sentence does not speak, and whose name another has got, gets the name that this left free:
/// with the top drawer for the bottom one, what was said of the bottom one is now said of the top one.
fn exchanged(mut names: Names) -> Names {
    let taken: Vec<String> = names.values().filter(|name| !names.contains_key(*name)).cloned().collect();
    for name in taken {
        let mut free = &name;
        while let Some((then, _)) = names.iter().find(|(_, now)| *now == free) {
            free = then;
        }
        let free = free.clone();
        names.insert(name, free);
    }
    names
}

/// A class of which a sentence names more than one thing, or one twice.
fn repeated_class(template: &str) -> Option<&str> {
    let classes: Vec<_> = template.split(' ').filter(|word| word.starts_with('<')).collect();
    classes.iter().enumerate().find_map(|(i, class)| classes.get(..i)?.contains(class).then_some(*class))
}

/// Every thing that a plan is about.
pub(crate) fn things(plan: &RawPlan) -> BTreeSet<String> {
    let mut things: BTreeSet<String> = plan.assumptions.iter().chain(&plan.goal).flat_map(|fact| of(fact)).collect();
    for node in &plan.nodes {
        let args = &node.args;
        things.extend(args.things().map(str::to_string));
        things.extend(node.post.iter().chain(&args.fact).flat_map(|fact| of(fact)));
    }
    things
}

/// The things of `on(a,b)`.
fn of(fact: &str) -> Vec<String> {
    let inside = fact.split_once('(').map_or("", |(_, rest)| rest.trim_end().trim_end_matches(')'));
    inside.split(',').map(|thing| thing.trim().to_string()).filter(|thing| !thing.is_empty()).collect()
}

/// Each thing of the plan has one to stand for it, of its class; no two the same.
pub(crate) fn same_classes(
    things: &BTreeSet<String>,
    objects: &[(String, Class)],
    names: &Names,
    scene: &Scene,
) -> Result<(), String> {
    let mut taken = BTreeSet::new();
    for thing in things {
        let now = names.get(thing).unwrap_or(thing);
        let before = objects.iter().find(|(id, _)| id == thing).map(|(_, class)| *class);
        let Some(id) = scene.object(now) else { return Err(format!("there is no {now} here")) };
        if before.is_none() || scene.class(id) != before {
            return Err(format!("{now} is no {}", before.map_or("such thing", Class::name)));
        }
        if !taken.insert(now) {
            return Err(format!("{now} would stand for two things"));
        }
    }
    Ok(())
}

/// The same things of the same classes, and no others.
pub(crate) fn same_things(objects: &[(String, Class)], scene: &Scene) -> bool {
    let now: Vec<_> = scene.objects().iter().map(|object| (object.id.clone(), object.class)).collect();
    now.len() == objects.len() && now.iter().all(|object| objects.contains(object))
}

/// Every thing of the goal is named by the sentence, or the only one of its class then and now. Otherwise ("clear the
/// table") it meant those that happened to be there.
pub(crate) fn goal_is_named(
    goal: &[String],
    wording: &Wording,
    objects: &[(String, Class)],
    scene: &Scene,
) -> Result<(), String> {
    for thing in goal.iter().flat_map(|fact| of(fact)) {
        let class = objects.iter().find(|(id, _)| *id == thing).map(|(_, class)| *class);
        let only = class.is_some_and(|class| {
            objects.iter().filter(|(_, other)| *other == class).count() == 1 && scene.of_class(class).count() == 1
        });
        if !wording.mentions.contains(&thing) && !only {
            return Err(format!("the sentence does not name {thing}, and the scene is another"));
        }
    }
    Ok(())
}

/// All of these are known to be so.
pub(crate) fn holds(assumptions: &[String], scene: &Scene) -> Result<(), String> {
    for text in assumptions {
        let literal = scene.literal(text).map_err(|e| e.to_string())?;
        if !scene.state().proves(literal) {
            return Err(format!("{text} is not known to be so"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wording(sentence: &str) -> Wording {
        let scene = crate::workbench();
        Wording::of(sentence, scene.objects().iter().map(|object| (object.id.as_str(), object.class)))
    }

    fn fit(then: &str, now: &str, similarity: f32) -> Result<Vec<String>, String> {
        let names = names(&wording(then), &wording(now), similarity)?;
        Ok(names.iter().map(|(a, b)| format!("{a}={b}")).collect())
    }

    #[test]
    fn the_same_words_say_which_thing_is_which() {
        let one_for_all = |then, now| fit(then, now, 0.0).unwrap().join(" ");
        assert_eq!(
            one_for_all("put the red block on the green block", "put the green block on the red block"),
            "green_block=red_block red_block=green_block"
        );
        assert_eq!(
            one_for_all("close the top drawer", "close the bottom drawer"),
            "bottom_drawer=top_drawer top_drawer=bottom_drawer"
        );
        assert_eq!(
            one_for_all("red block on green block", "green block on blue block"),
            "blue_block=red_block green_block=blue_block red_block=green_block"
        );
        let twice = "take the red block and put the red block in the top drawer";
        let two = "take the red block and put the blue block in the top drawer";
        assert_eq!(fit(twice, two, 1.0).unwrap_err(), "red_block would have to be two things");
        assert_eq!(fit(two, twice, 1.0).unwrap_err(), "two things would be one");
    }

    #[test]
    fn other_words_are_taken_only_for_the_same_things_in_roles_that_are_certain() {
        let put = "put the red block in the top drawer";
        assert!(fit(put, "stow the red block away in the top drawer", 0.9).is_ok());
        let refused = |then, now, similarity| fit(then, now, similarity).unwrap_err();
        assert!(refused(put, "stow the red block away in the top drawer", 0.7).contains("similarity of only 0.70"));
        assert!(refused(put, "stow the blue block away in the top drawer", 0.99).contains("blue_block, red_block"));
        assert!(
            refused(put, "take the red block out of the top drawer", 0.99)
                .contains("only one of the sentences has out")
        );
        assert!(refused(put, "never put the red block in the top drawer", 0.99).contains("not"));
        let stack = "put the red block on the green block";
        assert!(refused(stack, "on the green block stack the red block", 0.99).contains("more than one <block>"));
    }
}
