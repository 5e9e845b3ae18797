//! What holds when each stage is done, from what was said of each.

use neuraxis_plan::{Fact, FactId, FactSet, ObjectId, Predicate, Scene};

/// True if the fact says where the block is.
pub(super) fn places(fact: &Fact, block: ObjectId) -> bool {
    matches!(fact.predicate, Predicate::On | Predicate::In) && fact.of[0] == Some(block)
}

/// Each stage with what earlier ones brought about and it does not replace; empty stages are left out.
pub(super) fn cumulative(stages: &[Vec<FactId>], scene: &Scene) -> Vec<FactSet> {
    let mut so_far = FactSet::default();
    let mut all = Vec::new();
    for stage in stages.iter().filter(|stage| !stage.is_empty()) {
        for wished in stage {
            let Some(new) = scene.fact(*wished) else { continue };
            let replaced = |old: &Fact| match new.predicate {
                Predicate::On | Predicate::In => new.of[0].is_some_and(|block| places(old, block)),
                Predicate::Open | Predicate::Closed => {
                    matches!(old.predicate, Predicate::Open | Predicate::Closed) && old.of == new.of
                }
                _ => false,
            };
            so_far = so_far.iter().filter(|fact| !scene.fact(*fact).is_some_and(replaced)).collect();
            so_far.insert(*wished);
        }
        all.push(so_far);
    }
    all
}
