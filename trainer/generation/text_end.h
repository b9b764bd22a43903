// When a text that is being written is over. Inside trainer/generation only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "trainer/generation/decoder.h"

namespace broadsheet {

class TextEnds {
 public:
  TextEnds(const Writer& writer, const GenerationOptions& options) : writer_(writer), options_(options) {}

  // How many tokens may come behind a prompt.
  int64_t room(size_t prompt) const {
    return std::min(options_.max_new_tokens, writer_.positions - static_cast<int64_t>(prompt));
  }
  // Whether `whole`, of which the first `prompt` tokens were given, is over.
  std::optional<Finish> end_of(const std::vector<int32_t>& whole, size_t prompt) const {
    const auto written = static_cast<int64_t>(whole.size() - prompt);
    if (whole.back() == writer_.end) return Finish::kEnd;
    if (!options_.stop_strings.empty() && stop_in(text_of(whole, prompt)) != std::string::npos) return Finish::kStop;
    return written >= room(prompt) ? std::optional(Finish::kLength) : std::nullopt;
  }
  Generated generated(const std::vector<int32_t>& whole, size_t prompt, Finish finish) const {
    Generated result{{whole.begin() + static_cast<ptrdiff_t>(prompt), whole.end()}, "", finish};
    if (finish == Finish::kEnd) result.tokens.pop_back();
    result.text = writer_.tokenizer.decode(result.tokens);
    if (finish == Finish::kStop) result.text.resize(stop_in(result.text));
    return result;
  }

 private:
  std::string text_of(const std::vector<int32_t>& whole, size_t prompt) const {
    return writer_.tokenizer.decode({whole.begin() + static_cast<ptrdiff_t>(prompt), whole.end()});
  }
  // Where the first of them begins; npos: there is none.
  size_t stop_in(const std::string& text) const {
    size_t first = std::string::npos;
    for (const std::string& stop : options_.stop_strings) first = std::min(first, text.find(stop));
    return first;
  }

  const Writer& writer_;
  const GenerationOptions& options_;
};

}  // namespace broadsheet
