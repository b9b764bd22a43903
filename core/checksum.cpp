#include "core/checksum.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef BROADSHEET_XXHASH_DISPATCHES
#include <xxh_x86dispatch.h>
#else
#define XXH_INLINE_ALL
#include <xxhash.h>
#endif

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  BROADSHEET_ASSERT(state_->context != nullptr && EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(const void* bytes, size_t size) {
  BROADSHEET_ASSERT(EVP_DigestUpdate(state_->context, bytes, size) == 1);
}

std::string Sha256::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  BROADSHEET_ASSERT(EVP_DigestFinal_ex(state_->context, digest, &size) == 1 && size == 32);
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 sum;
  sum.update(bytes);
  return sum.hex();
}

namespace {

// Hands the file's bytes to `sum` in pieces: as many as it has now, or a file that somebody appends to had no end.
template <class Sum>
void add_file(const std::string& path, Sum& sum) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (descriptor < 0 || ::fstat(descriptor, &status) != 0) {
    const int error = errno;
    if (descriptor >= 0) ::close(descriptor);
    throw RunError("io.open", cat("cannot open ", path, ": ", std::strerror(error)));
  }
  std::vector<char> buffer(size_t{1} << 20);
  for (auto left = static_cast<uint64_t>(status.st_size); left > 0;) {
    const ssize_t count = ::read(descriptor, buffer.data(), std::min<uint64_t>(left, buffer.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error = errno;
      ::close(descriptor);
      throw RunError("io.read", cat("cannot read ", path, ": ", std::strerror(error)));
    }
    if (count == 0) break;
    sum.update(buffer.data(), static_cast<size_t>(count));
    left -= static_cast<uint64_t>(count);
  }
  ::close(descriptor);
}

}  // namespace

std::string sha256_file(const std::string& path) {
  Sha256 sum;
  add_file(path, sum);
  return sum.hex();
}

struct Xxh3::State {
  XXH3_state_t* state = XXH3_createState();
  ~State() { XXH3_freeState(state); }
};

Xxh3::Xxh3() : state_(std::make_unique<State>()) {
  BROADSHEET_ASSERT(state_->state != nullptr && XXH3_128bits_reset(state_->state) == XXH_OK);
}
Xxh3::~Xxh3() = default;
Xxh3::Xxh3(Xxh3&&) noexcept = default;
Xxh3& Xxh3::operator=(Xxh3&&) noexcept = default;

void Xxh3::update(const void* bytes, size_t size) {
  BROADSHEET_ASSERT(XXH3_128bits_update(state_->state, bytes, size) == XXH_OK);
}

std::string Xxh3::hex() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_->state);
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint64_t half : {hash.high64, hash.low64})
    for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[half >> shift & 15];
  return text;
}

std::string xxh3_hex(std::string_view bytes) {
  Xxh3 sum;
  sum.update(bytes.data(), bytes.size());
  return sum.hex();
}

std::string xxh3_file(const std::string& path) {
  Xxh3 sum;
  add_file(path, sum);
  return sum.hex();
}

}  // namespace broadsheet
