//! Tests on expressions: what must stay so while a node runs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ErrorKind, PlanError,
    expr::{Expr, Senses, Unit},
    facts::Truth,
    scene::Scene,
};

/// A test as it is sent. It trips when it has failed in `n` of the last `m` looks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawTest {
    /// What is computed, see [`crate::expr`].
    pub expr: Value,
    /// How it is compared.
    pub op: Relation,
    /// With what.
    pub val: f64,
    /// Unit of both.
    pub unit: Unit,
    /// Failures that trip it, 1 to `m`.
    pub n: u8,
    /// Looks that are remembered, 1 to 32.
    pub m: u8,
}

/// A comparison.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relation {
    /// Less.
    #[serde(rename = "<")]
    Less,
    /// Less or equal.
    #[serde(rename = "<=")]
    AtMost,
    /// Greater.
    #[serde(rename = ">")]
    Greater,
    /// Greater or equal.
    #[serde(rename = ">=")]
    AtLeast,
}

impl Relation {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Less, Self::AtMost, Self::Greater, Self::AtLeast];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }
}

/// A checked and compiled test.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// What is computed.
    pub expr: Expr,
    /// How it is compared.
    pub op: Relation,
    /// With what, in the unit of `expr`.
    pub val: f64,
    /// Failures that trip it, 1 to `m`.
    pub n: u8,
    /// Looks that are remembered, 1 to 32.
    pub m: u8,
}

impl Test {
    /// Checks names, operands, units and ranges; the error has no node yet.
    pub fn compile(raw: &RawTest, scene: &Scene) -> Result<Self, PlanError> {
        let expr = Expr::compile(&raw.expr, scene)?;
        if expr.unit() != raw.unit {
            let what = format!("{} is in {}, not in {}", raw.expr, expr.unit().name(), raw.unit.name());
            return Err(PlanError::new(None, ErrorKind::Unit, what, format!("write unit {:?}", expr.unit().name())));
        }
        if !raw.val.is_finite() || raw.val.abs() > 1e6 {
            let what = format!("a test against {}", raw.val);
            return Err(PlanError::new(None, ErrorKind::Range, what, "compare with -1e6 to 1e6"));
        }
        if raw.n == 0 || raw.n > raw.m || raw.m > 32 {
            let what = format!("a test that trips at {} of {}", raw.n, raw.m);
            return Err(PlanError::new(None, ErrorKind::Range, what, "choose 1 <= n <= m <= 32"));
        }
        Ok(Self { expr, op: raw.op, val: raw.val, n: raw.n, m: raw.m })
    }

    /// One look. Unknown if something is not sensed. Does not allocate.
    pub fn look(&self, senses: &dyn Senses) -> Truth {
        let Some(value) = self.expr.value(senses) else { return Truth::Unknown };
        let holds = match self.op {
            Relation::Less => value < self.val,
            Relation::AtMost => value <= self.val,
            Relation::Greater => value > self.val,
            Relation::AtLeast => value >= self.val,
        };
        if holds { Truth::True } else { Truth::False }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
    use serde_json::json;

    use super::*;
    use crate::{expr::Body, workbench};

    /// The tool at (1, 2, 3), every object at (1, 2, 1) and tilted by 0.3 rad; no velocity is sensed of objects.
    struct Fixed;

    impl Senses for Fixed {
        fn world_from_body(&self, body: Body) -> Option<Isometry3<f64>> {
            Some(match body {
                Body::Tool => Isometry3::translation(1.0, 2.0, 3.0),
                Body::Object(_) => Isometry3::from_parts(
                    Translation3::new(1.0, 2.0, 1.0),
                    UnitQuaternion::from_axis_angle(&Vector3::x_axis(), 0.3),
                ),
            })
        }

        fn velocity_in_world(&self, body: Body) -> Option<Vector3<f64>> {
            (body == Body::Tool).then(|| Vector3::new(0.3, 0.0, 0.4))
        }

        fn force_in_world(&self) -> Option<Vector3<f64>> {
            Some(Vector3::new(0.0, -3.0, 4.0))
        }

        fn grip_width_m(&self) -> Option<f64> {
            Some(0.04)
        }
    }

    fn value(expr: Value) -> Option<f64> {
        Expr::compile(&expr, &workbench()).unwrap().value(&Fixed)
    }

    #[test]
    fn every_operator_computes_what_it_says() {
        let close = |expr: Value, expected: f64| {
            let value = value(expr.clone()).unwrap();
            assert!((value - expected).abs() < 1e-12, "{expr} = {value}");
        };
        close(json!(["dist", "ee", "red_block"]), 2.0);
        close(json!(["z", ["offset", ["offset", "ee", [1, 0, 0.5]], [0, 0, 0.25]]]), 3.75);
        close(json!(["axis_angle", "ee.z", [0, 0, -2]]), std::f64::consts::PI);
        close(json!(["axis_angle", "red_block.x", "ee.x"]), 0.0);
        close(json!(["tilt", "red_block"]), 0.3);
        close(json!(["speed", "ee"]), 0.5);
        close(json!(["force", "y"]), -3.0);
        close(json!(["force", "norm"]), 5.0);
        close(json!(["grip_width"]), 0.04);
        close(json!(["sub", ["grip_width"], 0.01]), 0.03);
        close(json!(["abs", ["force", "y"]]), 3.0);
        close(json!(["add", ["force", "z"], 1, 2]), 7.0);
        close(json!(["min", ["force", "z"], 1, 2]), 1.0);
        close(json!(["max", ["force", "z"], 1, 2]), 4.0);
        close(json!(["mean", ["force", "z"], 1, 1]), 2.0);
    }

    #[test]
    fn what_is_not_sensed_is_unknown() {
        assert_eq!(value(json!(["speed", "red_block"])), None);
        let raw = |expr: Value, val: f64| RawTest { expr, op: Relation::Less, val, unit: Unit::Newton, n: 1, m: 1 };
        let look = |raw: RawTest| Test::compile(&raw, &workbench()).unwrap().look(&Fixed);
        assert_eq!(look(raw(json!(["force", "norm"]), 5.1)), Truth::True);
        assert_eq!(look(raw(json!(["force", "norm"]), 5.0)), Truth::False);
        let speed = RawTest { unit: Unit::MetrePerSecond, ..raw(json!(["speed", "red_block"]), 1.0) };
        assert_eq!(look(speed), Truth::Unknown);
        assert_eq!(value(json!(["max", ["force", "z"], 1e308, ["add", ["force", "z"], 1e308, 1e308]])), None);
    }

    #[test]
    fn faults_are_told_apart() {
        let kind = |expr: Value| Expr::compile(&expr, &workbench()).unwrap_err().kind;
        assert_eq!(kind(json!(["dist", "ee", "red_cup"])), ErrorKind::UnknownName);
        assert_eq!(kind(json!(["exec", "rm"])), ErrorKind::UnknownName);
        assert_eq!(kind(json!(["force", "w"])), ErrorKind::UnknownName);
        assert_eq!(kind(json!(["sub", ["grip_width"], ["force", "z"]])), ErrorKind::Unit);
        assert_eq!(kind(json!(["sub", ["grip_width"]])), ErrorKind::Argument);
        assert_eq!(kind(json!(["add", 1, 2])), ErrorKind::Argument);
        assert_eq!(kind(json!({"dist": 1})), ErrorKind::Argument);
        assert_eq!(kind(json!(["axis_angle", "ee", "ee.z"])), ErrorKind::Argument);
        assert_eq!(kind(json!(["axis_angle", [0, 0, 0], "ee.z"])), ErrorKind::Range);
        assert_eq!(kind(json!(["z", ["offset", "ee", [0, 0, 11]]])), ErrorKind::Range);
        let mut deep = json!(["grip_width"]);
        for _ in 0..70 {
            deep = json!(["abs", deep]);
        }
        assert_eq!(kind(deep), ErrorKind::Range);
        let mut wide = json!(["grip_width"]);
        for _ in 0..20 {
            wide = json!(["add", 1, wide]);
        }
        assert_eq!(kind(wide), ErrorKind::Range);
    }

    #[test]
    fn a_test_has_the_unit_of_its_expression_and_counts_that_make_sense() {
        let raw = RawTest {
            expr: json!(["tilt", "red_block"]),
            op: Relation::Less,
            val: 0.35,
            unit: Unit::Radian,
            n: 2,
            m: 3,
        };
        let error = |raw: RawTest| Test::compile(&raw, &workbench()).unwrap_err().to_string();
        assert!(Test::compile(&raw, &workbench()).is_ok());
        assert_eq!(
            error(RawTest { unit: Unit::Metre, ..raw.clone() }),
            r#"V3 plan: ["tilt","red_block"] is in rad, not in m; fix: write unit "rad""#
        );
        assert!(error(RawTest { n: 4, ..raw.clone() }).contains("trips at 4 of 3"));
        assert!(error(RawTest { val: f64::INFINITY, ..raw }).contains("against inf"));
    }
}
