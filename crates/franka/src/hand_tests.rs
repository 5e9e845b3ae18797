//! What becomes of orders that a hand does not carry out.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::mpsc::{Receiver, channel},
    thread,
};

use neuraxis_channel::mailbox;
use zerocopy::little_endian::F64;

use super::*;

/// Where the fingers of the hand below are [m].
const WIDTH_M: f64 = 0.03;

struct Still;

impl Clock for Still {
    fn now(&self) -> Nanos {
        Nanos(0)
    }
}

/// A hand that answers each order so, at its port; the orders come out of the channel.
fn hand(status: GripperStatus) -> (u16, Receiver<GripperCommand>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let states = UdpSocket::bind("127.0.0.1:0").unwrap();
        // Until the connection is closed.
        while let Some((command, number, payload)) = request(&mut stream) {
            let words = match command {
                GripperCommand::Connect => {
                    let to = u16::from_le_bytes([payload[2], payload[3]]);
                    let state = GripperState { width: F64::new(WIDTH_M), ..GripperState::default() };
                    states.send_to(state.as_bytes(), ("127.0.0.1", to)).unwrap();
                    vec![0, GRIPPER_VERSION]
                }
                GripperCommand::Stop => vec![GripperStatus::Success.to_u16()],
                order => {
                    let _ = tell.send(order);
                    vec![status.to_u16()]
                }
            };
            let words: Vec<u8> = words.into_iter().flat_map(u16::to_le_bytes).collect();
            let mut answer = HeaderLayout::Gripper.encode_header(u32::from(command.to_u16()), number, words.len());
            answer.extend(words);
            stream.write_all(&answer).unwrap();
        }
    });
    (port, told)
}

/// The next request: what is asked, its number, and the rest of it.
fn request(stream: &mut TcpStream) -> Option<(GripperCommand, u32, Vec<u8>)> {
    let mut header = [0; 10];
    stream.read_exact(&mut header).ok()?;
    let (command, number, size) = HeaderLayout::Gripper.decode_header(&header)?;
    let mut payload = vec![0; size as usize - header.len()];
    stream.read_exact(&mut payload).ok()?;
    Some((GripperCommand::from_u16(command as u16)?, number, payload))
}

#[test]
fn an_order_that_is_not_carried_out_is_told_and_given_again_for_as_long_as_it_is_wished() {
    let (port, told) = hand(GripperStatus::Fail);
    let config = FrankaConfig { host: "127.0.0.1".into(), hand_port: port, ..FrankaConfig::default() };
    let connection = connect(&config).unwrap();
    let (_, wishes) = mailbox(Some(HandCommand { width_m: 0.08, force_n: 20.0 }));
    let (states, _) = mailbox(HandState { stamp: Nanos(0), width_m: WIDTH_M });
    let mut gripper = FrankaGripper::new(config, Arc::new(Still), connection, wishes, states);
    let stop = Arc::new(Flag::default());
    let end = stop.clone();
    let orders = thread::spawn(move || {
        let orders: Vec<_> = (0..2).map(|_| told.recv_timeout(Duration::from_secs(20))).collect();
        end.raise();
        orders
    });
    let mut troubles = Vec::new();
    gripper.run(&stop, |error| troubles.push(error.to_string()));
    assert_eq!(orders.join().unwrap(), [Ok(GripperCommand::Move); 2]);
    assert!(!troubles.is_empty() && troubles.iter().all(|trouble| trouble.contains("was it homed")), "{troubles:?}");
}

#[test]
fn fingers_that_find_nothing_to_hold_are_no_trouble_and_those_that_do_not_open_are() {
    let (open, close) = (Order::Move { width_m: 0.08 }, Order::Grasp { width_m: 0.0, force_n: 20.0 });
    for (order, status, part) in [
        (open, GripperStatus::Success, None),
        (close, GripperStatus::Success, None),
        (close, GripperStatus::Unsuccessful, None),
        (open, GripperStatus::Unsuccessful, Some("move of the hand: the robot refuses: the fingers do not get there")),
        (open, GripperStatus::Fail, Some("was it homed")),
        (close, GripperStatus::Fail, Some("grasp of the hand: the robot refuses: was it homed")),
        (close, GripperStatus::Aborted, Some("not by this program")),
    ] {
        let trouble = trouble_of(order, status).map(|trouble| trouble.to_string());
        assert_eq!(trouble.is_some(), part.is_some(), "{order:?} {status:?}: {trouble:?}");
        assert!(trouble.unwrap_or_default().contains(part.unwrap_or_default()), "{order:?} {status:?}");
    }
}
