// Early termination on a table of learning curves: what one worker has found when it has spent so many epochs.
//
//   search_table TABLE.json TYPE BUDGET...      one JSON line {"method", "seed", "budget", "error"} for each of both
//
// Configurations come in the orders of the table, so that every rule sees the same.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/errors.h"
#include "experiments/search/early_termination.h"

namespace broadsheet {
namespace {

struct Table {
  int64_t epochs = 0;
  std::vector<std::vector<double>> curves;
  std::vector<std::vector<int64_t>> orders;
};

// The smallest error after each epoch spent.
std::vector<double> spend(const Table& table, const std::vector<int64_t>& order, const std::string& type,
                          int64_t most) {
  EarlyTerminationConfig config;
  config.type = type;
  config.resource = "epochs";
  config.min = 1;
  const std::vector<int64_t> rungs = rungs_of(config, table.epochs);
  const auto trials = static_cast<int64_t>(order.size());
  const auto rule = make_early_termination(config, table.epochs, trials);
  std::map<int64_t, int64_t> trained;
  std::map<int64_t, size_t> next_rung;
  std::vector<double> best_after;
  double best = std::numeric_limits<double>::infinity();
  int64_t begun = 0, held = -1;
  while (static_cast<int64_t>(best_after.size()) < most) {
    const NextTrial next = rule->next(begun < trials, held);
    if (next.kind != NextTrial::Kind::kNew && next.kind != NextTrial::Kind::kResume) break;
    const int64_t trial = next.kind == NextTrial::Kind::kNew ? begun++ : next.trial;
    if (next.kind == NextTrial::Kind::kNew) {
      next_rung[trial] = rule->start(trial);
    } else {
      rule->resume(trial);
      ++next_rung[trial];
    }
    const std::vector<double>& curve = table.curves.at(static_cast<size_t>(order[static_cast<size_t>(trial)]));
    const bool to_the_end = next_rung[trial] >= rungs.size();
    const int64_t until = to_the_end ? table.epochs : rungs[next_rung[trial]];
    for (int64_t& at = trained[trial]; at < until;) {
      best = std::min(best, curve[static_cast<size_t>(at++)]);
      best_after.push_back(best);
    }
    held = to_the_end ? -1 : trial;
    if (to_the_end) {
      rule->end(trial, false);
    } else {
      rule->report(trial, next_rung[trial], curve[static_cast<size_t>(until - 1)]);
    }
  }
  return best_after;
}

void play(const std::string& path, const std::string& type, const std::vector<int64_t>& budgets) {
  const nlohmann::json text = nlohmann::json::parse(std::ifstream(path));
  Table table;
  text.at("epochs").get_to(table.epochs);
  text.at("curves").get_to(table.curves);
  text.at("orders").get_to(table.orders);
  const int64_t most = *std::max_element(budgets.begin(), budgets.end());
  for (size_t seed = 0; seed < table.orders.size(); ++seed) {
    const std::vector<double> best = spend(table, table.orders[seed], type, most);
    for (const int64_t budget : budgets) {
      const size_t at = std::min(static_cast<size_t>(budget), best.size()) - 1;
      std::cout << nlohmann::json{{"method", type}, {"seed", seed}, {"budget", budget}, {"error", best.at(at)}} << "\n";
    }
  }
}

}  // namespace
}  // namespace broadsheet

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  if (words.size() < 3) {
    std::cerr << "search_table TABLE.json TYPE BUDGET...\n";
    return 2;
  }
  try {
    std::vector<int64_t> budgets;
    for (size_t i = 2; i < words.size(); ++i) budgets.push_back(std::stoll(words[i]));
    broadsheet::play(words[0], words[1], budgets);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
  return 0;
}
