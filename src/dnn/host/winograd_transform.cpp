#include "dnn/host/winograd_transform.hpp"

#include <utility>

#include "base/error.hpp"

namespace brainmt::dnn::detail {
namespace {

template <int Rows, int Cols>
struct Matrix {
  double at[Rows][Cols];
  static constexpr int kRows = Rows;
  static constexpr int kCols = Cols;
};

template <int Rows, int Cols>
constexpr Matrix<Cols, Rows> transposed(const Matrix<Rows, Cols>& m) {
  Matrix<Cols, Rows> t{};
  for (int i = 0; i < Rows; ++i)
    for (int j = 0; j < Cols; ++j) t.at[j][i] = m.at[i][j];
  return t;
}

constexpr double kThird = 1.0 / 3, kSixth = 1.0 / 6;

template <int M>
struct Filter;

template <>
struct Filter<2> {
  static constexpr Matrix<4, 4> input{{{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, 0, 1}}};
  static constexpr Matrix<4, 3> kernel{{{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}}};
  static constexpr Matrix<2, 4> output{{{1, 1, 1, 0}, {0, 1, -1, 1}}};
};

template <>
struct Filter<3> {
  static constexpr Matrix<5, 5> input{
      {{1, -2, -1, 2, 0}, {0, -1, 1, 2, 0}, {0, -1, 3, -2, 0}, {0, 8, 0, -8, 0}, {0, 1, -2, -1, 2}}};
  static constexpr Matrix<5, 3> kernel{
      {{1, 0, 0}, {0.5, 0.5, 0.5}, {kSixth, -kSixth, kSixth}, {kThird, kThird / 2, kThird / 4}, {0, 0, 0.5}}};
  static constexpr Matrix<3, 5> output{{{1, 1, 1, 1, 0}, {0, 1, -1, 0.5, 0}, {0, 1, 1, 0.25, 1}}};
};

template <>
struct Filter<4> {
  static constexpr Matrix<6, 6> input{{{2, -3, -4, 3, 2, 0},
                                       {0, -2, 1, 5, 2, 0},
                                       {0, -2, 5, -1, -2, 0},
                                       {0, 32, 16, -32, -16, 0},
                                       {0, 1, -2, -1, 2, 0},
                                       {0, 2, -3, -4, 3, 2}}};
  static constexpr Matrix<6, 3> kernel{{{0.5, 0, 0},
                                        {kSixth, kSixth, kSixth},
                                        {kSixth, -kSixth, kSixth},
                                        {kThird / 5, kThird / 10, kThird / 20},
                                        {kThird / 10, -kThird / 5, kThird * 2 / 5},
                                        {0, 0, 0.5}}};
  static constexpr Matrix<4, 6> output{
      {{1, 1, 1, 1, 1, 0}, {0, 1, -1, 0.5, -2, 0}, {0, 1, 1, 0.25, 4, 0}, {0, 1, -1, 0.125, -8, 1}}};
};

template <int M, Map Which>
constexpr auto matrix_of() {
  using F = Filter<M>;
  if constexpr (Which == Map::kInput)
    return F::input;
  else if constexpr (Which == Map::kKernel)
    return F::kernel;
  else if constexpr (Which == Map::kKernelAdjoint)
    return transposed(F::kernel);
  else if constexpr (Which == Map::kOutput)
    return F::output;
  else
    return transposed(F::output);
}

// sum_j at[Row][j] in[j], without the zero terms and multiplications by one.
template <int M, Map Which, int Row, int Col = 0>
[[gnu::always_inline]] inline Lanes row_times(const Lanes* in, Lanes sum) {
  constexpr auto m = matrix_of<M, Which>();
  if constexpr (Col == m.kCols) {
    return sum;
  } else {
    constexpr auto factor = static_cast<float>(m.at[Row][Col]);
    if constexpr (factor == 1.0f)
      sum += in[Col];
    else if constexpr (factor == -1.0f)
      sum -= in[Col];
    else if constexpr (factor != 0.0f)
      sum += factor * in[Col];
    return row_times<M, Which, Row, Col + 1>(in, sum);
  }
}

// in [outer][cols][inner] -> out [outer][rows][inner].
template <int M, Map Which>
void along_axis(const Lanes* in, Lanes* out, int outer, int inner) {
  constexpr auto m = matrix_of<M, Which>();
  for (int o = 0; o < outer; ++o, in += m.kCols * inner, out += m.kRows * inner)
    for (int i = 0; i < inner; ++i) {
      Lanes line[m.kCols];
      for (int j = 0; j < m.kCols; ++j) line[j] = in[j * inner + i];
      [&]<int... Row>(std::integer_sequence<int, Row...>) {
        ((out[Row * inner + i] = row_times<M, Which, Row>(line, Lanes{})), ...);
      }
      (std::make_integer_sequence<int, m.kRows>{});
    }
}

using AxisMap = void (*)(const Lanes*, Lanes*, int, int);

template <Map Which>
AxisMap axis_map(int outputs) {
  switch (outputs) {
    case 2:
      return along_axis<2, Which>;
    case 3:
      return along_axis<3, Which>;
    case 4:
      return along_axis<4, Which>;
  }
  throw InternalError("no Winograd filter of this size");
}

AxisMap axis_map(Map map, int outputs) {
  switch (map) {
    case Map::kInput:
      return axis_map<Map::kInput>(outputs);
    case Map::kKernel:
      return axis_map<Map::kKernel>(outputs);
    case Map::kKernelAdjoint:
      return axis_map<Map::kKernelAdjoint>(outputs);
    case Map::kOutput:
      return axis_map<Map::kOutput>(outputs);
    case Map::kOutputAdjoint:
      return axis_map<Map::kOutputAdjoint>(outputs);
  }
  throw InternalError("no such Winograd map");
}

struct Extents {
  std::array<int, 3> before, after;
};

Extents extents_of(Map map, const Tile& tile) {
  const std::array<int, 3> points{tile.window(0), tile.window(1), tile.window(2)};
  const std::array<int, 3> taps{3, 3, 3};
  switch (map) {
    case Map::kInput:
      return {points, points};
    case Map::kKernel:
      return {taps, points};
    case Map::kKernelAdjoint:
      return {points, taps};
    case Map::kOutput:
      return {points, tile.outputs};
    case Map::kOutputAdjoint:
      return {tile.outputs, points};
  }
  throw InternalError("no such Winograd map");
}

}  // namespace

void TileBuffer::apply(Map map, const Tile& tile) {
  auto [extents, after] = extents_of(map, tile);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const int outer = axis == 0 ? 1 : axis == 1 ? extents[0] : extents[0] * extents[1];
    const int inner = axis == 0 ? extents[1] * extents[2] : axis == 1 ? extents[2] : 1;
    axis_map(map, tile.outputs[axis])(front_, back_, outer, inner);
    extents[axis] = after[axis];
    std::swap(front_, back_);
  }
}

}  // namespace brainmt::dnn::detail
