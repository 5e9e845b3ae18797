//! The whole matrix over an ideal arm, with the shipped configuration of the FR3.

use std::{path::Path, sync::Arc};

use neuraxis_brainstem::BrainstemConfig;
use neuraxis_cerebellum::CerebellumConfig;
use neuraxis_faults::{Cell, CellResult, CountingAllocator, FaultKind, IdealArm, Matrix, MatrixReport, Source};
use neuraxis_robot::{Robot, RobotConfig};
use serde::de::DeserializeOwned;

#[global_allocator]
static HEAP: CountingAllocator = CountingAllocator;

const SEED: u64 = 7;

fn read<T: DeserializeOwned>(file: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/fr3").join(file);
    serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn fr3() -> Arc<Robot> {
    let config: RobotConfig = read("robot.yaml");
    let urdf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(&config.urdf);
    Arc::new(Robot::from_urdf(&urdf, &config).unwrap())
}

/// Runs one row; every cell that can apply must be ok, and delivered at least one fault.
fn row(source: Source) -> MatrixReport {
    let robot = fr3();
    let brainstem: BrainstemConfig = read("brainstem.yaml");
    let cerebellum = CerebellumConfig { motion: read("motion.yaml"), ..read("cerebellum.yaml") };
    let home = robot.home();
    let arm = move || Ok(IdealArm::new(home));
    let matrix = Matrix::new(robot, brainstem, cerebellum, &arm, CountingAllocator::calls, SEED);
    let cells = FaultKind::ALL.iter().map(|&fault| matrix.run_cell(Cell { source, fault })).collect();
    let report = MatrixReport { cells };
    for cell in &report.cells {
        println!(
            "{:>6}/{:<12} {:?} {:>6}  {}",
            source.name(),
            cell.fault.name(),
            cell.result,
            cell.delivered,
            cell.why
        );
    }
    for cell in &report.cells {
        assert_ne!(cell.result, CellResult::Failed, "{}/{}: {}", source.name(), cell.fault.name(), cell.why);
        assert_eq!(cell.delivered > 0, cell.result == CellResult::Ok);
        assert!(cell.result == CellResult::Ok || !cell.why.is_empty());
    }
    report
}

/// Cells of a row that can apply.
fn applies(source: Source) -> usize {
    row(source).count(CellResult::Ok)
}

#[test]
fn sr29_every_fault_of_the_arms_state() {
    // The counter works at all.
    let before = CountingAllocator::calls();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(CountingAllocator::calls() - before, 2);
    assert_eq!(applies(Source::State), 16);
}

#[test]
fn sr29_every_fault_of_the_commands() {
    assert_eq!(applies(Source::Command), 15);
}

#[test]
fn sr29_every_fault_of_the_policy() {
    assert_eq!(applies(Source::Policy), 14);
}

#[test]
fn sr29_every_fault_of_the_cameras() {
    assert_eq!(applies(Source::Camera), 15);
}

#[test]
fn sr29_sr22_every_fault_of_the_clock() {
    assert_eq!(applies(Source::Clock), 10);
}

#[test]
fn sr29_sr23_every_fault_of_a_viewer() {
    assert_eq!(applies(Source::Viewer), 7);
}

#[test]
fn sr29_sr23_every_fault_of_the_recorders_disk() {
    assert_eq!(applies(Source::Disk), 7);
}

#[test]
fn sr29_every_fault_of_outside_requests() {
    assert_eq!(applies(Source::Ros), 11);
}

#[test]
fn sr29_the_matrix_has_eight_sources_and_seventeen_faults() {
    assert_eq!(Cell::all().count(), 8 * 17);
}
