//! What is sent, to whom, and what is kept of it.

mod wire;

use neuraxis_cortex::{
    CortexError, Planner, VlmConfig, VlmError,
    trust::{Judgement, TrustConfig},
    vlm::{CassetteConfig, CassetteMode, Context, Dialect, Image, Purpose, Question, SchemaForm, Unusable, VlmClient},
};
use serde_json::{Value, json};
use wire::{Act, Asked, SAY, Server, config, good, planner, request, scene, watched};

#[test]
fn a_good_answer_becomes_a_proposal() {
    watched(|| {
        let server = Server::new([Act::plan(&good())]);
        let mut planner = planner(config(&server));
        let proposal = planner.plan(&request(&scene(), SAY)).unwrap();
        assert_eq!((proposal.source, proposal.epoch, &proposal.plan), ("vlm", 7, &good()));

        let asked = server.asked();
        assert_eq!(asked.len(), 1);
        let body = asked[0].json();
        assert_eq!(
            (&body["model"], &body["temperature"], &body["stream"]),
            (&json!("test-model"), &json!(0), &json!(false))
        );
        assert_eq!(body["response_format"]["type"], "json_schema");
        // In the order in which it is to be thought.
        let order = ["\"scene_check\"", "\"rationale\"", "\"assumptions\"", "\"goal\"", "\"nodes\""];
        let schema = &asked[0].body[asked[0].body.find("\"json_schema\":{").unwrap()..];
        assert!(order.map(|key| schema.find(key).unwrap()).is_sorted());
        assert!(asked[0].last_words().contains(SAY));

        let last = planner.last().unwrap();
        assert_eq!((last.model.as_str(), last.tokens_in, last.tokens_out), ("test-model", 100, 20));
        assert_eq!(last.verdict.as_ref().unwrap().judgement, Judgement::Accept);
        assert_eq!(planner.gate().accepted(), 1);
    });
}

/// As a model writes that is held to the schema: every field there, null where it means nothing.
#[test]
fn an_answer_in_the_form_of_the_schema_is_the_same_plan() {
    watched(|| {
        let mut plan = json!(good());
        let rung = ["max", "vary", "node"];
        let args =
            ["obj", "from", "to", "at", "speed", "force_n", "height_m", "secs", "times", "fact", "instruction", "why"];
        let fill = |value: &mut Value, keys: &[&str], with: Value| {
            keys.iter().for_each(|key| _ = value.as_object_mut().unwrap().entry(*key).or_insert(with.clone()));
        };
        for node in plan["nodes"].as_array_mut().unwrap() {
            fill(node, &["skill", "timeout_s"], Value::Null);
            fill(node, &["post", "guards", "maintain", "on_fail"], json!([]));
            fill(node, &["args"], json!({}));
            fill(&mut node["args"], &args, Value::Null);
            let rows = |node: &mut Value, list: &str, keys: &[&str]| {
                node[list].as_array_mut().unwrap().iter_mut().for_each(|one| fill(one, keys, Value::Null));
            };
            rows(node, "on_fail", &rung);
            rows(node, "maintain", &["pred", "until", "expr", "op", "val", "unit", "n", "m"]);
        }
        let server = Server::new([Act::say(plan.to_string())]);
        assert_eq!(planner(config(&server)).plan(&request(&scene(), SAY)).unwrap().plan, good());
    });
}

#[test]
fn a_stream_of_words_is_the_same_as_an_answer() {
    watched(|| {
        let plan = serde_json::to_string(&good()).unwrap();
        let (a, b) = plan.split_at(plan.len() / 2);
        let event = |words: &str| format!("data: {}\n\n", json!({"choices": [{"delta": {"content": words}}]}));
        let whole = format!("{}{}data: [DONE]\n\n", event(a), event(b));
        let cut = event(a);
        let server = Server::new([Act::Send(200, "", cut), Act::Send(200, "", whole)]);
        let mut planner = wire::unprobed(VlmConfig { stream: true, ..config(&server) });
        assert_eq!(planner.plan(&request(&scene(), SAY)).unwrap().plan, good());
        let asked = server.asked();
        assert_eq!((asked.len(), &asked[0].json()["stream_options"]["include_usage"]), (2, &json!(true)));
    });
}

#[test]
fn images_go_with_one_request_and_marks_are_told_in_words() {
    watched(|| {
        let server = Server::new([Act::plan(&good()), Act::plan(&good())]);
        let mut planner = planner(config(&server));
        let image = Image::new("front", vec![0xFF, 0xD8, 0xFF, 0xE0], vec![(4, "red_block".into())]).unwrap();
        planner.tell(Context { images: vec![image.clone()], ..Context::default() });
        planner.plan(&request(&scene(), SAY)).unwrap();
        assert_eq!(planner.last().unwrap().image_hashes, [image.hash()]);
        planner.plan(&request(&scene(), SAY)).unwrap();

        let asked = server.asked();
        let parts = asked[0].json()["messages"][1]["content"].clone();
        assert_eq!(parts[0]["image_url"]["url"], "data:image/jpeg;base64,/9j/4A==");
        assert!(asked[0].last_words().contains(r#"{"image":1,"marks":{"4":"red_block"},"name":"front"}"#));
        assert!(!asked[1].body.contains("image_url"), "an old view is not sent again");
    });
}

#[test]
fn the_key_is_read_from_the_environment() {
    watched(|| {
        let server = Server::new([Act::plan(&good())]);
        // A variable that cargo sets.
        let keyed = |name: &str| VlmConfig { api_key_env: Some(name.into()), ..config(&server) };
        planner(keyed("CARGO_PKG_NAME")).plan(&request(&scene(), SAY)).unwrap();
        assert!(server.all().iter().all(|asked| asked.head.contains("Bearer neuraxis-cortex")));
        let error = VlmClient::new(keyed("NEURAXIS_NO_SUCH_KEY")).map(|_| ()).unwrap_err().to_string();
        assert_eq!(error, "api_key_env = NEURAXIS_NO_SUCH_KEY, allowed: the name of a variable that is set");
    });
}

/// llama.cpp that knows the flat form only, no logprobs, and has no eyes.
fn llama(asked: &Asked) -> Option<Act> {
    if asked.line.contains("/models") {
        return Some(Act::Send(200, "", r#"{"data":[{"id":"qwen","owned_by":"llamacpp"}]}"#.into()));
    }
    if asked.line.contains("/props") {
        return Some(Act::Send(200, "", r#"{"modalities":{"vision":false},"default_generation_settings":{}}"#.into()));
    }
    let (nested, flat) = (asked.body.contains("\"json_schema\":{"), asked.body.contains("\"schema\":{"));
    asked.is_trial().then(|| match (nested, flat, asked.body.contains("\"logprobs\"")) {
        (false, true, false) => Act::say(r#"{"word":"ostrich_41"}"#),
        _ => Act::status(400),
    })
}

/// Ollama that takes the schema and does not keep to it.
fn ollama(asked: &Asked) -> Option<Act> {
    if asked.line.contains("/models") {
        return Some(Act::Send(200, "", r#"{"data":[{"id":"llava","owned_by":"library"}]}"#.into()));
    }
    if asked.line.contains("/api/version") {
        return Some(Act::Send(200, "", r#"{"version":"0.20"}"#.into()));
    }
    if asked.line.contains("/api/show") {
        return Some(Act::Send(200, "", r#"{"capabilities":["completion","vision"]}"#.into()));
    }
    asked.is_trial().then(|| Act::say(r#"{"word":"horse"}"#))
}

#[test]
fn the_probe_tells_servers_apart() {
    watched(|| {
        let server = Server::with_look([], llama);
        let found = VlmClient::new(config(&server)).unwrap().probe().unwrap();
        assert_eq!((found.dialect, found.schema, found.model.as_str()), (Dialect::LlamaCpp, SchemaForm::Flat, "qwen"));
        assert_eq!((found.is_schema_kept, found.has_logprobs, found.takes_images), (true, false, false));

        let server = Server::with_look([], ollama);
        let found = VlmClient::new(config(&server)).unwrap().probe().unwrap();
        assert_eq!((found.dialect, found.schema), (Dialect::Ollama, SchemaForm::JsonObject));
        assert_eq!((found.is_schema_kept, found.takes_images), (false, true));

        let server = Server::new([]);
        let mut client = VlmClient::new(config(&server)).unwrap();
        let found = client.probe().unwrap();
        assert_eq!((found.dialect, found.schema, found.is_schema_kept), (Dialect::Vllm, SchemaForm::Nested, true));
        let count = server.all().len();
        client.probe().unwrap();
        assert_eq!(server.all().len(), count, "it asks once");
        assert_eq!(client.monitor().status().costs.calls(), 0, "a probe belongs to no task");
    });
}

#[test]
fn probabilities_tell_how_sure_the_model_was() {
    watched(|| {
        let plan = serde_json::to_string(&good()).unwrap();
        let at = plan.find("\"grasp\"").unwrap() + 1;
        let pieces = [&plan[..at], &plan[at..at + 5], &plan[at + 5..]];
        let tokens = pieces.map(|text| {
            let top = json!([{"token": text, "logprob": -0.7}, {"token": "push", "logprob": -0.7}]);
            json!({"token": text, "logprob": -0.7, "top_logprobs": top})
        });
        let choice = json!({"finish_reason": "stop", "message": {"content": plan}, "logprobs": {"content": tokens}});
        let server = Server::new([Act::choice(choice)]);
        let mut planner = planner(config(&server));
        let mut capabilities = planner.client().probe().unwrap();
        capabilities.has_logprobs = true;
        planner.client().assume(capabilities);
        planner.plan(&request(&scene(), SAY)).unwrap();
        assert_eq!(server.asked()[0].json()["top_logprobs"], 5);
        let probes = planner.last().unwrap().verdict.as_ref().unwrap().probes;
        assert!(probes.decision.is_some_and(|entropy| (entropy - 1.0).abs() < 1e-9), "{probes:?}");
    });
}

#[test]
fn what_was_recorded_is_played_without_a_server() {
    watched(|| {
        let path = std::env::temp_dir().join(format!("neuraxis-cassette-{}.jsonl", std::process::id()));
        let cassette = |mode| CassetteConfig { mode, path: path.clone() };
        let recorded = {
            let server = Server::new([Act::status(500), Act::plan(&good())]);
            let config = VlmConfig { cassette: cassette(CassetteMode::Record), ..config(&server) };
            let mut planner = planner(config);
            let proposal = planner.plan(&request(&scene(), SAY)).unwrap();
            assert_eq!(server.asked().len(), 2);
            proposal
        };
        // Nobody listens at the default address in a test; nothing is sent there.
        let replay = VlmConfig { cassette: cassette(CassetteMode::Replay), stream: false, ..VlmConfig::default() };
        let mut planner = planner(VlmConfig { retry_pause_secs: 0.0, ..replay });
        assert_eq!(planner.plan(&request(&scene(), SAY)).unwrap(), recorded);
        assert_eq!(planner.client().monitor().status().costs.of(Purpose::Plan).requests, 2);

        let other = planner.plan(&request(&scene(), "close the top drawer")).unwrap_err();
        let CortexError::Vlm(VlmError::NotRecorded { purpose: "plan", .. }) = &other else { panic!("{other}") };
        assert!(other.to_string().contains("was recorded with no answer to request"), "{other}");
        std::fs::remove_file(&path).unwrap();
        let missing = VlmClient::new(VlmConfig { cassette: cassette(CassetteMode::Replay), ..VlmConfig::default() });
        assert!(matches!(missing.map(|_| ()), Err(VlmError::Cassette { .. })));
    });
}

/// One short call an image, after the plan, and only if that is asked for.
#[test]
fn what_a_model_sees_in_each_image_is_compared() {
    watched(|| {
        let images =
            || ["front", "wrist"].map(|name| Image::new(name, vec![0xFF, 0xD8, 0xFF, 0xE0], Vec::new()).unwrap());
        let seen = |names: &str| Act::say(format!(r#"{{"answer":[{names}]}}"#));
        let perception = |look_from: f64, answers: [Act; 3]| {
            let server = Server::new(answers);
            let trust = TrustConfig { look_from, ..TrustConfig::default() };
            let mut planner = planner(VlmConfig { trust, ..config(&server) });
            planner.tell(Context { images: images().to_vec(), ..Context::default() });
            planner.plan(&request(&scene(), SAY)).unwrap();
            let asked = planner.client().monitor().status().costs.of(Purpose::Ground).calls;
            (asked, planner.last().unwrap().verdict.as_ref().unwrap().probes.perception)
        };
        let differ = || [Act::plan(&good()), seen(r#""red_block","green_block""#), seen(r#""red_block""#)];
        assert_eq!(perception(0.0, differ()), (2, Some(0.5)));
        assert_eq!(perception(1.0, differ()), (0, None), "as shipped");
        assert_eq!(perception(0.5, differ()), (0, None), "not undecided, as far as is known");
        let odd = [Act::plan(&good()), seen(r#""ghost""#), seen(r#""red_block""#)];
        assert_eq!(perception(0.0, odd), (1, None), "not measured, and no reason to refuse a plan");
    });
}

#[test]
fn a_closed_question_has_one_of_its_answers() {
    watched(|| {
        let server = Server::new([
            Act::say("{\"answer\": \"unknown\"}"),
            Act::say("I think {\"answer\":\"maybe\"}"),
            Act::say("yes"),
        ]);
        let mut client = VlmClient::new(config(&server)).unwrap();
        let answers = ["true", "false", "unknown"];
        let text = "Is open(top_drawer) the case?";
        let question = Question { purpose: Purpose::Check, text, answers: &answers, images: &[] };
        assert_eq!(client.choose(&question), Ok(2));
        assert_eq!(client.choose(&question), Err(VlmError::Unusable(Unusable::NoChoice("\"maybe\"".into()))));
        assert_eq!(client.choose(&question), Err(VlmError::Unusable(Unusable::NoObject)));
        let status = client.monitor().status();
        assert_eq!((status.costs.of(Purpose::Check).calls, status.calls_left), (3, 3));
        assert!(server.asked()[0].body.contains(r#""enum":["true","false","unknown"]"#));

        let server = Server::new([
            Act::say(r#"{"answer":["blue_block","red_block","red_block"]}"#),
            Act::say(r#"{"answer":["ghost"]}"#),
        ]);
        let mut client = VlmClient::new(config(&server)).unwrap();
        let things = ["red_block", "green_block", "blue_block"];
        let question = Question { purpose: Purpose::Ground, text: "What is in view?", answers: &things, images: &[] };
        assert_eq!(client.choose_all(&question), Ok(vec![0, 2]));
        assert_eq!(client.choose_all(&question), Err(VlmError::Unusable(Unusable::NoChoice("\"ghost\"".into()))));
    });
}
