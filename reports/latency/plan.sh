#!/usr/bin/env bash
# The fixed plan for a GPU at hand: everything goes into one store, so that a run broken off goes on where it stopped.
#   bash reports/latency/plan.sh NAME STORE [DEVICE]      such as: nvidia-h200 h200.db cuda
# Then: archcost measurements export --store STORE -o reports/latency/NAME.csv
# `python3` needs torch, numpy, networkx, pyyaml, click and rich, but not archcost itself; on a cpu this is a rehearsal, at batch 1.
set -euo pipefail
cd "$(dirname "$0")/../.."
name=$1 store=$2 device=${3:-cuda}
archcost() { python3 -m archcost "$@"; }
modes=graph,eager dtypes=float32,tf32,float16,bfloat16 plain=float32,float16,bfloat16 batches=1,32,256 large=32
if [ "$device" = cpu ]; then # a rehearsal
  modes=eager dtypes=float32 plain=float32 batches=1 large=1
fi

# The layers and networks that the profile is fitted to.
archcost calibrate --name "$name" --device "$device" --dtype $dtypes --store "$store" -o "$name.yaml"

# MobileNetV1 over width and resolution; TF32 is a choice of float32 alone.
grid=(--alpha 0.25:1:0.25 --resolution 128:224:32 --batch $batches --mode $modes)
archcost measure mobilenetv1 "${grid[@]}" --dtype $plain --device "$device" --store "$store" -o /dev/null
archcost measure mobilenetv1 "${grid[@]}" --tf32 --device "$device" --store "$store" -o /dev/null

# The networks whose times Keras publishes for an A100, at the batch that it names.
for spec in xception vgg16 vgg19 resnet50 resnet101 inceptionv3 mobilenetv1; do
  for tf32 in --tf32 --no-tf32; do
    archcost measure $spec --batch $large --mode $modes $tf32 --device "$device" --store "$store" -o /dev/null
  done
done
