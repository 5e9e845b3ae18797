//! How the viewer opens: scene large on the left, what the robot sees and thinks on the right, plots and log below.

use rerun::blueprint::{
    Blueprint, BlueprintPanel, ContainerLike, Grid, Horizontal, SelectionPanel, Spatial2DView, Spatial3DView,
    StateTimelineView, Tabs, TextDocumentView, TextLogView, TimePanel, TimeSeriesView, Vertical,
    components::{PanelState, PlayState},
};

use crate::{VizConfig, paths};

pub(crate) fn blueprint(config: &VizConfig, robot: &str) -> Blueprint {
    let mut scene = vec![
        "+ /world/**".to_owned(),
        "+ /transforms/**".to_owned(),
        "+ /tf_static/**".to_owned(),
        format!("+ /{robot}/visual_geometries/**"),
    ];
    // Depth would be a second cloud on top of the fused one.
    scene.extend(config.cameras.iter().map(|camera| format!("- {}", paths::depth(camera))));

    let cameras = config.cameras.iter().map(|name| {
        Spatial2DView::new(name.as_str()).with_origin(paths::camera(name)).with_contents([paths::rgb(name)])
    });
    let depths = config.cameras.iter().map(|name| {
        Spatial2DView::new(format!("{name} depth")).with_origin(paths::camera(name)).with_contents([paths::depth(name)])
    });
    let mut eyes: Vec<ContainerLike> = vec![
        Grid::new(cameras.map(Into::into)).with_name("cameras").with_grid_columns(2).into(),
        Grid::new(depths.map(Into::into)).with_name("depth").with_grid_columns(2).into(),
    ];
    let mut right: Vec<ContainerLike> =
        vec![TextDocumentView::new("instruction").with_origin(paths::INSTRUCTION).into()];
    let mut shares = vec![0.7];
    if !config.cameras.is_empty() {
        right.push(Tabs::new(std::mem::take(&mut eyes)).into());
        shares.push(3.0);
    }
    if !config.virtual_views.is_empty() {
        let views = config
            .virtual_views
            .iter()
            .map(|name| Spatial2DView::new(format!("view {name}")).with_origin(paths::virtual_view(name)).into());
        right.push(Horizontal::new(views).with_name("policy's views").into());
        shares.push(1.4);
    }

    if config.brain {
        let text =
            |name: &str, origin: &str| -> ContainerLike { TextDocumentView::new(name).with_origin(origin).into() };
        let known = Tabs::new([
            TimeSeriesView::new("monitors").with_origin(paths::BRAIN_MONITORS).into(),
            text("facts", paths::BRAIN_FACTS),
            text("calls and costs", paths::BRAIN_COSTS),
        ]);
        right.push(
            Horizontal::new([text("tree", paths::BRAIN_TREE), known.into()])
                .with_name("brain")
                .with_column_shares(vec![1.3, 1.0])
                .into(),
        );
        shares.push(3.0);
    }

    let plot = |name: &str, origin: &str| -> ContainerLike { TimeSeriesView::new(name).with_origin(origin).into() };
    let plots = Tabs::new([
        plot("joints [rad]", paths::JOINTS),
        plot("tracking error [mrad]", paths::TRACKING),
        plot("gripper [mm]", paths::GRIPPER),
        plot("policy tick [ms]", paths::POLICY_TIMING),
        plot("loop wake latency [µs]", paths::LOOP_TIMING),
        plot("confidence", paths::CONFIDENCE),
    ]);
    let events = Vertical::new([
        StateTimelineView::new("cerebellum").with_origin(paths::PHASE).into(),
        TextLogView::new("log").with_origin(paths::LOG).into(),
    ])
    .with_row_shares(vec![1.0, 1.6]);
    let bottom = Horizontal::new([plots.into(), events.into()]).with_column_shares(vec![1.6, 1.0]);
    let top = Horizontal::new([
        Spatial3DView::new("scene").with_origin("/").with_contents(scene).into(),
        Vertical::new(right).with_row_shares(shares).into(),
    ])
    .with_column_shares(vec![1.6, 1.0]);

    Blueprint::new(Vertical::new([top.into(), bottom.into()]).with_row_shares(vec![2.2, 1.0]))
        .with_blueprint_panel(BlueprintPanel::from_state(PanelState::Collapsed))
        .with_selection_panel(SelectionPanel::from_state(PanelState::Collapsed))
        .with_time_panel(
            TimePanel::new()
                .with_state(PanelState::Collapsed)
                .with_timeline(paths::TIMELINE)
                .with_play_state(PlayState::Following),
        )
}
