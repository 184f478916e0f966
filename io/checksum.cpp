#include "io/checksum.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.hpp"
#include "io/file_descriptor.hpp"

namespace brainmt::io {

struct Sha256::State {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  const bool ok = state_->context && EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1;
  BRAINMT_CHECK(ok, "libcrypto has no SHA-256");
}

Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> data) {
  const bool ok = EVP_DigestUpdate(state_->context.get(), data.data(), data.size()) == 1;
  BRAINMT_CHECK(ok, "SHA-256 failed");
}

std::string Sha256::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  const bool ok = EVP_DigestFinal_ex(state_->context.get(), digest.data(), &size) == 1;
  BRAINMT_CHECK(ok, "SHA-256 failed");
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

std::string sha256(std::span<const std::byte> data) {
  Sha256 hash;
  hash.update(data);
  return hash.finish();
}

std::string sha256_of_file(const std::filesystem::path& path) {
  constexpr std::uint64_t kPiece = 1 << 20;
  const FileDescriptor fd = open_for_reading(path);
  const std::uint64_t size = file_size(fd, path);
  std::vector<std::byte> piece(std::min(size, kPiece));
  Sha256 hash;
  for (std::uint64_t at = 0; at < size; at += piece.size()) {
    piece.resize(std::min(kPiece, size - at));
    read_exactly(fd, path, at, piece);
    hash.update(piece);
  }
  return hash.finish();
}

}  // namespace brainmt::io
