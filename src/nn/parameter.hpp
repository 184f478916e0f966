#pragma once
// Parameters of a model, kept in two flat arrays (values, gradients) in the order in which the forward pass meets them,
// so that optimiser, gradient buckets, checkpoints and checksums work on ranges and never copy.
#include <cstdint>
#include <deque>
#include <string>

#include "tensor/tensor.hpp"

namespace brainmt::nn {

struct Parameter {
  std::string name;      // as published (model.md): "layers.0.mixer.in_proj.weight"
  Shape shape;
  bool decay = true;     // weight decay applies
  int layer = 0;         // depth for layer-wise learning rates: 0 convolution stage and tables, 1.. blocks, last the head
  std::size_t index = 0;   // position in its store
  std::size_t offset = 0;  // first element in the flat arrays (a multiple of 16; the padding between stays 0)
  std::size_t count = 0;   // elements
  Tensor value;          // master type, part of the flat values
  Tensor grad;           // master type, part of the flat gradients; backward passes add to it
  Tensor compute;        // value in the activation type: the same memory unless that is bf16
};

class ParameterStore {
 public:
  explicit ParameterStore(DType activation) : activation_(activation) {}

  /// Declares a parameter; the reference stays valid. Only before allocate().
  Parameter& declare(std::string name, Shape shape, bool decay, int layer);
  /// Lays out and zeroes values and gradients.
  void allocate();

  DType activation_dtype() const { return activation_; }
  DType master_dtype() const { return master_of(activation_); }
  std::deque<Parameter>& all() { return parameters_; }
  const std::deque<Parameter>& all() const { return parameters_; }
  /// nullptr when there is no such name.
  Parameter* find(const std::string& name);

  std::size_t flat_count() const { return flat_count_; }      // with padding
  std::int64_t element_count() const;                         // without
  const Tensor& values() const { return values_; }            // [flat_count]
  const Tensor& grads() const { return grads_; }              // [flat_count]
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
