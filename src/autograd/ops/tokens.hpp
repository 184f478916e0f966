#pragma once
// Frames to tokens, and picking rows out of the token sequence.
#include <vector>

#include "autograd/tape.hpp"

namespace brainmt::autograd {

/// Frames [begin, end) of one sample of x [B, T, Y, X, Z], as [end - begin, Y, X, Z, 1].
Var slice_frames(Tape& tape, const Var& x, std::int64_t sample, std::int64_t begin, std::int64_t end);

/// Features [Tc, ..., C], the places of a frame in any shape, of frames [first_frame, first_frame + Tc) of one sample.
struct FrameFeatures {
  Var features;
  std::int64_t sample, first_frame;
};

/// The temporal-first sequence [B, 1 + P*T, C] in the master type: CLS, then for each place all frames, with the
/// position tables added. `chunks` cover every frame of every sample once. cls: [1, 1, C]; position: [1, 1 + P, C];
/// temporal: [1, T, C].
Var assemble_tokens(Tape& tape, const std::vector<FrameFeatures>& chunks, Parameter& cls, Parameter& position,
                    Parameter& temporal, std::int64_t batch);

/// Token 0 of every sample: [B, L, C] -> [B, 1, C].
Var cls_row(Tape& tape, const Var& tokens);

}  // namespace brainmt::autograd
