use std::{
    io::Read,
    net::TcpListener,
    time::{Duration, Instant},
};

use neuraxis_brain::{PlannerKind, Scribe};
use neuraxis_core::{TaskOrder, TextEmbedder, TextFeatures};
use neuraxis_cortex::{PlanRequest, Planner, SymbolicPlanner};
use neuraxis_episode::Level;
use neuraxis_executor::{Event, Reason};
use neuraxis_hippocampus::{Memory, Stamp};
use neuraxis_plan::{Limits, Scene, SceneFile, Validator};

use super::*;
use crate::{
    brain::{
        drafter,
        mind::PlanInForce,
        plans::{Question, Record, Wanted},
        reflex::Felt,
    },
    config::{Config, workspace_root},
};

/// Waits for an answer for as long as a busy machine may take; a call's own limit is longer.
const PATIENCE: Duration = Duration::from_secs(100);
const SAID: &str = "put the red block in the top drawer and close it";

/// Any sentence is so many numbers.
struct Mute(usize);

impl TextEmbedder for Mute {
    fn id(&self) -> &str {
        "mute"
    }
    fn embed(&mut self, _: &str) -> Result<TextFeatures, PolicyError> {
        Ok(TextFeatures { tokens: 1, width: self.0, values: vec![1.0; self.0].into() })
    }
}

fn workbench() -> Scene {
    let text = std::fs::read_to_string(workspace_root().unwrap().join("sim/scenes/workbench.yaml")).unwrap();
    Scene::try_from(serde_yaml::from_str::<SceneFile>(&text).unwrap()).unwrap()
}

#[test]
fn another_sentence_ends_a_call_that_hangs_and_what_waits_behind_it_is_not_asked() {
    let root = workspace_root().unwrap();
    let mut config = Config::load(&root, "fr3").unwrap();
    // A server that takes every request and says nothing.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    config.brain.planner = PlannerKind::VlmOrSymbolic;
    config.brain.vlm.base_url = format!("http://{}/v1", server.local_addr().unwrap());
    (config.brain.vlm.connect_secs, config.brain.vlm.first_byte_secs) = (60.0, 600.0);
    config.brain.vlm.total_secs = 600.0;
    let (requests_in, requests) = mpsc::channel();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in server.incoming().flatten() {
            held.push(stream);
            let mut beginning = [0; 8];
            let read = held.last_mut().map(|stream| stream.read(&mut beginning));
            if read.is_none() || requests_in.send(()).is_err() {
                return;
            }
        }
    });
    let robot = Arc::new(config.load_robot().unwrap());
    let plans = Plans::new(&config, drafter(&config, robot.clone()).unwrap(), None);
    let cancel = plans.cancel();
    let (_, fast, asked) = wire(Reflex::new(&config, robot, &[], false).unwrap(), cancel);
    let scene = workbench();
    let ask = |sentence: u32| {
        let question = Question {
            task: sentence,
            sentence,
            id: None,
            epoch: sentence,
            wanted: Wanted::First,
            words: SAID.into(),
            context: None,
            scene: scene.clone(),
            at: Nanos::from_secs(1.0),
        };
        fast.jobs.send(Job::Answer(Box::new(question))).unwrap();
    };
    let thread = std::thread::spawn(move || planner(plans, asked));
    let began = Instant::now();
    ask(0);
    requests.recv_timeout(PATIENCE).expect("the model is asked");
    // The second sentence, and its question; before it is looked at, the third.
    interrupt(&fast.sentence, 1, fast.cancel.as_ref());
    let Ok(Reply::Plan(first)) = fast.replies.recv_timeout(PATIENCE) else { panic!("the call hangs on") };
    let Err(why) = first.draft else { panic!("it was broken off, and nobody else was asked") };
    say!("after {:.2} s: {why}", began.elapsed().as_secs_f64());
    assert!(why.contains("cancel"), "{why}");
    fast.sentence.store(2, Ordering::SeqCst);
    ask(1);
    ask(2);
    requests.recv_timeout(PATIENCE).expect("the model is asked again");
    interrupt(&fast.sentence, 3, fast.cancel.as_ref());
    let Ok(Reply::Plan(third)) = fast.replies.recv_timeout(PATIENCE) else { panic!("the call hangs on") };
    say!("after {:.2} s: {:?}", began.elapsed().as_secs_f64(), third.draft.as_ref().err());
    assert_eq!((third.task, third.draft.is_err()), (2, true), "the one between was not asked");
    drop(fast);
    thread.join().unwrap();
    assert!(requests.try_recv().is_err(), "two questions in all");
}

#[test]
fn the_recorder_hears_every_sentence_that_comes_and_that_there_is_nothing_to_do_any_more() {
    let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
    let robot = Arc::new(config.load_robot().unwrap());
    let (_fast, slow_ends, _planner) = wire(Reflex::new(&config, robot, &[], false).unwrap(), None);
    let ((orders, orders_out), (seen_in, seen)) = (ring(4), ring(16));
    let links = BrainLinks {
        observations: ring(2).1,
        orders: Orders::new(orders_out, ring(4).0, mailbox(None).1),
        predictions: mailbox(None).0,
        shown: Showcase::new(mailbox(None).0),
        tasks: mailbox(TaskInstance { epoch: 0, has_words: false }).0,
        thoughts: ring(64).0,
        events: ring(4).0,
        seen: SeenLinks::new(seen_in, ring(2).0),
    };
    let mind = Mind::new(&config, false, Vec::new()).unwrap();
    let slow = Slow { mind, apprentice: None, router: None, words: None };
    let shared = &Shared::default();
    let heard = |(goal, words): (u32, Option<&str>)| {
        orders.push(TaskOrder { goal: Some(goal), words: words.map(String::from) });
        (0..20_000).find_map(|_| {
            std::thread::sleep(Duration::from_millis(5));
            seen.pop()?.told.clone()
        })
    };
    let told = std::thread::scope(|scope| {
        let period = Nanos::from_millis(5);
        let brain = scope.spawn(move || brain(slow, Nanos(0), period, slow_ends, links, shared));
        let told = [(1, Some("open the drawer")), (1, None), (2, Some("close it"))].map(heard);
        shared.done.raise();
        brain.join().unwrap().unwrap();
        told
    });
    let said = |number: u32, text: &str| Some((number, text.to_string()));
    assert_eq!(told, [said(1, "open the drawer"), said(2, ""), said(3, "close it")]);
}

#[test]
fn a_task_that_memory_cannot_be_told_is_said_at_once_or_at_the_end_and_once() {
    let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
    let robot = Arc::new(config.load_robot().unwrap());
    let folder = std::env::temp_dir().join(format!("neuraxis-untold-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let open = |name: &str, width| Memory::open(folder.join(name), Box::new(Mute(width))).unwrap();
    // What another encoder has read has no place in a memory.
    let (mut other, memory, scene) = (open("other", 8), open("memory", 4), workbench());
    let zero = Stamp::from_unix_ms(0);
    let scribe = Scribe::begin(&mut other, "open the top drawer", &scene, "fr3", zero, Nanos(0)).unwrap();
    let record = Record { scribe, outcome: Outcome::Succeeded, scene, at: Nanos::from_secs(1.0) };

    let plans = Plans::new(&config, drafter(&config, robot.clone()).unwrap(), Some(memory));
    let (_, MindLinks { jobs, replies, .. }, asked) = wire(Reflex::new(&config, robot, &[], false).unwrap(), None);
    jobs.send(Job::Keep(Box::new(record))).unwrap();
    drop(jobs);
    let mut plans = planner(plans, asked);
    let mut hears = Mind::new(&config, true, Vec::new()).unwrap();
    assert!(hears.take(replies.recv().unwrap()).is_none());
    let is_told = |mind: &Mind| match mind.story().journal.iter().collect::<Vec<_>>()[..] {
        [(_, Level::Warning, line)] => line.starts_with("memory: ") && mind.story().lines.iter().any(|l| l == line),
        _ => false,
    };
    assert!(is_told(&hears), "{:?}", hears.story());
    assert_eq!(hears.end(&mut plans, &Report::default()).journal.count(), 1);
    // A run that was over before the answer came.
    let late = Mind::new(&config, true, Vec::new()).unwrap();
    assert_eq!(late.end(&mut plans, &Report::default()).journal.count(), 1);
    drop((plans, other));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Ends of which nobody has hold, and what the recorder is told.
fn links() -> (BrainLinks, RingReceiver<Box<Thought>>) {
    let (thoughts, told) = ring(64);
    let links = BrainLinks {
        observations: ring(2).1,
        orders: Orders::new(ring(4).1, ring(4).0, mailbox(None).1),
        predictions: mailbox(None).0,
        shown: Showcase::new(mailbox(None).0),
        tasks: mailbox(TaskInstance { epoch: 0, has_words: false }).0,
        thoughts,
        events: ring(256).0,
        seen: SeenLinks::new(ring(16).0, ring(2).0),
    };
    (links, told)
}

#[test]
fn an_answer_to_a_task_that_has_ended_does_not_begin_it_anew() {
    let root = workspace_root().unwrap();
    let config = Config::load(&root, "fr3").unwrap();
    let robot = Arc::new(config.load_robot().unwrap());
    let scene = workbench();
    let raw = SymbolicPlanner.plan(&PlanRequest { instruction: SAID, scene: &scene, epoch: 0 }).unwrap().plan;
    let plan = Validator::new(&scene, &Limits::default()).check(&raw).unwrap();
    let mut mind = Mind::new(&config, false, Vec::new()).unwrap();
    mind.plan = Some(PlanInForce { plan, scene, epoch: 1 });
    let (fast, slow, _) = wire(Reflex::new(&config, robot, &[], false).unwrap(), None);
    let LiveReflex { told, mut reports, .. } = fast;
    // A new plan was waited for in vain, and a person is asked; then it comes.
    let outcome = Outcome::Yielded(Reason::NoAnswer);
    reports.write(Report { epoch: 1, outcome, ..Report::default() });
    told.push(Told { event: Event { epoch: 1, what: What::Late, ..Event::NONE }, felt: Felt::default() });
    let words = Some(Instruction { text: SAID.into(), epoch: 1, features: None });
    let own = Slow { mind, apprentice: None, router: None, words };
    let ((links, thoughts), shared) = (links(), Shared::default());
    let report = std::thread::scope(|scope| {
        let shared = &shared;
        let period = Nanos::from_millis(1);
        let thread = scope.spawn(move || brain(own, Nanos::default(), period, slow, links, shared));
        let (began, mut ticks) = (Instant::now(), 0);
        while ticks < 3 && began.elapsed() < PATIENCE {
            ticks += usize::from(thoughts.pop().is_some());
            std::thread::sleep(Duration::from_millis(1));
        }
        shared.done.raise();
        thread.join().unwrap().unwrap()
    });
    assert_eq!(report.last.outcome, outcome, "it was told");
    assert!(report.mind.plan.is_some(), "what was begun has ended, and is not begun again");
}
