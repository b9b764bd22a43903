#include "trainer/features.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>
#include <thread>
#include <vector>

#include "core/activity.h"
#include "core/checksum.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/text.h"
#include "data/feature_claim.h"
#include "data/feature_store.h"
#include "data/plan.h"
#include "trainer/parallel/tree.h"
#include "trainer/stopwatch.h"

namespace broadsheet {
namespace {

// Rows that are on their way from all ranks to the first one at once.
constexpr int64_t kBlockBytes = int64_t{32} << 20;
constexpr std::chrono::milliseconds kLookAgain{100};

FeatureInfo describe_features(const Task& task, const ShardSet& corpus, Communicator& ranks) {
  FeatureInfo info;
  info.width = task.feature_width();
  info.corpus = corpus.fingerprint();
  for (const Split split : kAllSplits) info.documents[static_cast<size_t>(split)] = corpus.size(split);
  if (ranks.first()) {
    const nlohmann::json named = {{"format", kFeatureFormatVersion},
                                  {"task", task.feature_identity()},
                                  {"corpus", info.corpus},
                                  {"width", info.width}};
    info.key = sha256_hex(named.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  info.key = ranks.broadcast(info.key, 0);
  return info;
}

// The file as this rank sees it, or why not: "" when there is none.
std::shared_ptr<const FeatureStore> look(const std::string& file, const FeatureInfo& info, std::string& why) {
  try {
    if (exists(file)) return FeatureStore::open(file, info);
  } catch (const Error& error) {
    why = error.what();
  }
  return nullptr;
}

// Collective: whether all ranks have it, and the same.
bool all_have(const std::shared_ptr<const FeatureStore>& store, Communicator& ranks) {
  const std::vector<std::string> all = ranks.all_gather(store ? store->checksum() : "");
  return std::all_of(all.begin(), all.end(), [&](const std::string& one) { return !one.empty() && one == all[0]; });
}

// Collective. Waits as long as another run computes them.
void take_claim(FeatureClaim& claim, Communicator& ranks) {
  for (bool told = false;; told = true) {
    const bool mine = !ranks.first() || claim.take();
    if (ranks.max(mine ? 0 : 1) == 0) return;
    if (ranks.first() && !told)
      log_info(cat("waiting for the frozen trunk's outputs: ", claim.holder(), " computes them"));
    note_progress();
    std::this_thread::sleep_for(kLookAgain);
  }
}

// Documents of about equal length together, so that passes are full and threads evenly busy.
std::vector<std::vector<int64_t>> passes_of(const Task& task, const ShardSet& corpus, Split split, int64_t begin,
                                            int64_t end) {
  std::vector<std::pair<int64_t, int64_t>> by_length;
  for (int64_t document = begin; document < end; ++document)
    by_length.emplace_back(task.length(corpus, split, document), document);
  std::sort(by_length.begin(), by_length.end());
  std::vector<int64_t> ids, lengths;
  for (const auto& [length, document] : by_length) {
    lengths.push_back(length);
    ids.push_back(document);
  }
  return cut_micro_batches(ids, lengths, 0, kAutoTokensPerPass);
}

class Computation {
 public:
  Computation(Task& task, const ShardSet& corpus, const FeatureInfo& info, FeatureClaim& claim, Communicator& ranks)
      : task_(task), corpus_(corpus), info_(info), claim_(claim), ranks_(ranks) {
    if (ranks.first()) progress_.emplace("computing the frozen trunk's outputs", "documents", info.total());
  }

  // Collective. Writes the file; empty, or why it could not be written.
  std::string run(const std::string& file) {
    std::optional<FeatureWriter> writer;
    std::string error = on_first([&] { writer.emplace(file, info_); });
    const int64_t block = std::max<int64_t>(1, kBlockBytes / (info_.width * static_cast<int64_t>(sizeof(float))));
    for (const Split split : kAllSplits) {
      for (int64_t begin = 0; begin < corpus_.size(split) && error.empty(); begin += block) {
        const std::vector<float> rows = compute(split, begin, std::min(begin + block, corpus_.size(split)));
        error = on_first([&] { writer->append(split, rows); });
      }
    }
    return error.empty() ? on_first([&] { writer->commit(); }) : error;
  }

 private:
  // Collective: what the first rank's disk says, known to all.
  template <class Action>
  std::string on_first(const Action& action) {
    std::string error;
    try {
      if (ranks_.first()) action();
    } catch (const RunError& failed) {
      error = failed.what();
    }
    return ranks_.broadcast(error, 0);
  }

  // Collective. The rows of documents [begin, end) in their order; on the first rank only.
  std::vector<float> compute(Split split, int64_t begin, int64_t end) {
    const auto passes = passes_of(task_, corpus_, split, begin, end);
    const auto leaves = static_cast<int64_t>(passes.size());
    const LeafRun mine = leaf_run(leaves, ranks_.rank(), ranks_.size());
    std::string bytes;
    int64_t computed = 0;
    for (int64_t pass = mine.begin; pass < mine.end; ++pass) {
      const Batch batch = task_.make_batch(corpus_, split, passes[static_cast<size_t>(pass)], 0);
      const at::Tensor rows = task_.compute_features(batch);
      BROADSHEET_ASSERT(rows.is_contiguous() && rows.numel() == batch.sequences() * info_.width);
      bytes.append(static_cast<const char*>(rows.const_data_ptr()), rows.nbytes());
      note_progress();
      claim_.renew();
      computed += batch.sequences();
      // The other ranks are about as far.
      if (progress_) progress_->set(done_ + std::min(end - begin, computed * ranks_.size()));
    }
    const std::string all = join(ranks_.all_gather(bytes), "");
    done_ += end - begin;
    if (!ranks_.first()) return {};
    progress_->set(done_);
    return in_order(passes, begin, all);
  }

  std::vector<float> in_order(const std::vector<std::vector<int64_t>>& passes, int64_t begin,
                              const std::string& bytes) const {
    std::vector<float> rows(bytes.size() / sizeof(float));
    const size_t row_bytes = static_cast<size_t>(info_.width) * sizeof(float);
    const char* next = bytes.data();
    for (const std::vector<int64_t>& pass : passes) {
      for (const int64_t document : pass) {
        std::memcpy(rows.data() + (document - begin) * info_.width, next, row_bytes);
        next += row_bytes;
      }
    }
    BROADSHEET_ASSERT(next == bytes.data() + bytes.size());
    return rows;
  }

  Task& task_;
  const ShardSet& corpus_;
  const FeatureInfo& info_;
  FeatureClaim& claim_;
  Communicator& ranks_;
  std::optional<Progress> progress_;
  int64_t done_ = 0;
};

}  // namespace

FeatureUse take_features(Task& task, const ShardSet& corpus, const std::string& folder, Communicator& ranks) {
  if (folder.empty() || task.feature_width() == 0) return {};
  const PhaseScope computing(Phase::kValidation);
  const Stopwatch watch;
  const FeatureInfo info = describe_features(task, corpus, ranks);
  FeatureUse use{feature_file(folder, info.key), "", 0};
  std::string why;
  std::shared_ptr<const FeatureStore> store = look(use.file, info, why);
  if (!why.empty()) log_warning(cat(why, "; computing it anew"));
  FeatureClaim claim(use.file);
  bool have = all_have(store, ranks);
  if (!have) {
    take_claim(claim, ranks);
    store = look(use.file, info, why);
    have = all_have(store, ranks);
  }
  if (!have) {
    use.computed = info.total();
    const std::string error = Computation(task, corpus, info, claim, ranks).run(use.file);
    why.clear();
    store = error.empty() ? look(use.file, info, why) : nullptr;
    if (!all_have(store, ranks)) {
      if (ranks.first())
        log_warning(cat("the frozen trunk's outputs cannot be kept in ", folder, "; it is computed in every pass: ",
                        !error.empty() ? error
                        : why.empty()  ? "not every rank sees the same file there"
                                       : why));
      return {"", "", use.computed};
    }
  }
  use.checksum = store->checksum();
  task.use_features(std::move(store));
  if (ranks.first()) {
    const std::string documents = cat(with_thousands(info.total()), " documents");
    log_info(use.computed > 0 ? cat("the frozen trunk's outputs of ", documents, " were computed in ",
                                    human_duration(watch.seconds()), " and are kept in ", use.file)
                              : cat("the frozen trunk's outputs of ", documents, " are read from ", use.file));
  }
  return use;
}

}  // namespace broadsheet
