# Trains every baseline on the fingerspelling tasks under runs/ and runs it into results/ of the folder where it is started.
# Start it again after a stop: what is done is skipped, what was begun goes on.
#   sh docs/train-baselines.sh                     all of them, one after another
#   sh docs/train-baselines.sh st-gcn spoter       these alone; two such commands may share the work on two cores
# runs/minutes.tsv has a line a command: its name, its seconds, and `done`, or `stopped` where it did not get to its end.
set -e
trap : INT
mkdir -p runs
log=runs/minutes.tsv
touch "$log"
wanted=" $* "

timed() { # NAME COMMAND...
    name=$1
    shift
    if grep -q "^$name	[0-9]*	done\$" "$log"; then return; fi
    begun=$(date +%s)
    how=done
    "$@" || how=stopped
    printf '%s\t%s\t%s\n' "$name" $(($(date +%s) - begun)) $how >> "$log"
    [ $how = done ]
}

chosen() { # MODEL: whether it is to be trained now
    [ "$wanted" = "  " ] || case "$wanted" in *" $1 "*) ;; *) return 1 ;; esac
}

train() { # MODEL FOLDER SEED TASK...
    model=$1 folder=$2 seed=$3 tasks=
    shift 3
    for task; do tasks="$tasks --task $task"; done
    timed "train $folder" slbench train --model $model $tasks --output runs/$folder --seed $seed --device cpu --resume
}

run() { # FOLDER TASK SEED SPLIT...
    folder=$1 task=$2 seed=$3
    shift 3
    for split; do
        timed "run $folder $task $split $seed" \
            slbench run --model runs/$folder/best.toml --task $task --split $split --seed $seed --device cpu
    done
}

for model in majority random-train knn-dtw logreg-hands; do
    chosen $model || continue
    train $model $model-islr 0 fingerspelling-islr
    run $model-islr fingerspelling-islr 0 test
    [ $model != random-train ] || for seed in 1 2; do run $model-islr fingerspelling-islr $seed test; done
done
for model in st-gcn pose-tgcn spoter; do
    chosen $model || continue
    for seed in 0 1 2; do
        train $model $model-islr-$seed $seed fingerspelling-islr
        run $model-islr-$seed fingerspelling-islr 0 test
    done
done
for model in majority random-train knn-dtw bilstm-ctc cosign-ctc; do
    chosen $model || continue
    train $model $model-cslr 0 fingerspelling-cslr
    run $model-cslr fingerspelling-cslr 0 test test-unseen
done
for model in majority random-train knn-dtw pose-t5; do
    chosen $model || continue
    train $model $model-slt 0 fingerspelling-slt
    run $model-slt fingerspelling-slt 0 test test-unseen
done
if chosen sign-transformer; then
    train sign-transformer sign-transformer 0 fingerspelling-slt fingerspelling-cslr
    run sign-transformer fingerspelling-cslr 0 test test-unseen
    run sign-transformer fingerspelling-slt 0 test test-unseen
fi
