// Checksums: SHA-256 (FIPS 180-4) for corpora, identities and manifests; XXH3 for the bulk of checkpoints.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace broadsheet {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(const void* bytes, size_t size);
  void update(std::string_view text) { update(text.data(), text.size()); }
  std::string hex();  // 64 lower-case digits; ends the computation

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::string_view bytes);
// Throws RunError with path and errno when the file cannot be read.
std::string sha256_file(const std::string& path);

// XXH3 of 128 bits (the xxHash specification, seed 0): against accidents, not against forgers, at the speed of memory.
class Xxh3 {
 public:
  Xxh3();
  ~Xxh3();
  Xxh3(Xxh3&&) noexcept;
  Xxh3& operator=(Xxh3&&) noexcept;
  void update(const void* bytes, size_t size);
  std::string hex() const;  // 32 lower-case digits, most significant first

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string xxh3_hex(std::string_view bytes);
std::string xxh3_file(const std::string& path);

}  // namespace broadsheet
