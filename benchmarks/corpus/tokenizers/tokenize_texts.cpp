// Our tokenizer on texts that it has not seen, for benchmarks/corpus/tokenizers/run.sh.
//   tokenize_texts FOLDER TEXTS THREADS [PASSES]
// TEXTS has one text a line. Prints one JSON object: seconds from loaded texts to ids of all of them (the first pass of
// a fresh process: its caches are empty; of several passes the last), on the clock and of CPU time of all threads,
// seconds for loading, and a checksum of the ids.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "core/checksum.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/tokenizers/tokenizer.h"

namespace broadsheet {
namespace {

constexpr uint64_t kMaxTexts = uint64_t{1} << 30;
constexpr size_t kPiece = 64;  // texts that a thread takes at a time

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::vector<std::string_view> lines_of(const std::string& text) {
  std::vector<std::string_view> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

std::vector<std::vector<int32_t>> encode_all(const Tokenizer& tokenizer, const std::vector<std::string_view>& texts,
                                             size_t threads) {
  std::vector<std::vector<int32_t>> ids(texts.size());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t begin = next.fetch_add(kPiece); begin < texts.size(); begin = next.fetch_add(kPiece))
      for (size_t i = begin; i < std::min(begin + kPiece, texts.size()); ++i) ids[i] = tokenizer.encode(texts[i]);
  };
  std::vector<std::jthread> others;
  for (size_t i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  others.clear();
  return ids;
}

// Of the numbers of ids and the ids of every text, as little-endian int32.
std::string checksum(const std::vector<std::vector<int32_t>>& all) {
  std::string bytes;
  const auto add = [&bytes](int32_t number) { bytes.append(reinterpret_cast<const char*>(&number), sizeof number); };
  for (const auto& ids : all) {
    add(static_cast<int32_t>(ids.size()));
    for (const int32_t id : ids) add(id);
  }
  return sha256_hex(bytes);
}

int run(const std::vector<std::string>& arguments) {
  const std::string file = read_file(arguments.at(2), kMaxTexts);
  const std::vector<std::string_view> texts = lines_of(file);
  const auto start = std::chrono::steady_clock::now();
  const auto tokenizer = load_tokenizer(arguments.at(1));
  const double loading = seconds_since(start);
  const size_t threads = std::stoul(arguments.at(3));
  const int passes = arguments.size() > 4 ? std::stoi(arguments[4]) : 1;
  double seconds = 0, cpu_seconds = 0;
  std::vector<std::vector<int32_t>> ids;
  for (int pass = 0; pass < passes; ++pass) {
    const auto begin = std::chrono::steady_clock::now();
    const std::clock_t cpu = std::clock();
    ids = encode_all(*tokenizer, texts, threads);
    seconds = seconds_since(begin);
    cpu_seconds = static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC;
  }
  size_t count = 0;
  for (const auto& of_text : ids) count += of_text.size();
  std::cout << nlohmann::json{{"who", "broadsheet"},     {"seconds", seconds}, {"cpu_seconds", cpu_seconds},
                              {"load_seconds", loading}, {"ids", count},       {"ids_sha256", checksum(ids)}}
                   .dump()
            << '\n';
  return 0;
}

}  // namespace
}  // namespace broadsheet

int main(int argc, char** argv) {
  try {
    return broadsheet::run({argv, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\nusage: tokenize_texts FOLDER TEXTS THREADS [PASSES]\n";
    return 1;
  }
}
