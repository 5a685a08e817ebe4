#!/usr/bin/env bash
# Makes every shipped profile again, from the tables beside this file: bash reports/latency/make.sh [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-archcost/devices}
mkdir -p "$folder"

profile() { # name, description, the rest of the command
  local name=$1 description=$2
  shift 2
  archcost calibrate --name "$name" --description "$description" "$@" -o "$folder/$name.yaml"
}

tables=reports/latency
profile pixel1-cpu "Google Pixel 1, one large core, TensorFlow Lite" --from $tables/pixel1.csv
profile pixel3-cpu "Google Pixel 3, CPU with 4 threads, TensorFlow Lite" \
  --from $tables/pixel3.csv --where processor="CPU, 4 threads"
profile pixel3-gpu "Google Pixel 3, GPU, TensorFlow Lite" --from $tables/pixel3.csv --where processor=GPU
profile pixel3-nnapi "Google Pixel 3, NNAPI, TensorFlow Lite" --from $tables/pixel3.csv --where processor=NNAPI
profile rk3399-tflite "Firefly RK3399, CPU, TensorFlow Lite" \
  --from $tables/rk3399.csv --where runtime="TFLite v1.15.0-rc2"
profile rk3399-armnn-neon "Firefly RK3399, CPU, ArmNN" --from $tables/rk3399.csv --where runtime="ArmNN v19.08 (Neon)"
profile rk3399-armnn-opencl "Firefly RK3399, Mali-T860 GPU, ArmNN" \
  --from $tables/rk3399.csv --where runtime="ArmNN v19.08 (OpenCL)"
profile intel-i9-10940x "Intel Core i9-10940X, torch.compile" --from $tables/intel-i9-10940x.csv
profile nvidia-rtx3090 "NVIDIA GeForce RTX 3090, PyTorch, automatic mixed precision, large batches" \
  --from $tables/nvidia-rtx3090.csv
for gpu in v100:V100-PCIE-32GB t4:T4 p100:P100-PCIE-16GB; do
  profile nvidia-${gpu%%:*} "NVIDIA Tesla ${gpu##*:}, single cuDNN convolutions" \
    --from-layers $tables/nvidia-${gpu%%:*}.csv
done
for gpu in nvidia-a100 nvidia-h100 nvidia-h200 nvidia-rtx4090 nvidia-l4 nvidia-jetson-agx-orin; do
  archcost calibrate --name $gpu --datasheet $tables/datasheets.csv -o "$folder/$gpu.yaml"
done
