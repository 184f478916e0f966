#include "profile/nvtx.hpp"

#include <Kokkos_Core.hpp>
#include <cstdint>

namespace brainmt::profile::nvtx {

#ifndef KOKKOS_ENABLE_CUDA  // else cuda/nvtx.cpp
bool available() { return false; }
void push(const char*) {}
void pop() {}
#endif

namespace {

namespace hooks = Kokkos::Tools::Experimental;

void begin_kernel(const char* label, std::uint32_t, std::uint64_t*) { push(label); }
void end_kernel(std::uint64_t) { pop(); }
void begin_copy(Kokkos_Profiling_SpaceHandle, const char*, const void*, Kokkos_Profiling_SpaceHandle, const char*,
                const void*, std::uint64_t) {
  push("Kokkos::deep_copy");
}
void settings(const std::uint32_t, Kokkos_Tools_ToolSettings* wanted) { wanted->requires_global_fencing = false; }

}  // namespace

Ranges::Ranges(bool on) : on_(on && available()) {
  if (!on_) return;
  hooks::EventSet events{};
  events.begin_parallel_for = events.begin_parallel_reduce = events.begin_parallel_scan = begin_kernel;
  events.end_parallel_for = events.end_parallel_reduce = events.end_parallel_scan = end_kernel;
  events.push_region = push;
  events.pop_region = pop;
  events.begin_deep_copy = begin_copy;
  events.end_deep_copy = pop;
  events.request_tool_settings = settings;
  hooks::set_callbacks(events);
}

Ranges::~Ranges() {
  if (on_) hooks::set_callbacks(hooks::EventSet{});
}

}  // namespace brainmt::profile::nvtx
