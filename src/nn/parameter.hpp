#pragma once
// Parameters of a model, kept in two flat arrays (values, gradients) in the order in which the forward pass meets them,
// so that optimiser, gradient buckets, checkpoints and checksums work on ranges and never copy.
#include <deque>
#include <string>

#include "autograd/parameter.hpp"

namespace brainmt::nn {

using autograd::Initialiser;
using autograd::Parameter;

class ParameterStore {
 public:
  static constexpr std::size_t kAlignment = 16;  // elements; the padding between parameters stays 0

  explicit ParameterStore(DType activation) : activation_(activation) {}

  /// Declares a parameter; the reference stays valid. Only before allocate().
  Parameter& declare(std::string name, Shape shape, bool decay, int layer, Initialiser initialise);
  /// Lays out and zeroes values and gradients.
  void allocate();
  /// Sets initial values: a function of `seed` and each parameter's name only.
  void initialise(std::uint64_t seed);

  DType activation_dtype() const { return activation_; }
  DType master_dtype() const { return master_of(activation_); }
  std::deque<Parameter>& all() { return parameters_; }
  const std::deque<Parameter>& all() const { return parameters_; }
  /// nullptr when there is no such name.
  Parameter* find(const std::string& name);

  std::size_t flat_count() const { return flat_count_; }  // with padding
  std::int64_t element_count() const;                     // without
  const Tensor& values() const { return values_; }        // [flat_count]
  const Tensor& grads() const { return grads_; }          // [flat_count]
  void zero_grads() { grads_.zero(); }
  /// Must follow every change of values: renews the bf16 copies.
  void refresh_compute();

 private:
  DType activation_;
  std::deque<Parameter> parameters_;
  std::size_t flat_count_ = 0;
  Tensor values_, grads_, compute_;
};

}  // namespace brainmt::nn
