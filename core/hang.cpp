#include "core/hang.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "core/text.h"

namespace broadsheet {
namespace {

constexpr double kTimesLongest = 10, kSecondsMore = 1;
constexpr size_t kShown = 8, kTableRows = 64;

std::string tenths(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", seconds);
  return text;
}

double without_progress(const RankView& view) {
  return view.status.stalled + view.silent_seconds;
}

std::string name_of(const RankView& view) {
  const RankStatus& status = view.status;
  if (status.process == 0) return cat("rank ", status.rank);
  return cat("rank ", status.rank, " (", status.host, ", process ", status.process, ")");
}

std::string phase_of(const RankView& view) {
  const RankStatus& status = view.status;
  if (!view.waits()) return phase_name(status.phase);
  return cat(phase_name(Phase::kCollective), " (", status.operation, ", within ", phase_name(status.phase), ")");
}

std::string trouble_of(const RankView& view) {
  if (!view.known && view.status.process == 0) return "has not started";
  if (view.state == 'T') return "is stopped (by SIGSTOP or a suspended job)";
  if (view.state == 't') return "is held by a debugger";
  if (view.state == 'Z' || view.state == 'X') return "is gone";
  if (!view.known) return "has started but says nothing";
  if (view.silent())
    return view.state == 'D' ? "does not answer; it waits in the kernel, as for a disk" : "does not answer";
  return view.waits() ? "waits" : "makes no progress";
}

std::string sentence_about(const RankView& view) {
  std::string text = cat(name_of(view), " ", trouble_of(view), ", in phase ", phase_of(view));
  if (!view.known) return text;
  if (view.status.step > 0) text += cat(", at step ", view.status.step);
  return text + cat(", without progress for ", tenths(without_progress(view)));
}

using Views = std::vector<const RankView*>;

template <class Condition>
Views those(const std::vector<RankView>& ranks, const Condition& condition) {
  Views found;
  for (const RankView& view : ranks)
    if (condition(view)) found.push_back(&view);
  return found;
}

std::string sentence_of(const Views& culprits) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < std::min(culprits.size(), kShown); ++i) texts.push_back(sentence_about(*culprits[i]));
  if (culprits.size() > kShown) texts.push_back(cat("and ", culprits.size() - kShown, " more"));
  return join(texts, "; ");
}

std::string blame(const std::vector<RankView>& ranks, int accuser) {
  Views culprits = those(ranks, [](const RankView& view) { return !view.known || view.silent(); });
  if (!culprits.empty()) return sentence_of(culprits);
  culprits = those(ranks, [&](const RankView& view) { return view.status.rank == accuser && !view.waits(); });
  if (!culprits.empty()) return sentence_of(culprits);
  culprits = those(ranks, [](const RankView& view) { return !view.waits(); });
  if (!culprits.empty() && culprits.size() < ranks.size()) return sentence_of(culprits);
  int64_t newest = 0;
  for (const RankView& view : ranks) newest = std::max(newest, view.status.step);
  culprits = those(ranks, [&](const RankView& view) { return view.status.step < newest; });
  if (!culprits.empty()) return sentence_of(culprits);
  const std::string all = sentence_of(those(ranks, [](const RankView&) { return true; }));
  const bool each_waits = std::all_of(ranks.begin(), ranks.end(), [](const RankView& view) { return view.waits(); });
  return ranks.size() > 1 && each_waits ? cat("all ranks wait for each other: ", all) : all;
}

std::string table_row(const RankView& view) {
  char line[320];
  const bool bad = !view.known || view.silent();
  std::snprintf(line, sizeof line, "%6d  %-16s %9lld  %-44s %8lld  %10s%s%s", view.status.rank,
                view.status.host.empty() ? "-" : view.status.host.c_str(), static_cast<long long>(view.status.process),
                view.known ? phase_of(view).c_str() : "-", static_cast<long long>(view.status.step),
                tenths(without_progress(view)).c_str(), bad ? "  " : "", bad ? trouble_of(view).c_str() : "");
  return line;
}

}  // namespace

double limit_of(Phase phase, const Activity& activity, const HangLimits& limits) {
  const auto index = static_cast<size_t>(phase);
  if (activity.times_ended[index] == 0) return limits.max_seconds;
  const double learned = kTimesLongest * static_cast<double>(activity.longest_ns[index]) / 1e9 + kSecondsMore;
  return std::min(std::max(learned, limits.min_seconds), limits.max_seconds);
}

std::string to_text(const HangLimits& limits) {
  return cat(shortest(limits.min_seconds), ":", shortest(limits.max_seconds));
}

std::optional<HangLimits> limits_from_text(const std::string& text) {
  const std::vector<std::string> parts = split(text, ':');
  if (parts.size() != 2) return std::nullopt;
  HangLimits limits;
  char* end = nullptr;
  limits.min_seconds = std::strtod(parts[0].c_str(), &end);
  if (parts[0].empty() || *end != '\0') return std::nullopt;
  limits.max_seconds = std::strtod(parts[1].c_str(), &end);
  if (parts[1].empty() || *end != '\0') return std::nullopt;
  return limits;
}

void StallClock::update(const Activity& activity, double seconds_since_last_look) {
  const double passed = std::clamp(seconds_since_last_look, 0.0, kMostPerLook);
  const Activity::Wait* wait = activity.oldest_wait();
  const uint64_t serial = wait != nullptr ? wait->serial : 0;
  // A wait lasts while it is the same one, whatever the rest of the process does.
  const bool same = serial == wait_serial_ && (serial != 0 || activity.marks == marks_);
  seconds_ = same ? seconds_ + passed : 0;
  phase_ = activity.phase;
  marks_ = activity.marks;
  wait_serial_ = serial;
}

bool another_is_busy(const std::vector<RankView>& ranks, int rank) {
  return std::any_of(ranks.begin(), ranks.end(), [&](const RankView& view) {
    return view.status.rank != rank && view.known && !view.silent() && !view.waits();
  });
}

HangReport describe_hang(const std::vector<RankView>& ranks, int accuser) {
  HangReport report;
  report.sentence = blame(ranks, accuser);
  char head[320];
  std::snprintf(head, sizeof head, "%6s  %-16s %9s  %-44s %8s  %10s\n", "rank", "host", "process", "phase", "step",
                "stalled");
  report.table = head;
  for (size_t i = 0; i < std::min(ranks.size(), kTableRows); ++i) report.table += table_row(ranks[i]) + "\n";
  if (ranks.size() > kTableRows) report.table += cat("   and ", ranks.size() - kTableRows, " more\n");
  return report;
}

}  // namespace broadsheet
