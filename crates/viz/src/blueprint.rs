//! A layout as the viewer reads it. Rerun's own builder cannot say where the eye stands, which columns a log has, or whether
//! a plot has a legend: this one can.

use rerun::{
    AsComponents, RecordingStream, RecordingStreamBuilder, SerializedComponentBatch,
    blueprint::components::{
        ContainerKind, GridColumns, IncludedContent, PanelState, PlayState, QueryExpression, RootContainer,
    },
    datatypes,
    external::{
        re_log_types::{BlueprintActivationCommand, LogMsg},
        re_sdk_types::blueprint::archetypes::{
            ContainerBlueprint, PanelBlueprint, TimePanelBlueprint, ViewBlueprint, ViewContents, ViewportBlueprint,
        },
        uuid::Uuid,
    },
};

use crate::{VizError, paths};

/// What a layout is of: a layout belongs to an application, and stands on one of its time lines.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Application {
    pub(crate) name: &'static str,
    pub(crate) timeline: &'static str,
}

/// Runs of a robot.
pub(crate) const RUNS: Application = Application { name: "neuraxis", timeline: paths::TIMELINE };

/// A piece of the window.
pub(crate) enum Part {
    Group(Group),
    View(View),
}

/// Pieces beside, above or behind each other.
pub(crate) struct Group {
    kind: ContainerKind,
    name: Option<String>,
    parts: Vec<Part>,
    /// Width or height of each, relative to the others.
    shares: Vec<f32>,
    /// Of a grid.
    columns: Option<u32>,
}

/// One view of what is logged.
pub(crate) struct View {
    class: &'static str,
    name: String,
    origin: String,
    contents: Vec<String>,
    /// By the name of its archetype.
    properties: Vec<(&'static str, Vec<SerializedComponentBatch>)>,
}

impl Group {
    fn new(kind: ContainerKind, parts: impl IntoIterator<Item = Part>) -> Self {
        Self { kind, name: None, parts: parts.into_iter().collect(), shares: Vec::new(), columns: None }
    }

    /// From left to right, each with its share of the width.
    pub(crate) fn row(parts: impl IntoIterator<Item = (f32, Part)>) -> Part {
        let (shares, parts): (Vec<f32>, Vec<Part>) = parts.into_iter().unzip();
        Part::Group(Self { shares, ..Self::new(ContainerKind::Horizontal, parts) })
    }

    /// From top to bottom, each with its share of the height.
    pub(crate) fn column(parts: impl IntoIterator<Item = (f32, Part)>) -> Part {
        let (shares, parts): (Vec<f32>, Vec<Part>) = parts.into_iter().unzip();
        Part::Group(Self { shares, ..Self::new(ContainerKind::Vertical, parts) })
    }

    /// One behind the other; the first is in front.
    pub(crate) fn tabs(parts: impl IntoIterator<Item = Part>) -> Part {
        Part::Group(Self::new(ContainerKind::Tabs, parts))
    }

    /// Rows of so many, under a name that is shown where the grid is a tab.
    pub(crate) fn grid(name: &str, columns: u32, parts: impl IntoIterator<Item = Part>) -> Part {
        let grid = Self::new(ContainerKind::Grid, parts);
        Part::Group(Self { name: Some(name.into()), columns: Some(columns), ..grid })
    }
}

impl View {
    /// A view of everything below `origin`.
    pub(crate) fn new(class: &'static str, name: &str, origin: String) -> Self {
        let contents = vec!["$origin/**".into()];
        Self { class, name: name.into(), origin, contents, properties: Vec::new() }
    }

    /// Shows these instead.
    pub(crate) fn of(self, contents: Vec<String>) -> Self {
        Self { contents, ..self }
    }

    /// Sets a property of the view; its name is that of the archetype.
    pub(crate) fn with(mut self, name: &'static str, property: &impl AsComponents) -> Self {
        self.properties.push((name, property.as_serialized_batches()));
        self
    }
}

impl From<View> for Part {
    fn from(view: View) -> Self {
        Self::View(view)
    }
}

impl Part {
    /// Writes it and all of it; returns its path.
    fn log(&self, rec: &RecordingStream) -> Result<(Uuid, String), VizError> {
        let id = Uuid::new_v4();
        let path = match self {
            Self::Group(group) => {
                let path = format!("container/{id}");
                let parts = group.parts.iter().map(|part| Ok(IncludedContent(part.log(rec)?.1.into())));
                let mut container =
                    ContainerBlueprint::new(group.kind).with_contents(parts.collect::<Result<Vec<_>, VizError>>()?);
                if let Some(name) = &group.name {
                    container = container.with_display_name(name.as_str());
                }
                if let Some(columns) = group.columns {
                    container = container.with_grid_columns(GridColumns(columns.into()));
                }
                container = match group.kind {
                    ContainerKind::Horizontal => container.with_col_shares(group.shares.iter().copied()),
                    ContainerKind::Vertical => container.with_row_shares(group.shares.iter().copied()),
                    _ => container,
                };
                rec.log(path.as_str(), &container)?;
                path
            }
            Self::View(view) => {
                let path = format!("view/{id}");
                let contents = view.contents.iter().map(|query| QueryExpression(query.as_str().into()));
                rec.log(format!("{path}/ViewContents"), &ViewContents::new(contents))?;
                let blueprint = ViewBlueprint::new(view.class)
                    .with_display_name(view.name.as_str())
                    .with_space_origin(view.origin.as_str());
                rec.log(path.as_str(), &blueprint)?;
                for (name, batches) in &view.properties {
                    rec.log_serialized_batches(format!("{path}/{name}"), false, batches.iter().cloned())?;
                }
                path
            }
        };
        Ok((id, path))
    }
}

#[cfg(test)]
impl Part {
    /// Names of all views, and what they show.
    pub(crate) fn views(&self) -> Vec<(String, Vec<String>)> {
        match self {
            Self::Group(group) => group.parts.iter().flat_map(Self::views).collect(),
            Self::View(view) => {
                let shown = view.contents.iter().map(|content| content.replace("$origin", &view.origin));
                vec![(view.name.clone(), shown.collect())]
            }
        }
    }
}

/// Lays a window out, in the place of the layout that it has. The viewer takes views of a new layout for new ones: they
/// fit themselves to what they hold.
pub(crate) fn send(window: &RecordingStream, of: Application, root: &Part) -> Result<(), VizError> {
    let (rec, storage) = RecordingStreamBuilder::new(of.name).blueprint().memory()?;
    // The viewer takes for a layout what has this time line.
    rec.set_time_sequence("blueprint", 0);
    let (id, _) = root.log(&rec)?;
    let viewport =
        ViewportBlueprint::new().with_root_container(RootContainer(datatypes::Uuid { bytes: *id.as_bytes() }));
    rec.log("viewport", &viewport)?;
    for panel in ["blueprint_panel", "selection_panel"] {
        rec.log(panel, &PanelBlueprint::new().with_state(PanelState::Collapsed))?;
    }
    let time = TimePanelBlueprint::new()
        .with_state(PanelState::Collapsed)
        .with_timeline(of.timeline)
        .with_play_state(PlayState::Following);
    rec.log("time_panel", &time)?;
    let messages = storage.take();
    let Some(LogMsg::SetStoreInfo(about)) = messages.first() else {
        return Err(VizError::Stream("the layout has no beginning".into()));
    };
    // Made active, not only default: a layout that the viewer keeps from an older run must not win.
    let blueprint_id = about.info.store_id.clone();
    window.send_blueprint(messages, BlueprintActivationCommand { blueprint_id, make_active: true, make_default: true });
    Ok(())
}
