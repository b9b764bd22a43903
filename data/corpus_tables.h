// The field table of corpus.yaml: what it may say, and what is checked inside of it.
#pragma once

#include "core/config.h"
#include "data/corpus_config.h"

namespace broadsheet {

const Section<CorpusConfig>& corpus_section();

}  // namespace broadsheet
