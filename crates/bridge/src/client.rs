//! The end that acts.

use std::{
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use crate::{
    ACTION_LEN, BridgeError, Hello, JointAction, Limits, MessageError, Patience, Reply, Request, Reset, SceneView,
    TaskInfo, VERSION, Wire,
};

/// Time to reach a host.
const CONNECT: Duration = Duration::from_secs(5);

/// A connection to a simulator. After a refusal it goes on; after any other error it is closed, since nobody knows where
/// the next frame would begin.
pub struct Client {
    wire: Option<Wire>,
    hello: Hello,
}

impl Client {
    /// Connects and says hello. A host that is busy with another client does not answer.
    ///
    /// # Errors
    /// Nobody there, somebody else, or another version.
    pub fn connect(address: &str, patience: Patience) -> Result<Self, BridgeError> {
        let refuse = |source| BridgeError::Connect { address: address.into(), source };
        let mut found = Err(std::io::Error::other("the name has no address"));
        for place in address.to_socket_addrs().map_err(refuse)? {
            found = TcpStream::connect_timeout(&place, CONNECT);
            if found.is_ok() {
                break;
            }
        }
        let wire = Wire::new(found.map_err(refuse)?, Limits::REPLY, patience.until_hello())?;
        let nobody = Hello { version: 0, about: String::new(), can_step: false };
        let mut client = Self { wire: Some(wire), hello: nobody };
        client.hello = match client.ask(&Request::Hello { version: VERSION })? {
            Reply::Hello(hello) => hello,
            other => return Err(client.unexpected("hello", &other)),
        };
        if client.hello.version != VERSION {
            return Err(BridgeError::Version { theirs: client.hello.version, ours: VERSION });
        }
        if let Some(wire) = &mut client.wire {
            wire.set_patience(patience);
        }
        Ok(client)
    }

    /// Who is at the other end.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// What can be asked for.
    ///
    /// # Errors
    /// As every request: the peer refuses, hangs, breaks off or sends something else.
    pub fn list_tasks(&mut self) -> Result<Vec<TaskInfo>, BridgeError> {
        match self.ask(&Request::ListTasks)? {
            Reply::Tasks(tasks) => Ok(tasks),
            other => Err(self.unexpected("tasks", &other)),
        }
    }

    /// A new episode: what is seen at its beginning.
    ///
    /// # Errors
    /// As every request.
    pub fn reset(&mut self, reset: &Reset) -> Result<SceneView, BridgeError> {
        self.see(&Request::Reset(reset.clone()))
    }

    /// One key-frame: what is seen once it is reached, or when the episode ended on the way.
    ///
    /// # Errors
    /// As every request, and before it is sent: a number that is not finite.
    pub fn step(&mut self, action: &[f64; ACTION_LEN]) -> Result<SceneView, BridgeError> {
        if let Some((index, value)) = action.iter().enumerate().find(|(_, x)| !x.is_finite()) {
            return Err(MessageError::NotFinite { name: "action".into(), index, value: *value }.into());
        }
        self.see(&Request::Step(*action))
    }

    /// One dense action: what is seen at the end of its moment. The server checks its numbers.
    ///
    /// # Errors
    /// As every request; a server that takes key-frames only refuses.
    pub fn joints(&mut self, action: &JointAction) -> Result<SceneView, BridgeError> {
        self.see(&Request::Joints(*action))
    }

    /// Says goodbye.
    ///
    /// # Errors
    /// As every request; the connection is closed in any case.
    pub fn close(mut self) -> Result<(), BridgeError> {
        match self.ask(&Request::Close)? {
            Reply::Closed => Ok(()),
            other => Err(self.unexpected("closed", &other)),
        }
    }

    fn see(&mut self, request: &Request) -> Result<SceneView, BridgeError> {
        match self.ask(request)? {
            Reply::Obs(view) => Ok(*view),
            other => Err(self.unexpected("obs", &other)),
        }
    }

    fn ask(&mut self, request: &Request) -> Result<Reply, BridgeError> {
        let mut wire = self.wire.take().ok_or(BridgeError::Closed)?;
        wire.send(&request.to_frame(), &Limits::REQUEST)?;
        let frame = wire.receive()?.ok_or(BridgeError::Closed)?;
        let reply = Reply::from_frame(frame)?;
        self.wire = Some(wire);
        match reply {
            Reply::Error { code, message } => Err(BridgeError::Refused { code, message }),
            reply => Ok(reply),
        }
    }

    /// Who answers out of turn is not asked again.
    fn unexpected(&mut self, wanted: &'static str, got: &Reply) -> BridgeError {
        self.wire = None;
        BridgeError::Unexpected { wanted, got: got.kind() }
    }
}
