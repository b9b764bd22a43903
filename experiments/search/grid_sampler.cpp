// All combinations, in the order of the file.
#include <algorithm>

#include "core/errors.h"
#include "core/text.h"
#include "experiments/search/sampling.h"

namespace broadsheet {
namespace {

constexpr int64_t kMostPoints = 1000000;

void check_size(const SearchSpace& space) {
  for (size_t i = 0; i < space.size(); ++i) {
    if (!space.is_searched(i) || space.cardinality(i) > 0) continue;
    const std::string& name = space.parameters()[i].name;
    throw UserError("sweep.grid", cat("method is grid, and ", name, " has a continuum of values"),
                    cat("give ", name, " `values: [...]` or a `q`, or take method: sobol"));
  }
  if (combinations(space) <= kMostPoints) return;
  const auto& parameters = space.parameters();
  const bool has_conditions =
      std::any_of(parameters.begin(), parameters.end(), [](const SearchParameter& one) { return !one.when.empty(); });
  // Conditions may make it smaller than the product says.
  GridWalk walk(space);
  for (int64_t points = 0; !has_conditions || walk.next(); ++points) {
    if (has_conditions && points < kMostPoints) continue;
    throw UserError("sweep.grid",
                    cat("method is grid, and the grid has more than ", with_thousands(kMostPoints), " points"),
                    "give fewer values, or take method: sobol with `trials`");
  }
}

class GridSampler : public DrawingSampler {
 public:
  explicit GridSampler(const SearchSpace& space) : DrawingSampler(space), walk_(space) { check_size(space); }

  std::optional<Assignment> suggest(int64_t /*number*/) override {
    // What is known stays known, so the walk never has to go back.
    while (!at_ || !is_new(*at_) || !space().allowed(*at_)) {
      at_ = walk_.next();
      if (!at_) return std::nullopt;
    }
    return at_;
  }

 private:
  GridWalk walk_;
  std::optional<Assignment> at_;
};

}  // namespace

std::unique_ptr<Sampler> make_grid_sampler(const SearchSpace& space) {
  return std::make_unique<GridSampler>(space);
}

}  // namespace broadsheet
