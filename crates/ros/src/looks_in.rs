//! What a policy's networks saw, taken in from `policy/<view>/image` and `policy/<view>/heat` and put together by its stamp.

use std::time::{Duration, Instant};

use r2r::{Node, builtin_interfaces::msg::Time, sensor_msgs::msg::Image};

use crate::{
    RosError,
    conversions::{depth_from_msg as heat_from_msg, rgb_from_msg, stamp_nanos},
    inbox::{Inbox, inbox},
    looked::{PolicyView, VIEWS},
    topics,
};

/// A look is whole once a newer one begins, or nothing of it has come for so long.
const QUIET: Duration = Duration::from_millis(200);
/// What is older than the look that is put together comes late; much older, and the clock of whoever sends was set back.
const LATE_NANOS: i128 = 1_000_000_000;
/// Longest side of a view [px].
const MOST_PX: u32 = 2048;

/// Listens to the views of whatever policy there is.
pub(crate) struct LooksIn {
    views: Vec<ViewIn>,
    whole: Whole,
}

struct ViewIn {
    name: &'static str,
    image: Inbox<Image>,
    heat: Inbox<Image>,
}

/// The views of one moment, in ROS time.
pub(crate) type Look = (Time, Vec<PolicyView>);

impl LooksIn {
    pub(crate) fn new(node: &mut Node) -> Result<Self, RosError> {
        // Best effort takes from publishers of both kinds, and what was lost would have been too old.
        let newest = || topics::camera_qos().best_effort();
        let view = |name| {
            Ok(ViewIn {
                name,
                image: inbox(node, &topics::view_image(name), newest())?,
                heat: inbox(node, &topics::view_heat(name), newest())?,
            })
        };
        Ok(Self { views: VIEWS.map(view).into_iter().collect::<Result<_, _>>()?, whole: Whole::default() })
    }

    /// Looks that are whole now. `malformed` counts pictures that are none.
    pub(crate) fn hear(&mut self, malformed: &mut u64) -> Vec<Look> {
        let mut parts = Vec::new();
        for view in &mut self.views {
            parts.extend(view.image.drain().iter().map(|msg| Part::image(view.name, msg)));
            parts.extend(view.heat.drain().iter().map(|msg| Part::heat(view.name, msg)));
        }
        *malformed += parts.iter().filter(|part| part.is_none()).count() as u64;
        self.whole.hear(Instant::now(), parts.into_iter().flatten().collect())
    }
}

/// A message about a view.
struct Part {
    name: &'static str,
    stamp: Time,
    shows: Shows,
}

enum Shows {
    Picture { size: [u32; 2], rgb: Vec<u8> },
    Heat(Vec<f32>),
}

impl Part {
    /// `None`: it is no picture.
    fn image(name: &'static str, msg: &Image) -> Option<Self> {
        let size = [msg.width, msg.height];
        let rgb = rgb_from_msg(msg).ok().filter(|_| is_small(size))?;
        Some(Self { name, stamp: msg.header.stamp.clone(), shows: Shows::Picture { size, rgb } })
    }

    /// `None`: it is no heatmap.
    fn heat(name: &'static str, msg: &Image) -> Option<Self> {
        let heat = heat_from_msg(msg).ok().filter(|_| is_small([msg.width, msg.height]))?;
        Some(Self { name, stamp: msg.header.stamp.clone(), shows: Shows::Heat(heat) })
    }
}

fn is_small(size: [u32; 2]) -> bool {
    size.iter().all(|side| (1..=MOST_PX).contains(side))
}

/// Puts the parts of a look together.
#[derive(Default)]
struct Whole {
    /// When the last part came.
    came: Option<Instant>,
    stamp: Time,
    views: Vec<PolicyView>,
}

impl Whole {
    /// Takes what has come, of however many moments; the looks that are whole now.
    fn hear(&mut self, now: Instant, mut parts: Vec<Part>) -> Vec<Look> {
        // The topics were emptied one after the other: a newer moment of the first must not end an older one of the next.
        parts.sort_by_key(|part| stamp_nanos(&part.stamp));
        let taken = parts.into_iter().filter_map(|Part { name, stamp, shows }| match shows {
            Shows::Picture { size, rgb } => self.image(now, name, &stamp, size, rgb),
            Shows::Heat(heat) => self.heat(now, name, &stamp, heat),
        });
        let mut looks: Vec<Look> = taken.collect();
        looks.extend(self.after_silence(now));
        looks
    }

    fn image(&mut self, now: Instant, name: &str, stamp: &Time, size: [u32; 2], rgb: Vec<u8>) -> Option<Look> {
        let (whole, view) = self.part(now, name, stamp)?;
        (view.size, view.rgb) = (size, rgb);
        whole
    }

    fn heat(&mut self, now: Instant, name: &str, stamp: &Time, heat: Vec<f32>) -> Option<Look> {
        let (whole, view) = self.part(now, name, stamp)?;
        view.heat = heat;
        whole
    }

    fn after_silence(&mut self, now: Instant) -> Option<Look> {
        self.came.is_some_and(|at| now - at >= QUIET).then(|| self.take())?
    }

    /// The place of a part, and the look that is whole because this part is of a newer one; `None`: it comes too late.
    fn part(&mut self, now: Instant, name: &str, stamp: &Time) -> Option<(Option<Look>, &mut PolicyView)> {
        let ahead = stamp_nanos(stamp) - stamp_nanos(&self.stamp);
        if self.came.is_none() {
            // A part of what was given away after the silence would make a look of its own.
            if ahead == 0 {
                return None;
            }
        } else if (-LATE_NANOS..0).contains(&ahead) {
            return None;
        }
        let whole = if ahead == 0 { None } else { self.take() };
        (self.came, self.stamp) = (Some(now), stamp.clone());
        let place = self.views.iter().position(|view| view.name == name).unwrap_or_else(|| {
            self.views.push(PolicyView { name: name.into(), size: [0; 2], rgb: Vec::new(), heat: Vec::new() });
            self.views.len() - 1
        });
        Some((whole, &mut self.views[place]))
    }

    /// What has a picture, in the order of the views; heat of another size is none.
    fn take(&mut self) -> Option<Look> {
        self.came = None;
        let mut views = std::mem::take(&mut self.views);
        views.retain(|view| !view.rgb.is_empty());
        for view in &mut views {
            if 3 * view.heat.len() != view.rgb.len() {
                view.heat.clear();
            }
        }
        views.sort_by_key(|view| VIEWS.iter().position(|name| *name == view.name));
        (!views.is_empty()).then(|| (self.stamp.clone(), views))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(sec: i32) -> Time {
        Time { sec, nanosec: 0 }
    }

    fn names(look: &Look) -> Vec<&str> {
        look.1.iter().map(|view| view.name.as_str()).collect()
    }

    #[test]
    fn pictures_and_heat_of_one_moment_are_one_look_in_whatever_order_they_come() {
        let (mut whole, now) = (Whole::default(), Instant::now());
        assert_eq!(whole.heat(now, "dynamic", &stamp(10), vec![0.5, 0.5]), None);
        assert_eq!(whole.image(now, "dynamic", &stamp(10), [2, 1], vec![7; 6]), None);
        assert_eq!(whole.image(now, "coarse_top", &stamp(10), [1, 1], vec![8; 3]), None);
        assert_eq!(whole.image(now, "dynamic_before", &stamp(10), [2, 1], vec![9; 6]), None);
        // Heat without its picture is no view.
        assert_eq!(whole.heat(now, "fine_top", &stamp(10), vec![1.0]), None);
        let look = whole.image(now, "coarse_top", &stamp(11), [1, 1], vec![3; 3]).expect("a newer one begins");
        assert_eq!((look.0.sec, names(&look)), (10, vec!["coarse_top", "dynamic_before", "dynamic"]));
        let [_, before, dynamic] = &look.1[..] else { panic!("{look:?}") };
        assert_eq!((dynamic.size, &dynamic.rgb, &dynamic.heat), ([2, 1], &vec![7; 6], &vec![0.5, 0.5]));
        assert_eq!((&before.rgb, &before.heat), (&vec![9; 6], &vec![]));
        // What is left of the one before comes too late.
        assert_eq!(whole.heat(now, "coarse_top", &stamp(10), vec![0.1]), None);
        let look = whole.after_silence(now + QUIET).expect("the last one");
        assert_eq!((names(&look), look.1[0].heat.len()), (vec!["coarse_top"], 0));
        assert_eq!(whole.after_silence(now + 2 * QUIET), None, "once");
        assert_eq!(whole.heat(now, "coarse_top", &stamp(11), vec![0.1]), None, "it was given away");
    }

    #[test]
    fn moments_that_wait_on_every_topic_are_looks_with_all_their_views() {
        let (mut whole, now) = (Whole::default(), Instant::now());
        let of = |name: &'static str, sec: i32| {
            let picture = Shows::Picture { size: [1, 1], rgb: vec![sec as u8; 3] };
            [picture, Shows::Heat(vec![sec as f32])].map(|shows| Part { name, stamp: stamp(sec), shows })
        };
        // As they are taken: all of a topic, then all of the next.
        let [[a, b], [c, d]] = [of("coarse_top", 10), of("coarse_top", 11)];
        let [[e, f], [g, h]] = [of("fine_top", 10), of("fine_top", 11)];
        let first = whole.hear(now, vec![a, c, b, d, e, g, f, h]);
        let second = whole.hear(now + QUIET, Vec::new());
        for (looks, sec) in [(first, 10), (second, 11)] {
            let [look] = &looks[..] else { panic!("{looks:?}") };
            assert_eq!((look.0.sec, names(look)), (sec, vec!["coarse_top", "fine_top"]));
            assert!(look.1.iter().all(|view| view.rgb == [sec as u8; 3] && view.heat == [sec as f32]), "{look:?}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_end_the_show_and_heat_of_another_size_is_none() {
        let (mut whole, now) = (Whole::default(), Instant::now());
        whole.image(now, "coarse_top", &stamp(100), [1, 1], vec![1; 3]);
        whole.heat(now, "coarse_top", &stamp(100), vec![0.5; 9]);
        let look = whole.image(now, "coarse_top", &stamp(50), [1, 1], vec![2; 3]).expect("what was before");
        assert_eq!((look.0.sec, look.1[0].heat.len()), (100, 0));
        assert_eq!(whole.after_silence(now + QUIET).expect("what came after").0.sec, 50);
    }
}
