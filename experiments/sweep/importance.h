// PED-ANOVA over plain points: what parameter_importance() (sweep_view.h) measures with.
//
// Watanabe, Bansal & Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces",
// IJCAI 2023: the variance that f-ANOVA gives to one parameter within the trials better than a quantile is, in closed
// form, a Pearson divergence between two densities of that parameter, that of the best trials and that of all trials.
// Densities are Parzen estimates (Scott's rule) on a grid: 50 steps between the bounds (of the logarithm for log
// distributions), fewer where there are fewer values; texts and lists have one step each, without order.
// Where a parameter is active in some trials only: Baba, Ozaki & Watanabe, "Conditional PED-ANOVA", KDD 2026.
#pragma once

#include <vector>

#include "experiments/search/space.h"

namespace broadsheet {

struct MeasuredPoint {
  Assignment parameters;  // those that are active
  double value = 0;       // less is better; finite
};

// A number for each parameter, not normalised; 0 for fixed and tied ones. `target`: the share of the points that counts
// as the best, in (0, 1); points as good as the last of them count too.
std::vector<double> ped_anova(const std::vector<SearchParameter>& parameters, const std::vector<MeasuredPoint>& points,
                              double target);

}  // namespace broadsheet
