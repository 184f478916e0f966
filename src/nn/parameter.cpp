#include "nn/parameter.hpp"

#include <algorithm>
#include <vector>

#include "profile/stage_label.hpp"

namespace brainmt::nn {
namespace {

constexpr std::uint32_t kInitialisationStream = 1;

// FNV-1a of the name: a random stream per parameter, independent of the others.
std::uint64_t hash_name(const std::string& name) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (unsigned char c : name) hash = (hash ^ c) * 0x100000001b3ull;
  return hash;
}

}  // namespace

Parameter& ParameterStore::declare(std::string name, Shape shape, bool decay, int layer, Initialiser initialise) {
  BRAINMT_CHECK(!values_.defined(), "'{}' declared after allocate()", name);
  BRAINMT_CHECK(!find(name), "'{}' declared twice", name);
  Parameter& p = parameters_.emplace_back();
  p.name = std::move(name);
  p.shape = shape;
  p.decay = decay;
  p.layer = layer;
  p.initialise = std::move(initialise);
  p.index = parameters_.size() - 1;
  p.count = static_cast<std::size_t>(shape.count());
  p.offset = flat_count_;
  flat_count_ += (p.count + kAlignment - 1) / kAlignment * kAlignment;
  return p;
}

void ParameterStore::allocate() {
  const profile::StageLabel stage("parameters");
  const Shape flat{static_cast<std::int64_t>(flat_count_)};
  values_ = Tensor::zeros(flat, master_dtype());
  grads_ = Tensor::zeros(flat, master_dtype());
  compute_ = activation_ == master_dtype() ? values_ : Tensor::zeros(flat, activation_);
  for (Parameter& p : parameters_) {
    const auto begin = static_cast<std::int64_t>(p.offset), end = static_cast<std::int64_t>(p.offset + p.count);
    p.value = values_.slice(begin, end).reshape(p.shape);
    p.grad = grads_.slice(begin, end).reshape(p.shape);
    p.compute = compute_.slice(begin, end).reshape(p.shape);
  }
}

void ParameterStore::initialise(std::uint64_t seed) {
  for (Parameter& p : parameters_) {
    std::vector<float> values(p.count);
    Philox random(seed, kInitialisationStream, hash_name(p.name));
    p.initialise(random, values);
    p.value.copy_from(Tensor::from_host(values, p.shape, master_dtype()));
  }
  refresh_compute();
}

Parameter* ParameterStore::find(const std::string& name) {
  const auto it =
      std::find_if(parameters_.begin(), parameters_.end(), [&](const Parameter& p) { return p.name == name; });
  return it == parameters_.end() ? nullptr : &*it;
}

std::int64_t ParameterStore::element_count() const {
  std::int64_t n = 0;
  for (const Parameter& p : parameters_) n += static_cast<std::int64_t>(p.count);
  return n;
}

void ParameterStore::refresh_compute() {
  if (activation_ != master_dtype()) compute_.copy_from(values_);
}

}  // namespace brainmt::nn
