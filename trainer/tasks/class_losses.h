// The losses of classifications, summed over a batch; what they are divided by is Task::loss_weight.
#pragma once

#include <ATen/ATen.h>

namespace broadsheet {

struct ClassLossOptions {
  at::Tensor weights;  // [classes] float32; undefined: all 1
  double label_smoothing = 0;
  double focal_gamma = 0;  // only without smoothing
};

// One class of several. logits: [n, classes] float32; labels: [n] int64. Cross-entropy with PyTorch's `weight` and
// `label_smoothing`; its mean is this divided by the sum of the labels' weights. With focal_gamma, -(1 - p)^gamma log p
// (Lin et al., "Focal Loss for Dense Object Detection", 2017), times the label's weight.
at::Tensor single_label_loss(const at::Tensor& logits, const at::Tensor& labels, const ClassLossOptions& options);

// Any number of labels. targets: [n, labels] float32, 0 or 1. Binary cross-entropy with the weights as PyTorch's
// `pos_weight`; its mean is this divided by n * labels. Smoothing moves each target towards 1/2 (Keras). With
// focal_gamma as torchvision's sigmoid_focal_loss without alpha.
at::Tensor multi_label_loss(const at::Tensor& logits, const at::Tensor& targets, const ClassLossOptions& options);

// One of several classes in order. The squared distance of the two cumulative distributions, summed over all classes
// but the last, whose is always 1: Hou, Yu and Samaras, "Squared Earth Mover's Distance-based Loss for Training Deep
// Neural Networks" (2016); the ranked probability score of weather forecasts (Epstein 1969), which honest probabilities
// make least. Head and model folder are those of a plain classification. Times the label's weight; no other option.
at::Tensor ordinal_loss(const at::Tensor& logits, const at::Tensor& labels, const ClassLossOptions& options);

}  // namespace broadsheet
