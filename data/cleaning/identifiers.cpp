#include "data/cleaning/identifiers.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "data/cleaning/finders.h"

namespace broadsheet {
namespace {

enum class Trigger : uint8_t { kNone, kDigit, kAt, kColon, kW };

constexpr std::array<Trigger, 256> kTriggers = [] {
  std::array<Trigger, 256> table{};
  for (size_t c = '0'; c <= '9'; ++c) table[c] = Trigger::kDigit;
  table['@'] = Trigger::kAt;
  table[':'] = Trigger::kColon;
  table['w'] = table['W'] = Trigger::kW;
  return table;
}();

class Scan {
 public:
  Scan(std::string_view text, std::vector<Finding>& found) : text_(text), found_(found) {}

  void run() {
    for (size_t i = 0; i < text_.size(); ++i) {
      switch (kTriggers[static_cast<unsigned char>(text_[i])]) {
        case Trigger::kNone:
          break;
        case Trigger::kDigit:
          i = look_at_number(i);
          break;
        case Trigger::kAt:
          if (!keep(finders::email_at(text_, i))) keep(finders::handle_at(text_, i));
          break;
        case Trigger::kColon:
          look_at_colon(i);
          break;
        case Trigger::kW:
          if (finders::lower(text_.substr(i, 4)) == "www." && (i == 0 || !finders::is_alnum(text_[i - 1])) &&
              i >= address_end_)
            look_at_address(i, i);
          break;
      }
    }
  }

 private:
  bool keep(const std::optional<Finding>& finding) {
    if (finding) found_.push_back(*finding);
    return finding.has_value();
  }

  // The last byte that need not be looked at again.
  size_t look_at_number(size_t i) {
    const bool behind_letters = i >= 2 && finders::is_letter(text_[i - 1]) && finders::is_letter(text_[i - 2]);
    if (behind_letters && (i == 2 || !finders::is_alnum(text_[i - 3])))
      if (const auto iban = finders::iban_at(text_, i - 2)) {
        found_.push_back(*iban);
        return iban->end - 1;
      }
    if (const auto number = finders::number_at(text_, i, i < address_end_)) {
      found_.push_back(*number);
      return number->end - 1;
    }
    while (i + 1 < text_.size() && finders::is_digit(text_[i + 1])) ++i;
    return i;
  }

  void look_at_colon(size_t i) {
    if (text_.substr(i, 3) == "://") {
      size_t begin = i;
      while (begin > 0 && i - begin < 16 && (finders::is_letter(text_[begin - 1]) || text_[begin - 1] == '+')) --begin;
      if (begin < i && i >= address_end_) look_at_address(begin, i + 3);
    } else {
      keep(finders::ip6_at(text_, i));
    }
  }

  void look_at_address(size_t begin, size_t host) {
    const finders::Address address = finders::address_at(text_, begin, host);
    address_end_ = address.end;
    if (address.secret) found_.push_back({address.begin, address.end, IdentifierKind::kUrl});
  }

  std::string_view text_;
  std::vector<Finding>& found_;
  size_t address_end_ = 0;  // of the last URL
};

}  // namespace

void find_identifiers(std::string_view text, std::vector<Finding>& found) {
  Scan(text, found).run();
}

void merge_findings(std::vector<Finding>& findings) {
  std::sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    if (a.begin != b.begin) return a.begin < b.begin;
    return a.end != b.end ? a.end > b.end : a.kind < b.kind;
  });
  size_t kept = 0, longest = 0;
  for (const Finding& next : findings) {
    if (kept > 0 && next.begin < findings[kept - 1].end) {
      Finding& before = findings[kept - 1];
      if (next.end - next.begin > longest) {
        before.kind = next.kind;
        longest = next.end - next.begin;
      }
      before.end = std::max(before.end, next.end);
      continue;
    }
    longest = next.end - next.begin;
    findings[kept++] = next;
  }
  findings.resize(kept);
}

}  // namespace broadsheet
