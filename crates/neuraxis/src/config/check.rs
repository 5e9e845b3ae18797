//! `neuraxis config check`: what each file alone cannot show. Errors name file, key, value and what is allowed.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result, bail};
use neuraxis_brain::PlannerKind;
use neuraxis_brainstem::Brainstem;
use neuraxis_cerebellum::Cerebellum;
use neuraxis_core::{ArmState, Joints, Nanos};
use neuraxis_motion::PathPlanner;
use neuraxis_policy::checkpoint::Checkpoint;
use neuraxis_robot::Robot;

use super::Config;
use crate::tasks;

impl Config {
    /// Builds what the files configure, and looks at what they name.
    pub fn check(&self) -> Result<()> {
        let robot = Arc::new(self.load_robot()?);
        let brainstem =
            Brainstem::new(robot.clone(), self.brainstem.clone()).with_context(|| self.file("brainstem.yaml"))?;
        let inner = Arc::new(robot.within_margin(self.brainstem.position_margin_rad));
        Cerebellum::new(&inner, self.cerebellum.clone(), &self.brainstem.shares())
            .with_context(|| self.file("cerebellum.yaml, motion.yaml"))?;
        PathPlanner::new(inner, &self.cerebellum.motion).with_context(|| self.file("motion.yaml"))?;
        self.check_told()?;
        self.check_home(brainstem, &robot)?;
        self.check_weights()?;
        self.check_plan()?;
        if Path::new(&self.file("arm.yaml")).exists() {
            crate::real::ArmSettings::load(self, None)?;
        }
        Ok(())
    }

    /// The loop is told nothing that it would refuse, nor the fingers what it would not pass on.
    fn check_told(&self) -> Result<()> {
        let (asked, most) = (&self.cerebellum, &self.brainstem);
        for (key, value, limit, most) in [
            ("open_width_m", asked.open_width_m, "gripper_width_max_m", most.gripper_width_max_m),
            ("grip_force_n", asked.grip_force_n, "grip_force_max_n", most.grip_force_max_n),
            ("segment_lease_secs", asked.segment_lease_secs, "lease_max_secs", most.lease_max_secs),
            ("segment_lead_secs", asked.segment_lead_secs, "lead_max_secs", most.lead_max_secs),
        ] {
            if value > most {
                let file = self.file("cerebellum.yaml");
                bail!("{file}: {key} = {value}, allowed: up to {limit} of brainstem.yaml, {most}");
            }
        }
        Ok(())
    }

    /// The arm at home stands clear, as the loop sees it in its first tick.
    fn check_home(&self, mut brainstem: Brainstem, robot: &Robot) -> Result<()> {
        let still = Joints::zeros(robot.dof());
        let state = ArmState {
            stamp: Nanos(0),
            q: robot.home(),
            qd: still,
            tau_nm: still,
            gripper_width_m: 0.0,
            grip_force_n: None,
        };
        let room = brainstem.step(Nanos(0), &state, None).clearance;
        let margin_m = self.brainstem.clearance_margin_m;
        for (what, room_m) in [("the walls and tool_box of brainstem.yaml", room.walls_m), ("itself", room.self_m)] {
            if room_m < margin_m {
                bail!(
                    "{}: home_rad = {:?}: {room_m:.3} m from {what}, allowed: {margin_m} m or more \
                     (clearance_margin_m of brainstem.yaml)",
                    self.file("robot.yaml"),
                    self.robot.home_rad
                );
            }
        }
        Ok(())
    }

    fn check_weights(&self) -> Result<()> {
        tasks::list("trained", self)?;
        let (run, file) = (&self.run, self.file("run.yaml"));
        let named = || format!("{file}: weights = {}, allowed: a file of weights", run.weights.display());
        let found = Checkpoint::read(&self.root.join(&run.weights)).with_context(named)?;
        let hash = format!("{:016x}", found.hash);
        match &run.weights_hash {
            Some(wanted) if *wanted != hash => {
                bail!("{file}: weights_hash = {wanted}, allowed: {hash} ({}), or null", run.weights.display())
            }
            _ => Ok(()),
        }
    }

    fn check_plan(&self) -> Result<()> {
        let PlannerKind::File(plan) = &self.brain.planner else { return Ok(()) };
        let named = || {
            let file = self.file("brain.yaml");
            format!("{file}: planner.file = {}, allowed: a plan in the plan language (JSON)", plan.file.display())
        };
        let text = std::fs::read_to_string(&plan.file).with_context(named)?;
        serde_json::from_str::<neuraxis_plan::RawPlan>(&text).with_context(named)?;
        Ok(())
    }

    /// A file of this robot, as errors name it.
    pub fn file(&self, name: &str) -> String {
        self.root.join("configs").join(&self.name).join(name).display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use neuraxis_brain::PlanIn;
    use neuraxis_brainstem::ToolBoxConfig;

    use super::*;

    /// What is said of the shipped files, changed so.
    fn said(robot: &str, change: impl Fn(&mut Config)) -> String {
        let mut config = Config::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), robot).unwrap();
        change(&mut config);
        config.check().map_or_else(|error| format!("{error:#}"), |()| "sound".into())
    }

    #[test]
    fn a_folder_without_a_robot_is_no_robot() {
        let error = Config::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), "weights").unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("no robot \"weights\": ") && error.ends_with("known: fr3, ur5e"), "{error}");
    }

    #[test]
    fn what_only_two_files_together_show_is_named() {
        assert_eq!([said("fr3", |_| ()), said("ur5e", |_| ())], ["sound", "sound"]);
        let wide = said("fr3", |config| config.cerebellum.open_width_m = 0.2);
        assert!(
            wide.ends_with(
                "cerebellum.yaml: open_width_m = 0.2, allowed: up to gripper_width_max_m of brainstem.yaml, 0.08"
            ),
            "{wide}"
        );
        let firm = said("fr3", |config| config.cerebellum.grip_force_n = 900.0);
        assert!(firm.contains("grip_force_n = 900, allowed: up to grip_force_max_n"), "{firm}");
        let short = said("fr3", |config| config.brainstem.lease_max_secs = 0.01);
        assert!(
            short.ends_with("segment_lease_secs = 0.02, allowed: up to lease_max_secs of brainstem.yaml, 0.01"),
            "{short}"
        );
        let late = said("fr3", |config| config.brainstem.lead_max_secs = 0.001);
        assert!(
            late.contains("segment_lead_secs = 0.005, allowed: up to lead_max_secs of brainstem.yaml, 0"),
            "{late}"
        );
        let boxed = ToolBoxConfig { min_xyz_m: [-9.0; 3], max_xyz_m: [-8.0; 3] };
        let outside = said("fr3", |config| config.brainstem.tool_box = Some(boxed));
        assert!(outside.contains("robot.yaml: home_rad = [") && outside.contains("tool_box"), "{outside}");
    }

    #[test]
    fn weights_tasks_and_plans_that_are_not_there_are_named() {
        let nowhere = said("fr3", |config| config.run.weights = "nofile".into());
        assert!(nowhere.contains("run.yaml: weights = nofile, allowed: a file of weights: "), "{nowhere}");
        let others = said("fr3", |config| config.run.weights_hash = Some("0123456789abcdef".into()));
        assert!(others.contains("run.yaml: weights_hash = 0123456789abcdef, allowed: "), "{others}");
        let unknown = said("fr3", |config| config.run.weights_tasks = vec!["nope".into()]);
        assert!(unknown.contains("run.yaml: weights_tasks: unknown task \"nope\"; known: "), "{unknown}");
        let unplanned =
            said("fr3", |config| config.brain.planner = PlannerKind::File(PlanIn { file: "no.json".into() }));
        assert!(unplanned.contains("brain.yaml: planner.file = no.json, allowed: a plan"), "{unplanned}");
    }
}
