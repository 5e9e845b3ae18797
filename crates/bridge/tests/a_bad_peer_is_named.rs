//! Both ends against peers that lie, hang, break off or die: each is a typed error that says what was wrong.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    ops::ControlFlow,
    thread::{self, JoinHandle},
    time::Duration,
};

use neuraxis_bridge::{
    ACTION_LEN, Backend, BridgeError, Client, Code, Event, Frame, FrameError, Limits, MessageError, Patience, Refusal,
    Reply, Request, Reset, SceneChoice, SceneView, TaskInfo, Wire, serve,
};
use serde_json::{Value, json};

const SHORT: Patience = Patience {
    hello: Duration::from_millis(300),
    first: Duration::from_millis(300),
    frame: Duration::from_millis(300),
};
const LONG: Patience =
    Patience { hello: Duration::from_secs(20), first: Duration::from_secs(20), frame: Duration::from_secs(20) };
const OBS: &str = include_str!("golden/obs.hex");

fn obs() -> Vec<u8> {
    let digits: Vec<u8> = OBS.trim().chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn frame(header: Value) -> Vec<u8> {
    Frame { header: header.as_object().unwrap().clone(), arrays: Vec::new() }.encode(&Limits::REPLY).unwrap()
}

fn hello() -> Vec<u8> {
    frame(json!({"about": "a peer", "can_step": true, "kind": "hello", "version": 1}))
}

/// The next request, whole.
fn heard(stream: &mut TcpStream) -> Vec<u8> {
    let mut total = [0; 4];
    stream.read_exact(&mut total).unwrap();
    let mut rest = vec![0; u32::from_le_bytes(total) as usize];
    stream.read_exact(&mut rest).unwrap();
    [&total[..], &rest].concat()
}

/// A peer that listens, and does this with who comes.
fn peer(act: impl FnOnce(TcpStream) + Send + 'static) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (address, thread::spawn(move || act(listener.accept().unwrap().0)))
}

/// What a client says of a peer that answers hello, and a step with these bytes.
fn after_a_step(answer: Vec<u8>) -> BridgeError {
    let (address, thread) = peer(move |mut stream| {
        heard(&mut stream);
        stream.write_all(&hello()).unwrap();
        heard(&mut stream);
        stream.write_all(&answer).unwrap();
        // The client may have gone already, or still ask for more.
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read(&mut [0; 64]);
    });
    let mut client = Client::connect(&address, LONG).unwrap();
    let error = client.step(&[0.0; ACTION_LEN]).unwrap_err();
    // Nobody knows where the next frame would begin.
    assert!(matches!(client.step(&[0.0; ACTION_LEN]), Err(BridgeError::Closed)));
    drop(client);
    thread.join().unwrap();
    error
}

/// The golden observation with a change to its header's text, of whatever length.
fn changed(from: &str, to: &str) -> Vec<u8> {
    let bytes = obs();
    let header_len = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) as usize;
    let header = String::from_utf8(bytes[8..8 + header_len].to_vec()).unwrap();
    assert!(header.contains(from), "{header}");
    let header = header.replacen(from, to, 1);
    let blobs = &bytes[8 + header_len..];
    let total = (4 + header.len() + blobs.len()) as u32;
    [&total.to_le_bytes(), &(header.len() as u32).to_le_bytes(), header.as_bytes(), blobs].concat()
}

#[test]
fn nobody_there_is_named_with_the_address() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let error = Client::connect(&address, SHORT).err().unwrap();
    assert!(error.to_string().starts_with(&format!("no bridge at {address}: ")), "{error}");
    let error = Client::connect("no address", SHORT).err().unwrap();
    assert!(matches!(error, BridgeError::Connect { .. }), "{error}");
}

#[test]
fn a_peer_that_hangs_costs_a_known_time() {
    let (address, thread) = peer(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let error = Client::connect(&address, SHORT).err().unwrap();
    assert_eq!(error.to_string(), "the peer hangs: an answer did not go through within 0.3 s");
    thread.join().unwrap();
}

#[test]
fn a_peer_that_drips_costs_no_more() {
    let (address, thread) = peer(|mut stream| {
        heard(&mut stream);
        for byte in hello() {
            if stream.write_all(&[byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
    });
    let error = Client::connect(&address, SHORT).err().unwrap();
    assert!(matches!(error, BridgeError::Timeout { part: "lengths" | "header", .. }), "{error}");
    thread.join().unwrap();
}

#[test]
fn a_peer_that_takes_nothing_is_noticed_while_sending() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let _deaf = listener.accept().unwrap();
    let mut wire = Wire::new(stream, Limits::REPLY, SHORT).unwrap();
    let large =
        Frame { arrays: vec![neuraxis_bridge::Array::u8("a", &[64 << 20], vec![0; 64 << 20])], ..Frame::default() };
    let error = wire.send(&large, &Limits::REPLY).unwrap_err();
    assert!(matches!(error, BridgeError::Timeout { part: "a frame that was sent", .. }), "{error}");
}

#[test]
fn a_peer_that_dies_is_told_from_one_that_breaks_off() {
    assert!(matches!(after_a_step(Vec::new()), BridgeError::Closed));
    let cut = |n: usize| after_a_step(obs()[..n].to_vec()).to_string();
    assert_eq!(cut(3), "the connection broke off inside a frame: 2 of 7 bytes of its lengths came");
    assert_eq!(cut(20), format!("the connection broke off inside a frame: 12 of {} bytes of its header came", 0x1e8));
    assert!(cut(obs().len() - 1).contains("15 of 16 bytes of its arrays"));
}

#[test]
fn lies_about_sizes_are_told_before_anything_is_made_room_for() {
    let huge = after_a_step([u32::MAX.to_le_bytes(), 2u32.to_le_bytes()].concat());
    assert!(matches!(huge, BridgeError::Frame(FrameError::TooLarge { part: "whole", .. })), "{huge}");
    let crossed = after_a_step([10u32.to_le_bytes(), 70u32.to_le_bytes()].concat());
    assert!(matches!(crossed, BridgeError::Frame(FrameError::Lengths { header: 70, total: 10 })), "{crossed}");
    let larger = after_a_step(changed("[1,2,3]", "[1,2,4]"));
    assert!(matches!(larger, BridgeError::Frame(FrameError::Blobs { .. })), "{larger}");
    let enormous = after_a_step(changed("[1,2,3]", "[99999999999]"));
    assert!(matches!(enormous, BridgeError::Frame(FrameError::Shape { .. })), "{enormous}");
}

#[test]
fn wrong_types_shapes_and_fields_are_told_by_name() {
    let said = |from: &str, to: &str| after_a_step(changed(from, to)).to_string();
    assert!(said("\"front_rgb\",\"|u1\",[1,2,3]", "\"front_rgb\",\"|u1\",[2,1,3]").contains("wanted: <f4 [2, 1]"));
    assert!(
        said("\"front_rgb\",\"|u1\",[1,2,3]", "\"front_rgb\",\"|u1\",[6]").contains("front_rgb is |u1 [6], wanted")
    );
    assert!(said("\"<f4\",[1,2]", "\"<f8\",[1]").contains("front_depth_m is <f8 [1], wanted: <f4 [1, 2]"));
    assert!(said("\"<f4\",[1,2]", "\"<i4\",[1,2]").contains("array front_depth_m has dtype \"<i4\""));
    assert!(said("front_depth_m", "front_depth").contains("array front_depth_m is missing"));
    assert!(said("\"front_rgb\"", "\"side_rgb\"").contains("camera side: header.cal has no calibration"));
    assert!(said("\"gripper_pose\"", "\"gripper_rose\"").contains("array gripper_pose is missing"));
    assert!(said("\"joint_positions\"", "\"joints\"").contains("array joint_positions is missing"));
    assert!(
        said(
            "\"gripper_pose\",\"<f8\",[7]],[\"gripper_joint_positions\",\"<f8\",[2]",
            "\"gripper_pose\",\"<f8\",[6]],[\"gripper_joint_positions\",\"<f8\",[3]"
        )
        .contains("gripper_pose is <f8 [6], wanted: <f8 [7]")
    );
    assert!(said("\"done\":true", "\"done\":3").contains("invalid type"));
    assert!(said("\"reward\":1.0", "\"reword\":1.0").contains("missing field `reward`"));
    assert!(said("\"reward\":1.0", "\"reward\":NaN").contains("its header is no JSON object"));
    assert!(said("IKError", "OtherError").contains("unknown variant `OtherError`"));
    assert!(said("[\"push the red button\"]", "[]").contains("header.descriptions"));
    assert!(said("\"kind\":\"obs\"", "\"kind\":\"odd\"").contains("header.kind: \"odd\", allowed:"));
    assert!(said("\"K\"", "\"k\"").contains("unknown field `k`"));
}

#[test]
fn numbers_that_are_not_finite_are_told_with_their_place() {
    let mut bytes = obs();
    let at = bytes.len() - 8;
    bytes[at..].copy_from_slice(&f64::NAN.to_le_bytes());
    let error = after_a_step(bytes);
    let BridgeError::Message(MessageError::NotFinite { name, index: 1, value }) = error else { panic!("{error}") };
    assert!(name == "gripper_joint_positions" && value.is_nan());
    let mut bytes = obs();
    let depth = bytes.windows(4).rposition(|w| w == 1.25f32.to_le_bytes()).unwrap();
    bytes[depth..depth + 4].copy_from_slice(&f32::INFINITY.to_le_bytes());
    assert_eq!(after_a_step(bytes).to_string(), "not a message: array front_depth_m, element 1: inf is not finite");
}

#[test]
fn another_version_and_an_answer_out_of_turn_are_told() {
    let met = |answer: Vec<u8>| {
        let (address, thread) = peer(move |mut stream| {
            heard(&mut stream);
            stream.write_all(&answer).unwrap();
        });
        let error = Client::connect(&address, LONG).err().unwrap();
        thread.join().unwrap();
        error
    };
    let newer = met(frame(json!({"about": "a peer", "can_step": true, "kind": "hello", "version": 2})));
    assert_eq!(newer.to_string(), "the peer speaks version 2 of the contract, this program 1");
    assert!(
        met(frame(json!({"kind": "closed"}))).to_string().contains("asked for hello, the peer answered with closed")
    );
    assert!(
        met(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()).to_string().contains("not a frame: its whole has 1347703880")
    );
    assert!(after_a_step(frame(json!({"kind": "closed"}))).to_string().contains("asked for obs"));
}

// ---------------------------------------------------------------- the other way round: a server and bad clients

/// Shows the golden observation, or refuses.
struct Golden {
    ended: u32,
}

impl Backend for Golden {
    fn about(&self) -> String {
        "golden".into()
    }
    fn can_step(&self) -> bool {
        true
    }
    fn tasks(&mut self) -> Result<Vec<TaskInfo>, Refusal> {
        Ok(vec![TaskInfo { name: "a".into(), variations: Some(1) }])
    }
    fn reset(&mut self, reset: &Reset) -> Result<SceneView, Refusal> {
        if reset.task != "a" {
            return Err(Refusal::new(Code::NoSuchScene, format!("no task {:?}", reset.task)));
        }
        match Reply::from_frame(Frame::decode(&obs(), &Limits::REPLY).unwrap()).unwrap() {
            Reply::Obs(view) => Ok(*view),
            other => panic!("{other:?}"),
        }
    }
    fn step(&mut self, action: &[f64; ACTION_LEN]) -> Result<SceneView, Refusal> {
        let mut view = self.reset(&Reset { task: "a".into(), variation: None, scene: SceneChoice::Seed(0) })?;
        // A simulator that has gone wrong.
        view.reward = if action[0] > 0.0 { f64::NAN } else { 0.0 };
        Ok(view)
    }
    fn end(&mut self) {
        self.ended += 1;
    }
}

/// Serves `clients` clients and says how each of them went.
fn server(clients: usize) -> (String, JoinHandle<Vec<Option<String>>>) {
    patient_server(clients, SHORT)
}

fn patient_server(clients: usize, patience: Patience) -> (String, JoinHandle<Vec<Option<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = thread::spawn(move || {
        let (mut went, mut backend) = (Vec::new(), Golden { ended: 0 });
        serve(&listener, &mut backend, patience, |event| {
            if let Event::Went(_, error) = event {
                went.push(error.map(ToString::to_string));
            }
            if went.len() == clients { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
        assert_eq!(backend.ended, clients as u32);
        went
    });
    (address, thread)
}

/// What the server says to these bytes, as far as it says anything, before it hangs up or waits for more.
fn answers(address: &str, bytes: &[u8]) -> Vec<Reply> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut wire = Wire::new(stream, Limits::REPLY, LONG).unwrap();
    let mut replies = Vec::new();
    while let Ok(Some(frame)) = wire.receive() {
        replies.push(Reply::from_frame(frame).unwrap());
    }
    replies
}

fn request(request: Request) -> Vec<u8> {
    request.to_frame().encode(&Limits::REQUEST).unwrap()
}

#[test]
fn a_server_outlives_every_bad_client_and_says_what_was_wrong() {
    let (address, thread) = server(8);
    let last = |bytes: &[u8]| match answers(&address, bytes).pop() {
        Some(Reply::Error { code, message }) => format!("{code}: {message}"),
        other => panic!("{other:?}"),
    };
    let greeting = request(Request::Hello { version: 1 });
    let with = |more: Vec<u8>| [greeting.clone(), more].concat();
    assert!(last(&[u32::MAX.to_le_bytes(), [0; 4]].concat()).starts_with("bad_request: not a frame: its whole has"));
    assert!(last(&greeting[..greeting.len() - 2]).contains("broke off inside a frame"));
    assert!(last(&request(Request::Hello { version: 9 })).starts_with("version: version 9 asked for"));
    // It is let go with that: a greeting afterwards is not answered.
    let greets_late = [request(Request::ListTasks), greeting.clone()].concat();
    assert!(last(&greets_late).contains("hello comes first"));
    assert!(
        last(&with(frame(json!({"op": "step", "action": [1, 2, 3]}))))
            .contains("header.action: [1,2,3], allowed: nine")
    );
    assert!(
        last(&with(frame(json!({"op": "step", "action": [null, 0, 0, 0, 0, 0, 0, 0, 0]})))).contains("nine finite")
    );
    // What was wrong arrives although the server has not read to the end.
    assert!(last(&[255; 100_000]).contains("its whole has 4294967295 bytes"));
    // A client that only connects is let go after a while; the next one is served all the same.
    let idle = TcpStream::connect(&address).unwrap();
    let went = thread.join().unwrap();
    drop(idle);
    assert!(went[0].as_ref().unwrap().contains("its whole has 4294967295 bytes, allowed: 65536 at most"));
    assert!(went[1].as_ref().unwrap().contains("broke off"));
    assert_eq!(went[2..6], [None, None, None, None]);
    assert_eq!(went[7].as_ref().unwrap(), "the peer hangs: an answer did not go through within 0.3 s");
}

#[test]
fn who_does_not_greet_is_soon_let_go_and_who_does_may_think() {
    let patience = Patience { hello: Duration::from_millis(300), ..LONG };
    let (address, thread) = patient_server(2, patience);
    let silent = TcpStream::connect(&address).unwrap();
    let mut client = Client::connect(&address, Patience { hello: Duration::from_secs(10), ..LONG }).unwrap();
    thread::sleep(2 * patience.hello);
    assert_eq!(client.list_tasks().unwrap().len(), 1);
    client.close().unwrap();
    let went = thread.join().unwrap();
    drop(silent);
    assert_eq!(went[0].as_ref().unwrap(), "the peer hangs: an answer did not go through within 0.3 s");
    assert_eq!(went[1], None);
}

#[test]
fn a_refusal_leaves_the_connection_and_a_farewell_ends_it() {
    let (address, thread) = server(1);
    let mut client = Client::connect(&address, LONG).unwrap();
    assert_eq!(client.hello().about, "golden");
    assert_eq!(client.list_tasks().unwrap().len(), 1);
    let reset = |task: &str| Reset { task: task.into(), variation: None, scene: SceneChoice::Seed(7) };
    let error = client.reset(&reset("b")).unwrap_err();
    assert_eq!(error.to_string(), "the peer refused (no_such_scene): no task \"b\"");
    assert_eq!(client.reset(&reset("a")).unwrap().descriptions, ["push the red button"]);
    let mut action = [0.0; ACTION_LEN];
    assert_eq!(client.step(&action).unwrap().reward, 0.0);
    action[0] = 1.0;
    let error = client.step(&action).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the peer refused (internal): the simulator's view: array reward, element 0: NaN is not finite"
    );
    client.close().unwrap();
    assert_eq!(thread.join().unwrap(), [None]);
}

#[test]
fn a_client_sends_no_number_that_is_not_finite() {
    let (address, thread) = server(1);
    let mut client = Client::connect(&address, LONG).unwrap();
    let error = client.step(&[f64::NAN; ACTION_LEN]).unwrap_err();
    assert!(error.to_string().contains("array action, element 0: NaN is not finite"), "{error}");
    client.close().unwrap();
    assert_eq!(thread.join().unwrap(), [None]);
}
