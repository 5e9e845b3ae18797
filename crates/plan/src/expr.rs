//! Numbers that a monitor computes from what is sensed: JSON s-expressions, compiled to a short list of operations.
//!
//! ```text
//! num   := NUMBER | ["dist",p,p] | ["z",p] | ["axis_angle",v,v] | ["tilt",OBJECT] | ["speed",body] | ["force",axis]
//!        | ["grip_width"] | ["add"|"min"|"max"|"mean",num..] | ["sub",num,num] | ["abs",num]
//! p     := body | ["offset",p,[x,y,z]]      offset in the frame of the body [m]
//! body  := "ee" | OBJECT                    the tool, or a thing's middle
//! v     := "body.x" | "body.y" | "body.z" | [x,y,z]      an axis of a body, or a direction in the world
//! axis  := "x" | "y" | "z" | "norm"         of the force at the tool, in the world
//! ```
//! Every operation is total, there are no loops, and units are checked: a bare number takes the unit of what it is
//! added to or compared with.

use nalgebra::{Isometry3, Unit as Direction, Vector3};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ErrorKind, PlanError,
    scene::{ObjectId, Scene},
};

/// Most operations of one expression, and most numbers in flight.
pub const MOST_OPERATIONS: usize = 64;
const STACK: usize = 16;

/// Unit of an expression.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Metres.
    #[serde(rename = "m")]
    Metre,
    /// Radians.
    #[serde(rename = "rad")]
    Radian,
    /// Metres a second.
    #[serde(rename = "m/s")]
    MetrePerSecond,
    /// Newtons.
    #[serde(rename = "N")]
    Newton,
}

impl Unit {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Metre, Self::Radian, Self::MetrePerSecond, Self::Newton];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Metre => "m",
            Self::Radian => "rad",
            Self::MetrePerSecond => "m/s",
            Self::Newton => "N",
        }
    }
}

/// Operators of the language.
pub const OPERATORS: [&str; 13] =
    ["dist", "z", "axis_angle", "tilt", "speed", "force", "grip_width", "add", "sub", "min", "max", "mean", "abs"];

/// Something with a pose.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The tool: between the finger tips.
    Tool,
    /// A thing of the scene.
    Object(ObjectId),
}

/// What expressions look at. `None`: not sensed at the moment. Called at 200 Hz: must not allocate.
pub trait Senses {
    /// `X_WB`, the pose of a body in the world.
    fn world_from_body(&self, body: Body) -> Option<Isometry3<f64>>;
    /// Velocity of a body's origin in the world [m/s].
    fn velocity_in_world(&self, body: Body) -> Option<Vector3<f64>>;
    /// Force on the tool from outside, in the world [N].
    fn force_in_world(&self) -> Option<Vector3<f64>>;
    /// Distance of the fingers [m].
    fn grip_width_m(&self) -> Option<f64>;
}

/// A component of a force.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Along the world's x.
    X,
    /// Along the world's y.
    Y,
    /// Along the world's z.
    Z,
    /// Its magnitude.
    Norm,
}

/// A point fixed to a body, by its place in the body's frame [m].
#[derive(Copy, Clone, Debug, PartialEq)]
struct Point {
    body: Body,
    point_in_body: Vector3<f64>,
}

/// A direction: fixed to a body, or in the world.
#[derive(Copy, Clone, Debug, PartialEq)]
struct Heading {
    body: Option<Body>,
    direction: Direction<Vector3<f64>>,
}

#[derive(Copy, Clone, Debug, PartialEq)]
enum Op {
    Number(f64),
    Distance(Point, Point),
    Height(Point),
    Angle(Heading, Heading),
    Speed(Body),
    Force(Axis),
    GripWidth,
    Add(u8),
    Min(u8),
    Max(u8),
    Mean(u8),
    Sub,
    Abs,
}

/// A compiled expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    ops: Box<[Op]>,
    unit: Unit,
}

impl Expr {
    /// Reads and compiles; the error has no node yet.
    pub fn compile(json: &Value, scene: &Scene) -> Result<Self, PlanError> {
        let mut compiler = Compiler { scene, ops: Vec::new(), height: 0 };
        let unit = compiler.number(json)?;
        let Some(unit) = unit else {
            let what = format!("the expression {json} looks at nothing");
            return Err(fault(ErrorKind::Argument, what, "name something that is sensed"));
        };
        Ok(Self { ops: compiler.ops.into(), unit })
    }

    /// Its unit.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// How many operations it takes, at most [`MOST_OPERATIONS`]: what a look costs.
    pub fn operations(&self) -> usize {
        self.ops.len()
    }

    /// The force component that it is, if it is nothing else.
    pub fn as_force(&self) -> Option<Axis> {
        match *self.ops {
            [Op::Force(axis)] => Some(axis),
            _ => None,
        }
    }

    /// Its value in [`Expr::unit`]; `None` if something is not sensed or not finite. Does not allocate.
    pub fn value(&self, senses: &dyn Senses) -> Option<f64> {
        let mut stack = [0.0; STACK];
        let mut height = 0;
        for op in &self.ops {
            let taken = op.takes();
            let start = usize::checked_sub(height, taken)?;
            let result = op.apply(stack.get(start..height)?, senses)?;
            *stack.get_mut(start)? = result;
            height = start + 1;
        }
        stack.first().copied().filter(|value| value.is_finite())
    }
}

impl Op {
    fn takes(self) -> usize {
        match self {
            Self::Add(n) | Self::Min(n) | Self::Max(n) | Self::Mean(n) => usize::from(n),
            Self::Sub => 2,
            Self::Abs => 1,
            _ => 0,
        }
    }

    fn apply(self, numbers: &[f64], senses: &dyn Senses) -> Option<f64> {
        let sum = || numbers.iter().sum::<f64>();
        Some(match self {
            Self::Number(number) => number,
            Self::Distance(a, b) => (a.in_world(senses)? - b.in_world(senses)?).norm(),
            Self::Height(point) => point.in_world(senses)?.z,
            Self::Angle(a, b) => {
                let (a, b) = (a.in_world(senses)?, b.in_world(senses)?);
                // Unlike the arc cosine this is exact near 0 and pi, too.
                a.cross(&b).norm().atan2(a.dot(&b))
            }
            Self::Speed(body) => senses.velocity_in_world(body)?.norm(),
            Self::Force(axis) => {
                let force = senses.force_in_world()?;
                match axis {
                    Axis::X => force.x,
                    Axis::Y => force.y,
                    Axis::Z => force.z,
                    Axis::Norm => force.norm(),
                }
            }
            Self::GripWidth => senses.grip_width_m()?,
            Self::Add(_) => sum(),
            Self::Mean(n) => sum() / f64::from(n),
            Self::Min(_) => numbers.iter().copied().fold(f64::INFINITY, least),
            Self::Max(_) => -numbers.iter().map(|number| -number).fold(f64::INFINITY, least),
            Self::Sub => numbers.first()? - numbers.last()?,
            Self::Abs => numbers.first()?.abs(),
        })
    }
}

/// The smaller; not a number if one of them is not.
fn least(a: f64, b: f64) -> f64 {
    if a.is_nan() || a < b { a } else { b }
}

impl Point {
    fn in_world(&self, senses: &dyn Senses) -> Option<Vector3<f64>> {
        let pose = senses.world_from_body(self.body)?;
        Some(pose.translation.vector + pose.rotation * self.point_in_body)
    }
}

impl Heading {
    fn in_world(&self, senses: &dyn Senses) -> Option<Vector3<f64>> {
        let Some(body) = self.body else { return Some(*self.direction) };
        Some(senses.world_from_body(body)?.rotation * *self.direction)
    }
}

fn fault(kind: ErrorKind, what: impl Into<String>, fix: impl Into<String>) -> PlanError {
    PlanError::new(None, kind, what, fix)
}

struct Compiler<'a> {
    scene: &'a Scene,
    ops: Vec<Op>,
    /// Numbers on the stack.
    height: usize,
}

impl Compiler<'_> {
    /// Appends the operations of a number; its unit, `None` if it is a bare one. JSON that was read is at most 128 deep.
    fn number(&mut self, json: &Value) -> Result<Option<Unit>, PlanError> {
        if let Some(number) = json.as_f64() {
            self.push(Op::Number(number))?;
            return Ok(None);
        }
        let array = json.as_array().map(Vec::as_slice).unwrap_or_default();
        let [Value::String(operator), operands @ ..] = array else {
            return Err(fault(
                ErrorKind::Argument,
                format!("{json} is no expression"),
                "write a number or a list that begins with an operator",
            ));
        };
        let unit = match (operator.as_str(), operands) {
            ("dist", [a, b]) => {
                self.push(Op::Distance(self.point(a)?, self.point(b)?))?;
                Some(Unit::Metre)
            }
            ("z", [p]) => {
                self.push(Op::Height(self.point(p)?))?;
                Some(Unit::Metre)
            }
            ("axis_angle", [a, b]) => {
                self.push(Op::Angle(self.heading(a)?, self.heading(b)?))?;
                Some(Unit::Radian)
            }
            ("tilt", [object]) => {
                let upright = Heading { body: Some(self.body(object)?), direction: Vector3::z_axis() };
                self.push(Op::Angle(upright, Heading { body: None, direction: Vector3::z_axis() }))?;
                Some(Unit::Radian)
            }
            ("speed", [body]) => {
                self.push(Op::Speed(self.body(body)?))?;
                Some(Unit::MetrePerSecond)
            }
            ("force", [axis]) => {
                self.push(Op::Force(axis_of(axis)?))?;
                Some(Unit::Newton)
            }
            ("grip_width", []) => {
                self.push(Op::GripWidth)?;
                Some(Unit::Metre)
            }
            ("sub", [_, _]) => self.combine(operands, Op::Sub)?,
            ("abs", [_]) => self.combine(operands, Op::Abs)?,
            ("add" | "min" | "max" | "mean", [_, ..]) if operands.len() <= STACK => {
                let n = operands.len() as u8;
                let op = match operator.as_str() {
                    "add" => Op::Add(n),
                    "min" => Op::Min(n),
                    "max" => Op::Max(n),
                    _ => Op::Mean(n),
                };
                self.combine(operands, op)?
            }
            (known, _) if OPERATORS.contains(&known) => {
                let what = format!("{json} has {} operands, which does not fit {known:?}", operands.len());
                return Err(fault(ErrorKind::Argument, what, "give it as many as it takes"));
            }
            (unknown, _) => {
                let fix = format!("use one of {}", OPERATORS.join(", "));
                return Err(fault(ErrorKind::UnknownName, format!("no operator {unknown:?}"), fix));
            }
        };
        Ok(unit)
    }

    fn combine(&mut self, operands: &[Value], op: Op) -> Result<Option<Unit>, PlanError> {
        let mut unit: Option<Unit> = None;
        for operand in operands {
            match (unit, self.number(operand)?) {
                (Some(a), Some(b)) if a != b => {
                    let what = format!("{operand} is in {}, what it is combined with in {}", b.name(), a.name());
                    return Err(fault(ErrorKind::Unit, what, "combine like with like"));
                }
                (_, Some(b)) => unit = Some(b),
                _ => {}
            }
        }
        self.push(op)?;
        Ok(unit)
    }

    fn push(&mut self, op: Op) -> Result<(), PlanError> {
        self.height = self.height.saturating_sub(op.takes()) + 1;
        if self.ops.len() >= MOST_OPERATIONS || self.height > STACK {
            let what = format!("an expression of more than {MOST_OPERATIONS} operations or {STACK} numbers at once");
            return Err(fault(ErrorKind::Range, what, "make it simpler"));
        }
        self.ops.push(op);
        Ok(())
    }

    fn point(&self, json: &Value) -> Result<Point, PlanError> {
        // Offsets add up: each is in the frame of the same body.
        let (mut rest, mut point_in_body) = (json, Vector3::zeros());
        while let Some([Value::String(operator), inner, offset]) = rest.as_array().map(Vec::as_slice) {
            if operator != "offset" {
                break;
            }
            point_in_body += triple(offset)?;
            rest = inner;
        }
        Ok(Point { body: self.body(rest)?, point_in_body })
    }

    fn heading(&self, json: &Value) -> Result<Heading, PlanError> {
        if json.is_array() {
            let direction = Direction::try_new(triple(json)?, 1e-6)
                .ok_or_else(|| fault(ErrorKind::Range, format!("{json} has no direction"), "give it a length"))?;
            return Ok(Heading { body: None, direction });
        }
        let (name, direction) = match json.as_str().unwrap_or_default().rsplit_once('.') {
            Some((name, "x")) => (name, Vector3::x_axis()),
            Some((name, "y")) => (name, Vector3::y_axis()),
            Some((name, "z")) => (name, Vector3::z_axis()),
            _ => {
                let fix = r#"write "ee.z", an object's name with an axis, or [x,y,z]"#;
                return Err(fault(ErrorKind::Argument, format!("{json} is no direction"), fix));
            }
        };
        Ok(Heading { body: Some(self.body_named(name)?), direction })
    }

    fn body(&self, json: &Value) -> Result<Body, PlanError> {
        let name = json.as_str().ok_or_else(|| {
            fault(ErrorKind::Argument, format!("{json} is no body"), r#"write "ee" or an object's name"#)
        })?;
        self.body_named(name)
    }

    fn body_named(&self, name: &str) -> Result<Body, PlanError> {
        if name == "ee" {
            return Ok(Body::Tool);
        }
        self.scene.object(name).map(Body::Object).ok_or_else(|| {
            fault(ErrorKind::UnknownName, format!("no object {name:?}"), r#"write "ee" or an object of the scene"#)
                .missing(vec![name.to_string()])
        })
    }
}

fn axis_of(json: &Value) -> Result<Axis, PlanError> {
    match json.as_str() {
        Some("x") => Ok(Axis::X),
        Some("y") => Ok(Axis::Y),
        Some("z") => Ok(Axis::Z),
        Some("norm") => Ok(Axis::Norm),
        _ => Err(fault(ErrorKind::UnknownName, format!("no axis {json}"), "use one of x, y, z, norm")),
    }
}

/// Three finite numbers within ten.
fn triple(json: &Value) -> Result<Vector3<f64>, PlanError> {
    let numbers: Option<Vec<f64>> = json.as_array().and_then(|array| array.iter().map(Value::as_f64).collect());
    match numbers.as_deref() {
        Some([x, y, z]) if [x, y, z].iter().all(|n| (-10.0..=10.0).contains(*n)) => Ok(Vector3::new(*x, *y, *z)),
        _ => Err(fault(ErrorKind::Range, format!("{json} is no vector"), "write [x,y,z], each from -10 to 10")),
    }
}
