#include "prepare/stage_scan.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "parcels/packed_parcels.hpp"
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

// The spilled values of a scan, normalised, in the store's order.
class SecondPass {
 public:
  SecondPass(const std::vector<std::uint32_t>& order, Normalizer& normalise, Spill& spill)
      : order_(order), normalise_(normalise), spill_(spill), room_(order.size()), packed_(order.size()) {}

  std::size_t voxels() const { return order_.size(); }
  void next(std::span<std::uint16_t> frame) {
    const std::size_t known = spill_.next(room_).size();
    normalise_(std::span(room_).first(known), std::span(packed_).first(known));
    std::fill(packed_.begin() + static_cast<std::ptrdiff_t>(known), packed_.end(), normalise_.statistics().fill);
    for (std::size_t k = 0; k < order_.size(); ++k) frame[k] = packed_[order_[k]];
  }

 private:
  const std::vector<std::uint32_t>& order_;
  Normalizer& normalise_;
  Spill& spill_;
  std::vector<float> room_;
  std::vector<std::uint16_t> packed_;
};

void write_staged(const ScanTask& task, const StagedHeader& header, SecondPass& frames) {
  StagedWriter writer(task.target, header);
  std::vector<std::uint16_t> frame(frames.voxels());
  for (std::uint64_t t = 0; t < header.frames; ++t) {
    frames.next(frame);
    writer.add_frame(frame);
  }
  writer.commit();
}

template <class T>
std::span<const std::uint16_t> words_of(std::span<const T> values) {
  return {reinterpret_cast<const std::uint16_t*>(values.data()), values.size_bytes() / sizeof(std::uint16_t)};
}

void write_staged_parcels(const ScanTask& task, const StagedHeader& header, SecondPass& frames) {
  std::vector<std::uint32_t> voxels;
  for (std::uint32_t v = 0; v < header.mask.size(); ++v)
    if (header.mask[v] != 0) voxels.push_back(v);
  parcels::PackedParcels packed(*task.parcels, voxels);
  const auto read = [&](std::uint64_t, std::span<std::uint16_t> out) {  // once, in order
    for (std::size_t at = 0; at < out.size(); at += voxels.size()) frames.next(out.subspan(at, voxels.size()));
  };
  const parcels::ScanParcels scan = packed.of_scan(read, header.frames, header.statistics.fill, parcels::Stat::kMean);
  const std::size_t columns = header.parcels;
  StagedWriter writer(task.target, header);
  for (std::size_t at = 0; at < scan.series.size(); at += columns)
    writer.add_frame(words_of(std::span(scan.series).subspan(at, columns)));
  writer.add_frame(words_of(std::span(scan.voxels)));
  const auto coverage = words_of(std::span(scan.coverage));
  writer.add_frame(coverage.first(header.row_words()));
  writer.add_frame(coverage.subspan(header.row_words()));
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
  SecondPass frames(order, normalise, spill);
  if (task.parcels == nullptr) {
    write_staged(task, header, frames);
  } else {
    header.parcels = static_cast<std::uint32_t>(task.parcels->parcels());
    write_staged_parcels(task, header, frames);
  }
  return header;
}

parcels::ScanParcels staged_parcels(const StagedScan& scan) {
  const StagedHeader& header = scan.header();
  const std::size_t columns = header.parcels, words = header.row_words();
  BRAINMT_CHECK(columns > 0, "a staged scan of voxels");
  std::vector<std::uint16_t> rows(header.rows() * words);
  scan.read_frames(0, rows);
  const auto bytes = std::as_bytes(std::span(rows));
  parcels::ScanParcels out;
  out.series.resize(header.frames * columns);
  out.voxels.resize(columns);
  out.coverage.resize(columns);
  std::size_t at = 0;
  for (const std::span<std::byte> to :
       {std::as_writable_bytes(std::span(out.series)), std::as_writable_bytes(std::span(out.voxels)),
        std::as_writable_bytes(std::span(out.coverage))}) {
    std::ranges::copy(bytes.subspan(at, to.size()), to.begin());
    at += to.size();
  }
  return out;
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
