//! The pictures of a bag that are asked for, frame by frame.

use std::collections::BTreeMap;

use neuraxis_core::{Nanos, Pose};
use neuraxis_episode::{EpisodeError, Picture, cdr::CdrError};
use neuraxis_picture::{Decoded, Pixels};

use super::{
    bag::{Bag, pose_between},
    gathered::SeenCamera,
    messages,
    storage::{Raw, Storage},
};

/// Most bytes of images that wait for others of their frame.
const MOST_WAITING: usize = 512 << 20;

/// The second pass: images wait until all of their frame are there.
pub(super) struct Pass<'a> {
    bag: &'a Bag,
    /// What is damaged was noted in the first pass, and no frame is made of it.
    messages: Box<dyn Iterator<Item = (Raw, u64)> + 'a>,
    frames: &'a [usize],
    /// How many frames still need an image, by its place.
    uses: BTreeMap<u64, usize>,
    waiting: BTreeMap<u64, Raw>,
    bytes: usize,
    is_done: bool,
}

impl<'a> Pass<'a> {
    /// Of these frames of a bag.
    pub(super) fn new(bag: &'a Bag, storage: &'a Storage, frames: &'a [usize]) -> Self {
        let mut uses: BTreeMap<u64, usize> = BTreeMap::new();
        for (colours, depth) in frames.iter().filter_map(|t| bag.images.get(*t)).flatten() {
            for place in std::iter::once(*colours).chain(*depth) {
                *uses.entry(place).or_default() += 1;
            }
        }
        let messages = Box::new(storage.messages().zip(0..).filter_map(|(raw, place)| Some((raw.ok()?, place))));
        Self { bag, messages, frames, uses, waiting: BTreeMap::new(), bytes: 0, is_done: false }
    }

    fn frame(&mut self, t: usize) -> Result<Vec<Picture>, EpisodeError> {
        let bag = self.bag;
        let (Some(places), Some(moment)) = (bag.images.get(t), bag.moments.get(t)) else { return Ok(Vec::new()) };
        let needed: Vec<u64> =
            places.iter().flat_map(|(colours, depth)| std::iter::once(*colours).chain(*depth)).collect();
        while let Some(missing) = needed.iter().find(|place| !self.waiting.contains_key(*place)) {
            let Some((raw, place)) = self.messages.next() else {
                return Err(EpisodeError::format(&bag.path, format!("message {missing} is gone: the bag has changed")));
            };
            if self.uses.contains_key(&place) {
                self.bytes += raw.data.len();
                if self.bytes > MOST_WAITING {
                    let reason = format!("images of one time lie more than {MOST_WAITING} bytes apart");
                    return Err(EpisodeError::format(&bag.path, reason));
                }
                self.waiting.insert(place, raw);
            }
        }
        let mut pictures = Vec::with_capacity(places.len());
        for (camera, (colours, depth)) in bag.cameras.iter().zip(places) {
            let depth = depth.and_then(|place| self.waiting.get(&place));
            let Some(colours) = self.waiting.get(colours) else { continue };
            pictures.push(bag.picture(camera, moment.stamp, colours, depth)?);
        }
        for place in needed {
            let Some(left) = self.uses.get_mut(&place) else { continue };
            *left -= 1;
            if *left == 0 {
                self.uses.remove(&place);
                self.bytes -= self.waiting.remove(&place).map_or(0, |raw| raw.data.len());
            }
        }
        Ok(pictures)
    }
}

impl Iterator for Pass<'_> {
    type Item = Result<(usize, Vec<Picture>), EpisodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (t, later) = self.frames.split_first().filter(|_| !self.is_done)?;
        self.frames = later;
        let pictures = self.frame(*t);
        self.is_done = pictures.is_err();
        Some(pictures.map(|pictures| (*t, pictures)))
    }
}

impl Bag {
    fn picture(
        &self,
        camera: &SeenCamera,
        stamp: Nanos,
        colours: &Raw,
        depth: Option<&Raw>,
    ) -> Result<Picture, EpisodeError> {
        let name = &camera.topics.name;
        let decode = |raw: &Raw| {
            messages::image(&raw.kind, &raw.data).map_err(|CdrError { offset, reason }| {
                let (topic, at) = (&raw.topic, raw.log_nanos);
                EpisodeError::format(&self.path, format!("{topic}: message at {at} ns, byte {offset}: {reason}"))
            })
        };
        let refuse = |reason: String| EpisodeError::format(&self.path, format!("camera {name}: {reason}"));
        let Decoded { size, pixels: Pixels::Rgb(rgb) } = decode(colours)? else {
            return Err(refuse(format!("{} holds no colours", colours.topic)));
        };
        let depth_m = match depth.map(decode).transpose()? {
            None => None,
            Some(Decoded { size: other, .. }) if other != size => {
                return Err(refuse(format!("depth is of {other:?} pixels, colours of {size:?}")));
            }
            Some(Decoded { pixels: Pixels::Rgb(_), .. }) => return Err(refuse("depth is a picture of colours".into())),
            Some(Decoded { pixels: Pixels::Metres(metres), .. }) => Some(metres),
            Some(Decoded { pixels: Pixels::Millimetres(millimetres), .. }) => {
                Some(millimetres.into_iter().map(|depth| f32::from(depth) / 1000.0).collect())
            }
        };
        if let Some(known) = camera.intrinsics.filter(|known| [known.width, known.height] != size) {
            return Err(refuse(format!(
                "calibrated for {} x {} pixels, pictures have {size:?}",
                known.width, known.height
            )));
        }
        let pose = match &camera.topics.pose {
            Some(_) => camera.poses.in_world(&self.frames, self.world.as_deref(), stamp),
            None => {
                let frame = camera.frame.as_deref().or(camera.info_frame.as_deref());
                pose_between(&self.frames, self.world.as_deref(), frame, stamp)
            }
        };
        let (intrinsics, world_from_camera) = (camera.intrinsics, pose.map(Pose::new));
        Ok(Picture { name: name.as_str().into(), size, rgb, depth_m, intrinsics, world_from_camera })
    }
}
