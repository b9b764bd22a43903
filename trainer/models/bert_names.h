// How BERT and its relatives call the same parts. No torch here.
#pragma once

#include "trainer/models/bert_config.h"

namespace broadsheet {

struct BertNames {
  const char* model_type;    // of config.json
  const char* class_prefix;  // of transformers' classes
  const char* trunk;         // "bert.": before every name of the trunk
  const char* layer;         // "encoder.layer.": then the number and a dot
  const char *query, *key, *value, *attention_output, *attention_norm;
  const char *intermediate, *output, *output_norm;
  // Of the masked language model; nullptr: it has none.
  const char *transform, *transform_norm, *decoder_bias, *decoder;
  const char *head_dense, *classifier;  // of the sequence's classifier
};

const BertNames& names_of(BertFamily family);

}  // namespace broadsheet
