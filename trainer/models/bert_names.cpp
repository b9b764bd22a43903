#include "trainer/models/bert_names.h"

#include "core/errors.h"

namespace broadsheet {
namespace {

constexpr BertNames kBertNames = {"bert",
                                  "Bert",
                                  "bert.",
                                  "encoder.layer.",
                                  "attention.self.query",
                                  "attention.self.key",
                                  "attention.self.value",
                                  "attention.output.dense",
                                  "attention.output.LayerNorm",
                                  "intermediate.dense",
                                  "output.dense",
                                  "output.LayerNorm",
                                  "cls.predictions.transform.dense",
                                  "cls.predictions.transform.LayerNorm",
                                  "cls.predictions.bias",
                                  "cls.predictions.decoder",
                                  "bert.pooler.dense",
                                  "classifier"};

constexpr BertNames roberta_names() {
  BertNames names = kBertNames;
  names.model_type = "roberta";
  names.class_prefix = "Roberta";
  names.trunk = "roberta.";
  names.transform = "lm_head.dense";
  names.transform_norm = "lm_head.layer_norm";
  names.decoder_bias = "lm_head.bias";
  names.decoder = "lm_head.decoder";
  names.head_dense = "classifier.dense";
  names.classifier = "classifier.out_proj";
  return names;
}

constexpr BertNames electra_names() {
  BertNames names = roberta_names();
  names.model_type = "electra";
  names.class_prefix = "Electra";
  names.trunk = "electra.";
  names.transform = names.transform_norm = names.decoder_bias = names.decoder = nullptr;
  return names;
}

constexpr BertNames kRobertaNames = roberta_names(), kElectraNames = electra_names();
constexpr BertNames kDistilBertNames = {
    "distilbert",      "DistilBert",        "distilbert.",       "transformer.layer.", "attention.q_lin",
    "attention.k_lin", "attention.v_lin",   "attention.out_lin", "sa_layer_norm",      "ffn.lin1",
    "ffn.lin2",        "output_layer_norm", "vocab_transform",   "vocab_layer_norm",   "vocab_projector.bias",
    "vocab_projector", "pre_classifier",    "classifier"};

}  // namespace

const BertNames& names_of(BertFamily family) {
  switch (family) {
    case BertFamily::kBert:
      return kBertNames;
    case BertFamily::kRoberta:
      return kRobertaNames;
    case BertFamily::kDistilBert:
      return kDistilBertNames;
    case BertFamily::kElectra:
      return kElectraNames;
  }
  assertion_failed("known family", __FILE__, __LINE__);
}

}  // namespace broadsheet
