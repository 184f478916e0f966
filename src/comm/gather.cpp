#include "comm/gather.hpp"

namespace brainmt::comm {
namespace {

std::string packed(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out.append(text).push_back('\0');
  return out;
}

std::vector<std::string> unpacked(const std::string& block) {
  std::vector<std::string> texts;
  for (std::size_t at = 0; at < block.size();) {
    const std::size_t end = block.find('\0', at);
    texts.push_back(block.substr(at, end - at));
    at = end + 1;
  }
  return texts;
}

}  // namespace

void merge_rows(Communicator& comm, const Owned& owned, std::size_t width, std::vector<double>& values) {
  // One owner and zeros: the sum is exact in any order. Adding 0 turns -0 into 0, which the sum does with several
  // ranks.
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = owned[i / width] != 0 ? values[i] + 0.0 : 0.0;
  all_reduce(comm, std::span(values), ReduceOp::kSum);
}

void merge_rows(Communicator& comm, const Owned& owned, std::vector<std::string>& texts) {
  std::vector<std::string> own;  // each with the number of its row before it
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (owned[i] != 0) own.insert(own.end(), {std::to_string(i), texts[i]});
  }
  const std::vector<char> all = gather_in_order(comm, std::span<const char>(packed(own)));
  const std::vector<std::string> pairs = unpacked({all.begin(), all.end()});
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) texts[std::stoull(pairs[i])] = pairs[i + 1];
}

void broadcast_texts(Communicator& comm, std::vector<std::string>& texts) {
  std::string block = packed(texts);
  auto bytes = static_cast<std::int64_t>(block.size());
  comm.broadcast(&bytes, 1, DataType::kInt64, 0);
  block.resize(static_cast<std::size_t>(bytes));
  comm.broadcast(block.data(), block.size(), DataType::kByte, 0);
  texts = unpacked(block);
}

}  // namespace brainmt::comm
