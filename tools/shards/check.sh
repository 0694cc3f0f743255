# check.sh PLUMB FOLDER - each recipe of docs/shards.md on a small suite: its report is that of one run, byte for byte
set -eu
PLUMB=$1 folder=$2
export PLUMB
rm -rf "$folder"
mkdir -p "$folder/ctest"
folder=$(cd "$folder" && pwd)
suite=$folder/small.json
cat > "$suite" << 'END'
{"groups": [{"cases": ["fixtures/e2b-vision", "fixtures/e2b-text"],
             "dumps": ["{case}/dumps/honest-bf16-eager.safetensors", "{case}/expected.safetensors"]}]}
END
"$PLUMB" suite "$suite" --json "$folder/whole.json" > /dev/null

same() {
    cmp "$folder/whole.json" "$1/suite.json"
    echo "check-shards: $2: the same bytes"
}

sh tools/shards/parallel.sh "$suite" 3 "$folder/parallel" > /dev/null
if command -v parallel > /dev/null; then at_once='GNU parallel'; else at_once='xargs, for want of GNU parallel'; fi
same "$folder/parallel" "$at_once"

if command -v ctest > /dev/null && ctest --version > /dev/null 2>&1; then
    cp tools/shards/CTestTestfile.cmake "$folder/ctest"
    root=$PWD
    (cd "$folder/ctest" && SUITE=$suite SHARDS=3 ROOT=$root ctest -j3 --output-on-failure > ctest.log) ||
        { cat "$folder/ctest/ctest.log" >&2; exit 1; }
    same "$folder/ctest" CTest
else
    echo 'check-shards: CTest: not tried, because there is none here'
fi

if sh tools/shards/slurm.sh "$suite" 3 "$folder/slurm" > "$folder/slurm.log" 2>&1; then
    same "$folder/slurm" Slurm
elif [ $? -eq 77 ]; then
    echo 'check-shards: Slurm: not tried, because there is none here'
else
    cat "$folder/slurm.log" >&2
    exit 1
fi
