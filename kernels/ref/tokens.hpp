#pragma once
// Assembly of the token sequence by plain loops: CLS first, then for each patch p all T frames, token(p, t) = 1 + p T +
// t. Shapes as in kernels/tokens.hpp, contiguous. Gradient contract: parameter gradients are added to.
#include <cstddef>

namespace brainmt::kernels::ref {

struct TokenShape {
  std::size_t batch, frames, patches, width;
  std::size_t length() const { return 1 + patches * frames; }
  std::size_t at(std::size_t b, std::size_t p, std::size_t t) const {
    return (b * length() + 1 + p * frames + t) * width;
  }
};

/// Frames [first, first + count) of every sample; features: [B, count, P, C].
template <class S>
void token_scatter(S* tokens, const S* features, const S* position, const S* temporal, const TokenShape& s,
                   std::size_t first, std::size_t count) {
  for (std::size_t b = 0; b < s.batch; ++b)
    for (std::size_t t = first; t < first + count; ++t)
      for (std::size_t p = 0; p < s.patches; ++p)
        for (std::size_t c = 0; c < s.width; ++c)
          tokens[s.at(b, p, t) + c] = features[((b * count + t - first) * s.patches + p) * s.width + c] +
                                      position[(1 + p) * s.width + c] + temporal[t * s.width + c];
}

template <class S>
void cls_scatter(S* tokens, const S* cls, const S* position, const TokenShape& s) {
  for (std::size_t b = 0; b < s.batch; ++b)
    for (std::size_t c = 0; c < s.width; ++c) tokens[b * s.length() * s.width + c] = cls[c] + position[c];
}

template <class S>
void token_gather(S* dfeatures, const S* dtokens, const TokenShape& s, std::size_t first, std::size_t count) {
  for (std::size_t b = 0; b < s.batch; ++b)
    for (std::size_t t = first; t < first + count; ++t)
      for (std::size_t p = 0; p < s.patches; ++p)
        for (std::size_t c = 0; c < s.width; ++c)
          dfeatures[((b * count + t - first) * s.patches + p) * s.width + c] = dtokens[s.at(b, p, t) + c];
}

template <class S>
void token_parameter_grads(S* dcls, S* dposition, S* dtemporal, const S* dtokens, const TokenShape& s) {
  for (std::size_t b = 0; b < s.batch; ++b)
    for (std::size_t c = 0; c < s.width; ++c) {
      dcls[c] += dtokens[b * s.length() * s.width + c];
      dposition[c] += dtokens[b * s.length() * s.width + c];
      for (std::size_t p = 0; p < s.patches; ++p)
        for (std::size_t t = 0; t < s.frames; ++t) {
          dposition[(1 + p) * s.width + c] += dtokens[s.at(b, p, t) + c];
          dtemporal[t * s.width + c] += dtokens[s.at(b, p, t) + c];
        }
    }
}

/// Mean over all tokens but CLS; h: [B, L, C] with L = `length`.
template <class S>
void mean_tokens(S* out, const S* h, std::size_t batch, std::size_t length, std::size_t width) {
  for (std::size_t b = 0; b < batch; ++b)
    for (std::size_t c = 0; c < width; ++c) {
      S sum = 0;
      for (std::size_t l = 1; l < length; ++l) sum += h[(b * length + l) * width + c];
      out[b * width + c] = sum / S(length - 1);
    }
}

/// Mean over the patches of a frame; out: [B, T, C], h: [B, 1 + P*T, C].
template <class S>
void mean_frame_tokens(S* out, const S* h, const TokenShape& s) {
  for (std::size_t b = 0; b < s.batch; ++b)
    for (std::size_t t = 0; t < s.frames; ++t)
      for (std::size_t c = 0; c < s.width; ++c) {
        S sum = 0;
        for (std::size_t p = 0; p < s.patches; ++p) sum += h[s.at(b, p, t) + c];
        out[(b * s.frames + t) * s.width + c] = sum / S(s.patches);
      }
}

}  // namespace brainmt::kernels::ref
