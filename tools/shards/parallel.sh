# parallel.sh SUITE.json N FOLDER - runs N shards at once on this machine, and merges them into FOLDER/suite.json
#
# GNU parallel where it is installed, else xargs. PLUMB says which program (default build/plumb).
set -eu
suite=$1 shards=$2 folder=$3
plumb=${PLUMB:-build/plumb}
mkdir -p "$folder"
rm -f "$folder"/shard-*.json

# A shard's exit status is 1 where a dump fails; the merge says so in the end.
run='"$0" suite "$1" --shard "$2/$3" --json "$4/shard-$2.json" > /dev/null || [ $? -eq 1 ]'
if command -v parallel > /dev/null; then
    seq "$shards" |
        parallel --will-cite -j "$shards" --halt now,fail=1 sh -c "'$run'" "$plumb" "$suite" {} "$shards" "$folder"
else
    seq "$shards" | xargs -P "$shards" -I{} sh -c "$run" "$plumb" "$suite" {} "$shards" "$folder"
fi
"$plumb" merge "$folder"/shard-*.json --json "$folder/suite.json"
