//! What a server can do wrong on the way: each ends in a typed error, after a known number of requests.

mod wire;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use neuraxis_cortex::{
    CortexError, Fallback, Planner, SymbolicPlanner, VlmConfig, VlmError, VlmPlanner,
    vlm::{BreakerConfig, Health, Purpose, Stage},
};
use wire::{Act, Asked, SAY, Server, config, good, planner, request, scene, unprobed, watched};

/// The error of one plan, and the number of requests.
fn failure(acts: Vec<Act>, change: impl FnOnce(&mut VlmConfig) + Send + 'static) -> (VlmError, usize) {
    watched(move || {
        let server = Server::new(acts);
        let mut config = config(&server);
        change(&mut config);
        match unprobed(config).plan(&request(&scene(), SAY)) {
            Err(CortexError::Vlm(error)) => (error, server.asked().len()),
            other => panic!("{other:?}"),
        }
    })
}

/// Whether there is a plan, and the number of requests.
fn success(acts: Vec<Act>) -> usize {
    watched(|| {
        let server = Server::new(acts);
        unprobed(config(&server)).plan(&request(&scene(), SAY)).unwrap();
        server.asked().len()
    })
}

#[test]
fn a_server_that_takes_its_time_is_waited_for() {
    assert_eq!(success(vec![Act::Late(Duration::from_millis(100), Box::new(Act::plan(&good())))]), 1);
}

#[test]
fn a_server_that_hangs_is_cut_off_at_the_first_byte_and_tried_once_more() {
    let (error, requests) = failure(vec![Act::Hang, Act::Hang], |config| config.first_byte_secs = 0.15);
    assert_eq!(error, VlmError::TimedOut { stage: Stage::FirstByte, millis: 150 });
    assert_eq!(error.to_string(), "no first byte within 150 ms");
    assert_eq!(requests, 2);
}

#[test]
fn a_body_that_never_ends_is_cut_off_at_the_deadline_and_not_asked_for_again() {
    let (error, requests) = failure(vec![Act::Trickle, Act::Trickle], |config| config.total_secs = 0.2);
    assert!(matches!(error, VlmError::TimedOut { stage: Stage::Total, .. }), "{error}");
    assert_eq!(requests, 1);
}

#[test]
fn a_failing_server_is_tried_twice_with_the_same_bytes() {
    let (error, requests) = failure(vec![Act::status(500), Act::status(503)], |_| {});
    assert!(matches!(error, VlmError::Status { status: 503, .. }), "{error}");
    assert_eq!(error.to_string(), r#"HTTP status 503: {"error":{"message":"so it is"}}"#);
    assert_eq!(requests, 2);
    assert_eq!(success(vec![Act::status(500), Act::plan(&good())]), 2);
}

#[test]
fn a_busy_server_is_left_alone_as_long_as_it_asks_for_if_there_is_time() {
    let busy = |secs: &'static str| Act::Send(429, secs, "busy".into());
    assert_eq!(success(vec![busy("retry-after: 0\r\n"), Act::plan(&good())]), 2);
    let (error, requests) = failure(vec![busy("retry-after: 300\r\n")], |_| {});
    assert_eq!(error, VlmError::Status { status: 429, said: "busy".into(), retry_after_secs: Some(300) });
    assert_eq!(requests, 1);
}

#[test]
fn what_the_server_will_not_have_is_not_sent_again() {
    for status in [400, 401, 404] {
        let (error, requests) = failure(vec![Act::status(status)], |_| {});
        assert!(matches!(error, VlmError::Status { status: said, .. } if said == status), "{error}");
        assert_eq!(requests, 1);
    }
    let (error, requests) = failure(vec![Act::Send(302, "location: http://example.org/\r\n", String::new())], |_| {});
    assert!(matches!(error, VlmError::Status { status: 302, .. }), "redirects are not followed: {error}");
    assert_eq!(requests, 1);
}

/// Set once the server has another model.
static IS_STARTED_AGAIN: AtomicBool = AtomicBool::new(false);

/// Lists the model that it has, and knows no other.
fn one_model(asked: &Asked) -> Option<Act> {
    let [has, other] = if IS_STARTED_AGAIN.load(Ordering::SeqCst) { ["b", "a"] } else { ["a", "b"] };
    if asked.line.contains("/v1/models") {
        return Some(Act::Send(200, "", format!(r#"{{"data":[{{"id":"{has}","owned_by":"vllm"}}]}}"#)));
    }
    asked.body.contains(&format!(r#""model":"{other}""#)).then(|| Act::status(404))
}

#[test]
fn a_server_that_comes_back_with_another_model_is_asked_what_it_has() {
    watched(|| {
        let server = Server::with_look([Act::plan(&good()), Act::plan(&good())], one_model);
        let mut planner = planner(config(&server));
        let scene = scene();
        assert!(planner.plan(&request(&scene, SAY)).is_ok());
        IS_STARTED_AGAIN.store(true, Ordering::SeqCst);
        let error = planner.plan(&request(&scene, SAY)).unwrap_err();
        assert!(matches!(error, CortexError::Vlm(VlmError::Status { status: 404, .. })), "{error}");
        assert!(planner.plan(&request(&scene, SAY)).is_ok());
        let models: Vec<_> = server.asked().iter().map(|asked| asked.json()["model"].clone()).collect();
        assert_eq!(models, ["a", "a", "b"]);
    });
}

#[test]
fn an_answer_that_is_cut_or_no_json_is_asked_for_once_more() {
    for body in [r#"{"choices":[{"message":{"content":"{"#, "<html>Bad gateway</html>", "", "{}"] {
        let act = Act::Send(200, "", body.into());
        let (error, requests) = failure(vec![act.clone(), act], |_| {});
        assert!(matches!(error, VlmError::Unreadable { .. }), "{body}: {error}");
        assert_eq!(requests, 2);
    }
}

#[test]
fn an_answer_without_end_is_not_read_to_the_end() {
    let (error, requests) = failure(vec![Act::Huge(3 << 20)], |config| config.logprobs = 0);
    assert_eq!(error, VlmError::TooLarge { most_bytes: 1 << 20 });
    assert_eq!(requests, 1);
}

#[test]
fn a_connection_that_breaks_is_made_anew_once() {
    let (error, requests) = failure(vec![Act::CloseMidBody, Act::CloseMidBody], |_| {});
    assert!(matches!(error, VlmError::Closed { .. }), "{error}");
    assert_eq!(requests, 2);
    assert_eq!(success(vec![Act::CloseMidBody, Act::plan(&good())]), 2);
}

#[test]
fn where_nobody_listens_that_is_said() {
    let (error, _) = failure(Vec::new(), |config| {
        // A port that was free a moment ago.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        config.base_url = format!("http://127.0.0.1:{port}/v1");
    });
    assert!(error.to_string().contains("/v1/chat/completions cannot be reached: "), "{error}");
}

#[test]
fn a_call_that_is_cancelled_ends_and_so_does_the_next_until_a_new_task_begins() {
    watched(|| {
        let server = Arc::new(Server::new([Act::Hang, Act::plan(&good())]));
        // Longer than the test is watched: no time limit ends this.
        let mut planner = unprobed(VlmConfig { first_byte_secs: 600.0, total_secs: 600.0, ..config(&server) });
        let cancel = planner.client().cancel();
        let there = server.clone();
        let canceller = thread::spawn(move || {
            there.wait_for(1);
            cancel.cancel();
        });
        let scene = scene();
        let cancelled = CortexError::Vlm(VlmError::Cancelled);
        assert_eq!(planner.plan(&request(&scene, SAY)), Err(cancelled.clone()));
        canceller.join().unwrap();
        assert_eq!(planner.plan(&request(&scene, SAY)), Err(cancelled));
        assert_eq!(server.asked().len(), 1);
        assert_eq!(planner.client().health(), Health::Up, "it is no failure of the server");
        planner.client().begin_task();
        assert!(planner.plan(&request(&scene, SAY)).is_ok());
    });
}

#[test]
fn after_three_failures_nothing_is_sent_for_a_minute() {
    watched(|| {
        let failing = (0..6).map(|_| Act::status(500));
        let server = Server::new(failing.chain([Act::plan(&good())]));
        let now = Arc::new(Mutex::new(Duration::ZERO));
        let clock = now.clone();
        let client = neuraxis_cortex::VlmClient::new(VlmConfig { calls_per_task: 100, ..config(&server) }).unwrap();
        let client = client.with_clock(move || *clock.lock().unwrap());
        let mut planner = VlmPlanner::with_client(client, Default::default());
        wire::assume(planner.client());
        let monitor = planner.client().monitor();
        let scene = scene();

        for _ in 0..3 {
            planner.plan(&request(&scene, SAY)).unwrap_err();
        }
        assert_eq!(server.asked().len(), 6);
        let minute = Duration::from_secs(60);
        assert_eq!(monitor.status().health, Health::Down { until: minute });
        let error = planner.plan(&request(&scene, SAY)).unwrap_err();
        assert_eq!(error, CortexError::Vlm(VlmError::Down { left_millis: 60_000 }));
        assert_eq!(server.asked().len(), 6, "nothing was sent");

        *now.lock().unwrap() = minute;
        assert_eq!(planner.client().health(), Health::OnTrial);
        assert!(planner.plan(&request(&scene, SAY)).is_ok());
        assert_eq!(monitor.status().health, Health::Up);
        let cost = monitor.status().costs.of(Purpose::Plan);
        assert_eq!((cost.calls, cost.requests, cost.failures), (4, 7, 3));
    });
}

#[test]
fn while_the_model_is_down_the_symbolic_planner_does_it() {
    watched(|| {
        let server = Server::new([Act::status(500), Act::status(500)]);
        let breaker = BreakerConfig { failures: 1, ..BreakerConfig::default() };
        let vlm = unprobed(VlmConfig { breaker, ..config(&server) });
        let mut both = Fallback::new(vlm, SymbolicPlanner);
        let scene = scene();

        let proposal = both.plan(&request(&scene, SAY)).unwrap();
        assert_eq!((proposal.source, proposal.epoch), ("symbolic", 7));
        assert!(matches!(both.why_second(), Some(CortexError::Vlm(VlmError::Status { status: 500, .. }))));
        both.plan(&request(&scene, SAY)).unwrap();
        assert!(matches!(both.why_second(), Some(CortexError::Vlm(VlmError::Down { .. }))));
        assert_eq!(server.asked().len(), 2);

        let neither = both.plan(&request(&scene, "hocus pocus")).unwrap_err().to_string();
        assert!(
            neither.starts_with("the model counts as down") && neither.contains("I do not know the word"),
            "{neither}"
        );
        both.first().client().cancel().cancel();
        assert!(both.plan(&request(&scene, SAY)).unwrap_err().is_cancelled(), "nobody wants a plan any more");
    });
}

#[test]
fn while_the_model_is_well_it_is_the_model_s_plan() {
    watched(|| {
        let server = Server::new([Act::plan(&good())]);
        let mut both = Fallback::new(planner(config(&server)), SymbolicPlanner);
        assert_eq!(both.plan(&request(&scene(), SAY)).unwrap().source, "vlm");
        assert_eq!(both.why_second(), None);
    });
}
