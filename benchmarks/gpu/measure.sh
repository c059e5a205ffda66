#!/usr/bin/env bash
# All that a GPU has to show, in one go: the tests, the same under compute-sanitizer, the benchmarks, and torchattacks where
# python3 has it.
#
#     benchmarks/gpu/measure.sh RESULTS [OPTION ...]
#
# RESULTS is a folder, which gets the benchmarks' JSON and a log of each step; options go to CMake's configure step. What
# fails does not keep the rest from running; the last lines say how each step ended, and the exit code is 1 where one failed.
set -uo pipefail
results=${1:?usage: benchmarks/gpu/measure.sh RESULTS [OPTION ...]}
shift
mkdir -p "$results" || exit
results=$(cd "$results" && pwd)
cd "$(dirname "$0")/../.." || exit

ended=()
failed=0
step() {
  local name=$1 status=0
  shift
  echo "== $name"
  "$@" >"$results/$name.log" 2>&1 || status=$?
  tail -n 30 "$results/$name.log"
  ended+=("$name: $([[ $status == 0 ]] && echo passed || echo "failed ($status), see $name.log")")
  [[ $status == 0 ]] || failed=1
  return "$status"
}

finish() {
  printf '%s\n' "${ended[@]}" | tee "$results/summary.txt"
  exit "$failed"
}

nvidia-smi | tee "$results/device.txt"
{ step configure cmake --preset gpu "$@" && step build cmake --build --preset gpu-test; } || finish
step test ctest --preset gpu-test
# LibTorch's allocator would hide who reads beyond a tensor: it asks CUDA for large blocks and deals them out itself.
for tool in memcheck racecheck initcheck; do
  for test in step random; do
    step "${tool}_$test" env PYTORCH_NO_CUDA_MEMORY_CACHING=1 compute-sanitizer --tool "$tool" --error-exitcode 1 \
      --kernel-regex kns=redoubt "build/gpu/bin/gpu_${test}_test" --test-case-exclude='*many large*'
  done
done
step bench cmake --build --preset gpu-bench && cp build/gpu/benchmarks/*.json "$results/"
if python3 -c 'import torchattacks' 2>/dev/null; then
  step torchattacks python3 benchmarks/peers/attack_torchattacks.py cuda
fi
finish
