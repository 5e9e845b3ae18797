//! Data sets of LeRobot as PyArrow and pandas write them (tests/data/make_lerobot.py), and videos.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use neuraxis_core::{Gripper, Nanos};
use neuraxis_episode::{Recorded, keyframes};
use neuraxis_formats::lerobot::{DataSet, Options};

const SIZE: [u32; 2] = [10, 6];

/// As in make_lerobot.py.
fn colours(t: u32) -> Vec<u8> {
    let pixel = |(y, x): (u32, u32)| [(9 * x + t) % 256, (11 * y) % 256, (x * y + 5 * t) % 256].map(|c| c as u8);
    (0..SIZE[1]).flat_map(|y| (0..SIZE[0]).map(move |x| (y, x))).flat_map(pixel).collect()
}

fn data() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/lerobot")
}

#[test]
fn both_episodes_of_a_file_are_read() {
    let data_set = DataSet::open(&data()).unwrap();
    assert_eq!(data_set.len(), 2);
    for (e, (length, task)) in [(5, "push the cube"), (7, "lift the cube")].into_iter().enumerate() {
        let episode = data_set.episode(e, &Options::default()).unwrap();
        let about = episode.about();
        assert_eq!((about.number, about.instruction.as_deref()), (e as u64, Some(task)));
        assert_eq!(
            (about.joint_names.join(" "), about.gripper_joint_names.join(" ")),
            ("shoulder.pos elbow.pos".to_string(), "gripper.pos".to_string())
        );
        assert_eq!(episode.moments().len(), length);
        for (i, moment) in episode.moments().iter().enumerate() {
            let (q, told) = (moment.q.unwrap(), moment.q_command.unwrap());
            assert!((q[0] - 0.1 * i as f64).abs() < 1e-6 && (q[1] + 0.2 * i as f64).abs() < 1e-6, "{q:?}");
            assert!((told[0] - q[0] - 0.01).abs() < 1e-6);
            assert_eq!(moment.gripper, Some(if i < 3 { Gripper::Open } else { Gripper::Closed }));
            assert!(moment.stamp.secs_since(Nanos::from_millis(100 * i as u64)).abs() < 1e-6);
        }
        assert_eq!(keyframes(episode.moments()), if e == 0 { vec![4] } else { vec![3, 6] });
        let frames = [1, 2, 4];
        for (t, pictures) in episode.pictures(&frames).map(Result::unwrap) {
            assert_eq!((&*pictures[0].name, pictures[0].size), ("top", SIZE));
            assert!(pictures[0].rgb == colours(10 * e as u32 + t as u32), "episode {e}, frame {t}");
        }
    }
    // Motors that are told in degrees.
    let degrees = Options { degrees: true, ..Options::default() };
    let q = data_set.episode(0, &degrees).unwrap().moments()[4].q.unwrap();
    assert!((q[0] - 0.4f64.to_radians()).abs() < 1e-6);
}

/// The data set with its pictures in a video, and a program in the place of ffmpeg.
fn with_video(dir: &Path, script: &str) -> Options {
    for file in ["meta/info.json", "meta/tasks.parquet", "data/chunk-000/file-000.parquet"] {
        fs::create_dir_all(dir.join(file).parent().unwrap()).unwrap();
        fs::copy(data().join(file), dir.join(file)).unwrap();
    }
    let info = dir.join("meta/info.json");
    let text = fs::read_to_string(&info).unwrap().replace("\"image\"", "\"video\"").replace(
        "\"video_path\": null",
        "\"video_path\": \"videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4\"",
    );
    fs::write(&info, text).unwrap();
    let episodes = "meta/episodes/chunk-000";
    fs::create_dir_all(dir.join(episodes)).unwrap();
    fs::copy(data().join("../video_episodes.parquet"), dir.join(episodes).join("file-000.parquet")).unwrap();
    let video = dir.join("videos/observation.images.top/chunk-000/file-000.mp4");
    fs::create_dir_all(video.parent().unwrap()).unwrap();
    fs::write(video, "a video").unwrap();
    let program = dir.join("program");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    Options { ffmpeg: program, degrees: false }
}

#[test]
fn videos_are_unpacked_by_a_program_without_a_shell() {
    let dir = tempfile::tempdir().unwrap();
    // A stand-in that says what it was asked, and gives three frames of bytes 1, 2, 3.
    let script = "echo \"$@\" > \"${0}.asked\"; for i in 1 2 3; do head -c 180 /dev/zero | tr '\\0' \"\\00$i\"; done; echo over >&2";
    let options = with_video(dir.path(), script);
    let episode = DataSet::open(dir.path()).unwrap().episode(1, &options).unwrap();
    let frames = [0, 2, 3];
    let mut pictures = episode.pictures(&frames);
    for value in [1u8, 3] {
        let (_, found) = pictures.next().unwrap().unwrap();
        assert_eq!(found[0].rgb, vec![value; 180]);
    }
    let said = pictures.next().unwrap().unwrap_err().to_string();
    assert!(said.ends_with("file-000.mp4: over"), "{said}");
    assert!(pictures.next().is_none());
    let asked = fs::read_to_string(dir.path().join("program.asked")).unwrap();
    // The episode starts at 0.5 s, a quarter of a frame early.
    assert!(
        asked.contains("-f mov -ss 0.475000 -i file:/") && asked.contains("-vf scale=10:6 -f rawvideo -pix_fmt rgb24"),
        "{asked}"
    );
    // Without the program.
    let nobody = Options { ffmpeg: "/nonexistent/ffmpeg".into(), degrees: false };
    let episode = DataSet::open(dir.path()).unwrap().episode(0, &nobody).unwrap();
    let said = episode.pictures(&[0]).next().unwrap().unwrap_err().to_string();
    assert!(said.contains("the program /nonexistent/ffmpeg, which cannot be started"), "{said}");
    fs::remove_dir_all(dir.path().join("videos")).unwrap();
    let said = episode.pictures(&[0]).next().unwrap().unwrap_err().to_string();
    assert!(said.ends_with("file-000.mp4: the video is missing"), "{said}");
}

#[test]
fn a_real_video_is_unpacked_frame_by_frame() {
    // NEURAXIS_FFMPEG names the program where it is not on the path; a machine without it says so.
    let program = std::env::var_os("NEURAXIS_FFMPEG").unwrap_or("ffmpeg".into());
    let make = |video: &Path| {
        std::process::Command::new(&program)
            .args([
                "-v",
                "error",
                "-f",
                "lavfi",
                "-i",
                "testsrc2=size=10x6:rate=10:duration=1.2",
                "-pix_fmt",
                "yuv420p",
                "-y",
            ])
            .arg(video)
            .status()
    };
    let dir = tempfile::tempdir().unwrap();
    let options = Options { ffmpeg: program.clone().into(), ..with_video(dir.path(), "exit 1") };
    let video = dir.path().join("videos/observation.images.top/chunk-000/file-000.mp4");
    match make(&video) {
        Ok(status) => assert!(status.success()),
        Err(error) => return eprintln!("not checked: {} cannot be started: {error}", program.display()),
    }
    let data_set = DataSet::open(dir.path()).unwrap();
    // Twelve frames: five of the first episode, seven of the second.
    let all: Vec<Vec<u8>> = (0..2)
        .flat_map(|e| {
            let episode = data_set.episode(e, &options).unwrap();
            let frames: Vec<usize> = (0..episode.moments().len()).collect();
            episode.pictures(&frames).map(|found| found.unwrap().1.remove(0).rgb).collect::<Vec<_>>()
        })
        .collect();
    let whole = std::process::Command::new(&program)
        .args(["-v", "error", "-i"])
        .arg(&video)
        .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"])
        .output()
        .unwrap()
        .stdout;
    assert_eq!((all.len(), whole.len()), (12, 12 * 180));
    assert!(all.concat() == whole);
}
