// The tape itself: gradients of shared variables, parameter readiness, recomputation.
#include "autograd/tape.hpp"

#include <gtest/gtest.h>

#include <map>

#include "autograd/ops/elementwise.hpp"
#include "autograd/ops/linear.hpp"

namespace brainmt::autograd {
namespace {

constexpr DType kF64 = DType::kF64;

Tensor tensor(std::initializer_list<float> values, Shape shape) {
  return Tensor::from_host(std::vector<float>(values), shape, kF64);
}

Parameter parameter(std::initializer_list<float> values, Shape shape) {
  Parameter p;
  p.name = "w";
  p.shape = shape;
  p.count = static_cast<std::size_t>(shape.count());
  p.value = p.compute = tensor(values, shape);
  p.grad = Tensor::zeros(shape, kF64);
  return p;
}

TEST(Tape, AVariableUsedTwiceGathersBothGradients) {
  Tape tape;
  const Var x(tensor({1, -2}, {2}), true);
  const Var y = add(tape, x, x);
  tape.backward(y, tensor({3, 5}, {2}));
  EXPECT_EQ(x.gradient().take().to_host(), (std::vector<double>{6, 10}));
}

TEST(Tape, AddDoesNotLetItsInputsShareAGradient) {
  Tape tape;
  const Var a(tensor({1}, {1}), true), b(tensor({2}, {1}), true);
  const Var sum = add(tape, a, b);
  const Var again = add(tape, sum, a);  // a: 1 from here, 1 from below
  tape.backward(again, tensor({1}, {1}));
  EXPECT_EQ(a.gradient().take().to_host(), std::vector<double>{2});
  EXPECT_EQ(b.gradient().take().to_host(), std::vector<double>{1});
}

TEST(Tape, LinearByHand) {
  // y = [1 2] [[1 0] [2 3]]^T = [1, 8]; dy = [1, 10]: dx = dy W = [21, 30], dw = dy^T x.
  Parameter w = parameter({1, 0, 2, 3}, {2, 2});
  Tape tape;
  const Var x(tensor({1, 2}, {1, 2}), true);
  const Var y = linear(tape, x, {&w}, kF64);
  EXPECT_EQ(y.value().to_host(), (std::vector<double>{1, 8}));
  tape.backward(y, tensor({1, 10}, {1, 2}));
  EXPECT_EQ(x.gradient().take().to_host(), (std::vector<double>{21, 30}));
  EXPECT_EQ(w.grad.to_host(), (std::vector<double>{1, 2, 10, 20}));
}

TEST(Tape, AParameterIsReadyOnceAfterItsLastUse) {
  Parameter early = parameter({2}, {1, 1}), shared = parameter({3}, {1, 1});
  std::map<Parameter*, double> gradient_when_ready;
  Tape tape;
  tape.on_parameter_ready([&](Parameter& p) {
    EXPECT_FALSE(gradient_when_ready.contains(&p)) << "ready twice";
    gradient_when_ready[&p] = p.grad.to_host()[0];
  });
  const Var x(tensor({5}, {1, 1}));
  Var y = linear(tape, x, {&early}, kF64);  // 10
  y = linear(tape, y, {&shared}, kF64);     // 30
  y = linear(tape, y, {&shared}, kF64);     // 90
  tape.backward(y, tensor({1}, {1, 1}));
  EXPECT_EQ(gradient_when_ready.at(&shared), 3 * 10 + 30);
  EXPECT_EQ(gradient_when_ready.at(&early), 9 * 5);
}

TEST(Tape, ForgettingRecordsNothing) {
  Parameter w = parameter({2}, {1, 1});
  Tape tape(Tape::Mode::kForget);
  const Var y = linear(tape, Var(tensor({5}, {1, 1}), true), {&w}, kF64);
  EXPECT_FALSE(y.gradient().wanted());
  EXPECT_EQ(tape.parameters_used(), std::vector<Parameter*>{&w});
}

TEST(Recompute, GivesTheSameGradientsAndReadinessAndRunsTheBlockTwice) {
  Parameter w = parameter({1, 2, -3, 4}, {2, 2});
  const auto run = [&](bool again, int& runs, int& ready) {
    w.grad.zero();
    Tape tape;
    tape.on_parameter_ready([&](Parameter&) { ++ready; });
    const Var x(tensor({0.5f, -1.5f}, {1, 2}), true);
    const Block block = [&](Tape& t, const std::vector<Var>& in) {
      ++runs;
      const Var h = activation(t, linear(t, in[0], {&w}, kF64), kernels::Activation::kGeluErf);
      return std::vector{linear(t, h, {&w}, kF64), in[0]};  // an input may be an output too
    };
    const auto out = again ? recompute(tape, {x}, block) : block(tape, {x});
    tape.backward(add(tape, out[0], out[1]), tensor({1, -2}, {1, 2}));
    auto gradients = w.grad.to_host();
    for (double g : x.gradient().take().to_host()) gradients.push_back(g);
    return gradients;
  };
  int runs_kept = 0, runs_again = 0, ready_kept = 0, ready_again = 0;
  EXPECT_EQ(run(false, runs_kept, ready_kept), run(true, runs_again, ready_again));
  EXPECT_EQ(runs_kept, 1);
  EXPECT_EQ(runs_again, 2);
  EXPECT_EQ(ready_kept, 1);
  EXPECT_EQ(ready_again, 1);
}

}  // namespace
}  // namespace brainmt::autograd
