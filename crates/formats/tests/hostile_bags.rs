//! Bags that somebody made to break the reader: none panics, none makes it allocate much.
//!
//! Alone in its file: it counts every allocation of its process. `NEURAXIS_CASES` sets how many bags are tried.

mod heap;

use std::{fs, path::Path};

use neuraxis_episode::Recorded;
use neuraxis_formats::rosbag::{Bag, Options};
use rand::SeedableRng;
use rand_pcg::Pcg64;

/// No request is larger: the limit on a record of the container, doubled as a vector grows.
const MOST_BYTES: usize = 129 << 20;

#[test]
fn mutated_bags_are_refused_or_read() {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let front = "front=/front/image,/front/depth,/front/camera_info".parse().unwrap();
    let hand = "hand=/hand/rgb/compressed,/hand/aligned_depth".parse().unwrap();
    let options = Options { cameras: vec![front, hand], ..Options::default() };
    let mut rng = Pcg64::seed_from_u64(31);
    let (mut good, mut frames) = (0, 0);
    let cases = heap::cases();
    for name in ["bag_mcap/bag_mcap.mcap", "bag_sqlite3/bag_sqlite3.db3"] {
        let whole = fs::read(data.join(name)).unwrap();
        let path = dir.path().join(Path::new(name).file_name().unwrap());
        for _ in 0..cases / 2 {
            fs::write(&path, heap::mutated(&whole, &mut rng)).unwrap();
            let Ok(bag) = Bag::open(&path, &options) else { continue };
            good += 1;
            let all: Vec<usize> = (0..bag.moments().len()).collect();
            frames += bag.pictures(&all).filter(Result::is_ok).count();
        }
    }
    let largest = heap::largest();
    println!("{cases} bags: {good} opened, {frames} frames, largest allocation {} MB", largest >> 20);
    assert!(good > cases / 10 && good < cases, "{good} of {cases} opened: the mutations do not do their work");
    assert!(largest <= MOST_BYTES, "{largest} bytes at once");
}
