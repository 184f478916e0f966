// The tape itself: gradients of shared variables, parameter readiness, recomputation.
#include "autograd/tape.hpp"

#include <gtest/gtest.h>

#include <map>

#include "autograd/ops.hpp"
#include "memory/pool.hpp"
#include "profile/stage_label.hpp"

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

// Against its three parts, in the order that the tape would take them; and what it forgets changes no bit.
TEST(LinearGeluLinear, IsTheChainOfItsParts) {
  Parameter w1 = parameter({1, 2, -3, 4, 0.5f, -1}, {3, 2}), b1 = parameter({0.1f, -0.2f, 0.3f}, {3});
  Parameter w2 = parameter({1, -1, 2, 0.25f, 3, -2}, {2, 3}), b2 = parameter({1, 2}, {2});
  const std::vector<Parameter*> all{&w1, &b1, &w2, &b2};
  const auto run = [&](bool in_parts, Tape::Mode mode, std::vector<Parameter*>& ready) {
    for (Parameter* p : all) p->grad.zero();
    Tape tape(mode);
    tape.on_parameter_ready([&](Parameter& p) { ready.push_back(&p); });
    const Var x(tensor({0.5f, -1.5f, 0.25f, 0.75f}, {2, 2}), true);
    const auto parts = [&] {
      const Var h = activation(tape, linear(tape, x, {&w1, &b1}, kF64), kernels::Activation::kGeluErf);
      return linear(tape, h, {&w2, &b2}, kF64);
    };
    const Var y = in_parts ? parts() : linear_gelu_linear(tape, x, {&w1, &b1}, {&w2, &b2});
    EXPECT_EQ(tape.parameters_used(), all);
    std::vector<std::vector<double>> results{y.value().to_host()};
    if (mode == Tape::Mode::kForget) return results;
    tape.backward(y, tensor({1, -2, 3, 0.5f}, {2, 2}));
    for (const Parameter* p : all) results.push_back(p->grad.to_host());
    results.push_back(x.gradient().take().to_host());
    return results;
  };
  std::vector<Parameter*> ready, ready_in_parts;
  const auto whole = run(false, Tape::Mode::kRecord, ready);
  EXPECT_EQ(whole, run(true, Tape::Mode::kRecord, ready_in_parts));
  EXPECT_EQ(ready, ready_in_parts);
  EXPECT_EQ(run(false, Tape::Mode::kForget, ready).front(), whole.front());
}

// An operation that keeps its input: dx = dy x.
Var keeping(Tape& tape, const Var& x) {
  Var y = tape.result(x.value().clone());
  tape.record({}, [kept = x.kept(), dx = x.gradient(), dy = y.gradient()] {
    const double product = dy.take().to_host()[0] * kept->take().to_host()[0];
    dx.add(tensor({static_cast<float>(product)}, {1}));
  });
  return y;
}

TEST(Tape, ACheapResultIsNotKeptAndMadeOnceForAllThatNeedIt) {
  int made = 0;
  Tape tape;
  const Var x(tensor({3}, {1}), true);
  Gradient dcheap;
  Var y;
  const std::size_t before = pool::statistics().live_bytes;
  {
    const Var cheap = tape.cheap_result(x.value().clone(), [&made, input = x.value()] {
      ++made;
      return input.clone();
    });
    dcheap = cheap.gradient();
    y = add(tape, keeping(tape, cheap), keeping(tape, cheap));
  }
  EXPECT_EQ(pool::statistics().live_bytes, before + 64);  // y alone
  EXPECT_EQ(made, 0);
  tape.backward(y, tensor({2}, {1}));
  EXPECT_EQ(dcheap.take().to_host(), std::vector<double>{12});
  EXPECT_EQ(made, 1);
}

TEST(Tape, WhatIsKeptEndsWithItsLastTaker) {
  int made = 0;
  const std::size_t before = pool::statistics().live_bytes;
  Kept kept([&made] {
    ++made;
    return tensor({1}, {1});
  });
  kept.expect();
  kept.expect();
  EXPECT_TRUE(kept.take());
  EXPECT_EQ(pool::statistics().live_bytes, before + 64);
  EXPECT_TRUE(kept.take());
  EXPECT_EQ(pool::statistics().live_bytes, before);
  EXPECT_EQ(made, 1);
}

// For errors of an allocator that knows no operations.
TEST(Tape, BackwardPassesRunInThePlaceOfTheForwardPass) {
  std::string seen;
  Tape tape;
  {
    const profile::StageLabel stage("attention");
    tape.record({}, [&seen] { seen = profile::stage_text(); });
  }
  tape.backward(std::vector<Var>{}, {});
  EXPECT_EQ(seen, "attention, backward");
  EXPECT_EQ(profile::stage_text(), "tensors");
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
