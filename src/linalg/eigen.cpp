#include "linalg/eigen.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "linalg/lapack.hpp"
#include "linalg/one_thread.hpp"
#include "linalg/products.hpp"

namespace brainmt::linalg {

Eigenpairs eigendecompose(Matrix a, const char* what) {
  BRAINMT_CHECK(a.rows == a.cols, "{} x {} is not square", a.rows, a.cols);
  const int n = static_cast<int>(a.rows);
  Eigenpairs eigen{std::vector<double>(a.rows), std::move(a)};
  if (n == 0) return eigen;
  if (!std::ranges::all_of(eigen.vectors.values, [](double value) { return std::isfinite(value); }))
    throw NonFiniteError(fmt::format("{}: expected finite numbers, found some that are not", what));
  const OneThread one_thread;
  double work_size = 0;
  int int_work_size = 0, info = 0;
  const int ask = -1;
  const auto call = [&](double* work, const int* size, int* int_work, const int* int_size) {
    lapack::dsyevd_("V", "U", &n, eigen.vectors.values.data(), &n, eigen.values.data(), work, size, int_work, int_size,
                    &info);  // their upper triangle is our lower one; their column k our row k
  };
  call(&work_size, &ask, &int_work_size, &ask);
  const int size = static_cast<int>(work_size);
  AlignedVector<double> work(static_cast<std::size_t>(size));
  AlignedVector<int> int_work(static_cast<std::size_t>(int_work_size));
  call(work.data(), &size, int_work.data(), &int_work_size);
  BRAINMT_CHECK(info >= 0, "dsyevd: argument {}", -info);
  if (info > 0) throw NonFiniteError(fmt::format("{}: its eigenvalues did not converge", what));
  for (std::size_t k = 0; k < eigen.vectors.rows; ++k) {
    const auto row = eigen.vectors.row(k);
    const auto largest = std::ranges::max_element(row, {}, [](double value) { return std::abs(value); });
    if (*largest < 0) std::ranges::transform(row, row.begin(), std::negate<>());
  }
  return eigen;
}

Matrix apply(const Eigenpairs& eigen, const std::function<double(double)>& f) {
  const std::size_t n = eigen.values.size();
  Matrix scaled = eigen.vectors;
  for (std::size_t k = 0; k < n; ++k) {
    const double factor = f(eigen.values[k]);
    for (double& value : scaled.row(k)) value *= factor;
  }
  Matrix result = matmul(eigen.vectors.view(), Op::kTranspose, scaled.view(), Op::kNone, 1);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) result(j, i) = result(i, j);
  }
  return result;
}

}  // namespace brainmt::linalg
