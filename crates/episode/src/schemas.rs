//! Message definitions stored in each recording, so that any reader can decode it without ROS.
//! Texts of ROS 2 Jazzy's common_interfaces, geometry2 and rcl_interfaces without their comments.

/// One ROS message type.
pub(crate) struct RosSchema {
    pub(crate) name: &'static str,
    /// `ros2msg`: the definition, then those it uses, each under a rule of 80 equal signs and its name.
    pub(crate) text: &'static str,
}

macro_rules! rule {
    ($name:literal) => {
        concat!("================================================================================\nMSG: ", $name, "\n")
    };
}

macro_rules! time {
    () => {
        concat!(rule!("builtin_interfaces/Time"), "int32 sec\nuint32 nanosec\n")
    };
}
macro_rules! header {
    () => {
        concat!(rule!("std_msgs/Header"), "builtin_interfaces/Time stamp\nstring frame_id\n", time!())
    };
}
macro_rules! quaternion {
    () => {
        concat!(rule!("geometry_msgs/Quaternion"), "float64 x 0\nfloat64 y 0\nfloat64 z 0\nfloat64 w 1\n")
    };
}

pub(crate) const STRING: RosSchema = RosSchema { name: "std_msgs/msg/String", text: "string data\n" };

pub(crate) const JOINT_STATE: RosSchema = RosSchema {
    name: "sensor_msgs/msg/JointState",
    text: concat!(
        "std_msgs/Header header\nstring[] name\nfloat64[] position\nfloat64[] velocity\nfloat64[] effort\n",
        header!()
    ),
};

pub(crate) const IMAGE: RosSchema = RosSchema {
    name: "sensor_msgs/msg/Image",
    text: concat!(
        "std_msgs/Header header\nuint32 height\nuint32 width\nstring encoding\nuint8 is_bigendian\nuint32 step\n",
        "uint8[] data\n",
        header!()
    ),
};

pub(crate) const CAMERA_INFO: RosSchema = RosSchema {
    name: "sensor_msgs/msg/CameraInfo",
    text: concat!(
        "std_msgs/Header header\nuint32 height\nuint32 width\nstring distortion_model\nfloat64[] d\nfloat64[9] k\n",
        "float64[9] r\nfloat64[12] p\nuint32 binning_x\nuint32 binning_y\nRegionOfInterest roi\n",
        header!(),
        rule!("sensor_msgs/RegionOfInterest"),
        "uint32 x_offset\nuint32 y_offset\nuint32 height\nuint32 width\nbool do_rectify\n"
    ),
};

pub(crate) const TF: RosSchema = RosSchema {
    name: "tf2_msgs/msg/TFMessage",
    text: concat!(
        "geometry_msgs/TransformStamped[] transforms\n",
        rule!("geometry_msgs/TransformStamped"),
        "std_msgs/Header header\nstring child_frame_id\nTransform transform\n",
        rule!("geometry_msgs/Transform"),
        "Vector3 translation\nQuaternion rotation\n",
        rule!("geometry_msgs/Vector3"),
        "float64 x\nfloat64 y\nfloat64 z\n",
        quaternion!(),
        header!()
    ),
};

pub(crate) const POSE: RosSchema = RosSchema {
    name: "geometry_msgs/msg/PoseStamped",
    text: concat!(
        "std_msgs/Header header\nPose pose\n",
        rule!("geometry_msgs/Pose"),
        "Point position\nQuaternion orientation\n",
        rule!("geometry_msgs/Point"),
        "float64 x\nfloat64 y\nfloat64 z\n",
        quaternion!(),
        header!()
    ),
};

pub(crate) const LOG: RosSchema = RosSchema {
    name: "rcl_interfaces/msg/Log",
    text: concat!(
        "byte DEBUG=10\nbyte INFO=20\nbyte WARN=30\nbyte ERROR=40\nbyte FATAL=50\n",
        "builtin_interfaces/Time stamp\nuint8 level\nstring name\nstring msg\nstring file\nstring function\n",
        "uint32 line\n",
        time!()
    ),
};

pub(crate) const POINT_CLOUD: RosSchema = RosSchema {
    name: "sensor_msgs/msg/PointCloud2",
    text: concat!(
        "std_msgs/Header header\nuint32 height\nuint32 width\nPointField[] fields\nbool is_bigendian\n",
        "uint32 point_step\nuint32 row_step\nuint8[] data\nbool is_dense\n",
        header!(),
        rule!("sensor_msgs/PointField"),
        "uint8 INT8=1\nuint8 UINT8=2\nuint8 INT16=3\nuint8 UINT16=4\nuint8 INT32=5\nuint8 UINT32=6\n",
        "uint8 FLOAT32=7\nuint8 FLOAT64=8\nstring name\nuint32 offset\nuint8 datatype\nuint32 count\n"
    ),
};
