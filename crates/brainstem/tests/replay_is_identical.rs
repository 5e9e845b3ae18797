//! What the brainstem decides depends on its inputs alone: replayed from their record it decides the same, bit by bit.

mod lively;
mod rig;

use neuraxis_brainstem::{
    Brainstem, BrainstemConfig, Clearance, Mode, PrivilegeConfig, RefusedSegments, Requests, Tick, TickInputs,
};
use neuraxis_core::{ArmCommand, ArmState, Fault, Joints, Nanos, Pacing, Segment};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use rig::TICK;

const TICKS: usize = 10_000;

fn brainstem() -> Brainstem {
    Brainstem::new(rig::fr3(), BrainstemConfig::default()).unwrap()
}

/// Every decision of a fresh brainstem on these inputs, as bytes.
fn replay(inputs: &[u8]) -> Vec<u8> {
    let mut brainstem = brainstem();
    let mut decisions = Vec::new();
    let mut reader = inputs;
    while !reader.is_empty() {
        let input = read_input(&mut reader);
        write_tick(&mut decisions, &brainstem.tick(&input));
    }
    decisions
}

/// A second of motion, a breath of silence; noise on the arm; faults, stops, resets, spoilt segments and late ticks in
/// between. Returns the inputs and the decisions, as bytes.
fn lively_run(seed: u64) -> (Vec<u8>, Vec<u8>) {
    let mut rng = Pcg64::seed_from_u64(seed);
    let mut brainstem = brainstem();
    let home = rig::fr3().home();
    let mut state = rig::at_rest(home);
    let mut now = Nanos::from_millis(1000);
    let (mut seq, mut segment) = (0, None);
    let (mut seen, mut tripped) = ([0_u32; 4], [false; Fault::ALL.len()]);
    let (mut inputs, mut decisions) = (Vec::new(), Vec::new());
    for n in 0..TICKS {
        // One tick in a hundred comes late; the noise on its time is that of a real wake-up.
        let late = if rng.random_bool(0.01) { rng.random_range(1..8) } else { 0 };
        now = now + TICK + Nanos(late * TICK.0 + rng.random_range(0..20_000));
        state.stamp = now;
        let commanded = brainstem.commanded();
        if n > 0 {
            let noise = Joints::from_fn(7, |_| rng.random_range(-1e-4..1e-4));
            state.q = Joints::from_fn(7, |i| commanded.q[i] + noise[i]);
            state.qd = Joints::from_fn(7, |i| commanded.qd[i] + noise[i]);
        }

        if n % 5 == 0 && n % 1000 < 850 {
            seq += 1;
            let swing = (std::f64::consts::TAU * now.secs()).sin();
            let qdd = Joints::from_fn(7, |i| {
                let wanted_qd = 0.4 * swing - (commanded.q[i] - home[i]);
                ((wanted_qd - commanded.qd[i]) / 0.02).clamp(-8.0, 8.0)
            });
            let valid_until = now + Nanos::from_millis(20);
            let (q, qd) = (commanded.q, commanded.qd);
            let (gripper_width_m, grip_force_n) = (0.04, 20.0);
            let t0 = now;
            let mut next = Segment { epoch: 1, seq, t0, valid_until, q, qd, qdd, gripper_width_m, grip_force_n };
            match rng.random_range(0..100) {
                0 => next.q[2] = f64::NAN,
                1 => next.q[3] += 0.1,
                2 => next.seq -= 1,
                3 => next.qdd[1] = 1e3,
                4 => next.t0 = now + Nanos::from_millis(3),
                _ => {}
            }
            segment = Some(next);
        }
        let mut measured = state;
        if rng.random_bool(0.001) {
            measured.q[5] = f64::NAN;
        }
        // In turn from the arm's `write` and its `read`.
        let trip = (n % 211 == 100).then_some(n / 211);
        let fault = |from: usize| trip.filter(|n| n % 2 == from).map(|n| Fault::ALL[n / 2 % Fault::ALL.len()]);
        let requests = Requests { stop: rng.random_bool(0.0005), reset: rng.random_bool(0.02) };
        let overrun = rng.random_bool(0.0005);
        let input = TickInputs { now, state: measured, segment, requests, write: fault(0), read: fault(1), overrun };
        let tick = brainstem.tick(&input);
        seen[tick.mode as usize] += 1;
        input.write.into_iter().chain(input.read).for_each(|fault| tripped[fault as usize] = true);
        write_input(&mut inputs, &input);
        write_tick(&mut decisions, &tick);
    }
    assert!(seen[Mode::Track as usize] > 1000 && seen.iter().all(|&n| n > 100), "hold, track, stop, latch: {seen:?}");
    assert!(tripped.iter().all(|&tripped| tripped), "{tripped:?}");
    (inputs, decisions)
}

#[test]
fn ten_thousand_ticks_replayed_from_their_inputs_are_byte_identical() {
    let (inputs, decisions) = lively_run(1);
    assert!(replay(&inputs) == decisions);
    // The run itself is made of its seed alone, and another seed makes another one.
    assert!(lively_run(1) == (inputs, decisions.clone()));
    assert!(lively_run(2).1 != decisions);
}

/// The real loop, on the real clock, in every mode and with every fault.
#[test]
fn ten_thousand_ticks_of_the_real_loop_replayed_from_their_records_are_byte_identical() {
    let privileges = PrivilegeConfig { fifo_priority: 0, lock_memory: false, cpu: None };
    let mut records = Vec::new();
    let keep = Some(&mut records);
    let summary = lively::run_recorded(Pacing::Clock, privileges.clone(), TICKS as u64, |_| {}, |_| {}, keep);
    assert_eq!(summary.stats.records_dropped, 0);
    assert!(records.len() >= TICKS, "{} records", records.len());
    let mut brainstem = Brainstem::new(rig::fr3(), lively::config(privileges)).unwrap();
    let (mut decided, mut decided_again) = (Vec::new(), Vec::new());
    for record in &records {
        // Through bytes, as from a file.
        let mut bytes = Vec::new();
        write_input(&mut bytes, &record.inputs);
        write_tick(&mut decided, &record.tick);
        write_tick(&mut decided_again, &brainstem.tick(&read_input(&mut &bytes[..])));
    }
    assert!(decided == decided_again);
}

#[test]
fn one_flipped_bit_of_one_input_is_noticed() {
    let (inputs, decisions) = lively_run(1);
    let (size, decision_size) = (inputs.len() / TICKS, decisions.len() / TICKS);
    let decided = |n: usize| &decisions[n * decision_size..];
    let follows =
        |n: usize| decided(n)[MODE] == Mode::Track as u8 && decided(n)[SEQ..SEQ + 8] != decided(n - 1)[SEQ..SEQ + 8];
    // Where motion goes over to a new segment: the lowest bit of the time and of the segment's velocity, a bit of a
    // measured position, a request to stop.
    let tick = (5..TICKS).step_by(5).filter(|n| n % 1000 > 300).find(|n| follows(*n)).unwrap();
    for (what, at) in [("time", 0), ("position", POSITION), ("velocity", VELOCITY), ("stop", size - 5)] {
        let mut flipped = inputs.clone();
        flipped[tick * size + at] ^= 1;
        let replayed = replay(&flipped);
        let first = replayed.iter().zip(&decisions).position(|(a, b)| a != b);
        let first = first.unwrap_or_else(|| panic!("the {what} of tick {tick} was flipped and nobody noticed"));
        assert!(first / decision_size >= tick, "{what}: a decision before its cause");
    }
}

// The record: numbers in little-endian order, floats by their bits, every record of the same size.

/// Bytes of a joint vector.
const JOINTS: usize = 1 + 7 * 8;
/// Where a bit of an input's fourth measured position lies that moves it by some hundredths of a radian: of the joints
/// only the one farthest from its command makes a decision.
const POSITION: usize = 8 + 8 + 1 + 3 * 8 + 6;
/// Where the first velocity of an input's segment lies.
const VELOCITY: usize = 8 + (8 + 3 * JOINTS + 8 + 9) + 1 + (4 + 3 * 8) + JOINTS + 1;
/// Where a decision's mode lies.
const MODE: usize = 8;
/// Where the number of the segment lies that a decision follows.
const SEQ: usize = 9;

fn write_joints(out: &mut Vec<u8>, joints: &Joints) {
    out.push(joints.len() as u8);
    joints.iter().for_each(|value| out.extend(value.to_bits().to_le_bytes()));
}

fn write_input(out: &mut Vec<u8>, input: &TickInputs) {
    let TickInputs { now, state, segment, requests: Requests { stop, reset }, read, write, overrun } = input;
    out.extend(now.0.to_le_bytes());
    let ArmState { stamp, q, qd, tau_nm, gripper_width_m, grip_force_n } = state;
    out.extend(stamp.0.to_le_bytes());
    [q, qd, tau_nm].into_iter().for_each(|joints| write_joints(out, joints));
    out.extend(gripper_width_m.to_bits().to_le_bytes());
    out.push(u8::from(grip_force_n.is_some()));
    out.extend(grip_force_n.unwrap_or(0.0).to_bits().to_le_bytes());

    out.push(u8::from(segment.is_some()));
    let zero = Joints::zeros(7);
    let none = Segment {
        epoch: 0,
        seq: 0,
        t0: Nanos(0),
        valid_until: Nanos(0),
        q: zero,
        qd: zero,
        qdd: zero,
        gripper_width_m: 0.0,
        grip_force_n: 0.0,
    };
    let Segment { epoch, seq, t0, valid_until, q, qd, qdd, gripper_width_m, grip_force_n } = segment.unwrap_or(none);
    out.extend(epoch.to_le_bytes());
    [seq, t0.0, valid_until.0].into_iter().for_each(|number| out.extend(number.to_le_bytes()));
    [q, qd, qdd].iter().for_each(|joints| write_joints(out, joints));
    [gripper_width_m, grip_force_n].iter().for_each(|number| out.extend(number.to_bits().to_le_bytes()));

    out.extend([u8::from(*stop), u8::from(*reset), place(read), place(write), u8::from(*overrun)]);
}

/// Of a fault in the table.
fn place(fault: &Option<Fault>) -> u8 {
    fault.map_or(0xff, |fault| fault as u8)
}

fn read_input(reader: &mut &[u8]) -> TickInputs {
    let now = Nanos(read_u64(reader));
    let stamp = Nanos(read_u64(reader));
    let [q, qd, tau_nm] = std::array::from_fn(|_| read_joints(reader));
    let gripper_width_m = f64::from_bits(read_u64(reader));
    let [is_measured] = read(reader);
    let force_n = f64::from_bits(read_u64(reader));
    let grip_force_n = (is_measured == 1).then_some(force_n);
    let state = ArmState { stamp, q, qd, tau_nm, gripper_width_m, grip_force_n };

    let [is_there] = read(reader);
    let epoch = u32::from_le_bytes(read(reader));
    let [seq, t0, valid_until] = std::array::from_fn(|_| read_u64(reader));
    let [q, qd, qdd] = std::array::from_fn(|_| read_joints(reader));
    let [gripper_width_m, grip_force_n] = std::array::from_fn(|_| f64::from_bits(read_u64(reader)));
    let (t0, valid_until) = (Nanos(t0), Nanos(valid_until));
    let segment = Segment { epoch, seq, t0, valid_until, q, qd, qdd, gripper_width_m, grip_force_n };

    let [stop, reset, read_fault, write_fault, overrun] = read(reader);
    let fault = |place: u8| Fault::ALL.get(usize::from(place)).copied();
    TickInputs {
        now,
        state,
        segment: (is_there == 1).then_some(segment),
        requests: Requests { stop: stop == 1, reset: reset == 1 },
        read: fault(read_fault),
        write: fault(write_fault),
        overrun: overrun == 1,
    }
}

fn read<const N: usize>(reader: &mut &[u8]) -> [u8; N] {
    let (head, tail) = reader.split_first_chunk().unwrap();
    *reader = tail;
    *head
}

fn read_u64(reader: &mut &[u8]) -> u64 {
    u64::from_le_bytes(read(reader))
}

fn read_joints(reader: &mut &[u8]) -> Joints {
    let [len] = read(reader);
    Joints::from_fn(len as usize, |_| f64::from_bits(read_u64(reader)))
}

/// Taken apart field by field, so that a new field does not compile until it is recorded here.
fn write_tick(out: &mut Vec<u8>, tick: &Tick) {
    let Tick {
        now,
        command,
        started,
        mode,
        fault,
        rejected,
        segment_epoch,
        segment_seq,
        refused,
        tracking_error_rad,
        clearance,
        speed_scale,
    } = tick;
    let ArmCommand { q, qd, qdd, tau_nm, gripper_width_m, grip_force_n } = command;
    out.extend(now.0.to_le_bytes());
    out.push(*mode as u8);
    out.extend(segment_seq.map_or(-1, |seq| seq as i64).to_le_bytes());
    [q, qd, qdd, tau_nm].into_iter().for_each(|joints| write_joints(out, joints));
    [gripper_width_m, grip_force_n].iter().for_each(|number| out.extend(number.to_bits().to_le_bytes()));
    out.extend([u8::from(*started), place(fault), place(rejected)]);
    out.extend(segment_epoch.map_or(-1, i64::from).to_le_bytes());
    let RefusedSegments { malformed, out_of_order, expired, jump, while_stopping } = refused;
    for count in [malformed, out_of_order, expired, jump, while_stopping] {
        out.extend(count.to_le_bytes());
    }
    let Clearance { joints_rad, walls_m, self_m } = clearance;
    for number in [tracking_error_rad, joints_rad, walls_m, self_m, speed_scale] {
        out.extend(number.to_bits().to_le_bytes());
    }
}
