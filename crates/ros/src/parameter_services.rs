//! The services through which tools (`ros2 param`, rqt) list, read, describe and set the node's parameters.
//!
//! r2r has a handler for them, which is not used: it describes nothing as read-only, knows no ranges, and panics where an
//! answer cannot be delivered, as when a client is killed while it waits. Here such an answer is counted.

use r2r::{
    Node, ParameterValue, Publisher, ServiceRequest,
    rcl_interfaces::{
        msg::{
            FloatingPointRange, IntegerRange, ListParametersResult, Parameter as ParameterMsg, ParameterDescriptor,
            ParameterEvent, ParameterType, ParameterValue as ValueMsg, SetParametersResult,
        },
        srv::{
            DescribeParameters, GetParameterTypes, GetParameters, ListParameters, SetParameters,
            SetParametersAtomically,
        },
    },
};

use crate::{
    RosConfig, RosError, RosStats, conversions,
    parameters::{self, Allowed, PARAMETERS, Parameter},
    publish::{Stamper, publisher},
    serve::{Inbox, drain, service},
    topics,
};

/// The node's parameters as others see and set them.
pub(crate) struct Parameters {
    node_name: String,
    events: Publisher<ParameterEvent>,
    list_inbox: Inbox<ServiceRequest<ListParameters::Service>>,
    get_inbox: Inbox<ServiceRequest<GetParameters::Service>>,
    types_inbox: Inbox<ServiceRequest<GetParameterTypes::Service>>,
    describe_inbox: Inbox<ServiceRequest<DescribeParameters::Service>>,
    set_inbox: Inbox<ServiceRequest<SetParameters::Service>>,
    atomic_inbox: Inbox<ServiceRequest<SetParametersAtomically::Service>>,
}

impl Parameters {
    pub(crate) fn new(node: &mut Node) -> Result<Self, RosError> {
        let failed = |source| RosError::Make { what: "the services of parameters".into(), source };
        Ok(Self {
            node_name: node.fully_qualified_name().map_err(failed)?,
            events: publisher(node, topics::PARAMETER_EVENTS, topics::parameter_events_qos())?,
            list_inbox: service::<ListParameters::Service>(node, "~/list_parameters")?,
            get_inbox: service::<GetParameters::Service>(node, "~/get_parameters")?,
            types_inbox: service::<GetParameterTypes::Service>(node, "~/get_parameter_types")?,
            describe_inbox: service::<DescribeParameters::Service>(node, "~/describe_parameters")?,
            set_inbox: service::<SetParameters::Service>(node, "~/set_parameters")?,
            atomic_inbox: service::<SetParametersAtomically::Service>(node, "~/set_parameters_atomically")?,
        })
    }

    /// Tells what there is, once, before anybody asks.
    pub(crate) fn announce(&self, config: &RosConfig, stamper: &Stamper, stats: &mut RosStats) {
        let new_parameters = PARAMETERS.iter().map(|parameter| to_msg(config, parameter)).collect();
        self.tell(ParameterEvent { new_parameters, ..Default::default() }, stamper, stats);
    }

    /// Answers what has arrived; returns the configuration that results where something changed.
    pub(crate) fn serve(&mut self, config: &RosConfig, stamper: &Stamper, stats: &mut RosStats) -> Option<RosConfig> {
        let mut now = config.clone();
        let mut failed = 0;
        drain(&mut self.set_inbox, |request| {
            let results = request.message.parameters.iter().map(|one| set(&mut now, std::slice::from_ref(one), stats));
            let answer = SetParameters::Response { results: results.collect() };
            failed += u64::from(request.respond(answer).is_err());
        });
        drain(&mut self.atomic_inbox, |request| {
            let answer =
                SetParametersAtomically::Response { result: set(&mut now, &request.message.parameters, stats) };
            failed += u64::from(request.respond(answer).is_err());
        });
        drain(&mut self.get_inbox, |request| {
            let value = |name: &String| value_to_msg(parameters::get(&now, name));
            let answer = GetParameters::Response { values: request.message.names.iter().map(value).collect() };
            failed += u64::from(request.respond(answer).is_err());
        });
        drain(&mut self.types_inbox, |request| {
            let kind = |name: &String| value_to_msg(parameters::get(&now, name)).type_;
            let answer = GetParameterTypes::Response { types: request.message.names.iter().map(kind).collect() };
            failed += u64::from(request.respond(answer).is_err());
        });
        drain(&mut self.describe_inbox, |request| {
            let answer = DescribeParameters::Response {
                descriptors: request.message.names.iter().map(|n| describe(n)).collect(),
            };
            failed += u64::from(request.respond(answer).is_err());
        });
        drain(&mut self.list_inbox, |request| {
            let names = listed(&request.message.prefixes);
            let answer = ListParameters::Response { result: ListParametersResult { names, prefixes: Vec::new() } };
            failed += u64::from(request.respond(answer).is_err());
        });
        stats.failed += failed;
        if now == *config {
            return None;
        }
        let is_changed = |one: &&Parameter| parameters::get(&now, one.name) != parameters::get(config, one.name);
        let changed_parameters = PARAMETERS.iter().filter(is_changed).map(|one| to_msg(&now, one)).collect();
        self.tell(ParameterEvent { changed_parameters, ..Default::default() }, stamper, stats);
        Some(now)
    }

    fn tell(&self, event: ParameterEvent, stamper: &Stamper, stats: &mut RosStats) {
        let stamp = stamper.now().map(conversions::time_to_msg).unwrap_or_default();
        let event = ParameterEvent { stamp, node: self.node_name.clone(), ..event };
        stats.failed += u64::from(self.events.publish(&event).is_err());
    }
}

/// Sets all or none.
fn set(config: &mut RosConfig, wanted: &[ParameterMsg], stats: &mut RosStats) -> SetParametersResult {
    let values: Vec<ParameterValue> = wanted.iter().map(|one| value_from_msg(one.value.clone())).collect();
    let changes = wanted.iter().map(|one| one.name.as_str()).zip(&values);
    match parameters::changed(config, changes) {
        Ok(changed) => {
            *config = changed;
            stats.parameters_set += wanted.len() as u64;
            SetParametersResult { successful: true, reason: String::new() }
        }
        Err(reason) => {
            stats.parameters_refused += wanted.len() as u64;
            SetParametersResult { successful: false, reason }
        }
    }
}

fn to_msg(config: &RosConfig, parameter: &Parameter) -> ParameterMsg {
    ParameterMsg { name: parameter.name.into(), value: value_to_msg(parameters::get(config, parameter.name)) }
}

/// None of our names has a part before a dot: a prefix finds the parameter of just that name, and every depth is deep
/// enough.
fn listed(prefixes: &[String]) -> Vec<String> {
    let is_asked = |name: &&str| prefixes.is_empty() || prefixes.iter().any(|prefix| prefix == name);
    PARAMETERS.iter().map(|parameter| parameter.name).filter(is_asked).map(String::from).collect()
}

/// A name that we do not have is described as not set, as other nodes do.
fn describe(name: &str) -> ParameterDescriptor {
    let Some(parameter) = parameters::find(name) else {
        return ParameterDescriptor { name: name.into(), ..Default::default() };
    };
    let mut descriptor = ParameterDescriptor {
        name: name.into(),
        description: parameter.description.into(),
        additional_constraints: parameter.fixed.map_or_else(|| parameter.allowed.text(), String::from),
        read_only: parameter.fixed.is_some(),
        ..Default::default()
    };
    // A step of 0 is any number between.
    descriptor.type_ = match parameter.allowed {
        Allowed::Double(from_value, to_value) => {
            descriptor.floating_point_range = vec![FloatingPointRange { from_value, to_value, step: 0.0 }];
            ParameterType::PARAMETER_DOUBLE as u8
        }
        Allowed::Integer(from_value, to_value) => {
            descriptor.integer_range = vec![IntegerRange { from_value, to_value, step: 1 }];
            ParameterType::PARAMETER_INTEGER as u8
        }
        Allowed::Bool => ParameterType::PARAMETER_BOOL as u8,
        Allowed::Name => ParameterType::PARAMETER_STRING as u8,
    };
    descriptor
}

/// Our parameters have these four kinds; what else a client sends keeps its kind, for the refusal to name it.
fn value_from_msg(msg: ValueMsg) -> ParameterValue {
    match msg.type_ {
        kind if kind == ParameterType::PARAMETER_BOOL as u8 => ParameterValue::Bool(msg.bool_value),
        kind if kind == ParameterType::PARAMETER_INTEGER as u8 => ParameterValue::Integer(msg.integer_value),
        kind if kind == ParameterType::PARAMETER_DOUBLE as u8 => ParameterValue::Double(msg.double_value),
        kind if kind == ParameterType::PARAMETER_STRING as u8 => ParameterValue::String(msg.string_value),
        kind if kind == ParameterType::PARAMETER_BYTE_ARRAY as u8 => ParameterValue::ByteArray(msg.byte_array_value),
        kind if kind == ParameterType::PARAMETER_BOOL_ARRAY as u8 => ParameterValue::BoolArray(msg.bool_array_value),
        kind if kind == ParameterType::PARAMETER_INTEGER_ARRAY as u8 => {
            ParameterValue::IntegerArray(msg.integer_array_value)
        }
        kind if kind == ParameterType::PARAMETER_DOUBLE_ARRAY as u8 => {
            ParameterValue::DoubleArray(msg.double_array_value)
        }
        kind if kind == ParameterType::PARAMETER_STRING_ARRAY as u8 => {
            ParameterValue::StringArray(msg.string_array_value)
        }
        _ => ParameterValue::NotSet,
    }
}

fn value_to_msg(value: ParameterValue) -> ValueMsg {
    let of = |type_: u8| ValueMsg { type_, ..Default::default() };
    match value {
        ParameterValue::Bool(bool_value) => ValueMsg { bool_value, ..of(ParameterType::PARAMETER_BOOL as u8) },
        ParameterValue::Integer(integer_value) => {
            ValueMsg { integer_value, ..of(ParameterType::PARAMETER_INTEGER as u8) }
        }
        ParameterValue::Double(double_value) => ValueMsg { double_value, ..of(ParameterType::PARAMETER_DOUBLE as u8) },
        ParameterValue::String(string_value) => ValueMsg { string_value, ..of(ParameterType::PARAMETER_STRING as u8) },
        _ => of(ParameterType::PARAMETER_NOT_SET as u8),
    }
}
