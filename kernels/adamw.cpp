// AdamW in one pass over the parameter and its two moments; storage and arithmetic have the same type.
#include "kernels/adamw.hpp"

#include <cmath>

#include "kernels/detail/loops.hpp"
#include "kernels/detail/work.hpp"

namespace brainmt::kernels {

template <class M>
void adamw(const Exec& exec, View1<M> p, View1<M> m, View1<M> v, View1<const M> gradient, const AdamWStep& step) {
  // Reads all four, writes three; g 1, mean 3, square 4, the denominator 3, the quotient 2, the parameter 2.
  profile::count("brainmt::adamw::step", {.flops = 15.0 * static_cast<double>(p.size()),
                                          .bytes = 2 * detail::bytes_of(p, m, v) + detail::bytes_of(gradient)});
  // Everything that does not depend on the element is computed once, in double; 1 - beta is exact there.
  const double t = static_cast<double>(step.step);
  const M scale = static_cast<M>(step.gradient_scale), decay = static_cast<M>(1 - step.lr * step.weight_decay);
  const M beta1 = static_cast<M>(step.beta1), rest1 = static_cast<M>(1 - step.beta1);
  const M beta2 = static_cast<M>(step.beta2), rest2 = static_cast<M>(1 - step.beta2);
  const M rate = static_cast<M>(step.lr / (1 - std::pow(step.beta1, t)));
  const M root = static_cast<M>(1 / std::sqrt(1 - std::pow(step.beta2, t)));  // sqrt(v / c) = sqrt(v) / sqrt(c)
  const M eps = static_cast<M>(step.eps);
  M *parameter = p.data(), *first = m.data(), *second = v.data();
  const M* raw = gradient.data();
  detail::for_each(
      exec, "brainmt::adamw::step", p.extent(0), KOKKOS_LAMBDA(std::size_t i) {
        const M g = scale * raw[i];
        const M mean = beta1 * first[i] + rest1 * g;
        const M square = beta2 * second[i] + rest2 * g * g;
        first[i] = mean;
        second[i] = square;
        parameter[i] = decay * parameter[i] - rate * mean / (std::sqrt(square) * root + eps);
      });
}

template void adamw<float>(const Exec&, View1<float>, View1<float>, View1<float>, View1<const float>, const AdamWStep&);
template void adamw<double>(const Exec&, View1<double>, View1<double>, View1<double>, View1<const double>,
                            const AdamWStep&);

}  // namespace brainmt::kernels
