#!/bin/sh
# Makes the weights of uni-sign-mini under runs/: five stages, each begins with the weights of the one before.
set -e
slbench train --model uni-sign-mini --task fingerspelling-islr \
    --output runs/letters --set config.ctc_only=true --set recipe.epochs=6 --set recipe.clip_norm=1.0
slbench train --model uni-sign-mini --task fingerspelling-islr --task fingerspelling-cslr \
    --output runs/words --init runs/letters/last.toml --set config.ctc_only=true --set recipe.epochs=5 --set recipe.clip_norm=1.0
slbench train --model uni-sign-mini --task fingerspelling-cslr \
    --output runs/text --init runs/words/last.toml --set recipe.epochs=6
slbench train --model uni-sign-mini --task fingerspelling-islr --task fingerspelling-cslr --task fingerspelling-slt \
    --output runs/all --init runs/text/last.toml
slbench train --model uni-sign-mini --task fingerspelling-islr --task fingerspelling-cslr --task fingerspelling-slt \
    --output runs/mini --init runs/all/last.toml --set recipe.epochs=3 --set recipe.learning_rate=1e-3 --set recipe.warmup_epochs=0
