//! The end that simulates: one client at a time.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    ops::ControlFlow,
};

use crate::{
    ACTION_LEN, BridgeError, Code, Hello, JointAction, Limits, Patience, Reply, Request, Reset, SceneView, TaskInfo,
    VERSION, Wire,
};

/// A simulator, or whatever else shows scenes.
pub trait Backend {
    /// What it is, with its versions.
    fn about(&self) -> String;
    /// It takes actions.
    fn can_step(&self) -> bool;
    /// What can be asked for.
    fn tasks(&mut self) -> Result<Vec<TaskInfo>, Refusal>;
    /// Begins an episode; one under way ends.
    fn reset(&mut self, reset: &Reset) -> Result<SceneView, Refusal>;
    /// Carries out an action of the episode under way.
    fn step(&mut self, action: &[f64; ACTION_LEN]) -> Result<SceneView, Refusal>;
    /// Carries out a dense action of the episode under way.
    fn joints(&mut self, _action: &JointAction) -> Result<SceneView, Refusal> {
        Err(Refusal::new(Code::NotSteppable, "this server takes key-frames only"))
    }
    /// The client has gone: the episode under way ends.
    fn end(&mut self) {}
}

/// Why a backend does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// For programs.
    pub code: Code,
    /// For people.
    pub message: String,
}

impl Refusal {
    /// With its reason.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// What happens at a server.
#[derive(Debug)]
pub enum Event<'a> {
    /// A client has come.
    Came(SocketAddr),
    /// It has gone, by itself or because of an error.
    Went(SocketAddr, Option<&'a BridgeError>),
}

/// Serves clients one after the other until `told` breaks it off. Others wait in line.
///
/// # Errors
/// If no client can be accepted any more; what a client does wrong ends its connection only.
pub fn serve(
    listener: &TcpListener,
    backend: &mut dyn Backend,
    patience: Patience,
    mut told: impl FnMut(Event<'_>) -> ControlFlow<()>,
) -> Result<(), BridgeError> {
    loop {
        let (stream, address) = listener.accept()?;
        if told(Event::Came(address)).is_break() {
            return Ok(());
        }
        let ended = attend(stream, backend, patience);
        backend.end();
        if told(Event::Went(address, ended.as_ref().err())).is_break() {
            return Ok(());
        }
    }
}

/// One client, from its coming to its going.
fn attend(stream: TcpStream, backend: &mut dyn Backend, patience: Patience) -> Result<(), BridgeError> {
    let mut wire = Wire::new(stream, Limits::REQUEST, patience.until_hello())?;
    let mut is_known = false;
    loop {
        let request = match wire.receive() {
            Ok(Some(frame)) => Request::from_frame(&frame).map_err(BridgeError::from),
            Ok(None) => return Ok(()),
            Err(error) => Err(error),
        };
        let (reply, goes_on) = match request {
            Ok(Request::Close) => (Reply::Closed, false),
            Ok(Request::Hello { version: VERSION }) => {
                is_known = true;
                wire.set_patience(patience);
                (Reply::Hello(Hello { version: VERSION, about: backend.about(), can_step: backend.can_step() }), true)
            }
            Ok(Request::Hello { version }) => {
                let message = format!("version {version} asked for, this server speaks {VERSION}");
                (Reply::Error { code: Code::Version, message }, false)
            }
            Ok(request) if is_known => (answer(backend, &request), true),
            Ok(_) => (Reply::Error { code: Code::BadRequest, message: "hello comes first".into() }, false),
            // The frame was whole: the next one begins behind it. Who has not greeted keeps others away.
            Err(error @ BridgeError::Message(_)) => {
                (Reply::Error { code: Code::BadRequest, message: error.to_string() }, is_known)
            }
            Err(error) => {
                let reply = Reply::Error { code: Code::BadRequest, message: error.to_string() };
                // The client may have gone; the error that counts is the first.
                let _ = reply.to_frame().map(|frame| wire.send(&frame, &Limits::REPLY));
                wire.hang_up();
                return Err(error);
            }
        };
        // A view that the wire does not carry is the simulator's fault, and the client hears of it.
        let frame = reply.to_frame().or_else(|error| {
            let message = format!("the simulator's view: {error}");
            Reply::Error { code: Code::Internal, message }.to_frame()
        })?;
        wire.send(&frame, &Limits::REPLY)?;
        if !goes_on {
            wire.hang_up();
            return Ok(());
        }
    }
}

fn answer(backend: &mut dyn Backend, request: &Request) -> Reply {
    let answered = match request {
        Request::ListTasks => backend.tasks().map(Reply::Tasks),
        Request::Reset(reset) => backend.reset(reset).map(|view| Reply::Obs(Box::new(view))),
        Request::Step(_) | Request::Joints(_) if !backend.can_step() => {
            Err(Refusal::new(Code::NotSteppable, "this server has recordings only"))
        }
        Request::Step(action) => backend.step(action).map(|view| Reply::Obs(Box::new(view))),
        Request::Joints(action) => backend.joints(action).map(|view| Reply::Obs(Box::new(view))),
        Request::Hello { .. } | Request::Close => Err(Refusal::new(Code::Internal, "answered already")),
    };
    answered.unwrap_or_else(|Refusal { code, message }| Reply::Error { code, message })
}
