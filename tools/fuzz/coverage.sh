# coverage.sh BUILD FUZZED TARGET.. - lines that each target's corpus in FUZZED reaches of what it is for; and of those
# files of which it reaches less than 90 %, the lines that all of these targets reach together
build=${1:?} fuzzed=${2:?}
shift 2

ln -sfn "$PWD/$fuzzed/seeds" "$build/seeds"
files_of() {
    case $1 in
    safetensors) echo ref/checkpoint/safetensors.c ;;
    gguf) echo ref/checkpoint/gguf.c ref/checkpoint/gguf_types.c ;;
    npy) echo conformance/dump/npy.c ;;
    npz) echo conformance/dump/dump.c ;;
    index) echo ref/checkpoint/checkpoint.c ref/checkpoint/json_load.c ;;
    names) echo conformance/names/rule_list.c conformance/names/name_rule.c conformance/names/name_pattern.c \
        conformance/names/layout_step.c conformance/names/layout_apply.c conformance/names/name_map.c ;;
    case) echo conformance/pictures/case_pictures.c ;;
    config) echo ref/checkpoint/config.c ref/gemma4/text_configuration.c ref/image/processor_settings.c \
        ref/audio/feature_extractor_settings.c ;;
    quantised) echo ref/checkpoint/quantization_config.c ref/checkpoint/compressed_*.c ref/checkpoint/gptq.c \
        ref/checkpoint/bitsandbytes.c ref/checkpoint/modelopt.c ref/checkpoint/mlx.c ref/checkpoint/torchao.c \
        ref/checkpoint/executorch.c ref/checkpoint/module_parts.c ref/checkpoint/code_grid.c \
        ref/checkpoint/input_codes.c ;;
    report) echo tools/command/plumb_report.c tools/report/*.c ;;
    shard) echo tools/command/shard_report.c tools/command/suite_report.c conformance/report/report_shards.c \
        conformance/report/shard_fields.c ;;
    submission) echo conformance/submission/*.c ;;
    judge) echo conformance/lockstep/*.c conformance/noise/*.c conformance/explain/*.c ;;
    diagnosis) echo conformance/diagnose/*.c ;;
    png) echo ref/image/png.c ref/image/png_chunk.c ref/image/orientation.c ref/image/convert_to_rgb.c ;;
    wav) echo ref/audio/wav.c ref/audio/riff.c ;;
    esac
}
percent() { # TARGET FILE LLVM-COV'S ARGUMENT..: a line; it says no more than 89 % of what is below 90 %
    named=$1 of=$2
    shift 2
    llvm-cov export -summary-only "$@" "$of" | python3 -c 'import json, sys
lines = json.load(sys.stdin)["data"][0]["totals"]["lines"]
share = 100 * lines["covered"] // lines["count"]
print("%-12s %-44s %4d of %4d lines, %3d %%" % (*sys.argv[1:], lines["covered"], lines["count"], share))' "$named" "$of"
}
: > "$build/lines"
for target; do
    LLVM_PROFILE_FILE=$build/$target.profraw "$build/fuzz-$target" -runs=0 "$fuzzed/corpus/$target" \
        "$fuzzed/seeds/$target" > "$build/$target.log" 2>&1 || { tail -3 "$build/$target.log"; exit 1; }
    llvm-profdata merge -o "$build/$target.profdata" "$build/$target.profraw"
    for file in $(files_of "$target"); do
        percent "$target" "$file" -instr-profile "$build/$target.profdata" "$build/fuzz-$target"
    done | tee -a "$build/lines"
done
llvm-profdata merge -o "$build/all.profdata" $(for target; do echo "$build/$target.profdata"; done)
programs="$build/fuzz-$1"
shift
for target; do programs="$programs -object $build/fuzz-$target"; done
for file in $(awk '$(NF - 1) < 90 { print $2 }' "$build/lines" | sort -u); do
    percent together "$file" -instr-profile "$build/all.profdata" $programs
done
