//! What each cell of the matrix must lead to, and why the others cannot apply.

use neuraxis_cerebellum::Refusal;
use neuraxis_core::{Fault, Nanos, Reaction};

use crate::{Cell, FaultKind as K, Source as S};

/// How a fault is noticed: bounds the time until the stop begins.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// In the tick in which it arrives.
    AtOnce,
    /// When the lease of the last good segment ends.
    Lease,
    /// When the arm's state has not been renewed for the time-out.
    StateTimeout,
    /// When the arm has been too far from its command for the debounce.
    Tracking,
    /// When no usable prediction was heard for the policy's silence limit.
    Silence,
    /// After this time, for requests that come late.
    After(Nanos),
    /// When the loop wakes again.
    Wake,
    /// While the fault lasts, as an error adds up.
    Drift,
}

/// What must be seen after the onset.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Reject: motion goes on. Stop: rest, then motion goes on by itself once the fault has ended. Latch: rest, no
    /// motion until a reset, then motion goes on.
    pub reaction: Reaction,
    /// How the stop is triggered.
    pub notice: Notice,
    /// Faults of the brainstem, in order of first appearance.
    pub brainstem: &'static [Fault],
    /// Faults of the cerebellum, in order of first appearance.
    pub cerebellum: &'static [Fault],
    /// Reasons for refused segments, other than that a stop was under way.
    pub rejected: &'static [Fault],
    /// Reasons for refused predictions, other than the daily ones of arrival.
    pub refused: &'static [Refusal],
    /// The policy refuses observations.
    pub blind: bool,
    /// Every decision is that of an undisturbed run.
    pub unnoticed: bool,
}

/// What the matrix says about a cell.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Expectation {
    /// This must happen.
    Must(Outcome),
    /// The fault cannot happen there, for this reason.
    NotApplicable(&'static str),
}

const GOES_ON: Outcome = Outcome {
    reaction: Reaction::Reject,
    notice: Notice::AtOnce,
    brainstem: &[],
    cerebellum: &[],
    rejected: &[],
    refused: &[],
    blind: false,
    unnoticed: false,
};
const UNNOTICED: Outcome = Outcome { unnoticed: true, ..GOES_ON };
const POLICY_STALE: Outcome =
    Outcome { reaction: Reaction::Stop, notice: Notice::Silence, cerebellum: &[Fault::PolicyStale], ..GOES_ON };
const CAMERA_STALE: Outcome = Outcome { cerebellum: &[Fault::CameraStale], ..POLICY_STALE };
const LEASE: Outcome =
    Outcome { reaction: Reaction::Stop, notice: Notice::Lease, brainstem: &[Fault::LeaseExpired], ..GOES_ON };
const JUMP: Outcome = Outcome { brainstem: &[Fault::SegmentJump], rejected: &[Fault::SegmentJump], ..LEASE };
const OVERRUN: Outcome = Outcome { reaction: Reaction::Stop, brainstem: &[Fault::Overrun], ..GOES_ON };
const READ_FAILED: Outcome =
    Outcome { reaction: Reaction::Latch, notice: Notice::AtOnce, brainstem: &[Fault::ReadFailed], ..GOES_ON };
const MALFORMED: Outcome = Outcome { brainstem: &[Fault::StateMalformed], ..READ_FAILED };
const REQUESTED: Outcome = Outcome { brainstem: &[Fault::StopRequested], ..READ_FAILED };
const BLIND: Outcome = Outcome { blind: true, ..POLICY_STALE };

const NO_DISK: &str = "no disk is on this path";
const ONE_PROCESS: &str = "a thread of the loop's own process: kill -9 ends the loop too; tests/tests/a_killed_program_leaves_the_arm_at_rest.rs";
const ONLY_TAKES: &str = "it only takes: nothing flows from it to the loop";

impl Expectation {
    /// The matrix.
    pub fn of(cell: Cell) -> Self {
        match cell.source {
            S::State => state(cell.fault),
            S::Command => command(cell.fault),
            S::Policy => policy(cell.fault),
            S::Camera => camera(cell.fault),
            S::Clock => clock(cell.fault),
            S::Viewer => viewer(cell.fault),
            S::Disk => disk(cell.fault),
            S::Ros => ros(cell.fault),
        }
    }
}

fn state(fault: K) -> Expectation {
    Expectation::Must(match fault {
        K::Drop => Outcome { notice: Notice::StateTimeout, ..READ_FAILED },
        // Late by less than the tracking tolerance.
        K::Delay | K::Jitter | K::Duplicate | K::Reorder => GOES_ON,
        // Stamps that lie back, or ahead, are no news.
        K::StepBack | K::StepForward => Outcome { notice: Notice::StateTimeout, ..READ_FAILED },
        K::Freeze => Outcome { notice: Notice::Tracking, brainstem: &[Fault::TrackingError], ..READ_FAILED },
        // Observations carry the joints: the policy refuses them too.
        K::Nan | K::Inf => Outcome { blind: true, ..MALFORMED },
        K::Huge | K::WrongLength => MALFORMED,
        K::Hang => Outcome { notice: Notice::Wake, ..LEASE },
        // On real threads: the loop ends as an error after a stop on its own code.
        K::Panic => Outcome { reaction: Reaction::Latch, ..GOES_ON },
        K::Slow => OVERRUN,
        K::Kill => READ_FAILED,
        K::DiskFull => return Expectation::NotApplicable(NO_DISK),
    })
}

fn command(fault: K) -> Expectation {
    const MALFORMED: &[Fault] = &[Fault::SegmentMalformed];
    const OLD: &[Fault] = &[Fault::SegmentOutOfOrder];
    Expectation::Must(match fault {
        K::Drop | K::Freeze | K::Hang | K::Slow => LEASE,
        // Started again with a new task, while an answer for the old one is on the way.
        K::Panic => Outcome { refused: &[Refusal::WrongEpoch], ..LEASE },
        // All arrive after their lease.
        K::Delay | K::StepBack => Outcome { rejected: &[Fault::LeaseExpired], ..LEASE },
        K::Jitter => GOES_ON,
        K::Duplicate | K::Reorder => Outcome { rejected: OLD, ..GOES_ON },
        // Every second one: the good ones between carry the motion.
        K::Nan | K::Inf | K::WrongLength => Outcome { rejected: MALFORMED, ..GOES_ON },
        // Finite: it is the jump that gives it away.
        K::Huge => JUMP,
        // An impossible start.
        K::StepForward => Outcome { rejected: MALFORMED, ..LEASE },
        K::DiskFull => return Expectation::NotApplicable(NO_DISK),
        K::Kill => return Expectation::NotApplicable(ONE_PROCESS),
    })
}

fn policy(fault: K) -> Expectation {
    Expectation::Must(match fault {
        K::Drop | K::Hang | K::Panic => POLICY_STALE,
        K::Delay | K::StepBack | K::Freeze | K::Slow => Outcome { refused: &[Refusal::Stale], ..POLICY_STALE },
        K::Jitter => GOES_ON,
        K::Duplicate | K::Reorder => Outcome { refused: &[Refusal::OutOfOrder], ..GOES_ON },
        K::Nan | K::Inf => Outcome { refused: &[Refusal::NotFinite], ..POLICY_STALE },
        K::Huge => Outcome { refused: &[Refusal::OutOfBounds], ..POLICY_STALE },
        K::StepForward => Outcome { refused: &[Refusal::FromTheFuture], ..POLICY_STALE },
        K::WrongLength => return Expectation::NotApplicable("a prediction has no vectors: its size is its type"),
        K::DiskFull => return Expectation::NotApplicable(NO_DISK),
        K::Kill => return Expectation::NotApplicable(ONE_PROCESS),
    })
}

fn camera(fault: K) -> Expectation {
    Expectation::Must(match fault {
        K::Drop | K::Hang | K::Panic | K::Slow => CAMERA_STALE,
        K::Delay | K::Freeze | K::StepBack => Outcome { blind: true, ..CAMERA_STALE },
        // Images of now, so it says, which the policy cannot use.
        K::Nan | K::Inf | K::Huge | K::WrongLength | K::StepForward => BLIND,
        // The policy takes the newest of its ring: an older one behind it is never looked at.
        K::Jitter | K::Duplicate | K::Reorder => GOES_ON,
        K::DiskFull => return Expectation::NotApplicable(NO_DISK),
        K::Kill => return Expectation::NotApplicable(ONE_PROCESS),
    })
}

fn clock(fault: K) -> Expectation {
    Expectation::Must(match fault {
        K::Drop | K::Delay | K::Jitter | K::Duplicate | K::Reorder => GOES_ON,
        // Six of ten periods are lost for good.
        K::Slow => Outcome { notice: Notice::Drift, ..OVERRUN },
        // No lease holds before its time.
        K::StepBack => LEASE,
        // What the policy said before the leap is old after it.
        K::StepForward | K::Huge => Outcome { refused: &[Refusal::Stale], ..LEASE },
        K::Hang => Outcome { notice: Notice::Wake, refused: &[Refusal::Stale], ..LEASE },
        K::Freeze => {
            return Expectation::NotApplicable(
                "CLOCK_MONOTONIC does not stand still for a running thread; a suspended process is clock/hang",
            );
        }
        K::Nan | K::Inf | K::WrongLength => return Expectation::NotApplicable("a reading is one integer"),
        K::Panic => return Expectation::NotApplicable("reading the clock runs no code of ours that could panic"),
        K::DiskFull => return Expectation::NotApplicable(NO_DISK),
        K::Kill => return Expectation::NotApplicable("the clock is the kernel's"),
    })
}

fn viewer(fault: K) -> Expectation {
    match fault {
        K::Drop | K::Delay | K::Jitter | K::Hang | K::Panic | K::Slow | K::Kill => Expectation::Must(UNNOTICED),
        K::Freeze => Expectation::NotApplicable("a viewer that shows one picture for ever takes nothing: viewer/hang"),
        K::DiskFull => Expectation::NotApplicable("it writes its file in the recorder's thread: disk/disk_full"),
        _ => Expectation::NotApplicable(ONLY_TAKES),
    }
}

fn disk(fault: K) -> Expectation {
    match fault {
        K::Delay | K::Jitter | K::Hang | K::Panic | K::Slow | K::DiskFull | K::Kill => Expectation::Must(UNNOTICED),
        K::Drop => Expectation::NotApplicable("a disk that loses what it confirmed is found when the file is read"),
        K::Freeze => Expectation::NotApplicable("a disk that stands still is disk/hang"),
        _ => Expectation::NotApplicable(ONLY_TAKES),
    }
}

fn ros(fault: K) -> Expectation {
    Expectation::Must(match fault {
        // The stop was lost, and nobody told its sender that it was heard; or the sender is gone.
        K::Drop | K::Kill => UNNOTICED,
        K::Delay | K::Jitter | K::Reorder => Outcome { notice: Notice::After(Nanos::from_millis(100)), ..REQUESTED },
        K::Duplicate | K::Freeze | K::Panic => REQUESTED,
        // Served when the node comes to it.
        K::Hang => Outcome { notice: Notice::After(Nanos::from_millis(300)), ..REQUESTED },
        K::Slow => Outcome { notice: Notice::After(Nanos::from_millis(100)), ..REQUESTED },
        // A flood of instructions: each that is read is a new task, which is no fault.
        K::Huge => GOES_ON,
        K::Nan | K::Inf => return Expectation::NotApplicable("a request carries no numbers"),
        K::WrongLength => {
            return Expectation::NotApplicable("the length of a sentence is checked by the node, in crate ros");
        }
        K::StepBack | K::StepForward => {
            return Expectation::NotApplicable("a request counts when it is heard: its stamp is not read");
        }
        K::DiskFull => return Expectation::NotApplicable(NO_DISK),
    })
}
