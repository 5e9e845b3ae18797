//! N of the last M looks, with a lower bar for going off again.

/// Goes on when at least `enter` of the last `window` looks were bad, and off when at most `exit` of them were.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Debounce {
    enter: u8,
    exit: u8,
    mask: u32,
    bits: u32,
    is_on: bool,
}

impl Debounce {
    /// `enter` is brought into 1 to `window`, `window` into 1 to 32; off again only after a whole good window.
    pub fn new(enter: u8, window: u8) -> Self {
        let window = window.clamp(1, 32);
        Self { enter: enter.clamp(1, window), exit: 0, mask: u32::MAX >> (32 - window), bits: 0, is_on: false }
    }

    /// Off again at `exit` bad looks, brought below `enter`: the gap is the hysteresis.
    #[must_use]
    pub fn with_exit(self, exit: u8) -> Self {
        Self { exit: exit.min(self.enter - 1), ..self }
    }

    /// One look; whether it is on after it.
    pub fn look(&mut self, is_bad: bool) -> bool {
        self.bits = (self.bits << 1 | u32::from(is_bad)) & self.mask;
        let bad = self.bits.count_ones();
        self.is_on = if self.is_on { bad > u32::from(self.exit) } else { bad >= u32::from(self.enter) };
        self.is_on
    }

    /// Whether it is on.
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Forgets all looks.
    pub fn clear(&mut self) {
        (self.bits, self.is_on) = (0, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_at_n_of_m_and_off_only_below_the_lower_bar() {
        let mut debounce = Debounce::new(2, 3).with_exit(0);
        let looks = [true, false, false, true, true, false, true, false, false, false];
        let on: Vec<bool> = looks.into_iter().map(|bad| debounce.look(bad)).collect();
        assert_eq!(on, [false, false, false, false, true, true, true, true, true, false]);
        let mut without = Debounce::new(2, 3).with_exit(9);
        let on: Vec<bool> = looks.into_iter().map(|bad| without.look(bad)).collect();
        assert_eq!(on, [false, false, false, false, true, true, true, false, false, false]);
    }

    #[test]
    fn a_window_of_32_forgets_the_thirty_third_look() {
        let mut debounce = Debounce::new(1, 32);
        assert!(debounce.look(true));
        assert!((0..31).all(|_| debounce.look(false)));
        assert!(!debounce.look(false));
    }
}
