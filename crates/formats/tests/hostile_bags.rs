//! Bags that somebody made to break the reader: none panics, none makes it allocate much.
//!
//! Alone in its file: it counts every allocation of its process. `NEURAXIS_CASES` sets how many bags are tried.

mod heap;
#[path = "../../episode/tests/packed/mod.rs"]
mod packed;

use std::{fs, path::Path};

use neuraxis_episode::Recorded;
use neuraxis_formats::rosbag::{Bag, Options};
use packed::{MAGIC, channel, chunk, end, message, schema};
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

/// An image of which there is nothing but its header, without stamp and frame: all that the first pass looks at.
const IMAGE: [u8; 17] = [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];

#[test]
fn a_bag_of_countless_images_is_read_to_a_limit() {
    let dir = tempfile::tempdir().unwrap();
    let told = "rosbag2_bagfile_information:\n  storage_identifier: mcap\n  relative_file_paths: [countless.mcap]\n  \
                topics_with_message_count:\n  - topic_metadata: {name: /front/image, type: sensor_msgs/msg/Image}\n";
    fs::write(dir.path().join("metadata.yaml"), told).unwrap();
    let head = chunk(&[schema(1, "sensor_msgs/msg/Image", 0), channel(1, 1, "/front/image")].concat());
    let image = message(1, &IMAGE);
    let (million, more) = (chunk(&image.repeat(1_000_000)), chunk(&image.repeat(1000)));
    let bytes = [MAGIC, &head, &million.repeat(4), &more].concat();
    assert!(bytes.len() < 1 << 20, "{} bytes", bytes.len());
    fs::write(dir.path().join("countless.mcap"), bytes).unwrap();
    let bag = Bag::open(dir.path(), &Options::default()).unwrap();
    let notes = &bag.about().notes;
    assert!(notes[0].contains("/front/image: message at 0 ns, byte 0: more than 4000000 images"), "{notes:?}");
    // And that the file was cut off.
    assert!(notes.iter().any(|note| note == "996 more messages like these"), "{notes:?}");
}

#[test]
fn images_that_cannot_be_read_are_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("packed.mcap");
    // As one compressed by the recorder, message by message.
    let image = message(1, b"\x28\xb5\x2f\xfd");
    let records = [schema(1, "sensor_msgs/msg/Image", 0), channel(1, 1, "/front/image"), image].concat();
    fs::write(&path, [MAGIC, &chunk(&records), &end()].concat()).unwrap();
    let error = Bag::open(&path, &Options::default()).err().unwrap().to_string();
    let said = "camera front: no image on /front/image can be used: /front/image: message at 0 ns, byte ";
    assert!(error.contains(said), "{error}");
}

#[test]
fn a_bag_of_countless_cameras_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cameras.mcap");
    let camera = |i| [channel(i, 1, &format!("/{i}/image")), message(i, &IMAGE)].concat();
    let cameras: Vec<u8> = (1..=65).flat_map(camera).collect();
    let head = schema(1, "sensor_msgs/msg/Image", 0);
    fs::write(&path, [MAGIC, &chunk(&[head, cameras].concat())].concat()).unwrap();
    let error = Bag::open(&path, &Options::default()).err().unwrap().to_string();
    assert!(error.ends_with("cameras.mcap: 65 cameras, allowed: 64"), "{error}");
}
