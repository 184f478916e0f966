// The patch projection against the convolution that it is (kernel 16, stride 16, zeros beyond the border), by the loops
// of kernels/ref/conv3d.hpp in double: value, gradients of kernel, bias and voxels, in every type, also where the last
// cube of an axis is not full.
#include <gtest/gtest.h>

#include "autograd/ops.hpp"
#include "dnn/dense_checks.hpp"
#include "kernels/ref/conv3d.hpp"

namespace brainmt::autograd {
namespace {

namespace ref = kernels::ref;
using dnn::testing::absolute;
using dnn::testing::Values;

constexpr std::int64_t kEdge = 16, kWidth = 24;

class PatchProjection : public testing::TestWithParam<std::tuple<DType, std::array<std::int64_t, 3>>> {
 protected:
  PatchProjection() {
    weight.shape = {kWidth, 1, kEdge, kEdge, kEdge};
    bias.shape = {kWidth};
    for (Parameter* p : {&weight, &bias}) {
      p->value = dnn::testing::random_tensor(p->shape, master_of(type), p == &weight ? 1 : 2);
      p->compute = p->value.to(type);
      p->grad = dnn::testing::random_tensor(p->shape, master_of(type), p == &weight ? 3 : 4);  // is added to
    }
    for (std::size_t axis = 0; axis < 3; ++axis) shape.out[axis] = (shape.in[axis] + kEdge - 1) / kEdge;
  }
  Shape y_shape() const { return {shape.batch, shape.out[0], shape.out[1], shape.out[2], kWidth}; }

  DType type = std::get<0>(GetParam());
  Conv3dShape shape{std::get<1>(GetParam()), {}, 3, 1, kWidth, kEdge, kEdge, 0};
  Parameter weight, bias;
  Var x{dnn::testing::random_tensor({3, shape.in[0], shape.in[1], shape.in[2], 1}, type, 5), true};
};

TEST_P(PatchProjection, IsTheConvolution) {
  const Values voxels = x.value().to_host(), kernel = weight.compute.to_host(), offset = bias.value.to_host();
  const Tensor dy = dnn::testing::random_tensor(y_shape(), type, 6);
  Values dw = weight.grad.to_host(), db = bias.grad.to_host(), dx(voxels.size());
  Values dw_magnitude = absolute(dw), db_magnitude = absolute(db), dx_magnitude = dx;

  Tape tape;
  const Var y = patch_projection(tape, x, weight, bias);
  ASSERT_EQ(y.shape(), y_shape());
  tape.backward(y, dy.clone());

  Values expected(static_cast<std::size_t>(y.value().count())), magnitude = expected;
  ref::conv3d_fwd(expected.data(), voxels.data(), kernel.data(), offset.data(), shape);
  ref::conv3d_fwd(magnitude.data(), absolute(voxels).data(), absolute(kernel).data(), absolute(offset).data(), shape);
  const auto taps = static_cast<double>(shape.taps());
  dnn::testing::expect_matmul(y.value().to_host(), expected, magnitude, taps + 1, type, "y");

  const Values g = dy.to_host(), magnitude_of_g = absolute(g);
  ref::conv3d_bwd_weights(dw.data(), db.data(), g.data(), voxels.data(), shape);
  ref::conv3d_bwd_weights(dw_magnitude.data(), db_magnitude.data(), magnitude_of_g.data(), absolute(voxels).data(),
                          shape);
  const double rows = static_cast<double>(shape.out_voxels()) + 1;
  dnn::testing::expect_matmul(weight.grad.to_host(), dw, dw_magnitude, rows, master_of(type), "dw");
  dnn::testing::expect_matmul(bias.grad.to_host(), db, db_magnitude, rows, master_of(type), "dbias");

  ref::conv3d_bwd_data(dx.data(), g.data(), kernel.data(), shape);
  ref::conv3d_bwd_data(dx_magnitude.data(), magnitude_of_g.data(), absolute(kernel).data(), shape);
  dnn::testing::expect_matmul(x.gradient().take().to_host(), dx, dx_magnitude, kWidth, type, "dx");
}

using Extents = std::array<std::int64_t, 3>;

std::string name_of_case(const testing::TestParamInfo<std::tuple<DType, Extents>>& info) {
  const auto& [type, e] = info.param;
  return fmt::format("{}_{}x{}x{}", name_of(type), e[0], e[1], e[2]);
}

INSTANTIATE_TEST_SUITE_P(Shapes, PatchProjection,
                         testing::Combine(testing::Values(DType::kF32, DType::kBf16, DType::kF64),
                                          testing::Values(Extents{16, 16, 16}, Extents{17, 5, 33}, Extents{1, 2, 31},
                                                          Extents{48, 20, 15})),
                         name_of_case);

}  // namespace
}  // namespace brainmt::autograd
