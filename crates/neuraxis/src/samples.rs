//! Observations of a recorded episode with their labels, as training wants them.

use anyhow::{Context, Result, bail};
use neuraxis_core::{CameraView, Joints, KeyFrame, Nanos, Observation, Progress};
use neuraxis_episode::{
    Moment, Recorded, check_for_training,
    dataset::{CloudSample, DatasetWriter},
};
use neuraxis_policy::{
    PolicyConfig,
    sample::{LabelledGoal, Record},
    views,
};
use neuraxis_vision::Cloud;

/// Between two key-frames one frame is kept in so much time: every tenth of RLBench's, as PerAct does [s].
const EVERY_SECS: f64 = 0.5;
/// Stamps may be so much early [s].
const EARLY_SECS: f64 = 0.002;

/// What an episode teaches.
pub struct Lesson {
    /// Its observations with their labels.
    pub samples: Vec<(Record, Cloud)>,
    /// Names of the cameras that saw every one of them, sorted.
    pub cameras: Vec<String>,
}

/// What one episode teaches; `number` tells its scene from others, `script` says which frames are key-frames.
///
/// # Errors
/// What training needs and nobody recorded; a key-frame outside of the policy's bounds; a picture that cannot be read; cameras
/// that come and go.
pub fn of(
    episode: &dyn Recorded,
    number: u64,
    policy: &PolicyConfig,
    script: impl Fn(&[Moment]) -> Vec<usize>,
) -> Result<Lesson> {
    let (about, moments) = (episode.about(), episode.moments());
    let (_, first) = episode.pictures(&[0]).next().context("no frame")??;
    check_for_training(episode, &first)?;
    let sentence = about.instruction.as_ref().context("no sentence")?;
    let script = script(moments);
    let goals = script.iter().map(|t| goal(episode, *t, policy)).collect::<Result<Vec<KeyFrame>>>()?;
    let end = goals.last().context("one frame only")?;
    let end_xyz_in_world = Some(end.world_from_tool.position().into());
    let zero = moments.first().map_or(Nanos(0), |moment| moment.stamp);

    let kept = kept(moments, &script);
    let frames: Vec<usize> = kept.iter().map(|(t, ..)| *t).collect();
    let mut samples = Vec::with_capacity(kept.len());
    let mut seen_by: Option<Vec<String>> = None;
    for (pictures, (at, start, kind)) in episode.pictures(&frames).zip(&kept) {
        let (_, pictures) = pictures?;
        // Both were checked to be there in every frame.
        let (moment, reached) = (&moments[*at], &moments[*start]);
        let pose = |moment: &Moment| moment.world_from_tool.context("no pose of the tool");
        let progress = Progress {
            reached_world_from_tool: pose(reached)?,
            gripper: reached.gripper.context("no gripper")?,
            reached_count: *kind as u32,
        };
        // Cameras without depth show, but do not teach.
        let cameras: Vec<CameraView> = pictures
            .into_iter()
            .filter(|seen| seen.depth_m.is_some())
            .filter_map(|seen| seen.into_view().ok())
            .collect();
        let mut names: Vec<String> = cameras.iter().map(|view| view.name.to_string()).collect();
        names.sort();
        let before = seen_by.get_or_insert_with(|| names.clone());
        if *before != names {
            bail!(
                "frame {at}: cameras with depth, intrinsics and a pose are {names:?}, in the frames before {before:?}"
            );
        }
        let gripper_width_m = moment.gripper_width_m.context("no width of the gripper")?;
        let seen = Observation {
            seq: *at as u64,
            stamp: moment.stamp,
            cameras,
            // Clouds do not depend on the joints.
            q: Joints::zeros(0),
            world_from_tool: pose(moment)?,
            gripper_width_m,
            progress,
        };
        let mut cloud = Cloud::default();
        views::fuse(&seen, policy, &mut cloud).with_context(|| format!("frame {at}"))?;
        let record = Record {
            task: about.task.clone(),
            seed: number,
            kind: *kind as u32,
            secs: moment.stamp.secs_since(zero),
            world_from_tool: seen.world_from_tool,
            reached_world_from_tool: progress.reached_world_from_tool,
            gripper: progress.gripper,
            gripper_width_m,
            goals: vec![LabelledGoal { instruction: sentence.clone(), keyframe: goals[*kind], end_xyz_in_world }],
        };
        samples.push((record, cloud));
    }
    Ok(Lesson { samples, cameras: seen_by.unwrap_or_default() })
}

/// Adds them to a data set.
pub fn push(samples: &[(Record, Cloud)], writer: &mut DatasetWriter) -> Result<()> {
    for (record, cloud) in samples {
        writer.push(&CloudSample { xyz_in_world: &cloud.xyz_in_world, rgb: &cloud.rgb, record })?;
    }
    Ok(())
}

fn goal(episode: &dyn Recorded, t: usize, policy: &PolicyConfig) -> Result<KeyFrame> {
    let keyframe = episode.keyframe(t).context("a key-frame beyond the last frame")?;
    let (p, b) = (keyframe.world_from_tool.position(), policy.bounds_m);
    if !(0..3).all(|i| p[i] >= b[i] && p[i] <= b[i + 3]) {
        bail!("frame {t}: its key-frame at {:.3?} m is outside the bounds {b:?} m", <[f64; 3]>::from(p));
    }
    Ok(keyframe)
}

/// Frames that are kept, each with the frame of the key-frame before it and the number of the one after it.
fn kept(moments: &[Moment], script: &[usize]) -> Vec<(usize, usize, usize)> {
    let (mut kept, mut start) = (Vec::new(), 0);
    for (kind, &t) in script.iter().enumerate() {
        let mut last: Option<Nanos> = None;
        for (at, moment) in moments.iter().enumerate().take(t).skip(start) {
            if last.is_none_or(|last| moment.stamp.secs_since(last) >= EVERY_SECS - EARLY_SECS) {
                kept.push((at, start, kind));
                last = Some(moment.stamp);
            }
        }
        start = t;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tenth_frame_of_rlbenchs_is_kept_between_key_frames() {
        let at = |t: u64| Moment { stamp: Nanos::from_millis(50 * t), ..Moment::default() };
        let moments: Vec<Moment> = (0..40).map(at).collect();
        assert_eq!(kept(&moments, &[25, 39]), [(0, 0, 0), (10, 0, 0), (20, 0, 0), (25, 25, 1), (35, 25, 1)]);
    }
}
