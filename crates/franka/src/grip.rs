//! Which order to give to the hand: its commands take seconds, the loop wishes something every millisecond.

use crate::{FrankaConfig, hand::HandCommand};

/// An order to the hand.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) enum Order {
    /// Fingers to this distance, with little force [m].
    Move { width_m: f64 },
    /// Fingers towards this distance, and squeeze what is between them [m], [N].
    Grasp { width_m: f64, force_n: f64 },
}

/// Remembers the order in force.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grip {
    given: Option<HandCommand>,
    is_grasp: bool,
}

impl Grip {
    /// The order that the newest wish makes necessary, with the fingers at `width_m` now; none if the last one holds.
    ///
    /// Closing is a grasp, whether something is in the way or not; opening is a move. A wish that hardly differs from the one
    /// obeyed last, or at the start from where the fingers are, is no new order: an order given again would let go.
    pub(crate) fn order(&mut self, wish: HandCommand, width_m: f64, config: &FrankaConfig) -> Option<Order> {
        let wish = HandCommand { force_n: wish.force_n.clamp(0.0, config.hand_force_max_n), ..wish };
        let from_m = self.given.map_or(width_m, |given| given.width_m);
        let is_moved = (wish.width_m - from_m).abs() > config.hand_dead_band_m;
        let is_firmer = self.is_grasp
            && self.given.is_some_and(|given| (wish.force_n - given.force_n).abs() > config.hand_dead_band_n);
        if !is_moved && !is_firmer {
            return None;
        }
        let closes = wish.width_m < width_m - config.hand_dead_band_m || (!is_moved && is_firmer);
        (self.given, self.is_grasp) = (Some(wish), closes);
        Some(match closes {
            true => Order::Grasp { width_m: wish.width_m, force_n: wish.force_n },
            false => Order::Move { width_m: wish.width_m },
        })
    }

    /// The last order was not carried out: what is wished is an order again, unless the fingers are there.
    pub(crate) fn forget(&mut self) {
        self.given = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(width_m: f64, force_n: f64) -> HandCommand {
        HandCommand { width_m, force_n }
    }

    #[test]
    fn closing_grasps_opening_moves_and_what_hardly_differs_is_left_alone() {
        let (mut grip, config) = (Grip::default(), FrankaConfig::default());
        // The loop begins by wishing what is.
        assert_eq!(grip.order(wish(0.0803, 20.0), 0.08, &config), None);
        assert_eq!(grip.order(wish(0.0, 20.0), 0.08, &config), Some(Order::Grasp { width_m: 0.0, force_n: 20.0 }));
        // The object stops the fingers at 40 mm; the wish stays.
        assert_eq!(grip.order(wish(0.0, 20.0), 0.04, &config), None);
        assert_eq!(grip.order(wish(0.0005, 22.0), 0.04, &config), None);
        assert_eq!(grip.order(wish(0.0, 200.0), 0.04, &config), Some(Order::Grasp { width_m: 0.0, force_n: 70.0 }));
        assert_eq!(grip.order(wish(0.08, 70.0), 0.04, &config), Some(Order::Move { width_m: 0.08 }));
        assert_eq!(grip.order(wish(0.08, 10.0), 0.06, &config), None);
        assert_eq!(grip.order(wish(0.05, 10.0), 0.08, &config), Some(Order::Grasp { width_m: 0.05, force_n: 10.0 }));
        // It was not carried out.
        grip.forget();
        assert_eq!(grip.order(wish(0.05, 10.0), 0.08, &config), Some(Order::Grasp { width_m: 0.05, force_n: 10.0 }));
        grip.forget();
        assert_eq!(grip.order(wish(0.05, 10.0), 0.05, &config), None, "they are there");
    }
}
