#pragma once
// One selective scan with all its inputs, run through the kernels (storage type T) or through the oracle.
#include "kernel_test_support.hpp"
#include "kernels/ref/selective_scan.hpp"
#include "kernels/selective_scan.hpp"

namespace brainmt::kernels {

/// Inputs of one direction, as double but representable in the storage type. B and C are columns of one wider matrix,
/// x is the left half of one.
struct DirectionInputs {
  Direction direction;
  Values x, delta_raw;  // [rows, 2E] of which E are used, [rows, E]
  Values bc;            // [rows, kLead + 2N]: B from kLead on, then C
  Values delta_bias, a_log, d;
};
inline constexpr std::size_t kLead = 3;

struct Problem {
  ref::ScanShape shape;
  std::vector<DirectionInputs> directions;
  Values dy;  // [rows, E]

  std::size_t rows() const { return shape.batch * shape.length; }
};

/// y, then the seven gradients of each direction.
struct Named {
  std::string name;
  Values values;
};
using Results = std::vector<Named>;

/// mean + scale * standard normal, rounded to T.
template <class T>
Values rounded_normal(std::size_t count, std::uint32_t seed, double mean = 0, double scale = 1) {
  Values values = random_values(count, seed, scale);
  for (double& value : values) value += mean;
  return Buffer<T>(values).values();
}

/// delta is near 0.1 and A[n] near -(n + 1), as in a fresh model.
template <class T>
Problem make_problem(const ref::ScanShape& shape, const std::vector<Direction>& ways) {
  using M = Master<T>;
  Problem problem{shape, {}, {}};
  const std::size_t rows = problem.rows(), e = shape.channels, n = shape.states;
  std::uint32_t seed = 1;
  for (const Direction direction : ways) {
    DirectionInputs in;
    in.direction = direction;
    in.x = rounded_normal<T>(rows * 2 * e, seed++);
    in.delta_raw = rounded_normal<T>(rows * e, seed++, 0, 0.5);
    in.bc = rounded_normal<T>(rows * (kLead + 2 * n), seed++);
    in.delta_bias = rounded_normal<M>(e, seed++, -2, 0.2);
    in.a_log = random_values(e * n, seed++, 0.1);
    for (std::size_t i = 0; i < e * n; ++i) in.a_log[i] += std::log(double(i % n + 1));
    in.a_log = Buffer<M>(in.a_log).values();
    in.d = rounded_normal<M>(e, seed++);
    problem.directions.push_back(std::move(in));
  }
  problem.dy = rounded_normal<T>(rows * e, seed);
  return problem;
}

/// The same problem from absolute values: no cancellation, so the size of its results bounds the rounding errors.
inline Problem absolute(Problem problem) {
  const auto make = [](Values& values) {
    for (double& value : values) value = std::abs(value);
  };
  for (DirectionInputs& in : problem.directions)
    for (Values* values : {&in.x, &in.bc, &in.d}) make(*values);
  make(problem.dy);
  return problem;
}

inline ref::ScanInputs<double> oracle_inputs(const DirectionInputs& in, const ref::ScanShape& shape) {
  const std::size_t width = kLead + 2 * shape.states;
  return {in.direction,
          {in.x.data(), 2 * shape.channels},
          {in.delta_raw.data(), shape.channels},
          {in.bc.data() + kLead, width},
          {in.bc.data() + kLead + shape.states, width},
          in.delta_bias.data(),
          in.a_log.data(),
          in.d.data()};
}

inline Results run_oracle(const Problem& problem) {
  const std::size_t rows = problem.rows(), e = problem.shape.channels, n = problem.shape.states;
  Results results{{"y", Values(rows * e)}};
  for (std::size_t i = 0; i < problem.directions.size(); ++i) {
    const auto in = oracle_inputs(problem.directions[i], problem.shape);
    ref::selective_scan_fwd<double>({results[0].values.data(), e}, in, problem.shape, i > 0);
    Values dx(rows * e), ddelta(rows * e), db(rows * n), dc(rows * n), dbias(e), da_log(e * n), dd(e);
    ref::selective_scan_bwd<double>(
        {{dx.data(), e}, {ddelta.data(), e}, {db.data(), n}, {dc.data(), n}, dbias.data(), da_log.data(), dd.data()},
        {problem.dy.data(), e}, in, problem.shape);
    results.insert(results.end(), {{"dx", dx},
                                   {"ddelta_raw", ddelta},
                                   {"db", db},
                                   {"dc", dc},
                                   {"ddelta_bias", dbias},
                                   {"da_log", da_log},
                                   {"dd", dd}});
  }
  return results;
}

/// Memory of one direction for the kernels. Gradients lie as their inputs do; parameter gradients start from kStart,
/// which the results leave out, and activation gradients from NaN.
template <class T>
struct DirectionBuffers {
  using M = Master<T>;
  static constexpr double kStart = 0.5;

  std::size_t rows, e, n;
  Buffer<T> x, delta_raw, bc, dx, ddelta_raw, dbc;
  Buffer<M> delta_bias, a_log, d, states, ddelta_bias, da_log, dd;
  Direction direction;
  std::size_t batch;

  DirectionBuffers(const DirectionInputs& in, const ref::ScanShape& shape)
      : rows(shape.batch * shape.length),
        e(shape.channels),
        n(shape.states),
        x(in.x),
        delta_raw(in.delta_raw),
        bc(in.bc),
        dx(in.x.size()),
        ddelta_raw(in.delta_raw.size()),
        dbc(in.bc.size()),
        delta_bias(in.delta_bias),
        a_log(in.a_log),
        d(in.d),
        states(shape.batch * scan_segments(shape.length) * e * n),
        ddelta_bias(e, kStart),
        da_log(e * n, kStart),
        dd(e, kStart),
        direction(in.direction),
        batch(shape.batch) {}

  ScanDirection<T> scan() const {
    return {direction,
            columns<const T>(x, 2 * e, 0, e),
            delta_raw.in_rows(e),
            columns<const T>(bc, kLead + 2 * n, kLead, n),
            columns<const T>(bc, kLead + 2 * n, kLead + n, n),
            delta_bias.in(),
            a_log.in_matrix(n),
            d.in(),
            View4<M>(states.data(), batch, states.count() / (batch * n * e), n, e)};
  }

  ScanGradients<T> gradients() const {
    return {columns<T>(dx, 2 * e, 0, e),
            ddelta_raw.rows(e),
            columns<T>(dbc, kLead + 2 * n, kLead, n),
            columns<T>(dbc, kLead + 2 * n, kLead + n, n),
            ddelta_bias.flat(),
            da_log.matrix(n),
            dd.flat()};
  }

  void append_to(Results& results) const {
    results.push_back({"dx", values(dx, 2 * e, 0, e)});
    results.push_back({"ddelta_raw", ddelta_raw.values()});
    results.push_back({"db", values(dbc, kLead + 2 * n, kLead, n)});
    results.push_back({"dc", values(dbc, kLead + 2 * n, kLead + n, n)});
    for (const auto& [name, buffer] : {std::pair{"ddelta_bias", &ddelta_bias}, {"da_log", &da_log}, {"dd", &dd}}) {
      results.push_back({name, buffer->values()});
      for (double& value : results.back().values) value -= kStart;
    }
  }

 private:
  template <class U>
  MatrixView<U> columns(const Buffer<T>& buffer, std::size_t ld, std::size_t first, std::size_t count) const {
    return kernels::rows<U>(buffer.data() + first, rows, count, ld);
  }
  Values values(const Buffer<T>& buffer, std::size_t ld, std::size_t first, std::size_t count) const {
    const Values all = buffer.values();
    Values picked;
    for (std::size_t row = 0; row < rows; ++row)
      picked.insert(picked.end(), all.begin() + row * ld + first, all.begin() + row * ld + first + count);
    return picked;
  }
};

template <class T>
Results run_kernels(const Problem& problem) {
  const ref::ScanShape& shape = problem.shape;
  std::vector<DirectionBuffers<T>> buffers;
  std::vector<ScanDirection<T>> scans;
  std::vector<ScanGradients<T>> gradients;
  for (const DirectionInputs& in : problem.directions) {
    buffers.emplace_back(in, shape);
    scans.push_back(buffers.back().scan());
    gradients.push_back(buffers.back().gradients());
  }
  const Buffer<T> dy(problem.dy), y(problem.dy.size());
  selective_scan_fwd<T>(Exec(), y.rows(shape.channels), scans, shape.batch, shape.length);
  selective_scan_bwd<T>(Exec(), gradients, dy.in_rows(shape.channels), scans, shape.batch, shape.length);
  Results results{{"y", y.values()}};
  for (const DirectionBuffers<T>& direction : buffers) direction.append_to(results);
  return results;
}

}  // namespace brainmt::kernels
