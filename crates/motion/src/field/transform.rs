//! The exact squared Euclidean distance transform along one line, in linear time.

/// Room to transform one line of cells; a grid is transformed axis after axis, since squared distances add up.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// In: squared distance within the planes done so far [cells²], infinite where nothing is. Out: with this axis.
    pub(super) values: Vec<f32>,
    /// Cells whose parabolas make up the lower envelope, from left to right.
    apexes: Vec<(usize, f32)>,
    /// Where the parabola of the same index begins to be the lowest [cells].
    begins: Vec<f64>,
}

impl Line {
    /// For lines of up to `longest` cells.
    pub(super) fn new(longest: usize) -> Self {
        Self {
            values: Vec::with_capacity(longest),
            apexes: Vec::with_capacity(longest),
            begins: Vec::with_capacity(longest),
        }
    }

    /// `values[q]` becomes the least `(q - p)² + values[p]` over all p: the lower envelope of parabolas
    /// (Felzenszwalb & Huttenlocher 2012, "Distance transforms of sampled functions", algorithm 1). We leave out
    /// parabolas of infinite height, which the paper writes as very high ones. No allocation.
    pub(super) fn transform(&mut self) {
        self.apexes.clear();
        self.begins.clear();
        for (q, &height) in self.values.iter().enumerate().filter(|(_, height)| height.is_finite()) {
            let mut begin = f64::NEG_INFINITY;
            while let (Some(&apex), Some(&last)) = (self.apexes.last(), self.begins.last()) {
                begin = crossing(apex, (q, height));
                if begin > last {
                    break;
                }
                // The new parabola hides the last one.
                self.apexes.pop();
                self.begins.pop();
                begin = f64::NEG_INFINITY;
            }
            self.apexes.push((q, height));
            self.begins.push(begin);
        }
        let mut apexes = self.apexes.iter().zip(self.begins.iter().skip(1).chain([&f64::INFINITY]));
        let Some(mut lowest) = apexes.next() else { return };
        for (q, value) in self.values.iter_mut().enumerate() {
            while *lowest.1 < q as f64 {
                let Some(next) = apexes.next() else { break };
                lowest = next;
            }
            let (apex, height) = *lowest.0;
            let cells = q.abs_diff(apex) as f32;
            *value = cells * cells + height;
        }
    }
}

/// Where the parabolas over two cells cross [cells].
fn crossing((p, low): (usize, f32), (q, high): (usize, f32)) -> f64 {
    let (p, q) = (p as f64, q as f64);
    (f64::from(high) + q * q - f64::from(low) - p * p) / (2.0 * (q - p))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_nine_cells_agrees_with_brute_force() {
        let mut line = Line::new(9);
        for pattern in 0u32..512 {
            let heights: Vec<f32> =
                (0..9).map(|q| if pattern >> q & 1 == 1 { (q * 7 % 5) as f32 } else { f32::INFINITY }).collect();
            line.values.clear();
            line.values.extend(&heights);
            line.transform();
            for (q, value) in line.values.iter().enumerate() {
                let least = heights
                    .iter()
                    .enumerate()
                    .map(|(p, h)| (q.abs_diff(p) as f32).powi(2) + h)
                    .fold(f32::MAX, f32::min);
                let nothing = pattern == 0 && value.is_infinite();
                assert!(nothing || *value == least, "pattern {pattern:b}, cell {q}: {value}, not {least}");
            }
        }
    }
}
