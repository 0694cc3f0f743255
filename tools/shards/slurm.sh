# slurm.sh SUITE.json N FOLDER - runs N shards as an array of Slurm jobs, waits for them, and merges them
#
# FOLDER and this one must be on a disk that all nodes see. Says so, and ends with 77, where there is no Slurm.
set -eu
suite=$1 shards=$2 folder=$3
plumb=${PLUMB:-build/plumb}
if ! command -v sbatch > /dev/null || ! sinfo -h > /dev/null 2>&1; then
    echo "slurm.sh: found no Slurm that answers (sbatch, sinfo), expected one" >&2
    exit 77
fi
mkdir -p "$folder"
rm -f "$folder"/shard-*.json
sbatch --quiet --wait --array="1-$shards" --output="$folder/%a.log" --wrap \
    "'$plumb' suite '$suite' --shard \$SLURM_ARRAY_TASK_ID/$shards \
     --json '$folder'/shard-\$SLURM_ARRAY_TASK_ID.json || [ \$? -eq 1 ]"
"$plumb" merge "$folder"/shard-*.json --json "$folder/suite.json"
