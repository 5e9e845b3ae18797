// Pinocchio's own functions in a C++ loop, so that no call from Python is in the time. Built and run by peers.py.
// Prints, per function, one line: its name, then nanoseconds of one call for each sample.
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <pinocchio/algorithm/frames.hpp>
#include <pinocchio/algorithm/jacobian.hpp>
#include <pinocchio/algorithm/joint-configuration.hpp>
#include <pinocchio/algorithm/kinematics.hpp>
#include <pinocchio/algorithm/rnea.hpp>
#include <pinocchio/parsers/urdf.hpp>

namespace pin = pinocchio;

// Calls per sample, and samples, as in `neuraxis bench kinematics`.
constexpr int kBatch = 100;
constexpr int kSamples = 2000;
constexpr int kPoses = 1024;

template <typename Call>
void time(const char* name, Call call) {
    std::printf("%s", name);
    for (int sample = -kSamples / 10; sample < kSamples; ++sample) {
        const auto begin = std::chrono::steady_clock::now();
        for (int i = 0; i < kBatch; ++i) call();
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
        if (sample >= 0) std::printf(" %.2f", took.count() / kBatch);
    }
    std::printf("\n");
}

// Keeps the compiler from leaving a result out.
template <typename T>
void keep(const T& value) {
    asm volatile("" : : "g"(&value) : "memory");
}

int main(int argc, char** argv) {
    if (argc < 3) return std::fprintf(stderr, "pinocchio_calls URDF TOOL_LINK [LOCKED_JOINT...]\n"), 2;
    pin::Model whole;
    pin::urdf::buildModel(argv[1], whole);
    std::vector<pin::JointIndex> locked;
    for (int i = 3; i < argc; ++i) locked.push_back(whole.getJointId(argv[i]));
    // Nothing to lock, nothing to reduce: that function stumbles over a joint and a link of one name.
    const pin::Model model = locked.empty() ? whole : pin::buildReducedModel(whole, locked, pin::neutral(whole));
    pin::Data data(model);
    const pin::FrameIndex tool = model.getFrameId(argv[2], pin::BODY);

    std::vector<Eigen::VectorXd> q(kPoses);
    for (auto& pose : q) pose = pin::randomConfiguration(model);
    const Eigen::VectorXd v = Eigen::VectorXd::Constant(model.nv, 0.5), a = Eigen::VectorXd::Constant(model.nv, 1.0);
    pin::Data::Matrix6x jacobian = pin::Data::Matrix6x::Zero(6, model.nv);
    int turn = 0;
    const auto next = [&]() -> const Eigen::VectorXd& { return q[turn = (turn + 1) % kPoses]; };

    time("fk", [&] {
        pin::forwardKinematics(model, data, next());
        keep(pin::updateFramePlacement(model, data, tool));
    });
    time("jacobian", [&] {
        pin::computeFrameJacobian(model, data, next(), tool, pin::LOCAL_WORLD_ALIGNED, jacobian);
        keep(jacobian);
    });
    time("gravity", [&] { keep(pin::computeGeneralizedGravity(model, data, next())); });
    time("inverse_dynamics", [&] { keep(pin::rnea(model, data, next(), v, a)); });
}
