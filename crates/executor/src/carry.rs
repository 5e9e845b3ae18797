//! M2, what is carried: from the grip until the fingers are told to open, by the gripper's own word, each tick.

use neuraxis_plan::Truth;

use crate::monitor::Debounce;

/// So many looks in a row with nothing between the fingers are a loss (50 ms): one may be a jolt, or a single reading of a
/// gripper that reports more slowly than the loop runs.
const LOST_LOOKS: u8 = 10;

/// Whether something must be between the fingers, and whether it still is.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Carry {
    is_expected: bool,
    lost: Debounce,
}

impl Default for Carry {
    fn default() -> Self {
        Self { is_expected: false, lost: Debounce::new(LOST_LOOKS, LOST_LOOKS) }
    }
}

impl Carry {
    /// Something must be held from here on, or need not be. What was felt before is forgotten when this changes.
    pub(crate) fn expect(&mut self, is_expected: bool) {
        if is_expected != self.is_expected {
            *self = Self { is_expected, ..Self::default() };
        }
    }

    /// One tick. What nobody knows speaks against nothing.
    pub(crate) fn look(&mut self, held: Truth) {
        self.lost.look(self.is_expected && held == Truth::False);
    }

    /// It is gone.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_expected && self.lost.is_on()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jolt_is_no_loss_and_what_need_not_be_held_cannot_be_lost() {
        let mut carry = Carry::default();
        let looks = |carry: &mut Carry, held: Truth, count: u8| {
            (0..count).for_each(|_| carry.look(held));
            carry.is_lost()
        };
        assert!(!looks(&mut carry, Truth::False, 50), "nothing was taken");
        carry.expect(true);
        assert!(!looks(&mut carry, Truth::False, 9));
        assert!(!looks(&mut carry, Truth::True, 1));
        assert!(!looks(&mut carry, Truth::Unknown, 50));
        assert!(!looks(&mut carry, Truth::False, 9));
        assert!(looks(&mut carry, Truth::False, 1));
        carry.expect(false);
        assert!(!carry.is_lost(), "the fingers were opened");
    }
}
