//! Histograms beside each other in text.

/// Lower ends of the buckets: 1, 2, 5 of each decade, in the unit of the values.
const EDGES: [f64; 18] = [0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 1e2, 2e2, 5e2, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5];
/// Characters of a full bar.
const WIDTH: f64 = 14.0;

/// Lines, one per bucket in use, one column per distribution: a bar as long as the logarithm of the count, so that single
/// values show, and the count.
pub fn bars(title: &str, unit: &str, columns: &[(&str, &[f64])]) -> Vec<String> {
    let counts: Vec<[usize; EDGES.len()]> = columns.iter().map(|(_, values)| count(values)).collect();
    let used = |bucket: &usize| counts.iter().any(|c| c[*bucket] > 0);
    let (Some(first), Some(last)) = ((0..EDGES.len()).find(used), (0..EDGES.len()).rev().find(used)) else {
        return Vec::new();
    };
    let head: String = columns.iter().map(|(name, _)| format!(" {name:<24}")).collect();
    let mut lines = vec![format!("{:<16}{head}", format!("{title} [{unit}]")).trim_end().to_string()];
    for bucket in first..=last {
        let upper = EDGES.get(bucket + 1).map_or("...".to_string(), |edge| edge.to_string());
        let mut line = format!("{:>7} - {upper:<6}", EDGES[bucket]);
        for (count, (_, values)) in counts.iter().zip(columns) {
            let (n, all) = (count[bucket] as f64, values.len() as f64);
            let length = if n > 0.0 { ((n + 1.0).ln() / (all + 1.0).ln() * WIDTH).ceil() as usize } else { 0 };
            line += &format!(" {:<14} {:<9}", "#".repeat(length), if n > 0.0 { n.to_string() } else { String::new() });
        }
        lines.push(line.trim_end().to_string());
    }
    lines
}

fn count(values: &[f64]) -> [usize; EDGES.len()] {
    let mut counts = [0; EDGES.len()];
    for value in values {
        counts[EDGES.partition_point(|edge| edge <= value).saturating_sub(1)] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_its_bucket_and_a_single_one_shows() {
        let many: Vec<f64> = (0..1000).map(|n| 10.0 + f64::from(n) * 0.009).chain([700.0]).collect();
        let lines = bars("wake", "us", &[("ours", &many), ("theirs", &[3.0])]);
        assert_eq!(lines.len(), 1 + 8, "{lines:#?}");
        assert!(lines[0].starts_with("wake [us]") && lines[0].ends_with("theirs"));
        assert!(lines[1].contains("2 - 5") && lines[1].trim_end().ends_with('1'), "{lines:#?}");
        assert!(lines[2].contains("5 - 10") && !lines[2].contains('#'), "{lines:#?}");
        assert!(lines[3].contains("10 - 20") && lines[3].contains(&"#".repeat(14)) && lines[3].contains("1000"));
        assert!(lines[8].contains("500 - 1000") && lines[8].ends_with('1'), "{lines:#?}");
        assert!(bars("wake", "us", &[("ours", &[])]).is_empty());
    }
}
