#include "prepare/stage_scan.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "prepare/brain_mask.hpp"
#include "prepare/collector.hpp"
#include "prepare/frame_stream.hpp"
#include "prepare/normalizer.hpp"

namespace brainmt::prepare {
namespace {

// Size of a copied block of float16; source and destination fit in the L2 cache.
constexpr std::size_t kBlockBytes = std::size_t{1} << 20;

// First pass: every frame once.
void collect(FrameStream& stream, Collector& collector, Stopwatch& watch) {
  const std::size_t voxels = stream.voxels();
  // Not initialised: a damaged file must not cost more memory than it really holds frames for.
  const auto buffer = std::make_unique_for_overwrite<float[]>(voxels);
  const std::span<float> frame(buffer.get(), voxels);
  for (watch.start(Work::kRead); stream.next(frame); watch.start(Work::kRead)) {
    watch.start(Work::kCollect);
    collector.add(frame);
  }
}

// Returns, for each voxel of the scan's mask in the store's order, the index of its packed value; fills stored_mask.
std::vector<std::uint32_t> sort_voxels(const io::CohortGrid& grid, const std::vector<std::uint32_t>& voxels,
                                       std::vector<std::uint8_t>& stored_mask) {
  std::vector<std::uint8_t> mask(grid.voxels(), 0);
  std::vector<std::uint32_t> packed(grid.voxels(), 0);
  for (std::size_t k = 0; k < voxels.size(); ++k) {
    mask[voxels[k]] = 1;
    packed[voxels[k]] = static_cast<std::uint32_t>(k);
  }
  MaskIndex index = index_mask(grid, mask);
  stored_mask.assign(grid.voxels(), 0);
  for (const std::uint32_t voxel : index.stored) stored_mask[voxel] = 1;
  for (std::uint32_t& voxel : index.nifti) voxel = packed[voxel];
  return std::move(index.nifti);
}

// Second pass, over the spilled values.
void write_staged(const ScanTask& task, const StagedHeader& header, const std::vector<std::uint32_t>& order,
                  Normalizer& normalise, Spill& spill) {
  StagedWriter writer(task.target, header);
  const std::size_t voxels = order.size();
  std::vector<float> room(voxels);
  std::vector<std::uint16_t> packed(voxels), frame(voxels);
  for (std::uint64_t t = 0; t < header.frames; ++t) {
    const std::size_t known = spill.next(room).size();
    normalise(std::span(room).first(known), std::span(packed).first(known));
    std::fill(packed.begin() + static_cast<std::ptrdiff_t>(known), packed.end(), header.statistics.fill);
    for (std::size_t k = 0; k < voxels; ++k) frame[k] = packed[order[k]];
    writer.add_frame(frame);
  }
  writer.commit();
}

// Runs of voxels that are adjacent in both the scan's and the cohort's mask, copied as blocks. Masks of one study
// differ only at the brain's edge, so runs are long.
struct Run {
  std::uint32_t from, to, count;
};

std::vector<Run> runs_of(const std::vector<std::uint8_t>& own, const std::vector<std::uint32_t>& voxels) {
  std::vector<Run> runs;
  std::uint32_t from = 0;
  for (std::uint32_t to = 0; to < voxels.size(); ++to) {
    if (!own[voxels[to]]) continue;
    if (runs.empty() || runs.back().to + runs.back().count != to) runs.push_back({from, to, 0});
    ++runs.back().count;
    ++from;
  }
  return runs;
}

}  // namespace

StagedHeader stage_scan(const ScanTask& task, const Processing& processing, Spill& spill, StageTimes& times,
                        const std::function<void()>& on_frame) {
  Stopwatch watch(times);
  watch.start(Work::kRead);
  FrameStream stream(task.path, processing.crop, task.plan, on_frame,
                     task.mask.empty() ? std::vector<std::uint8_t>() : read_mask(task.mask, task.header));
  if (HeaderRow::of(stream.header()) != task.header) {
    throw DataError(fmt::format("'{}' changed while it was read", task.path.string()));
  }
  Collector collector(stream.voxels(), spill);
  collect(stream, collector, watch);
  times.inflated_bytes +=
      static_cast<double>(stream.header().frame_voxels()) *
      static_cast<double>(stream.header().frames() * static_cast<std::int64_t>(io::bytes_of(stream.header().type)));
  BRAINMT_CHECK(collector.frames() == task.plan.frames, "{} frames came of {}", collector.frames(), task.plan.frames);

  watch.start(Work::kNormalize);
  Normalizer normalise(processing.normalize, processing.fill, collector.values());
  StagedHeader header{.identity = task.identity,
                      .reason = {},
                      .grid = processing.crop ? processing.crop->grid() : task.header.grid(),
                      .frames = static_cast<std::uint64_t>(collector.frames()),
                      .quality = stream.findings(),
                      .nan_voxels = stream.nan_voxels(),
                      .statistics = normalise.statistics(),
                      .mask = {}};
  header.quality.spikes = collector.spikes();
  const std::vector<std::uint32_t> order = sort_voxels(header.grid, collector.voxel_indices(), header.mask);
  write_staged(task, header, order, normalise, spill);
  return header;
}

void copy_scan(const StagedScan& scan, const std::vector<std::uint32_t>& voxels, io::CohortWriter& writer,
               std::size_t index, const std::function<void()>& on_block) {
  const StagedHeader& header = scan.header();
  const std::vector<Run> runs = runs_of(header.mask, voxels);
  const std::size_t inside = scan.voxels(), covered = runs.empty() ? 0 : runs.back().from + runs.back().count;
  BRAINMT_CHECK(covered == inside, "a scan has {} of its {} voxels in the cohort", covered, inside);
  const std::uint64_t block_frames =
      std::clamp<std::uint64_t>(kBlockBytes / (voxels.size() * sizeof(std::uint16_t)), 1, header.frames);
  std::vector<std::uint16_t> own(block_frames * inside), block(block_frames * voxels.size(), header.statistics.fill);
  for (std::uint64_t first = 0; first < header.frames; first += block_frames) {
    const std::uint64_t count = std::min(block_frames, header.frames - first);
    scan.read_frames(first, std::span(own).first(count * inside));
    for (std::uint64_t f = 0; f < count; ++f) {
      const std::uint16_t* from = own.data() + f * inside;
      std::uint16_t* to = block.data() + f * voxels.size();
      for (const Run& run : runs) std::copy_n(from + run.from, run.count, to + run.to);
    }
    writer.write_frames(index, first, std::span(block).first(count * voxels.size()));
    on_block();
  }
  writer.set_scan_statistics(index, header.statistics);
}

}  // namespace brainmt::prepare
