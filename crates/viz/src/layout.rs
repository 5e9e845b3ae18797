//! How the viewer opens: scene large on the left, what the robot sees and thinks on the right, plots and log below.

use rerun::{
    Color,
    blueprint::datatypes::{TextLogColumn, TextLogColumnKind},
    external::re_sdk_types::blueprint::{
        archetypes::{Background, EyeControls3D, PlotLegend, TextLogColumns},
        components::{BackgroundKind, Corner2D, Eye3DKind},
    },
};

use crate::{
    VizConfig,
    blueprint::{Group, Part, View},
    paths,
};

/// The eye over the scene and what it looks at, in the arm's base [m]: from the front, over the table's right corner.
const EYE_IN_BASE: [f64; 3] = [1.3, -0.85, 0.8];
const LOOKS_AT_IN_BASE: [f64; 3] = [0.36, 0.0, 0.24];
/// Behind the scene.
const DARK: [u8; 3] = [27, 30, 36];
/// Cameras in a row where a run has the whole window, and where it shares it.
const CAMERAS_IN_A_ROW: u32 = 2;
const SMALL_CAMERAS_IN_A_ROW: u32 = 4;
/// Views of a policy in a row; with more than two rows of them the rows become longer.
const VIEWS_IN_A_ROW: u32 = 3;

/// Each run is a configuration and the name of its robot; several stand side by side.
pub(crate) fn layout(runs: &[(&VizConfig, &str)]) -> Part {
    match runs {
        [(config, robot)] if config.brain => thinking(config, robot),
        [(config, robot)] => alone(config, robot),
        several => together(several),
    }
}

/// A run with the whole window: scene large on the left, eyes and mind on the right, plots and log below.
fn alone(config: &VizConfig, robot: &str) -> Part {
    let mut right = vec![(0.8, instruction(config))];
    if !config.cameras.is_empty() {
        right.push((2.2, Group::tabs(eyes(config, CAMERAS_IN_A_ROW))));
    }
    let looked = looked(config);
    if !looked.is_empty() {
        right.push((2.2, Group::tabs(looked)));
    }
    let top = Group::row([(1.5, scene(config, robot)), (1.0, Group::column(right))]);
    let bottom = match &config.other {
        None => {
            let log = Group::column([(1.0, phase(config)), (1.6, log_of(config))]);
            Group::row([(1.5, Group::tabs(plots(config))), (1.0, log)])
        }
        Some(_) => {
            let table = text(config, "compared", paths::COMPARED);
            let [apart, turned] = differences(config);
            let turned = std::iter::once(turned).chain(plots(config));
            let rest = Group::tabs([table, log_of(config), phase(config)]);
            Group::row([(0.75, apart), (0.75, Group::tabs(turned)), (1.0, rest)])
        }
    };
    Group::column([(2.2, top), (1.0, bottom)])
}

/// A brain's run: its tree, what it watches and what it has spent have the lower half.
fn thinking(config: &VizConfig, robot: &str) -> Part {
    let mut seen = eyes(config, CAMERAS_IN_A_ROW);
    seen.extend(looked(config));
    let mut right = vec![(0.8, instruction(config))];
    if !seen.is_empty() {
        right.push((2.4, Group::tabs(seen)));
    }
    right.push((0.6, phase(config)));
    let top = Group::row([(1.5, scene(config, robot)), (1.0, Group::column(right))]);
    let mut numbers = vec![monitors(config)];
    numbers.extend(plots(config));
    let spent = text(config, "calls and costs", paths::BRAIN_COSTS);
    let mut known = vec![spent, text(config, "facts", paths::BRAIN_FACTS)];
    if config.other.is_some() {
        numbers.splice(..0, differences(config));
        known.insert(0, text(config, "compared", paths::COMPARED));
    }
    let bottom = Group::row([
        (1.0, tree(config)),
        (1.2, Group::tabs(numbers)),
        (1.0, Group::column([(1.5, Group::tabs(known)), (1.0, log_of(config))])),
    ]);
    Group::column([(1.4, top), (1.0, bottom)])
}

/// Runs side by side, a column for each; below them plots that hold a curve of each.
fn together(runs: &[(&VizConfig, &str)]) -> Part {
    let columns = runs.iter().map(|(config, robot)| {
        let mut minds = eyes(config, SMALL_CAMERAS_IN_A_ROW);
        minds.extend(looked(config));
        if config.brain {
            minds.push(tree(config));
            minds.push(monitors(config));
        }
        let mut parts = vec![(1.1, instruction(config)), (2.6, scene(config, robot))];
        if !minds.is_empty() {
            parts.push((1.5, Group::tabs(minds)));
        }
        parts.push((0.7, phase(config)));
        (1.0, Group::column(parts))
    });
    let configs: Vec<&VizConfig> = runs.iter().map(|(config, _)| *config).collect();
    let plot = |name: &str, path: &str| {
        let contents = configs.iter().map(|config| format!("+ {}/**", at(config, path))).collect();
        legend(View::new("TimeSeries", name, "/".into()).of(contents)).into()
    };
    let mut all = vec![
        plot("tool's height [mm]", paths::TOOL_HEIGHT),
        plot("gripper [mm]", paths::WIDTH),
        plot("policy's confidence", paths::CONFIDENCE),
        plot("tracking error, worst joint [mrad]", paths::TRACKING_WORST),
        plot("loop wake latency [µs]", paths::LOOP_TIMING),
    ];
    let mut logs = vec![log(&configs)];
    if configs.iter().any(|config| config.other.is_some()) {
        let differ = [plot("key-frames apart [mm]", paths::APART), plot("key-frames turned [deg]", paths::TURNED)];
        all.splice(..0, differ);
        let tables = configs.iter().map(|config| text(config, &format!("{}: compared", config.name), paths::COMPARED));
        logs.splice(..0, tables);
    }
    let bottom = Group::row([(1.5, Group::tabs(all)), (1.0, Group::tabs(logs))]);
    Group::column([(3.4, Group::row(columns)), (1.0, bottom)])
}

fn at(config: &VizConfig, path: &str) -> String {
    format!("{}{path}", config.root)
}

fn text(config: &VizConfig, name: &str, path: &str) -> Part {
    View::new("TextDocument", name, at(config, path)).into()
}

fn instruction(config: &VizConfig) -> Part {
    let name = if config.name.is_empty() { "instruction" } else { config.name.as_str() };
    text(config, name, paths::INSTRUCTION)
}

fn scene(config: &VizConfig, robot: &str) -> Part {
    let root = &config.root;
    let mut contents = vec![
        format!("+ {root}/world/**"),
        format!("+ {root}/transforms/**"),
        format!("+ {root}/tf_static/**"),
        format!("+ {root}/{robot}/visual_geometries/**"),
    ];
    // Depth would be a second cloud on top of the fused one.
    contents.extend(config.cameras.iter().map(|camera| format!("- {root}{}", paths::depth(camera))));
    let in_world = |p: [f64; 3]| {
        let p = config.world_from_base.iso * nalgebra::Point3::from(p);
        [p.x as f32, p.y as f32, p.z as f32]
    };
    // By itself the eye would stand where it sees all cameras, which are far from what is done.
    let eye = EyeControls3D::new()
        .with_kind(Eye3DKind::Orbital)
        .with_position(in_world(EYE_IN_BASE))
        .with_look_target(in_world(LOOKS_AT_IN_BASE))
        .with_eye_up([0.0, 0.0, 1.0]);
    View::new("3D", "scene", "/".into())
        .of(contents)
        .with("EyeControls3D", &eye)
        .with("Background", &Background::new(BackgroundKind::SolidColor).with_color(Color::from(DARK)))
        .into()
}

/// Two tabs: colours and depth.
fn eyes(config: &VizConfig, columns: u32) -> Vec<Part> {
    if config.cameras.is_empty() {
        return Vec::new();
    }
    let view = |title: String, camera: &String, image: String| -> Part {
        let origin = at(config, &paths::camera(camera));
        View::new("2D", &title, origin).of(vec![format!("+ {}", at(config, &image))]).into()
    };
    let cameras = config.cameras.iter().map(|name| view(name.clone(), name, paths::rgb(name)));
    let depths = config.cameras.iter().map(|name| view(format!("{name} depth"), name, paths::depth(name)));
    vec![Group::grid("cameras", columns, cameras), Group::grid("depth", columns, depths)]
}

/// What policies looked at: the one that acted, and the other.
fn looked(config: &VizConfig) -> Vec<Part> {
    let grid = |name: &str, views: &[String], path: fn(&str) -> String| {
        let many = views.len() > 2 * VIEWS_IN_A_ROW as usize;
        let columns = if many { VIEWS_IN_A_ROW + 1 } else { VIEWS_IN_A_ROW };
        let view = |name: &String| View::new("2D", &name.replace('_', " "), at(config, &path(name))).into();
        (!views.is_empty()).then(|| Group::grid(name, columns, views.iter().map(view)))
    };
    let other = config.other.as_deref().map(|other| format!("views of {other}"));
    let acted = grid("policy's views", &config.virtual_views, paths::virtual_view);
    let asked = other.and_then(|name| grid(&name, &config.other_views, paths::other_view));
    acted.into_iter().chain(asked).collect()
}

fn tree(config: &VizConfig) -> Part {
    text(config, "tree: + done, > runs, x failed", paths::BRAIN_TREE)
}

fn monitors(config: &VizConfig) -> Part {
    legend(View::new("TimeSeries", "monitors", at(config, paths::BRAIN_MONITORS))).into()
}

/// How far two policies' answers are apart.
fn differences(config: &VizConfig) -> [Part; 2] {
    let bare = PlotLegend::new().with_visible(false);
    let plot =
        |name: &str, path: &str| View::new("TimeSeries", name, at(config, path)).with("PlotLegend", &bare).into();
    [plot("key-frames apart [mm]", paths::APART), plot("key-frames turned [deg]", paths::TURNED)]
}

fn plots(config: &VizConfig) -> Vec<Part> {
    let plot = |name: &str, path: &str| View::new("TimeSeries", name, at(config, path));
    // Two curves for each joint: a legend would hide them.
    let bare = PlotLegend::new().with_visible(false);
    let mut plots: Vec<Part> = vec![
        plot("joints [rad]", paths::JOINTS).with("PlotLegend", &bare).into(),
        plot("tracking error [mrad]", paths::TRACKING).with("PlotLegend", &bare).into(),
        legend(plot("gripper [mm]", paths::GRIPPER)).into(),
        legend(plot("policy tick [ms]", paths::POLICY_TIMING)).into(),
        legend(plot("loop wake latency [µs]", paths::LOOP_TIMING)).into(),
        legend(plot("confidence", paths::CONFIDENCE)).into(),
    ];
    // A policy's streams; what a brain watches stands beside its tree.
    if !config.virtual_views.is_empty() {
        plots.push(legend(plot("stream health", paths::BRAIN_MONITORS)).into());
    }
    plots
}

/// A legend where curves are seldom.
fn legend(view: View) -> View {
    view.with("PlotLegend", &PlotLegend::new().with_corner(Corner2D::RightTop))
}

fn phase(config: &VizConfig) -> Part {
    View::new("StateTimeline", "cerebellum", at(config, paths::PHASE)).into()
}

fn log_of(config: &VizConfig) -> Part {
    log(std::slice::from_ref(&config))
}

/// One log of all runs; whose line it is matters where there are several.
fn log(configs: &[&VizConfig]) -> Part {
    let contents = configs.iter().map(|config| format!("+ {}", at(config, paths::LOG))).collect();
    let mut kinds = vec![TextLogColumnKind::LogLevel, TextLogColumnKind::Body];
    if configs.len() > 1 {
        kinds.insert(0, TextLogColumnKind::EntityPath);
    }
    let columns = kinds.into_iter().map(|kind| TextLogColumn { visible: true.into(), kind });
    View::new("TextLog", "log", "/".into())
        .of(contents)
        .with("TextLogColumns", &TextLogColumns::new().with_text_log_columns(columns))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str) -> VizConfig {
        let root = if name.is_empty() { String::new() } else { format!("/{name}") };
        let cameras = vec!["front".into(), "wrist".into()];
        VizConfig { cameras, name: name.into(), root, ..VizConfig::default() }
    }

    fn views(runs: &[VizConfig]) -> Vec<(String, Vec<String>)> {
        let shown: Vec<_> = runs.iter().map(|config| (config, "fr3")).collect();
        layout(&shown).views()
    }

    fn names(runs: &[VizConfig]) -> Vec<String> {
        views(runs).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn a_run_has_a_view_for_what_it_holds_and_none_for_what_it_does_not() {
        let bare = names(&[VizConfig { cameras: Vec::new(), ..run("") }]);
        for absent in ["front", "tree", "monitors", "compared", "coarse"] {
            assert!(!bare.iter().any(|name| name.starts_with(absent)), "{absent} in {bare:?}");
        }
        let seen = names(&[VizConfig { virtual_views: vec!["coarse_top".into()], ..run("") }]);
        assert!(
            ["front", "wrist depth", "coarse top", "stream health", "scene"]
                .iter()
                .all(|name| seen.contains(&name.to_string()))
        );
        for brain in [false, true] {
            let asked = names(&[VizConfig { other: Some("w".into()), brain, ..run("") }]);
            let wanted = ["key-frames apart [mm]", "key-frames turned [deg]", "compared"];
            assert!(wanted.iter().all(|name| asked.contains(&name.to_string())), "{asked:?}");
            assert_eq!(asked.iter().any(|name| name.starts_with("tree")), brain);
        }
    }

    #[test]
    fn runs_beside_each_other_keep_to_themselves_and_share_their_plots() {
        let all = views(&[run("1_a"), run("2_b")]);
        let of = |content: &str| (content.contains("/1_a"), content.contains("/2_b"));
        for (name, contents) in &all {
            let of: Vec<_> = contents.iter().map(|content| of(content)).collect();
            let both = of.contains(&(true, false)) && of.contains(&(false, true));
            let is_shared = name.ends_with(']') || name == "log" || name == "policy's confidence";
            assert_eq!(both, is_shared, "{name}: {contents:?}");
            assert!(of.iter().all(|of| *of != (false, false)), "{name}: {contents:?}");
        }
        assert_eq!(all.iter().filter(|(name, _)| name == "scene").count(), 2);
        assert_eq!(all.iter().filter(|(name, _)| name == "tool's height [mm]").count(), 1);
    }
}
