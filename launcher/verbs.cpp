#include "launcher/verbs.h"

#include <algorithm>

#include "core/text.h"

namespace broadsheet {
namespace {

const char kSplitHelp[] = "train, validation or test; test unless said otherwise.";

VerbSpec later(std::string name, std::string summary) {
  VerbSpec verb;
  verb.name = std::move(name);
  verb.summary = std::move(summary);
  verb.built = false;
  return verb;
}

VerbSpec init_verb() {
  return {"init",
          "look at the data, write corpus.yaml and run.yaml",
          {"DATA", 1, 1},
          {{"task", "KIND", "classification, regression, generation, masked_lm or causal_lm.", false},
           {"text", "COLUMN", "The column or key that holds the text.", false},
           {"text-pair", "COLUMN", "A second text, for tasks on pairs.", false},
           {"label", "COLUMN", "Classification: the column or key that holds the label.", false},
           {"score", "COLUMN", "Regression: the column or key that holds the number.", false},
           {"target", "COLUMN", "Generation: the column or key that holds the text to write.", false},
           {"model", "DIR", "The Hugging Face folder to start from.", false},
           {"name", "NAME", "Name of the corpus and the run; the data file's name unless given.", false},
           {"out", "DIR", "Where the two files are written; the working directory unless given.", false},
           {"force", "", "Overwrite an existing corpus.yaml or run.yaml.", false}},
          "Reads the first thousand lines of a CSV, TSV, JSONL or text file (compressed or not), and writes "
          "corpus.yaml and\n"
          "run.yaml with comments and sensible values. Nothing else is written.",
          {"broadsheet init comments.csv --task classification --text comment --label mood --model models/minilm"},
          false,
          true};
}

VerbSpec tokenizer_verb() {
  return {"tokenizer",
          "train a tokenizer on the texts of a corpus's sources",
          {"CORPUS.yaml", 1, 1},
          {{"kind", "KIND", "wordpiece, as BERT has it, or bpe: byte-level, as GPT-2 has it.", false},
           {"vocab-size", "N", "Tokens, special ones and the alphabet included.", false},
           {"output", "DIR", "The folder to write; the one that tokenizer: of CORPUS.yaml names unless given.", false},
           {"min-frequency", "N", "Pairs that come less often are not merged; 2 unless given.", false},
           {"cased", "", "wordpiece: keep capitals and accents.", false},
           {"limit-alphabet", "N", "wordpiece: only the N most frequent characters; all of them unless given.", false},
           {"special-tokens", "A,B", "More special tokens, with the ids behind the kind's own.", false},
           {"replace", "", "Replace a tokenizer that is there.", false},
           {"ranks", "N", "Processes that read, as many as there are cores unless given; the tokenizer is the same.",
            false}},
          "Reads the texts as prepare does, counts their words and learns a vocabulary as `tokenizers` does. Writes\n"
          "tokenizer.json, tokenizer_config.json and vocab.txt, or vocab.json and merges.txt, whole or not at all.\n"
          "Then prepare CORPUS.yaml with it. The same texts give the same bytes.\n"
          "\n"
          "Texts of all splits count, and copies as often as they come. See docs/tokenizers.md.",
          {"broadsheet tokenizer corpus.yaml --kind wordpiece --vocab-size 30000",
           "broadsheet tokenizer corpus.yaml --kind bpe --vocab-size 50000 --output models/news-bpe"},
          true,
          true};
}

VerbSpec prepare_verb() {
  return {
      "prepare",
      "documents -> cleaned, split, tokenised HDF5 shards (a corpus)",
      {"CORPUS.yaml", 1, 1},
      {{"replace", "", "Replace a corpus that was made from another configuration or other sources.", false},
       {"append", "", "Add the source files that the corpus does not know yet; what it has stays as it is.", false},
       {"remove", "IDS", "Take documents out of the corpus by their ids: a,b,c, or @FILE with one a line.", false},
       {"ranks", "N", "Processes that share the work, as many as there are cores unless given; the corpus is the same.",
        false}},
      "Reads the sources, sets malformed lines aside in rejected.jsonl (file, line, reason), removes duplicates,\n"
      "splits, tokenises and writes the corpus. The corpus appears whole or not at all. Stopped or killed, the same\n"
      "command goes on from what is done. Preparing again with nothing changed does nothing. Started several times by\n"
      "srun or mpirun, on one machine or several, the processes share the work.\n"
      "\n"
      "--append reads only those files of sources: that the corpus does not know. Documents that equal or\n"
      "resemble one of the corpus are dropped, the others are added in new shards; none of the corpus moves to\n"
      "another split or goes for a new one, also with clean.leakage: keep_test. Without a corpus it prepares one:\n"
      "every day's command is the same. --remove writes the shards anew that hold the documents, and removes\n"
      "cached features; a new file may bring such a document back. Killed at any moment, both leave the old\n"
      "corpus or the new one, whole.",
      {"broadsheet prepare corpus.yaml", "broadsheet prepare corpus.yaml --append",
       "broadsheet prepare corpus.yaml --remove @withdrawn.txt",
       "srun --nodes=2 --ntasks-per-node=4 broadsheet prepare corpus.yaml",
       "broadsheet prepare corpus.yaml --set split.seed=2 --replace"},
      true,
      true};
}

VerbSpec checkpoint_verb() {
  return {
      "checkpoint",
      "ask a running job to save now",
      {"DIR", 1, 1},
      {{"timeout", "SECONDS", "How long to wait for the checkpoint; 600 unless given.", false}},
      "DIR is the directory of a run that is training, here or on another machine. The job saves after its present\n"
      "step and goes on; this command waits for the checkpoint and prints its folder and step.",
      {"broadsheet checkpoint runs/editorials-sentiment"}};
}

VerbSpec train_verb() {
  return {
      "train",
      "data-parallel fine-tuning on local ranks; resumes by itself",
      {"RUN.yaml", 1, 1},
      {{"ranks", "N", "Short for --set launch.ranks=N. Not allowed inside mpirun or srun.", false},
       {"run-dir", "DIR", "The run's directory; <runs_dir>/<name> unless given.", false},
       {"fresh", "", "Start anew in a directory of its own beside an existing one (<name>-2, ...).", false},
       {"resume", "",
        "Go on although the file changed, where only num_train_epochs, max_steps, validation, checkpoints, launch,\n"
        "slurm or tracking differ.",
        false}},
      "Trains in <runs_dir>/<name>. A directory with a checkpoint is resumed; a finished run says so; a changed file\n"
      "prints the difference and exits 2.\n"
      "\n"
      "Several ranks are started with mpirun, each on cores of its own when there are enough; one rank needs no\n"
      "mpirun. Started by `mpirun` or `srun --mpi=pmix` from outside, each process is one rank.\n"
      "\n"
      "Ctrl-C (or TERM, HUP) saves a checkpoint and exits 75: run the same command again to go on. A second one\n"
      "leaves at once. When a rank fails, every rank ends within seconds and the first failing rank's message is the\n"
      "last thing on the screen.\n"
      "\n"
      "Leaves metrics.jsonl, timings.jsonl, tensorboard/, logs/, checkpoints/, model/ (the best weights, in Hugging\n"
      "Face's layout), results.json and report.html in the run's directory. With --json, results.json is printed with\n"
      "\"run_dir\" added.",
      {"broadsheet train run.yaml --ranks 2", "broadsheet train run.yaml --set train.learning_rate=1e-5 --fresh",
       "mpirun -np 4 broadsheet train run.yaml"},
      true,
      true,
      true,
      true};
}

VerbSpec sweep_verb() {
  return {
      "sweep",
      "many runs: search and early stopping; survives its own death",
      {"SWEEP.yaml", 1, 1},
      {{"on", "PLACE", "Short for --set on=PLACE: local or slurm.", false},
       {"concurrency", "N", "Short for --set concurrency=N: trials at once.", false},
       {"run-dir", "DIR", "The sweep's directory; <runs_dir>/<name> unless given.", false},
       {"fresh", "", "Start anew in a directory of its own beside an existing one (<name>-2, ...).", false},
       {"resume", "",
        "Go on although the file changed, where only trials, concurrency, on, budget, keep_best or max_failures "
        "differ.",
        false},
       {"retrain-best", "",
        "When the sweep is done, train its best configuration on train and validation, in <sweep>/retrained.", false}},
      "Searches the parameters of a run file for the best value of a metric on the validation split, in\n"
      "<runs_dir>/<name>: journal/, trials/<nnnn>/ (a run's directory each), results.json, report.html. Every decision "
      "is\n"
      "on disk before it is acted on: whatever ends this command, the same command goes on, with the same trials.\n"
      "\n"
      "Trials run in workers that stay: processes that train one after the other. They outlive this command, and the\n"
      "next start finds them again. Ctrl-C saves all trials and exits 75; a second one leaves at once.\n"
      "\n"
      "Only the best trials keep their weights (keep_best), and while the sweep lasts the paused ones their "
      "checkpoints.\n"
      "With --dry-run: the first configurations, the rungs, cost and disk; starts nothing. With --json: what `report "
      "DIR\n"
      "--json` prints, when it is done.",
      {"broadsheet sweep sweep.yaml --dry-run", "broadsheet sweep sweep.yaml --concurrency 2",
       "broadsheet sweep sweep.yaml --retrain-best"},
      true,
      true};
}

VerbSpec submit_verb() {
  return {
      "submit",
      "run, corpus and sweep files on Slurm; survives preemption, time limits, node failures",
      {"FILE.yaml", 1, 0},
      {{"after", "ok|any", "Several files: each waits for the one before, to succeed (ok, unless given) or to end.",
        false},
       {"follow", "", "Stay and show the state of the jobs until all are over.", false},
       {"run-dir", "DIR", "The run's or sweep's directory; <runs_dir>/<name> unless given.", false},
       {"fresh", "", "Start anew in a directory of its own beside an existing one.", false},
       {"resume", "", "As of train: go on although the file changed, where that is allowed.", false}},
      "Checks the files as train does, writes the job into <run>/job and gives it to sbatch; prints its id. How it is\n"
      "asked for is the file's section slurm, above the site's own file ($BROADSHEET_SITE or\n"
      "/etc/broadsheet/site.yaml). A corpus file is asked for as the run file beside it, on one node. A\n"
      "sweep file's job drives the sweep, on one node, as its run file asks; with `on: slurm` its trials are jobs of\n"
      "their own. --set is about the run files; where there is none, about the sweep.\n"
      "\n"
      "The job saves and goes back into the queue when it is preempted, told to leave or out of time, goes on with\n"
      "half the micro-batch when it was out of memory and without a node that failed, and stops at what only you can\n"
      "change. What it did and why is in <run>/job/events.jsonl and in `broadsheet logs`.\n"
      "\n"
      "Only a named list of variables travels with the job (slurm.export adds to it); the rest comes from\n"
      "slurm.preamble. See docs/slurm.md.",
      {"broadsheet submit run.yaml --dry-run", "broadsheet submit corpus.yaml run.yaml --follow",
       "broadsheet submit sweep.yaml --set on=slurm"},
      true,
      true};
}

VerbSpec status_verb() {
  return {
      "status",
      "state, step, loss, rate and time left of runs, wherever they run",
      {"DIR", 1, 0},
      {{"watch", "", "Show it again and again until all runs are over.", false},
       {"every", "SECONDS", "--watch: how often the runs' own files are read; 2 unless given.", false},
       {"poll", "SECONDS", "--watch: least time between two questions to Slurm; 30 unless given.", false}},
      "DIR is a run's or a sweep's directory, or a folder in which such lie. One line each: waiting, starting, "
      "running, finished,\n"
      "stopped, failed, cancelled, lost (Slurm does not know its job any more) or unknown (Slurm cannot be reached).\n"
      "What the run has written itself counts first. All jobs are asked for with one squeue.",
      {"broadsheet status runs", "broadsheet status runs/editorials-sentiment --watch"}};
}

VerbSpec logs_verb() {
  return {
      "logs",
      "what a run has said",
      {"DIR", 1, 1},
      {{"rank", "K", "The log of this rank; 0 unless given.", false},
       {"attempt", "N", "Of this attempt alone; all of them unless given.", false},
       {"grep", "TEXT", "Only lines that hold this text.", false},
       {"lines", "N", "Only the last N lines of each file.", false}},
      "Prints the logs of a run, oldest first. Of a submitted run, without --rank and --attempt: what its jobs said.",
      {"broadsheet logs runs/editorials-sentiment --lines 20",
       "broadsheet logs runs/editorials-sentiment --rank 1 --grep warning"}};
}

VerbSpec cancel_verb() {
  return {
      "cancel",
      "end a run, with a checkpoint unless --now",
      {"DIR", 1, 0},
      {{"now", "", "At once, without a checkpoint.", false},
       {"timeout", "SECONDS", "How long to wait for the checkpoint; 600 unless given.", false}},
      "Asks the run to save and leave, on this machine or elsewhere, and waits until it has. A job in the queue is\n"
      "taken out of it. The run stays cancelled, whatever Slurm requeues, until the next train or submit.",
      {"broadsheet cancel runs/editorials-sentiment"}};
}

VerbSpec evaluate_verb() {
  return {
      "evaluate",
      "metrics of a model on one split of a corpus, or two models compared",
      {"MODEL", 1, 2},
      {{"corpus", "DIR", "The prepared corpus; the one the run was trained on unless given.", false},
       {"split", "NAME", kSplitHelp, false},
       {"predictions", "FILE", "Write each document's truth and prediction here, a JSON object a line.", false},
       {"compare", "", "The two arguments are such files; say by how much the second is better.", false},
       {"metric", "NAME", "With --compare: macro_f1, micro_f1, accuracy, loss, mae or mse.", false},
       {"samples", "N", "With --compare: how often texts are drawn; 2000 unless given.", false},
       {"seed", "N", "With --compare: what they are drawn by; 1 unless given.", false},
       {"threads", "N", "Threads to use; all cores unless given.", false}},
      "MODEL is a run's directory, a checkpoint or a Hugging Face folder. With --json:\n"
      "{\"schema\": 1, \"model\", \"corpus\", \"split\", \"task\", \"metrics\": {...}}, and for one class per text\n"
      "\"confusion_matrix\": {\"classes\", \"counts\"}, a row for each true class. The corpus may be another than the\n"
      "model was trained on: classes go by their names, and a text of a class that the model has not learned is\n"
      "refused.\n"
      "\n"
      "A line of --predictions: {\"row\", \"id\" where the corpus has one, \"truth\", and what predict writes}.\n"
      "\n"
      "--compare draws the texts with replacement, many times, and measures both models on the same ones: a paired\n"
      "bootstrap. When the interval of the difference holds 0, chance may explain it. Without --metric: macro_f1,\n"
      "for scores mse. Of texts with several labels accuracy counts those that are all right. With --json:\n"
      "{\"schema\": 1, \"a\", \"b\", \"metric\", \"difference\", \"interval\": [low, high], \"share_b_better\", ...}.",
      {"broadsheet evaluate runs/editorials-sentiment --split test --json",
       "broadsheet evaluate runs/editorials-sentiment --predictions new.jsonl",
       "broadsheet evaluate --compare old.jsonl new.jsonl --metric accuracy"},
      false,
      false,
      true,
      true};
}

VerbSpec predict_verb() {
  return {
      "predict",
      "label, score or text of documents",
      {"MODEL", 1, 1},
      {{"text", "TEXT", "Answer for one text.", false},
       {"text-pair", "TEXT", "Its second text, for tasks on pairs.", false},
       {"input", "FILE", "JSONL with the task's fields; - is standard input.", false},
       {"output", "FILE", "Where to write; standard output unless given.", false},
       {"ranks", "N", "Processes that share the work, with --input FILE and --output FILE; 1 unless given.", false},
       {"threads", "N", "Threads of each process; all cores together unless given.", false}},
      "MODEL is a run's directory, a checkpoint or a Hugging Face folder. Every good line of the input gives one JSON\n"
      "object, in order: the line's `id`, else `line` (its number), and `label` with `probabilities`, or `score`, or "
      "`text`\n"
      "(a generation run's, written greedily; `generate` has more ways). Bad\n"
      "lines go to FILE.rejected.jsonl with their number and the reason (stdin.rejected.jsonl in the working "
      "directory\n"
      "when the input is -). The input is streamed: its size does not matter.\n"
      "\n"
      "From a file to a file the work can be shared: by --ranks N processes, or by the tasks of an srun or mpirun "
      "over\n"
      "several machines. Stopped or killed, the same command goes on from the pieces that are done, which lie in\n"
      "OUTPUT.predicting until the output is whole.\n"
      "\n"
      "With --json, --text prints one object; --input needs --output then, and prints {\"predicted\", \"rejected\"}.",
      {"broadsheet predict runs/editorials-sentiment --text 'Tax plan fails again'",
       "broadsheet predict models/minilm-sentiment --input comments.jsonl --output moods.jsonl"},
      false,
      false,
      true,
      true};
}

VerbSpec keywords_verb() {
  return {
      "keywords",
      "the terms of articles, ranked against a corpus",
      {"CORPUS.yaml", 1, 1},
      {{"text", "TEXT", "One article.", false},
       {"input", "FILE", "JSONL with the corpus's text field; - is standard input.", false},
       {"output", "FILE", "Where to write; standard output unless given.", false},
       {"field", "NAME", "The text field, where the corpus has several.", false},
       {"top", "N", "Terms of each article at the most; 10 unless given.", false}},
      "Ranks what an article says often and the corpus seldom, for search and for advertisements: words, and words\n"
      "that belong together; of Chinese, two to four characters. The corpus must be prepared. It is read once for\n"
      "every 2,000 articles, 200,000 of its documents at the most.\n"
      "\n"
      "Every good line of the input gives one JSON object, in order: the line's `id`, else `line` (its number), and\n"
      "`keywords`, a list of `term`, `score`, `count` (in the article) and `documents` (of the corpus that have it).\n"
      "Bad lines go to FILE.rejected.jsonl as those of predict do. See docs/tagging.md.",
      {"broadsheet keywords corpus.yaml --text 'The council opens the new bridge over the river'",
       "broadsheet keywords corpus.yaml --input articles.jsonl --output keywords.jsonl --top 5"},
      true};
}

VerbSpec generate_verb() {
  return {
      "generate",
      "text from a model",
      {"MODEL", 1, 1},
      {{"prompt", "TEXT", "Write on behind this text, as it stands.", false},
       {"input", "FILE", "JSONL with the fields of the task's template, or with a prompt; - is standard input.", false},
       {"output", "FILE", "Where to write; standard output unless given.", false},
       {"max-new-tokens", "N", "Tokens at the most; the task's own, or 64, unless given.", false},
       {"min-new-tokens", "N", "Tokens before which no text ends; 0 unless given.", false},
       {"num-beams", "N", "Beam search over so many; 1, which is none, unless given.", false},
       {"length-penalty", "X", "Beams: scores are divided by length to this power; 1 unless given.", false},
       {"repetition-penalty", "X", "Above 1: tokens that are there already are less likely; 1 unless given.", false},
       {"temperature", "X", "Draw; below 1 the likely tokens more often; 1 unless given.", false},
       {"top-k", "N", "Draw, from the N most likely tokens; 0, from all, unless given.", false},
       {"top-p", "X", "Draw, from the fewest tokens that have X of the probability; 1 unless given.", false},
       {"seed", "N", "What is drawn by; 1 unless given.", false},
       {"stop", "TEXT", "Texts end before it; repeatable.", true},
       {"threads", "N", "Threads to use; all cores unless given.", false}},
      "MODEL is a run of kind causal_lm or generation, a checkpoint, or a folder of GPT-2. Without --temperature, "
      "--top-k\n"
      "and --top-p the most likely token is taken, or the best of the beams. The same command writes the same texts; "
      "what\n"
      "is drawn for a line depends on the seed and its number.\n"
      "\n"
      "Every good line of the input gives one JSON object, in order: the line's `id`, else `line` (its number), "
      "`text`,\n"
      "`tokens` (how many) and `finished`: end, stop or length. A line has the fields that the template of a "
      "generation\n"
      "run names, or `prompt`, a whole prompt. Bad lines, and prompts that leave the model no position, go to\n"
      "FILE.rejected.jsonl as those of predict do.\n"
      "\n"
      "With --json, --prompt prints one object; --input needs --output then, and prints {\"predicted\", "
      "\"rejected\"}.",
      {"broadsheet generate runs/headlines --input briefs.jsonl --output headlines.jsonl --num-beams 4",
       "broadsheet generate models/gpt2 --prompt 'The council' --top-p 0.9 --stop '.'"},
      false,
      false,
      true,
      true};
}

std::vector<VerbSpec> make_verbs() {
  return {
      init_verb(),
      tokenizer_verb(),
      prepare_verb(),
      {"inspect",
       "counts, lengths, labels, samples, leakage between splits",
       {"CORPUS", 1, 1},
       {{"samples", "N", "How many documents of each split to show; 3 unless given.", false}},
       "Describes a prepared corpus without changing it.",
       {"broadsheet inspect corpora/editorials"}},
      {"check",
       "every fault of a file at once, the resolved configuration, the plan",
       {"FILE.yaml", 1, 1},
       {},
       "Reads a run.yaml, corpus.yaml or sweep.yaml, prints every fault with file, line and column, or else the\n"
       "resolved configuration with the origin of each value and the derived numbers. Starts nothing, writes nothing.",
       {"broadsheet check run.yaml", "broadsheet check run.yaml --set train.global_batch_size=64"},
       true},
      train_verb(),
      sweep_verb(),
      submit_verb(),
      status_verb(),
      logs_verb(),
      cancel_verb(),
      checkpoint_verb(),
      evaluate_verb(),
      predict_verb(),
      generate_verb(),
      keywords_verb(),
      later("embed", "texts as vectors"),
      later("recommend", "items for readers"),
      {"report",
       "one self-contained HTML page with plots of a run or a sweep",
       {"DIR", 1, 0},
       {{"output", "FILE", "Where to write; DIR/report.html unless given.", false},
        {"csv", "", "Of a sweep: its trials as CSV on stdout, a column per parameter.", false}},
       "Writes a page with the curves, the results before and after, and the configuration. It needs no network and "
       "no\n"
       "other file. With --json, prints {\"reports\": [files]}. Of a sweep: best value so far, parameters and their\n"
       "importance, rungs, cost, all trials; --json prints {\"trials\": [{\"number\", \"parameters\", \"state\", "
       "\"steps\",\n"
       "\"value\"}], \"best\": n, ...}.",
       {"broadsheet report runs/editorials-sentiment", "broadsheet report runs/editorials-search --csv"}},
      {"export",
       "a folder that transformers loads unchanged",
       {"DIR", 1, 1},
       {{"out", "DIR", "The folder to write; it must not exist.", false},
        {"best", "", "DIR is a sweep's directory: its best trial.", false},
        {"merge-adapters", "", "DIR holds an adapter: write its base with the adapter merged into it.", false}},
       "DIR is a run's directory, a checkpoint or a Hugging Face folder. Writes config.json, model.safetensors and "
       "the\n"
       "tokenizer's files. Of an adapter it writes a folder that peft loads, or with --merge-adapters a whole model.",
       {"broadsheet export runs/editorials-sentiment --out models/sentiment",
        "broadsheet export runs/editorials-search --best --out models/best",
        "broadsheet export runs/editorials-lora --merge-adapters --out models/merged"},
       false,
       true},
      later("serve", "a model behind HTTP"),
      {"verify",
       "checksums of a corpus, of checkpoints or of a run",
       {"DIR", 1, 0},
       {},
       "Reads every byte and compares with the recorded sizes and SHA-256 sums. Exit 2 when something is damaged.",
       {"broadsheet verify corpora/editorials", "broadsheet verify runs/editorials-sentiment"}},
      {"doctor",
       "what this machine and site have",
       {"", 0, 0},
       {{"site", "", "Also start jobs of two ranks on two nodes, some seconds each.", false},
        {"bundle", "DIR", "Pack the run in DIR for a support ticket: broadsheet-<name>-support.tar.gz here.", false}},
       "LibTorch, MPI, HDF5, Slurm, cores, memory and file locks, with a remedy for what is missing; two ranks of\n"
       "mpirun really say hello. Where there is Slurm: its version, limits, partitions, PMIx, and what its settings "
       "mean\n"
       "for a run. With --site: srun and mpirun over two nodes, the nodes' clocks, interfaces and MPI transports, and\n"
       "whether files and locks in the working directory reach from one to the other. Exit 2 when something is "
       "missing\n"
       "without which training cannot start.\n"
       "\n"
       "A bundle holds configuration, versions, the last lines of logs and Slurm's view; no texts, and what looks like "
       "a\n"
       "secret is removed.",
       {"broadsheet doctor --json", "broadsheet doctor --site",
        "broadsheet doctor --bundle runs/editorials-sentiment"}},
      {"schema",
       "the JSON schema of a file, for editors",
       {"KIND", 1, 1},
       {},
       "KIND is run, corpus or sweep. Prints a JSON schema (draft 7).",
       {"broadsheet schema run > run.schema.json"}},
  };
}

std::string indented(const std::string& text, const std::string& indent) {
  std::string result;
  for (const std::string& line : split(text, '\n')) result += (line.empty() ? "" : indent + line) + "\n";
  return result;
}

std::string usage(const VerbSpec& verb) {
  std::string line = "broadsheet " + verb.name;
  const PositionalSpec& positional = verb.positional;
  if (!positional.name.empty()) line += " " + positional.name + (positional.most == 0 ? "..." : "");
  return line + " [options]";
}

std::string option_head(const OptionSpec& option) {
  return "--" + option.name + (option.value.empty() ? "" : " " + option.value);
}

struct ExitCodeLine {
  const char* code;
  const char* meaning;
};
const ExitCodeLine kExitCodes[] = {
    {"0", "done"},
    {"1", "the run failed; a retry may help"},
    {"2", "you must change something: usage, configuration, data, model files"},
    {"70", "a bug of ours"},
    {"75", "stopped early with a good checkpoint: run the same command again"},
    {"124", "the watchdog ended a hang"},
    {"128+n", "ended by signal n"},
};

}  // namespace

const std::vector<VerbSpec>& verbs() {
  static const std::vector<VerbSpec> table = make_verbs();
  return table;
}

const VerbSpec* find_verb(std::string_view name) {
  const auto found =
      std::find_if(verbs().begin(), verbs().end(), [&](const VerbSpec& verb) { return verb.name == name; });
  return found == verbs().end() ? nullptr : &*found;
}

std::vector<OptionSpec> all_options(const VerbSpec& verb) {
  std::vector<OptionSpec> options = verb.options;
  if (verb.takes_set)
    options.push_back({"set", "KEY=VALUE", "Edit the file's tree before it is read; repeatable.", true});
  if (verb.takes_dry_run)
    options.push_back({"dry-run", "", "Print the plan and what would be written; touch nothing.", false});
  options.push_back({"json", "", "Print exactly one JSON value on stdout.", false});
  options.push_back({"help", "", "Print this page.", false});
  return options;
}

std::string main_help() {
  std::string text =
      "Broadsheet fine-tunes language models on a media company's own text.\n"
      "\n"
      "usage: broadsheet VERB [arguments] [options]\n\n";
  std::string absent;
  for (const VerbSpec& verb : verbs()) {
    if (verb.built) {
      text += "  " + verb.name + std::string(10 - verb.name.size(), ' ') + verb.summary + "\n";
    } else {
      absent += (absent.empty() ? "" : ", ") + verb.name;
    }
  }
  text += "\n  broadsheet VERB --help    the verb's page\n  broadsheet --version\n\nNot in this version: " + absent +
          ".\n\nExit codes:\n";
  for (const ExitCodeLine& line : kExitCodes) {
    text += "  " + std::string(line.code) + std::string(7 - std::string(line.code).size(), ' ') + line.meaning + "\n";
  }
  return text;
}

std::string verb_help(const VerbSpec& verb) {
  if (!verb.built) return "broadsheet " + verb.name + ": " + verb.summary + "\n\nNot in this version.\n";
  std::string text = "broadsheet " + verb.name + ": " + verb.summary + "\n\nusage: " + usage(verb) + "\n\n" +
                     verb.text + "\n\noptions:\n";
  for (const OptionSpec& option : all_options(verb)) {
    text += "  " + option_head(option) + "\n" + indented(option.help, "      ");
  }
  text += "\nexamples:\n";
  for (const std::string& example : verb.examples) text += "  " + example + "\n";
  return text;
}

std::string cli_reference() {
  std::string text =
      "# The command line\n"
      "\n"
      "Made from the program's own tables (`launcher/verbs.cpp`); a test keeps this page equal to them.\n"
      "\n"
      "Results go to stdout, logs to stderr. Option names are exact. With `--json` stdout holds exactly one JSON "
      "value; on\n"
      "failure it is `{\"error\": {\"code\", \"message\", \"file\", \"line\", \"column\", \"key\"}}`. Paths in a file "
      "are\n"
      "relative to the file, paths in arguments and `--set` to the working directory.\n"
      "\n"
      "## Exit codes\n"
      "\n"
      "| code | meaning |\n|---|---|\n";
  for (const ExitCodeLine& line : kExitCodes) text += cat("| ", line.code, " | ", line.meaning, " |\n");
  for (const VerbSpec& verb : verbs()) {
    if (verb.built) text += "\n## " + verb.name + "\n\n```\n" + verb_help(verb) + "```\n";
  }
  text += "\n## Not in this version\n\n";
  for (const VerbSpec& verb : verbs()) {
    if (!verb.built) text += "- `" + verb.name + "`: " + verb.summary + "\n";
  }
  return text;
}

}  // namespace broadsheet
