//! Where a compiled model keeps the arm and its gripper, and how stiff the arm is held: read from the robot's own file.
//!
//! A file `sim/ROBOT.xml` has a motor for each joint of the arm, from the base on, then position actuators `finger1`
//! and `finger2`; bodies `hand`, `left_finger` and `right_finger`; and numerics `stiffness` [N m/rad] and `damping`
//! [N m s/rad] with a number for each joint of the arm.

use mujoco_rs::prelude::{MjModel, MjtObjBase};

use crate::SimError;

/// Addresses and gains of one robot.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    /// Of each joint of the arm: addresses in `qpos` and `qvel`, gains, largest torque [N m].
    pub(crate) joints: Vec<Servo>,
    /// Addresses of the two fingers in `qpos` and `qvel`.
    pub(crate) fingers: [(usize, usize); 2],
    /// A finger fully open [m].
    pub(crate) open_m: f64,
}

/// One joint under impedance control.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Servo {
    pub(crate) qpos: usize,
    pub(crate) qvel: usize,
    pub(crate) stiffness: f64,
    pub(crate) damping: f64,
    pub(crate) most_nm: f64,
}

impl Body {
    pub(crate) fn new(model: &MjModel, robot: &str) -> Result<Self, SimError> {
        let refuse = |reason: String| SimError::Robot { file: format!("sim/{robot}.xml"), reason };
        let address = |joint: usize| Some((*model.jnt_qposadr().get(joint)?, *model.jnt_dofadr().get(joint)?));
        let address = |joint: usize| address(joint).map(|(qpos, qvel)| (qpos as usize, qvel as usize));
        let ids = ["finger1", "finger2"].map(|name| model.name_to_id(MjtObjBase::mjOBJ_ACTUATOR, name));
        let [Some(first), Some(second)] = ids else { return Err(refuse("no actuators finger1 and finger2".into())) };
        let (dof, [stiffness, damping]) = (first, ["stiffness", "damping"].map(|name| numeric(model, name)));
        if stiffness.len() != dof || damping.len() != dof || second != dof + 1 {
            return Err(refuse(format!(
                "{dof} actuators before finger1, numerics stiffness and damping have {} and {} values: allowed is one for \
                 each joint",
                stiffness.len(),
                damping.len()
            )));
        }
        let moved = |actuator: usize| address(*model.actuator_trnid()[actuator].first()? as usize);
        let joints = (0..dof).map(|i| {
            let (qpos, qvel) = moved(i)?;
            let [_, most_nm] = model.actuator_ctrlrange()[i];
            Some(Servo { qpos, qvel, stiffness: stiffness[i], damping: damping[i], most_nm })
        });
        let joints = joints.collect::<Option<_>>().ok_or_else(|| refuse("an actuator that moves no joint".into()))?;
        let fingers = moved(first).zip(moved(second)).map(|(a, b)| [a, b]);
        let fingers = fingers.ok_or_else(|| refuse("a finger's actuator moves no joint".into()))?;
        Ok(Self { joints, fingers, open_m: model.actuator_ctrlrange()[first][1] })
    }

    pub(crate) fn dof(&self) -> usize {
        self.joints.len()
    }
}

/// A numeric of the model; empty if there is none.
fn numeric<'a>(model: &'a MjModel, name: &str) -> &'a [f64] {
    let found = model.name_to_id(MjtObjBase::mjOBJ_NUMERIC, name);
    found.map_or(&[], |id| {
        let from = model.numeric_adr()[id] as usize;
        &model.numeric_data()[from..from + model.numeric_size()[id] as usize]
    })
}
