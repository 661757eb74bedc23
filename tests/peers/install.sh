#!/usr/bin/env bash
# Installs PyTorch and Hugging Face PEFT into a private folder, where circbench's backend pytorch finds them.
#   tests/peers/install.sh            into $CIRCBENCH_PEERS, or ${XDG_DATA_HOME:-~/.local/share}/circbench/peers
#   tests/peers/install.sh --remove   removes the folder
# Nothing is installed system-wide. Safe to run again: what is there is kept, what is missing comes.
set -euo pipefail

folder=${CIRCBENCH_PEERS:-${XDG_DATA_HOME:-$HOME/.local/share}/circbench/peers}
python=$folder/bin/python3
cpu_wheels=https://download.pytorch.org/whl/cpu # PyTorch's own index: 0.2 GB to fetch

die() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }
pip() { "$python" -m pip --disable-pip-version-check "$@"; }
has() { "$python" -I -c "import $1" 2>/dev/null; }

case "${1:-}" in
  '') ;;
  --remove) [ -x "$python" ] || die "$folder holds no such installation"; rm -rf "$folder"; exit ;;
  -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit ;;
  *) die "unknown word '$1': no word, or --remove" ;;
esac

if [ ! -x "$python" ] || ! "$python" -m pip --version >/dev/null 2>&1; then
  mkdir -p "$folder"
  python3 -m venv "$folder" || die "python3 cannot make a virtual environment: apt install python3-venv"
fi
if ! has torch; then
  pip install --quiet --retries 0 --timeout 20 --index-url "$cpu_wheels" torch 2>/dev/null || {
    # the general index has one wheel for all processors, with CUDA's libraries: slower to come, no slower on a CPU
    printf 'PyTorch'\''s index of CPU wheels cannot be reached: taking the general wheel, about 3 GB, 6 GB on disk\n' >&2
    pip install --quiet torch || die "PyTorch cannot be fetched: is there a network, and does pip's index have torch?"
  }
fi
has numpy || pip install --quiet numpy || die "numpy cannot be fetched: is there a network?"
has peft || pip install --quiet peft || die "PEFT cannot be fetched: variant c3a stays absent, the others work"
"$python" -I -c 'import peft, torch; print(f"PyTorch {torch.__version__}, PEFT {peft.__version__}")'
printf 'in %s\n' "$folder"
