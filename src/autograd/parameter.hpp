#pragma once
// A learned tensor. It belongs to an nn::ParameterStore, which lays out its memory; operations read `compute` (or
// `value` where the master type is wanted) and add to `grad`.
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/philox.hpp"
#include "tensor/tensor.hpp"

namespace brainmt::autograd {

/// Fills initial values; draws only from the generator it is given.
using Initialiser = std::function<void(Philox&, std::span<float>)>;

struct Parameter {
  std::string name;  // as published: "layers.0.mixer.in_proj.weight"
  Shape shape;
  bool decay = true;    // weight decay applies
  int layer = 0;        // depth for layer-wise learning rates: 0 convolutions and tables, then blocks, last the head
  bool frozen = false;  // keeps its value: the optimiser passes over it
  Initialiser initialise;
  std::size_t index = 0;   // position in its store
  std::size_t offset = 0;  // first element in the flat arrays
  std::size_t count = 0;   // elements
  Tensor value;            // master type, part of the store's flat values
  Tensor grad;             // master type, part of the flat gradients; backward passes add to it
  Tensor compute;          // value in the activation type: the same memory unless that is bf16
};

}  // namespace brainmt::autograd
