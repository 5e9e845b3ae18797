//! How the viewer opens: scene large on the left, what the robot sees and thinks on the right, plots and log below.

use rerun::blueprint::{
    Blueprint, BlueprintPanel, ContainerLike, Grid, Horizontal, SelectionPanel, Spatial2DView, Spatial3DView,
    StateTimelineView, Tabs, TextDocumentView, TextLogView, TimePanel, TimeSeriesView, Vertical,
    components::{PanelState, PlayState},
};

use crate::{VizConfig, paths};

/// Each run is a configuration and the name of its robot; several stand side by side.
pub(crate) fn blueprint(runs: &[(&VizConfig, &str)]) -> Blueprint {
    let root: ContainerLike = match runs {
        [(config, robot)] => alone(config, robot),
        several => Horizontal::new(several.iter().map(|(config, robot)| column(config, robot))).into(),
    };
    Blueprint::new(root)
        .with_blueprint_panel(BlueprintPanel::from_state(PanelState::Collapsed))
        .with_selection_panel(SelectionPanel::from_state(PanelState::Collapsed))
        .with_time_panel(
            TimePanel::new()
                .with_state(PanelState::Collapsed)
                .with_timeline(paths::TIMELINE)
                .with_play_state(PlayState::Following),
        )
}

/// A run with the whole window: scene large on the left, eyes and mind on the right, plots and log below.
fn alone(config: &VizConfig, robot: &str) -> ContainerLike {
    let mut right = vec![instruction(config)];
    // A line of text stays readable beside a brain's panel.
    let mut shares = vec![if config.brain { 1.1 } else { 0.7 }];
    if !config.cameras.is_empty() {
        right.push(Tabs::new(eyes(config)).into());
        shares.push(3.0);
    }
    if !config.virtual_views.is_empty() {
        right.push(Horizontal::new(views(config)).with_name("policy's views").into());
        shares.push(1.4);
    }
    if config.brain {
        right.push(brain(config));
        shares.push(3.0);
    }
    let bottom = Horizontal::new([plots(config), events(config)]).with_column_shares(vec![1.6, 1.0]);
    let top = Horizontal::new([scene(config, robot), Vertical::new(right).with_row_shares(shares).into()])
        .with_column_shares(vec![1.6, 1.0]);
    Vertical::new([top.into(), bottom.into()]).with_row_shares(vec![2.2, 1.0]).into()
}

/// A run beside others: the same, one below the other.
fn column(config: &VizConfig, robot: &str) -> ContainerLike {
    let mut minds = eyes(config);
    if !config.virtual_views.is_empty() {
        minds.push(Grid::new(views(config)).with_name("policy's views").with_grid_columns(3).into());
    }
    if config.brain {
        minds.push(brain(config));
    }
    let mut parts = vec![instruction(config), scene(config, robot)];
    let mut shares = vec![0.8, 2.4];
    if !minds.is_empty() {
        parts.push(Tabs::new(minds).into());
        shares.push(1.9);
    }
    parts.extend([plots(config), phase(config), log(config)]);
    shares.extend([1.1, 0.8, 0.8]);
    Vertical::new(parts).with_row_shares(shares).into()
}

fn at(config: &VizConfig, path: &str) -> String {
    format!("{}{path}", config.root)
}

fn text(config: &VizConfig, name: &str, path: &str) -> ContainerLike {
    TextDocumentView::new(name).with_origin(at(config, path)).into()
}

fn instruction(config: &VizConfig) -> ContainerLike {
    let name = if config.root.is_empty() { "instruction" } else { config.title.as_str() };
    text(config, name, paths::INSTRUCTION)
}

fn scene(config: &VizConfig, robot: &str) -> ContainerLike {
    let root = &config.root;
    let mut contents = vec![
        format!("+ {root}/world/**"),
        format!("+ {root}/transforms/**"),
        format!("+ {root}/tf_static/**"),
        format!("+ {root}/{robot}/visual_geometries/**"),
    ];
    // Depth would be a second cloud on top of the fused one.
    contents.extend(config.cameras.iter().map(|camera| format!("- {root}{}", paths::depth(camera))));
    Spatial3DView::new("scene").with_origin("/").with_contents(contents).into()
}

/// Two tabs: colours and depth.
fn eyes(config: &VizConfig) -> Vec<ContainerLike> {
    if config.cameras.is_empty() {
        return Vec::new();
    }
    let view = |title: String, camera: &String, image: String| -> ContainerLike {
        Spatial2DView::new(title)
            .with_origin(at(config, &paths::camera(camera)))
            .with_contents([at(config, &image)])
            .into()
    };
    let cameras = config.cameras.iter().map(|name| view(name.clone(), name, paths::rgb(name)));
    let depths = config.cameras.iter().map(|name| view(format!("{name} depth"), name, paths::depth(name)));
    vec![
        Grid::new(cameras).with_name("cameras").with_grid_columns(2).into(),
        Grid::new(depths).with_name("depth").with_grid_columns(2).into(),
    ]
}

fn views(config: &VizConfig) -> Vec<ContainerLike> {
    let view =
        |name: &String| Spatial2DView::new(name.as_str()).with_origin(at(config, &paths::virtual_view(name))).into();
    config.virtual_views.iter().map(view).collect()
}

fn brain(config: &VizConfig) -> ContainerLike {
    let known = Tabs::new([
        TimeSeriesView::new("monitors").with_origin(at(config, paths::BRAIN_MONITORS)).into(),
        text(config, "facts", paths::BRAIN_FACTS),
        text(config, "calls and costs", paths::BRAIN_COSTS),
    ]);
    Horizontal::new([text(config, "tree", paths::BRAIN_TREE), known.into()])
        .with_name("brain")
        .with_column_shares(vec![1.3, 1.0])
        .into()
}

fn plots(config: &VizConfig) -> ContainerLike {
    let plot =
        |name: &str, path: &str| -> ContainerLike { TimeSeriesView::new(name).with_origin(at(config, path)).into() };
    Tabs::new([
        plot("joints [rad]", paths::JOINTS),
        plot("tracking error [mrad]", paths::TRACKING),
        plot("gripper [mm]", paths::GRIPPER),
        plot("policy tick [ms]", paths::POLICY_TIMING),
        plot("loop wake latency [µs]", paths::LOOP_TIMING),
        plot("confidence", paths::CONFIDENCE),
    ])
    .into()
}

fn events(config: &VizConfig) -> ContainerLike {
    Vertical::new([phase(config), log(config)]).with_row_shares(vec![1.0, 1.6]).into()
}

fn phase(config: &VizConfig) -> ContainerLike {
    StateTimelineView::new("cerebellum").with_origin(at(config, paths::PHASE)).into()
}

fn log(config: &VizConfig) -> ContainerLike {
    TextLogView::new("log").with_origin(at(config, paths::LOG)).into()
}
